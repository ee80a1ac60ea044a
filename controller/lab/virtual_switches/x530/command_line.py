"""A login's command line on an x530: its mode, and which command a typed line is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.command_line import Answer, Question
from controller.lab.virtual_switches.x530 import configuration_commands as configuring
from controller.lab.virtual_switches.x530 import executive_commands as executive
from controller.lab.virtual_switches.x530 import interface_commands as on_interfaces
from controller.lab.virtual_switches.x530 import kept_lines
from controller.lab.virtual_switches.x530 import trigger_commands as triggers
from controller.lab.virtual_switches.x530.grammar import (
    Refused,
    Syntax,
    UnknownWord,
    Unmodelled,
    find_command,
)
from controller.lab.virtual_switches.x530.modes import Mode, Where

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.configuration import Configuration
    from controller.lab.virtual_switches.x530.device import X530, Model

PAGER = ("\x1b[7m--More--\x1b[m", "\r\x1b[K")
"""S4, oxidized issue 3919: in inverse video; wiped by CR and `ESC[K`."""
DEFAULT_PAGE = 22
BELOW: dict[Mode, tuple[tuple[Syntax, ...], tuple[str, ...]]] = {
    Mode.INTERFACE: (on_interfaces.COMMANDS, on_interfaces.UNMODELLED),
    Mode.VLAN: (configuring.VLAN_DATABASE, configuring.UNMODELLED_VLAN),
    Mode.LIST: (configuring.LIST, ()),
    Mode.LIST_6: (configuring.LIST, ()),
    Mode.MAP: (configuring.MAP, ("match",)),
    Mode.TRIGGER: (triggers.TRIGGER, triggers.UNMODELLED),
    Mode.LINE: (configuring.LINE, ("login", "no", "privilege", "length", "speed", "stopbits")),
}
"""The commands of the modes below configuration mode, and the beginnings of what is not modelled in them."""
Answered = Callable[[str], Answer]


class X530CommandLine:
    """One login: its mode, and what is open in it."""

    def __init__(self, device: X530, *, privileged: bool = False) -> None:
        self.device = device
        self.mode = Mode.PRIVILEGED if privileged else Mode.USER
        self.where = Where()
        self.closed = False
        self._page = DEFAULT_PAGE
        self._answered: Answered | None = None

    @property
    def running(self) -> Configuration:
        """The running configuration."""
        return self.device.running

    @property
    def model(self) -> Model:
        """What was chosen of the device."""
        return self.device.model

    @property
    def prompt(self) -> str:
        """The name and the end of the mode."""
        return f"{self.device.hostname}{self.mode.value}"

    @property
    def page(self) -> int:
        """Lines of a page; 0: no pager."""
        return self._page

    @property
    def pager(self) -> tuple[str, str]:
        """What the pager shows, and what wipes it away."""
        return PAGER

    def set_page(self, lines: int) -> None:
        """Set the lines of a page; `terminal length 0` switches the pager off (S4)."""
        self._page = lines

    def go(self, mode: Mode, where: Where | None = None) -> None:
        """Change the mode; a list that was open is given to the hardware."""
        if self.mode in {Mode.LIST, Mode.LIST_6} and self.where.access_list in self.running.lists:
            self.running.lists[self.where.access_list].commit()
        self.mode = mode
        self.where = where or Where()

    def ask(self, question: Question, answered: Answered) -> Answer:
        """Return a question; what is typed next answers it."""
        self._answered = answered
        return Answer(question=question)

    def hang_up(self) -> None:
        """End the session: what was edited in a list is given to the hardware."""
        if not self.closed:
            self.go(Mode.USER)
            self.closed = True

    def enter(self, line: str) -> Answer:
        """Take a line, or the answer to the question that is open."""
        if self.closed:
            return Answer(closed=True)
        self.device.run_timers()
        if self._answered is not None:
            answered, self._answered = self._answered, None
            return answered(line.strip())
        text = line.rstrip()
        if not text.strip() or text.lstrip().startswith("!"):
            return Answer()
        try:
            return self._run(text)
        except Refused as refused:
            return Answer(self._show_refusal(refused))

    def _show_refusal(self, refused: Refused) -> tuple[str, ...]:
        if isinstance(refused, UnknownWord):
            return " " * (len(self.prompt) + refused.column) + "^", str(refused)
        return (str(refused),)

    def _run(self, text: str) -> Answer:
        """Run a command of this mode, of configuration mode from one below it, or after `do` of the level above."""
        word = text.split(maxsplit=1)[0].lower()
        if not self.mode.configures:
            unmodelled = () if self.mode is Mode.USER else executive.UNMODELLED
            return self._try([(executive.list_commands(self.mode), unmodelled)], text)
        if word == "do":
            asked = text.lstrip()[2:].strip()
            return self._try([(executive.list_commands(Mode.PRIVILEGED), executive.UNMODELLED)], asked)
        if word in {"end", "exit", "quit"} and len(text.split()) == 1:
            below = self.mode is not Mode.GLOBAL and word != "end"
            self.go(Mode.GLOBAL if below else Mode.PRIVILEGED)
            return Answer()
        levels = [BELOW[self.mode]] if self.mode in BELOW else []
        return self._try([*levels, (configuring.GLOBAL, kept_lines.UNMODELLED)], text)

    def _try(self, levels: Sequence[tuple[Sequence[Syntax], tuple[str, ...]]], text: str) -> Answer:
        """Run the command of the first level that knows the line; else say what is wrong with it."""
        wrong: list[Refused] = []
        for commands, unmodelled in levels:
            try:
                command, chosen = find_command(commands, text)
                said = command.action(self, *chosen)
            except Unmodelled:
                raise
            except UnknownWord as unknown:
                if is_unmodelled(text, unmodelled):
                    wrong.append(Unmodelled(" ".join(text.split())))
                else:
                    wrong.append(unknown)
            except Refused as refused:
                if len(levels) == 1 or self.mode in {Mode.LIST, Mode.LIST_6}:
                    wrong.append(refused)
                else:
                    raise
            else:
                return said if isinstance(said, Answer) else Answer(tuple(said or ()))
        if levels[-1][0] is configuring.GLOBAL and kept_lines.keep_line(self, text):
            if self.mode is not Mode.GLOBAL:
                self.go(Mode.GLOBAL)
            return Answer()
        raise next((one for one in wrong if isinstance(one, Unmodelled)), None) or max(
            wrong, key=lambda one: one.column if isinstance(one, UnknownWord) else 10_000
        )


def is_unmodelled(text: str, beginnings: tuple[str, ...]) -> bool:
    """Tell if a line begins as a command that the device has and nothing here models."""
    words = text.lower().split()
    return any(words[: len(start)] == start for start in (one.split() for one in beginnings))
