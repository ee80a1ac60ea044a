"""Ways of others, a saved text a kind and platform: what touches ours is "not judged", all else stays judged.

Each text is what our part of a device renders to, with lines of others behind it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.compile.network.route_policies import compile_routing_intent
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import ConfigRefused
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.model.network.unmanaged_paths import PathKind
from controller.model.sites.devices import Device
from controller.plan.proof.unjudged import count_by_school, find_unjudged_on
from controller.plan.select import find_device
from controller.platforms.base import Observation
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from controller.prove.reachability.unmanaged_paths import UnjudgedPath
from tests.policies import TODAY

CORE, FLOOR, AWPLUS = "kw-s01-core1", "kw-s01-floor1", "tm-j06-core1"
"""A Catalyst that routes, one that only switches, and a switch whose filters stand on ports."""
ROUTER = "kw-s01-rt1"
DEVICES = {"bare": FLOOR, "core": CORE, "floor": FLOOR, "awplus": AWPLUS, "router": ROUTER}
TABLE = Path(__file__).parent / "unmanaged_paths.yaml"
CITY = Path(__file__).parents[2] / "policies"
PORT = "interface GigabitEthernet1/0/40\n"
K = PathKind


@cache
def city() -> City:
    return load_city(CITY, on=TODAY)


@cache
def rendered(name: str) -> str:
    device = find_device(city(), name)
    system = load_platform(device.platform)
    return system.render(compile_device(city(), device, system.capabilities).wanted)


def fill_in(text: str, device: Device) -> str:
    """Put the school's own addresses into a text."""
    management = city().segments["management"]
    block = city().addresses.school_prefix(device.school, Family.V4)
    block6 = city().addresses.school_prefix(device.school, Family.V6)
    staff, staff6 = (
        city().addresses.segment_prefix(device.school, city().segments["staff"], family) for family in Family
    )
    routing = compile_routing_intent(city(), find_device(city(), ROUTER))
    transit = city().settings.transit
    assert transit is not None
    gateway = Family.V4.format_address(city().addresses.gateway_address(device.school, management, Family.V4))
    return text.format(
        own=device.management,
        gateway=gateway,
        inside=block.network_address + 250,
        router=transit.compute_address(block, 1).partition("/")[0],
        core=transit.compute_address(block, 2).partition("/")[0],
        block=block,
        planned=next(one.address for one in routing.neighbours if one.family is Family.V4),
        planned6=next(one.address for one in routing.neighbours if one.family is Family.V6),
        block6=block6,
        half=next(block.subnets()),
        staff=staff,
        staff_gateway=staff.network_address + 1,
        staff_host=staff.network_address + 9,
        staff6=staff6,
        core6=transit.compute_address(block6, 2).partition("/")[0],
        radius=next(one for one in city().admission_servers if Family(one.version) is Family.V4),
        system=routing.system,
        line=city().lines.school_address(device.school, "primary", Family.V4),
        other_line=city().lines.school_address(device.school, "backup", Family.V4),
        wire=city().lines.links.by_name["primary"].interface,
    )


def observe(name: str, text: str) -> Observation:
    return load_platform(find_device(city(), name).platform).parse(text, name)


def unjudged(name: str, lines: str) -> tuple[UnjudgedPath, ...]:
    device = find_device(city(), name)
    return find_unjudged_on(city(), device, observe(name, rendered(name) + fill_in(lines, device)))


def load_rows(which: str) -> list[dict[str, Any]]:
    rows: dict[str, list[dict[str, Any]]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return rows[which]


def name_row(row: dict[str, Any]) -> str:
    return f"{row['device']}: {row['name']}"


@pytest.mark.parametrize("row", load_rows("touching"), ids=name_row)
def test_a_way_that_touches_ours_is_not_judged(row: dict[str, Any]) -> None:
    device, lines, kind, touched = DEVICES[row["device"]], row["text"], PathKind(row["kind"]), set(row["touches"])
    found = unjudged(device, lines)
    first = next((one for one in found if one.path.kind is kind), None)
    assert first is not None, found
    assert touched <= set(first.segments), first
    shown = (rendered(device) + fill_in(lines, find_device(city(), device))).splitlines()[first.path.line - 1]
    assert first.path.text == shown.strip().lower()
    said = first.describe()
    assert said.startswith(f"not judged: {device}:{first.path.line}: {kind.value.replace('-', ' ')}")
    assert "; it would take: " in said
    assert first.segments[0] in said


@pytest.mark.parametrize("row", load_rows("harmless"), ids=name_row)
def test_what_touches_nothing_of_ours_stays_judged(row: dict[str, Any]) -> None:
    device = find_device(city(), DEVICES[row["device"]])
    assert unjudged(device.id, row["text"]) == ()
    text = DeviceText(rendered(device.id) + fill_in(row["text"], device))
    concealed = understand(load_platform(device.platform), text, device.id)
    assert find_unjudged_on(city(), device, concealed) == ()  # what is shown of a line does not decide


def test_the_table_has_a_text_of_every_kind_on_both_platforms() -> None:
    rows = load_rows("touching")
    assert {row["kind"] for row in rows} >= {kind.value for kind in PathKind}
    assert len([row for row in rows if row["device"] == "awplus"]) > 15
    assert len(load_rows("harmless")) > 15


@pytest.mark.parametrize("device", [CORE, FLOOR, AWPLUS, ROUTER])
def test_what_is_rendered_holds_no_way_of_others(device: str) -> None:
    assert observe(device, rendered(device)).paths == ()


@pytest.mark.parametrize(
    ("device", "old", "line"),
    [
        (CORE, "interface GigabitEthernet1/0/1\n", " channel-group 1 mode active\n"),
        (AWPLUS, "interface port1.0.1\n", " static-channel-group 1\n"),
    ],
)
def test_a_port_of_ours_in_a_channel_that_the_policy_does_not_know_is_a_conflict(
    device: str, old: str, line: str
) -> None:
    text = rendered(device)
    assert old in text
    with pytest.raises(ConfigRefused, match="which the policy does not know"):
        observe(device, text.replace(old, old + line, 1))


def test_a_line_inside_ours_that_is_known_changes_nothing() -> None:
    text = rendered(CORE).replace(
        "interface GigabitEthernet1/0/1\n",
        "interface GigabitEthernet1/0/1\n spanning-tree portfast trunk\n mtu 9000\n",
        1,
    )
    text = text.replace("interface Vlan20\n", "interface Vlan20\n no ip proxy-arp\n no ip redirects\n", 1)
    assert observe(CORE, text).paths == ()


def test_ports_of_which_nothing_is_told_are_told_once() -> None:
    (one,) = unjudged(CORE, "".join(f"interface GigabitEthernet1/0/{number}\n" for number in range(30, 48)))
    assert len(one.others) == 17
    said = one.describe()
    assert "gigabitethernet1/0/30 ('interface gigabitethernet1/0/30') and 17 more (gigabitethernet1/0/31, " in said
    assert count_by_school([(find_device(city(), CORE), [one])]) == {"kw-s01": 18}


def test_what_may_be_a_secret_is_not_shown_and_the_words_of_a_way_are() -> None:
    device = find_device(city(), FLOOR)
    lines = f"{PORT} switchport mode access\n switchport fabric key Hunter2secret\n"
    lines += "monitor session 1 source vlan 10 rx\n"
    seen = understand(load_platform(device.platform), DeviceText(rendered(FLOOR) + lines, FLOOR), FLOOR)
    said = [one.describe() for one in find_unjudged_on(city(), device, seen)]
    assert len(said) == 2
    assert "Hunter2secret" not in "".join(said)
    assert "mirror ('monitor session " in said[1]
    assert "touches staff; it would take: mirror VLANs and ports of others only" in said[1]


HEAD = "hostname sw1\n"
ON = "ip routing\nipv6 unicast-routing\n"


@pytest.mark.parametrize(
    ("device", "lines", "missed"),
    [
        (CORE, HEAD, ["ip routing", "ipv6 unicast-routing"]),
        (CORE, "version 17.9\nip routing\n", ["ipv6 unicast-routing"]),
        (CORE, HEAD + "ipv6 unicast-routing\n", ["ip routing"]),
        (CORE, HEAD + ON, []),
        (CORE, HEAD + "no ip routing\nno ipv6 unicast-routing\n", []),  # said, and not judged as what it is
        (CORE, "", []),  # our part alone, as it is rendered
        (FLOOR, HEAD, []),
        (AWPLUS, HEAD, []),
        (ROUTER, HEAD, []),
    ],
)
def test_a_switch_that_must_route_says_so(device: str, lines: str, missed: list[str]) -> None:
    found = [one for one in unjudged(device, lines) if one.path.kind is K.ROUTING_UNTOLD]
    assert [one.path.holder for one in found] == missed
    assert len({one.name_way() for one in found}) == len(missed)
    assert all(f"routing untold {line} (" in one.describe() for one, line in zip(found, missed, strict=True))


TWO_LEGS = "interface Vlan90\n ip address {own} 255.255.254.0\ninterface Vlan300\n ip address 192.0.2.1 255.255.255.0\n"


@pytest.mark.parametrize(
    ("lines", "routes"),
    [("", True), ("ip routing\n", True), ("ipv6 unicast-routing\nno ip routing\n", True), ("no ip routing\n", False)],
)
def test_a_switch_that_does_not_say_whether_it_routes_may_do_so(lines: str, *, routes: bool) -> None:
    text = HEAD + lines + TWO_LEGS
    assert observe(FLOOR, rendered(FLOOR) + fill_in(text, find_device(city(), FLOOR))).routes is routes
    assert bool(unjudged(FLOOR, text)) is routes
