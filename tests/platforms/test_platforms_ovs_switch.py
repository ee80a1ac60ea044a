"""Open vSwitch for real: what the steps make of a switch, its boot file, its lock and its armed restore."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings

from controller.errors import CommandFailed, DeviceBusy
from controller.model.flow import Direction, Effect, Family, Match, Protocol, prefix
from controller.model.state import DeviceState, Entry, Faces, PortMode, PortState, device_state, named_filter
from controller.platforms.base import Command, Lock, Restore, Step
from controller.platforms.ovs import OpenVSwitch
from tests.platforms.states import bound, everything, example, ovs_states
from tests.platforms.virtual_switch import VirtualSwitch, alive, virtual_switch, wait_until

pytestmark = pytest.mark.lab

OVS = OpenVSwitch()
PORTS = ("h1", "h-2", "up1")  # The switch writes a name with a dash in quotes.
EXAMPLE = example(*PORTS, faces=True, vlan_database=False)
FOREIGN = "cookie=0x77, table=9, priority=5,tcp,in_port=h1 actions=drop"
TOO_LATE = Restore(seconds=600, run="run1")
FIRST = Lock(owner="plan1", run="run1", seconds=60)
OTHER = Lock(owner="plan2", run="run2", seconds=60)


@pytest.fixture(scope="module")
def shared() -> Iterator[VirtualSwitch]:
    with virtual_switch(*PORTS) as made:
        yield made


@pytest.fixture
def switch(shared: VirtualSwitch) -> Iterator[VirtualSwitch]:
    shared.reset(*PORTS)
    yield shared
    for job in jobs(shared):
        os.killpg(job, signal.SIGKILL)


def jobs(switch: VirtualSwitch) -> list[int]:
    """The restore jobs that still live on the switch."""
    found = [int(path.read_text("ascii").split()[0]) for path in switch.folder.glob("switch/restores/*/job")]
    return [pid for pid in found if alive(pid)]


def state_of(switch: VirtualSwitch) -> DeviceState:
    return OVS.parse(OVS.read(switch), "virtual").state


def perform(switch: VirtualSwitch, step: Step) -> None:
    for command in step.commands:
        switch.run(command)


def apply(switch: VirtualSwitch, wanted: DeviceState) -> None:
    for step in OVS.steps(state_of(switch), wanted):
        perform(switch, step)
    assert state_of(switch) == wanted


def lines_of_ours(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if "cookie=0x5453" in line)


def test_the_switch_prints_exactly_what_we_render(switch: VirtualSwitch) -> None:
    switch.sh(f"ovs-ofctl -O OpenFlow14 add-flow br0 '{FOREIGN}'")
    apply(switch, EXAMPLE)
    text = OVS.read(switch)
    assert lines_of_ours(text) == lines_of_ours(OVS.render(EXAMPLE))
    seen = OVS.parse(text, "virtual")
    assert [line.text.strip() for line in seen.foreign] == ["priority=0 actions=NORMAL", FOREIGN]
    apply(switch, device_state())
    assert f" {FOREIGN}" in OVS.read(switch).splitlines()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ovs_states(PORTS), ovs_states(PORTS))
def test_after_every_command_the_switch_is_in_a_state_that_the_plan_knows(
    switch: VirtualSwitch, now: DeviceState, wanted: DeviceState
) -> None:
    assume(now != wanted)
    apply(switch, now)
    known = now
    for step in OVS.steps(now, wanted):
        for command in step.commands[:-1]:
            switch.run(command)
            assert state_of(switch) == known
        switch.run(step.commands[-1])
        assert state_of(switch) == step.result
        known = step.result
    text = OVS.read(switch)
    assert lines_of_ours(text) == lines_of_ours(OVS.render(wanted))
    assert not OVS.parse(text, "virtual").remarks


def test_a_plan_that_was_cut_off_anywhere_is_finished_by_what_remains(switch: VirtualSwitch) -> None:
    moved = device_state(
        ports=[
            PortState("h1", PortMode.ACCESS, (10,), Faces.HOSTS),
            PortState("h-2", PortMode.TRUNK, (20, 30), Faces.HOSTS),
            PortState("up1", PortMode.TRUNK, (20, 30), Faces.GATEWAY),
        ],
        filters=EXAMPLE.filters[:1],
        bindings=map(bound, EXAMPLE.filters[:1]),
    )
    commands = [command for step in OVS.steps(EXAMPLE, moved) for command in step.commands]
    assert [step.result.ports for step in OVS.steps(EXAMPLE, moved)] == [
        (EXAMPLE.ports[2],),
        (PortState("up1", PortMode.TRUNK, (20,), Faces.GATEWAY),),
        (*moved.ports[:2], PortState("up1", PortMode.TRUNK, (20,), Faces.GATEWAY)),
        moved.ports,
    ]
    for cut in range(len(commands) + 1):
        apply(switch, EXAMPLE)
        for command in commands[:cut]:
            switch.run(command)
        apply(switch, moved)


def test_a_port_that_is_not_there_is_found_out_and_nothing_changes(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    before = OVS.read(switch)
    absent = PortState("nope", PortMode.ACCESS, (20,), Faces.HOSTS)
    steps = OVS.steps(EXAMPLE, device_state(EXAMPLE.vlans, [*EXAMPLE.ports, absent], EXAMPLE.filters, EXAMPLE.bindings))
    with pytest.raises(CommandFailed, match="nope"):
        perform(switch, steps[0])
    assert OVS.read(switch) == before


def test_a_bundle_with_one_bad_flow_changes_nothing(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    before = OVS.read(switch)
    bundle = OVS.steps(EXAMPLE, device_state())[-1].commands[-1]
    assert bundle.stdin is not None
    with pytest.raises(CommandFailed):
        switch.run(Command(bundle.line, bundle.stdin + "add table=1,priority=7,in_port=nope,actions=drop\n"))
    assert OVS.read(switch) == before


def test_a_large_filter_goes_in_whole(switch: VirtualSwitch) -> None:
    addresses = [prefix(f"10.{n // 250}.{n % 250}.0/24") for n in range(3000)]
    entries = [
        Entry(Effect.PERMIT, Match(Family.V4, Protocol.TCP, Family.V4.everything, one, destination_ports=(443, 443)))
        for one in addresses
    ]
    large = named_filter(20, Direction.FROM, Family.V4, [*entries, everything(Family.V4)])
    apply(switch, device_state(filters=[large], bindings=[bound(large)]))


def test_what_was_changed_by_hand_is_mended(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    for by_hand in (
        "set Port h1 tag=30",
        "clear Port h-2 tag",
        "set Port up1 trunks=10,20,30",
        "set Port up1 trunks=10",
    ):
        switch.sh(f"ovs-vsctl {by_hand}")
        assert state_of(switch) != EXAMPLE
        apply(switch, EXAMPLE)
    switch.sh("ovs-ofctl -O OpenFlow14 --strict del-flows br0 priority=1")
    assert not state_of(switch).ports
    apply(switch, EXAMPLE)


# --- the boot file ---------------------------------------------------------------------------------------------------


def save(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    OVS.save(switch, FIRST)
    OVS.unlock(switch, FIRST)


def load(switch: VirtualSwitch) -> str:
    """What the start-up of a switch does: the program as a file, not over SSH."""
    (switch.folder / "ovs_switch.sh").write_text(OVS.program(), encoding="utf-8")
    return switch.sh(f"sh {switch.folder}/ovs_switch.sh load")


def test_a_restart_keeps_the_filters_by_the_boot_file(switch: VirtualSwitch) -> None:
    switch.sh(f"ovs-ofctl -O OpenFlow14 add-flow br0 '{FOREIGN}'")
    apply(switch, EXAMPLE)
    assert OVS.saved(switch) == ""
    save(switch)
    before = OVS.read(switch)
    assert OVS.saved(switch) == before
    switch.stop()
    switch.start()
    assert "cookie" not in OVS.read(switch)
    assert load(switch) == "loaded\n"
    assert sorted(OVS.read(switch).splitlines()) == sorted(before.splitlines())


def test_a_boot_file_that_names_a_vanished_port_loads_the_rest(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    save(switch)
    switch.sh("ovs-vsctl del-port br0 h-2")
    load(switch)
    after = state_of(switch)
    assert after.filters == EXAMPLE.filters
    assert [port.name for port in after.ports] == ["h1", "up1"]


@pytest.mark.parametrize("damage", ["rm $B", ": >$B", "echo x >>$B", "sed -i 's/drop/NORMAL/' $B", "sed -i '$d' $B"])
def test_a_damaged_boot_file_loads_nothing(switch: VirtualSwitch, damage: str) -> None:
    apply(switch, EXAMPLE)
    save(switch)
    switch.stop()
    switch.start()
    switch.sh(damage.replace("$B", "$TSUNAGU_SWITCH/boot"))
    before = OVS.read(switch)
    with pytest.raises(CommandFailed, match="nothing loaded"):
        load(switch)
    assert OVS.read(switch) == before
    assert OVS.saved(switch) == ""


def test_nothing_is_loaded_into_a_bridge_that_a_restart_would_open(switch: VirtualSwitch) -> None:
    save(switch)
    switch.sh("ovs-vsctl set Bridge br0 fail_mode=standalone")
    with pytest.raises(CommandFailed, match="not secure"):
        load(switch)


# --- lock and restore ------------------------------------------------------------------------------------------------


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
    before = OVS.read(switch)
    OVS.lock(switch, FIRST)
    restore = Restore(seconds=6, run="run1")
    OVS.arm(switch, restore)
    apply(switch, example("up1", "h-2", "h1", faces=True, vlan_database=False))
    assert not OVS.restored(switch, restore)
    wait_until(lambda: OVS.restored(switch, restore), "the restore")
    assert sorted(OVS.read(switch).splitlines()) == sorted(before.splitlines())
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
    assert not OVS.restored(switch, TOO_LATE)
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
        def run(self, command: Command) -> str:
            words = ("ip", "netns", "exec", self.namespace, "sh", "-c", f"{command.line}; echo done; exec sleep 600")
            pipe = subprocess.PIPE
            with subprocess.Popen(
                words, stdin=pipe, stdout=pipe, text=True, env=self.environment, start_new_session=True
            ) as client:
                assert client.stdin is not None
                assert client.stdout is not None
                client.stdin.write(command.stdin or "")
                client.stdin.close()
                said = client.stdout.readline()
                assert client.stdout.readline() == "done\n"
                os.killpg(client.pid, signal.SIGKILL)
            return said

    restore = Restore(seconds=4, run="run1")
    OVS.arm(Killed(switch.device, switch.namespace, switch.folder), restore)
    switch.sh("ovs-ofctl -O OpenFlow14 del-flows br0")
    wait_until(lambda: OVS.restored(switch, restore), "the restore")
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
        assert OVS.restored(switch, restore) is not cancelled
        outcomes.add(cancelled)
    assert False in outcomes


def interfere(switch: VirtualSwitch, run: str) -> None:
    """Push, as a run, what would let everything through."""
    line = "ovs-ofctl -O OpenFlow14 --bundle add-flows br0 -"
    OVS.push(switch, Restore(600, run), Command(line, "add table=0,priority=60000,actions=NORMAL\n"))


def push_all(switch: VirtualSwitch, restore: Restore, wanted: DeviceState) -> None:
    for step in OVS.steps(state_of(switch), wanted):
        for command in step.commands:
            OVS.push(switch, restore, command)
    assert state_of(switch) == wanted


def test_a_push_hands_on_input_output_and_errors(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    with pytest.raises(CommandFailed):
        interfere(switch, "run1")
    OVS.arm(switch, TOO_LATE)
    push_all(switch, TOO_LATE, EXAMPLE)
    with pytest.raises(CommandFailed, match=r"exit status 7: it's bad"):
        OVS.push(switch, TOO_LATE, Command('echo "it\'s bad" >&2; exit 7'))
    assert OVS.cancel(switch, TOO_LATE)
    before = OVS.read(switch)
    with pytest.raises(CommandFailed, match="late: the restore"):
        interfere(switch, "run1")
    assert OVS.read(switch) == before


def test_a_push_after_the_restore_fired_changes_nothing(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    before = OVS.read(switch)
    restore = Restore(seconds=1, run="run1")
    OVS.lock(switch, FIRST)
    OVS.arm(switch, restore)
    wait_until(lambda: OVS.restored(switch, restore), "the restore")
    for _ in range(2):
        with pytest.raises(CommandFailed, match="late: run run1 does not hold the lock"):
            interfere(switch, "run1")
        # Not even when it has the lock again.
        OVS.lock(switch, FIRST)
        with pytest.raises(CommandFailed, match="late: the restore fired"):
            interfere(switch, "run1")
        OVS.unlock(switch, FIRST)
    assert not OVS.cancel(switch, restore)
    assert OVS.read(switch) == before


def test_a_push_without_a_living_restore_changes_nothing(switch: VirtualSwitch) -> None:
    before = OVS.read(switch)
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    (job,) = jobs(switch)
    os.killpg(job, signal.SIGKILL)
    with pytest.raises(CommandFailed, match="late: the restore"):
        interfere(switch, "run1")
    assert OVS.read(switch) == before


def test_a_restore_waits_for_the_command_in_hand_and_then_fires(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    restore = Restore(seconds=2, run="run1")
    OVS.lock(switch, FIRST)
    OVS.arm(switch, restore)
    slow = "sleep 4; ovs-ofctl -O OpenFlow14 del-flows br0"
    OVS.push(switch, restore, Command(slow))
    wait_until(lambda: OVS.restored(switch, restore), "the restore")
    assert state_of(switch) == EXAMPLE


def test_a_take_over_keeps_the_protection(switch: VirtualSwitch) -> None:
    """Both runs are killed, the second before it arms."""
    apply(switch, EXAMPLE)
    first = Restore(seconds=6, run="run1")
    OVS.lock(switch, FIRST)
    OVS.arm(switch, first)
    push_all(switch, first, device_state())
    OVS.lock(switch, Lock("plan1", "run2", 4))
    OVS.unlock(switch, Lock("plan1", "run2", 4))
    OVS.lock(switch, Lock("plan1", "run3", 4))
    assert state_of(switch) == device_state()
    wait_until(lambda: OVS.restored(switch, first), "the restore")
    assert state_of(switch) == EXAMPLE
    # What the later run has read is not so any more.
    with pytest.raises(CommandFailed, match="run run3 does not hold the lock"):
        OVS.arm(switch, Restore(2, "run3"))
    OVS.lock(switch, OTHER)


def test_a_take_over_prolongs_what_is_armed(switch: VirtualSwitch) -> None:
    OVS.lock(switch, FIRST)
    OVS.arm(switch, Restore(5, "run1"))
    OVS.lock(switch, Lock("plan1", "run2", 60))
    time.sleep(6)
    assert not OVS.restored(switch, Restore(5, "run1"))
    OVS.arm(switch, Restore(600, "run2"))


def test_a_later_run_puts_back_what_was_there_before_the_first(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    OVS.lock(switch, FIRST)
    OVS.arm(switch, TOO_LATE)
    push_all(switch, TOO_LATE, example("up1", "h-2", "h1", faces=True, vlan_database=False))
    OVS.lock(switch, Lock("plan1", "run2", 60))
    second = Restore(seconds=600, run="run2")
    OVS.arm(switch, second)
    assert len(jobs(switch)) == 1
    with pytest.raises(CommandFailed, match="another run of the same plan"):
        OVS.restored(switch, TOO_LATE)
    push_all(switch, second, device_state())
    OVS.lock(switch, Lock("plan1", "run3", 60))
    third = Restore(seconds=1, run="run3")
    OVS.arm(switch, third)
    wait_until(lambda: OVS.restored(switch, third), "the restore")
    assert state_of(switch) == EXAMPLE
    wait_until(lambda: not jobs(switch), "the end of the job")


@pytest.mark.parametrize("armed", [False, True])
def test_a_run_that_was_taken_over_can_change_nothing(switch: VirtualSwitch, armed: bool) -> None:  # noqa: FBT001
    apply(switch, EXAMPLE)
    before = OVS.read(switch)
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
    assert OVS.read(switch) == before
    assert OVS.saved(switch) == ""
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
    OVS.lock(switch, Lock("plan1", "run1", 1))
    OVS.arm(switch, Restore(seconds=5, run="run1"))
    with pytest.raises(DeviceBusy):
        OVS.lock(switch, OTHER)

    def taken() -> bool:
        try:
            OVS.lock(switch, OTHER)
        except DeviceBusy:
            return False
        return True

    wait_until(taken, "the lock")
    assert OVS.restored(switch, Restore(5, "run1"))


def test_a_restore_whose_job_was_killed_is_made_up_for(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    OVS.lock(switch, Lock("plan1", "run1", 2))
    OVS.arm(switch, TOO_LATE)
    (job,) = jobs(switch)
    os.killpg(job, signal.SIGKILL)
    apply(switch, device_state())

    def taken() -> bool:
        try:
            OVS.lock(switch, OTHER)
        except DeviceBusy:
            return False
        return True

    wait_until(taken, "the lock")
    assert OVS.restored(switch, TOO_LATE)
    assert state_of(switch) == EXAMPLE


@pytest.mark.parametrize("words", ["", "lock a b", "lock a '$(id)' 3", "arm ../x 3", "cancel .", "arm run1 soon"])
def test_wrong_words_are_refused(switch: VirtualSwitch, words: str) -> None:
    with pytest.raises(CommandFailed, match="ovs_switch: "):
        switch.sh(f"sh -s -- {words}", OVS.program())
