"""A command in the tests' own process: what it does to a process of its own it does not do to the tests."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from controller.exit_codes import Exit
from tests.cli.running import here


def test_a_command_that_is_interrupted_leaves_the_threads_of_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("controller.cli.main._run", interrupt)
    over = Event()
    other = Thread(target=over.wait)
    other.start()
    try:
        assert here("check", cwd=tmp_path).code == Exit.INTERRUPTED
        assert other.is_alive()
    finally:
        over.set()
        other.join()
