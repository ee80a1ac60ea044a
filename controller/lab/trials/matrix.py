"""The matrix: every host with every application by real connections, against what the policy says.

Permitted pairs are tried all at once. Denied ones go in rounds, so that in one round each filter denies one attempt at
most: then its counter tells whether it was that filter. Last, with the filters off, each denied pair must connect:
otherwise a dead service or a missing route would pass for a filter.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

from controller.lab.state import paths, undo_log
from controller.lab.state.processes import wait_until
from controller.lab.trials.connection_attempts import ConnectionAttempt, attempt_connection
from controller.lab.trials.deny_counters import FilteringSwitches, Lane
from controller.lab.trials.matrix_pairs import MatrixPair, list_matrix_pairs, list_untested_applications
from controller.lab.trials.matrix_results import MatrixResult, PairResult, judge_denied_pair, judge_permitted_pair
from controller.model.virtual_city import VirtualCity

Progress = Callable[[str], None]

OPEN_SECONDS = 3.5
"""For what must connect: long enough for TCP to try three times (at 0, 1 and 3 s) on a busy machine."""
DENIED_SECONDS = 0.5
"""For what must not: shorter than TCP's first repetition (1 s), so that one attempt is one packet."""
SETTLE_SECONDS = 3.0
"""How long after a change what must connect is tried again: addresses, neighbours and MAC tables need a moment.

Shorter than a try that nobody answers, so that such a one is tried once more.
"""
_COUNTED_SECONDS = 1.5
_AT_ONCE = 48


def try_matrix(  # noqa: PLR0913 what is tried, and where
    city: VirtualCity,
    schools: Iterable[str] = (),
    *,
    control: bool = True,
    denied: bool = True,
    settle: float = 0.0,
    choose: Callable[[Sequence[MatrixPair]], Sequence[MatrixPair]] = lambda pairs: pairs,
    progress: Progress = lambda _: None,
    state: Path = paths.STATE,
) -> MatrixResult:
    """Try every pair of these schools (none named: of all) in the lab that is up.

    Without `denied` only the pairs that must connect are tried, which takes a second or two; without `control` denied
    pairs are not tried again with the filters off. `settle`: for how many seconds what must connect and does not is
    tried again; what must not connect never has a second try. `choose` takes a sample of all.

    Raises:
        LabError: no lab is up, it was built from another city, a school is not in it, or a switch does not answer.
    """
    layout = undo_log.read_active_record(state).layout
    chosen = tuple(layout.school(name).id for name in schools) or tuple(school.id for school in layout.schools)
    began = time.monotonic()
    with paths.hold_lock(state, "measure the matrix"), ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        switches = FilteringSwitches(layout.schools, state, pool)
        switches.close()
        tried = choose([pair for pair in list_matrix_pairs(city, layout, chosen) if denied or pair.permitted])
        results = _Measurement(city, switches, pool, progress, settle).results(tried, control=control and denied)
    return MatrixResult(
        with_control=control and denied,
        results=tuple(results),
        untested=list_untested_applications(city),
        seconds=round(time.monotonic() - began, 2),
    )


class _Measurement:
    def __init__(
        self,
        city: VirtualCity,
        switches: FilteringSwitches,
        pool: ThreadPoolExecutor,
        progress: Progress,
        settle: float,
    ) -> None:
        self._city = city
        self._switches = switches
        self._pool = pool
        self._progress = progress
        self._settle = settle

    def results(self, tried: Sequence[MatrixPair], *, control: bool) -> list[PairResult]:
        open_pairs = [pair for pair in tried if pair.permitted]
        closed_pairs = [pair for pair in tried if not pair.permitted]
        self._progress(f"{len(open_pairs)} pairs that must connect")
        judged = {
            pair: judge_permitted_pair(pair, connected=seen.answered, detail=seen.detail)
            for pair, seen in self._open(open_pairs).items()
        }
        seen = self._denied(closed_pairs) if closed_pairs else {}
        controlled = self._control(closed_pairs) if control else {}
        for pair, (outcome, counted) in seen.items():
            check = controlled.get(pair)
            judged[pair] = judge_denied_pair(
                pair,
                connected=outcome.connected,
                counted=counted,
                control=check.answered if check else None,
                detail=f"filters off: {check.detail}" if check and check.detail else outcome.detail,
            )
        return [judged[pair] for pair in tried]

    def _open(self, open_pairs: Sequence[MatrixPair]) -> dict[MatrixPair, ConnectionAttempt]:
        """What came of the last try of each pair."""
        seen = dict(self._attempts(open_pairs, OPEN_SECONDS))

        def all_answer() -> bool:
            silent = [pair for pair in open_pairs if not seen[pair].answered]
            seen.update(self._attempts(silent, OPEN_SECONDS))
            return all(seen[pair].answered for pair in silent)

        if self._settle and not all(one.answered for one in seen.values()):
            wait_until(all_answer, self._settle)
        return seen

    def _denied(self, closed_pairs: Sequence[MatrixPair]) -> dict[MatrixPair, tuple[ConnectionAttempt, bool]]:
        """Each pair's attempt, and whether its filter's counter rose in it."""
        rounds = self._rounds(closed_pairs)
        seen: dict[MatrixPair, tuple[ConnectionAttempt, bool]] = {}
        self._switches.settle()
        before = self._switches.denied()
        self._progress(f"{len(closed_pairs)} pairs that must not connect, in {len(rounds)} rounds")
        for one_round in rounds:
            attempts = dict(self._attempts(one_round, DENIED_SECONDS))
            silent = {self._lane(pair) for pair, outcome in attempts.items() if not outcome.connected}
            after = self._counters_after(before, silent)
            for pair, outcome in attempts.items():
                lane = self._lane(pair)
                seen[pair] = (outcome, after[lane] > before[lane])
            before = after
        return seen

    def _counters_after(self, before: Counter[Lane], silent: set[Lane]) -> Counter[Lane]:
        after = before

        def all_counted() -> bool:
            nonlocal after
            after = self._switches.denied()
            return all(after[lane] > before[lane] for lane in silent)

        wait_until(all_counted, _COUNTED_SECONDS)
        return after

    def _rounds(self, closed_pairs: Sequence[MatrixPair]) -> list[list[MatrixPair]]:
        queues: dict[Lane, list[MatrixPair]] = {}
        for pair in closed_pairs:
            queues.setdefault(self._lane(pair), []).append(pair)
        return [[pair for pair in one if pair is not None] for one in zip_longest(*queues.values())]

    def _control(self, closed_pairs: Sequence[MatrixPair]) -> dict[MatrixPair, ConnectionAttempt]:
        self._progress(f"{len(closed_pairs)} pairs again, with the filters off")
        with self._switches.open():
            return dict(self._attempts(closed_pairs, OPEN_SECONDS))

    def _attempts(self, tried: Sequence[MatrixPair], seconds: float) -> Iterable[tuple[MatrixPair, ConnectionAttempt]]:
        return zip(tried, self._pool.map(lambda pair: attempt_connection(pair, seconds), tried), strict=True)

    def _lane(self, pair: MatrixPair) -> Lane:
        here = self._city.list_segments(self._city.school_by_id[pair.school])
        return pair.school, here[pair.segment].vlan, pair.target.family
