"""A virtual x530: its configuration, its flash, its triggers, and the clock that they run by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from controller.lab.virtual_switches.command_line import Answer
from controller.lab.virtual_switches.forwarding import list_none_learnt
from controller.lab.virtual_switches.x530.command_line import X530CommandLine
from controller.lab.virtual_switches.x530.configuration import Configuration, Trigger, build_factory
from controller.lab.virtual_switches.x530.grammar import Refused
from controller.lab.virtual_switches.x530.kept_lines import hide_password
from controller.lab.virtual_switches.x530.packet_forwarding import build_forwarding
from controller.lab.virtual_switches.x530.running_text import write_running

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.lab.virtual_switches.forwarding import Forwarding, ListLearnt

DEFAULT_FILE = "default.cfg"
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Model:
    """What differs among models and versions, or was not found in any document: then the careful choice is the default.

    - `number_step`: how entries without a number are numbered, 10 up to 5.4.7 (S9b, S9c), 4 in 5.5.3 (S9)
    - `tags_of_untagged`: an entry's `vlan` is asked about untagged packets' VLAN, too
    - `asks_to_overwrite`: `copy F G` asks where there is a G
    - `trigger_privileged`: a trigger's script begins in privileged mode; else it needs its own `enable`
    - `script_confirms`: a question within a script is answered with yes; else with no
    - `keeps_missed_times`: a `time` trigger that a jump of the clock leapt over runs at once; else on the next day
    """

    ports: int = 28
    number_step: Literal[4, 10] = 4
    enable_password: str = ""
    flash_bytes: int = 64 * 2**20
    tags_of_untagged: bool = False
    asks_to_overwrite: bool = True
    trigger_privileged: bool = False
    script_confirms: bool = False
    keeps_missed_times: bool = False


class X530:
    """A switch; it boots from its flash, out of the box where nothing is there.

    `clock` are the seconds that its timers run by; with `clock_shift` they are its time of day, in UTC.
    """

    def __init__(
        self, startup: str | None = None, *, model: Model | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.model = model or Model()
        self.clock = clock
        self.clock_shift = 0.0
        self.list_learnt: ListLearnt = list_none_learnt
        self.files: dict[str, str] = {} if startup is None else {DEFAULT_FILE: startup}
        self.boot_file: str | None = None
        self.rejected: tuple[str, ...] = ()
        self.running = Configuration()
        self._sessions: list[X530CommandLine] = []
        self._running_timers = False
        self.reboot()

    @property
    def hostname(self) -> str:
        """Its name."""
        return self.running.hostname

    def open_command_line(self, user: str) -> X530CommandLine:
        """Log a user in: at the lowest level, whatever his privilege (oxidized issues 929 and 2339)."""
        del user
        line = X530CommandLine(self)
        self._sessions = [one for one in self._sessions if not one.closed]
        self._sessions.append(line)
        return line

    def accepts_login(self, user: str, password: str) -> bool:
        """Tell if a user of its configuration has this password."""
        kept = self.running.kept.get(f"username {user}".lower(), "")
        return bool(password) and kept.endswith(f" password {hide_password(password)}")

    def show_running(self) -> str:
        """Return the running configuration."""
        return write_running(self.running)

    def show_startup(self) -> str | None:
        """Return what it would boot with; None where nothing is saved."""
        return self.files.get(self.boot_name)

    def get_forwarding(self) -> Forwarding:
        """Return what it does with packets now."""
        return build_forwarding(self.running, tags_of_untagged=self.model.tags_of_untagged)

    @property
    def boot_name(self) -> str:
        """The file that it boots with (S5)."""
        return self.boot_file or DEFAULT_FILE

    def set_boot_file(self, name: str | None) -> None:
        """Set the file that it boots with."""
        if name is not None and name not in self.files:
            message = f"% flash:/{name} does not exist"
            raise Refused(message)
        self.boot_file = name

    def reboot(self) -> None:
        """Start anew from what is saved; all sessions end, and what it rejects of the file is in `rejected`."""
        for session in self._sessions:
            session.hang_up()
        self._sessions = []
        self.running = build_factory(self.model.ports)
        self.rejected = ()
        startup = self.show_startup()
        if startup is not None:
            self.rejected = self.merge(startup)

    def merge(self, text: str) -> tuple[str, ...]:
        """Execute configuration lines over the running configuration, and return what was refused, with its line."""
        line = X530CommandLine(self, privileged=True)
        line.enter("configure terminal")
        return self._execute(line, text)

    def _execute(self, line: X530CommandLine, text: str) -> tuple[str, ...]:
        refused: list[str] = []
        for typed in text.splitlines():
            said = line.enter(typed)
            while said.question is not None:
                said = line.enter("y" if self.model.script_confirms else "n")
            refused += [f"{typed.strip()}: {one}" for one in said.lines if is_refusal(one)]
            if said.closed or line.closed:
                break
        line.hang_up()
        return tuple(refused)

    def run_script(self, name: str) -> tuple[str, ...]:
        """Run a script as a trigger does, and return what was refused."""
        text = self.files.get(name)
        if text is None:
            message = f"% flash:/{name} does not exist"
            raise Refused(message)
        return self._execute(X530CommandLine(self, privileged=self.model.trigger_privileged), text)

    def read_file(self, name: str) -> str:
        """Return the text of a file in flash."""
        if name not in self.files:
            message = f"% flash:/{name} does not exist"
            raise Refused(message)
        return self.files[name]

    def count_free_bytes(self) -> int:
        """Return how much of the flash is free."""
        return max(0, self.model.flash_bytes - sum(len(text.encode()) for text in self.files.values()))

    def store_file(self, name: str, text: str) -> None:
        """Write a file into flash, as a command or a copy from outside does; refused where it does not fit."""
        held = len(self.files.get(name, "").encode())
        if len(text.encode()) > self.count_free_bytes() + held:
            message = "% Failed to write the file: no space left on device"
            raise Refused(message)
        self.files[name] = text

    def delete_file(self, name: str) -> Answer:
        """Delete a file."""
        self.files.pop(name, None)
        return Answer()

    def save(self) -> None:
        """Save the running configuration as that which it boots with."""
        self.store_file(self.boot_name, self.show_running())

    def tell_wall_time(self) -> float:
        """Return the seconds since 1970 by its own time of day."""
        return self.clock() + self.clock_shift

    def shift_clock(self, seconds: float) -> None:
        """Set the time of day forward or back, as a server's answer to NTP does."""
        before = self.tell_wall_time()
        self.clock_shift += seconds
        for one in self.running.triggers.values():
            if one.kind == "time" and one.due is not None:
                leapt = before < one.due + self.clock_shift - seconds <= self.tell_wall_time()
                self.schedule_trigger(one)
                if leapt and self.model.keeps_missed_times:
                    one.due = self.clock()

    def schedule_trigger(self, one: Trigger) -> None:
        """Set when a trigger runs next: its minutes from now, or the next time that its time of day comes."""
        if not one.kind or not one.active or one.left == 0:
            one.due = None
        elif one.kind == "periodic":
            one.due = self.clock() + 60 * one.minutes
        else:
            now = self.tell_wall_time()
            wait = (60 * one.minutes - now) % DAY
            one.due = self.clock() + (wait or DAY)

    def next_timer(self) -> float | None:
        """Return when the next trigger runs."""
        return min((one.due for one in self.running.triggers.values() if one.due is not None), default=None)

    def run_timers(self) -> None:
        """Run the triggers that are due, each with all its scripts (S11); a trigger in `test` runs none."""
        if self._running_timers:
            return
        self._running_timers = True
        try:
            while (due := self.next_timer()) is not None and due <= self.clock():
                one = next(one for one in self.running.triggers.values() if one.due == due)
                one.activations += 1
                one.left = None if one.left is None else one.left - 1
                one.due = None
                if one.left != 0:
                    one.due = due + (60 * one.minutes if one.kind == "periodic" else DAY)
                for _, name in sorted(one.scripts.items()) if not one.test else ():
                    if name in self.files:
                        self.run_script(name)
        finally:
            self._running_timers = False


def is_refusal(text: str) -> bool:
    """Tell if a line that a command said is a refusal: not every line with `%` is one (S3b, S12)."""
    if text.startswith("Can't find interface"):
        return True
    return text.startswith("%") and not text.startswith(
        ("% This access-list is attached", "% All IP addresses configured", "% Save the config and restart", "% sa")
    )
