from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab.state.processes import describe_process, end_processes, is_alive, kill_process, wait_until

Child = subprocess.Popen[bytes]


@pytest.fixture
def child() -> Iterator[Child]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_known_by_number_and_start(child: Child) -> None:
    process = describe_process("sleep", "", child.pid)
    assert is_alive(process)
    assert not is_alive(process.model_copy(update={"started": process.started - 1}))


def test_only_what_the_lab_started_is_ended(child: Child) -> None:
    process = describe_process("sleep", "", child.pid)
    reused = process.model_copy(update={"started": process.started - 1})
    assert end_processes([reused]) == 0
    assert child.poll() is None
    assert end_processes([process]) == 1
    assert child.wait() != 0


def test_a_process_that_ended_but_was_not_reaped_is_not_alive(child: Child) -> None:
    process = describe_process("sleep", "", child.pid)
    kill_process(process)
    assert not is_alive(process)
    with pytest.raises(LabError, match="ended as soon as it had started"):
        describe_process("sleep", "as-e04", child.pid)


def test_a_process_is_alive_until_its_last_thread_has_ended() -> None:
    """A switch that is killed holds the lock of its pid file for as long as one of its threads still ends."""
    script = (
        "import ctypes, sys, threading; threading.Thread(target=sys.stdin.read).start(); "
        "print('ready', flush=True); ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        process = describe_process("threads", "", child.pid)
        stat = Path(f"/proc/{child.pid}/stat")
        assert wait_until(lambda: stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z", 5.0)
        assert is_alive(process)
        child.kill()
        assert wait_until(lambda: not is_alive(process), 5.0)


def test_a_name_with_brackets_and_spaces_is_read() -> None:
    with subprocess.Popen(
        ["bash", "-c", "printf 'a) R 1' > /proc/$$/comm; read -r line"], stdin=subprocess.PIPE
    ) as odd:
        comm = Path(f"/proc/{odd.pid}/comm")
        assert wait_until(lambda: comm.read_text(encoding="ascii") == "a) R 1\n", 5.0)
        process = describe_process("odd", "", odd.pid)
        assert is_alive(process)
        kill_process(process)


def test_until_tells_whether_it_came_to_hold() -> None:
    assert wait_until(lambda: True, 0.0)
    assert not wait_until(lambda: False, 0.05)


def test_this_process_is_alive() -> None:
    assert is_alive(describe_process("pytest", "", os.getpid()))
