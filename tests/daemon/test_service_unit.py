"""The daemon's unit for systemd: systemd takes it and calls it closed, and what it starts is a command of ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from controller.cli.conventions.command_tree import list_commands
from controller.cli.unexpected import find_report_folder
from controller.plan.proof.cache_key import find_key_file
from controller.plan.provenance.made_here import KEY_NAME

UNIT = Path(__file__).resolve().parents[2] / "controller/daemon/tsunagu-daemon.service"
PROGRAM = "/opt/tsunagu/.venv/bin/tsunagu"
EXPOSURE = 20
"""Tenths: systemd calls a service below 2.0 "OK"; what is open here is the network, for devices stand anywhere."""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize(
    "words",
    [("verify",), ("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}")],
    ids=lambda one: one[0],
)
def test_systemd_takes_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", *words, str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert "Unknown" not in done.stderr


def test_what_it_keeps_of_its_own_stands_in_the_one_folder_it_may_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.partition("=")[::2] for line in UNIT.read_text("utf-8").splitlines()]
    [folder] = [Path("/var/lib", value) for name, value in lines if name == "StateDirectory"]
    for name, _, value in (value.partition("=") for name, value in lines if name == "Environment"):
        monkeypatch.setenv(name, value)
    for place in (find_key_file(KEY_NAME), find_key_file(), find_report_folder()):
        assert place.is_relative_to(folder)


def test_what_it_starts_is_a_command_with_its_options() -> None:
    [line] = [one for one in UNIT.read_text("utf-8").splitlines() if one.startswith("ExecStart=")]
    program, command, *words = line.removeprefix("ExecStart=").split()
    assert (program, command) == (PROGRAM, "run")
    known = {name for parameter in dict(list_commands())["run"].params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
