"""`tsunagu prove --all` as a user runs it: from cold, unchanged, and after one rule was changed in the policy's files.

The command is started anew each time, with a cache of its own and a copy of the policy; what is given is the whole of
it, from the shell and back: wall-clock time, what of it the command says was work (from loading the policy on: the rest
is Python's start), and CPU time of all its processes. The last column is the ratio to the first run.

Exit code 1 when a run does not prove what it should.

    python tests/benchmarks/prove_city.py [--policies DIR] [--times N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).parents[2]
PROGRAM = "from controller.cli.main import main; main()"
RULES = Path("access/rules.yaml")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command."""

    seconds: float
    work: float
    cpu: float
    summary: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured, and what is done to the rules before."""

    name: str
    change: Callable[[str], str]


def widened(text: str) -> str:
    """A rule of every school lets one more segment in (every school's filters change)."""
    head, found, tail = text.partition("id: dashboard-pupils")
    return head + found + _once(tail, "{from: [pupil]}", "{from: [pupil, printers]}")


def without_factor(text: str) -> str:
    """A rule of people asks for one posture more (no filter changes; every person is judged anew)."""
    head, found, tail = text.partition("id: dashboard-staff")
    return head + found + _once(tail, "postures: [managed]", "postures: [managed, encrypted]")


def shifted(text: str) -> str:
    """A comment moves every rule down a line (nothing that is proved changes)."""
    return "# moved\n" + text


def _once(text: str, old: str, new: str) -> str:
    if old not in text:
        message = f"the policy does not say {old!r} there; this benchmark must be changed with it"
        raise SystemExit(message)
    return text.replace(old, new, 1)


CASES = (
    Case("unchanged", lambda text: text),
    Case("one rule, filters of all schools", widened),
    Case("one rule, people only", without_factor),
    Case("lines moved", shifted),
)


def prove(policies: Path, cache: Path) -> Run:
    """Run the command to its end."""
    words = [sys.executable, "-c", PROGRAM, "prove", "--all", "--policies", str(policies)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    began, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds, after = perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    if done.returncode not in (0, 3) or "all hold" not in done.stdout:
        sys.stderr.write(done.stdout + done.stderr)
        message = f"the proof ended with exit code {done.returncode}"
        raise SystemExit(message)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lines = {line.partition(":")[0]: line for line in done.stdout.splitlines()}
    work = float(lines["checks"].rpartition(";")[2].removesuffix("s"))
    return Run(seconds, work, cpu, lines["proof"])


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policies", type=Path, default=ROOT / "policies")
    parser.add_argument("--times", type=int, default=3, help="how often each case is measured; the median is shown")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        policies, cache = Path(folder) / "policies", Path(folder) / "cache"
        shutil.copytree(given.policies, policies, ignore=shutil.ignore_patterns("__pycache__"))
        plain = (policies / RULES).read_text(encoding="utf-8")
        cold = prove(policies, cache)
        say("from cold", [cold], cold)
        kept = Path(folder) / "kept"
        shutil.copytree(cache, kept)
        for case in CASES:
            runs = []
            for _ in range(given.times):
                shutil.rmtree(cache)
                shutil.copytree(kept, cache)
                (policies / RULES).write_text(case.change(plain), encoding="utf-8")
                runs.append(prove(policies, cache))
            say(case.name, runs, cold)
    return 0


def say(name: str, runs: list[Run], cold: Run) -> None:
    """A line of the table."""
    seconds, work, cpu = (
        median(values) for values in zip(*((one.seconds, one.work, one.cpu) for one in runs), strict=True)
    )
    figures = f"{seconds:>8.2f} s{work:>8.1f} s work{cpu:>8.2f} CPU s{cpu / cold.cpu:>8.2f}"
    sys.stdout.write(f"{name:<36}{figures}   {runs[-1].summary}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
