"""The stage of `make demo`: how it runs our commands, what it shows of them, and what it holds to be true."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
TSUNAGU = str(Path(sys.executable).parent / "tsunagu")
PATIENCE_SECONDS = 60.0
CLEAN_UP_SECONDS = 20.0

console = Console(highlight=False, soft_wrap=True, emoji=False)


class StepFailed(Exception):
    """A step did not show what it should."""


@dataclass
class Demo:
    """The demo's folder, the canary school, how many schools stand, and what was measured."""

    folder: Path
    canary: str
    schools: int = 6
    has_city: bool = False
    """Whether the virtual city is up."""
    copies: int = 0
    """How often a policy was written anew."""
    figures: list[tuple[str, str]] = field(default_factory=list)
    background: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def policies(self) -> str:
        """The demo's copy of the policies: the stack writes its outputs there, and one condition changes."""
        return self.path("policies")

    def path(self, name: str) -> str:
        """A file of the demo's own folder."""
        return str(self.folder / name)

    def run(self, *words: str, expect: int = 0, show: int = 12) -> str:
        """Run a command of ours, and show the beginning and the end of what it says; all of it is returned."""
        shown = self._say_command(words)
        with subprocess.Popen(  # noqa: S603 our own command
            [TSUNAGU, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        ) as running:
            try:
                said, _ = running.communicate()
            except KeyboardInterrupt:
                _let_end(running)
                raise
        lines = said.replace(f"{self.folder}/", "").splitlines()
        if len(lines) > show:
            half = show // 2
            lines = [*lines[:half], f"  ... {len(lines) - show} more lines ...", *lines[half - show :]]
        for line in lines:
            console.print(f"  {line}", markup=False)
        if running.returncode != expect:
            message = f"`tsunagu {shown}` ended with {running.returncode}, expected {expect}"
            raise StepFailed(message)
        return said

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command of ours that goes on until the demo ends; what it says is read from its `stdout`."""
        self._say_command((*words, "&"))
        started = subprocess.Popen(  # noqa: S603 our own command
            [TSUNAGU, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        self.background.append(started)
        return started

    def name_command(self, started: subprocess.Popen[str]) -> str:
        """A command that was started, as it was shown."""
        words = started.args
        assert isinstance(words, list)  # noqa: S101 `start` makes one
        return f"tsunagu {self._shorten(words[1:])}"

    def end_background(self) -> None:
        """End what was started, the last first."""
        while self.background:
            self.end_one(self.background[-1])

    def end_one(self, ending: subprocess.Popen[str]) -> None:
        """End one of the commands that were started."""
        self.background.remove(ending)
        ending.terminate()
        _let_end(ending)

    def build_city(self) -> None:
        """Build the virtual city; one that stands is removed first."""
        if self.has_city:
            self.run("lab", "down", show=2)
            self.has_city = False
        # One that cannot be built whole is removed by the command itself; one of somebody else is not ours to remove.
        self.run("lab", "up", "--schools", str(self.schools), "--policies", self.policies)
        self.has_city = True

    def plan(self, name: str, *which: str, policies: str = "", show: int = 12) -> None:
        """Plan for the switches of the lab: all of them, or those that the words name."""
        chosen = which or ("--all",)
        words = ("--policies", policies or self.policies, "--lab", *chosen, "-o", self.path(name))
        self.run("plan", *words, show=show)

    def apply(self, name: str, *more: str, policies: str = "", expect: int = 0, show: int = 8) -> str:
        """Apply a plan; return what was said. The virtual x530s have no restore of their own: that is accepted."""
        words = (self.path(name), "--policies", policies or self.policies, "--accept-no-restore", *more)
        return self.run("apply", *words, expect=expect, show=show)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Measure a part for the summary."""
        began = time.monotonic()
        yield
        self.figures.append((what, f"{time.monotonic() - began:.1f} s"))

    def _say_command(self, words: tuple[str, ...]) -> str:
        shown = self._shorten(words)
        console.print(f"$ tsunagu {shown}", style="bold", markup=False)
        return shown

    def _shorten(self, words: Iterable[str]) -> str:
        return " ".join(word.replace(f"{self.folder}/", "") for word in words)


def _let_end(ending: subprocess.Popen[str]) -> None:
    """Wait for a command that a signal has reached: it cleans up. In vain, it is told to end, then made to."""
    for told in (ending.terminate, ending.kill):
        try:
            ending.communicate(timeout=CLEAN_UP_SECONDS)
        except subprocess.TimeoutExpired:
            told()
        else:
            return
    ending.communicate()


def run_or_stop(message: str, *, hold: bool) -> None:
    """End the demo unless what the message says is true."""
    if not hold:
        complaint = f"not true: {message}"
        raise StepFailed(complaint)
    console.print(f"  [green]true:[/] {message}")


def wait_for(what: str, condition: Callable[[], bool], running: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline or (running is not None and running.poll() is not None):
            message = f"waited in vain until {what}"
            raise StepFailed(message)
        time.sleep(0.02)
    console.print(f"  [green]true:[/] {what}")
