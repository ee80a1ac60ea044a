"""Runs the command as a user would: in a process of its own, or, far quicker, in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from controller.cli.advised_commands import forget_estate
from controller.cli.main import main

ROOT = Path(__file__).parents[2]
PROGRAM = "from controller.cli.main import main; main()"


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    code: int
    said: str
    errors: str


def in_a_process(*arguments: str, cwd: Path) -> Done:
    """`tsunagu ARGUMENTS` in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def here(*arguments: str, cwd: Path) -> Done:
    """The same without starting Python anew; what would be a traceback there is an exception here."""
    out, errors = StringIO(), StringIO()
    code: object = 0
    with (
        chdir(cwd),
        redirect_stdout(out),
        redirect_stderr(errors),
        patch.object(sys, "argv", ["tsunagu", *arguments]),
        # Threads that stand here are other tests', and an end at once would end them all.
        patch("controller.cli.main._leave_threads"),
    ):
        try:
            main()
        except SystemExit as leave:
            code = leave.code
        finally:
            forget_estate()  # what a process would have forgotten with its end
    assert isinstance(code, int)
    return Done(code, out.getvalue(), errors.getvalue())
