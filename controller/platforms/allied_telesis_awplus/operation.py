"""Changes an AlliedWare Plus switch over SSH, line by line, and saves; no sure way back of its own is documented.

There is no confirmed commit, and copying a file to the running configuration merges. A trigger could run a script of
inverse commands, or restart the switch. But what a script may do (its privilege, whether it begins in privileged mode),
what answers a question inside it, and the words of `type periodic` and `script` are in no document that was read; a
restore that may not run is none. So the switch is changed last, and only where somebody accepts that: see
`controller.platforms.common.unrestored_operation`.

Sources: Software Reference for x310 Series 5.4.4C (C613-50046-01), chapter "Triggers", and Software Reference 5.2.1
(C613-50003-00), 59.2 to 59.4 (a trigger runs scripts; a script is made by `edit` or copied from a server; what they run
as is not said); Allied Telesis' Ansible collection `awplus`, modules/awplus_config.py (`copy running-config
startup-config` is sent without an answer) and cliconf/awplus.py (lines with `%` that are information).
"""

from __future__ import annotations

from controller.platforms.base import Command, Lock, Session
from controller.platforms.common.unrestored_operation import UnrestoredOperation


class AwplusOperation(UnrestoredOperation):
    """The operation of one switch; see `controller.platforms.common.unrestored_operation.UnrestoredOperation`."""

    accepts = ("% This access-list is attached",)

    def save(self, session: Session, lock: Lock) -> None:
        """Save what runs into the file that the switch boots with.

        Raises:
            CommandFailed: it refused, or asked something.
        """
        del lock
        session.run(Command("copy running-config startup-config"))
        self.note_saved()
