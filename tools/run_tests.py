"""`make test`: first what needs no lab, in one process a processor; then the lab, alone; then one summary of both.

The lab's tests measure gaps and rates and wait for timers of the devices: nothing else runs beside them. Ctrl-C ends
the part that runs, which removes its lab, and everything after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from xml.etree.ElementTree import parse

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = 130
NO_TESTS = 5
"""What pytest ends with where nothing was chosen."""
KINDS = ("failures", "errors", "skipped")
SHOWN = 6.0
"""Seconds from which the summary names a folder."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the tests, and how pytest is to run them."""

    title: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of a part: pytest's exit code, how many tests, by kind, and how many seconds it took."""

    title: str
    code: int
    counts: Counter[str]
    seconds: float
    folders: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the tests themselves, by the folder of `tests/` that they stand in."""


def list_parts(processors: int) -> tuple[Part, ...]:
    """Both parts; together they are every test."""
    beside = ("-m", "not lab", "-n", str(processors), "--dist", "worksteal")
    return (
        Part(f"without the lab, in {processors} processes", beside),
        Part("the lab (real switches and routers in network namespaces), alone", ("-m", "lab")),
    )


def run_part(part: Part, words: list[str]) -> PartResult:
    """Run a part, and wait for it also after Ctrl-C: it cleans up.

    Raises:
        KeyboardInterrupt: it was stopped, and has cleaned up.
    """
    print(f"\ntest: {part.title}", flush=True)  # noqa: T201 what the user follows
    began = time.monotonic()
    stopped: list[int] = []
    # pytest hears a terminal's Ctrl-C, too, and a second one would stop it from cleaning up.
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    with tempfile.TemporaryDirectory(prefix="tsunagu-test-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *part.words, *words]
        with subprocess.Popen(command, cwd=ROOT) as running:  # noqa: S603 our own tests

            def end(number: int, _: FrameType | None) -> None:
                stopped.append(number)
                running.send_signal(signal.SIGINT)

            signal.signal(signal.SIGTERM, end)
            code = running.wait()
        if stopped:
            raise KeyboardInterrupt
        return PartResult(part.title, code, count_tests(report), time.monotonic() - began, seconds_by_folder(report))


def count_tests(report: Path) -> Counter[str]:
    """The tests by what became of them; none where pytest did not come to write it."""
    if not report.exists():
        return Counter()
    suites = list(parse(report).iter("testsuite"))  # noqa: S314 pytest wrote it for us
    counts = Counter({kind: sum(int(suite.get(kind, "0")) for suite in suites) for kind in KINDS})
    counts["passed"] = sum(int(suite.get("tests", "0")) for suite in suites) - counts.total()
    return counts


def seconds_by_folder(report: Path) -> dict[str, float]:
    """The seconds that the tests took, by their folder of `tests/`; a fixture counts where it is used."""
    found: dict[str, float] = {}
    if report.exists():
        for case in parse(report).iter("testcase"):  # noqa: S314 pytest wrote it for us
            words = case.get("classname", "").split(".")
            folder = words[1] if words[0] == "tests" and len(words) > 1 else words[0]
            found[folder] = found.get(folder, 0.0) + float(case.get("time", "0"))
    return found


def format_minutes(ran: list[PartResult]) -> str:
    """For each part a line with the minutes of its folders, the longest first; below 6 s nothing is said."""
    rows = []
    for row in ran:
        longest_first = sorted(row.folders.items(), key=lambda entry: -entry[1])
        long = [f"{folder} {seconds / 60:.1f}" for folder, seconds in longest_first if seconds >= SHOWN]
        if long:
            rows.append(f"test: minutes of {row.title}: {', '.join(long)}")
    return "\n".join(rows)


def format_summary(ran: list[PartResult]) -> str:
    """A line for each part, and one for all."""
    rows = [
        *ran,
        PartResult("all tests", 0, sum((one.counts for one in ran), Counter()), sum(one.seconds for one in ran)),
    ]
    return "\n".join(f"test: {row.title}: {format_counts(row)} in {row.seconds:.0f} s" for row in rows)


def format_counts(ran: PartResult) -> str:
    """The counts in words; what is not there is not said, but for the passed."""
    said = [f"{ran.counts['passed']} passed"]
    return ", ".join([*said, *(f"{ran.counts[kind]} {kind}" for kind in KINDS if ran.counts[kind])])


def main() -> int:
    """Run both parts, with what pytest is told besides; the code of the first that failed, 130 after Ctrl-C."""
    try:
        ran = [run_part(part, sys.argv[1:]) for part in list_parts(len(os.sched_getaffinity(0)))]
    except KeyboardInterrupt:
        print("\ntest: interrupted")  # noqa: T201
        return INTERRUPTED
    print(f"\n{format_minutes(ran)}\n{format_summary(ran)}", flush=True)  # noqa: T201
    failed = [one.code for one in ran if one.code not in (0, NO_TESTS)]
    return failed[0] if failed else min(one.code for one in ran)


if __name__ == "__main__":
    sys.exit(main())
