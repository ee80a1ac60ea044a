"""Runs the tests of one copy of the tree: once without a mutant, watched, and then once for each mutant.

`python -m tools.mutants.worker JOB.json` in the copy. Every run is a fork of this process, which has the libraries
and the modules that do not depend on the mutated one loaded already. The mutant is written into the copy's file, so
programs that a test starts run it, too. Answers are lines of JSON.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import importlib
import io
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tools.mutants.operators import apply_mutant
from tools.mutants.probes import NAME, add_probes

MEMORY = 4 << 30
END_WITH_PARENT = 1
"""Linux' `prctl`: the signal that a process gets when its parent is gone."""
QUIET = (
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-m",
    "not lab",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


@dataclass(slots=True)
class WatchedTest:
    """What one test does without a mutant."""

    seconds: float = 0.0
    lines: dict[str, list[int]] = field(default_factory=dict)
    """The lines that it runs, by module."""
    starts_programs: bool = False
    """It may run more lines than were seen, in another process."""


@dataclass(slots=True)
class Baseline:
    """The tests without a mutant: what each does, and what went wrong, if anything."""

    tests: dict[str, WatchedTest] = field(default_factory=dict)
    failed: str = ""


class Watcher:
    """A plug-in of pytest that notes which lines of the modules each test runs."""

    def __init__(self, modules: list[str]) -> None:
        self._lines: dict[str, set[int]] = {module: set() for module in modules}
        for number, lines in enumerate(self._lines.values()):
            setattr(builtins, NAME.format(number), lines.add)
        self._programs = False
        self.baseline = Baseline()
        sys.addaudithook(self._audit)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch one test from its first fixture to its last."""
        self._programs = False
        for lines in self._lines.values():
            lines.clear()
        began = time.monotonic()
        yield
        seen = {module: sorted(lines) for module, lines in self._lines.items() if lines}
        self.baseline.tests[item.nodeid] = WatchedTest(time.monotonic() - began, seen, self._programs)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test failed."""
        if report.failed:
            self.baseline.failed = f"{report.nodeid}: {str(report.longrepr)[-2000:]}"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test file that cannot be loaded."""
        if report.failed:
            self.baseline.failed = f"{report.nodeid}: {str(report.longrepr)[-2000:]}"

    def _audit(self, event: str, _: object) -> None:
        if event in {"subprocess.Popen", "os.fork", "os.posix_spawn"}:
            self._programs = True


class Chooser:
    """A plug-in of pytest that runs the chosen tests only, in the order given, and notes the one that failed."""

    def __init__(self, chosen: list[str]) -> None:
        self._order = {name: index for index, name in enumerate(chosen)}
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen tests, in their order."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test failed."""
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test file that cannot be loaded."""
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (when imported)"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a run ended: `killed`, `survived` or `timed out`; by which test; after how many seconds."""

    end: str
    by: str
    seconds: float


def run_baseline(root: Path, modules: list[str], tests: list[str]) -> Baseline:
    """Return what each test does to the modules."""
    texts = {root / module: (root / module).read_text(encoding="utf-8") for module in modules}

    def run() -> dict[str, Any]:
        watcher = Watcher(modules)
        code = pytest.main([*QUIET, *tests], plugins=[watcher])
        if not watcher.baseline.failed and code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            watcher.baseline.failed = f"pytest ended with {code!r}"
        return asdict(watcher.baseline)

    try:
        for number, (path, text) in enumerate(texts.items()):
            path.write_text(add_probes(text, number), encoding="utf-8")
        found, _ = run_in_fork(run, limit=3600.0)
    finally:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    if found is None or "error" in found:
        return Baseline(failed=found["error"] if found else "the tests without a mutant did not end")
    tests_seen = {name: WatchedTest(**one) for name, one in found["tests"].items()}
    return Baseline(tests_seen, found["failed"])


def try_mutant(root: Path, module: str, name: str, chosen: list[str], limit: float) -> Answer:
    """Put a mutant into the copy's file, run the tests, and put the file back."""
    path = root / module
    text = path.read_text(encoding="utf-8")
    files = list(dict.fromkeys(test.split("::")[0] for test in chosen))

    def run() -> dict[str, Any]:
        chooser = Chooser(chosen)
        code = pytest.main([*QUIET, *files], plugins=[chooser])
        survived = code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} and not chooser.failed
        return {"end": "survived" if survived else "killed", "by": chooser.failed or str(code)}

    path.write_text(apply_mutant(text, name), encoding="utf-8")
    try:
        found, seconds = run_in_fork(run, limit)
    finally:
        path.write_text(text, encoding="utf-8")
    if found is None or "error" in found:
        return Answer("timed out" if seconds >= limit else "killed", "the end of the process", seconds)
    return Answer(found["end"], found["by"], seconds)


def run_in_fork(run: Callable[[], dict[str, Any]], limit: float) -> tuple[dict[str, Any] | None, float]:
    """Return what a fork answers, nothing where it ended without or did not end in time, and the seconds it took."""
    reading, writing = os.pipe()
    began = time.monotonic()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _answer(run, reading, writing)
    os.close(writing)
    previous = signal.signal(signal.SIGTERM, lambda *_: _end_all(child))
    timer = threading.Timer(limit, _kill_group, (child,))
    timer.start()
    try:
        with os.fdopen(reading, "rb") as stream:
            answer = stream.readline()  # a grandchild that outlives its test may hold the pipe open
        _kill_group(child)
    finally:
        # Before the child is waited for: after that its number may be another group's.
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGTERM, previous)
    os.waitpid(child, 0)
    return (json.loads(answer) if answer.endswith(b"\n") else None), time.monotonic() - began


def _answer(run: Callable[[], dict[str, Any]], reading: int, writing: int) -> None:
    """Run as the fork: in a group of its own, with an end to its memory, quietly."""
    code = 1
    try:
        os.close(reading)
        os.setsid()
        ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGKILL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                answer = run()
            except Exception:  # noqa: BLE001 told to the parent, whatever it is
                answer = {"error": traceback.format_exc()}
        with os.fdopen(writing, "wb") as stream:
            stream.write(json.dumps(answer).encode() + b"\n")
        code = 0
    finally:
        os._exit(code)


def _kill_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended


def _end_all(child: int) -> None:
    _kill_group(child)
    os._exit(1)


def main() -> int:
    """Do the job that the file tells."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    root = Path.cwd()
    for name in ("hypothesis", *job["preload"]):  # its plug-in of pytest would load it in each fork
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    gc.freeze()  # what is loaded by now stays shared by the forks
    if job["task"] == "baseline":
        print(json.dumps(asdict(run_baseline(root, job["modules"], job["tests"]))), flush=True)  # noqa: T201 the answer
        return 0
    for trial in job["trials"]:
        for chosen, limit in trial["rounds"]:
            answer = try_mutant(root, job["module"], trial["name"], chosen, limit)
            if answer.end != "survived":
                break
        else:
            answer = Answer("survived", "", 0.0) if not trial["rounds"] else answer
        print(json.dumps({"name": trial["name"], **asdict(answer)}), flush=True)  # noqa: T201 the answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
