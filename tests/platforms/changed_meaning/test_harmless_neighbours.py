"""What stands next to a line of the tables and changes nothing of ours is left alone."""

from __future__ import annotations

import pytest

from tests.plan.test_unmanaged_paths import FLOOR, unjudged
from tests.platforms.changed_meaning.test_changed_meaning import build_scene

_PORT = "interface GigabitEthernet1/0/47\n switchport mode access\n switchport access vlan 777\n "
_APPLET = "event manager applet WATCH\n event timer watchdog time 60\n action 1 "

CISCO = (
    "monitor session 2 type local\n destination interface Gi1/0/47",
    "monitor session 1 destination interface Gi1/0/47 ingress untagged vlan 777",
    _APPLET + 'cli command "en"',
    _APPLET + 'cli command "enable" pattern "word"',
    _APPLET + 'cli command "show ip interface brief | include a|b"',
    _APPLET + 'cli command "write memory"',
    _APPLET + 'cli command "wr"',
    _APPLET + 'cli command "copy running-config startup-config"',
    _APPLET + 'syslog msg "seen"',
    "kron policy-list SAVE\n cli write memory",
    "kron policy-list SAVE\n cli show version",
    "macro auto monitor",
    "ip dhcp pool V\n network 192.168.9.0 255.255.255.0\n option 150 ip 192.168.9.9\n option 3 ip 192.168.9.1",
    "ip dhcp pool P\n network 10.33.0.0 255.255.252.0\n option 3 ip 10.33.0.1",
    "no ip forward-protocol udp tftp",
    "no ip forward-protocol nd",
    "ethernet ring g8032 R\n port0 interface GigabitEthernet1/0/47\n instance 1\n  inclusion-list vlan-ids 777",
    "arp 192.168.9.9 0011.2233.4455 ARPA",
    "arp timeout 300",
    "ipv6 neighbor binding logging",
    "mac address-table limit vlan 777 maximum 5",
    "mac address-table aging-time 600",
    "network-policy profile 1\n voice vlan 778\n" + _PORT + "network-policy 1",
    _PORT + "authentication port-control auto\n mab\n dot1x pae authenticator",
    "aaa new-model\naaa authorization network default local\n" + _PORT + "mab",
    "aaa authorization exec default group tacacs+ local\n" + _PORT + "mab",
    "ipv6 hop-limit 64",
    "sdm prefer dual-ipv4-and-ipv6 default",
)
CISCO_INSIDE = (
    ("interface", "ip igmp version 3"),
    ("interface", "ipv6 nd ra interval 30"),
    ("interface", "ipv6 nd ra hop-limit 64"),
    ("interface", "ipv6 mld version 2"),
    ("port", "storm-control broadcast level 1.00 1.00"),
    ("port", "storm-control broadcast level pps 1k 500"),
    ("port", "storm-control multicast level bps 100k"),
    ("port", "storm-control action shutdown"),
    ("port", "mls qos trust dscp"),
)
AWPLUS = (
    ("device", "trigger 1\n type time 03:00\n name NIGHT"),
    ("device", "epsr configuration\n epsr R datavlan vlan700-710"),
    ("device", "arp 192.168.9.9 0011.2233.4455 port1.0.40"),
    ("device", "interface port1.0.40\n remote-mirror interface none\n shutdown"),
    ("device", "mac address-table ageing-time 300"),
    ("port", "wrr-queue weight 10 queues 0 1"),
    ("port", "storm-control broadcast level 20"),
    ("port", "ip igmp snooping"),
)
ALAXALA = (
    ("device", "gsrp 1\n  vlan-group 1 vlan 700"),
    ("device", "axrp vlan-mapping 1 vlan 700\naxrp 1\n  vlan-group 1 vlan-mapping 1"),
    ("device", "mac-address-table limit vlan 700 maximum 5"),
    ("device", "interface loopback 0\n  ip address 192.168.9.9"),
    ("device", "arp 192.168.9.9 interface vlan 700 0011.2233.4455"),
    ("port", "storm-control broadcast level pps 100"),
    ("port", "storm-control multicast level 5"),
)
ROWS = [
    *(("cisco_ios", "device", line) for line in CISCO),
    *(("cisco_ios", *one) for one in CISCO_INSIDE),
    *(("allied_telesis_awplus", *one) for one in AWPLUS),
    *(("alaxala", *one) for one in ALAXALA),
]


@pytest.mark.parametrize(("platform", "at", "line"), ROWS)
def test_a_line_that_changes_nothing_of_ours_is_left_alone(platform: str, at: str, line: str) -> None:
    scene = build_scene(platform)
    assert scene.judge(scene.plant(at, line)) == ""


def test_a_policy_of_a_vlan_of_ours_is_told_on_a_switch_that_only_carries_it() -> None:
    said = [one.describe() for one in unjudged(FLOOR, "interface Vlan10\n service-policy input DROP\n")]
    assert len(said) == 1
    assert "service-policy input drop" in said[0]
