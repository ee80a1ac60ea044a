"""The list of commands: read without loading any of them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

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
        [
            *("controller.cli", "controller.cli.advised_commands"),
            *("controller.cli.conventions", "controller.cli.conventions.entry", "controller.cli.main"),
            *("controller.cli.output", "controller.errors"),
            *("controller.exit_codes", "controller.inputs", "controller.inputs.shown_text"),
            *("controller.messages", "controller.storage", "controller.storage.whole_file"),
        ]
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


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_the_version_can_be_named_in_a_report(word: str) -> None:
    done = here(word, cwd=ROOT)
    assert done.code == 0
    assert done.said.split() == ["tsunagu", version("tsunagu")]


def test_the_short_word_for_help_and_the_variable_for_the_policies_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "TSUNAGU_POLICIES" in here("check", "-h", cwd=ROOT).said
    monkeypatch.setenv("TSUNAGU_POLICIES", str(tmp_path / "elsewhere"))
    done = here("check", cwd=ROOT)
    assert done.code == 1
    assert "elsewhere:1: no such folder" in done.errors
