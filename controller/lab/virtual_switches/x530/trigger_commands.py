"""What is typed for triggers (S11; S9c page 2002 and what follows)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.x530.configuration import Trigger
from controller.lab.virtual_switches.x530.grammar import Refused, Unmodelled, build_syntax
from controller.lab.virtual_switches.x530.modes import Mode, Where

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.command_line import X530CommandLine

Change = Callable[..., None]


def enter_trigger(line: X530CommandLine, number: int) -> None:
    """Make a trigger, or enter it (S11)."""
    line.running.triggers.setdefault(number, Trigger())
    line.go(Mode.TRIGGER, Where(trigger=number))


def remove_trigger(line: X530CommandLine, number: int) -> None:
    """Remove a trigger (S11)."""
    if line.running.triggers.pop(number, None) is None:
        message = f"% Trigger {number} does not exist"
        raise Refused(message)


def _trigger(line: X530CommandLine) -> Trigger:
    if line.where.trigger not in line.running.triggers:
        message = f"% Trigger {line.where.trigger} does not exist"
        raise Refused(message)
    return line.running.triggers[line.where.trigger]


def _set_trigger(**settings: object) -> Change:
    def change(line: X530CommandLine) -> None:
        one = _trigger(line)
        for key, value in settings.items():
            setattr(one, key, value)
        line.device.schedule_trigger(one)

    return change


def _set_type(kind: str) -> Change:
    def change(line: X530CommandLine, minutes: int) -> None:
        _set_trigger(kind=kind, minutes=minutes)(line)

    return change


def add_script(line: X530CommandLine, place: int, name: str) -> None:
    """Let a trigger run a script; whether the file has to be there was not found, and it has to."""
    if not name.endswith(".scp"):
        message = f"{name}: scripts that do not end in .scp"
        raise Unmodelled(message)
    if name not in line.device.files:
        message = f"% Script {name} does not exist"
        raise Refused(message)
    _trigger(line).scripts[place] = name


def remove_script(line: X530CommandLine, place: int) -> None:
    """Let a trigger run a script no longer."""
    if _trigger(line).scripts.pop(place, None) is None:
        message = "% No such script"
        raise Refused(message)


def set_repeat(line: X530CommandLine, count: int | None) -> None:
    """Limit how often a trigger runs (S9c page 2004)."""
    _set_trigger(repeat=count, left=count)(line)


def describe_trigger(line: X530CommandLine, text: str) -> None:
    """Describe a trigger (S11)."""
    _trigger(line).description = text


_COMMANDS: dict[str, Change] = {
    "type periodic <minutes>": _set_type("periodic"),
    "type time <clock>": _set_type("time"),
    "script <script> <file>": add_script,
    "no script <script>": remove_script,
    "repeat <count>": set_repeat,
    "repeat once": lambda line: set_repeat(line, 1),
    "repeat forever": lambda line: set_repeat(line, None),
    "description <line>": describe_trigger,
    "no description": lambda line: describe_trigger(line, ""),
    "active": _set_trigger(active=True),
    "no active": _set_trigger(active=False),
    "test": _set_trigger(test=True),
    "no test": _set_trigger(test=False),
}
TRIGGER = tuple(build_syntax(pattern, action) for pattern, action in _COMMANDS.items())
UNMODELLED = ("type", "day", "time", "trap", "no trap", "repeat")
