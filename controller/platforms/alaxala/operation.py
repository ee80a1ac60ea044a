"""Changes an AlaxalA box switch over SSH, line by line, and saves; no way back of its own was found in its documents.

No candidate configuration, rollback or timed restart of a box switch was found. So it is changed last, and only where
somebody accepts that: see `controller.platforms.common.unrestored_operation`.

Sources: a public log of an AX3640S (OS-L3A 11.14): `end` asks whether to leave without saving, and after `y` the change
stays in force; `write` saves, in configuration mode, and says nothing; AX3640S 11.14 configuration command reference
(a setting is reflected when it is made). Its words of refusal were not found as a whole list.
"""

from __future__ import annotations

import re
from dataclasses import replace

from controller.platforms.base import Command, Lock, Reply, Restore, Session
from controller.platforms.common.device_operation import ENTER, LEAVE
from controller.platforms.common.unrestored_operation import UnrestoredOperation

ANSWER = "y"
"""To the question whether to leave configuration mode without saving; what was changed stays in force."""
_QUESTION = r"\(y/n\)"


class AlaxalaOperation(UnrestoredOperation):
    """The operation of one switch; see `controller.platforms.common.unrestored_operation.UnrestoredOperation`."""

    answers_nothing = True
    volatile = re.compile(r"Date [0-9]{4}/")

    def write_command(self, command: Command) -> Command:
        """Return a command as it is typed; its answer goes with `end`."""
        replies = (Reply(_QUESTION, ANSWER),) if command.line == LEAVE else ()
        return replace(command, replies=replies, accepts=self.accepts)

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Type one line; the answer to the question of `end` was given with it.

        Raises:
            CommandFailed: the line was refused, or somebody else changed the configuration since it was read.
        """
        if command.line != ANSWER:
            super().push(session, restore, command)

    def save(self, session: Session, lock: Lock) -> None:
        """Save what runs as what the switch boots with.

        Raises:
            CommandFailed: it refused, or asked something.
        """
        del lock
        for line in (ENTER, "write", LEAVE):
            self._type(session, Command(line))
        self.note_saved()
