"""Where `tsunagu` starts: Ctrl-C is answered also while Python is still reading the program."""

from __future__ import annotations

import os
import sys

COMPLETE = "_TSUNAGU_COMPLETE"
"""The variable by which a shell asks for completions."""


def start() -> None:
    """Complete a word for a shell, or run a command."""
    try:
        if os.environ.get(COMPLETE, "").startswith("complete_"):
            from controller.cli.conventions.completion import complete_word  # noqa: PLC0415 a shell waits for it

            text, code = complete_word(os.environ)
            sys.stdout.write(text)
            sys.exit(code)
        from controller.cli.main import main  # noqa: PLC0415 see above

        main()
    except KeyboardInterrupt:
        os.write(2, b"tsunagu: interrupted\n")
        os._exit(130)
