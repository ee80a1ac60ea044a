"""Systems whose configuration has no last line: AlaxalA, Yamaha RTX, hostapd. What is no configuration is refused."""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import ConfigRefused
from controller.model.sites.devices import Device
from controller.plan.saved_configurations import read_saved_configurations
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from tests.platforms.common.test_whole_text import OTHERS

ALAXALA = """#Last modified by operator at Fri Jan 21 01:32:51 2022 with version 12.1.C
!
hostname "core1"
!
vlan 300
  name "others"
!
interface gigabitethernet 1/0/9
  description "PC room"
  switchport mode access
  switchport access vlan 300
!
username "operator"
!
line vty 0 4
!
"""
RTX = """# RTX1220 Rev.15.04.05 (Fri Jan 20 10:12:31 2023)
# Reporting Date: Apr 1 09:00:00 2026
login password *
console character ja.utf8
description lan2 PC room
ip lan2 address 192.0.2.9/24
pp select 1
 pp always-on on
 pp enable 1
ip filter 1000 reject * * * * *
dhcp service server
"""
HOSTAPD = """==> /etc/hostapd/hostapd.conf <==
interface=wlan0
driver=nl80211
ctrl_interface=/run/hostapd
ssid=setup
start_disabled=1
bss=club
ssid=PC room
"""
TEXTS = {"alaxala": ALAXALA, "yamaha_rtx": RTX, "hostapd": HOSTAPD}
ALAXALA_OURS = "vlan 20\n  name TSN-staff\n!\n"
RTX_OURS = "vlan lan1/2 802.1q vid=20 name=TSN-port\n"
NAMES = {"alaxala": "AlaxalA", "yamaha_rtx": "Yamaha RTX", "hostapd": "hostapd"}
DESCRIBED = {
    "cisco_ios": "hostname a\ninterface GigabitEthernet1/0/9\n description PC room\n switchport access vlan 9\nend\n",
    "allied_telesis_awplus": "hostname a\ninterface port1.0.9\n description PC room\n switchport\nend\n",
    "frr": "frr version 8.4\nhostname a\ninterface eth9\n description PC room\nexit\nend\n",
    **TEXTS,
}
"""A text of each system that has free text, with some in it."""


def refused(platform: str, text: str) -> str:
    with pytest.raises(ConfigRefused) as caught:
        understand_whole(load_platform(platform), DeviceText(text), "core1.cfg")
    return str(caught.value)


@pytest.mark.parametrize("platform", TEXTS)
def test_a_whole_text_is_read(platform: str) -> None:
    assert understand_whole(load_platform(platform), DeviceText(TEXTS[platform]), "x").lines


@pytest.mark.parametrize("platform", TEXTS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "% Authorization failed.\n",
        "% Invalid input detected at '^' marker.\n",
        "Error: Invalid command name\n",
        "エラー\uff1a コマンド名を確認してください\n",
        "<html><body>login</body></html>\n",
        '{"error": "unauthorized"}\n',
        "login: \nPassword: \n",
        "show version\nuptime is 5 days\n",
        "Connection to 192.0.2.1 closed by remote host.\n",
        "not written yet\n",
    ],
)
def test_what_is_no_configuration_is_refused(platform: str, text: str) -> None:
    assert refused(platform, text)
    assert "core1.cfg" in refused(platform, text)


@pytest.mark.parametrize("platform", TEXTS)
@pytest.mark.parametrize(
    "stop",
    [
        "--More--",
        "--More-- \b\b\b",
        "---more---",
        "--- つづく ---",
        "---つづく---",
        "\x1b[7m--More--\x1b[m",
        "-- 続く --",
    ],
)
def test_the_stop_of_a_pager_is_refused_wherever_it_stands(platform: str, stop: str) -> None:
    lines = TEXTS[platform].splitlines()
    for at in range(1, len(lines)):
        assert refused(platform, "\n".join([*lines[:at], stop, *lines[at:], ""]))


@pytest.mark.parametrize("platform", TEXTS)
@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x08", "\x1b[2J", "\x7f"])
def test_a_control_character_is_refused(platform: str, sign: str) -> None:
    assert refused(platform, TEXTS[platform].replace("PC room", f"PC{sign}room"))


@pytest.mark.parametrize("platform", ["alaxala", "yamaha_rtx"])
def test_a_text_that_lost_its_beginning_is_refused(platform: str) -> None:
    lines = TEXTS[platform].splitlines(keepends=True)
    for at in range(3, len(lines)):
        assert refused(platform, "".join(lines[at:]))
    rendered = ALAXALA_OURS if platform == "alaxala" else RTX_OURS
    assert refused(platform, rendered + "".join(lines[3:]))
    assert refused(platform, rendered + TEXTS[platform])


def test_an_alaxala_text_that_was_cut_within_a_block_is_refused() -> None:
    lines = ALAXALA.splitlines(keepends=True)
    for at in range(2, len(lines)):
        if lines[at - 1] != "!\n":
            assert "a part of it is missing" in refused("alaxala", "".join(lines[:at]))
    prompted = f"!core1> enable\n!core1# show running-config\n{ALAXALA}!core1# exit\n"
    assert understand_whole(load_platform("alaxala"), DeviceText(prompted.partition("\n")[2]), "x").lines


@pytest.mark.parametrize("platform", TEXTS)
def test_a_text_whose_lines_were_shifted_is_refused(platform: str) -> None:
    assert refused(platform, "".join(f" {line}\n" for line in TEXTS[platform].splitlines()))


@pytest.mark.parametrize("platform", TEXTS)
def test_two_texts_in_one_are_refused_or_say_things_twice(platform: str) -> None:
    if platform != "alaxala":  # its blocks may stand twice where none is ours; nothing of ours is read from it
        doubled = TEXTS[platform] * 2
        text = doubled if platform == "hostapd" else f"ip route default gateway 192.0.2.1\n{doubled}"
        assert refused(platform, text)


@pytest.mark.parametrize("platform", TEXTS)
@pytest.mark.parametrize("title", OTHERS)
def test_a_text_of_another_system_is_refused(platform: str, title: str) -> None:
    if title != NAMES[platform]:
        assert refused(platform, OTHERS[title])


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("alaxala", 'interface gigabitethernet 1/0/1-99999999\n  description "TSN-port"\n!\n'),
        ("alaxala", 'vlan 1-99999999\n  name "TSN-x"\n!\n'),
        ("yamaha_rtx", "ip filter 16000000-99999999 pass * * * * *\n"),
        (
            "yamaha_rtx",
            "ip filter 99999999999999999999 pass * * * * *\nip lan1/2 secure filter in 16000001-999999999\n",
        ),
        ("hostapd", "bss=tsn-99999999999\nssid=x\n"),
    ],
)
def test_a_range_or_number_that_no_device_has_is_refused_or_left_to_others(platform: str, line: str) -> None:
    said, seen = "", None
    try:
        seen = understand_whole(load_platform(platform), DeviceText(TEXTS[platform] + line), "core1.cfg")
    except ConfigRefused as error:
        said = str(error)
    assert "core1.cfg:" in said or (seen and seen.paths and not (seen.state.filters or seen.state.vlans))


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("platform", DESCRIBED)
def test_what_only_looks_like_the_end_of_a_line_begins_none(platform: str, mark: str) -> None:
    """Read as it is or refused, a description never makes a line more."""
    hidden = f"PC room{mark}vlan 20{mark}ip route 0.0.0.0 0.0.0.0 192.0.2.1{mark}ssid=evil"
    system, text = load_platform(platform), DESCRIBED[platform]
    plain = system.parse(text, "x")
    for whole in (False, True):
        changed = text.replace("PC room", hidden)
        try:
            seen = understand_whole(system, DeviceText(changed), "x") if whole else system.parse(changed, "x")
        except ConfigRefused:
            continue
        assert (seen.lines, seen.state, len(seen.paths)) == (plain.lines, plain.state, len(plain.paths))


@pytest.mark.parametrize(
    ("content", "is_read"),
    [
        (codecs.BOM_UTF8 + RTX.encode(), "read"),
        (RTX.replace("\n", "\r\n").encode(), "read"),
        (RTX.replace("\n", "\r").encode(), "read"),
        (RTX.encode("utf-16"), "read"),
        (RTX.replace("PC room", "職員室とパソコン室").encode("cp932"), "read"),
        (RTX.replace("PC room", "職員室とパソコン室").encode("euc_jp"), "read"),
        (RTX.replace("PC room", "職員室とパソコン室").encode(), "read"),
        (RTX.replace("always-on", "職員室").encode("cp932"), "refused"),
        (RTX.replace("PC room", "ﾊﾟｿｺﾝ").encode("cp932"), "either"),
        (RTX.encode("utf-16-le"), "refused"),
        (RTX.replace("PC room", "\udcff").encode("utf-8", "surrogateescape"), "either"),
    ],
)
def test_encodings_of_a_router_s_text(content: bytes, is_read: str, device: Device, tmp_path: Path) -> None:
    """An older encoding is told where it is the only one that fits, in free text only; else it is asked for."""
    router = replace(device, platform="yamaha_rtx")
    (tmp_path / f"{router.id}.cfg").write_bytes(content)
    (seen,) = read_saved_configurations([router], tmp_path)
    if is_read != "either":
        assert (seen.observation is not None) is (is_read == "read"), seen.refusal
    if seen.observation is not None:
        assert seen.observation.lines == 9
    else:
        assert f"{router.id}.cfg" in str(seen.refusal)
