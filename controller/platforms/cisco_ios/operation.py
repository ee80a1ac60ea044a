r"""The operation of a Cisco IOS or IOS-XE switch: its own revert timer, or a reload to what is saved.

- Where an archive is kept (`archive`, `path` on a file system of its own), `configure terminal revert timer MINUTES`
  puts the configuration back that was running; `configure confirm` keeps the change. The revert replaces the whole
  file: the states in between are not proved, it can itself stop half-way, and others' changes meanwhile go with it. So
  the result is read back.
- Where no archive is kept, `reload in MINUTES` reboots the switch to its startup configuration, which must be what it
  runs now. `no` is answered to its question whether to save.

Nothing is switched on that was off: no archive, no lock. Where `configuration mode exclusive manual` stands already,
configuration mode is locked for each block.

Sources: Cisco IOS Configuration Management Configuration Guide ("Configuration Rollback Confirmed Change": `configure
terminal revert timer`, 1 to 120 minutes, `configure confirm`, `configure revert`, `show archive config rollback timer`;
"Configuration Replace and Configuration Rollback"; "Exclusive Configuration Change Access and Access Session Locking"),
Configuration Fundamentals Command Reference (`reload`, `write memory`, `dir`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from controller.errors import CommandFailed
from controller.platforms.base import Command, Lock, Readable, Reply, Session
from controller.platforms.common.device_operation import ENTER, LEAVE, OperationContext, ask_device
from controller.platforms.common.timed_operation import (
    DeviceTimer,
    TimedOperation,
)
from controller.platforms.device_text.device_text import DeviceText, describe_device_words

LONGEST_MINUTES = 120
_SHOW_TIMER = "show archive config rollback timer"
_NO_ARCHIVE = "%Turn config archive on"
_NONE_PENDING = "%No Rollback Confirmed Change pending"
ARCHIVE_PATH = re.compile(r"(?ms)^archive\n(?: [^\n]*\n)*? path (?P<path>\S+)$")
_LOCAL = re.compile(r"(?P<system>(?:flash|bootflash|disk|slot|harddisk|crashinfo|usbflash|sup-?bootdisk)[a-z0-9-]*:)")
_FREE = re.compile(r"(?P<total>[0-9]{1,20}) bytes total \((?P<free>[0-9]{1,20}) bytes free\)")
_EXCLUSIVE = re.compile(r"(?m)^configuration mode exclusive manual\b")
_COPIES = 3
"""How many times its own size a configuration needs in flash: the archive's copy, and room to write it."""


class RevertTimer:
    """`configure terminal revert timer`; see `controller.platforms.common.timed_operation.DeviceTimer`."""

    way = "its revert timer"
    settle_seconds = 60.0

    def is_pending(self, session: Session) -> bool:
        """Tell if a change waits to be confirmed; an IOS without the feature has none.

        Raises:
            CommandFailed: the answer is none that is known.
        """
        try:
            said = ask_device(session, Command(_SHOW_TIMER, accepts=(_NONE_PENDING, _NO_ARCHIVE)))
        except CommandFailed as error:
            if "Invalid input" in str(error):
                return False
            raise
        if _NONE_PENDING in said or _NO_ARCHIVE in said:
            return False
        if re.search(r"(?i)timer (type|value)|time configured", said):
            return True
        message = f"what it says of its revert timer is not known: {describe_device_words(said)!r}"
        raise CommandFailed(session.device, message, command=_SHOW_TIMER)

    def start(self, session: Session, minutes: int, *, again: bool) -> None:
        """Start it, or give it a new length while it runs."""
        if again:
            session.run(Command(f"configure revert timer {minutes}"))
            return
        session.run(Command(f"{ENTER} revert timer {minutes}"))
        session.run(Command(LEAVE))

    def stop(self, session: Session) -> bool:
        """Confirm the change."""
        said = ask_device(session, Command("configure confirm", accepts=("%No Rollback",)))
        return _NONE_PENDING not in said


class ScheduledReload:
    """`reload in`; see `controller.platforms.common.timed_operation.DeviceTimer`."""

    way = "a scheduled reload"
    settle_seconds = 900.0

    def is_pending(self, session: Session) -> bool:
        """Tell if a reload is scheduled.

        Raises:
            CommandFailed: the answer is none that is known.
        """
        said = ask_device(session, Command("show reload"))
        if re.search(r"(?i)no reload is scheduled", said):
            return False
        if re.search(r"(?i)reload scheduled", said):
            return True
        message = f"what it says of a reload is not known: {describe_device_words(said)!r}"
        raise CommandFailed(session.device, message, command="show reload")

    def start(self, session: Session, minutes: int, *, again: bool) -> None:
        """Schedule it; another one takes the place of the first. What runs is not saved by it."""
        del again
        replies = (Reply(r"(?i)save\? \[yes/no\]", "no"), Reply(r"\[confirm\]", ""))
        session.run(Command(f"reload in {minutes}", replies=replies))

    def stop(self, session: Session) -> bool:
        """Cancel it, and see that it is gone."""
        if not self.is_pending(session):
            return False
        session.run(Command("reload cancel", accepts=("%No reload",)))
        return not self.is_pending(session)


class CiscoIosOperation(TimedOperation):
    """The operation of one switch; see `controller.platforms.common.timed_operation.TimedOperation`."""

    volatile = re.compile(
        r"\s{0,20}!|ntp clock-period"
        r"|Building configuration|Current configuration|Using [0-9]{1,12} out of"
    )

    def __init__(self, platform: Readable, context: OperationContext) -> None:
        self._revert, self._reload = RevertTimer(), ScheduledReload()
        super().__init__(platform, context, (self._revert, self._reload))

    def round_seconds(self, seconds: int) -> int:
        """Return the whole minutes that a time to the restore becomes, in seconds; at most 120 minutes."""
        return min(super().round_seconds(seconds), LONGEST_MINUTES * 60)

    def choose_timer(self, session: Session, text: DeviceText) -> DeviceTimer:
        """Return the revert timer where an archive is kept, else a reload.

        Raises:
            CommandFailed: the archive is on another machine or has no room; or what runs is not what is saved.
        """
        raw = self.reveal_configuration()
        found = find_archive_path(raw)
        if found is None:
            self._refuse_unsaved(session, text)
            return self._reload
        system = find_local_system(found)
        if system is None:
            message = f"its archive is kept at {found.partition(':')[0]}:, which a change may cut off; a restore needs "
            raise CommandFailed(session.device, message + "one in its own flash: archive, path flash:NAME")
        free = _FREE.search(ask_device(session, Command(f"dir {system}")))
        if free is None:
            message = f"how much of {system} is free cannot be read, so it is not known if a restore can be kept there"
            raise CommandFailed(session.device, message, command=f"dir {system}")
        if int(free["free"]) < (needed := _COPIES * len(raw)):
            message = (
                f"{system} has {free['free']} bytes free, and its restore needs {needed}; delete what is not needed"
            )
            raise CommandFailed(session.device, message, command=f"dir {system}")
        return self._revert

    def write_command(self, command: Command) -> Command:
        """Return a command as it is typed: configuration mode is locked where the operators have it so."""
        locks = _EXCLUSIVE.search(self.reveal_configuration()) is not None
        line = f"{ENTER} lock" if command.line == ENTER and locks else command.line
        return replace(command, line=line, accepts=self.accepts)

    def save(self, session: Session, lock: Lock) -> None:
        """Write what runs to the startup configuration.

        Raises:
            CommandFailed: it does not say that it did.
        """
        del lock
        said = ask_device(session, Command("write memory"))
        if "[OK]" not in said:
            message = f"it was not saved: {describe_device_words(said) or 'nothing was said'}"
            raise CommandFailed(session.device, message, command="write memory")

    def _refuse_unsaved(self, session: Session, text: DeviceText) -> None:
        saved = self._platform.read_saved(session)
        if self.digest(saved) != self.digest(text):
            message = (
                "it keeps no archive, so its restore is a reload to what is saved, and it runs something else. Save it "
                "first (write memory), or let it keep an archive (archive, path flash:NAME)"
            )
            raise CommandFailed(session.device, message, command="show startup-config")


def find_archive_path(text: str) -> str | None:
    r"""Return where a running configuration keeps its archive; None where it keeps none.

    >>> find_archive_path("hostname a\narchive\n log config\n  logging enable\n path flash:saved\n maximum 3\n")
    'flash:saved'
    >>> find_archive_path("archive\n log config\nend\n")
    """
    found = ARCHIVE_PATH.search(text)
    return found["path"] if found is not None else None


def find_local_system(path: str) -> str | None:
    """Return the file system of its own that a path is on; None where it is another machine's, or not known.

    >>> find_local_system("bootflash:saved/x"), find_local_system("tftp://192.0.2.1/x")
    ('bootflash:', None)
    """
    found = _LOCAL.match(path)
    return found["system"] if found is not None else None
