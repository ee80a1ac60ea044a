"""What was once read wrongly: each number of the table beside this file has a test, and what had none is tested here.

Each input stands in several forms: in another order, spelling and place.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.errors import ConfigRefused
from controller.model.network.packets import Protocol
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from tests.plan.test_unmanaged_paths import AWPLUS, CORE, FLOOR, unjudged
from tests.platforms.changed_meaning.scenes import SOURCE
from tests.platforms.changed_meaning.test_changed_meaning import build_scene

ROOT = Path(__file__).parents[3]
TABLE: dict[int, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "reported.yaml").read_text(encoding="utf-8"))
LAST = 15


def test_each_number_has_tests_that_are_there() -> None:
    assert sorted(TABLE) == list(range(1, LAST + 1))
    for row in TABLE.values():
        for named in row["tests"]:
            path, _, function = named.partition("::")
            text = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^def {function or 'test_'}", text, re.MULTILINE), named


STAFF, PUPIL = " ip address 10.151.0.2 255.255.252.0\n", " ip address 10.151.8.2 255.255.255.0\n"
PLUS_10, PLUS_30 = "interface vlan10\n ip address 10.151.0.2/22\n", "interface vlan30\n ip address 10.151.8.2/24\n"


@pytest.mark.parametrize(
    ("device", "lines"),
    [
        (FLOOR, f"ip routing\ninterface Vlan10\n{STAFF}interface Vlan20\n{PUPIL}"),
        (FLOOR, f"interface Vlan20\n{PUPIL}interface Vlan10\n{STAFF}ip routing\n"),
        (FLOOR, f"interface Vlan10\n{STAFF} ip address 10.151.8.2 255.255.255.0 secondary\n"),
        (
            FLOOR,
            f"interface Vlan10\n mtu 1500\n{STAFF}interface GigabitEthernet1/0/44\n no switchport\n{PUPIL}",
        ),
        (
            FLOOR,
            "ipv6 unicast-routing\ninterface Vlan10\n ipv6 address 2001:db8:9::1/64\ninterface Vlan20\n ipv6 enable\n",
        ),
        (CORE, "no ip routing\n"),
        (CORE, "no ip routing\nno ipv6 unicast-routing\n"),
        (CORE, "no ipv6 unicast-routing\n"),
        (AWPLUS, f"{PLUS_10}{PLUS_30}"),
        (AWPLUS, f"{PLUS_30}{PLUS_10}"),
        (AWPLUS, "interface vlan10,vlan30\n ip address dhcp\n"),
        (AWPLUS, f"interface port1.0.40\n no switchport\n ip address 10.9.9.1/24\n{PLUS_10}"),
        (AWPLUS, f"{PLUS_10} ip address 10.151.8.2/24 secondary\n"),
    ],
)
def test_a_switch_that_routes_between_our_vlans_is_not_judged(device: str, lines: str) -> None:
    said = [one.describe() for one in unjudged(device, lines)]
    assert said
    assert all(one.startswith("not judged: ") for one in said)


def test_a_policy_of_a_vlan_of_ours_is_told_on_a_switch_that_only_carries_it() -> None:
    said = [one.describe() for one in unjudged(FLOOR, "interface Vlan10\n service-policy input DROP\n")]
    assert len(said) == 1
    assert "service-policy input drop" in said[0]


@pytest.mark.parametrize(
    "name",
    [
        "port1.0.30-1.0.99999999",
        "port1.0.1-1.0.4294967296",
        "port1.0.1-1.99999999.1",
        "port1.0.99999999",
        "vlan1-99999999",
        "port1.0.1-1.0.5,port1.0.7-1.0.99999999",
        "port1.0.9-1.0.1",
    ],
)
def test_a_range_that_no_device_has_is_refused_at_once(name: str) -> None:
    scene, began = build_scene("allied_telesis_awplus"), time.process_time()
    said = [scene.judge(text.format(name, scene.text)) for text in ("{1}interface {0}\n", "interface {0}\n{1}")]
    said.append(scene.judge(scene.plant("device", f"interface {name}\n switchport access vlan 10\n shutdown")))
    assert time.process_time() - began < 1
    assert all(said)


POLICY = "neighbor {planned} route-map LEGACY out"


@pytest.mark.parametrize(
    "line", [POLICY, "neighbor {planned} default-originate", "neighbor {planned} route-map LEGACY in"]
)
@pytest.mark.parametrize("family", [" address-family ipv4 unicast", " address-family ipv4"])
@pytest.mark.parametrize("where", ["before activate", "behind activate", "outside", "in a second block"])
def test_a_policy_of_others_is_seen_wherever_its_line_stands(line: str, family: str, where: str) -> None:
    scene = build_scene("frr")
    line = scene.fill_in(line)
    text = scene.text.replace(" address-family ipv4 unicast", family)
    header = f"{family}\n"
    router = next(one for one in text.splitlines() if one.startswith("router bgp "))
    activate = scene.fill_in("  neighbor {planned} activate\n")
    if where == "before activate":
        changed = text.replace(header, f"{header}  {line}\n{activate}", 1)
    elif where == "behind activate":
        changed = text.replace(header, f"{header}{activate}  {line}\n", 1)
    elif where == "outside":
        changed = text.replace(f"{router}\n", f"{router}\n {line}\n", 1)
    else:
        changed = f"{text}{router}\n{header}  {line}\n exit-address-family\nexit\n"
    assert changed != text
    assert scene.judge(text) == ""
    assert f"{SOURCE}:" in scene.judge(changed)


@pytest.mark.parametrize("stop", ["--More-- \b\b\b\b", " --More-- ", "\b \b", "\x1b[7m--More--\x1b[m"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("platform", ["cisco_ios", "allied_telesis_awplus", "alaxala", "yamaha_rtx", "frr"])
def test_what_a_pager_leaves_is_refused_before_any_line(platform: str, place: float, stop: str) -> None:
    scene = build_scene(platform)
    lines = scene.text.splitlines()
    at = int(len(lines) * place)
    lines[at] = f"{stop}{lines[at]}"
    with pytest.raises(ConfigRefused) as refused:
        understand_whole(load_platform(platform), DeviceText("\n".join([*lines, ""])), SOURCE)
    assert f"{SOURCE}:{at + 1}: " in str(refused.value)


# From `permit tcp any any eq ?` of IOS 12.4 to IOS XE 16.9, and from the security command references.
TCP_WORDS = (
    "echo 7 discard 9 daytime 13 chargen 19 ftp-data 20 ftp 21 telnet 23 smtp 25 time 37 whois 43 tacacs 49 domain 53 "
    "gopher 70 finger 79 www 80 hostname 101 pop2 109 pop3 110 sunrpc 111 ident 113 nntp 119 msrpc 135 bgp 179 irc 194 "
    "pim-auto-rp 496 exec 512 login 513 cmd 514 syslog 514 lpd 515 talk 517 uucp 540 klogin 543 kshell 544 drip 3949 "
    "onep-plain 15001 onep-tls 15002"
)
UDP_WORDS = (
    "echo 7 discard 9 time 37 nameserver 42 tacacs 49 domain 53 bootps 67 bootpc 68 tftp 69 sunrpc 111 ntp 123 "
    "netbios-ns 137 netbios-dgm 138 netbios-ss 139 snmp 161 snmptrap 162 xdmcp 177 dnsix 195 mobile-ip 434 "
    "pim-auto-rp 496 isakmp 500 biff 512 who 513 syslog 514 talk 517 rip 520 ripv6 521 non500-isakmp 4500"
)
ICMP_WORDS = (
    "echo-reply 0 unreachable 3 source-quench 4 redirect 5 alternate-address 6 echo 8 router-advertisement 9 "
    "router-solicitation 10 time-exceeded 11 parameter-problem 12 timestamp-request 13 timestamp-reply 14 "
    "information-request 15 information-reply 16 mask-request 17 mask-reply 18 traceroute 30 conversion-error 31 "
    "mobile-redirect 32"
)


def pair(words: str) -> list[tuple[str, int]]:
    listed = words.split()
    return [(word, int(number)) for word, number in zip(listed[::2], listed[1::2], strict=True)]


@pytest.mark.parametrize(
    ("protocol", "words"), [(Protocol.TCP, TCP_WORDS), (Protocol.UDP, UDP_WORDS), (Protocol.ICMP, ICMP_WORDS)]
)
@pytest.mark.parametrize(
    "form",
    [" permit {name} any {word} any\n", " 10 permit {name} any any {word}\n", " permit {name}  any any  {word} \n"],
)
def test_a_word_that_ios_prints_is_its_number(protocol: Protocol, words: str, form: str) -> None:
    before = "any {word} any" in form
    if protocol is Protocol.ICMP and before:
        form = form.replace(" {word} any", " any {word}")
    for word, number in pair(words):
        written = word if protocol is Protocol.ICMP else f"eq {word}"
        entry = form.format(name=protocol.name.lower(), word=written)
        text = f"ip access-list extended TSN-20-from-4-01234567\n{entry} 20 deny ip any any\n"
        (read,) = load_platform("cisco_ios").parse(text, SOURCE).state.filters
        match = read.entries[0].match
        ports = match.source_ports if before and protocol is not Protocol.ICMP else match.destination_ports
        assert ports == (number, number), word


@pytest.mark.parametrize(
    "line",
    [
        "switchport trunk allowed vlan all",
        "switchport trunk allowed vlan none",
        "switchport trunk allowed vlan except 20",
        "switchport trunk allowed vlan add 1-4094",
        "switchport trunk allowed vlan remove 10",
        "switchport mode access",
        "switchport trunk native vlan 10",
    ],
)
@pytest.mark.parametrize("place", ["in front", "behind", "instead"])
def test_no_advice_about_a_trunk_takes_a_filter_away(line: str, place: str) -> None:
    scene = build_scene("allied_telesis_awplus")
    carried = next(one for one in scene.text.splitlines() if one.startswith(" switchport trunk allowed vlan add "))
    planted = {"in front": f" {line}\n{carried}", "behind": f"{carried}\n {line}", "instead": f" {line}"}[place]
    said = scene.judge(scene.text.replace(carried, planted, 1))
    assert "enter: no access-group" not in said
    assert "no ip access-group" not in said
    assert place == "in front" or said == "differs" or f"{SOURCE}:" in said
