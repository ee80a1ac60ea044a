"""The demo's stage: Ctrl-C reaches the command that runs, too, and that is let to clean up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from controller.lab.state.processes import wait_until
from tests.started_processes import signal_group

ROOT = Path(__file__).resolve().parents[2]
STAGED = """
import sys
from pathlib import Path
from tools.demo import stage

stage.TSUNAGU = sys.argv[1]
stage.Demo(Path(sys.argv[2]), "").run("long")
"""
# It has begun when the stage waits for it.
COMMAND = """\
#!/bin/sh
trap 'sleep 1; touch {folder}/cleaned; exit 130' INT
until grep -q '^State:.S' /proc/$PPID/status; do :; done
touch {folder}/begun
while :; do sleep 0.05; done
"""


def test_a_command_that_was_interrupted_is_let_to_clean_up(tmp_path: Path) -> None:
    command = tmp_path / "command"
    command.write_text(COMMAND.format(folder=tmp_path), encoding="utf-8")
    command.chmod(0o755)
    # A test run in the background of a shell inherits SIGINT as ignored; a person's Ctrl-C finds it as Python sets it.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    words = [sys.executable, "-c", listen + STAGED, str(command), str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert wait_until((tmp_path / "begun").exists, 30.0)
        signal_group(running, signal.SIGINT)
        _, said = running.communicate(timeout=30)
    assert running.returncode != 0
    assert "KeyboardInterrupt" in said
    assert (tmp_path / "cleaned").exists()
