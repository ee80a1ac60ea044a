"""A virtual Catalyst: its files, its VLAN database, its sessions and its timers."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from controller.lab.virtual_switches.catalyst.configuration import commands
from controller.lab.virtual_switches.catalyst.configuration.carry_out import build_forwarding
from controller.lab.virtual_switches.catalyst.configuration.editor import Editor, enter_text
from controller.lab.virtual_switches.catalyst.configuration.global_commands import hide_secret
from controller.lab.virtual_switches.catalyst.configuration.running_config import write_configuration, write_header
from controller.lab.virtual_switches.catalyst.configuration.state import Configuration, Interface, VlanDatabase
from controller.lab.virtual_switches.catalyst.model import C9300, CatalystModel
from controller.lab.virtual_switches.catalyst.safe_change import PendingRevert, Reload, replace_configuration
from controller.lab.virtual_switches.catalyst.session import Session
from controller.lab.virtual_switches.forwarding import Forwarding, ListLearnt, list_none_learnt

assert commands.ALL  # noqa: S101 the commands are known by being imported
_HEAD = re.compile(r"(?m)^(Building configuration\.\.\.|Current configuration : .*|Using \d+ out of .*)$")
"""What `show` puts before a configuration."""


@dataclass
class Login:
    """Who may do what: the privilege of a login that `username` does not name, and the secret of `enable`."""

    privilege: int = 15
    enable_secret: str | None = None


@dataclass
class Storage:
    """What is kept without power: the startup configuration, `vlan.dat`, and files by name; `full`: no byte more."""

    startup: str | None = None
    database: VlanDatabase = field(default_factory=VlanDatabase)
    files: dict[str, str] = field(default_factory=dict)
    full: bool = False


class CatalystSwitch:
    """A Catalyst behind `controller.lab.virtual_switches.command_line.VirtualSwitch`."""

    def __init__(
        self,
        model: CatalystModel = C9300,
        startup: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        login: Login | None = None,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        """Boot with a startup configuration; `on_change` is called whenever a line was carried out.

        A startup configuration that holds VLANs is of a switch whose database holds them, too. What it refuses of the
        text stands in `refused_at_boot`. For faults: `wall_offset` moves the time that is shown and no timer, as a time
        server does; a replacement refuses lines that start with `rejected_in_replace`; see also `Storage.full`.
        """
        self.model = model
        self.clock = clock
        self.login = login or Login()
        self.on_change = on_change
        self.list_learnt: ListLearnt = list_none_learnt
        text = None if startup is None else _HEAD.sub("", startup)
        self.storage = Storage(text, VlanDatabase(model.vtp_mode))
        self.sessions: list[Session] = []
        self.lock_holder: Session | None = None
        self.pending_revert: PendingRevert | None = None
        self.reload: Reload | None = None
        self.rejected_in_replace = ""
        self.wall_offset = 0.0
        self.refused_at_boot: list[str] = []
        self.boots = 0
        self.booted = 0.0
        self.configuration = Configuration()
        self._boot()
        if startup is not None and not self.refused_at_boot:
            # As it would have been saved: a configuration that was booted with and not changed is saved.
            self.storage.startup = "".join(f"{line}\n" for line in self.list_running())

    @property
    def hostname(self) -> str:
        """Its name, as its prompt shows it."""
        return self.configuration.hostname

    @property
    def database(self) -> VlanDatabase:
        """The VLANs, which stand beside the configuration."""
        return self.storage.database

    def _boot(self) -> None:
        self.boots += 1
        self.booted = self.clock()
        self.lock_holder = None
        self.pending_revert = None
        self.reload = None
        interfaces = {name: Interface(name) for name in self.model.ports}
        interfaces["Vlan1"] = Interface("Vlan1", switched=False, shut=True)
        self.configuration = Configuration(interfaces=interfaces)
        text = self.storage.startup
        if text is None:
            return
        if re.search(r"(?m)^vtp mode (transparent|off)", text):
            # The VLANs of the startup configuration count, where it has any.
            self.storage.database.vlans = {1: VlanDatabase().vlans[1]}
        if re.search(r"(?m)^interface Vlan1$", text):
            interfaces["Vlan1"].shut = False
        self.refused_at_boot = enter_text(self.open_editor("console", whole=True), text)

    def open_editor(self, user: str, *, whole: bool = False) -> Editor:
        """Return a configuration mode of a user; in a `whole` text an interface without `shutdown` is up."""
        model = replace(self.model, new_interfaces_are_down=False) if whole else self.model
        return Editor(self.configuration, self.database, model, user)

    def open_command_line(self, user: str) -> Session:
        """Log a user in."""
        number = next(one for one in range(16) if one not in {session.number for session in self.sessions})
        session = Session(self, user, number, self._find_privilege(user))
        self.sessions.append(session)
        return session

    def _find_privilege(self, user: str) -> int:
        line = self.configuration.users.get(user, "")
        found = re.search(r"\bprivilege (\d+)", line)
        return int(found[1]) if found else self.login.privilege

    def accepts_login(self, user: str, password: str) -> bool:
        """Tell if a user of its configuration has this password, as a secret or in clear."""
        words = self.configuration.users.get(user, "").split()
        return bool(password) and (
            words[-3:] == ["secret", "9", hide_secret(password)]
            or words[-2:] == ["password", password]
            or words[-3:] == ["password", "0", password]
        )

    def check_enable(self, word: str) -> bool:
        """Tell if a word is the secret of `enable`."""
        known = self.configuration.enable_secret or self.login.enable_secret
        return known is not None and word == known

    @property
    def has_enable(self) -> bool:
        """Whether `enable` has a secret."""
        return bool(self.configuration.enable_secret or self.login.enable_secret)

    def tell_time(self, seconds: float | None = None) -> str:
        """Return a time as the switch writes it; without one, now."""
        moment = self._tell_moment(seconds)
        return moment.strftime(f"%H:%M:%S UTC %a %b {moment.day} %Y")

    def _tell_moment(self, seconds: float | None = None) -> datetime:
        return datetime.fromtimestamp((self.clock() if seconds is None else seconds) + self.wall_offset, UTC)

    def list_running(self) -> list[str]:
        """Return the lines of the running configuration, without what stands before it."""
        return write_configuration(self.configuration, self.database, self.model)

    def show_running(self) -> str:
        """Return the running configuration as the device shows it, past every session: a test's own dump."""
        lines = self.list_running()
        return "".join(f"{line}\n" for line in [*write_header(self.configuration, lines), *lines])

    def show_startup(self) -> str | None:
        """Return what it would boot with; None where nothing is saved."""
        return self.storage.startup

    def is_saved(self) -> bool:
        """Tell if the startup configuration is the running one."""
        saved = (self.storage.startup or "").splitlines()
        return [line for line in saved if not line.startswith("!")] == [
            line for line in self.list_running() if not line.startswith("!")
        ]

    @property
    def free_bytes(self) -> int:
        """How many bytes of flash are free."""
        used = sum(len(text.encode()) for text in self.storage.files.values())
        return 0 if self.storage.full else max(0, self.model.flash_bytes - used)

    def store_file(self, name: str, text: str) -> bool:
        """Write a file; tell if there was room."""
        if len(text.encode()) > self.free_bytes:
            return False
        self.storage.files[name] = text
        return True

    def save(self, user: str) -> bool:
        """Save the running configuration; tell if there was room."""
        lines = self.list_running()
        if self.storage.full or sum(len(line) + 1 for line in lines) > self.model.nvram_bytes:
            return False
        self.configuration.saved = f"{self.tell_time()} by {user}"
        head = write_header(self.configuration, lines)[3:]
        self.storage.startup = "".join(f"{line}\n" for line in [*head, *lines])
        if self.configuration.archive.write_memory:
            self.archive_configuration()
        return True

    def archive_configuration(self) -> str | None:
        """Write the running configuration to the archive; return the file's name, None where there was no room."""
        archive = self.configuration.archive
        moment = self._tell_moment()
        stem = f"{archive.path}-{moment.strftime('%b')}-{moment.day}-{moment.strftime('%H-%M-%S')}"
        known = [name for name in self.storage.files if name.startswith(f"{archive.path}-")]
        count = 1 + max(
            (int(name.rpartition("-")[2]) for name in known if name.rpartition("-")[2].isdigit()), default=-1
        )
        name = f"{stem}-{count}"
        if not self.store_file(name, "".join(f"{line}\n" for line in self.list_running())):
            return None
        for old in known[: max(0, len(known) + 1 - (archive.maximum or 10))]:
            del self.storage.files[old]
        return name

    def list_archive(self) -> list[str]:
        """Return the names of the archived files, oldest first."""
        path = self.configuration.archive.path
        return [name for name in self.storage.files if path and name.startswith(f"{path}-")]

    def get_forwarding(self) -> Forwarding:
        """Return what it does with packets now."""
        return build_forwarding(self.configuration, self.database, self.model)

    def note_change(self) -> None:
        """Tell whoever carries the forwarding out that a line was carried out."""
        if self.on_change is not None:
            self.on_change()

    def touch(self, user: str) -> None:
        """Note who changed the configuration, and when."""
        self.configuration.changed = f"{self.tell_time()} by {user}"
        self.note_change()

    def log(self, line: str) -> None:
        """Write a log line to the sessions that ask for them."""
        moment = self._tell_moment()
        stamp = (
            f"*{moment.strftime('%b')} {moment.day:>2} {moment.strftime('%H:%M:%S')}.{moment.microsecond // 1000:03}"
        )
        for session in list(self.sessions):
            if session.monitors:
                session.show_line(f"{stamp}: {line}")

    def announce(self, lines: list[str]) -> None:
        """Write lines to every session, as a reload does."""
        for session in list(self.sessions):
            for line in lines:
                session.show_line(line)

    def run_timers(self) -> None:
        """Let happen what is due by its clock: a revert, a scheduled reload."""
        pending = self.pending_revert
        if pending is not None and pending.due <= self.clock():
            self.revert()
        if self.reload is not None and self.reload.due <= self.clock():
            self.reboot()

    def next_timer(self) -> float | None:
        """Return when the next thing is due, in the seconds of its clock; None: nothing is."""
        due = [one.due for one in (self.pending_revert, self.reload) if one is not None]
        return min(due, default=None)

    def revert(self) -> list[str]:
        """Replace the configuration by the one from before the change that nobody confirmed."""
        pending = self.pending_revert
        assert pending is not None  # noqa: S101 the caller has looked
        self.pending_revert = None
        self.log(f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_ROLLBACK_START: Start rolling to: {pending.file}")
        text = self.storage.files.get(pending.file)
        said = ["%Error opening the file"] if text is None else replace_configuration(self, text)
        return [f"Rollback Confirmed Change: rolling to:{pending.file}", *said]

    def reboot(self) -> None:
        """Start anew from what is saved, as after a power cut; all sessions end."""
        for session in list(self.sessions):
            session.end()
        self.sessions.clear()
        self.storage.database = copy.deepcopy(self.storage.database)
        self._boot()
        self.note_change()
