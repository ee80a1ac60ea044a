"""Programs of the lab that go on in the background, inside one of its namespaces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import controller
from controller.errors import LabError
from controller.lab.network.programs import PATH
from controller.lab.state import paths, undo_log
from controller.lab.state.processes import describe_process


def start_programs(state: Path, programs: Mapping[str, str]) -> None:
    """Start programs (a module for each name) at the same time, and wait until each says that it serves.

    Raises:
        LabError: one did not start; with what it said.
    """
    # Begun inside one of our namespaces, so that `down` finds them even where nobody came to write them down.
    started = {name: _begin(state, name, module) for name, module in programs.items()}
    failed = []
    for name, starting in started.items():
        with starting:
            said = starting.stdout.readline().strip() if starting.stdout else ""
        if said.isdigit():
            undo_log.add_process(state, describe_process(name, "", int(said)))
        else:
            text = _log(state, name).read_text(encoding="utf-8", errors="replace")
            failed.append(f"{name} did not start: {(text.strip().splitlines() or ['no reason given'])[-1]}")
    if failed:
        raise LabError("; ".join(failed))


def _begin(state: Path, name: str, module: str) -> subprocess.Popen[str]:
    packages = str(Path(controller.__file__).resolve().parents[1])
    words = ("setsid", "--fork", sys.executable, "-m", module, str(state))
    with _log(state, name).open("w", encoding="utf-8") as errors:
        return subprocess.Popen(  # noqa: S603 every word is ours
            ("ip", "netns", "exec", paths.INTERNET, *words),  # noqa: S607 looked for in PATH below
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd="/",
            env={"PATH": PATH, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
        )


def _log(state: Path, name: str) -> Path:
    return state / f"{name}.log"
