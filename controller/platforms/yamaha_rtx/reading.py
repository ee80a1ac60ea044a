"""Reads a Yamaha RTX by its command line: what it runs, and if that is what it would boot with.

The console's lines and columns are in the configuration the moment they are typed. So what stood there is looked at
first, a wide console is set for as long as the configuration is read, and then what stood there is put back; the text
that is kept has the lines that were there before.

Sources: Yamaha command reference ed. 12.01, 2.4 (`show ... | grep`), 4.22 and 4.23 (`console columns` to 4096, to 200
on older models; `console lines`), 57.7 (`show config difference`).
"""

from __future__ import annotations

import re

from controller.errors import CommandFailed
from controller.platforms.base import Command, Session
from controller.platforms.common.device_operation import ask_device
from controller.platforms.device_text.device_text import DeviceText

SHOW = "show config"
_GREP = "show config | grep console"
_DIFFERENCE = "show config difference - 0"
_NO_PAGER = "console lines infinity"
_WIDTHS = ("console columns 4096", "console columns 200")
_SETTING = re.compile(r"console (?:lines|columns) \S{1,10}")
_FIRST = "# "


class RtxReading:
    """What `controller.platforms.base.Readable` promises, for a system with `show config`."""

    def read(self, session: Session) -> DeviceText:
        """Return the running configuration.

        Raises:
            CommandFailed: it does not begin as a whole one does, or the console cannot be made wide.
        """
        before = [line for line in _list_lines(ask_device(session, Command(_GREP))) if _SETTING.fullmatch(line)]
        session.run(Command(_NO_PAGER))
        _widen(session)
        try:
            text = ask_device(session, Command(SHOW))
        finally:
            _put_back(session, before)
        lines = _list_lines(text)
        if not lines or not lines[0].startswith(_FIRST):
            message = f"what it shows does not begin with a line {_FIRST!r}, so a part of it is missing"
            raise CommandFailed(session.device, message, command=SHOW)
        return DeviceText("".join(f"{line}\n" for line in _replace_settings(lines, before)), session.device)

    def read_saved(self, session: Session) -> DeviceText:
        """Return what the router would boot with, where nothing differs from what it runs; else nothing is known."""
        said = ask_device(session, Command(_DIFFERENCE))
        differing = [line for line in _list_lines(said) if not line.startswith("#")]
        kept = [line for line in differing if line.strip() and not _SETTING.fullmatch(line.strip().removeprefix("no "))]
        return DeviceText("", session.device) if kept else self.read(session)


def _list_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _widen(session: Session) -> None:
    """Make the console wide; older models have 200 columns at most.

    Raises:
        CommandFailed: it takes neither width.
    """
    for width in _WIDTHS[:-1]:
        try:
            session.run(Command(width))
        except CommandFailed:
            continue
        return
    session.run(Command(_WIDTHS[-1]))


def _put_back(session: Session, before: list[str]) -> None:
    for kind in ("console columns", "console lines"):
        line = next((one for one in before if one.startswith(f"{kind} ")), f"no {kind}")
        session.run(Command(line))


def _replace_settings(lines: list[str], before: list[str]) -> list[str]:
    """Return the lines with the console's settings that stood there before."""
    place = next((number for number, line in enumerate(lines) if _SETTING.fullmatch(line)), len(lines))
    kept = [line for line in lines if not _SETTING.fullmatch(line)]
    return [*kept[:place], *before, *kept[place:]]
