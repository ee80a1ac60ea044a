"""The list of commands: read without loading any of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from controller.cli.main import COMMANDS, GROUPS, build_command_line
from tests.cli.running import ROOT, here

LOADED = """
import sys
from controller.cli.main import main
sys.argv[1:] = ["--help"]
try:
    main()
finally:
    print(sorted(name for name in sys.modules if name.startswith("controller.")), file=sys.stderr)
"""


def test_help_names_every_command_on_a_line_of_its_own() -> None:
    lines = [line.strip() for line in here("--help", cwd=ROOT).said.splitlines()]
    for name, entry in {**COMMANDS, **GROUPS}.items():
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert line.removeprefix(name).strip() == entry.summary


def test_help_loads_no_command() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == str(
        ["controller.cli", "controller.cli.main", "controller.cli.output", "controller.errors"]
    )


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_every_command_can_be_loaded(name: str) -> None:
    loaded = build_command_line(name)
    known = [one.name for one in loaded.registered_commands] + [one.name for one in loaded.registered_groups]
    assert known == [name]


def test_a_mistyped_command_is_refused_by_name() -> None:
    done = here("chek", cwd=ROOT)
    assert done.code == 64
    assert "No such command 'chek'" in done.errors
