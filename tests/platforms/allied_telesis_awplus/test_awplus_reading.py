"""AlliedWare Plus as text that others wrote, too: what is read, what is refused, what is in conflict with ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import (
    DeviceState,
    Entry,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    build_device_state,
    build_filter,
    build_vlan_interface,
)
from controller.model.network.packets import ANY_PORTS, Direction, Effect, Family, Match, Protocol
from controller.platforms.allied_telesis_awplus.driver import AlliedTelesisAwplus
from controller.platforms.base import refuse_conflicts
from tests.platforms.states import AWPLUS_PORTS, everything, trunk_example

AWPLUS = AlliedTelesisAwplus()
GOLDEN = Path(__file__).parent / "golden"
HOSTS, OTHER, GATEWAY, _ = AWPLUS_PORTS
EXAMPLE = trunk_example(HOSTS, OTHER, GATEWAY)
V4, V6 = Family.V4, Family.V6
COVER = everything(V4)


def refusal(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        AWPLUS.parse(text, "core1.cfg")
    return str(caught.value)


RENDERED = AWPLUS.render(EXAMPLE)
MINE = f"interface {HOSTS}\n description TSN-hosts east\n switchport\n switchport mode trunk\n"
CARRIES = " switchport trunk allowed vlan add 20\n switchport trunk native vlan none\n"
FROM_20 = "TSN-20-from-4-01234567"
LIST = f"access-list hardware {FROM_20}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"{LIST} 10 copy-to-cpu ip any any vlan 20\n", 2, "unknown word 'copy-to-cpu'; expected permit or deny"),
        (f"{LIST} 10 permit tcp any any established vlan 20\n", 2, "unknown word 'established'; expected vlan 20"),
        (f"{LIST} 10 permit tcp any ne 80 any vlan 20\n", 2, "unknown address 'ne' '80'"),
        (f"{LIST} 10 permit tcp any any eq www vlan 20\n", 2, "expected a port: 0 to 65535"),
        (f"{LIST} 10 permit ip any any vlan 30\n", 2, "expected vlan 20, which this list is for"),
        (f"{LIST} 10 permit ip any any\n", 2, "expected vlan 20, which this list is for"),
        (f"{LIST} 10 permit ip any any vlan 20 inner-vlan 3\n", 2, "unknown word 'inner-vlan'"),
        (f"{LIST} 10 permit ip 10.0.0.0 0.0.255.0 any vlan 20\n", 2, "is no prefix"),
        (f"{LIST} 20 deny ip any 10.0.0.0/8 vlan 20\n 10 deny ip any any vlan 20\n", 3, "does not ascend"),
        (LIST, 1, "must end in an entry that covers everything"),
        ("access-list hardware TSN-mine\n", 1, "expected a name like TSN-20-from-4-0123abcd"),
        ("access-list extended TSN-20-from-4-01234567\n", 1, "none of ours"),
        ("ipv6 access-list standard TSN-x\n", 1, "none of ours"),
        ("vlan database\n vlan 20-22 name TSN-x\n", 2, "expected one number"),
        ("vlan database\n vlan 20 name TSN-x state disable\n", 2, "no state but enable"),
        (f"interface {HOSTS}\n description TSN-uplink\n", 2, "expected TSN-hosts, TSN-gateway, TSN-port"),
        (f"interface {HOSTS}\n access-group {FROM_20}\n", 2, "which is not ours; depends on it: what the hosts behind"),
        (f"{MINE}{CARRIES} access-group OPEN\n", 7, "is filtered by a list that is not ours"),
        (f"{MINE}{CARRIES} switchport voice vlan 9\n", 7, "carries another VLAN beside ours"),
        (f"{MINE}{CARRIES} auth guest-vlan 9\n", 7, "puts hosts into another VLAN"),
        (
            f"{MINE}{CARRIES} access-group TSN-20-to-4-01234567\n",
            7,
            f"judges packets to hosts, and {HOSTS} is host-facing",
        ),
        (f"{MINE}{CARRIES} access-group TSN-30-from-4-01234567\n", 7, "is not in VLAN 30; depends on it: what"),
        (f"{MINE}{CARRIES} access-group {FROM_20}\n access-group TSN-20-from-4-76543210\n", 8, "a second filter"),
        (f"{MINE}{CARRIES} access-group TSN-20-from-6-01234567\n", 7, "expected access-group TSN-VLAN-from-4-DIGEST"),
        (f"{MINE}{MINE}", 5, "stands twice"),
        (f"{MINE} switchport mode access\n", 5, "stands twice"),
    ],
)
def test_what_is_not_understood_inside_ours_is_refused(text: str, line: int, said: str) -> None:
    message = refusal(text)
    assert f"core1.cfg:{line}: " in message
    assert said in message


def test_a_change_that_was_broken_off_is_refused_with_what_is_missing() -> None:
    (name,) = (one.filter for one in EXAMPLE.bindings if (one.direction, one.family) == (Direction.FROM, V4))
    text = RENDERED
    at = text.index(f" access-group {name}\n", text.index(f"interface {OTHER}\n"))
    half = text[:at] + text[at + len(f" access-group {name}\n") :]
    assert f"{name} stands on {HOSTS} and not on {OTHER}; depends on it: what" in refusal(half)


def test_a_port_handed_over_without_filters_counts_as_out_of_service_and_is_set() -> None:
    head, _, rest = RENDERED.partition(f"interface {OTHER}\n")
    block, _, tail = rest.partition("!\n")
    bare = "".join(f"{line}\n" for line in block.splitlines() if "TSN-20" not in line)
    seen = AWPLUS.parse(f"{head}interface {OTHER}\n{bare}!\n{tail}", "x")
    assert [port.name for port in seen.state.ports] == [HOSTS, GATEWAY]
    assert ["it has none of its filters" in line.text for line in seen.remarks] == [True]
    assert [step.title for step in AWPLUS.plan_steps(seen.state, EXAMPLE)] == ["set ports"]


@pytest.mark.parametrize("missing", [" switchport trunk native vlan none\n", " switchport trunk allowed vlan add 20\n"])
def test_a_trunk_that_carries_more_or_less_than_ours_counts_as_out_of_service(missing: str) -> None:
    seen = AWPLUS.parse(f"{MINE}{CARRIES.replace(missing, '')}", "x")
    assert not seen.state.ports
    assert len(seen.remarks) == 1
    assert seen.lines == seen.managed + len(seen.unmanaged)


OTHERS = """service password-encryption
hostname core1
access-list hardware OPEN
 4 permit ip any any
vlan database
 vlan 30 name PRINTERS state enable
 vlan 40-42 state enable
interface port1.0.1-1.0.3
 description PC room
 switchport
 switchport mode access
interface port1.0.5
 no switchport
 ip address 10.9.0.1/24
vlan access-map MAP
 match access-group OPEN
vlan filter MAP vlan-list 20-21 input
"""


def test_ports_of_ours_that_the_device_shows_as_a_range_are_read_one_by_one() -> None:
    text = f"{MINE}{CARRIES}".replace(HOSTS, "port1.0.1-1.0.3")
    seen = AWPLUS.parse(text, "x")
    assert [port.name for port in seen.state.ports] == ["port1.0.1", "port1.0.2", "port1.0.3"]
    assert seen.lines == seen.managed
    assert "stands twice" in refusal(f"{text}{MINE.replace(HOSTS, 'port1.0.2')}")


def test_nothing_of_others_is_dropped_and_their_places_are_conflicts() -> None:
    seen = AWPLUS.parse(OTHERS, "core1.cfg")
    assert seen.state == build_device_state()
    assert len(seen.unmanaged) == seen.lines == 17
    for wanted, said in (
        (
            build_device_state([Vlan(41, "TSN-x")]),
            ":7: conflict: VLAN 41 TSN-x must stand where 'vlan 40-42 state enable'",
        ),
        (
            build_device_state(ports=[PortState("port1.0.2", PortMode.ACCESS, (20,))]),
            ":9: conflict: port port1.0.2 must stand where 'description PC room' is",
        ),
        (
            build_device_state(ports=[PortState("port1.0.5", PortMode.ACCESS, (20,))]),
            ":13: conflict: port port1.0.5 must stand where 'no switchport' is",
        ),
        (
            build_device_state(bindings=[FilterBinding(21, Direction.FROM, V4, "TSN-21-from-4-01234567")]),
            ":17: conflict: filter TSN-21-from-4-01234567 must stand where 'vlan filter MAP",
        ),
    ):
        with pytest.raises(ConfigRefused) as caught:
            refuse_conflicts(seen, wanted, "core1.cfg")
        assert f"core1.cfg{said}" in str(caught.value)


def test_a_list_of_others_for_all_ports_cannot_stand_before_ours() -> None:
    assert "judges packets before filters of ours do" in refusal(f"{RENDERED}access-group OPEN\n")
    assert AWPLUS.parse("access-group OPEN\n", "x").unmanaged


def test_the_spellings_of_the_references_are_read() -> None:
    text = f"""{LIST} 4 permit tcp 10.0.0.0 0.0.255.255 host 10.1.1.1 eq 80 vlan 20
 8 permit   udp any range 67 68 10.0.0.0/8 gt 1023 vlan 20
 12 permit icmp any any icmp-type 8 vlan 20
 16 permit proto 112 any any vlan 20
 20 deny ip any any vlan 20
"""
    (one,) = AWPLUS.parse(text, "core1.cfg").state.filters
    assert [entry.match.destination_ports for entry in one.entries] == [
        (80, 80),
        (1024, 65535),
        (8, 8),
        ANY_PORTS,
        ANY_PORTS,
    ]
    assert [entry.match.protocol for entry in one.entries] == [6, 17, 1, 112, None]
    assert one.entries[1].match.source_ports == (67, 68)
    assert one.entries[0].origin == "core1.cfg:2"


def one_filter(*entries: Entry) -> DeviceState:
    return build_device_state(filters=[build_filter(20, Direction.FROM, V4, entries)])


def permit(match: Match) -> DeviceState:
    return one_filter(Entry(Effect.PERMIT, match), COVER)


ALL = V4.everything
ACCESS = PortState(HOSTS, PortMode.ACCESS, (20,), PortRole.HOST_FACING)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (permit(Match(V4, Protocol.TCP, ALL, ALL, established=True)), "none can tell what is established"),
        (permit(Match(V4, 0, ALL, ALL)), "a protocol is a number from 1"),
        (permit(Match(V4, Protocol.ICMP, ALL, ALL, ANY_PORTS, (1, 2))), "names one of 0 to 255"),
        (permit(Match(V4, None, ALL, ALL, (1, 1))), "only TCP and UDP have source ports"),
        (permit(Match(V4, Protocol.TCP, ALL, ALL, (9, 3))), "ports run from 0"),
        (one_filter(), "needs a last entry"),
        (one_filter(everything(V6), COVER), "of the other family"),
        (build_device_state([Vlan(20, "staff")]), "VLAN 20 'staff'"),
        (
            build_device_state(ports=[PortState("GigabitEthernet1/0/1", PortMode.ACCESS, (20,))]),
            "is no port as AlliedWare",
        ),
        (build_device_state(ports=[PortState(HOSTS, PortMode.TRUNK, ())]), "a trunk at least one"),
        (build_device_state(ports=[PortState(HOSTS, PortMode.ACCESS, (20,), isolated=True)]), "capability 'isolates'"),
        (build_device_state(interfaces=[build_vlan_interface(20, ["10.0.0.1/8"])]), "capability 'interfaces'"),
        (build_device_state(bindings=[FilterBinding(20, Direction.FROM, V4, FROM_20)]), "in force nowhere"),
        (
            build_device_state(ports=[ACCESS], bindings=[FilterBinding(20, Direction.FROM, V4, FROM_20)]),
            "know a VLAN by its tag",
        ),
    ],
)
def test_what_it_cannot_hold_is_refused_and_never_weakened(state: DeviceState, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AWPLUS.render(state)
    with pytest.raises(ValueError, match=said):
        AWPLUS.plan_steps(build_device_state(), state)


@pytest.mark.parametrize("again", [" vlan 20 name TSN-staff\n", " vlan 20 name somebody\n", " vlan 20\n"])
def test_a_vlan_of_ours_that_stands_twice_is_refused(again: str) -> None:
    first = " vlan 20 name TSN-staff\n"
    assert RENDERED.count(first) == 1
    assert "vlan 20" in refusal(RENDERED.replace(first, first + again))


@pytest.mark.parametrize(
    "written",
    [
        "port1.0.30-1.0.99999999",
        "port1.0.1-port1.0.4000",
        "port1.0.5-1.0.2",
        "port1.0.1-2.0.4",
        "port1.0.1-1.0",
        "port1.0.1-",
        "port1.0.1,port1.0.2-1.0.9999999999",
        "port99999.0.1",
        "sa1-99999999",
        "po1-sa4",
        "vlan10-99999999",
        "vlan20-10",
        "eth0-eth99999999",
    ],
)
def test_a_range_that_no_switch_has_is_refused_and_never_written_out(written: str) -> None:
    message = refusal(f"hostname core1\ninterface {written}\n switchport\n")
    assert f"core1.cfg:2: 'interface {written}' names no range of ports" in message


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("port1.0.5-port1.0.6", ["port1.0.5", "port1.0.6"]),
        ("Port1.0.5", ["port1.0.5"]),
        ("sa1-2,po3", ["sa1", "sa2", "po3"]),
    ],
)
def test_ranges_that_a_switch_prints_are_read(written: str, names: list[str]) -> None:
    seen = AWPLUS.parse(f"interface {written}\n switchport\n description PC room\n", "x")
    assert [name for name in seen.conflicting if isinstance(name, str)] == names
