"""The operation of a device that runs a POSIX shell: its lock and its own restore are `own_restore.sh`, run on it.

A system puts its own part before it (`ovs/switch.sh`, `frr/router.sh`): how it is read, put back and saved. The two are
one program, installed on the device as root's own; sshd runs it as the forced command of the controller's keys. So what
goes over SSH is a verb and its words, and nothing of it is read by a shell.
"""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from controller.errors import CommandFailed, DeviceBusy, PlatformIncomplete
from controller.platforms.base import Command, Lock, Restore, Session
from controller.platforms.common.unconfirmed import RestoreState, Unconfirmed, build_refusal
from controller.platforms.device_text.device_text import DeviceText, describe_device_words

_SHOWN = 12
_WORD = re.compile(r"[A-Za-z0-9._=,:\[\]-]+")
_NAME = r"[A-Za-z0-9._-]{1,128}"
_BUSY = re.compile(rf"busy (?P<owner>{_NAME}) (?P<seconds>-?[0-9]{{1,9}})\n?")
_REFUSED = re.compile(rf"unconfirmed (?P<owner>{_NAME}) (?P<run>{_NAME}) (?P<age>[0-9]{{1,12}})\n?")
_UNCONFIRMED = re.compile(
    rf"(?P<state>armed|firing|failed|lost) (?P<job>lives|gone) (?P<owner>{_NAME}) (?P<run>{_NAME}) "
    r"(?P<age>[0-9]{1,12}) (?P<left>-?[0-9]{1,12})"
)
_MOST_UNCONFIRMED = 100
"""Lines that are looked at; each is a change of its own."""


class OwnRestore:
    """What `controller.platforms.base.Operable` promises beyond text, by a script on the device.

    `agent` is what the program calls itself in errors, `script` the file of the system's part, beside the class that
    names it, `home` the environment variable with the folder that it keeps.
    """

    agent: str
    script: str
    home: str

    def build_program(self) -> str:
        """Return the whole program that is installed on the device: the system's part, and then the common one.

        Raises:
            PlatformIncomplete: the system's part is not beside the class that names it.
        """
        owner = next((cls for cls in type(self).__mro__ if "script" in vars(cls)), None)
        if owner is None:
            message = f"{type(self).__qualname__} names no `script`: its part of the program on the device"
            raise PlatformIncomplete(message)
        return _read_program(owner.__module__, owner.__qualname__, self.script)

    def read(self, session: Session) -> DeviceText:
        """Return the running configuration."""
        return self._run(session, "read")

    def read_saved(self, session: Session) -> DeviceText:
        """Return the configuration that the device would start with; empty when there is none, or none whole."""
        return self._run(session, "saved")

    def lock(self, session: Session, lock: Lock) -> None:
        """Take the lock.

        An expired hold of another owner whose restore has not ended still counts: that restore must not be lost.

        Raises:
            DeviceBusy: another owner's hold is valid, or its restore is still to come.
            DeviceUnconfirmed: a restore failed, and nobody has repaired that.
        """
        answer = self._run(session, "lock", lock.owner, lock.run, str(lock.seconds))
        if busy := _BUSY.fullmatch(answer.reveal()):
            message = f"the lock is held by plan {busy['owner'][:_SHOWN]} for up to {busy['seconds']} s more"
            raise DeviceBusy(session.device, message)
        if refused := _REFUSED.fullmatch(answer.reveal()):
            age = int(refused["age"])
            found = Unconfirmed(
                RestoreState.FAILED, job_lives=True, owner=refused["owner"], run=refused["run"], age=age, left=0
            )
            raise build_refusal(session.device, found)
        self._expect(session, answer, "held")

    def unlock(self, session: Session, lock: Lock) -> None:
        """Give the lock back; no error if it is gone."""
        self._expect(session, self._run(session, "unlock", lock.owner, lock.run), "free", "not-held")

    def arm(self, session: Session, restore: Restore) -> None:
        """Arm the restore; the run must hold the lock.

        Raises:
            CommandFailed: the run does not hold the lock, has armed before, or the job did not start.
        """
        self._expect(session, self._run(session, "arm", restore.run, str(restore.seconds)), "armed")

    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Run a command while the restore is armed and the run holds the lock.

        Raises:
            CommandFailed: the command failed, or it was too late (the message says so) and was not run.
        """
        try:
            line = _join_words("push", restore.run, *shlex.split(command.line))
        except ValueError as error:
            shown = command.hide_secrets(str(error))
            message = f"it is not sent: {shown}"
            raise CommandFailed(session.device, message, command=command.shown_line) from None
        shown = f"push {restore.run} {command.shown}" if command.shown else ""
        session.run(replace(command, line=line, shown=shown))

    def cancel(self, session: Session, restore: Restore) -> bool:
        """Cancel the armed restore; False when it has fired or is firing, or the lock is another run's."""
        answer = self._run(session, "cancel", restore.run)
        return self._expect(session, answer, "cancelled", "late") == "cancelled"

    def is_restore_armed(self, session: Session) -> bool:
        """Say if any run's restore is armed, or firing now."""
        return self._expect(session, self._run(session, "armed"), "yes", "no") == "yes"

    def has_restored(self, session: Session, restore: Restore) -> bool:
        """Say if the armed restore has fired and ended well.

        Raises:
            CommandFailed: a later run of the same plan has replaced it.
            DeviceUnconfirmed: it failed; the device tries on, and somebody has to look.
        """
        answer = self._expect(session, self._run(session, "restored", restore.run), "yes", "no", "superseded", "failed")
        if answer == "failed":
            for one in self.list_unconfirmed(session):
                if one.run == restore.run:
                    raise build_refusal(session.device, one)
        if answer == "superseded":
            raise CommandFailed(session.device, "another run of the same plan has taken the device over")
        return answer == "yes"

    def list_unconfirmed(self, session: Session) -> tuple[Unconfirmed, ...]:
        """Return the changes on the device that were armed and neither confirmed nor put back.

        Raises:
            CommandFailed: the program on the device does not know the question.
        """
        answer = self._run_known(session, "unconfirmed").reveal()
        if answer == "no\n":
            return ()
        lines = answer.splitlines()[:_MOST_UNCONFIRMED]
        found = [_UNCONFIRMED.fullmatch(line) for line in lines]
        if not lines or None in found:
            message = f"expected its unconfirmed changes, the device said {describe_device_words(answer)!r}"
            raise CommandFailed(session.device, message, command=self.agent)
        return tuple(
            Unconfirmed(
                RestoreState(one["state"]),
                one["job"] == "lives",
                one["owner"],
                one["run"],
                int(one["age"]),
                int(one["left"]),
            )
            for one in found
            if one is not None
        )

    def repair(self, session: Session, run: str, *, keep: bool) -> None:
        """Put the state from before a run back now, or keep what the device runs.

        Raises:
            CommandFailed: it could not be put back, or may still be confirmed.
        """
        answer = self._run(session, "repair", run, "keep" if keep else "back")
        self._expect(session, answer, "kept" if keep else "restored")

    def list_keys(self, session: Session) -> frozenset[str]:
        """Return the keys that may change the device, each as `TYPE KEY` of an authorized_keys line.

        Raises:
            CommandFailed: whoever installs the device sets its keys, or its program does not know the question.
        """
        return frozenset(self._run(session, "keys").reveal().splitlines())

    def save(self, session: Session, lock: Lock) -> None:
        """Make the running configuration the one that the device starts with, whole or not at all.

        Raises:
            CommandFailed: the lock is another run's.
        """
        self._expect(session, self._run(session, "save", lock.run), "saved")

    def _run(self, session: Session, *words: str) -> DeviceText:
        return session.run(Command(_join_words(*words)))

    def _run_known(self, session: Session, verb: str) -> DeviceText:
        """Run a verb that older programs do not know.

        Raises:
            CommandFailed: it failed, or the program does not know it; then says what to install.
        """
        try:
            return self._run(session, verb)
        except CommandFailed as error:
            if f"'{verb}' is no command" not in str(error):
                raise
            message = "its program is older than this controller; install what `tsunagu agent` prints for its platform"
            raise CommandFailed(session.device, message) from None

    def _expect(self, session: Session, answer: DeviceText, *words: str) -> str:
        word = answer.reveal().removesuffix("\n")
        if word not in words:
            said = describe_device_words(answer.reveal())
            message = f"expected one of {', '.join(words)}, the device said {said!r}"
            raise CommandFailed(session.device, message, command=self.agent)
        return word


def _join_words(*words: str) -> str:
    """Return a command line of words that the device takes as they are.

    Raises:
        ValueError: a word holds a character that has no place there; an error of ours.
    """
    for word in words:
        if not _WORD.fullmatch(word):
            message = f"{word!r} cannot be sent to a device as one word"
            raise ValueError(message)
    return " ".join(words)


@cache
def _read_program(module: str, owner: str, script: str) -> str:
    common = (files("controller.platforms.common") / "own_restore.sh").read_text(encoding="utf-8")
    try:
        return _find_beside(module, script).read_text(encoding="utf-8") + common
    except OSError as error:
        lost = f"{module}.{owner} needs {script!r} beside its module, and it is not there"
        message = f"{lost} ({error}); list it as data of the package (package-data)"
        raise PlatformIncomplete(message) from error


def _find_beside(module: str, name: str) -> Traversable:
    """Return the path of a file beside a module: in its package, or in the folder of a module that is in none."""
    loaded = sys.modules[module]
    if loaded.__package__:
        return files(loaded.__package__) / name
    return Path(getattr(loaded, "__file__", None) or ".").parent / name
