"""Ways of others, one saved text a kind and platform: what touches ours is "not judged", what touches nothing stays judged.

Each text is what our part of a device renders to, with lines of others behind it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from controller.compile.network.wanted_device_state import compile_device
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
CITY = Path(__file__).parents[2] / "policies"
PORT = "interface GigabitEthernet1/0/40\n"
AW_PORT = "interface port1.0.40\n switchport\n"
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
    transit = city().settings.transit
    assert transit is not None
    gateway = Family.V4.format_address(city().addresses.gateway_address(device.school, management, Family.V4))
    return text.format(
        own=device.management,
        gateway=gateway,
        inside=block.network_address + 250,
        router=transit.compute_address(block, 1).partition("/")[0],
    )


def observe(name: str, text: str) -> Observation:
    device = find_device(city(), name)
    return understand(load_platform(device.platform), DeviceText(text, name), name)


def unjudged(name: str, lines: str) -> tuple[UnjudgedPath, ...]:
    device = find_device(city(), name)
    return find_unjudged_on(city(), device, observe(name, rendered(name) + fill_in(lines, device)))


TOUCHING = [
    # layer 2, Catalyst
    ("an access port of pupils that is not isolated", CORE, f"{PORT} switchport access vlan 20\n switchport mode access\n", K.ACCESS_PORT, {"pupil"}),
    ("the same on a floor switch", FLOOR, f"{PORT} switchport access vlan 20\n switchport mode access\n", K.ACCESS_PORT, {"pupil"}),
    ("an access port of the management", CORE, f"{PORT} switchport access vlan 90\n switchport mode access\n", K.ACCESS_PORT, {"management"}),
    ("a port that puts guests into a VLAN of ours", FLOOR, f"{PORT} switchport access vlan 300\n switchport mode access\n authentication event no-response action authorize vlan 40\n", K.ACCESS_PORT, {"guest"}),
    ("a trunk with a VLAN of ours", CORE, f"{PORT} switchport trunk allowed vlan 10,300\n switchport mode trunk\n", K.TRUNK, {"staff"}),
    ("a trunk that names no VLAN carries all", FLOOR, f"{PORT} switchport mode trunk\n", K.TRUNK, {"staff", "pupil", "management"}),
    ("a trunk of all but some", CORE, f"{PORT} switchport trunk allowed vlan except 10,11\n switchport mode trunk\n", K.TRUNK, {"pupil"}),
    ("a list that goes on in a second line", CORE, f"{PORT} switchport trunk allowed vlan 300\n switchport trunk allowed vlan add 30\n switchport mode trunk\n", K.TRUNK, {"printers"}),
    ("a native VLAN of ours", CORE, f"{PORT} switchport trunk native vlan 30\n switchport trunk allowed vlan 30,300\n switchport mode trunk\n", K.TRUNK, {"printers"}),
    ("a dynamic port", CORE, f"{PORT} switchport mode dynamic desirable\n", K.UNDECIDED_PORT, {"staff", "management"}),
    ("a port without a mode", FLOOR, f"{PORT} switchport access vlan 300\n", K.UNDECIDED_PORT, {"staff"}),
    ("a port of which nothing is told", CORE, PORT, K.UNDECIDED_PORT, {"staff"}),
    ("a voice VLAN", CORE, f"{PORT} switchport access vlan 300\n switchport mode access\n switchport voice vlan 10\n", K.VOICE_VLAN, {"staff"}),
    ("a private VLAN on a port", CORE, f"{PORT} switchport private-vlan host-association 20 301\n switchport mode private-vlan host\n", K.PRIVATE_VLAN, {"pupil"}),
    ("a private VLAN in the database", CORE, "vlan 300\n private-vlan primary\n private-vlan association 20,21\n", K.PRIVATE_VLAN, {"pupil", "learning-legacy"}),
    ("a private VLAN behind an interface of ours", CORE, "interface Vlan300\n private-vlan mapping 20\n", K.PRIVATE_VLAN, {"pupil"}),
    ("VLANs that are mapped", CORE, f"{PORT} switchport trunk allowed vlan 300\n switchport mode trunk\n switchport vlan mapping 300 20\n", K.VLAN_TRANSLATION, {"pupil"}),
    ("a tunnel of tags", CORE, f"{PORT} switchport access vlan 20\n switchport mode dot1q-tunnel\n", K.VLAN_TRANSLATION, {"pupil"}),
    ("a channel with VLANs of ours", CORE, "interface Port-channel1\n switchport mode trunk\n" + PORT + " switchport mode trunk\n channel-group 1 mode active\n", K.TRUNK, {"staff"}),
    ("a member of a channel that is not there", CORE, PORT + " switchport mode access\n channel-group 7 mode active\n", K.CHANNEL_MEMBER, {"staff"}),
    ("a bridge group", CORE, "interface Vlan300\n bridge-group 1\ninterface Vlan20\n bridge-group 1\n", K.BRIDGE, {"pupil"}),
    ("a bridged interface", CORE, "interface BVI1\n ip address 192.0.2.1 255.255.255.0\n", K.BRIDGE, {"staff"}),
    ("a pseudowire on a VLAN", CORE, "interface Vlan30\n xconnect 192.0.2.9 30 encapsulation mpls\n", K.PSEUDOWIRE, {"printers"}),
    ("a pseudowire of the device", FLOOR, "l2vpn xconnect context C1\n member GigabitEthernet1/0/40 service-instance 1\n", K.PSEUDOWIRE, {"staff"}),
    ("a service instance", CORE, f"{PORT} switchport trunk allowed vlan none\n switchport mode trunk\n service instance 1 ethernet\n", K.PSEUDOWIRE, set()),
    ("a mirrored VLAN", CORE, "monitor session 1 source vlan 10 rx\nmonitor session 1 destination interface Gi1/0/40\n", K.MIRROR, {"staff"}),
    ("a filter on VLANs", CORE, "vlan filter DROP vlan-list 20\n", K.VLAN_FILTER, {"pupil"}),
    ("a word of switchport that nobody knows", FLOOR, f"{PORT} switchport mode access\n switchport fabric 20\n", K.UNKNOWN_LINE, {"pupil"}),
    ("a template", CORE, f"{PORT} switchport mode access\n source template UPLINK\n", K.UNKNOWN_LINE, set()),
    ("lines that lost their interface", FLOOR, "switchport access vlan 20\n", K.UNKNOWN_LINE, {"pupil"}),
    ("capitals and abbreviations", FLOOR, "int Gi1/0/40\n switchport access vlan 20\n", K.UNKNOWN_LINE, {"pupil"}),
    # layer 3, Catalyst
    ("an interface inside the school's block", CORE, "interface Vlan300\n ip address {inside} 255.255.255.0\n", K.VLAN_INTERFACE, {"staff"}),
    ("an interface in a VLAN of ours, on a floor switch", FLOOR, "ip routing\ninterface Vlan10\n ip address 192.0.2.1 255.255.255.0\n", K.VLAN_INTERFACE, {"staff"}),
    ("a floor switch that routes beside its management", FLOOR, "ip routing\ninterface Vlan90\n ip address {own} 255.255.254.0\ninterface Vlan300\n ip address 192.0.2.1 255.255.255.0\n", K.VLAN_INTERFACE, {"management"}),
    ("an address that only a server knows", FLOOR, "interface Vlan20\n ip address dhcp\n", K.VLAN_INTERFACE, {"pupil"}),
    ("a second gateway as secondary address", FLOOR, "interface Vlan90\n ip address {gateway} 255.255.254.0 secondary\n ip address {own} 255.255.254.0\n", K.VLAN_INTERFACE, {"management"}),
    ("a routed port", CORE, f"{PORT} no switchport\n ip address 192.0.2.1 255.255.255.252\n", K.ROUTED_PORT, {"staff"}),
    ("a part of a port in a VLAN of ours", FLOOR, "interface GigabitEthernet1/0/40.20\n encapsulation dot1Q 20\n ip address 192.0.2.1 255.255.255.0\n", K.ROUTED_PORT, {"pupil"}),
    ("a tunnel", CORE, "interface Tunnel0\n ip address 192.0.2.1 255.255.255.252\n tunnel destination 198.51.100.1\n", K.TUNNEL, {"staff"}),
    ("a default route elsewhere", CORE, "ip route 0.0.0.0 0.0.0.0 192.0.2.2\n", K.STATIC_ROUTE, {"staff"}),
    ("a route of IPv6 elsewhere", CORE, "ipv6 route ::/0 2001:db8:ffff::2\n", K.STATIC_ROUTE, {"staff"}),
    ("a route into nothing", CORE, "ip route 203.0.113.0 255.255.255.0 Null0\n", K.STATIC_ROUTE, {"staff"}),
    ("a route that leaves its own table", CORE, "ip route vrf OTHER 0.0.0.0 0.0.0.0 192.0.2.2 global\n", K.STATIC_ROUTE, {"staff"}),
    ("a routing protocol", CORE, "router ospf 1\n network 10.0.0.0 0.255.255.255 area 0\n", K.ROUTING_PROTOCOL, {"staff"}),
    ("policy routing of the device", CORE, "ip local policy route-map ELSEWHERE\n", K.POLICY_ROUTING, {"staff"}),
    ("routes between tables", CORE, "vrf definition OTHER\n route-target import 65000:1\n", K.ROUTING_TABLE, {"staff"}),
    ("no routing at all", CORE, "no ip routing\n", K.ROUTING_OFF, {"staff"}),
    ("address translation", CORE, "ip nat inside source list 1 interface Vlan99 overload\n", K.ADDRESS_TRANSLATION, {"staff"}),
    # AlliedWare Plus: filters stand on ports
    ("an access port in a VLAN of ours", AWPLUS, f"{AW_PORT} switchport mode access\n switchport access vlan 20\n", K.ACCESS_PORT, {"pupil"}),
    ("the same in a range of ports", AWPLUS, "interface port1.0.40-1.0.42\n switchport\n switchport mode access\n switchport access vlan 10\n", K.ACCESS_PORT, {"staff"}),
    ("an access port whose hosts a server may move", AWPLUS, f"{AW_PORT} switchport mode access\n auth dynamic-vlan-creation\n", K.ACCESS_PORT, {"staff"}),
    ("a port of guests", AWPLUS, f"{AW_PORT} switchport mode access\n auth guest-vlan 40\n", K.ACCESS_PORT, {"guest"}),
    ("a trunk", AWPLUS, f"{AW_PORT} switchport mode trunk\n switchport trunk allowed vlan add 10,300\n", K.TRUNK, {"staff"}),
    ("a trunk of all", AWPLUS, f"{AW_PORT} switchport mode trunk\n switchport trunk allowed vlan all\n", K.TRUNK, {"staff", "pupil"}),
    ("a native VLAN", AWPLUS, f"{AW_PORT} switchport mode trunk\n switchport trunk native vlan 30\n", K.TRUNK, {"printers"}),
    ("a voice VLAN of AlliedWare Plus", AWPLUS, f"{AW_PORT} switchport mode access\n switchport voice vlan 10\n", K.VOICE_VLAN, {"staff"}),
    ("a private VLAN of AlliedWare Plus", AWPLUS, "vlan database\n private-vlan 20 primary\n", K.PRIVATE_VLAN, {"pupil"}),
    ("a classifier", AWPLUS, f"vlan classifier rule 1 ipv4 192.0.2.0/24 vlan 20\nvlan classifier group 1 add rule 1\n{AW_PORT} switchport mode access\n vlan classifier activate 1\n", K.VLAN_TRANSLATION, {"pupil"}),
    ("stacked VLANs", AWPLUS, f"{AW_PORT} switchport mode access\n switchport access vlan 20\n switchport vlan-stacking customer-edge-port\n", K.VLAN_TRANSLATION, {"pupil"}),
    ("a channel", AWPLUS, f"interface sa1\n switchport\n switchport mode trunk\n switchport trunk allowed vlan add 20\n{AW_PORT} switchport mode trunk\n static-channel-group 1\n", K.TRUNK, {"pupil"}),
    ("interfaces between which it routes", AWPLUS, "interface vlan10\n ip address 192.0.2.1/24\ninterface vlan30\n ip address 198.51.100.1/24\n", K.VLAN_INTERFACE, {"staff"}),
    ("an interface inside the block", AWPLUS, "interface vlan300\n ip address {inside}/24\n", K.VLAN_INTERFACE, {"staff"}),
    ("a default route of AlliedWare Plus", AWPLUS, "ip route 0.0.0.0/0 192.0.2.2\n", K.STATIC_ROUTE, {"staff"}),
    ("a gateway by VRRP", AWPLUS, "router vrrp 1 vlan20\n virtual-ip 192.0.2.1 backup\n", K.SECOND_GATEWAY, {"pupil"}),
    ("an answer for others", AWPLUS, "interface vlan20\n ip local-proxy-arp\n", K.PROXY_ARP, {"pupil"}),
    ("a mirror of AlliedWare Plus", AWPLUS, f"{AW_PORT} switchport mode access\n switchport access vlan 10\n mirror interface port1.0.1 direction both\n", K.MIRROR, {"staff"}),
    ("a tunnel of AlliedWare Plus", AWPLUS, "interface tunnel0\n tunnel mode l2tp v3\n", K.TUNNEL, {"staff"}),
    ("a bridge of AlliedWare Plus", AWPLUS, "bridge 1\ninterface vlan20\n bridge-group 1\n", K.BRIDGE, {"pupil"}),
]  # fmt: skip

HARMLESS = [
    ("an access port of staff: the filter stands on the interface", CORE, f"{PORT} switchport access vlan 10\n switchport mode access\n"),
    ("the same on a floor switch", FLOOR, f"{PORT} switchport access vlan 10\n switchport mode access\n"),
    ("pupils that are kept apart", CORE, f"{PORT} switchport access vlan 20\n switchport mode access\n switchport protected\n"),
    ("a VLAN of others", CORE, f"vlan 300\n name CAMERAS\n{PORT} description camera\n switchport access vlan 300\n switchport mode access\n spanning-tree portfast\n"),
    ("a port that is shut down", CORE, f"{PORT} switchport access vlan 90\n switchport mode trunk\n shutdown\n"),
    ("a trunk of others", CORE, f"{PORT} switchport trunk native vlan 300\n switchport trunk allowed vlan 300-310\n switchport mode trunk\n"),
    ("a voice VLAN of others", CORE, f"{PORT} switchport access vlan 300\n switchport mode access\n switchport voice vlan 301\n"),
    ("an interface of others in a VLAN of theirs", CORE, "interface Vlan300\n ip address 192.0.2.1 255.255.255.0\n"),
    ("an interface without an address", CORE, "interface Vlan1\n no ip address\n shutdown\ninterface Vlan300\n no ip address\n"),
    ("the default route to the router", CORE, "ip routing\nip route 0.0.0.0 0.0.0.0 {router}\n"),
    ("the management port in a table of its own", CORE, "vrf definition Mgmt-vrf\ninterface GigabitEthernet0/0\n vrf forwarding Mgmt-vrf\n ip address 192.0.2.9 255.255.255.0\n negotiation auto\nip route vrf Mgmt-vrf 0.0.0.0 0.0.0.0 192.0.2.1\n"),
    ("a floor switch's own address and gateway", FLOOR, "interface Vlan90\n ip address {own} 255.255.254.0\nip default-gateway {gateway}\n"),
    ("a channel of others, and its members", CORE, f"interface Port-channel1\n switchport trunk allowed vlan 300\n switchport mode trunk\n{PORT} switchport trunk allowed vlan 300\n switchport mode trunk\n channel-group 1 mode active\n"),
    ("a mirrored VLAN of others", CORE, "monitor session 1 source vlan 300\nmonitor session 1 destination interface Gi1/0/40\n"),
    ("what every device has", CORE, "version 17.9\nhostname core\nspanning-tree mode rapid-pvst\nntp server 192.0.2.1\nsnmp-server location 1F\nline vty 0 4\n login local\nend\n"),
    ("the switch's own address on AlliedWare Plus", AWPLUS, "interface vlan90\n ip address {own}/23\nip route 0.0.0.0/0 {gateway}\n"),
    ("an access port of others", AWPLUS, f"vlan database\n vlan 300 name cameras state enable\n{AW_PORT} switchport mode access\n switchport access vlan 300\n"),
    ("ports as they come", AWPLUS, "interface port1.0.20-1.0.48\n switchport\n switchport mode access\n"),
    ("a trunk of others with a VLAN of theirs", AWPLUS, f"{AW_PORT} switchport mode trunk\n switchport trunk allowed vlan add 300\n switchport trunk native vlan none\n"),
    ("a way of their own, elsewhere", AWPLUS, "interface vlan300\n ip address 192.0.2.5/24\nip route 198.51.100.0/24 192.0.2.1\n"),
    ("a classifier that no port uses", AWPLUS, "vlan classifier rule 1 ipv4 192.0.2.0/24 vlan 20\n"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("device", "lines", "kind", "touched"), [row[1:] for row in TOUCHING], ids=[row[0] for row in TOUCHING]
)
def test_a_way_that_touches_ours_is_not_judged(device: str, lines: str, kind: PathKind, touched: set[str]) -> None:
    found = unjudged(device, lines)
    (first, *_) = [one for one in found if one.path.kind is kind] or [None]
    assert first is not None, found
    assert touched <= set(first.segments), first
    shown = (rendered(device) + fill_in(lines, find_device(city(), device))).splitlines()[first.path.line - 1]
    assert first.path.text == shown.strip()
    said = first.describe()
    assert said.startswith(f"not judged: {device}:{first.path.line}: {kind.value.replace('-', ' ')}")
    assert "; it would take: " in said
    assert first.segments[0] in said


@pytest.mark.parametrize(
    ("device", "lines"), [row[1:] for row in HARMLESS], ids=[f"{row[1]}: {row[0]}" for row in HARMLESS]
)
def test_what_touches_nothing_of_ours_stays_judged(device: str, lines: str) -> None:
    assert unjudged(device, lines) == ()


@pytest.mark.parametrize("device", [CORE, FLOOR, AWPLUS])
def test_what_is_rendered_holds_no_way_of_others(device: str) -> None:
    assert observe(device, rendered(device)).paths == ()


@pytest.mark.parametrize(
    ("device", "old", "line", "kind"),
    [
        (CORE, "interface Vlan20\n", " ip local-proxy-arp\n", K.PROXY_ARP),
        (CORE, "interface Vlan20\n", " standby 1 ip 192.0.2.1\n", K.SECOND_GATEWAY),
        (CORE, "interface Vlan20\n", " ip nat inside\n", K.ADDRESS_TRANSLATION),
        (CORE, "interface Vlan20\n", " ip inspect OPEN in\n", K.ADDRESS_TRANSLATION),
        (CORE, "interface Vlan20\n", " ip redirect-all somewhere\n", K.UNKNOWN_LINE),
        (CORE, "interface GigabitEthernet1/0/1\n", " channel-group 1 mode active\n", K.CHANNEL_MEMBER),
        (CORE, "interface GigabitEthernet1/0/1\n", " source template T\n", K.UNKNOWN_LINE),
        (CORE, "vlan 20\n", " private-vlan primary\n", K.PRIVATE_VLAN),
        (CORE, "vlan 20\n", " remote-span\n", K.UNKNOWN_LINE),
        (AWPLUS, "interface port1.0.1\n", " static-channel-group 1\n", K.CHANNEL_MEMBER),
        (AWPLUS, "interface port1.0.1\n", " openflow\n", K.UNKNOWN_LINE),
    ],
)
def test_a_line_inside_ours_that_changes_what_ours_means_is_not_judged(
    device: str, old: str, line: str, kind: PathKind
) -> None:
    text = rendered(device)
    assert old in text
    seen = observe(device, text.replace(old, old + line, 1))
    kinds = {one.path.kind for one in find_unjudged_on(city(), find_device(city(), device), seen)}
    assert kind in kinds


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
    assert "gigabitethernet1/0/30 ('interface GigabitEthernet1/0/30') and 17 more (gigabitethernet1/0/31, " in said
    assert count_by_school([(find_device(city(), CORE), [one])]) == {"kw-s01": 18}


def test_a_secret_in_a_line_is_not_shown() -> None:
    (one,) = [one for one in unjudged(CORE, "interface Tunnel0\n ip address 192.0.2.1 255.255.255.252\n")]
    assert one.to_document()["object"] == "tunnel0"
    (bad,) = unjudged(FLOOR, f"{PORT} switchport mode access\n switchport fabric key Hunter2secret 20\n")
    assert "Hunter2secret" not in bad.describe()
