"""What nobody expected ends in one line with a code and a saved report, never in a traceback."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from controller.cli import main as command_line
from controller.cli.output import Exit


@pytest.mark.parametrize("error", [IndexError("tuple index\x1b[2J out of range"), RuntimeError("x" * 500), KeyError(3)])
def test_a_fault_of_the_program_is_one_line_and_a_report(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(command_line, "build_command_line", fail)
    monkeypatch.setattr(sys, "argv", ["tsunagu", "check", "--policies", "secret-place"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    said = capsys.readouterr().err
    assert ended.value.code == Exit.FAULT
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert "\x1b" not in said
    assert len(said) < 500
    (report,) = (tmp_path / "tsunagu/reports").iterdir()
    assert str(report) in said
    code = re.search(r"E-[0-9a-f]{8}", said)
    assert code
    assert report.name.startswith(code[0])
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text(encoding="utf-8")
    assert f"{type(error).__name__}" in text
    assert "Traceback" in text
    assert "secret-place" not in text


def test_where_no_report_can_be_saved_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: str) -> None:
        raise IndexError

    (tmp_path / "tsunagu").write_text("a file where the folder should be", encoding="utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(command_line, "build_command_line", fail)
    monkeypatch.setattr(sys, "argv", ["tsunagu", "prove"])
    with pytest.raises(SystemExit):
        command_line.main()
    assert "the report could not be saved" in capsys.readouterr().err


@pytest.mark.parametrize("state", [None, "/proc/no\udcff/x"])
def test_where_there_is_no_home_folder_that_is_said(
    state: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> NoReturn:
        raise KeyError

    monkeypatch.delenv("HOME")
    if state is None:
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_STATE_HOME", state)
    monkeypatch.setattr("pwd.getpwuid", fail)
    monkeypatch.setattr(command_line, "build_command_line", fail)
    monkeypatch.setattr(sys, "argv", ["tsunagu", "prove"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == Exit.FAULT
    said = capsys.readouterr().err
    assert "the report could not be saved" in said
    assert ("set HOME" in said) is (state is None)
