"""Cisco IOS as text: written and read, from one state to another and back, refusals and conflicts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from controller.errors import ConfigRefused
from controller.model.flow import ANY_PORTS, Direction, Effect, Family, Match, Protocol
from controller.model.state import (
    Binding,
    DeviceState,
    Entry,
    Faces,
    Filter,
    PortMode,
    PortState,
    Vlan,
    VlanInterface,
    device_state,
    named_filter,
    vlan_interface,
)
from controller.platforms.base import refuse_conflicts
from controller.platforms.cisco_ios import CiscoIos
from controller.platforms.cisco_text import allowed_lines
from tests.emulators.cisco_ios import InvalidInput, Switch
from tests.platforms.states import CISCO_PORTS, bound, cisco_states, everything, example
from tests.soak import examples

IOS = CiscoIos()
GOLDEN = Path(__file__).parent / "golden"
PLAIN = example(*CISCO_PORTS[:3], faces=False, vlan_database=True)
EXAMPLE = replace(
    PLAIN,
    ports=(replace(PLAIN.ports[0], isolated=True), *PLAIN.ports[1:]),
    interfaces=(
        vlan_interface(10, ["10.1.0.1/22", "10.1.0.11/22"]),
        vlan_interface(20, ["10.1.20.1/24", "2001:db8:1:20::1/64"], ["10.0.0.67", "2001:db8::67"]),
    ),
)
RUNNING = (GOLDEN / "cisco_ios_running.txt").read_text(encoding="utf-8")
BARE = "!\n".join(f"interface {name}\n no shutdown\n" for name in (*CISCO_PORTS, "GigabitEthernet1/0/3"))


def refusal(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        IOS.parse(text, "core1.cfg")
    return str(caught.value)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@settings(max_examples=examples(40), deadline=None)
@given(cisco_states())
def test_what_is_rendered_is_read_back(state: DeviceState) -> None:
    seen = IOS.parse(IOS.render(state), "x")
    assert seen.state == state
    assert not seen.foreign
    assert not seen.taken
    assert seen.lines == seen.understood


def walk(switch: Switch, now: DeviceState, wanted: DeviceState) -> None:
    """Perform the steps; after each the switch is in the state that it promises."""
    for step in IOS.steps(now, wanted):
        switch.enter(command.line for command in step.commands)
        assert IOS.parse(switch.running(), step.title).state == step.result
    assert IOS.parse(switch.running(), "wanted").state == wanted


@settings(max_examples=examples(40), deadline=None)
@given(cisco_states(), cisco_states())
def test_there_and_back(first: DeviceState, second: DeviceState) -> None:
    switch = Switch(BARE)
    before = {line.text for line in IOS.parse(switch.running(), "bare").foreign}
    walk(switch, device_state(), first)
    walk(switch, first, second)
    walk(switch, second, first)
    walk(switch, first, device_state())
    assert before <= {line.text for line in IOS.parse(switch.running(), "again").foreign}
    assert not IOS.steps(first, first)


def test_the_emulator_refuses_what_it_does_not_know() -> None:
    for command in ("reload", "vlan x", "no vlan 7", "interface GigabitEthernet9/9/9", "permit ip any any"):
        with pytest.raises(InvalidInput):
            Switch(BARE).enter(["configure terminal", command])
    with pytest.raises(InvalidInput):
        Switch(BARE).enter(["vlan 7"])
    for entry in ("permit ip any", "permit tcp any any eq 1 2", "permit udp 10.0.0.0 any"):
        with pytest.raises(InvalidInput):
            Switch(BARE).enter(["configure terminal", "ip access-list extended X", entry])


def test_golden() -> None:
    """Regenerate with GOLDEN=write pytest tests/platforms, and read the difference."""
    text = IOS.render(EXAMPLE)
    path = GOLDEN / "cisco_ios.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_ports_enter_a_vlan_only_when_its_filters_stand() -> None:
    titles = [step.title for step in IOS.steps(device_state(), EXAMPLE)]
    assert titles == ["make VLANs", "make access lists", "bind access lists", "set interfaces", "set ports"]
    titles = [step.title for step in IOS.steps(EXAMPLE, device_state())]
    assert titles == ["set interfaces", "set ports", "unbind access lists", "remove access lists", "remove VLANs"]


def test_nothing_of_others_is_dropped() -> None:
    seen = IOS.parse(RUNNING, "x")
    assert seen.state == device_state(ports=[PortState("GigabitEthernet1/0/3", PortMode.ACCESS, (1,))])
    assert seen.understood == 4
    assert seen.lines == seen.understood + len(seen.foreign) == 36
    together = RUNNING.replace("end\n", "") + IOS.render(EXAMPLE).replace("GigabitEthernet1/0/", "GigabitEthernet2/0/")
    both = IOS.parse(together, "x")
    assert len(both.foreign) == len(seen.foreign) - 1
    assert set(both.state.filters) == set(EXAMPLE.filters)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (device_state([Vlan(30, "TSN-x")]), ":16: conflict: VLAN 30 TSN-x must stand where 'vlan 30 PRINTERS' is"),
        (device_state([Vlan(50, "TSN-x")]), ":18: conflict: VLAN 50 TSN-x must stand where 'vlan 40,50-51' is"),
        (
            device_state(ports=[PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (30,))]),
            ":21: conflict: port GigabitEthernet1/0/1 must stand where 'description PC room, west wall' is",
        ),
        (
            device_state(bindings=[Binding(1, Direction.FROM, Family.V4, "TSN-1-from-4-01234567")]),
            ":39: conflict: filter TSN-1-from-4-01234567 must stand where 'ip access-group LEGACY in' is",
        ),
    ],
)
def test_an_object_of_others_where_ours_must_stand_is_a_conflict(wanted: DeviceState, said: str) -> None:
    seen = IOS.parse(RUNNING, "core1.cfg")
    with pytest.raises(ConfigRefused) as caught:
        refuse_conflicts(seen, wanted, "core1.cfg")
    assert f"core1.cfg{said}" in str(caught.value)
    free = device_state([Vlan(20, "TSN-x")], [PortState("GigabitEthernet1/0/2", PortMode.ACCESS, (20,))])
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
    assert seen.lines == seen.understood == 12


def listed(*entries: str, header: str = "ip access-list extended TSN-20-from-4-01234567") -> str:
    return "".join(f"{line}\n" for line in ("version 15.2", header, *(f" {entry}" for entry in entries)))


END = "deny ip any any"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (listed("permit ip any any log", END), 3, "unknown word 'log'; expected the end of the line"),
        (listed("allow ip any any", END), 3, "unknown word 'allow'; expected permit or deny"),
        (listed("permit tcp any neq 5 any", END), 3, "unknown address 'neq' '5'"),
        (listed("permit tcp any any eq 80 443", END), 3, "unknown word '443'; expected eq, range"),
        (listed("permit tcp any any eq ssh", END), 3, "unknown word 'ssh'; expected a port: 0 to 65535, bgp"),
        (listed("permit tcp any any range 9 3", END), 3, "name none"),
        (listed("permit icmp any any host-unreachable", END), 3, "expected an ICMP type without a code"),
        (listed("permit icmp any any 3 4", END), 3, "unknown word '4'"),
        (listed("permit 0 any any", END), 3, "expected a protocol: 1 to 255"),
        (listed("permit ip 10.0.0.0 0.0.255.0 any", END), 3, "the wildcard mask 0.0.255.0 is no prefix"),
        (listed("permit ip 10.0.0.1 0.0.0.255 any", END), 3, "unknown address '10.0.0.1/24'"),
        (listed("permit ip host 2001:db8::1 any", END), 3, "expected IPv4"),
        (listed("permit udp any any established", END), 3, "unknown word 'established'"),
        (listed("20 permit ip any host 10.0.0.1", f"10 {END}"), 4, "the sequence number 10 does not ascend"),
        (listed("evaluate X", END), 3, "unknown word 'evaluate'"),
        (listed("permit tcp any any"), 3, "must end in an entry that covers everything"),
        (listed(), 2, "an empty list permits everything"),
        (listed(END, header="ip access-list extended TSN-mine"), 2, "expected a name like TSN-20-from-4-0123abcd"),
        (listed(END, header="ip access-list extended TSN-20-from-6-01234567"), 2, "expected a name like"),
        (
            listed(END, header="ip access-list standard TSN-20-from-4-01234567"),
            2,
            "a list under our prefix that is none",
        ),
        (
            listed("ip access-group TSN-20-from-4-01234567", header="interface Vlan20"),
            3,
            "expected ip access-group TSN",
        ),
        (listed("ip access-group TSN-own in", header="interface Vlan20"), 3, "expected ip access-group TSN"),
        (listed("ip access-group TSN-20-from-4-01234567 in", header="interface Gi1"), 3, "none of ours belongs on Gi1"),
        (listed("name TSN-x", header="vlan 20-22"), 2, "one name of ours for many VLANs"),
        (listed("description TSN-port", "switchport voice vlan 9", header="interface Gi1"), 4, "conflict: Gi1 is ours"),
        (
            listed(
                "description TSN-port",
                "switchport mode trunk",
                "switchport trunk allowed vlan except 5",
                header="interface Gi1",
            ),
            5,
            "expected a list of VLANs, add, or none",
        ),
    ],
)
def test_what_is_not_understood_inside_ours_is_refused(text: str, line: int, said: str) -> None:
    message = refusal(text)
    assert f"core1.cfg:{line}: " in message
    assert said in message


PORT = "interface GigabitEthernet1/0/1"
MARKED = ("description TSN-port east", "switchport mode access", "switchport access vlan 20")


@pytest.mark.parametrize(
    ("foreign", "what"),
    [
        ("no switchport", "is a routed port"),
        ("ip address 10.9.0.1 255.255.255.0", "has an address, as a routed port has"),
        ("ip address dhcp", "has an address, as a routed port has"),
        ("ipv6 address 2001:DB8::1/64", "has an address, as a routed port has"),
        ("ip access-group LEGACY in", "is filtered by a list that is not ours"),
        ("ip  access-group LEGACY in", "is filtered by a list that is not ours"),
        ("ipv6 traffic-filter LEGACY6 in", "is filtered by a list that is not ours"),
        ("mac access-group LEGACY-MAC in", "is filtered by a list that is not ours"),
        ("switchport private-vlan host-association 20 501", "is in a private VLAN"),
        ("switchport mode private-vlan host", "is in a private VLAN"),
        ("switchport mode private-vlan trunk", "is in a private VLAN"),
        ("switchport voice vlan 9", "carries another VLAN beside ours"),
        ("switchport vlan mapping 20 30", "puts frames into another VLAN"),
        ("authentication event fail action authorize vlan 30", "puts hosts into another VLAN"),
        ("authentication event fail retry 2 action authorize vlan 30", "puts hosts into another VLAN"),
        ("authentication event no-response action authorize vlan 30", "puts hosts into another VLAN"),
        ("authentication event server dead action reinitialize vlan 30", "puts hosts into another VLAN"),
        ("dot1x guest-vlan 30", "puts hosts into another VLAN"),
        ("dot1x auth-fail vlan 30", "puts hosts into another VLAN"),
        ("dot1x critical vlan 30", "puts hosts into another VLAN"),
    ],
)
def test_a_line_that_changes_what_a_port_of_ours_carries_is_a_conflict(foreign: str, what: str) -> None:
    message = refusal(listed(*MARKED, foreign, header=PORT))
    assert "core1.cfg:6: conflict: GigabitEthernet1/0/1 is ours ('description TSN-port east', line 3)" in message
    assert f"and {what}: '{' '.join(foreign.split())}'; remove this line, or take our description off" in message
    others = listed("description PC room", foreign, header=PORT)
    assert not IOS.parse(others, "x").state.ports


def test_a_routed_port_without_a_description_is_not_free_for_ours() -> None:
    seen = IOS.parse(listed("no switchport", "ip address 10.9.0.1 255.255.255.0", header=PORT), "x")
    wanted = device_state(ports=[PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (20,))])
    with pytest.raises(
        ConfigRefused, match="x:3: conflict: port GigabitEthernet1/0/1 must stand where 'no switchport'"
    ):
        refuse_conflicts(seen, wanted, "x")


def test_a_routed_port_under_our_mark_is_refused_line_by_line() -> None:
    message = refusal(listed(*MARKED, "no switchport", "ip address 10.9.0.1 255.255.255.0", header=PORT))
    assert "core1.cfg:6: conflict" in message
    assert "core1.cfg:7: conflict" in message


def test_lines_that_change_no_vlan_and_no_filter_are_left_alone() -> None:
    lines = ("no ip address", "authentication port-control auto", "authentication event fail action next-method", "mab")
    seen = IOS.parse(listed(*MARKED, *lines, header=PORT), "x")
    assert seen.state.ports == (PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (20,)),)
    assert len(seen.foreign) == 1 + len(lines)


OTHERS = f"{PORT}\n description PC room\n"
MINE = f"{PORT}\n description TSN-port\n switchport mode access\n"
NAMED = "vlan 20\n name TSN-x\n"


@pytest.mark.parametrize(
    ("text", "line", "first"),
    [
        (MINE + MINE, 4, 1),
        (MINE + OTHERS, 4, 1),
        (OTHERS + MINE, 3, 1),
        (MINE + f"{PORT}\n no shutdown\n", 4, 1),
        (MINE + MINE.replace("Ethernet", "ethernet "), 4, 1),
        (NAMED + NAMED, 3, 1),
        (NAMED + "vlan 20\n name PRINTERS\n", 3, 1),
        ("vlan 18,20-22\n" + NAMED, 2, 1),
        (NAMED + " name TSN-y\n", 3, 2),
        ("vlan 20\n name PRINTERS\n name TSN-x\n", 3, 2),
        (MINE + " switchport access vlan 20\n switchport access vlan 30\n", 5, 4),
        (MINE + " switchport mode trunk\n", 4, 3),
        (MINE + " switchport mode access\n", 4, 3),
        (MINE + " description PC room\n", 4, 2),
        (OTHERS + " description TSN-port\n", 3, 2),
        ("interface Vlan20\n ip access-group TSN-20-from-4-01234567 in\n" + "interface Vlan20\n shutdown\n", 3, 1),
    ],
)
def test_what_stands_twice_is_refused_with_both_lines(text: str, line: int, first: int) -> None:
    message = refusal(text)
    assert f"core1.cfg:{line}: " in message
    assert "stands twice" in message
    assert f"is in line {first};" in message


def test_what_others_have_twice_is_left_alone() -> None:
    seen = IOS.parse(OTHERS * 2 + "vlan 30\n name PRINTERS\n" * 2, "x")
    assert seen.state == device_state()
    assert len(seen.foreign) == 8


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (["switchport trunk allowed vlan 10", "switchport trunk allowed vlan 20"], 6, "must stand once"),
        (["switchport trunk allowed vlan add 10"], 5, "continued only by lines with 'add'"),
    ],
)
def test_the_allowed_vlans_of_a_trunk_of_ours_stand_once(lines: list[str], line: int, said: str) -> None:
    message = refusal(listed("description TSN-port", "switchport mode trunk", *lines, header=PORT))
    assert f"core1.cfg:{line}: in GigabitEthernet1/0/1, " in message
    assert said in message


@pytest.mark.parametrize("vlans", ["20,30", "20-22", "add 20", "none", "dynamic"])
def test_an_access_port_of_ours_has_one_vlan(vlans: str) -> None:
    lines = ("description TSN-port", "switchport mode access", f"switchport access vlan {vlans}")
    assert "core1.cfg:5: unknown word in 'switchport access vlan" in refusal(listed(*lines, header=PORT))


def test_all_problems_are_told_at_once() -> None:
    message = refusal(listed("permit ip any any log", "permit gre any any 5", END) * 2)
    assert [f"core1.cfg:{line}:" in message for line in (3, 4, 8, 9)] == [True] * 4
    assert "stands twice" in message


@pytest.mark.parametrize(
    "lines",
    [
        ["switchport mode trunk"],
        ["switchport mode trunk", "switchport trunk allowed vlan none"],
        ["switchport mode dynamic auto", "switchport access vlan 20"],
        ["switchport access vlan 20"],
    ],
)
def test_a_port_of_ours_that_is_not_as_we_set_it_counts_as_out_of_service(lines: list[str]) -> None:
    seen = IOS.parse(listed("description TSN-port", *lines, header="interface GigabitEthernet1/0/1"), "x")
    assert not seen.state.ports
    assert ["counts as out of service" in line.text for line in seen.remarks] == [True]
    assert seen.lines == seen.understood + len(seen.foreign)


def test_a_long_list_of_vlans_is_continued() -> None:
    port = PortState("GigabitEthernet1/0/1", PortMode.TRUNK, tuple(range(1, 4094, 2)))
    state = device_state(ports=[port])
    assert IOS.parse(IOS.render(state), "x").state == state
    lines = allowed_lines(port.vlans)
    assert len(lines) > 100
    assert all(line.startswith("switchport trunk allowed vlan add ") for line in lines[1:])
    assert allowed_lines((10, 20, 21, 22, 30, 31)) == ["switchport trunk allowed vlan 10,20-22,30,31"]


def test_a_port_that_changes_its_mode_keeps_nothing_of_the_other() -> None:
    access = device_state(ports=[PortState(CISCO_PORTS[0], PortMode.ACCESS, (20,))])
    trunk = device_state(ports=[PortState(CISCO_PORTS[0], PortMode.TRUNK, (20, 30))])
    switch = Switch(f"interface {CISCO_PORTS[0]}\n")
    walk(switch, device_state(), trunk)
    walk(switch, trunk, access)
    assert switch.running() == IOS.render(access)
    walk(switch, access, trunk)
    assert switch.running() == IOS.render(trunk)


def test_a_list_that_was_changed_by_hand_is_never_edited_in_place() -> None:
    (one,) = [named_filter(20, Direction.FROM, Family.V4, [everything(Family.V4)])]
    wanted = device_state(filters=[one], bindings=[bound(one)])
    opened = Filter(one.name, *one.key, (everything(Family.V4, Effect.PERMIT),))
    for now in (device_state(filters=[opened], bindings=[bound(one)]), device_state(bindings=[bound(one)])):
        switch = Switch(IOS.render(now))
        walk(switch, now, wanted)
        in_force = {binding.filter for binding in now.bindings}
        for step in IOS.steps(now, wanted):
            edited = {name for name in in_force for command in step.commands if command.line.endswith(f" {name}")}
            assert not edited
            in_force = {binding.filter for binding in step.result.bindings}


OURS = "interface Vlan20\n description TSN-interface staff\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ip address dhcp", "unknown words in 'ip address dhcp'"),
        ("ip address 10.1.0.1 255.0.255.0", "unknown words"),
        ("ip unnumbered Loopback0", "unknown words"),
        ("ipv6 address FE80::1 link-local", "unknown words"),
        ("ip helper-address global 10.0.0.67", "unknown words"),
        ("vrf forwarding GUEST", "is in a routing table of others"),
        ("ip policy route-map OUT", "routes packets by a policy of others"),
        ("description PC room", "a second description"),
    ],
)
def test_what_is_not_understood_inside_an_interface_of_ours_is_refused(line: str, said: str) -> None:
    message = refusal(f"{OURS} ip address 10.1.20.1 255.255.255.0\n {line}\n")
    assert "core1.cfg:4: " in message
    assert said in message
    assert IOS.parse(f"interface Vlan20\n {line}\n", "x").foreign


def test_an_interface_that_is_down_or_bare_counts_as_out_of_service() -> None:
    for lines in (" ip address 10.1.20.1 255.255.255.0\n shutdown\n", ""):
        seen = IOS.parse(f"{OURS}{lines}", "x")
        assert not seen.state.interfaces
        assert ["interface Vlan20 counts as out of service" in line.text for line in seen.remarks] == [True]
    switch = Switch(f"{OURS} ip address 10.1.20.9 255.255.255.0\n ipv6 address 2001:DB8::9/64\n shutdown\n")
    wanted = device_state(interfaces=[vlan_interface(20, ["10.1.20.1/24", "10.1.20.9/24"])])
    walk(switch, device_state(), wanted)


def test_an_address_of_others_where_ours_must_stand_is_a_conflict() -> None:
    wanted = device_state(interfaces=[vlan_interface(1, ["10.1.0.9/24"])])
    with pytest.raises(
        ConfigRefused, match=r"x:38: conflict: interface in VLAN 1 must stand where 'ip address 10.1.0.1"
    ):
        refuse_conflicts(IOS.parse(RUNNING, "x"), wanted, "x")


def test_a_secondary_address_becomes_the_primary_one() -> None:
    switch = Switch("")
    first = device_state(interfaces=[vlan_interface(20, ["10.1.20.1/24", "10.1.20.9/24", "2001:db8::1/64"])])
    second = device_state(interfaces=[vlan_interface(20, ["10.1.20.9/24", "10.1.20.1/24"], ["10.0.0.67"])])
    walk(switch, device_state(), first)
    walk(switch, first, second)
    walk(switch, second, first)


def test_a_native_vlan_of_ours_is_a_conflict() -> None:
    trunk = ("description TSN-port", "switchport trunk allowed vlan 10,20", "switchport mode trunk")
    assert "carries a VLAN of ours untagged" in refusal(listed(*trunk, "switchport trunk native vlan 20", header=PORT))
    assert IOS.parse(listed(*trunk, "switchport trunk native vlan 999", header=PORT), "x").state.ports


V4 = Family.V4
ALL = V4.everything
COVER = everything(V4)


def one_filter(*entries: Entry) -> DeviceState:
    return device_state(filters=[named_filter(20, Direction.FROM, V4, entries)])


def permit(match: Match) -> DeviceState:
    return one_filter(Entry(Effect.PERMIT, match), COVER)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (device_state([Vlan(20, "staff")]), "VLAN 20 'staff'"),
        (device_state([Vlan(20, "TSN-a b")]), "VLAN 20"),
        (device_state([Vlan(4095, "TSN-a")]), "VLAN 4095"),
        (device_state([Vlan(20, "TSN-a"), Vlan(20, "TSN-b")]), "VLAN 20 stands twice"),
        (device_state(ports=[PortState("eth0", PortMode.ACCESS, (20,))]), "is no port as IOS names it"),
        (device_state(ports=[PortState("Vlan20", PortMode.ACCESS, (20,))]), "is no port as IOS names it"),
        (device_state(ports=[PortState("Gi1", PortMode.ACCESS, (20,), Faces.HOSTS)]), "a port faces nothing"),
        (device_state(ports=[PortState("Gi1", PortMode.TRUNK, ())]), "a trunk at least one"),
        (device_state(ports=[PortState("Gi1", PortMode.TRUNK, tuple(range(1, 4095)))]), "does not print a list of all"),
        (device_state(ports=[PortState("Gi1", PortMode.TRUNK, (20,), isolated=True)]), "a trunk is never isolated"),
        (device_state(interfaces=[VlanInterface(20, ())]), "it needs an address"),
        (device_state(interfaces=[VlanInterface(20, ("10.0.0.1/40",))]), "interface in VLAN 20: "),
        (device_state(interfaces=[VlanInterface(20, ("2001:db8::1/64", "10.0.0.1/8"))]), "must stand in order"),
        (device_state(interfaces=[VlanInterface(20, ("fe80::1/64",))]), "makes link-local addresses itself"),
        (device_state(interfaces=[VlanInterface(4095, ("10.0.0.1/8",))]), "no VLAN"),
        (device_state(filters=[Filter("TSN-mine", 20, Direction.FROM, V4, (COVER,))]), "must say what it is for"),
        (device_state(bindings=[Binding(20, Direction.FROM, V4, "LEGACY")]), "not the name of a filter of ours"),
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
        IOS.steps(device_state(), state)
