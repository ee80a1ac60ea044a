"""`make test`: what needs no lab, and beside it most of the lab; then what measures, alone; then one summary of all.

The lab mostly waits (for timers of the devices, for sessions of routers), so the rest runs beside it and gives way to
it (`nice`). There is one virtual city on a machine; tests with a switch or a router of their own (`own_network`) need
not wait for it. The OpenTelemetry Collector that a test runs is built meanwhile. Tests that measure rates and gaps have
the marker `alone`: nothing else runs then. What a part beside says is shown when it has ended. Ctrl-C ends the parts
that run, which remove their lab, and everything after them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from xml.etree.ElementTree import parse

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = 130
NO_TESTS = 5
"""What pytest ends with where nothing was chosen."""
KINDS = ("failures", "errors", "skipped")
CITY, OWN_NETWORK = "lab and not own_network and not alone", "own_network and not alone"
"""What chooses the tests of the virtual city, and those of the lab that need none."""
SHOWN = 6.0
"""Seconds from which the summary names a folder."""
FILES = 12
"""As many files of a part are named."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the tests, and how pytest is to run them."""

    title: str
    words: tuple[str, ...]
    niceness: int = 0
    """From 0 to 19: how much it gives way to what runs beside it."""


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of a part: pytest's exit code, how many tests, by kind, and how many seconds it took."""

    title: str
    code: int
    counts: Counter[str]
    seconds: float
    folders: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the tests themselves, by the folder of `tests/` that they stand in."""
    files: Mapping[str, float] = field(default_factory=dict)
    """The same by their file."""


def list_parts(processors: int) -> tuple[tuple[Part, ...], ...]:
    """All parts, in the order of their groups; those of a group run beside each other. Together they are every test."""
    # One more than there are processors: some tests wait (for windows, for workers, for restores that fire).
    workers = processors + 1
    many = ("-m", "not lab and not alone", "-n", str(workers), "--dist", "worksteal")
    return (
        (
            # Not the least: a command line that gets no processor for half a minute is given up by who asks it.
            Part(f"without the lab, in {workers} processes", many, niceness=15),
            Part("the virtual city (real switches and routers in network namespaces)", ("-m", CITY)),
            Part("real switches and routers without a city around them", ("-m", OWN_NETWORK)),
        ),
        (Part("what measures rates and gaps, alone", ("-m", "alone")),),
    )


@dataclass
class Running:
    """A part that runs, and where its report and (for all but the first of a group) its words go."""

    part: Part
    process: subprocess.Popen[bytes]
    report: Path
    said: Path | None
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def wait(self) -> PartResult:
        """Wait for its end, show what it said, and return what became of it."""
        code = self.process.wait()
        self.ended = time.monotonic()
        if self.said is not None:
            print(f"\ntest: {self.part.title}", flush=True)  # noqa: T201 what the user follows
            sys.stdout.buffer.write(self.said.read_bytes())
            sys.stdout.flush()
        seconds = self.ended - self.began
        files = measure_files(self.report)
        return PartResult(self.part.title, code, count_tests(self.report), seconds, sum_by_folder(files), files)


def list_variables() -> dict[str, str]:
    """The environment's variables, but for the one that keeps Python from writing down what it has compiled.

    The tests start some thousand Pythons, each of which would compile every module anew.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def start_part(part: Part, words: list[str], folder: Path, *, beside: bool) -> Running:
    """Start a part; what it says goes to a file where it runs beside another."""
    note = " (beside it; what it says is shown when it has ended)" if beside else ""
    print(f"\ntest: {part.title}{note}", flush=True)  # noqa: T201 what the user follows
    folder.mkdir()
    report, said = folder / "report.xml", folder / "said.txt" if beside else None
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *part.words, *words]
    with ExitStack() as stack:
        output = stack.enter_context(said.open("wb")) if said else None
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=list_variables(), stdout=output, stderr=output and subprocess.STDOUT
        )
    os.setpriority(os.PRIO_PROCESS, process.pid, part.niceness)
    return Running(part, process, report, said)


def run_group(group: tuple[Part, ...], words: list[str]) -> list[PartResult]:
    """Run the parts of a group beside each other, and wait for them also after Ctrl-C: they clean up.

    Raises:
        KeyboardInterrupt: they were stopped, and have cleaned up.
    """
    stopped: list[int] = []
    running: list[Running] = []

    def end(number: int, _: FrameType | None) -> None:
        stopped.append(number)
        for one in running:
            one.process.send_signal(signal.SIGINT)

    # pytest hears a terminal's Ctrl-C, too, and a second one would stop it from cleaning up.
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    signal.signal(signal.SIGTERM, end)
    with tempfile.TemporaryDirectory(prefix="tsunagu-test-") as folder:
        for number, part in enumerate(group):
            if not stopped:
                running.append(start_part(part, words, Path(folder) / str(number), beside=number > 0))
        ran = [one.wait() for one in running]
    if stopped:
        raise KeyboardInterrupt
    return ran


def count_tests(report: Path) -> Counter[str]:
    """The tests by what became of them; none where pytest did not come to write it."""
    if not report.exists():
        return Counter()
    suites = list(parse(report).iter("testsuite"))  # noqa: S314 pytest wrote it for us
    counts = Counter({kind: sum(int(suite.get(kind, "0")) for suite in suites) for kind in KINDS})
    counts["passed"] = sum(int(suite.get("tests", "0")) for suite in suites) - counts.total()
    return counts


def measure_files(report: Path) -> dict[str, float]:
    """The seconds that the tests took, by their file (`tests.plan.test_select`); a fixture counts where it is used."""
    found: dict[str, float] = {}
    if report.exists():
        for case in parse(report).iter("testcase"):  # noqa: S314 pytest wrote it for us
            words = [word for word in case.get("classname", "").split(".") if not word.startswith("Test")]
            file = ".".join(words)
            found[file] = found.get(file, 0.0) + float(case.get("time", "0"))
    return found


def sum_by_folder(files: Mapping[str, float]) -> dict[str, float]:
    """The seconds of files, by their folder of `tests/`.

    >>> sum_by_folder({"tests.plan.test_a": 1.0, "tests.plan.deep.test_b": 2.0, "tests.test_c": 4.0})
    {'plan': 3.0, 'test_c': 4.0}
    """
    found: dict[str, float] = {}
    for file, seconds in files.items():
        words = file.split(".")
        folder = words[1] if words[0] == "tests" and len(words) > 1 else words[0]
        found[folder] = found.get(folder, 0.0) + seconds
    return found


def format_minutes(ran: list[PartResult]) -> str:
    """For each part the minutes of its folders, then of its longest files; below 6 s nothing is said."""
    rows = []
    for row in ran:
        for kind, found, most in (("", row.folders, len(row.folders)), ("the longest files of ", row.files, FILES)):
            longest_first = sorted(found.items(), key=lambda entry: -entry[1])[:most]
            long = [f"{name} {seconds / 60:.1f}" for name, seconds in longest_first if seconds >= SHOWN]
            if long:
                rows.append(f"test: minutes of {kind}{row.title}: {', '.join(long)}")
    return "\n".join(rows)


def format_summary(ran: list[PartResult], seconds: float) -> str:
    """A line for each part, and one for all, which took so many seconds."""
    rows = [
        *ran,
        PartResult("all tests", 0, sum((one.counts for one in ran), Counter()), seconds),
    ]
    return "\n".join(f"test: {row.title}: {format_counts(row)} in {row.seconds:.0f} s" for row in rows)


def format_counts(ran: PartResult) -> str:
    """The counts in words; what is not there is not said, but for the passed."""
    said = [f"{ran.counts['passed']} passed"]
    return ", ".join([*said, *(f"{ran.counts[kind]} {kind}" for kind in KINDS if ran.counts[kind])])


@contextmanager
def building_collector() -> Iterator[None]:
    """Build the Collector beside the tests; one that needs it waits for it, and fails where it cannot be built."""
    command = [sys.executable, "-m", "tools.collector.build"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as process:  # noqa: S603
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)
            yield
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)


def main() -> int:
    """Run both parts, with what pytest is told besides; the code of the first that failed, 130 after Ctrl-C."""
    began = time.monotonic()
    try:
        groups = list_parts(len(os.sched_getaffinity(0)))
        with building_collector():
            ran = [row for group in groups for row in run_group(group, sys.argv[1:])]
    except KeyboardInterrupt:
        print("\ntest: interrupted")  # noqa: T201
        return INTERRUPTED
    print(f"\n{format_minutes(ran)}\n{format_summary(ran, time.monotonic() - began)}", flush=True)  # noqa: T201
    failed = [one.code for one in ran if one.code not in (0, NO_TESTS)]
    return failed[0] if failed else min(one.code for one in ran)


if __name__ == "__main__":
    sys.exit(main())
