"""What the virtual Catalyst holds: lists, trunks, groups, addresses, VLANs and VTP, in the vendor's form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.lab.virtual_switches.catalyst import C3560, C9300
from tests.lab.virtual_switches.catalyst.scene import Scene

UNMODELLED = "% Not modelled by the virtual switch: "
PORT = "interface GigabitEthernet1/0/1"
TRANSPARENT = "vtp mode transparent\n"


def test_a_trunks_list_is_replaced_extended_and_shortened_and_wraps_below_80_columns() -> None:
    scene = Scene(TRANSPARENT)
    scene.configure(PORT, "switchport trunk allowed vlan 10,20-22", "switchport trunk allowed vlan add 30")
    assert scene.block(PORT) == ["switchport trunk allowed vlan 10,20-22,30"]
    scene.configure(PORT, "switchport trunk allowed vlan remove 21")
    assert scene.block(PORT) == ["switchport trunk allowed vlan 10,20,22,30"]
    scene.configure(PORT, "switchport trunk allowed vlan none")
    assert scene.block(PORT) == ["switchport trunk allowed vlan none"]
    scene.configure(PORT, "switchport trunk allowed vlan except 2-4094")
    assert scene.block(PORT) == ["switchport trunk allowed vlan 1"]
    odd = ",".join(map(str, range(101, 401, 2)))
    scene.configure(PORT, f"switchport trunk allowed vlan {odd}")
    lines = scene.block(PORT)
    assert all(line.startswith("switchport trunk allowed vlan add ") for line in lines[1:])
    assert len(lines) > 10
    assert max(len(f" {line}") for line in lines) in {76, 77, 78, 79}
    assert Scene("\n".join(scene.running)).running == scene.running
    scene.configure(PORT, "no switchport trunk allowed vlan")
    assert scene.block(PORT) == []


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("permit tcp any 10.1.0.77 0.0.0.255 eq 80 443", "permit tcp any 10.1.0.0 0.0.0.255 eq www 443"),
        ("permit 6 host 10.0.0.1 0.0.0.0 255.255.255.255 gt 1023", "permit tcp host 10.0.0.1 any gt 1023"),
        ("deny udp any range 135 139 any neq domain log", "deny udp any range 135 netbios-ss any neq domain log"),
        ("permit icmp any any 3 4", "permit icmp any any packet-too-big"),
        ("permit icmp any any 200", "permit icmp any any 200"),
        ("permit tcp any eq 514 any established", "permit tcp any eq cmd any established"),
        ("permit sctp any any eq 5060", "permit sctp any any eq 5060"),
        ("permit 253 10.0.0.0 255.0.0.0 any", "permit 253 0.0.0.0 255.0.0.0 any"),
    ],
)
def test_entries_are_shown_in_the_switchs_words(typed: str, shown: str) -> None:
    scene = Scene(model=replace(C9300, numbers_entries=False))
    assert scene.configure("ip access-list extended X", typed) == ""
    assert scene.block("ip access-list extended X") == [shown]


@pytest.mark.parametrize(
    "typed",
    [
        *("permit tcp any any eq 65536", "permit tcp any any eq ssh", "permit ip any", "permit ip any any eq 80"),
        *("permit udp any any established", "permit ip 10.0.0.0 any", "permit ip host any any", "permit 256 any any"),
        *(
            "permit tcp any any range 9 3",
            "permit tcp any any syn",
            "permit ip any any dscp ef",
            "permit icmp any any 256",
        ),
        *("permit ip any any time-range X", "permit ip object-group A any", "permit tcp any any eq 80 log extra"),
        *("allow ip any any", "permit", "remark", "permit ip 2001:DB8::/32 any", "permit ip 10.0.0.1 85.85.85.85 any"),
    ],
)
def test_entries_that_are_none_are_refused(typed: str) -> None:
    scene = Scene()
    assert scene.configure("ip access-list extended X", typed).lstrip(" ^\n").startswith("%")
    assert scene.block("ip access-list extended X") == []


def test_an_older_image_has_fewer_words() -> None:
    scene = Scene(model=C3560)
    name = "ip access-list extended X"
    assert scene.configure(name, "permit tcp any any eq 135", "permit 132 any any") == ""
    assert scene.block(name) == ["permit tcp any any eq 135", "permit 132 any any"]
    assert "Invalid input" in scene.configure(name, "permit tcp any any eq msrpc")
    assert "Invalid input" in scene.configure(name, "permit sctp any any")


def test_entries_have_numbers() -> None:
    scene = Scene()
    name = "ip access-list extended X"
    scene.configure(name, "permit tcp any any eq 22", "remark names", "permit udp any any eq 53", "deny ip any any")
    assert scene.block(name) == [
        *("10 permit tcp any any eq 22", "20 remark names", "20 permit udp any any eq domain", "30 deny ip any any"),
    ]
    assert scene.configure(name, "20 permit gre any any") == "% Duplicate sequence number"
    assert scene.configure(name, "50 permit tcp any any eq 22", "15 permit icmp any any echo", "no 30") == ""
    assert [line.split()[0] for line in scene.block(name)] == ["10", "15", "20", "20"]
    assert scene.configure(name, "no permit udp any any eq domain", "no 99").startswith("%")
    scene.configure("ip access-list resequence X 100 5")
    assert [line.split()[0] for line in scene.block(name)][:2] == ["100", "105"]
    shown = scene.enter("show access-lists X")
    assert shown.splitlines() == [
        "Extended IP access list X",
        "    100 permit tcp any any eq 22",
        "    105 permit icmp any any echo",
    ]


def test_ipv6_lists_have_numbers_in_front_and_are_shown_with_them_last() -> None:
    scene = Scene()
    name = "ipv6 access-list Z"
    lines = ("permit icmp any any nd-ns", "permit tcp 2001:db8::/32 host 2001:db8::1 eq 443 sequence 15")
    assert scene.configure(name, *lines, "sequence 40 deny ipv6 any any log") == ""
    assert scene.block(name) == [
        "sequence 10 permit icmp any any nd-ns",
        "sequence 15 permit tcp 2001:DB8::/32 host 2001:DB8::1 eq 443",
        "sequence 40 deny ipv6 any any log",
    ]
    assert "    permit icmp any any nd-ns sequence 10" in scene.enter("show ipv6 access-list")
    older = Scene("\n".join(scene.running), replace(C9300, numbers_entries=False))
    assert [line.split()[0] for line in older.block(name)] == ["permit", "sequence", "sequence"]
    assert scene.configure(name, "no sequence 15", "no deny ipv6 any any log") == ""
    assert len(scene.block(name)) == 1


def test_standard_and_numbered_lists() -> None:
    scene = Scene(model=C3560)
    standard = ("permit 10.0.0.1", "permit 10.1.0.0 0.0.255.255", "deny any log")
    assert scene.configure("access-list 10 permit host 10.9.9.9", "access-list 140 deny ip any any") == ""
    assert scene.configure("ip access-list standard Y", *standard) == ""
    assert scene.block("ip access-list standard Y") == [
        "permit 10.0.0.1",
        "permit 10.1.0.0 0.0.255.255",
        "deny   any log",
    ]
    assert {"access-list 10 permit 10.9.9.9", "access-list 140 deny ip any any"} <= set(scene.running)
    assert "already exists" in scene.configure("ip access-list extended Y")
    assert scene.configure("access-list 140 permit ip any").startswith("% Incomplete command.")
    assert scene.configure("access-list 300 permit ip any any").startswith(UNMODELLED)
    assert scene.configure("no access-list 140", "no ip access-list standard Y") == ""
    assert scene.configure("no ip access-list standard Y").startswith(UNMODELLED)


def test_lists_that_others_use_are_kept_or_refused() -> None:
    scene = Scene("line vty 0 4\n access-class TSN-x in\nsnmp-server community hidden RO TSN-x\n")
    assert scene.block("line vty 0 4") == ["access-class TSN-x in"]
    assert "snmp-server community hidden RO TSN-x" in scene.running
    for line in ("class-map X", "route-map Y permit 10", "ip nat inside source list TSN-x interface Vlan1 overload"):
        assert scene.configure(line).startswith(UNMODELLED)


def test_a_group_takes_its_first_ports_settings_and_gives_them_to_all() -> None:
    scene = Scene(TRANSPARENT)
    scene.configure(PORT, "switchport mode trunk", "switchport trunk allowed vlan 10,20")
    said = scene.configure("interface range gi1/0/1 - 2", "channel-group 1 mode on")
    assert said.startswith("Creating a port-channel interface Port-channel 1")
    group = ["switchport trunk allowed vlan 10,20", "switchport mode trunk"]
    assert scene.block("interface Port-channel1") == group
    assert scene.block(PORT) == [*group, "channel-group 1 mode on"]
    scene.configure("interface port-channel 1", "switchport trunk allowed vlan add 30")
    assert scene.block("interface GigabitEthernet1/0/2") == [
        *("switchport trunk allowed vlan 10,20,30", "switchport mode trunk", "channel-group 1 mode on"),
    ]
    order = [line for line in scene.running if line.startswith("interface ")]
    assert order[0] == "interface Port-channel1"
    assert scene.configure("no interface Port-channel1").startswith(UNMODELLED)
    scene.configure("interface range gi1/0/1 , gi1/0/2", "no channel-group 1", "exit", "no interface Port-channel1")
    assert "interface Port-channel1" not in scene.running
    spoken = Scene(model=replace(C9300, lacp_partner=True))
    spoken.configure(PORT, "channel-group 2 mode active")
    assert spoken.block(PORT) == ["channel-group 2 mode active"]


def test_addresses_of_an_interface() -> None:
    scene = Scene("interface Vlan30\n ip address 10.3.0.1 255.255.255.0\n")
    vlan = "interface Vlan20"
    lines = ["ip address 10.2.0.1 255.255.255.0", "ip address 10.2.1.1 255.255.255.0 secondary"]
    lines += ["ip helper-address 10.0.0.67", "ipv6 address 2001:db8::1/64", "ipv6 dhcp relay destination 2001:db8::67"]
    lines += ["ip access-group X in", "ipv6 traffic-filter Z out", "description staff", "no ip redirects"]
    assert scene.configure(vlan, *lines) == ""
    assert scene.block(vlan) == [
        "description staff",
        "ip address 10.2.1.1 255.255.255.0 secondary",
        "ip address 10.2.0.1 255.255.255.0",
        "ip access-group X in",
        "ip helper-address 10.0.0.67",
        "ipv6 address 2001:DB8::1/64",
        "ipv6 traffic-filter Z out",
        "ipv6 dhcp relay destination 2001:DB8::67",
        "no ip redirects",
    ]
    for line, said in (
        ("ip address 10.3.0.9 255.255.255.0", "% 10.3.0.0 overlaps with Vlan30"),
        ("ip address 10.9.0.0 255.255.255.0", "Bad mask /24 for address 10.9.0.0"),
        ("ip address 10.9.0.1 255.0.255.0", "Bad mask 0xFF00FF00 for address 10.9.0.1"),
        ("no ip address 10.2.0.1 255.255.255.0", "Must delete secondary before deleting primary"),
        ("no ip access-group Y in", f"{UNMODELLED}to unbind a list that is not bound: Y in"),
    ):
        assert scene.configure(vlan, line) == said
    scene.configure(vlan, "no ip address", "no ipv6 address", "shutdown", "no ip access-group X in")
    assert scene.block(vlan)[:2] == ["description staff", "no ip address"]
    assert Scene("\n".join(scene.running)).running == scene.running


def test_vlans_act_when_their_mode_is_left_and_are_joined_where_they_say_nothing() -> None:
    scene = Scene(TRANSPARENT)
    scene.enter("configure terminal", "vlan 5,7-9", "vlan 20", "name staff")
    assert sorted(scene.device.database.vlans) == [1, 5, 7, 8, 9]
    scene.enter("exit")
    scene.enter("vlan 30", "shutdown", "vlan 40", "state suspend", "end")
    lines = scene.running
    start = lines.index("vlan 5,7-9 ")
    assert lines[start : start + 9 : 1] == [
        *("vlan 5,7-9 ", "!", "vlan 20", " name staff", "!", "vlan 30", " shutdown", "!", "vlan 40"),
    ]
    shown = scene.enter("show vlan brief")
    assert "30   VLAN0030                         act/lshut" in shown
    assert "40   VLAN0040                         suspended" in shown
    assert scene.configure("no vlan 1") == "%Default VLAN 1 may not be deleted."
    assert scene.configure("vlan 1", "name x") == "%Default VLAN 1 may not have its name changed."
    assert "longer than 32" in scene.configure("vlan 20", f"name {'x' * 33}")
    assert scene.configure("no vlan 99").startswith(UNMODELLED)
    assert scene.configure("vlan 20", "remote-span").startswith(UNMODELLED)
    unique = Scene(TRANSPARENT, replace(C9300, unique_vlan_names=True))
    assert "identical name" in unique.configure("vlan 20", "name staff", "vlan 30", "name staff")


def test_a_vtp_server_keeps_its_vlans_beside_the_configuration() -> None:
    scene = Scene()
    scene.configure("vlan 20", "name staff")
    assert not any(line.startswith("vlan") for line in scene.running)
    assert "20   staff" in scene.enter("show vlan brief")
    assert "VTP Operating Mode                : Server" in scene.enter("show vtp status")
    assert "not allowed in current VTP mode" in scene.configure("vlan 2000")
    scene.device.reboot()
    assert scene.device.database.vlans[20].name == "staff"
    again = Scene()
    assert "Setting device to VTP Transparent mode" in again.configure("vtp mode transparent", "vlan 2000")
    assert {"vtp mode transparent", "vlan 2000 "} <= set(again.running)
    assert again.configure("vtp mode server").startswith(UNMODELLED)
    again.configure("no vlan 2000", "vtp mode client")
    assert "CLIENT mode" in again.configure("vlan 30")


def test_an_access_port_makes_its_vlan() -> None:
    scene = Scene(TRANSPARENT)
    assert scene.configure(PORT, "switchport access vlan 77") == "% Access VLAN does not exist. Creating vlan 77"
    assert 77 in scene.device.database.vlans


def test_what_is_shown_has_the_documents_forms() -> None:
    scene = Scene("hostname core1\ninterface Vlan20\n ip address 10.2.0.1 255.255.255.0\n")
    head = scene.enter("show running-config").splitlines()[:4]
    assert head[0] == "Building configuration..."
    assert head[2].startswith("Current configuration : ")
    assert scene.enter("show running-config interface vlan 20").splitlines()[4:6] == [
        *("interface Vlan20", " ip address 10.2.0.1 255.255.255.0"),
    ]
    assert "Vlan20                 10.2.0.1        YES manual up                    down" in scene.enter(
        "show ip interface brief"
    )
    assert "Gi1/0/1" in scene.enter("show interfaces status")
    assert "1002 fddi  101002" in scene.enter("show vlan")
    assert "Mac Address Table" in scene.enter("show mac address-table")
    assert "free" in scene.enter("dir")
    assert scene.enter("show spanning-tree").startswith(UNMODELLED)
    assert scene.enter("default interface gi1/0/1").lstrip(" ^").startswith("\n%")
