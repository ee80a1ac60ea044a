"""Runs the commands that a page shows, as its reader does, but in this process."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.cli.running import ROOT, here

SET_UP = ("make ", "export ")


def run_commands(commands: Iterable[str], folder: Path) -> dict[str, str]:
    """Run the lines in a folder with the shipped policies; return what each command of ours said, by its name.

    A line that should not end with 0 says so: `# exit code 2`.
    """
    shutil.copytree(ROOT / "policies", folder / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    said: dict[str, str] = {}
    for line in commands:
        if line.startswith(SET_UP):
            continue
        command, _, comment = (part.strip() for part in line.partition(" #"))
        words = shlex.split(command)
        if words[0] != "tsunagu":
            subprocess.run(["bash", "-c", command], cwd=folder, check=True)
            continue
        expected = int(comment.removeprefix("exit code ")) if comment.startswith("exit code ") else 0
        done = here(*words[1:], cwd=folder)
        assert done.code == expected, f"{line}\n{done.said[-2000:]}\n{done.errors[-2000:]}"
        name = words[1] if words[1] not in said else f"{words[1]} again"
        said[name] = done.said
    return said
