"""The confusion table of the diagnosis: faults of varied strength, pairs of them, and nothing at all, in the real lab.

`python -m tests.lab.diagnosis.confusion --seed N --times N [--pairs N --healthy N --keep FILE --write]` (root; builds a
virtual city of two schools). Trials are added to FILE, so that several runs make one table; `--write` puts it into
docs/measuring.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from random import Random

from controller.lab import lifecycle
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.measure.measurement_store import open_measurement_store
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import choose_virtual_city
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


def plan_trials(random: Random, times: int, pairs: int, healthy: int) -> Iterator[tuple[LabFault, ...]]:
    """What to break, one trial after the other, the kinds mixed so that a run that is ended early has some of each."""
    for _ in range(times):
        for kind in FAULTS:
            yield (draw_fault(kind, random),)
    seen_together = [one for one in combinations(FAULTS, 2) if not set(one) & set(SILENT_KINDS)]
    for first, second in random.sample(seen_together, min(pairs, len(seen_together))):
        yield draw_fault(first, random), draw_fault(second, random)
    for _ in range(healthy):
        yield ()


def read_trials(file: Path) -> list[Trial]:
    """The trials of a file; none where there is no file."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        said = one["outcome"]
        outcome = Outcome(tuple(said["named"]), tuple(map(tuple, said["not_told_apart"])), said["hidden"])
        found.append(Trial(tuple(one["faults"]), tuple(one["strengths"]), outcome, one["seed"], one["commit"]))
    return found


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


def make_trials(planned: Sequence[tuple[LabFault, ...]], keep: Path, seed: int, seconds: float) -> None:
    """Build the virtual city, make the trials, and add each to the file as soon as it is made.

    Raises:
        TsunaguError: the virtual city cannot be built, broken or repaired.
    """
    words = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    city = choose_virtual_city(load_city(ROOT / "policies"))
    layout = lifecycle.build_virtual_city(city, 2, lambda _: None)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, open_measurement_store(Path(folder) / "m.sqlite") as store:
            bench = TrialBench.prepare(city, layout, store)
            bench.settle()
            for faults in planned:
                if time.monotonic() - began > seconds:
                    sys.stdout.write("the time is over\n")
                    break
                outcome = bench.try_faults(faults)
                kinds = tuple(str(fault.kind) for fault in faults)
                trial = Trial(kinds, tuple(fault.strength for fault in faults), outcome, seed, commit)
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(trial)) + "\n")
                sys.stdout.write(f"{trial.verdict:14} {trial.name} {trial.strengths}: {outcome.shown} {outcome}\n")
                sys.stdout.flush()
    finally:
        lifecycle.remove_virtual_city(lambda _: None)


def main() -> None:
    """Make trials and print the table of all that are kept."""
    parser = argparse.ArgumentParser(description="The confusion table of the diagnosis, in the real virtual city.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=20, help="how often each fault is put in")
    parser.add_argument("--pairs", type=int, default=5, help="how many pairs of faults")
    parser.add_argument("--healthy", type=int, default=100, help="runs without a fault")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no trial after so long")
    parser.add_argument("--keep", type=Path, default=Path("confusion.jsonl"), help="where trials are added")
    parser.add_argument("--write", action="store_true", help="put the table into docs/measuring.md")
    wanted = parser.parse_args()
    planned = list(plan_trials(make_random(wanted.seed), wanted.times, wanted.pairs, wanted.healthy))
    if planned:
        make_trials(planned, wanted.keep, wanted.seed, wanted.seconds)
    table = format_table(read_trials(wanted.keep))
    sys.stdout.write(f"{table}\n")
    if wanted.write:
        write_page(table)


if __name__ == "__main__":
    main()
