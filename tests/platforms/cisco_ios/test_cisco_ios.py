"""Cisco IOS as text that is written: read back, from one state to another and back, and what it cannot hold."""

from __future__ import annotations

import os

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    DeviceState,
    Entry,
    Filter,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    VlanInterface,
    build_device_state,
    build_filter,
)
from controller.model.network.packets import ANY_PORTS, Direction, Effect, Family, Match, Protocol
from controller.platforms.base import refuse_conflicts
from controller.platforms.dialect.switch import write_allowed_vlans
from tests.platforms.catalyst_device import InvalidInput, TypedCatalyst
from tests.platforms.cisco_ios.texts import BARE, EXAMPLE, GOLDEN, IOS, RUNNING, walk
from tests.platforms.states import CISCO_PORTS, bound, everything


def test_the_virtual_catalyst_refuses_what_it_does_not_know() -> None:
    for command in ("reload", "vlan x", "no vlan 7", "interface GigabitEthernet9/9/9", "permit ip any any"):
        with pytest.raises(InvalidInput):
            TypedCatalyst(BARE).enter(["configure terminal", command])
    with pytest.raises(InvalidInput):
        TypedCatalyst(BARE).enter(["vlan 7"])
    for entry in ("permit ip any", "permit tcp any any eq 70000", "permit udp 10.0.0.0 any"):
        with pytest.raises(InvalidInput):
            TypedCatalyst(BARE).enter(["configure terminal", "ip access-list extended X", entry])


def test_golden() -> None:
    """Regenerate with GOLDEN=write pytest tests/platforms, and read the difference."""
    text = IOS.render(EXAMPLE)
    path = GOLDEN / "cisco_ios.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_ports_enter_a_vlan_only_when_its_filters_stand() -> None:
    titles = [step.title for step in IOS.plan_steps(build_device_state(), EXAMPLE)]
    assert titles == ["make VLANs", "make access lists", "bind access lists", "set interfaces", "set ports"]
    titles = [step.title for step in IOS.plan_steps(EXAMPLE, build_device_state())]
    assert titles == ["set interfaces", "set ports", "unbind access lists", "remove access lists", "remove VLANs"]


def test_nothing_of_others_is_dropped() -> None:
    seen = IOS.parse(RUNNING, "x")
    assert seen.state == build_device_state(ports=[PortState("GigabitEthernet1/0/3", PortMode.ACCESS, (1,))])
    assert seen.managed == 4
    assert seen.lines == seen.managed + len(seen.unmanaged) == 36
    together = RUNNING.replace("end\n", "") + IOS.render(EXAMPLE).replace("GigabitEthernet1/0/", "GigabitEthernet2/0/")
    both = IOS.parse(together, "x")
    assert len(both.unmanaged) == len(seen.unmanaged) - 1
    assert set(both.state.filters) == set(EXAMPLE.filters)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            build_device_state([Vlan(30, "TSN-x")]),
            ":16: conflict: VLAN 30 TSN-x must stand where 'vlan 30 PRINTERS' is",
        ),
        (build_device_state([Vlan(50, "TSN-x")]), ":18: conflict: VLAN 50 TSN-x must stand where 'vlan 40,50-51' is"),
        (
            build_device_state(ports=[PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (30,))]),
            ":21: conflict: port GigabitEthernet1/0/1 must stand where 'description PC room, west wall' is",
        ),
        (
            build_device_state(bindings=[FilterBinding(1, Direction.FROM, Family.V4, "TSN-1-from-4-01234567")]),
            ":39: conflict: filter TSN-1-from-4-01234567 must stand where 'ip access-group LEGACY in' is",
        ),
    ],
)
def test_an_object_of_others_where_ours_must_stand_is_a_conflict(wanted: DeviceState, said: str) -> None:
    seen = IOS.parse(RUNNING, "core1.cfg")
    with pytest.raises(ConfigRefused) as caught:
        refuse_conflicts(seen, wanted, "core1.cfg")
    assert f"core1.cfg{said}" in str(caught.value)
    free = build_device_state([Vlan(20, "TSN-x")], [PortState("GigabitEthernet1/0/2", PortMode.ACCESS, (20,))])
    refuse_conflicts(seen, free, "core1.cfg")


def test_the_spellings_that_ios_prints() -> None:
    text = """ip access-list extended TSN-20-from-4-01234567
 10 remark to the affairs system
 20 permit tcp 10.0.0.0 0.0.255.255 host 10.1.1.1 eq www
 30 permit udp any eq bootpc any eq bootps
 40 permit tcp any gt 1023 any lt 1024 established
 50 permit icmp any any echo
 60 permit 112 any any
 70 deny   ip any any
ipv6 access-list TSN-20-to-6-01234567
 sequence 10 permit icmp any any nd-na
 permit udp host FE80::1 any range 546 547 sequence 20
 sequence 30 deny ipv6 any any
"""
    v4, v6 = Family.V4, Family.V6
    seen = IOS.parse(text, "core1.cfg")
    first, second = seen.state.filters
    assert [entry.match.destination_ports for entry in first.entries] == [
        (80, 80),
        (67, 67),
        (0, 1023),
        (8, 8),
        ANY_PORTS,
        ANY_PORTS,
    ]
    assert first.entries[1].match.source_ports == (68, 68)
    assert first.entries[2].match == Match(
        v4, Protocol.TCP, v4.everything, v4.everything, (1024, 65535), (0, 1023), established=True
    )
    assert first.entries[4].match.protocol == 112
    assert first.entries[0].origin == "core1.cfg:3"
    assert [entry.match.destination_ports for entry in second.entries] == [(136, 136), (546, 547), ANY_PORTS]
    assert second.entries[2] == everything(v6)
    assert seen.lines == seen.managed == 12


def test_a_long_list_of_vlans_is_continued() -> None:
    port = PortState("GigabitEthernet1/0/1", PortMode.TRUNK, tuple(range(1, 4094, 2)))
    state = build_device_state(ports=[port])
    assert IOS.parse(IOS.render(state), "x").state == state
    lines = write_allowed_vlans(port.vlans)
    assert len(lines) > 100
    assert all(line.startswith("switchport trunk allowed vlan add ") for line in lines[1:])
    assert write_allowed_vlans((10, 20, 21, 22, 30, 31)) == ["switchport trunk allowed vlan 10,20-22,30,31"]


def test_a_port_that_changes_its_mode_keeps_nothing_of_the_other() -> None:
    access = build_device_state(ports=[PortState(CISCO_PORTS[0], PortMode.ACCESS, (20,))])
    trunk = build_device_state(ports=[PortState(CISCO_PORTS[0], PortMode.TRUNK, (20, 30))])
    switch = TypedCatalyst(f"interface {CISCO_PORTS[0]}\n")
    walk(switch, build_device_state(), trunk)
    walk(switch, trunk, access)
    assert IOS.render(access) in switch.running()
    walk(switch, access, trunk)
    assert IOS.render(trunk) in switch.running()


def test_a_list_that_was_changed_by_hand_is_never_edited_in_place() -> None:
    (one,) = [build_filter(20, Direction.FROM, Family.V4, [everything(Family.V4)])]
    wanted = build_device_state(filters=[one], bindings=[bound(one)])
    opened = Filter(one.name, *one.key, (everything(Family.V4, Effect.PERMIT),))
    for now in (build_device_state(filters=[opened], bindings=[bound(one)]), build_device_state(bindings=[bound(one)])):
        switch = TypedCatalyst(IOS.render(now))
        walk(switch, now, wanted)
        in_force = {binding.filter for binding in now.bindings}
        for step in IOS.plan_steps(now, wanted):
            edited = {name for name in in_force for command in step.commands if command.line.endswith(f" {name}")}
            assert not edited
            in_force = {binding.filter for binding in step.result.bindings}


V4 = Family.V4
ALL = V4.everything
COVER = everything(V4)


def one_filter(*entries: Entry) -> DeviceState:
    return build_device_state(filters=[build_filter(20, Direction.FROM, V4, entries)])


def permit(match: Match) -> DeviceState:
    return one_filter(Entry(Effect.PERMIT, match), COVER)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (build_device_state([Vlan(20, "staff")]), "VLAN 20 'staff'"),
        (build_device_state([Vlan(20, "TSN-a b")]), "VLAN 20"),
        (build_device_state([Vlan(4095, "TSN-a")]), "VLAN 4095"),
        (build_device_state([Vlan(20, "TSN-a"), Vlan(20, "TSN-b")]), "VLAN 20 stands twice"),
        (build_device_state(ports=[PortState("eth0", PortMode.ACCESS, (20,))]), "is no port as Cisco IOS names it"),
        (build_device_state(ports=[PortState("Vlan20", PortMode.ACCESS, (20,))]), "is no port as Cisco IOS names it"),
        (
            build_device_state(ports=[PortState("Gi1", PortMode.ACCESS, (20,), PortRole.HOST_FACING)]),
            "keeps no role of a port",
        ),
        (build_device_state(ports=[PortState("Gi1", PortMode.TRUNK, ())]), "a trunk at least one"),
        (
            build_device_state(ports=[PortState("Gi1", PortMode.TRUNK, tuple(range(1, 4095)))]),
            "does not print a list of all",
        ),
        (
            build_device_state(ports=[PortState("Gi1", PortMode.TRUNK, (20,), isolated=True)]),
            "a trunk is never isolated",
        ),
        (build_device_state(interfaces=[VlanInterface(20, ())]), "it needs an address"),
        (build_device_state(interfaces=[VlanInterface(20, ("10.0.0.1/40",))]), "interface in VLAN 20: "),
        (build_device_state(interfaces=[VlanInterface(20, ("2001:db8::1/64", "10.0.0.1/8"))]), "must stand in order"),
        (build_device_state(interfaces=[VlanInterface(20, ("fe80::1/64",))]), "makes link-local addresses itself"),
        (build_device_state(interfaces=[VlanInterface(4095, ("10.0.0.1/8",))]), "no VLAN"),
        (build_device_state(filters=[Filter("TSN-mine", 20, Direction.FROM, V4, (COVER,))]), "must say what it is for"),
        (
            build_device_state(bindings=[FilterBinding(20, Direction.FROM, V4, "LEGACY")]),
            "not the name of a filter of ours",
        ),
        (one_filter(), "needs a last entry"),
        (one_filter(COVER, COVER), "stands twice"),
        (one_filter(everything(Family.V6), COVER), "of the other family"),
        (permit(Match(V4, 0, ALL, ALL)), "a protocol is a number from 1"),
        (permit(Match(V4, Protocol.ICMP, ALL, ALL, ANY_PORTS, (1, 2))), "names one of 0 to 255"),
        (permit(Match(V4, 50, ALL, ALL, ANY_PORTS, (1, 1))), "only ICMP has types"),
        (permit(Match(V4, None, ALL, ALL, (1, 1))), "only TCP and UDP have source ports"),
        (permit(Match(V4, Protocol.UDP, ALL, ALL, established=True)), "only TCP can be established"),
        (permit(Match(V4, Protocol.TCP, ALL, ALL, (9, 3))), "ports run from 0"),
    ],
)
def test_what_it_cannot_hold_is_refused_and_never_weakened(state: DeviceState, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        IOS.render(state)
    with pytest.raises(ValueError, match=said):
        IOS.plan_steps(build_device_state(), state)
