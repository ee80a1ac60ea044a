"""DHCP snooping and ARP inspection drop what comes in at a port that is not trusted: the way to the router must be."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.platforms.changed_meaning.scenes import Scene
from tests.platforms.changed_meaning.test_changed_meaning import build_scene


@dataclass(frozen=True)
class Snooping:
    """How a system snoops on VLAN 10 or 20, inspects ARP there and trusts a port; its uplink and a port of hosts."""

    snoop: str
    inspect: str
    trust: str
    trust_arp: str
    uplink: str
    hosts: str
    other: str


SYSTEMS = {
    "cisco_ios": Snooping(
        "ip dhcp snooping vlan 10\nip dhcp snooping\n",
        "ip arp inspection vlan 10\n",
        " ip dhcp snooping trust",
        " ip arp inspection trust",
        "interface GigabitEthernet1/0/24\n",
        "interface GigabitEthernet1/0/2\n",
        "interface GigabitEthernet1/0/47\n switchport mode access\n switchport access vlan 777\n",
    ),
    "allied_telesis_awplus": Snooping(
        "interface vlan10\n ip dhcp snooping\n",
        "interface vlan10\n arp security\n",
        " ip dhcp snooping trust",
        " ip dhcp snooping trust",
        "interface port1.0.24\n",
        "interface port1.0.2\n",
        "interface port1.0.40\n switchport\n switchport mode access\n switchport access vlan 777\n",
    ),
    "alaxala": Snooping(
        "ip dhcp snooping vlan 20\nip dhcp snooping\n",
        "ip arp inspection vlan 20\n",
        "  ip dhcp snooping trust",
        "  ip arp inspection trust",
        "interface gigabitethernet 0/24\n",
        "interface gigabitethernet 0/2\n",
        "interface gigabitethernet 0/40\n  switchport mode access\n  switchport access vlan 777\n",
    ),
}


def trust(scene: Scene, port: str, line: str) -> str:
    """Return the text with a line at the end of a port of ours."""
    before, header, behind = scene.text.partition(port)
    inside, end, rest = behind.partition("!\n")
    return f"{before}{header}{inside}{line}\n{end}{rest}"


def both(one: Snooping) -> str:
    """Return what snoops and inspects, as a device prints it: one block an interface."""
    inside = one.inspect.partition("\n ")[2]
    return f"{one.snoop} {inside}" if inside else f"{one.snoop}{one.inspect}"


@pytest.mark.parametrize("platform", SYSTEMS)
def test_where_the_way_to_the_router_is_trusted_nothing_is_said(platform: str) -> None:
    scene, one = build_scene(platform), SYSTEMS[platform]
    lines = "\n".join(dict.fromkeys((one.trust, one.trust_arp)))
    text = trust(scene, one.uplink, lines)
    assert scene.judge(f"{text}{one.snoop}") == ""
    assert scene.judge(f"{text}{both(one)}") == ""


@pytest.mark.parametrize("platform", SYSTEMS)
@pytest.mark.parametrize("port", ["hosts", "other"])
def test_trust_elsewhere_does_not_excuse_what_drops_every_answer(platform: str, port: str) -> None:
    scene, one = build_scene(platform), SYSTEMS[platform]
    text = trust(scene, one.hosts, one.trust) if port == "hosts" else f"{scene.text}{one.other}{one.trust}\n"
    said = scene.judge(f"{text}{one.snoop}")
    assert said.startswith("not judged: ")
    assert "trust every port that leads to the school's router" in said


@pytest.mark.parametrize("platform", SYSTEMS)
def test_arp_that_is_judged_by_hosts_that_nobody_snoops_on_is_not_judged(platform: str) -> None:
    scene, one = build_scene(platform), SYSTEMS[platform]
    text = trust(scene, one.uplink, one.trust_arp)
    said = scene.judge(f"{text}{one.inspect}")
    assert said.startswith("not judged: ")
    assert "arp" in said


def test_a_trusted_port_that_is_shut_spares_nothing() -> None:
    scene, one = build_scene("cisco_ios"), SYSTEMS["cisco_ios"]
    text = trust(scene, one.uplink, one.trust_arp)
    said = scene.judge(f"{text}{one.snoop}{one.inspect}")
    assert "ip dhcp snooping vlan 10" in said, "the trust of ARP is another one"
    assert "ip arp inspection vlan 10" not in said
