"""AlliedWare Plus as text: written, there and back on a switch, and what the switch does with packets."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import ConfigRefused
from controller.lab.virtual_switches.forwarding import SampledPacket
from controller.model.network.device_state import (
    DeviceState,
    Entry,
    Filter,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    build_device_state,
    build_filter,
)
from controller.model.network.packets import Direction, Effect, Family, Match, Packet, Protocol
from controller.platforms.allied_telesis_awplus.driver import AlliedTelesisAwplus
from controller.prove.filters.evaluation import evaluate_filter
from tests.platforms.states import AWPLUS_PORTS, AWPLUS_TYPES, awplus_states, bound, everything, filters, trunk_example
from tests.platforms.x530_device import CommandRefused, TypedX530
from tests.soak import examples

AWPLUS = AlliedTelesisAwplus()
GOLDEN = Path(__file__).parent / "golden"
HOSTS, OTHER, GATEWAY, _ = AWPLUS_PORTS
EXAMPLE = trunk_example(HOSTS, OTHER, GATEWAY)
V4, V6 = Family.V4, Family.V6
COVER = everything(V4)
FAMILIES: dict[Family, Literal[4, 6]] = {V4: 4, V6: 6}


def walk(switch: TypedX530, now: DeviceState, wanted: DeviceState) -> None:
    """Perform the steps; after each the switch is in the state that it promises."""
    for step in AWPLUS.plan_steps(now, wanted):
        switch.enter(command.line for command in step.commands)
        assert AWPLUS.parse(switch.text(), step.title).state == step.result
    assert AWPLUS.parse(switch.text(), "wanted").state == wanted


@settings(max_examples=examples(40), deadline=None)
@given(awplus_states(), awplus_states())
def test_there_and_back(first: DeviceState, second: DeviceState) -> None:
    switch = TypedX530()
    walk(switch, build_device_state(), first)
    walk(switch, first, second)
    walk(switch, second, first)
    walk(switch, first, build_device_state())
    assert not AWPLUS.plan_steps(first, first)
    carrying = {port.name for port in switch.switch.get_forwarding().ports if port.tagged}
    assert not carrying, "a port that left our care carries VLANs without filters"


@settings(max_examples=examples(30), deadline=None)
@given(filters(icmp_ranges=False, flags=False, types=AWPLUS_TYPES), st.data())
def test_the_switch_does_with_a_packet_what_the_filter_says(made: list[Filter], data: st.DataObject) -> None:
    """Lists of many VLANs and both families on one port: each packet meets only its own."""
    made = [one for one in made if one.direction is Direction.FROM]
    vlans = tuple(sorted({one.vlan for one in made}))
    if not made:
        return
    state = build_device_state(
        [Vlan(number, f"TSN-{number}") for number in vlans],
        [PortState(HOSTS, PortMode.TRUNK, vlans, PortRole.HOST_FACING)],
        made,
        map(bound, made),
    )
    switch = TypedX530()
    walk(switch, build_device_state(), state)
    for one in made:
        edges = [entry.match for entry in one.entries]
        for _ in range(20):
            match = data.draw(st.sampled_from(edges))
            packet = Packet(
                one.family,
                data.draw(st.sampled_from((match.protocol or 6, 6, 17, 47))),
                int(match.source[data.draw(st.sampled_from((0, -1)))]),
                int(match.destination[data.draw(st.sampled_from((0, -1)))]),
                data.draw(st.sampled_from((*match.source_ports, 7))),
                data.draw(st.sampled_from((*match.destination_ports, 7))),
                established=data.draw(st.booleans()),
            )
            sampled = SampledPacket(
                FAMILIES[one.family],
                packet.protocol,
                packet.source,
                packet.destination,
                packet.source_port,
                packet.destination_port,
                packet.established,
                one.vlan,
            )
            assert switch.permits(HOSTS, sampled) == evaluate_filter(one, packet), packet


@st.composite
def changes(draw: st.DrawFn) -> tuple[DeviceState, DeviceState]:
    """Two states: of the same switch with other filters in the same places, or of two switches."""
    first = draw(awplus_states(lags=False))
    if draw(st.booleans()):
        return first, draw(awplus_states(lags=False))
    other = {
        one.name: build_filter(
            *one.key, [replace(one.entries[0], effect=draw(st.sampled_from(Effect))), COVERS[one.family]]
        )
        for one in first.filters
        if len(one.entries) > 1 and draw(st.integers(0, 3))
    }
    held = [other.get(one.name, one) for one in first.filters]
    names = {one.name: one.name for one in held} | {old: new.name for old, new in other.items()}
    in_force = [replace(one, filter=names.get(one.filter, one.filter)) for one in first.bindings]
    return first, build_device_state(first.vlans, first.ports, held, in_force)


COVERS = {family: everything(family) for family in Family}


@settings(max_examples=examples(20), deadline=None)
@given(changes(), st.data())
def test_after_every_single_command_no_packet_fares_worse_or_better_than_before_and_after(
    states: tuple[DeviceState, DeviceState], data: st.DataObject
) -> None:
    """What both states let through passes all the time, what neither does never (old and new <= mid <= old or new)."""
    first, second = states
    switch = TypedX530()
    walk(switch, build_device_state(), first)
    matched = [(one, entry.match) for state in (first, second) for one in state.filters for entry in one.entries]
    frames = [
        (
            data.draw(st.sampled_from(AWPLUS_PORTS)),
            SampledPacket(
                FAMILIES[one.family],
                match.protocol or 47,
                int(match.source[-1]),
                int(match.destination[-1]),
                match.source_ports[0],
                match.destination_ports[1],
                vlan=one.vlan,
            ),
        )
        for one, match in matched
    ]
    before = [switch.forwards(*frame) for frame in frames]
    during = []
    for step in AWPLUS.plan_steps(first, second):
        for command in step.commands:
            switch.enter([command.line])
            during.append([switch.forwards(*frame) for frame in frames])
    after = [switch.forwards(*frame) for frame in frames]
    for now in during:
        for old, mid, new in zip(before, now, after, strict=True):
            assert (old and new) <= mid <= (old or new)


def test_golden() -> None:
    """Regenerate with GOLDEN=write pytest tests/platforms, and read the difference."""
    text = AWPLUS.render(EXAMPLE)
    path = GOLDEN / "allied_telesis_awplus.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_ports_enter_a_vlan_only_with_their_filters() -> None:
    titles = [step.title for step in AWPLUS.plan_steps(build_device_state(), EXAMPLE)]
    assert titles == ["make VLANs", "make access lists", "set ports"]
    titles = [step.title for step in AWPLUS.plan_steps(EXAMPLE, build_device_state())]
    assert titles == ["set ports", "remove access lists", "remove VLANs"]
    (_, _, ports) = AWPLUS.plan_steps(build_device_state(), EXAMPLE)
    lines = [command.line for command in ports.commands]
    for name in (HOSTS, OTHER, GATEWAY):
        here = lines[lines.index(f"interface {name}") :]
        enters = next(number for number, line in enumerate(here) if "vlan add" in line)
        assert sum(line.startswith(("access-group", "ipv6 traffic-filter")) for line in here[:enters]) == 2


def test_a_changed_filter_is_attached_before_the_old_one_goes() -> None:
    changed = build_filter(20, Direction.FROM, V4, [COVER])
    others = [one for one in EXAMPLE.filters if one.key != changed.key]
    wanted = replace(
        EXAMPLE,
        filters=build_device_state(filters=[*others, changed]).filters,
        bindings=build_device_state(bindings=map(bound, [*others, changed])).bindings,
    )
    (old,) = (one.name for one in EXAMPLE.filters if one.key == changed.key)
    steps = AWPLUS.plan_steps(EXAMPLE, wanted)
    assert [step.title for step in steps] == ["make access lists", "bind access lists", "remove access lists"]
    attach = [f"access-group {changed.name}", f"no access-group {old}"]
    assert [command.line for command in steps[1].commands][1:-1] == [
        f"interface {HOSTS}",
        *attach,
        f"interface {OTHER}",
        *attach,
    ]


def test_a_list_that_was_changed_by_hand_is_never_edited_in_place() -> None:
    (one,) = (each for each in EXAMPLE.filters if each.key == (20, Direction.FROM, V4))
    opened = Filter(one.name, *one.key, (everything(V4, Effect.PERMIT),))
    now = replace(EXAMPLE, filters=tuple(opened if each is one else each for each in EXAMPLE.filters))
    switch = TypedX530()
    walk(switch, build_device_state(), now)
    walk(switch, now, EXAMPLE)


def test_what_nothing_matches_is_forwarded_so_each_list_ends_in_an_entry_for_everything() -> None:
    switch = TypedX530()
    walk(switch, build_device_state(), EXAMPLE)
    strange = SampledPacket(4, 47, 1, 2, vlan=20)
    assert not switch.permits(HOSTS, strange)
    assert switch.permits(HOSTS, replace(strange, vlan=10)), "the switch must forward what no list is for"
    text = switch.text()
    last = next(line for line in text.splitlines() if line == " deny ip any any vlan 20")
    with pytest.raises(ConfigRefused, match="what nothing matches is forwarded"):
        AWPLUS.parse(text.replace(f"{last}\n", "", 1), "core1.cfg")


@pytest.mark.parametrize("kind", [1, 2, 6, 30, 42, 255])
def test_an_icmp_type_that_the_switch_has_not_is_refused_by_name_and_by_the_switch(kind: int) -> None:
    entry = Entry(Effect.PERMIT, Match(V4, Protocol.ICMP, V4.everything, V4.everything, destination_ports=(kind, kind)))
    one = build_filter(20, Direction.FROM, V4, [entry, COVER])
    with pytest.raises(ValueError, match="ICMP type"):
        AWPLUS.render(replace(EXAMPLE, filters=build_device_state(filters=[one]).filters, bindings=()))
    switch = TypedX530()
    switch.enter(["configure terminal", "access-list hardware X"])
    with pytest.raises(CommandRefused):
        switch.enter([f"permit icmp any any icmp-type {kind}"])


def test_the_states_of_vlans_in_one_line_are_read_and_a_vlan_of_ours_that_is_disabled_is_refused() -> None:
    text = "vlan database\n vlan 10 name TSN-a\n vlan 20 name TSN-b\n vlan 10,20,30 state enable\n!\n"
    seen = AWPLUS.parse(text, "core1.cfg")
    assert [vlan.number for vlan in seen.state.vlans] == [10, 20]
    assert list(seen.conflicting) == [30]
    for states in (" vlan 20 state disable\n vlan 10,30 state enable\n", " vlan 10-30 state disable\n"):
        with pytest.raises(ConfigRefused, match=r"core1.cfg:4: .*disabled"):
            AWPLUS.parse(text.replace(" vlan 10,20,30 state enable\n", states), "core1.cfg")


def test_hosts_leave_before_lists_change_and_the_old_uplink_goes_last() -> None:
    """What new lists let through reaches no port that is about to leave; there is always a way to the gateway."""
    vlan = Vlan(20, "TSN-staff")
    old_list, new_list = (build_filter(20, Direction.TO, V4, [replace(COVER, effect=one)]) for one in Effect)
    hosts = PortState(HOSTS, PortMode.TRUNK, (10, 20), PortRole.HOST_FACING)
    uplink = PortState(GATEWAY, PortMode.TRUNK, (10, 20), PortRole.UPLINK)
    first = build_device_state([Vlan(10, "TSN-pupil"), vlan], [hosts, uplink], [old_list], [bound(old_list)])
    moved = [replace(hosts, vlans=(10,)), replace(uplink, name=OTHER)]
    second = build_device_state(first.vlans, moved, [new_list], [bound(new_list)])
    lines = [command.line for step in AWPLUS.plan_steps(first, second) for command in step.commands]
    left = lines.index("switchport trunk allowed vlan remove 20")
    bound_new = lines.index(f"access-group {new_list.name}")
    entered = lines.index("switchport trunk allowed vlan add 10,20")
    gone = len(lines) - 1 - lines[::-1].index("switchport trunk allowed vlan none")
    assert left < bound_new < entered < gone
