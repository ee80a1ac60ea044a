from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab.state.processes import alive, describe, end, kill, until

Child = subprocess.Popen[bytes]


@pytest.fixture
def child() -> Iterator[Child]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_known_by_number_and_start(child: Child) -> None:
    process = describe("sleep", "", child.pid)
    assert alive(process)
    assert not alive(process.model_copy(update={"started": process.started - 1}))


def test_only_what_the_lab_started_is_ended(child: Child) -> None:
    process = describe("sleep", "", child.pid)
    reused = process.model_copy(update={"started": process.started - 1})
    assert end([reused]) == 0
    assert child.poll() is None
    assert end([process]) == 1
    assert child.wait() != 0


def test_a_process_that_ended_but_was_not_reaped_is_not_alive(child: Child) -> None:
    process = describe("sleep", "", child.pid)
    kill(process)
    assert not alive(process)
    with pytest.raises(LabError, match="ended as soon as it had started"):
        describe("sleep", "as-e04", child.pid)


def test_a_name_with_brackets_and_spaces_is_read() -> None:
    with subprocess.Popen(
        ["bash", "-c", "printf 'a) R 1' > /proc/$$/comm; read -r line"], stdin=subprocess.PIPE
    ) as odd:
        comm = Path(f"/proc/{odd.pid}/comm")
        assert until(lambda: comm.read_text(encoding="ascii") == "a) R 1\n", 5.0)
        process = describe("odd", "", odd.pid)
        assert alive(process)
        kill(process)


def test_until_tells_whether_it_came_to_hold() -> None:
    assert until(lambda: True, 0.0)
    assert not until(lambda: False, 0.05)


def test_this_process_is_alive() -> None:
    assert alive(describe("pytest", "", os.getpid()))
