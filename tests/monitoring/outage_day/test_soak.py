"""The whole bad day as somebody plays it by hand: wrong words and Ctrl-C are answered with a sentence."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.monitoring.outage_day import soak
from tests.started_processes import signal_group

ROOT = Path(__file__).parents[3]
# A test run in the background of a shell inherits SIGINT as ignored; a person's Ctrl-C finds it as Python sets it.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.monitoring.outage_day import soak
sys.exit(soak.main(["--schools", "6"]))
"""


def test_ctrl_c_ends_the_day_with_a_sentence() -> None:
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert "6 schools" in process.stdout.readline()
        signal_group(process, signal.SIGINT)
        said = process.stdout.read()
    assert (process.returncode, said) == (130, "ended; nothing of it is kept, and the next run begins anew\n")


@pytest.mark.parametrize(("option", "number"), [("--schools", "5"), ("--schools", "six"), ("--faster", "0")])
def test_a_day_that_cannot_be_played_is_refused(capsys: pytest.CaptureFixture[str], option: str, number: str) -> None:
    """With fewer schools than roles the day broke off in its first minutes."""
    with pytest.raises(SystemExit, match="2"):
        soak.main([option, number])
    assert f"argument {option}: a whole number from" in capsys.readouterr().err
