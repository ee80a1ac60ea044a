"""The operation of a device that has no way back of its own: it is read, changed line by line, and read again.

Nothing on such a device puts an old state back. So it is changed after all others, and only where somebody accepts that
(`tsunagu apply --accept-no-restore`). A change that breaks off stays as it is, and is read and told; a new plan goes on
from there. The controller notes which plan began to change it, so that a later run of that plan can say so.

Nothing of ours keeps another controller away, either. What the device runs is therefore read once more before the first
line, and a configuration that others changed since it was read stops the change.
"""

from __future__ import annotations

from controller.errors import CommandFailed
from controller.platforms.base import Command, Lock, Restore, Session
from controller.platforms.common.device_operation import ArmedNote, DeviceOperation

WAY = "no restore"


class UnrestoredOperation(DeviceOperation):
    """What `controller.platforms.base.Operable` promises but for a restore, which is never asked of it."""

    _inherits = False

    @property
    def inherits(self) -> bool:
        """Whether an earlier run of the same plan was broken off while it changed the device."""
        return self._inherits

    def round_seconds(self, seconds: int) -> int:
        """Return the time as it is: no timer counts it."""
        return seconds

    def lock(self, session: Session, lock: Lock) -> None:
        """Note who changes the device; nothing of it stands there."""
        del session
        self._lock = lock
        note = self._context.notes.load()
        self._inherits = note is not None and note.owner == lock.owner

    def arm(self, session: Session, restore: Restore) -> None:
        """Refuse.

        Raises:
            CommandFailed: always.
        """
        del restore
        message = "nothing on it can put its old state back"
        raise CommandFailed(session.device, message)

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Type one line; before the first one the device is read once more.

        Raises:
            CommandFailed: the line was refused, or somebody else changed the configuration since it was read.
        """
        if not self._pushed:
            self._begin(session, restore)
        self._type(session, command)

    def cancel(self, session: Session, restore: Restore) -> bool:
        """Say that there is nothing to cancel."""
        del session, restore
        return False

    def is_restore_armed(self, session: Session) -> bool:
        """Say that none is."""
        del session
        return False

    def has_restored(self, session: Session, restore: Restore) -> bool:
        """Say that it has not: there is none."""
        del session, restore
        return False

    def note_saved(self) -> None:
        """Note that the change is through: what the device boots with is what it runs."""
        self._context.notes.forget()

    def _begin(self, session: Session, restore: Restore) -> None:
        if self._lock is None or self._text is None:
            message = "nothing was read before it was to be changed"
            raise CommandFailed(session.device, message)
        before = self.digest(self._text)
        if self.digest(self._platform.read(session)) != before:
            message = "somebody else changed its configuration between reading it and changing it; nothing was typed"
            raise CommandFailed(session.device, message)
        self._context.notes.store(ArmedNote(self._lock.owner, restore.run, WAY, before))
