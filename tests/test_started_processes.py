"""No test ends a process that only has the number of one that it started."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.lab.state.processes import describe_process, wait_until
from tests.platforms.hostapd.access_point import REAL_SERVICE, ShellAccessPoint
from tests.platforms.ovs.virtual_switch import VirtualSwitch
from tests.rollout.durable.postgres_server import PostgresServer
from tests.started_processes import (
    find_daemon,
    find_processes,
    find_restore_jobs,
    has_ended,
    kill_restore_jobs,
    signal_group,
)

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else, which leads its session: a signal to its group would end it."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        yield process
        process.kill()


def write_job(home: Path, run: str, *, pid: int, started: int, boot: str = BOOT) -> None:
    folder = home / "restores" / run
    folder.mkdir(parents=True)
    (folder / "job").write_text(f"{pid} {started} {boot}\n", encoding="ascii")


def test_a_job_that_has_ended_ends_nobody_who_has_its_number(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    now = describe_process("stranger", "", stranger.pid)
    write_job(tmp_path, "earlier", pid=now.pid, started=now.started - 1)
    write_job(tmp_path, "before-the-reboot", pid=now.pid, started=now.started, boot="another")
    assert find_restore_jobs(tmp_path) == []
    kill_restore_jobs([now.model_copy(update={"started": now.started - 1})])
    assert stranger.poll() is None
    write_job(tmp_path, "lives", pid=now.pid, started=now.started)
    kill_restore_jobs(find_restore_jobs(tmp_path))
    assert stranger.wait(timeout=10) < 0


def test_a_part_of_a_job_ends_with_the_job() -> None:
    """A subshell has the command line of its job, and leads no group."""
    words = ["sh", "-c", "(:; sleep 60; :) & wait", "fire", mark := "for=a part of a job"]
    with subprocess.Popen(words, start_new_session=True) as job:
        assert wait_until(lambda: len(find_processes(mark)) > 1, 10.0)
        kill_restore_jobs(sorted(find_processes(mark), key=lambda one: one.pid == job.pid))
        assert find_processes(mark) == []


def test_a_group_is_told_until_its_leader_has_been_waited_for() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as leader:
        assert not has_ended(leader)
        signal_group(leader, signal.SIGTERM)
        assert wait_until(lambda: has_ended(leader), 10.0)
        signal_group(leader, signal.SIGKILL)
        assert leader.wait() == -signal.SIGTERM
        with pytest.raises(AssertionError, match=r"sleep.* has been waited for"):
            signal_group(leader, signal.SIGKILL)


def test_jobs_of_an_access_point_that_have_ended_end_nobody(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    point = ShellAccessPoint(tmp_path)
    write_job(point.home, "run1", pid=stranger.pid, started=1)
    point.end_jobs()
    assert stranger.poll() is None
    # Its stand-in for hostapd is no process: what ends hostapd ends nothing, above all not the tests.
    point.end_hostapd()


def test_a_pid_file_that_was_left_ends_nobody(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    left = tmp_path / "vswitchd.pid"
    left.write_text(f"{stranger.pid}\n", encoding="ascii")
    assert find_daemon(left) is None
    with pytest.raises(AssertionError, match="vswitchd does not run"):
        VirtualSwitch("v1", "none", tmp_path).stop()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postmaster.pid").write_text(f"{stranger.pid}\n{tmp_path}/data\n", encoding="ascii")
    PostgresServer(tmp_path / "no-programs", tmp_path).stop()
    assert stranger.poll() is None
    assert find_daemon(tmp_path / "missing.pid") is None


def test_a_restarted_hostapd_ends_nobody_who_has_the_number_of_an_ended_one(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    point = ShellAccessPoint(tmp_path)
    (tmp_path / "bin" / "systemctl").write_text(REAL_SERVICE.format(folder=tmp_path), encoding="utf-8")
    (tmp_path / "bin" / "hostapd").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "bin" / "hostapd").chmod(0o755)
    (tmp_path / "pid").write_text(f"{stranger.pid}\n", encoding="ascii")
    point.restart()
    assert stranger.poll() is None


def test_a_daemon_is_found_by_its_pid_file_and_its_command_line(tmp_path: Path) -> None:
    for number, named_as in enumerate(("{}", "--pidfile={}")):
        file = tmp_path / f"{number}.pid"
        named = [named_as.format(file)]
        words = ["sh", "-c", "read -r _", "daemon", *named]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as daemon:
            file.write_text(f"{daemon.pid}\n", encoding="ascii")
            found = find_daemon(file)
            assert found is not None
            assert found.pid == daemon.pid
            assert find_processes(*named) == [found]
