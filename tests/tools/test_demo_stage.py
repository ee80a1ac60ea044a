"""The demo's stage: Ctrl-C reaches the command that runs, too, and that is let to clean up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.lab.state.processes import wait_until
from tests.started_processes import signal_group
from tools.demo import stage
from tools.demo.kept_page import show_until_ended
from tools.demo.stage import Demo, StepFailed

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


@pytest.mark.parametrize("ended", ["monitor", "measure"])
def test_a_page_that_is_not_kept_any_more_says_what_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ended: str
) -> None:
    command = tmp_path / "command"
    command.write_text('#!/bin/sh\necho "it is $1"\nread -r ended < "$2"\nexit "$ended"\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setattr(stage, "TSUNAGU", str(command))
    demo = Demo(tmp_path, "")
    pipes = {name: tmp_path / f"{name}.fifo" for name in ("monitor", "measure")}
    for pipe in pipes.values():
        os.mkfifo(pipe)
    _, watch = (demo.start(name, str(pipe)) for name, pipe in pipes.items())
    try:
        pipes[ended].write_text("3\n", encoding="utf-8")
        with pytest.raises(StepFailed) as failed:
            show_until_ended(demo, watch)
    finally:
        demo.end_background()
    assert f"`tsunagu {ended} {ended}.fifo` ended by itself with 3" in str(failed.value)
    assert "it is measure" in capsys.readouterr().out
