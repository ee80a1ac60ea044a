"""Open vSwitch as text: what we write is what we read, and what is not as we write it is refused."""

from __future__ import annotations

import os
from pathlib import Path

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
    build_device_state,
    build_filter,
)
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.platforms.base import Operable
from controller.platforms.ovs.driver import OpenVSwitch
from controller.platforms.registry import is_supported, list_platforms, load_platform
from tests.platforms.states import bound, everything, example

OVS = OpenVSwitch()
GOLDEN = Path(__file__).parent / "golden" / "ovs.txt"
EXAMPLE = example("h1", "h2", "up1", port_roles=True, vlan_database=False)
FILTER_COOKIE = "cookie=0x5453000201040014"


def refusal(text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        OVS.parse(text, "core1.txt")
    return str(caught.value)


def changed(old: str, new: str) -> str:
    """The example with the first `old` replaced."""
    text = OVS.render(EXAMPLE)
    assert old in text
    return text.replace(old, new, 1)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def test_registry_knows_the_platforms() -> None:
    assert {"ovs", "cisco_ios"} <= set(list_platforms())
    assert is_supported("ovs")
    assert not is_supported("ovs ")
    assert load_platform("ovs") is load_platform("ovs")
    assert isinstance(load_platform("ovs"), Operable)
    assert not isinstance(load_platform("alaxala"), Operable)
    with pytest.raises(
        LookupError, match="installed: alaxala, allied_telesis_awplus, cisco_ios, frr, hostapd, ovs, yamaha_rtx"
    ):
        load_platform("nonesuch")


def test_golden() -> None:
    """Regenerate with GOLDEN=write pytest tests/platforms, and read the difference."""
    text = OVS.render(EXAMPLE)
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_nothing_of_others_is_dropped() -> None:
    text = OVS.render(EXAMPLE).replace("# flows\n", "theirs,7,,\n\n# flows\n priority=0 actions=NORMAL\n")
    seen = OVS.parse(text, "x")
    assert seen.state == EXAMPLE
    assert [line.text for line in seen.unmanaged] == ["theirs,7,,", " priority=0 actions=NORMAL"]
    assert [text.splitlines()[line.number - 1] for line in seen.unmanaged] == [line.text for line in seen.unmanaged]
    assert seen.lines == seen.managed + len(seen.unmanaged)


@pytest.mark.parametrize("mode", ["[]", "standalone"])
def test_a_bridge_that_opens_at_restart_is_refused(mode: str) -> None:
    assert f"core1.txt:2: fail_mode: bridge br0 has fail_mode '{mode}'" in refusal(changed("br0,secure", f"br0,{mode}"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tcp_flags=+ack", "tcp_flags=+syn", "no entry as we write them"),
        (",tp_dst=443 ", ",tp_dst=443,ct_state=+trk ", "unknown match ct_state"),
        (",tp_dst=443 ", ",tp_dst=443,vlan_tci=0x0000/0x1fff ", "unknown match vlan_tci"),
        (",tp_dst=443 ", ",tp_dst=0x1b0/0xfff1 ", "no entry as we write them"),
        ("reg0=0x10014 actions=drop", "reg0=0x10015 actions=drop", "no entry as we write them"),
        ("nw_dst=203.0.113.0/28", "nw_dst=203.0.113.1/28", "has host bits set"),
        ("priority=10,ip,reg0=0x10014 actions=drop", "priority=10,ip,reg0=0x10014 actions=LOCAL", "unknown actions"),
        ("table=1, priority=13,udp", "table=1, priority=12,udp", "no entry as we write"),
        (f"{FILTER_COOKIE}, table=1", f"{FILTER_COOKIE}, table=7", "where none of its kind belongs"),
        (f"{FILTER_COOKIE}, table=1", f"{FILTER_COOKIE}, table=1, idle_timeout=9", "not one of our flows"),
        (FILTER_COOKIE, "cookie=0x5453000203040014", "has no meaning"),
        ("table=1, priority=1 ", "table=1, priority=0 ", "not one of our flows"),
        ("in_port=h1,vlan_tci=0x0000/0x1fff", "in_port=h1", "a flow of a port that is not as we write"),
        ("# flows\n", "# flows\ncookie=0x1 garbage\n", "not a flow as ovs-ofctl"),
        ("# ports\n", "# ports\nh9,10\n", "expected NAME,TAG"),
        ("# bridge\n", "", "stands in no section"),
    ],
)
def test_what_is_not_as_we_write_it_is_refused(old: str, new: str, said: str) -> None:
    text = changed(old, new)
    message = refusal(text)
    assert said in message
    where = line_of(text, new.strip().splitlines()[-1]) if new else 1
    assert f"core1.txt:{where}:" in message


def test_a_filter_whose_last_entry_is_gone_is_refused() -> None:
    message = refusal(changed("table=1, priority=10,ip,", "table=1, priority=9999,ip,"))
    assert f"core1.txt:{line_of(OVS.render(EXAMPLE), 'tp_dst=0x1388')}: this is the filter's last entry" in message


def test_half_of_an_established_pair_is_refused() -> None:
    text = OVS.render(EXAMPLE)
    half = next(line for line in text.splitlines() if "tcp_flags=+rst" in line)
    message = refusal(text.replace(f"{half}\n", ""))
    assert "tcp_flags=+ack" in message
    assert "expected" in message


def test_an_entry_that_was_taken_out_is_a_difference_and_no_refusal() -> None:
    text = OVS.render(EXAMPLE)
    gone = next(line for line in text.splitlines() if "tp_dst=443" in line)
    seen = OVS.parse(text.replace(f"{gone}\n", ""), "x").state
    assert seen != EXAMPLE
    assert len(seen.filters) == len(EXAMPLE.filters)
    assert OVS.plan_steps(seen, EXAMPLE)[-1].result == EXAMPLE


@pytest.mark.parametrize("flow", [" priority=1 actions=NORMAL", " cookie=0x7, table=1, priority=9,tcp actions=drop"])
def test_a_flow_of_others_above_ours_is_a_conflict(flow: str) -> None:
    text = OVS.render(EXAMPLE) + flow + "\n"
    message = refusal(text)
    assert (
        f"core1.txt:{len(text.splitlines())}: a flow that is not ours ({flow.strip()}) conflicts with line" in message
    )
    assert "cookie=0x5453" in message
    # On a switch without flows of ours it would stand above them as soon as they come.
    assert "conflicts with ours" in refusal(f"# bridge\nbr0,secure\n# ports\n# flows\n{flow}\n")


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ("h1,20,access,", "h1,30,access,", "port h1 counts as out of service: it is set to h1,30,access,"),
        ("h1,20,access,", "h1,,,", "port h1 counts as out of service"),
        ("up1,,trunk,10 20", "up1,,trunk,10 20 30", "port up1 counts as out of service"),
        ("h1,20,access,\n", "", "port h1 counts as out of service: it is not on the bridge"),
        (" cookie=0x5453000000000000, priority=1 actions=drop\n", "", "a base flow is gone"),
    ],
)
def test_what_no_longer_fits_its_flows_counts_as_out_of_service(old: str, new: str, remark: str) -> None:
    seen = OVS.parse(changed(old, new), "x")
    assert [remark in line.text for line in seen.remarks] == [True]
    assert set(seen.state.ports) < set(EXAMPLE.ports)
    assert seen.lines == seen.managed + len(seen.unmanaged)
    assert OVS.plan_steps(seen.state, EXAMPLE)[-1].result == EXAMPLE


def test_a_trunk_that_carries_less_than_its_flows_say_is_seen_so() -> None:
    seen = OVS.parse(changed("up1,,trunk,10 20", "up1,,trunk,10"), "x")
    assert PortState("up1", PortMode.TRUNK, (10,), PortRole.UPLINK) in seen.state.ports


def one_filter(*entries: Entry) -> DeviceState:
    made = build_filter(10, Direction.FROM, Family.V4, entries)
    return build_device_state(filters=[made], bindings=[bound(made)])


V4 = Family.V4
ALL = V4.everything
COVER = everything(V4)
RENAMED = Filter("TSN-mine", 10, Direction.FROM, V4, (COVER,))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (build_device_state([Vlan(10, "TSN-x")]), "no VLAN database"),
        (build_device_state(ports=[PortState("a b", PortMode.ACCESS, (10,))]), "is no name of a port"),
        (build_device_state(ports=[PortState("local", PortMode.ACCESS, (10,))]), "no word of OpenFlow"),
        (build_device_state(ports=[PortState("h1", PortMode.TRUNK, ())]), "a trunk at least one"),
        (build_device_state(ports=[PortState("h1", PortMode.ACCESS, (10, 20))]), "exactly one VLAN"),
        (build_device_state(ports=[PortState("h1", PortMode.ACCESS, (4095,))]), "from 1 to 4094"),
        (build_device_state(ports=[PortState("h1", PortMode.ACCESS, (n,)) for n in (1, 2)]), "stands twice"),
        (build_device_state(filters=one_filter(COVER).filters), "must be bound"),
        (build_device_state(bindings=[FilterBinding(10, Direction.FROM, V4, "TSN-gone")]), "must be bound"),
        (build_device_state(filters=[RENAMED], bindings=[bound(RENAMED)]), "flows carry no names"),
        (one_filter(), "needs a last entry"),
        (one_filter(Entry(Effect.PERMIT, Match(V4, Protocol.TCP, ALL, ALL))), "needs a last entry"),
        (one_filter(Entry(Effect.PERMIT, Match(V4, 50, ALL, ALL, (1, 2))), COVER), "only TCP and UDP have ports"),
        (one_filter(Entry(Effect.PERMIT, Match(V4, None, ALL, ALL, established=True)), COVER), "established"),
        (one_filter(Entry(Effect.PERMIT, Match(V4, Protocol.ICMP, ALL, ALL, (0, 65535), (0, 256))), COVER), "ICMP has"),
        (one_filter(Entry(Effect.PERMIT, Match(V4, Protocol.ICMP, ALL, ALL, (1, 1))), COVER), "no source ports"),
        (one_filter(everything(Family.V6), COVER), "an entry of the other family"),
        (
            one_filter(Entry(Effect.PERMIT, Match(V4, 6, parse_prefix("10.0.0.0/8"), ALL, (9, 3))), COVER),
            "no range of ports",
        ),
    ],
)
def test_what_it_cannot_hold_is_refused_and_never_weakened(state: DeviceState, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        OVS.render(state)
    with pytest.raises(ValueError, match=said):
        OVS.plan_steps(build_device_state(ports=[PortState("q", PortMode.ACCESS, (1,))]), state)
