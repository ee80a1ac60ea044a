"""The confusion table of the diagnosis: faults of varied strength, pairs of them, and nothing at all, in the real lab.

`python -m tests.lab.diagnosis.confusion --seed N --times N [--pairs N --healthy N --seconds N --keep FILE --write]`
(root; builds a virtual city of two schools). Trials are added to FILE: the next run with the same seed and FILE goes on
after them, and all of them make one table. `--write` puts it into docs/measuring.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random

from pydantic import TypeAdapter

from controller.errors import TsunaguError
from controller.lab import lifecycle
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.measure.measurement_store import open_measurement_store
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import choose_virtual_city
from tests.kept_lines import KeptLines, open_kept_lines
from tests.lab.diagnosis.trials import FAULTS, Outcome, TrialBench, compare_outcome, draw_fault, make_random

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "measuring.md"
BEGIN, END = "<!-- confusion table: python -m tests.lab.diagnosis.confusion -->", "<!-- end of the confusion table -->"
HEALTHY = "nothing"
VERDICTS = ("right", "partly", "not told apart", "wrong")
SILENT_KINDS = (FaultKind.PRIMARY, FaultKind.BLACKHOLE, FaultKind.REGION)
"""After one of these nothing else of the line is seen: a pair with one of them shows nothing of the other."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that was made: what was broken, what was said of it, with which seed and commit."""

    faults: tuple[str, ...]
    strengths: tuple[float, ...]
    outcome: Outcome
    seed: int
    commit: str

    @property
    def name(self) -> str:
        """What was broken, as a row of the table."""
        return " + ".join(self.faults) or HEALTHY

    @property
    def verdict(self) -> str:
        """How the outcome compares with what was broken."""
        if not self.faults:
            return "right" if self.outcome.shown == "nothing" else "wrong"
        return compare_outcome([str(FAULTS[FaultKind(kind)].cause) for kind in self.faults], self.outcome)


KEPT_FORM = TypeAdapter(Trial)
Planned = tuple[LabFault, ...]


def plan_trials(random: Random, times: int, pairs: int, healthy: int) -> Iterator[Planned]:
    """What to break, one trial after the other.

    Each round has every kind once and its share of healthy ones: a run that is ended early has some of each. Pairs come
    after them, each as often as every other.
    """
    rounds = max(1, times)
    for turn in range(rounds):
        for kind in FAULTS if times else ():
            yield (draw_fault(kind, random),)
        for _ in range(healthy * (turn + 1) // rounds - healthy * turn // rounds):
            yield ()
    seen_together = [one for one in combinations(FAULTS, 2) if not set(one) & set(SILENT_KINDS)]
    while pairs > 0:
        for first, second in random.sample(seen_together, min(pairs, len(seen_together))):
            yield draw_fault(first, random), draw_fault(second, random)
        pairs -= len(seen_together)


def skip_made(planned: Iterable[Planned], made: Iterable[Trial], seed: int) -> list[Planned]:
    """Return what is planned with a seed and was not made with it yet."""
    left = Counter((one.faults, one.strengths) for one in made if one.seed == seed)
    todo = []
    for faults in planned:
        key = _name_faults(faults)
        if left[key]:
            left[key] -= 1
        else:
            todo.append(faults)
    return todo


def _name_faults(faults: Planned) -> tuple[tuple[str, ...], tuple[float, ...]]:
    return tuple(str(fault.kind) for fault in faults), tuple(fault.strength for fault in faults)


def format_table(trials: Sequence[Trial]) -> str:
    """The confusion table in Markdown, with seeds, commits and counts.

    >>> said = Outcome(("line-slow",))
    >>> print(format_table([Trial(("slow-line",), (20.0,), said, 1, "abc"), Trial((), (), Outcome(()), 1, "abc")]))
    2 trials of one fault or none, 0 of pairs; seed 1, commit abc.
    Single faults right: 1 of 1 (100.0%).
    Healthy runs in which something was named: 0 of 1.
    <BLANKLINE>
    | broken | trials | right | partly | not told apart | wrong | what was said |
    |---|---|---|---|---|---|---|
    | slow-line | 1 | 1 | 0 | 0 | 0 | 1 line-slow |
    | nothing | 1 | 1 | 0 | 0 | 0 | 1 nothing |
    """
    single = [one for one in trials if len(one.faults) == 1]
    pairs = [one for one in trials if len(one.faults) > 1]
    healthy = [one for one in trials if not one.faults]
    right = sum(one.verdict == "right" for one in single)
    made = f"seed {', '.join(sorted({str(one.seed) for one in trials}))}, commit "
    made += ", ".join(sorted({one.commit for one in trials}))
    named = sum(one.verdict == "wrong" for one in healthy)
    lines = [
        f"{len(trials) - len(pairs)} trials of one fault or none, {len(pairs)} of pairs; {made}.",
        f"Single faults right: {right} of {len(single)} ({100 * right / max(1, len(single)):.1f}%).",
        f"Healthy runs in which something was named: {named} of {len(healthy)}.",
        "",
        f"| broken | trials | {' | '.join(VERDICTS)} | what was said |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [(one.name, one) for one in (*single, *healthy)] + [(_name_pairs(one), one) for one in pairs]
    for name in dict.fromkeys(name for name, _ in rows):
        mine = [one for row, one in rows if row == name]
        verdicts = Counter(one.verdict for one in mine)
        said = Counter(one.outcome.shown for one in mine)
        shown = "" if name == "pairs" else ", ".join(f"{count} {text}" for text, count in said.most_common())
        lines.append(f"| {name} | {len(mine)} | {' | '.join(str(verdicts[one]) for one in VERDICTS)} | {shown} |")
    return "\n".join(lines)


def _name_pairs(_: Trial) -> str:
    return "pairs"


def write_page(table: str) -> None:
    """Put the table between its marks in the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def make_trials(planned: Sequence[Planned], kept: KeptLines[Trial], seed: int, seconds: float) -> None:
    """Build the virtual city, make the trials, and add each to the file as soon as it is made.

    Raises:
        TsunaguError: the virtual city cannot be built, broken or repaired.
    """
    words = ["git", "-C", str(ROOT), "rev-parse", "--short=8", "HEAD"]
    commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    city = choose_virtual_city(load_city(ROOT / "policies"))
    layout = lifecycle.build_virtual_city(city, 2, lambda _: None)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, open_measurement_store(Path(folder) / "m.sqlite") as store:
            bench = TrialBench.prepare(city, layout, store)
            bench.settle()
            for place, faults in enumerate(planned):
                if time.monotonic() - began > seconds:
                    sys.stdout.write(f"the time is over; {len(planned) - place} trials are left\n")
                    break
                trial = Trial(*_name_faults(faults), bench.try_faults(faults), seed, commit)
                kept.add_line(trial)
                sys.stdout.write(f"{trial.verdict:14} {trial.name} {trial.strengths}: {trial.outcome}\n")
                sys.stdout.flush()
    finally:
        lifecycle.remove_virtual_city(lambda _: None)


def main(words: Sequence[str]) -> int:
    """Make the trials that are not made yet, and print the table of all that are kept."""
    parser = argparse.ArgumentParser(description="The confusion table of the diagnosis, in the real virtual city.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=20, help="how often each fault is put in")
    parser.add_argument("--pairs", type=int, default=5, help="how many pairs of faults")
    parser.add_argument("--healthy", type=int, default=100, help="runs without a fault")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no trial after so long")
    parser.add_argument("--keep", type=Path, default=Path("confusion.jsonl"), help="where trials are added")
    parser.add_argument("--write", action="store_true", help="put the table into docs/measuring.md")
    wanted = parser.parse_args(words)
    planned = plan_trials(make_random(wanted.seed), wanted.times, wanted.pairs, wanted.healthy)
    try:
        with open_kept_lines(wanted.keep, KEPT_FORM) as kept:
            todo = skip_made(planned, kept.list_lines(), wanted.seed)
            if todo:
                make_trials(todo, kept, wanted.seed, wanted.seconds)
            table = format_table(kept.list_lines())
    except TsunaguError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{table}\n")
    if wanted.write:
        write_page(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
