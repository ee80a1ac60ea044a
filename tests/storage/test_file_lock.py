from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.errors import FileLocked
from controller.storage.file_lock import hold_file_lock, hold_folder_lock

HOLDER = """
import sys
from pathlib import Path
from controller.storage.file_lock import hold_file_lock
with hold_file_lock(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(path: Path, how: str = "alone") -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLDER, str(path), how]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_who_holds_a_lock_is_told_and_a_killed_process_holds_it_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with another_process(path) as process:
        with pytest.raises(FileLocked) as refused, hold_file_lock(path):
            pass
        assert (refused.value.holder, refused.value.temporary) == (process.pid, True)
        assert str(refused.value) == f"{path}: process {process.pid} holds it; wait for its end, then try again"
        process.send_signal(signal.SIGKILL)
        with hold_file_lock(path, patience=None):
            assert path.read_text(encoding="ascii") == f"{os.getpid()}\n"
    assert path.exists()


def test_a_shared_lock_keeps_off_only_who_wants_to_be_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with (
        another_process(path, "shared"),
        hold_file_lock(path, shared=True),
        pytest.raises(FileLocked, match="another process holds it"),
        hold_file_lock(path),
    ):
        pass
    with another_process(path), pytest.raises(FileLocked), hold_file_lock(path, shared=True):
        pass


def test_a_lock_is_waited_for_as_long_as_one_has_patience(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        with hold_file_lock(path):
            entered.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(30)
    began = time.monotonic()
    with pytest.raises(FileLocked), hold_file_lock(path, patience=0.3):
        pass
    assert time.monotonic() - began >= 0.3
    threading.Timer(0.2, release.set).start()
    with hold_file_lock(path, patience=30.0):
        assert release.is_set()
    thread.join()


def test_a_lock_whose_file_was_deleted_meanwhile_is_not_taken_for_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    waiting = threading.Event()
    found: list[bool] = []

    def take() -> None:
        waiting.set()
        with hold_file_lock(path, patience=30.0):
            found.append(path.exists())

    with hold_file_lock(path):
        thread = threading.Thread(target=take)
        thread.start()
        assert waiting.wait(30)
        path.unlink()
    thread.join()
    assert found == [True]


def test_a_folder_is_locked_without_a_file_and_must_be_there(tmp_path: Path) -> None:
    with hold_folder_lock(tmp_path):
        with pytest.raises(FileLocked, match="another process holds it"), hold_folder_lock(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == []
    with hold_folder_lock(tmp_path), pytest.raises(FileNotFoundError), hold_folder_lock(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("somebody's", encoding="ascii")
    (tmp_path / "a.lock").symlink_to(theirs)
    with pytest.raises(OSError, match="symbolic links"), hold_file_lock(tmp_path / "a.lock"):
        pass
    assert theirs.read_text(encoding="ascii") == "somebody's"
