"""Open vSwitch for real: its lock, its armed restore, and runs that take over from one another."""

from __future__ import annotations

import shlex
import signal
import subprocess
import threading
import time

import pytest

from controller.errors import CommandFailed, DeviceBusy
from controller.model.network.device_state import DeviceState, build_device_state
from controller.platforms.base import Command, Lock, Restore
from controller.platforms.device_text.device_text import DeviceText
from tests.platforms.ovs.one_switch import (
    EXAMPLE,
    FIRST,
    FOREIGN,
    OTHER,
    OVS,
    TOO_LATE,
    apply,
    jobs,
    state_of,
)
from tests.platforms.ovs.virtual_switch import VirtualSwitch, force, wait_until
from tests.platforms.states import example
from tests.started_processes import kill_restore_jobs, signal_group

pytestmark = [pytest.mark.lab, pytest.mark.own_network]

BUNDLE = "ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -"


def test_the_lock_excludes_another_plan(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    with pytest.raises(DeviceBusy, match=r"plan1 for up to (60|59) s"):
        OVS.lock(switch, OTHER)
    OVS.unlock(switch, OTHER)
    with pytest.raises(DeviceBusy):
        OVS.lock(switch, OTHER)
    OVS.unlock(switch, FIRST)
    OVS.unlock(switch, FIRST)
    OVS.lock(switch, OTHER)


def test_an_expired_lock_is_taken_over(switch: VirtualSwitch) -> None:
    OVS.lock(switch, Lock("plan1", "run1", 0))
    OVS.lock(switch, OTHER)
    with pytest.raises(CommandFailed, match="run run1 does not hold the lock"):
        OVS.arm(switch, TOO_LATE)


def test_one_of_many_gets_the_lock(switch: VirtualSwitch) -> None:
    answers: list[bool] = []

    def compete(number: int) -> None:
        try:
            OVS.lock(switch, Lock(f"plan{number}", f"run{number}", 60))
        except DeviceBusy:
            answers.append(False)
        else:
            answers.append(True)

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]


def test_a_restore_that_is_not_cancelled_fires(switch: VirtualSwitch) -> None:
    switch.sh(f"ovs-ofctl -O OpenFlow14 add-flow br0 '{FOREIGN}'")
    apply(switch, EXAMPLE)
    before = OVS.read(switch).reveal()
    OVS.lock(switch, FIRST)
    restore = Restore(seconds=6, run="run1")
    OVS.arm(switch, restore)
    apply(switch, example("up1", "h-2", "h1", port_roles=True, vlan_database=False))
    assert not OVS.has_restored(switch, restore)
    wait_until(lambda: OVS.has_restored(switch, restore), "the restore")
    assert sorted(OVS.read(switch).reveal().splitlines()) == sorted(before.splitlines())
    assert not OVS.cancel(switch, restore)
    OVS.lock(switch, OTHER)
    wait_until(lambda: not jobs(switch), "the end of the job")


def test_a_cancelled_restore_does_not_fire_and_leaves_no_process(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    assert len(jobs(switch)) == 1
    assert OVS.cancel(switch, TOO_LATE)
    assert not jobs(switch)
    assert OVS.cancel(switch, TOO_LATE)
    assert not OVS.has_restored(switch, TOO_LATE)
    with pytest.raises(CommandFailed, match="armed or cancelled a restore before"):
        OVS.arm(switch, TOO_LATE)


def test_a_cancel_that_overtakes_its_arm_wins(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    assert OVS.cancel(switch, TOO_LATE)
    with pytest.raises(CommandFailed, match="armed or cancelled a restore before"):
        OVS.arm(switch, TOO_LATE)
    assert not jobs(switch)


def test_a_restore_survives_its_client(switch: VirtualSwitch) -> None:
    """The session's process group is killed, as sshd's child and everything under it may be."""
    apply(switch, EXAMPLE)
    OVS.lock(switch, FIRST)

    class Killed(VirtualSwitch):
        def run(self, command: Command) -> DeviceText:
            forced = shlex.join(force(self.folder / "agent", OVS, command))
            words = ("ip", "netns", "exec", self.namespace, "sh", "-c", f"{forced}; echo done; exec sleep 600")
            pipe = subprocess.PIPE
            with subprocess.Popen(
                words,
                stdin=pipe,
                stdout=pipe,
                text=True,
                env=self.environment | {"SSH_ORIGINAL_COMMAND": command.line},
                start_new_session=True,
            ) as client:
                assert client.stdin is not None
                assert client.stdout is not None
                client.stdin.write(command.stdin or "")
                client.stdin.close()
                said = client.stdout.readline()
                assert client.stdout.readline() == "done\n"
                signal_group(client, signal.SIGKILL)
            return DeviceText(said)

    restore = Restore(seconds=4, run="run1")
    OVS.arm(Killed(switch.device, switch.namespace, switch.folder), restore)
    switch.sh("ovs-ofctl -O OpenFlow14 del-flows br0")
    wait_until(lambda: OVS.has_restored(switch, restore), "the restore")
    assert state_of(switch) == EXAMPLE


def test_cancel_and_fire_never_both_win(switch: VirtualSwitch) -> None:
    outcomes = set()
    for number in range(8):
        run = f"race{number}"
        OVS.lock(switch, Lock("plan1", run, 60))
        restore = Restore(seconds=0, run=run)
        OVS.arm(switch, restore)
        cancelled = OVS.cancel(switch, restore)
        wait_until(lambda: not jobs(switch), "the end of the job")
        assert OVS.has_restored(switch, restore) is not cancelled
        outcomes.add(cancelled)
    assert False in outcomes


def interfere(switch: VirtualSwitch, run: str) -> None:
    """Push, as a run, what would let everything through."""
    OVS.push(
        switch, Restore(600, run), Command(BUNDLE, "add cookie=0x5453000000000000, priority=60000 actions=NORMAL\n")
    )


def make_bundles_slow(switch: VirtualSwitch) -> None:
    """Let the switch's program find an ovs-ofctl that takes seven seconds to change flows."""
    tool = switch.folder / "bin" / "ovs-ofctl"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(
        '#!/bin/sh\ncase $* in *add-flows*) sleep 7 ;; esac\nexec /usr/bin/ovs-ofctl "$@"\n', encoding="utf-8"
    )
    tool.chmod(0o755)
    program = OVS.build_program().replace("PATH=/usr/local/sbin:", f"PATH={tool.parent}:/usr/local/sbin:")
    (switch.folder / "agent").write_text(program, encoding="utf-8")


def push_all(switch: VirtualSwitch, restore: Restore, wanted: DeviceState) -> None:
    for step in OVS.plan_steps(state_of(switch), wanted):
        for command in step.commands:
            OVS.push(switch, restore, command)
    assert state_of(switch) == wanted


def test_a_push_hands_on_input_output_and_errors(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    with pytest.raises(CommandFailed):
        interfere(switch, "run1")
    OVS.arm(switch, TOO_LATE)
    push_all(switch, TOO_LATE, EXAMPLE)
    with pytest.raises(CommandFailed, match=r"exit status 1: ovs-vsctl: no row \"nope\" in table Port"):
        OVS.push(switch, TOO_LATE, Command("ovs-vsctl -t 10 -- set Port nope tag=[1] vlan_mode=access trunks=[]"))
    with pytest.raises(CommandFailed, match="that is no command that can be pushed to a switch; nothing was changed"):
        OVS.push(switch, TOO_LATE, Command("ovs-ofctl -O OpenFlow14 del-flows br0"))
    assert OVS.cancel(switch, TOO_LATE)
    before = OVS.read(switch).reveal()
    with pytest.raises(CommandFailed, match="late: the restore"):
        interfere(switch, "run1")
    assert OVS.read(switch).reveal() == before


def test_a_push_after_the_restore_fired_changes_nothing(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    before = OVS.read(switch).reveal()
    restore = Restore(seconds=1, run="run1")
    OVS.lock(switch, FIRST)
    OVS.arm(switch, restore)
    wait_until(lambda: OVS.has_restored(switch, restore), "the restore")
    for _ in range(2):
        with pytest.raises(CommandFailed, match="late: run run1 does not hold the lock"):
            interfere(switch, "run1")
        # Not even when it has the lock again.
        OVS.lock(switch, FIRST)
        with pytest.raises(CommandFailed, match="late: the restore fired"):
            interfere(switch, "run1")
        OVS.unlock(switch, FIRST)
    assert not OVS.cancel(switch, restore)
    assert OVS.read(switch).reveal() == before


def test_a_push_without_a_living_restore_changes_nothing(switch: VirtualSwitch) -> None:
    before = OVS.read(switch).reveal()
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    (job,) = jobs(switch)
    kill_restore_jobs([job])
    wait_until(lambda: not jobs(switch), "the end of the job")
    with pytest.raises(CommandFailed, match="late: the restore"):
        interfere(switch, "run1")
    assert OVS.read(switch).reveal() == before


def test_a_restore_waits_for_the_command_in_hand_and_then_fires(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    restore = Restore(seconds=5, run="run1")
    OVS.lock(switch, FIRST)
    OVS.arm(switch, restore)
    make_bundles_slow(switch)
    OVS.push(switch, restore, Command(BUNDLE, "delete cookie=0x5453000000000000/0xffff000000000000\n"))
    (switch.folder / "agent").unlink()
    wait_until(lambda: OVS.has_restored(switch, restore), "the restore")
    assert state_of(switch) == EXAMPLE


def test_a_take_over_keeps_the_protection(switch: VirtualSwitch) -> None:
    """Both runs are killed, the second before it arms."""
    apply(switch, EXAMPLE)
    first = Restore(seconds=10, run="run1")
    OVS.lock(switch, FIRST)
    OVS.arm(switch, first)
    push_all(switch, first, build_device_state())
    OVS.lock(switch, Lock("plan1", "run2", 4))
    OVS.unlock(switch, Lock("plan1", "run2", 4))
    OVS.lock(switch, Lock("plan1", "run3", 4))
    assert state_of(switch) == build_device_state()
    wait_until(lambda: OVS.has_restored(switch, first), "the restore")
    assert state_of(switch) == EXAMPLE
    # What the later run has read is not so any more.
    with pytest.raises(CommandFailed, match="run run3 does not hold the lock"):
        OVS.arm(switch, Restore(2, "run3"))
    OVS.lock(switch, OTHER)


def test_a_take_over_prolongs_what_is_armed(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    OVS.arm(switch, Restore(8, "run1"))
    OVS.lock(switch, Lock("plan1", "run2", 60))
    time.sleep(9)
    assert not OVS.has_restored(switch, Restore(8, "run1"))
    OVS.arm(switch, Restore(600, "run2"))


def test_a_later_run_puts_back_what_was_there_before_the_first(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    push_all(switch, TOO_LATE, example("up1", "h-2", "h1", port_roles=True, vlan_database=False))
    OVS.lock(switch, Lock("plan1", "run2", 60))
    second = Restore(seconds=600, run="run2")
    OVS.arm(switch, second)
    assert len(jobs(switch)) == 1
    with pytest.raises(CommandFailed, match="another run of the same plan"):
        OVS.has_restored(switch, TOO_LATE)
    push_all(switch, second, build_device_state())
    OVS.lock(switch, Lock("plan1", "run3", 60))
    third = Restore(seconds=1, run="run3")
    OVS.arm(switch, third)
    wait_until(lambda: OVS.has_restored(switch, third), "the restore")
    assert state_of(switch) == EXAMPLE
    wait_until(lambda: not jobs(switch), "the end of the job")


@pytest.mark.parametrize("armed", [False, True])
def test_a_run_that_was_taken_over_can_change_nothing(switch: VirtualSwitch, armed: bool) -> None:  # noqa: FBT001
    apply(switch, EXAMPLE)
    before = OVS.read(switch).reveal()
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    OVS.lock(switch, Lock("plan1", "run2", 60))
    if armed:
        OVS.arm(switch, Restore(600, "run2"))
    with pytest.raises(CommandFailed, match="late: run run1 does not hold the lock"):
        interfere(switch, "run1")
    assert not OVS.cancel(switch, TOO_LATE)
    with pytest.raises(CommandFailed, match="nothing was saved"):
        OVS.save(switch, FIRST)
    OVS.unlock(switch, FIRST)
    assert len(jobs(switch)) == 1
    assert OVS.read(switch).reveal() == before
    assert OVS.read_saved(switch).reveal() == ""
    if not armed:
        OVS.arm(switch, Restore(600, "run2"))
    assert OVS.cancel(switch, Restore(600, "run2"))
    assert not jobs(switch)
    OVS.save(switch, Lock("plan1", "run2", 60))


def test_a_later_run_that_finds_all_done_cancels_what_is_armed(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    push_all(switch, TOO_LATE, EXAMPLE)
    OVS.lock(switch, Lock("plan1", "run2", 60))
    assert OVS.cancel(switch, Restore(600, "run2"))
    assert not jobs(switch)
    assert not OVS.cancel(switch, TOO_LATE)
    assert state_of(switch) == EXAMPLE


def test_an_expired_lock_with_a_restore_to_come_is_busy(switch: VirtualSwitch) -> None:
    # Long enough for a slow machine to arm; the lock runs out while the restore is still to come.
    OVS.lock(switch, Lock("plan1", "run1", 4))
    OVS.arm(switch, Restore(seconds=8, run="run1"))
    with pytest.raises(DeviceBusy):
        OVS.lock(switch, OTHER)

    def taken() -> bool:
        try:
            OVS.lock(switch, OTHER)
        except DeviceBusy:
            return False
        return True

    wait_until(taken, "the lock")
    assert OVS.has_restored(switch, Restore(8, "run1"))


def test_a_restore_whose_job_was_killed_is_made_up_for(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    OVS.lock(switch, Lock("plan1", "run1", 4))
    OVS.arm(switch, TOO_LATE)
    (job,) = jobs(switch)
    kill_restore_jobs([job])
    apply(switch, build_device_state())

    def taken() -> bool:
        try:
            OVS.lock(switch, OTHER)
        except DeviceBusy:
            return False
        return True

    wait_until(taken, "the lock")
    assert OVS.has_restored(switch, TOO_LATE)
    assert state_of(switch) == EXAMPLE


@pytest.mark.parametrize(
    "words",
    [
        "",
        "lock a b",
        "lock a '$(id)' 3",
        "arm ../x 3",
        "cancel .",
        "arm run1 soon",
        "lock a b 08",
        "lock a b 99999999999999999999",
    ],
)
def test_wrong_words_are_refused(switch: VirtualSwitch, words: str) -> None:
    OVS.read(switch)  # by the program, which is installed then
    with pytest.raises(CommandFailed, match="ovs_switch: "):
        switch.sh(f"sh {switch.folder}/agent {words}")
