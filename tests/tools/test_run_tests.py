"""`make test` on tiny test files of its own: both parts are run, counted and judged; Ctrl-C lets them clean up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from controller.lab.state.processes import wait_until
from tests.started_processes import signal_group
from tools import run_tests

ROOT = Path(__file__).resolve().parents[2]
GOOD = "def test_good() -> None:\n    pass\n"
BAD_IN_THE_LAB = "import pytest\n\n@pytest.mark.lab\ndef test_bad() -> None:\n    assert not __name__\n"
LONG = """
import threading
from pathlib import Path

import pytest

@pytest.fixture
def built():
    Path("{folder}/built").touch()
    yield
    Path("{folder}/removed").touch()

{mark}
def test_long(built) -> None:
    threading.Event().wait(60)
"""


def started(folder: Path) -> subprocess.Popen[str]:
    words = ["-m", "tools.run_tests", "-c", str(ROOT / "pyproject.toml"), str(folder)]
    # Without the plug-ins that these tests do not need it starts twice as fast.
    lean = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist.plugin"}
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **lean},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_both_parts_are_run_and_judged_together(tmp_path: Path) -> None:
    (tmp_path / "test_tiny_good.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "test_tiny_lab.py").write_text(BAD_IN_THE_LAB, encoding="utf-8")
    run = started(tmp_path)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 1, said
    assert "all tests: 1 passed, 1 failures in " in said


def test_what_python_compiles_is_kept_for_the_next_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("SOMETHING", "else")
    found = run_tests.list_variables()
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["SOMETHING"] == "else"


def test_the_summary_says_where_the_minutes_went(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    cases = "".join(
        f'<testcase classname="{name}" name="x" time="{seconds}"/>'
        for name, seconds in (("tests.lab.test_a", 60.0), ("tests.lab.test_b.TestB", 30.0), ("tests.plan.test_c", 0.5))
    )
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    files = run_tests.measure_files(report)
    folders = run_tests.sum_by_folder(files)
    assert folders == {"lab": 90.0, "plan": 0.5}
    ran = run_tests.PartResult("the lab", 0, Counter(passed=3), 95.0, folders, files)
    assert run_tests.format_minutes([ran]).splitlines() == [
        "test: minutes of the lab: lab 1.5",
        "test: minutes of the longest files of the lab: tests.lab.test_a 1.0, tests.lab.test_b 0.5",
    ]


@pytest.mark.parametrize(("mark", "by_the_terminal"), [("", True), ("@pytest.mark.lab", False)])
def test_when_it_is_stopped_what_was_built_is_removed(tmp_path: Path, mark: str, *, by_the_terminal: bool) -> None:
    (tmp_path / "test_tiny_long.py").write_text(LONG.format(folder=tmp_path, mark=mark), encoding="utf-8")
    run = started(tmp_path)
    assert wait_until((tmp_path / "built").exists, 60.0)
    if by_the_terminal:
        signal_group(run, signal.SIGINT)
    else:
        run.terminate()
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "test: interrupted" in said
    assert (tmp_path / "removed").exists()
