"""The unit for systemd: systemd takes it and calls it closed, and what it starts runs as it says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from controller.cli.unexpected import find_report_folder
from controller.operations.operations import Operations
from controller.operations.operators_file import VARIABLE
from controller.telemetry.registry import Writer

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "monitoring" / "tsunagu-monitor.service"
PROGRAM = "/opt/tsunagu/.venv/bin/tsunagu"
EXPOSURE = 15
"""Tenths: systemd calls a service below 2.0 "OK"; what is open here is the network of this host."""


def read_settings(name: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.read_text("utf-8").splitlines() if line.startswith(f"{name}=")]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace(PROGRAM, "/bin/true"), encoding="utf-8")
    return copy


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize(
    "words",
    [("verify",), ("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}")],
    ids=lambda one: one[0],
)
def test_systemd_takes_it(unit: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run(["systemd-analyze", *words, str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert "Unknown" not in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_takes_what_lets_readers_on_other_machines_through(unit: Path) -> None:
    beside = unit.with_name(f"{unit.name}.d") / "beside.conf"
    beside.parent.mkdir()
    beside.write_text(UNIT.with_name("tsunagu-monitor-beside.conf").read_text("utf-8"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, "Unknown" in done.stderr) == (0, False), done.stderr
    beside.write_text("[Service]\nIPAddressAllow=anything at all\n", encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "beside.conf" in done.stderr, "it is read, and so the first answer says something"


def test_its_reports_and_state_stand_in_the_one_folder_it_may_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = read_settings("StateDirectory")
    for name, _, value in (one.partition("=") for one in read_settings("Environment")):
        monkeypatch.setenv(name, value)
    for place in (find_report_folder(), Operations().state):
        assert place.is_relative_to(Path("/var/lib", folder))


def test_what_it_starts_answers_and_ends_well_when_it_is_told_to(tmp_path: Path) -> None:
    """The words of `ExecStart`, with folders of this test in the place of the service's."""
    operators, state = tmp_path / "operations.yaml", tmp_path / "state"
    state.mkdir(mode=0o700)
    tokens = ", ".join(f"{one}: {state}/tokens/{one}" for one in Writer)
    assert tokens.replace(str(state), "/var/lib/tsunagu") in UNIT.read_text("utf-8")
    operators.write_text(f"format: 1\ntokens: {{{tokens}}}\n", encoding="utf-8")
    operators.chmod(0o600)
    assert f"{VARIABLE}=/etc/tsunagu/operations.yaml" in read_settings("Environment")
    [line] = read_settings("ExecStart")
    begin, *words = line.replace("/var/lib/tsunagu", str(state)).split()
    words = [one.replace("/srv/tsunagu/policies", str(ROOT / "policies")) for one in words]
    assert begin == PROGRAM
    started = [sys.executable, "-c", "from controller.cli.main import main; main()", *words, "--port", "0"]
    with subprocess.Popen(
        started, cwd=ROOT, env={**os.environ, VARIABLE: str(operators)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            with urllib.request.urlopen(f"{line.split()[1]}metrics", timeout=20) as answer:  # noqa: S310 our own
                assert answer.status == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert {path.name: path.stat().st_mode & 0o077 for path in state.iterdir()}["monitor.db"] == 0
