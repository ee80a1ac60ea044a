"""A login's command line: EXEC, its privileges, configuration mode and the questions between them.

Prompts: `H>` and `H#`, `H(config)#` and the modes below; configuration mode cuts the hostname to 20 characters
(netmiko, issues 2755 and 1786). The pager's ` --More-- ` is wiped by backspaces and blanks (oxidized, model/ios.rb).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.catalyst.configuration.editor import Editor
from controller.lab.virtual_switches.catalyst.grammar import (
    NOT_MODELLED,
    Ambiguous,
    CommandSet,
    Incomplete,
    InvalidAt,
    LineRefused,
    Match,
    explain_refusal,
)
from controller.lab.virtual_switches.command_line import (
    CONTROL_C,
    CONTROL_Z,
    Answer,
    Question,
    SessionEvents,
)

if TYPE_CHECKING:
    from controller.lab.virtual_switches.catalyst.device import CatalystSwitch

ExecHandler = Callable[["Session", Match], Answer]
USER_EXEC: CommandSet[ExecHandler] = CommandSet()
EXEC: CommandSet[ExecHandler] = CommandSet()
_CONFIGURED_HOSTNAME = 20
_PAGE = 24
_MORE = (" --More-- ", "\b" * 9 + " " * 8 + "\b" * 9)
_PRIVILEGED = 15
_TRIES = 3


class Session:
    """One login's command line; see `controller.lab.virtual_switches.command_line.CommandLine`."""

    def __init__(self, device: CatalystSwitch, user: str, number: int, privilege: int) -> None:
        """Log in on a line of this number."""
        self.device = device
        self.user = user
        self.number = number
        self.privileged = privilege >= _PRIVILEGED
        self.length = _PAGE
        self.monitors = False
        self.editor: Editor | None = None
        self._answered: Callable[[str], Answer] | None = None
        self._events: SessionEvents | None = None
        self._ended = False

    @property
    def prompt(self) -> str:
        """What stands before the next input."""
        name = self.device.hostname
        if self.editor is not None:
            return f"{name[:_CONFIGURED_HOSTNAME]}{self.editor.prompt}#"
        return f"{name}{'#' if self.privileged else '>'}"

    @property
    def page(self) -> int:
        """Lines of a page of the pager; 0: there is none."""
        return self.length

    @property
    def pager(self) -> tuple[str, str]:
        """What the pager shows, and what wipes it away again."""
        return _MORE

    def attach(self, events: SessionEvents) -> None:
        """Take note of the session, and show it the banners."""
        self._events = events
        for kind in ("motd", "exec"):
            for line in self.device.configuration.banners.get(kind, ()):
                events.show_line(line)

    def show_line(self, line: str) -> None:
        """Write a line by the device itself."""
        if self._events is not None:
            self._events.show_line(line)

    def end(self) -> None:
        """End the session from the device's side."""
        self._ended = True
        self.editor = None
        if self._events is not None:
            self._events.close()

    def hang_up(self) -> None:
        """Take note that the session is gone: what was entered for a VLAN acts, the lock is free."""
        if self.editor is not None:
            self.leave_configuration()
        if self in self.device.sessions:
            self.device.sessions.remove(self)

    def enter(self, line: str) -> Answer:
        """Take a line, or the answer to the question that is open."""
        if self._ended:
            return Answer(closed=True)
        if self._answered is not None:
            answered, self._answered = self._answered, None
            return answered(line)
        if line in {CONTROL_C, CONTROL_Z}:
            return Answer(self.leave_configuration() if self.editor is not None else ())
        if self.editor is not None:
            return self._configure(self.editor, line)
        return self.execute(line)

    def ask(self, question: Question, then: Callable[[str], Answer], lines: tuple[str, ...] = ()) -> Answer:
        """Ask, and go on with the answer."""
        self._answered = then
        return Answer(lines, question)

    def execute(self, line: str, prompt: str | None = None) -> Answer:
        """Carry out a line of EXEC."""
        if not line.strip() or line.lstrip().startswith("!"):
            return Answer()
        if "|" in line:
            return Answer((f"{NOT_MODELLED}{line.strip()}",))
        try:
            found, action = (EXEC if self.privileged else USER_EXEC).match(line)
            return action(self, found)
        except (LineRefused, InvalidAt, Incomplete, Ambiguous) as error:
            return Answer(explain_refusal(error, self.prompt if prompt is None else prompt))

    def _configure(self, editor: Editor, line: str) -> Answer:
        if editor.banner is not None:
            editor.enter(line)
            return self._continue_banner(editor, ())
        word, _, rest = line.strip().lower().partition(" ")
        if word == "do" and rest:
            column = line.lower().find("do") + len("do ")
            return self.execute(line[column:], self.prompt + " " * column)
        if word in {"end", "exit"} and not rest:
            return Answer(self.leave_configuration() if word == "end" else self._leave_mode(editor))
        return self._carry_out(editor, line)

    def _leave_mode(self, editor: Editor) -> tuple[str, ...]:
        editor.said = []
        editor.exit_mode()
        said = tuple(editor.said)
        self.device.note_change()
        return said if editor.mode else (*said, *self.leave_configuration())

    def _carry_out(self, editor: Editor, line: str) -> Answer:
        said = editor.enter(line, self.prompt)
        if editor.changed:
            self.device.touch(self.user)
        if editor.banner is not None:
            return self._continue_banner(editor, said)
        if editor.confirmation is not None:
            confirmation, editor.confirmation = editor.confirmation, None

            def confirm(key: str) -> Answer:
                if is_confirmed(key):
                    confirmation.then()
                    self.device.touch(self.user)
                return Answer()

            return self.ask(Question(confirmation.text, one_key=True), confirm, said)
        return Answer(said)

    def _continue_banner(self, editor: Editor, said: tuple[str, ...]) -> Answer:
        """Take the next line of a banner: no prompt stands before it."""
        if editor.banner is None:
            self.device.touch(self.user)
            return Answer(said)

        def take(line: str) -> Answer:
            if line == CONTROL_C:
                return Answer(self.leave_configuration())
            editor.enter(line)
            return self._continue_banner(editor, ())

        return self.ask(Question(""), take, said)

    def begin_configuration(self, *, exclusive: bool = False) -> Answer:
        """Enter configuration mode, where no other session has locked it."""
        device = self.device
        holder = device.lock_holder
        if holder is not None and holder is not self:
            by = f"user '{holder.user}' process '{100 + holder.number}' from terminal '{holder.number + 1}'"
            return Answer((f"Configuration mode locked exclusively by {by}. Please try later.",))
        if exclusive or device.configuration.exclusive == "auto":
            device.lock_holder = self
        self.editor = device.open_editor(self.user)
        return Answer(("Enter configuration commands, one per line.  End with CNTL/Z.",))

    def leave_configuration(self) -> tuple[str, ...]:
        """Go back to EXEC; the lock ends with the mode."""
        editor, self.editor = self.editor, None
        said = editor.end() if editor is not None else ()
        if self.device.lock_holder is self:
            self.device.lock_holder = None
        self.device.note_change()
        self.device.log(f"%SYS-5-CONFIG_I: Configured from console by {self.user} on vty{self.number}")
        return said

    def ask_enable(self) -> Answer:
        """Ask for the secret of `enable`, three times at most."""
        if not self.device.has_enable:
            return Answer(("% No password set",))

        def check(tries: int) -> Callable[[str], Answer]:
            def take(word: str) -> Answer:
                if self.device.check_enable(word):
                    self.privileged = True
                    return Answer()
                if tries + 1 >= _TRIES or word == CONTROL_C:
                    return Answer(("% Bad secrets", ""))
                return self.ask(Question("Password: ", hidden=True), check(tries + 1))

            return take

        return self.ask(Question("Password: ", hidden=True), check(0))


def is_confirmed(key: str) -> bool:
    """Tell if a key confirms: Enter and `y` do."""
    return key in {"", "y", "Y"}
