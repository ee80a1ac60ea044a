"""The own restore where the device's own folder fails: full, read-only or gone, before and after `arm`.

The program runs for real, in a mount namespace of its own with small disks; what is operated is a file on another disk.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import CommandFailed, DeviceBusy, DeviceUnconfirmed
from controller.lab.state.processes import LabProcess
from controller.platforms.base import Command, Lock, Restore
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.unconfirmed import RestoreState, refuse_unconfirmed
from controller.platforms.device_text.device_text import DeviceText
from tests.platforms.ovs.virtual_switch import wait_until
from tests.started_processes import find_processes, kill_restore_jobs

COMMON = Path(__file__).parents[3] / "controller/platforms/common/own_restore.sh"
SYSTEM = """\
set -eu
me=file_system
home=$FILE_SYSTEM
database=$FILE_DATABASE
input=
die() { printf '%s: %s\\n' "$me" "$*" >&2; exit 1; }
running() { cat "$database/text"; }
put_back() {
    [ ! -e "$database/broken" ] || { echo 'the database is broken' >&2; return 1; }
    cat >"$database/text.new" && mv "$database/text.new" "$database/text"
}
pushed() { [ "$*" = write ] || die 'no'; put_back; }
saved() { [ ! -e "$home/boot" ] || cat "$home/boot"; }
save() { guard; holds "$1" || die "run $1 does not hold the lock"; cp "$database/text" "$home/boot"; echo saved; }
load() { die 'no'; }
"""
OLD, NEW = "old\n" * 2000, "new\n" * 2000
FIRST, OTHER = Lock("plan1", "run1", 60), Lock("plan2", "run2", 60)
FAULTS = {
    "full": "dd if=/dev/zero of=$DISK/fill bs=4k 2>/dev/null; dd if=/dev/zero of=$DISK/rest bs=1 2>/dev/null || :",
    "read-only": "mount -o remount,ro $DISK",
    "missing": "mv $DISK/home $DISK/away && rm -r $DISK/away",
}
MENDED = {"full": "rm $DISK/fill $DISK/rest", "read-only": "mount -o remount,rw $DISK", "missing": ":"}


class FileDevice(OwnRestore):
    """A device whose state is the file `text` of its database; a `controller.platforms.base.Session` with itself."""

    agent, device = "file_system", "f1"

    def __init__(self, folder: Path) -> None:
        self.disk, self.database = folder / "disk", folder / "database"
        for one in (self.disk, self.database):
            one.mkdir()
        self.program = folder / "program"
        # The pace of the tries, not what is tried.
        self.program.write_text(
            (SYSTEM + COMMON.read_text(encoding="utf-8")).replace("then sleep 2;", "then sleep 0.01;")
        )
        self.environment = {
            **os.environ,
            "DISK": str(self.disk),
            "FILE_SYSTEM": str(self.disk / "home"),
            "FILE_DATABASE": str(self.database),
        }
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self.keeper = subprocess.Popen(
            ["unshare", *user, "--mount", "sh", "-c", "echo; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.keeper.stdout is not None
        self.keeper.stdout.readline()
        self.inside = ["nsenter", "-t", str(self.keeper.pid), *(["--user"] if user else []), "--mount"]
        self.sh("mount -t tmpfs -o size=6m none $DISK && mkdir $DISK/home")
        (self.database / "text").write_text(OLD, encoding="utf-8")

    def sh(self, line: str) -> str:
        """Run a line of shell where the device runs."""
        return self._enter(["sh", "-c", line], "").stdout

    def run(self, command: Command) -> DeviceText:
        """Run a command as sshd would, forced."""
        said = {"SSH_ORIGINAL_COMMAND": command.line}
        done = self._enter(["sh", str(self.program), "forced", "change"], command.stdin or "", said)
        if done.returncode:
            raise CommandFailed(self.device, done.stderr.strip())
        return DeviceText(done.stdout)

    def _enter(
        self, words: list[str], stdin: str, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.inside, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | (more or {}),
            timeout=60,
        )

    @property
    def text(self) -> str:
        """What the device runs."""
        return (self.database / "text").read_text(encoding="utf-8")

    def list_jobs(self) -> list[LabProcess]:
        """The restore jobs that live, by what they were started as."""
        return find_processes(f"for={self.disk / 'home'}", "fire")

    def change(self, seconds: int, lock: Lock = FIRST) -> Restore:
        """Lock, arm and push, as a controller does that is killed then."""
        restore = Restore(seconds, lock.run)
        self.lock(self, lock)
        self.arm(self, restore)
        self.push(self, restore, Command("write", NEW))
        assert self.text == NEW
        return restore

    def end(self) -> None:
        """End what waits, and give the disks back."""
        kill_restore_jobs(self.list_jobs())
        assert self.keeper.stdin is not None
        assert self.keeper.stdout is not None
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(timeout=10)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FileDevice]:
    made = FileDevice(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("fault", FAULTS)
def test_it_goes_back_with_a_folder_that_failed_after_arm(device: FileDevice, fault: str) -> None:
    restore = device.change(2)
    device.sh(FAULTS[fault])
    wait_until(lambda: device.text == OLD, "the old state")
    wait_until(lambda: not device.list_jobs(), "the end of the job")
    device.sh(MENDED[fault])
    # A read-only disk keeps the lock, too, which would have run out.
    device.unlock(device, FIRST)
    # Whatever could be written of it: the next plan finds the old state, and can change it.
    device.change(60, OTHER)
    assert device.cancel(device, Restore(60, OTHER.run))
    assert device.list_unconfirmed(device) == ()
    assert not device.cancel(device, restore)


@pytest.mark.parametrize("moment", ["lock", "arm"])
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_changed_with_a_folder_that_failed_before_arm(device: FileDevice, fault: str, moment: str) -> None:
    if moment == "arm":
        device.lock(device, FIRST)
    device.sh(FAULTS[fault])
    restore = Restore(60, FIRST.run)
    # A folder that is gone is made anew for the first time; then nobody holds its lock.
    if (fault, moment) != ("missing", "lock"):
        with pytest.raises(CommandFailed):
            device.lock(device, FIRST) if moment == "lock" else device.arm(device, restore)
        assert not device.is_restore_armed(device)
        with pytest.raises(CommandFailed):
            device.push(device, restore, Command("write", NEW))
    assert device.text == OLD
    assert device.list_jobs() == []
    assert device.read(device).reveal() == OLD


def test_a_folder_without_room_for_the_restore_is_told_before_anything_is_changed(device: FileDevice) -> None:
    device.sh("dd if=/dev/zero of=$DISK/fill bs=1k count=6132 2>/dev/null")
    device.lock(device, FIRST)
    with pytest.raises(CommandFailed, match=r"no room in .*nothing was changed"):
        device.arm(device, Restore(60, FIRST.run))
    assert device.list_jobs() == []
    device.sh("rm $DISK/fill")
    device.arm(device, Restore(60, FIRST.run))
    assert device.is_restore_armed(device)


@pytest.mark.parametrize("fault", ["full", "read-only", "missing"])
def test_a_change_whose_folder_failed_is_seen_while_its_restore_waits(device: FileDevice, fault: str) -> None:
    device.change(60)
    device.sh(FAULTS[fault])
    (seen,) = device.list_unconfirmed(device)
    assert (seen.owner, seen.run, seen.job_lives) == ("plan1", "run1", True)
    assert 50 < seen.left <= 60
    assert device.is_restore_armed(device)
    with pytest.raises(DeviceBusy, match="plan plan1 changes it and has not confirmed yet"):
        refuse_unconfirmed("f1", (seen,))
    device.sh(MENDED[fault])
    with pytest.raises(DeviceBusy, match="plan1 for up to"):
        device.lock(device, OTHER)
    assert device.text == NEW


def test_what_cannot_be_put_back_is_found_before_anything_is_changed(device: FileDevice) -> None:
    (device.database / "broken").touch()
    device.lock(device, FIRST)
    with pytest.raises(CommandFailed, match=r"could not be put back now, so not later.*the database is broken"):
        device.arm(device, Restore(60, FIRST.run))
    assert not device.is_restore_armed(device)
    assert device.list_jobs() == []


def fail_restore(device: FileDevice) -> Restore:
    """Let a restore fail, with its job still trying."""
    restore = device.change(2)
    (device.database / "broken").touch()

    def has_failed() -> bool:
        return [one.state for one in device.list_unconfirmed(device)] == [RestoreState.FAILED]

    wait_until(has_failed, "the failure")
    return restore


def test_a_failed_restore_stops_everybody_until_it_is_repaired(device: FileDevice) -> None:
    restore = fail_restore(device)
    for lock in (OTHER, Lock("plan1", "run3", 60)):
        with pytest.raises(
            DeviceUnconfirmed, match=r"in an unconfirmed state for [0-9]+ s: plan plan1 .* repair: tsunagu repair f1"
        ):
            device.lock(device, lock)
    with pytest.raises(DeviceUnconfirmed, match="it could not put its old state back"):
        device.has_restored(device, restore)
    with pytest.raises(CommandFailed, match="the database is broken"):
        device.repair(device, "run1", keep=False)
    (device.database / "broken").unlink()
    device.repair(device, "run1", keep=False)
    assert device.text == OLD
    assert device.list_unconfirmed(device) == ()
    assert device.has_restored(device, restore)
    device.lock(device, OTHER)


def test_what_a_failed_restore_left_can_be_kept(device: FileDevice) -> None:
    fail_restore(device)
    device.repair(device, "run1", keep=True)
    (device.database / "broken").unlink()
    assert device.text == NEW
    assert device.list_unconfirmed(device) == ()
    device.lock(device, OTHER)
    device.arm(device, Restore(60, "run2"))
    assert device.text == NEW


@pytest.mark.parametrize("now", ["armed", "firing", "failed", "restored", "kept", "cancelled", "superseded"])
def test_how_long_ago_it_was_armed_is_told_also_while_the_state_changes(tmp_path: Path, now: str) -> None:
    # The program has seen `armed`, and the file is renamed before it is looked at.
    program = COMMON.read_text(encoding="utf-8")
    function = re.search(r"^armed_for\(\) \{\n.*?^\}\n", program, re.DOTALL | re.MULTILINE)
    assert function is not None
    (tmp_path / now).touch()
    os.utime(tmp_path / now, (time.time() - 40, time.time() - 40))
    words = ("sh", "-eu", "-c", f"state=armed\n{function[0]}armed_for {tmp_path}")
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert 40 <= int(told) <= 60


def test_a_change_that_may_still_be_confirmed_is_not_repaired(device: FileDevice) -> None:
    restore = device.change(60)
    for keep in (True, False):
        with pytest.raises(CommandFailed, match="may still confirm its change"):
            device.repair(device, "run1", keep=keep)
    assert device.text == NEW
    assert device.cancel(device, restore)
    with pytest.raises(CommandFailed, match="nothing that is unconfirmed"):
        device.repair(device, "run1", keep=False)


def test_a_program_that_does_not_know_the_question_is_told_as_older(device: FileDevice) -> None:
    text = device.program.read_text(encoding="utf-8")
    device.program.write_text(
        text.replace("read | saved | keys | armed | restored | unconfirmed)", "read)"), encoding="utf-8"
    )
    with pytest.raises(CommandFailed, match="its program is older than this controller; install"):
        device.list_unconfirmed(device)


def test_a_restore_whose_job_is_gone_is_seen_and_repaired(device: FileDevice) -> None:
    device.change(60)
    kill_restore_jobs(device.list_jobs())
    wait_until(lambda: not device.list_jobs(), "the end of the job")
    with pytest.raises(DeviceUnconfirmed, match="nothing on it puts its old state back any more"):
        refuse_unconfirmed("f1", device.list_unconfirmed(device))
    device.repair(device, "run1", keep=False)
    assert device.text == OLD
    assert device.list_unconfirmed(device) == ()


def test_a_job_whose_folder_is_gone_is_ended_where_its_change_is_kept(device: FileDevice) -> None:
    device.change(60)
    device.sh("rm -r $DISK/home/restores")
    device.repair(device, "run1", keep=True)
    wait_until(lambda: not device.list_jobs(), "the end of the job")
    assert device.text == NEW
    assert device.list_unconfirmed(device) == ()


def test_a_job_that_ended_as_it_was_found_ends_nobody_who_has_its_number(tmp_path: Path) -> None:
    program = COMMON.read_text(encoding="utf-8")
    functions = re.findall(r"^(?:lines\(\) \{.*\}|repair_lost\(\) \{\n(?s:.*?)^\})\n", program, re.MULTILINE)
    assert len(functions) == 2
    with subprocess.Popen(["sleep", "60"]) as stranger:
        found = f"home={tmp_path}\nlost_jobs() {{ echo '{stranger.pid} run1 plan1 0 0'; }}\n"
        words = ("sh", "-eu", "-c", f"{found}{''.join(functions)}repair_lost run1 keep")
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        stranger.kill()
    assert (told, stranger.returncode) == ("kept\n", -signal.SIGKILL)


def end_restores(device: FileDevice, numbers: range, kibibytes: int) -> None:
    """Leave what earlier runs left that were confirmed; the first is the oldest."""
    for number in numbers:
        folder = f"$DISK/home/restores/run{number}"
        device.sh(
            f"mkdir -p {folder} && touch {folder}/cancelled && head -c {kibibytes}k /dev/zero >{folder}/text && "
            f"touch -d 2026-01-{number} {folder}"
        )


@pytest.mark.parametrize(("kibibytes", "kept"), [(4, 10), (300, 3)], ids=["number", "size"])
def test_old_restores_are_pruned(device: FileDevice, kibibytes: int, kept: int) -> None:
    end_restores(device, range(10, 22), kibibytes)
    # What nobody has repaired is never forgotten.
    device.sh("mkdir $DISK/home/restores/run9 && touch $DISK/home/restores/run9/failed")
    device.repair(device, "run9", keep=True)
    device.sh("touch -d 2026-01-09 $DISK/home/restores/run9")
    device.change(60)
    left = set(device.sh("ls $DISK/home/restores").split())
    assert left == {"run1", *(f"run{number}" for number in range(22 - kept, 22))}
