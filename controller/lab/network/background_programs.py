"""Programs of the lab that go on in the background, inside one of its namespaces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    started = {
        name: _begin(paths.INTERNET, (module, str(state)), _name_log(state, name)) for name, module in programs.items()
    }
    failed = []
    for name, starting in started.items():
        try:
            _finish(starting, name, "", _name_log(state, name), state)
        except LabError as error:
            failed.append(str(error))
    if failed:
        raise LabError("; ".join(failed))


@dataclass(frozen=True, slots=True)
class SchoolProgram:
    """A program of a school: `words` are its module and its arguments, `log` takes what it says of its errors."""

    name: str
    school: str
    namespace: str
    words: Sequence[str]
    log: Path


def start_school_program(program: SchoolProgram, state: Path) -> None:
    """Start a program of a school, and wait until it says that it serves.

    Raises:
        LabError: it did not start; with what it said.
    """
    starting = _begin(program.namespace, program.words, program.log)
    _finish(starting, program.name, program.school, program.log, state)


def _begin(namespace: str, words: Sequence[str], log: Path) -> subprocess.Popen[str]:
    packages = str(Path(controller.__file__).resolve().parents[1])
    with log.open("w", encoding="utf-8") as errors:
        return subprocess.Popen(  # noqa: S603 every word is ours
            ("ip", "netns", "exec", namespace, "setsid", "--fork", sys.executable, "-m", *words),  # noqa: S607 by PATH
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd="/",
            env={"PATH": PATH, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
        )


def _finish(starting: subprocess.Popen[str], name: str, school: str, log: Path, state: Path) -> None:
    with starting:
        said = starting.stdout.readline().strip() if starting.stdout else ""
    if said.isdigit():
        undo_log.add_process(state, describe_process(name, school, int(said)))
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    whose = f"{name} of {school}" if school else name
    message = f"{whose} did not start: {(text.strip().splitlines() or ['no reason given'])[-1]}"
    raise LabError(message)


def _name_log(state: Path, name: str) -> Path:
    return state / f"{name}.log"
