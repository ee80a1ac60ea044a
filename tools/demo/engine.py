"""The Pulumi engine of the cloud's chapters: where the machine has none, it is built beside the story."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from controller.lab.state.processes import wait_until
from tools.demo.stage import CLEAN_UP_SECONDS, ROOT, StepFailed, console

SAID_EVERY = 15.0
"""Seconds between two lines of progress while a chapter waits."""
WORDS = ("nice", "-n", "10", sys.executable, "-m", "controller.cloud.installation")


class EngineBuild:
    """A run of set-up that provides the engine, in the background and giving way to the story."""

    def __init__(self, log: Path, words: tuple[str, ...] = WORDS) -> None:
        """Start it; what it says goes to the log."""
        self._log = log
        self._began = time.monotonic()
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(  # noqa: S603 our own command
                words, stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT, start_new_session=True
            )

    def say_progress(self) -> None:
        """Say what it does while it still does something."""
        if self._process.poll() is None and (doing := self._last_line()):
            seconds = time.monotonic() - self._began
            console.print(f"  beside the story, for {seconds:.0f} s: {doing}", markup=False)

    def wait(self, every: float = SAID_EVERY) -> None:
        """Wait until the engine is there.

        Raises:
            StepFailed: it could not be built.
        """
        while True:
            try:
                code = self._process.wait(timeout=every)
            except subprocess.TimeoutExpired:
                self.say_progress()
                continue
            if code:
                message = f"the Pulumi engine cannot be had: {self._last_line()}"
                raise StepFailed(message)
            return

    def end(self) -> None:
        """End it with all that it started, as Ctrl-C would: it removes what is half built."""
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGINT)
        wait_until(self._has_ended, CLEAN_UP_SECONDS)
        # What it started may ignore the signal, or outlive it.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _has_ended(self) -> bool:
        """Whether it has; unlike `poll`, this leaves its number with it, so that no other group can get it."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
