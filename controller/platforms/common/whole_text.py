"""The door that every text of a device comes in by: what is no whole running configuration of its system is refused.

What is missing from a text would be taken for what is missing on the device. So a text that begins or ends in the
middle, says that a command was refused, or is of another system, has no meaning at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from controller.errors import ConfigRefused, Origin, Problem
from controller.inputs.capture_faults import find_capture_fault
from controller.model.network.device_state import PREFIX
from controller.platforms.base import ConfigLine, Observation, Platform
from controller.platforms.common.other_systems import find_other_system
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText

_SAVE = "save what 'show running-config' prints, from its first line to its last"
_CONTROL = re.compile(r"\\x(0[0-8d-f]|1[0-9a-b]|7f|9b)")
"""Control characters as `DeviceText` shows them, but for those that only look like line ends."""
_PROMPT = re.compile(r"\S{1,64}[>#]( ?(exit|logout|quit|show .*|sh .*|terminal .*|ter .*))?")
_OTHERS = re.compile(r"[!#]")


@dataclass(frozen=True)
class TextForm:
    """How a system prints a whole running configuration.

    `begins` matches a line at the margin of which every whole one has at least one, `named` is how a message calls
    them. `end` is its last line ("": there is none). `behind` says of a line if it may stand behind that. `faults` are
    the lines by which a text cannot be cut into blocks, and why. `begins_always`: a text with lines of others begins
    with such a line; what `tsunagu render` writes has none.
    """

    begins: re.Pattern[str]
    named: str
    end: str = "end"
    behind: Callable[[str], bool] = lambda _: False
    faults: Callable[[str], Iterable[tuple[ConfigLine, str]]] = lambda _: ()
    begins_always: bool = False


@runtime_checkable
class HasTextForm(Protocol):
    """A platform that says how its system prints a whole running configuration."""

    @property
    def name(self) -> str:
        """The name that policies use."""

    @property
    def text_form(self) -> TextForm:
        """How a whole running configuration looks."""


def understand_whole(system: Platform, text: DeviceText, source: str) -> Observation:
    """Return what a device's whole configuration means; `source` names it in errors.

    Raises:
        ConfigRefused: it is no whole configuration of this system, or the platform refuses it.
    """
    fault = find_text_fault(system, text)
    if fault is not None:
        line, reason = fault
        raise _refuse_part(source, line, reason)
    seen = understand(system, text, source)
    form = system.text_form if isinstance(system, HasTextForm) else None
    framed = form is None or any(form.begins.match(line) for line in text.reveal().split("\n"))
    if form is not None and form.begins_always and seen.unmanaged and not framed:
        raise _refuse_part(source, 1, f"its beginning is missing: the first line is {form.named}; {_SAVE}")
    return seen


def _refuse_part(source: str, line: int, reason: str) -> ConfigRefused:
    message = f"{source}: this is no whole running configuration; nothing was read from it:"
    return ConfigRefused(message, [Problem(Origin(source, line), "", reason)])


def find_text_fault(system: Platform, text: DeviceText) -> tuple[int, str] | None:
    """Return the line, and why a text is no whole running configuration of a system; None where it seems to be one."""
    raw = text.reveal()
    fault = find_capture_fault(raw)
    if fault is not None:
        return fault
    if not isinstance(system, HasTextForm):
        return None
    lines = raw.split("\n")
    for number, line in enumerate(lines, start=1):
        if found := _CONTROL.search(line):
            return number, f"a control character stands here ({found[0]}); switch the pager off, {_SAVE}"
    margin = [(number, line.rstrip()) for number, line in enumerate(lines, 1) if line.strip() and line[0] not in " \t"]
    other = find_other_system(system.name, margin)
    if other is not None:
        return other[0], f"this line is of {other[1]}, and the device is said to be {system.name}; {_SAVE}"
    form = system.text_form
    missing = _find_missing_part(form, margin, ours=f"{PREFIX}-" in raw)
    return missing or next(((line.number, reason) for line, reason in form.faults(raw)), None)


def _find_missing_beginning(
    form: TextForm, words: list[tuple[int, str]], begun: int | None, *, ours: bool
) -> tuple[int, str] | None:
    """Return why a text that nothing ends is no whole configuration."""
    if begun is None:
        return None if ours else (1, f"holds no line {form.named}, so it is no running configuration; {_SAVE}")
    early = next((number for number, line in words if number < begun and not _PROMPT.fullmatch(line)), None)
    if early is None or not form.begins_always:
        return None
    return early, f"stands before {form.named} of line {begun}: more than one text, or out of order; {_SAVE}"


def _find_missing_part(form: TextForm, margin: list[tuple[int, str]], *, ours: bool) -> tuple[int, str] | None:
    """Return which part of a configuration is missing. What `tsunagu render` writes is ours alone, and has no frame."""
    words = [(number, line) for number, line in margin if not _OTHERS.match(line)]
    begun = next((number for number, line in margin if form.begins.match(line)), None)
    if not form.end:
        return _find_missing_beginning(form, words, begun, ours=ours)
    ended = next((number for number, line in words if line == form.end), None)
    if ended is None and begun is None:
        reason = f"holds no {form.named}, no {form.end!r} and nothing of ours, so it is no running configuration"
        return None if ours else (1, f"{reason}; {_SAVE}")
    if ended is None:
        last = words[-1][0] if words else 1
        return last, f"the text ends here, without the line {form.end!r}, so a part of it is missing; {_SAVE}"
    if begun is None or begun > ended:
        reason = f"its beginning is missing: no {form.named} stands before {form.end!r}"
        return (words[0][0] if words else 1), f"{reason}; {_SAVE}"
    for number, line in words:
        if number > ended and not _PROMPT.fullmatch(line) and not form.behind(line):
            return number, f"stands behind {form.end!r} of line {ended}: more than one text, or out of order; {_SAVE}"
    return None
