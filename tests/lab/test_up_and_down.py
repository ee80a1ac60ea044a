from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab import lifecycle as virtual_city
from controller.lab.lab_operations import build_lab_operations, load_lab_operations
from controller.lab.network import kernel_settings, namespaces, ssh_user
from controller.lab.state import paths, undo_log
from controller.lab.state.processes import end_processes, is_alive, wait_until
from controller.model.virtual_city import VirtualCity

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("no_lab")]

ROOT = Path(__file__).resolve().parents[2]
SCHOOLS = 6
PROMISED_SECONDS = 30.0
"""From nothing until everybody reaches the internet, unless the machine has much else to do."""
STAGES = ("network:", "applications:", "school ")


def traces(user: str) -> dict[str, object]:
    """Everything on this machine that a lab changes."""
    return {
        "namespaces": namespaces.list_namespaces(),
        "user": [found.pw_name for found in pwd.getpwall() if found.pw_name == user],
        "settings": [(Path("/proc/sys") / name).read_text() for name in kernel_settings.MACHINE],
        "files": paths.STATE.exists(),
        "sshd folder": Path("/run/sshd").exists(),
        "processes": sorted(running()),
    }


def running() -> Iterator[str]:
    """What runs for the lab, and where another `/run` is in place, not for the lab there."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if not (entry / "root" / paths.STATE.parent.relative_to("/")).samefile(paths.STATE.parent):
                continue
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(paths.STATE) in words:
            # sshd counts the logins under way in its title.
            yield words.partition(" [listener]")[0]


@contextmanager
def building() -> Iterator[subprocess.Popen[str]]:
    # A test run in the background of a shell inherits SIGINT as ignored; a person's Ctrl-C finds it as Python sets it.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    words = f"{listen}; from controller.cli.lab import lab; lab()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", words, "up", "--schools", "2"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


def wait_for(process: subprocess.Popen[str], stage: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(stage):
            return
    pytest.fail(f"up ended before it said {stage!r}")


@pytest.mark.alone
def test_nothing_is_left_behind(city: VirtualCity) -> None:
    user = paths.SSH_USER
    before = traces(user)
    said: list[str] = []
    busy = os.getloadavg()[0] > 2 * len(os.sched_getaffinity(0))
    began = time.monotonic()
    layout = virtual_city.build_virtual_city(city, SCHOOLS, said.append)
    seconds = time.monotonic() - began
    # `up` ends when every host, each school's pupils among them, reaches the internet over IPv4 and IPv6.
    assert busy or seconds < PROMISED_SECONDS, f"{SCHOOLS} schools, load {os.getloadavg()[0]:.1f}"
    assert set(namespaces.list_namespaces()) == set(layout.namespaces)
    assert traces(user)["user"] == [user]
    assert said[-1].startswith("ready in ")
    removed: list[str] = []
    assert virtual_city.remove_virtual_city(removed.append)
    assert traces(user) == before
    assert any("network namespaces" in one for one in removed)
    assert not virtual_city.remove_virtual_city(removed.append)


def test_secrets_are_for_root_alone(city: VirtualCity) -> None:
    virtual_city.build_virtual_city(city, 1, lambda _: None)
    keys = paths.STATE / paths.CONTROLLER_KEY.parent
    assert keys.stat().st_mode & 0o777 == 0o700
    assert (paths.STATE / paths.CONTROLLER_KEY).stat().st_mode & 0o077 == 0
    assert (paths.STATE / paths.READ_KEY).stat().st_mode & 0o077 == 0
    assert (paths.STATE / paths.OPERATIONS).stat().st_mode & 0o077 == 0
    assert load_lab_operations() == build_lab_operations(canary=city.virtual_estate.canary)


def test_a_second_up_is_refused_and_harms_nothing(city: VirtualCity) -> None:
    virtual_city.build_virtual_city(city, 1, lambda _: None)
    before = sorted(running())
    with pytest.raises(LabError, match="a lab is up already"):
        virtual_city.build_virtual_city(city, 1, lambda _: None)
    assert sorted(running()) == before


def test_up_removes_what_a_restarted_machine_left(city: VirtualCity) -> None:
    """All processes are gone, the state folder and the namespaces are not."""
    virtual_city.build_virtual_city(city, 1, lambda _: None)
    end_processes(undo_log.list_processes(paths.STATE))
    said: list[str] = []
    virtual_city.build_virtual_city(city, 1, said.append)
    assert said[0] == f"of the lab in {paths.STATE} nothing runs any more: removing what it left"
    assert undo_log.read_active_record(paths.STATE).complete


@pytest.mark.parametrize("stage", STAGES)
def test_down_removes_what_a_killed_up_left(city: VirtualCity, stage: str) -> None:
    user = paths.SSH_USER
    before = traces(user)
    with building() as process:
        wait_for(process, stage)
        process.kill()
    assert paths.STATE.exists()
    if any(map(is_alive, undo_log.list_processes(paths.STATE))):
        with pytest.raises(LabError, match="left half built"):
            virtual_city.build_virtual_city(city, 1, lambda _: None)
    virtual_city.remove_virtual_city(lambda _: None)
    assert wait_until(lambda: traces(user) == before, 5.0), traces(user)


@pytest.mark.parametrize(("comment", "seen"), [("made by 'tsunagu lab up'", True), ("somebody else's", False)])
def test_a_user_in_the_making_is_seen(comment: str, *, seen: bool) -> None:
    """A program that looks like `useradd` to others, and runs until its input ends."""
    words = ["useradd", "-c", "echo begun; read _", comment]
    with subprocess.Popen(words, executable="/bin/bash", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as making:
        assert making.stdout is not None
        assert making.stdout.readline() == b"begun\n"
        assert ssh_user.is_user_in_the_making() is seen
        making.communicate()
    assert not ssh_user.is_user_in_the_making()


@pytest.mark.alone
def test_down_ends_what_a_killed_up_was_waiting_for() -> None:
    """`ovs-vsctl` waits for its switch; left alone it would still be there when the next lab's switch comes up."""
    user = paths.SSH_USER
    before = traces(user)
    with building() as process:
        assert wait_until(lambda: any("add-br" in words for words in running()), 20.0, every=0.002)
        process.kill()
    virtual_city.remove_virtual_city(lambda _: None)
    assert wait_until(lambda: traces(user) == before, 2.0), traces(user)


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_cleans_up_by_itself(stage: str) -> None:
    user = paths.SSH_USER
    before = traces(user)
    with building() as process:
        wait_for(process, stage)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert traces(user) == before, said


def test_a_killed_up_whose_record_is_damaged(city: VirtualCity) -> None:
    layout = virtual_city.build_virtual_city(city, 1, lambda _: None)
    settings = undo_log.read_active_record(paths.STATE).settings
    record = (paths.STATE / "lab.json").read_text(encoding="utf-8")
    (paths.STATE / "lab.json").write_text(record[: len(record) // 2], encoding="utf-8")
    said: list[str] = []
    virtual_city.remove_virtual_city(said.append)
    try:
        assert any("could not be put back" in one for one in said)
        assert not namespaces.list_namespaces()
        assert not list(running())
        assert layout.user not in [found.pw_name for found in pwd.getpwall()]
    finally:
        kernel_settings.restore_machine_settings(settings)


def test_an_other_users_name_is_not_taken(city: VirtualCity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SSH_USER", "root")
    with pytest.raises(LabError, match="a user 'root' that the lab did not make"):
        virtual_city.build_virtual_city(city, 1, lambda _: None)
    assert not paths.STATE.exists()


def test_a_process_of_others_is_left_alone(city: VirtualCity) -> None:
    virtual_city.build_virtual_city(city, 1, lambda _: None)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        line = f'{{"name":"sshd","school":"x","pid":{stranger.pid},"started":1}}'
        with (paths.STATE / "processes.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
        virtual_city.remove_virtual_city(lambda _: None)
        assert stranger.poll() is None
        stranger.kill()
