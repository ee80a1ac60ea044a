"""Where `tsunagu` starts: Ctrl-C is answered also while Python is still reading the program."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

COMPLETE = "_TSUNAGU_COMPLETE"
"""The variable by which a shell asks for completions."""
_INTERRUPTED = 130
_PRESSED: list[int] = []
_LOADED: list[bool] = []
"""Holds something once the command's program is read and it begins to work."""


def start() -> None:
    """Complete a word for a shell, or run a command."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _press)
    try:
        if os.environ.get(COMPLETE, "").startswith("complete_"):
            from controller.cli.conventions.completion import complete_word  # noqa: PLC0415 a shell waits for it

            text, code = complete_word(os.environ)
            sys.stdout.write(text)
            sys.exit(code)
        from controller.cli.main import main  # noqa: PLC0415 see above

        main()
    except SystemExit as leave:
        if leave.code == _INTERRUPTED:
            _leave()
        raise
    except BaseException as error:
        # A module that was left half read by Ctrl-C makes other errors than the one that is raised for it.
        if not was_interrupted() and not isinstance(error, KeyboardInterrupt):
            raise
        _answer()


def begin_work() -> None:
    """Say that the program is read: from now on Ctrl-C lets a command end its work, and say what it leaves behind."""
    _LOADED.append(True)


def was_interrupted() -> bool:
    """Tell if Ctrl-C was pressed in this run."""
    return bool(_PRESSED)


def _press(number: int, frame: FrameType | None) -> None:
    _PRESSED.append(number)
    if not _LOADED and "--json" not in sys.argv:
        _answer()  # nothing has been done so far
    signal.default_int_handler(number, frame)


def _answer() -> None:
    os.write(2, b"tsunagu: interrupted\n")
    _leave()


def _leave() -> None:
    """End now: what is written is written, and Python's own tidying of modules takes as long as an answer may."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # whoever read it has gone
            continue
    os._exit(_INTERRUPTED)
