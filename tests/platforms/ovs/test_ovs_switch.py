"""Open vSwitch for real: what the steps make of a switch, and its boot file."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings

from controller.errors import CommandFailed, ConfigRefused
from controller.model.network.device_state import (
    DeviceState,
    Entry,
    PortMode,
    PortRole,
    PortState,
    build_device_state,
    build_filter,
)
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.platforms.base import Command
from tests.platforms.ovs.one_switch import (
    EXAMPLE,
    FIRST,
    FOREIGN,
    OVS,
    PORTS,
    apply,
    lines_of_ours,
    perform,
    state_of,
)
from tests.platforms.ovs.virtual_switch import VirtualSwitch
from tests.platforms.states import bound, everything, ovs_states

pytestmark = [pytest.mark.lab, pytest.mark.own_network]


def test_the_switch_prints_exactly_what_we_render(switch: VirtualSwitch) -> None:
    switch.sh(f"ovs-ofctl -O OpenFlow14 add-flow br0 '{FOREIGN}'")
    apply(switch, EXAMPLE)
    text = OVS.read(switch).reveal()
    assert lines_of_ours(text) == lines_of_ours(OVS.render(EXAMPLE))
    seen = OVS.parse(text, "virtual")
    assert [line.text.strip() for line in seen.unmanaged] == ["priority=0 actions=NORMAL", FOREIGN]
    apply(switch, build_device_state())
    assert f" {FOREIGN}" in OVS.read(switch).reveal().splitlines()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ovs_states(PORTS), ovs_states(PORTS))
def test_after_every_command_the_switch_is_in_a_state_that_the_plan_knows(
    switch: VirtualSwitch, now: DeviceState, wanted: DeviceState
) -> None:
    assume(now != wanted)
    apply(switch, now)
    known = now
    for step in OVS.plan_steps(now, wanted):
        for command in step.commands[:-1]:
            switch.run(command)
            assert state_of(switch) == known
        switch.run(step.commands[-1])
        assert state_of(switch) == step.result
        known = step.result
    text = OVS.read(switch).reveal()
    assert lines_of_ours(text) == lines_of_ours(OVS.render(wanted))
    assert not OVS.parse(text, "virtual").remarks


def test_a_plan_that_was_cut_off_anywhere_is_finished_by_what_remains(switch: VirtualSwitch) -> None:
    moved = build_device_state(
        ports=[
            PortState("h1", PortMode.ACCESS, (10,), PortRole.HOST_FACING),
            PortState("h-2", PortMode.TRUNK, (20, 30), PortRole.HOST_FACING),
            PortState("up1", PortMode.TRUNK, (20, 30), PortRole.UPLINK),
        ],
        filters=EXAMPLE.filters[:1],
        bindings=map(bound, EXAMPLE.filters[:1]),
    )
    commands = [command for step in OVS.plan_steps(EXAMPLE, moved) for command in step.commands]
    assert [step.result.ports for step in OVS.plan_steps(EXAMPLE, moved)] == [
        (EXAMPLE.ports[2],),
        (PortState("up1", PortMode.TRUNK, (20,), PortRole.UPLINK),),
        (*moved.ports[:2], PortState("up1", PortMode.TRUNK, (20,), PortRole.UPLINK)),
        moved.ports,
    ]
    for cut in range(len(commands) + 1):
        apply(switch, EXAMPLE)
        for command in commands[:cut]:
            switch.run(command)
        apply(switch, moved)


def test_a_port_that_is_not_there_is_found_out_and_nothing_changes(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    before = OVS.read(switch).reveal()
    absent = PortState("nope", PortMode.ACCESS, (20,), PortRole.HOST_FACING)
    steps = OVS.plan_steps(
        EXAMPLE, build_device_state(EXAMPLE.vlans, [*EXAMPLE.ports, absent], EXAMPLE.filters, EXAMPLE.bindings)
    )
    with pytest.raises(CommandFailed, match="nope"):
        perform(switch, steps[0])
    assert OVS.read(switch).reveal() == before


def test_a_bundle_with_one_bad_flow_changes_nothing(switch: VirtualSwitch) -> None:
    apply(switch, EXAMPLE)
    before = OVS.read(switch).reveal()
    bundle = OVS.plan_steps(EXAMPLE, build_device_state())[-1].commands[-1]
    assert bundle.stdin is not None
    with pytest.raises(CommandFailed):
        switch.run(Command(bundle.line, bundle.stdin + "add table=1,priority=7,in_port=nope,actions=drop\n"))
    assert OVS.read(switch).reveal() == before


def test_a_large_filter_goes_in_whole(switch: VirtualSwitch) -> None:
    addresses = [parse_prefix(f"10.{n // 250}.{n % 250}.0/24") for n in range(3000)]
    entries = [
        Entry(Effect.PERMIT, Match(Family.V4, Protocol.TCP, Family.V4.everything, one, destination_ports=(443, 443)))
        for one in addresses
    ]
    large = build_filter(20, Direction.FROM, Family.V4, [*entries, everything(Family.V4)])
    apply(switch, build_device_state(filters=[large], bindings=[bound(large)]))


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
    (switch.folder / "ovs_switch.sh").write_text(OVS.build_program(), encoding="utf-8")
    return switch.sh(f"sh {switch.folder}/ovs_switch.sh load")


def test_a_restart_keeps_the_filters_by_the_boot_file(switch: VirtualSwitch) -> None:
    switch.sh(f"ovs-ofctl -O OpenFlow14 add-flow br0 '{FOREIGN}'")
    apply(switch, EXAMPLE)
    assert OVS.read_saved(switch).reveal() == ""
    save(switch)
    before = OVS.read(switch).reveal()
    assert OVS.read_saved(switch).reveal() == before
    switch.stop()
    switch.start()
    assert "cookie" not in OVS.read(switch).reveal()
    assert load(switch) == "loaded\n"
    assert sorted(OVS.read(switch).reveal().splitlines()) == sorted(before.splitlines())


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
    before = OVS.read(switch).reveal()
    with pytest.raises(CommandFailed, match="nothing loaded"):
        load(switch)
    assert OVS.read(switch).reveal() == before
    assert OVS.read_saved(switch).reveal() == ""


def test_nothing_is_loaded_into_a_bridge_that_a_restart_would_open(switch: VirtualSwitch) -> None:
    save(switch)
    switch.sh("ovs-vsctl set Bridge br0 fail_mode=standalone")
    with pytest.raises(CommandFailed, match="not secure"):
        load(switch)


# --- lock and restore ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "column"),
    [
        ("set-controller br0 tcp:127.0.0.1:9", "controller"),
        ("--id=@m create Mirror name=m select-all=true -- set Bridge br0 mirrors=@m", "mirrors"),
        ('--id=@s create sFlow targets=\\"127.0.0.1:9\\" -- set Bridge br0 sflow=@s', "sflow"),
        ("--id=@t create Flow_Table flow_limit=9 -- set Bridge br0 flow_tables:1=@t", "flow_tables"),
        ("set Bridge br0 flood_vlans=20", "flood_vlans"),
    ],
)
def test_what_decides_beside_the_flows_is_shown_and_refused(switch: VirtualSwitch, made: str, column: str) -> None:
    switch.sh(f"ovs-vsctl -- {made}")
    try:
        with pytest.raises(ConfigRefused, match=f"clear Bridge br0 {column}"):
            OVS.parse(OVS.read(switch).reveal(), "virtual")
    finally:
        switch.sh(f"ovs-vsctl clear Bridge br0 {column}")
    assert OVS.parse(OVS.read(switch).reveal(), "virtual").state == build_device_state()
