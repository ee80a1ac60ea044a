"""Runs the probe that measures as a process of its own, begins it anew, and changes it for a newer one.

The supervisor is always the installed file's: whatever a newer version does, the old one can be begun again. A newer
one counts once it has reported to the monitor; until then it is on trial, and the old one is not thrown away.
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from json import loads
from pathlib import Path

from controller.probe_agent.configuration import Configuration
from controller.probe_agent.measuring_loop import REPORTED, UPDATE_WORD
from controller.probe_agent.problems import tell
from controller.probe_agent.updating.slots import INSTALLED, MOST_STARTS, Slots, UpdateWord, load_slots, save_slots
from controller.probe_agent.version import VERSION, parse_version
from controller.probe_agent.whole_file import write_file

_END_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_PAUSES = (1.0, 5.0, 30.0, 60.0)
"""Seconds before the probe is begun anew, once it ended by itself."""
_SHORT_SECONDS = 60.0
_MOST_SHORT = 5
"""So many short lives in a row, and the installed version runs."""
FOUND_UPDATE, NO_UPDATE = 0, 3
"""How `fetch` ends."""


@dataclass
class Supervisor:
    """One supervisor. `stop` can be read from once it shall end; `timer` never goes back.

    A look for a newer version has `look_seconds`: meanwhile nobody begins a probe anew that ended.
    """

    configuration: Configuration
    path: Path
    state: Path
    installed: Path
    stop: int
    timer: Callable[[], float]
    look_seconds: float = 300.0
    _short: int = field(default=0, init=False)

    def supervise(self) -> None:
        """Run the probe until `stop`."""
        self._update_due = self.timer()
        while True:
            slots = self._prepare()
            began = self.timer()
            # Of chance: what an earlier start reported, before the machine went down, speaks for no other version.
            run = secrets.token_hex(8)
            child = self._begin(slots, run)
            try:
                ended = self._watch(child, slots, run)
            finally:
                _end(child)
            if ended == "stop":
                return
            if ended == "exit" and self._pause(child, began):
                return

    def _prepare(self) -> Slots:
        """Decide what runs now, and write it down before it runs."""
        slots = load_slots(self.state)
        if slots.active != INSTALLED and not self._is_newer(slots):
            tell(f"the installed version {VERSION} is newer than {slots.version} of the slot: it runs")
            slots = replace(slots, active=INSTALLED, version="")
        if slots.trial and slots.starts >= MOST_STARTS:
            tell(f"version {slots.trial_version} did not report after {slots.starts} starts: the old one runs on")
            slots = slots.refuse(UpdateWord.NOT_REPORTED)
        elif slots.trial:
            slots = replace(slots, starts=slots.starts + 1)
        elif slots.active != INSTALLED and self._short >= _MOST_SHORT:
            tell(f"version {slots.version} ended {self._short} times in a row: the installed one runs")
            slots, self._short = slots.fall_back(), 0
        self._save(slots)
        return slots

    def _is_newer(self, slots: Slots) -> bool:
        try:
            return self._get_file(slots.active).is_file() and parse_version(slots.version) > parse_version(VERSION)
        except ValueError:
            return False

    def _begin(self, slots: Slots, run: str) -> subprocess.Popen[bytes]:
        program = self._get_file(slots.trial or slots.active)
        return self._run(program, "measure", "--run", run)

    def _watch(self, child: subprocess.Popen[bytes], slots: Slots, run: str) -> str:
        """Wait for what comes first: `stop`, its `exit`, or another version to be begun (`change`)."""
        deadline = self.timer() + self.configuration.updates.confirm_seconds
        alive = os.pidfd_open(child.pid)
        try:
            while True:
                due: float | None
                if slots.trial:
                    due = min(deadline, self.timer() + _LOOK_SECONDS)
                else:
                    due = self._update_due if self.configuration.updates.source else None
                ready, _, _ = select.select(
                    [self.stop, alive], [], [], None if due is None else max(0.0, due - self.timer())
                )
                if self.stop in ready:
                    return "stop"
                if slots.trial:
                    after = self._judge_trial(slots, run, is_over=alive in ready or self.timer() >= deadline)
                    if not after.trial and after.active != slots.trial:
                        return "change"
                    slots = after
                elif alive in ready:
                    return "exit"
                elif due is not None and self.timer() >= due and self._look_for_update():
                    return "change"
        finally:
            os.close(alive)

    def _judge_trial(self, slots: Slots, run: str, *, is_over: bool) -> Slots:
        """The slots after a look at whether the version on trial has reported."""
        if self._has_reported(run):
            tell(f"version {slots.trial_version} has reported: it is the one that runs")
            after = slots.confirm()
        elif is_over:
            kept = slots.version or VERSION
            tell(f"version {slots.trial_version} did not report to the monitor in time: {kept} runs on")
            after = slots.refuse(UpdateWord.NOT_REPORTED)
        else:
            return slots
        self._save(after)
        return after

    def _has_reported(self, run: str) -> bool:
        try:
            found = loads((self.state / REPORTED).read_bytes())
        except (OSError, ValueError):
            return False
        return isinstance(found, dict) and found.get("run") == run

    def _look_for_update(self) -> bool:
        """Look at the source, in a process of its own that has its time; whether a newer version is to be tried."""
        self._update_due = self.timer() + self.configuration.updates.every_seconds
        looking = self._run(self.installed, "fetch")
        try:
            ended = os.pidfd_open(looking.pid)
            try:
                if not select.select([self.stop, ended], [], [], self.look_seconds)[0]:
                    tell(f"{self.configuration.updates.source} was not read in {self.look_seconds:.0f} s")
            finally:
                os.close(ended)
        finally:
            _end(looking)
        return looking.returncode == FOUND_UPDATE

    def _pause(self, child: subprocess.Popen[bytes], began: float) -> bool:
        """Wait before the next start; whether the supervisor shall end."""
        self._short = self._short + 1 if self.timer() - began < _SHORT_SECONDS else 0
        pause = _PAUSES[min(max(0, self._short - 1), len(_PAUSES) - 1)]
        tell(f"the probe ended by itself ({child.returncode}); it begins anew in {pause:.0f} s")
        return bool(select.select([self.stop], [], [], pause)[0])

    def _save(self, slots: Slots) -> None:
        save_slots(self.state, slots)
        write_file(self.state / UPDATE_WORD, slots.word.encode("ascii"))

    def _get_file(self, slot: str) -> Path:
        return self.installed if slot == INSTALLED else self.state / f"{slot}.pyz"

    def _run(self, program: Path, verb: str, *words: str) -> subprocess.Popen[bytes]:
        places = ("--config", str(self.path), "--state", str(self.state))
        command = [sys.executable, "-I", "-S", str(program), verb, *places, *words]
        return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
