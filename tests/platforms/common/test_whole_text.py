"""What is no whole running configuration is refused by its reason and line, whatever way it came."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.model.network.unmanaged_paths import PathKind
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.plan.saved_configurations import read_saved_configurations
from controller.platforms.base import Platform
from controller.platforms.common.whole_text import HasTextForm, understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform

IOS = """Building configuration...

Current configuration : 900 bytes
!
version 17.9
hostname core1
!
banner motd ^C
Only for the school
^C
!
vlan 20
 name TSN-staff
!
interface GigabitEthernet1/0/9
 description PC room
 switchport access vlan 300
 switchport mode access
!
interface Vlan300
 ip address 192.0.2.1 255.255.255.0
!
line vty 0 4
 login
!
end
"""
AWPLUS = """!
service password-encryption
!
hostname core1
!
vlan database
 vlan 20 name TSN-staff
!
interface port1.0.9
 description PC room
 switchport
 switchport mode access
!
line vty 0 4
!
end
"""
TEXTS = {"cisco_ios": IOS, "allied_telesis_awplus": AWPLUS}
PAGED = (*TEXTS, "frr")
"""Systems that show their configuration on a terminal."""
EVERY = ("cisco_ios", "allied_telesis_awplus", "frr", "ovs", "hostapd")


def refused(platform: str, text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        understand_whole(load_platform(platform), DeviceText(text), "core1.cfg")
    return str(caught.value)


@pytest.mark.parametrize("platform", TEXTS)
def test_a_whole_text_is_read_with_prompts_around_it(platform: str) -> None:
    system = load_platform(platform)
    text = f"core1#show running-config\n{TEXTS[platform]}\ncore1#\ncore1#exit\n"
    seen = understand_whole(system, DeviceText(text), "core1.cfg")
    assert [one.name for one in seen.state.vlans] == ["TSN-staff"]
    tabbed = understand_whole(system, DeviceText(TEXTS[platform].replace("\n ", "\n\t")), "x")
    assert tabbed.state == seen.state


@pytest.mark.parametrize("platform", EVERY)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "core1.cfg:1: is empty"),
        ("\n \n", "core1.cfg:1: is empty"),
        ("\n% Authorization failed.\n", "core1.cfg:2: the device refused a command here"),
        ("<!DOCTYPE html>\n<html><body>login</body></html>\n", "core1.cfg:1: is a web page"),
        ('{"error": "unauthorized"}', "core1.cfg:1: is JSON"),
        ("hostname a\n --More-- \b\b\b\b interface b\nend\n", "core1.cfg:2: the stop of a pager"),
        ("hostname a\ninterface \x07b\nend\n", "core1.cfg:2: a control character stands here (\\x07)"),
        ("hostname a\ninterface b\b\bc\nend\n", "core1.cfg:2: a control character stands here (\\x08)"),
        ("hostname a\n\0i\0n\0\nend\n", "core1.cfg:2: a control character stands here (\\x00)"),
        ("hostname a\nvlan 20\r name x\nend\n", "core1.cfg:2: a control character stands here (\\x0d)"),
    ],
)
def test_what_is_no_configuration_is_refused_on_every_platform(platform: str, text: str, said: str) -> None:
    if "control" not in said or platform in PAGED:
        assert said in refused(platform, text)


def system_begins(system: Platform, text: str) -> bool:
    assert isinstance(system, HasTextForm)
    return any(system.text_form.begins.match(line) for line in text.splitlines())


@pytest.mark.parametrize("platform", TEXTS)
def test_a_text_that_was_cut_is_refused_wherever_it_was_cut(platform: str) -> None:
    system, lines = load_platform(platform), TEXTS[platform].splitlines(keepends=True)
    for at in range(1, len(lines)):
        for part in (lines[:at], lines[at:]):
            text = "".join(part)
            framed = lines[-1] in part and system_begins(system, text)
            if not framed and (lines[-1] in part or system_begins(system, text) or "TSN-" not in text):
                refused(platform, text)
    for at in range(len(lines) - 8, len(lines)):
        said = refused(platform, "".join(lines[:at]))
        assert "a part of it is missing" in said or "has no end" in said
    assert "its beginning is missing" in refused(platform, "".join(lines[10:]))
    assert understand_whole(system, DeviceText(TEXTS[platform]), "x").lines


@pytest.mark.parametrize("platform", TEXTS)
def test_two_texts_in_one_are_refused(platform: str) -> None:
    assert "stands behind 'end' of line" in refused(platform, TEXTS[platform] * 2)


@pytest.mark.parametrize("platform", TEXTS)
def test_a_text_whose_lines_were_shifted_is_refused(platform: str) -> None:
    shifted = "".join(f" {line}\n" for line in TEXTS[platform].splitlines())
    assert refused(platform, shifted)
    assert "is indented, and no line stands before it" in refused(
        platform, f" vlan 20\n  name TSN-x\n{'hostname a'}\nend\n"
    )
    inner = TEXTS[platform].replace("\ninterface ", "\n interface ")
    assert "and a device prints it at the margin" in refused(platform, inner)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "Only for the school\n^C\n",
            "Only for the school\n",
            "11: is a line of a configuration in the text that line 8 begins",
        ),
        ("^C\nOnly", "#\nOnly", "12: is a line of a configuration in the text that line 8 begins"),
        (
            "school\n^C\n",
            "school\ninterface Vlan9\n^C\n",
            "10: is a line of a configuration in the text that line 8 begins",
        ),
        ("school\n^C\n", "school TSN-20\n^C\n", "9: is a line of a configuration in the text that line 8 begins"),
        (
            "!\nline vty",
            "macro name fast\nswitchport\n!\nline vty",
            "25: is a line of a configuration in the text that line 22",
        ),
        ("end\n", "macro name fast\nswitchport\n!\nend\n", "29: is a line of a configuration in the text that line 26"),
        (
            "!\nline vty",
            "aaa authentication banner ^C\nx\n!\nline vty",
            "25: is a line of a configuration in the text that",
        ),
    ],
)
def test_a_banner_that_swallows_lines_is_refused(old: str, new: str, said: str) -> None:
    assert old in IOS
    assert f"core1.cfg:{said}" in refused("cisco_ios", IOS.replace(old, new, 1))


def test_the_text_of_a_macro_is_no_configuration() -> None:
    text = IOS.replace("!\nline vty", "macro name fast\nswitchport\n@\n!\nline vty", 1)
    assert understand_whole(load_platform("cisco_ios"), DeviceText(text), "x").lines


@pytest.mark.parametrize("kind", ["login", "motd", "exec"])
@pytest.mark.parametrize("place", ["vlan database", "interface ", "end"])
@pytest.mark.parametrize("said", ["welcome", "keep out\n interface port1.0.1\n access-group OPEN", "vlan database"])
def test_a_banner_of_many_lines_is_refused_by_its_line(kind: str, place: str, said: str) -> None:
    """How AlliedWare Plus prints where one ends stands in no document that was read."""
    head, found, tail = AWPLUS.partition(f"\n{place}")
    assert found
    banner = refused("allied_telesis_awplus", f"{head}\nbanner {kind}\n{said}{found}{tail}")
    line = head.count("\n") + 2
    assert f"core1.cfg:{line}: begins a text whose end cannot be told from commands" in banner


OTHERS = {
    "AlliedWare Plus": AWPLUS,
    "Cisco IOS": IOS,
    "Cisco NX-OS": "!Command: show running-config\nversion 9.3(5) Bios:version 07.68\nhostname a\nfeature lacp\n",
    "Cisco ASA": ": Saved\nASA Version 9.8(2)\nhostname a\nend\n",
    "Arista EOS": "! device: a (DCS-7050, EOS-4.24.2F)\nhostname a\nend\n",
    "Huawei VRP or HPE Comware": "sysname a\nvlan batch 10\nreturn\n",
    "Juniper JunOS": "set version 20.4R1\nset system host-name a\n",
    "Yamaha RTX": "# RTX1220 Rev.15.04.03\nip lan1 address 192.0.2.1/24\n",
    "AlaxalA": "#configuration list for AX2530S-24T\nhostname a\nvlan 10\n",
    "hostapd": "==> /etc/hostapd/hostapd.conf <==\ninterface=wlan0\nssid=x\n",
    "Open vSwitch": "# bridge\nbr0,secure\n# ports\n",
    "FRR": "frr version 8.4\nfrr defaults traditional\nhostname a\nend\n",
    "MikroTik RouterOS": "/interface bridge\nadd name=b\n",
    "FortiOS": "#config-version=FGT60E-6.0\nconfig system global\nend\n",
}


@pytest.mark.parametrize("platform", TEXTS)
@pytest.mark.parametrize("title", OTHERS)
def test_a_text_of_another_system_is_refused_by_its_name(platform: str, title: str) -> None:
    if TEXTS[platform] != OTHERS[title]:
        assert f"this line is of {title}, and the device is said to be {platform}" in refused(platform, OTHERS[title])


@pytest.mark.parametrize(
    "text", ["show version\nuptime is 5 days\n", "Interface IP-Address\nVlan1 unassigned\n", "!\n!\n"]
)
@pytest.mark.parametrize("platform", TEXTS)
def test_an_answer_to_another_command_is_refused(platform: str, text: str) -> None:
    assert "so it is no running configuration" in refused(platform, text)


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_only_looks_like_the_end_of_a_line_begins_none(mark: str, device: Device, tmp_path: Path) -> None:
    hidden = f"description PC room{mark}interface Vlan20{mark} ip address 10.0.0.1 255.0.0.0"
    (seen,) = save_and_read(IOS.replace("description PC room", hidden).encode(), device, tmp_path)
    if seen.observation is not None:
        assert not [one for one in seen.observation.paths if one.holder == "interface vlan20"]
    direct = load_platform("cisco_ios").parse(IOS.replace("description PC room", hidden), "x")
    assert not [one for one in direct.paths if one.holder == "interface vlan20"]
    assert seen.observation is not None or "a control character" in str(seen.refusal)


def save_and_read(content: bytes, device: Device, folder: Path) -> list[Observed]:
    (folder / f"{device.id}.cfg").write_bytes(content)
    return read_saved_configurations([device], folder)


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + IOS.encode(),
        IOS.replace("\n", "\r\n").encode(),
        IOS.replace("\n", "\r\r\n").encode(),
        IOS.replace("\n", "\r").encode(),
        IOS.encode("utf-16"),
    ],
)
def test_marks_of_an_encoding_and_line_ends_lose_no_line(content: bytes, device: Device, tmp_path: Path) -> None:
    (seen,) = save_and_read(content, device, tmp_path)
    assert seen.observation is not None, seen.refusal
    assert [one.name for one in seen.observation.state.vlans] == ["TSN-staff"]
    assert len([one for one in seen.observation.paths if one.kind is not PathKind.ROUTING_UNTOLD]) == 2


def test_a_text_in_utf_16_without_its_mark_is_refused(device: Device, tmp_path: Path) -> None:
    (seen,) = save_and_read(IOS.encode("utf-16-le"), device, tmp_path)
    assert "core1.cfg:1: " in str(seen.refusal)
