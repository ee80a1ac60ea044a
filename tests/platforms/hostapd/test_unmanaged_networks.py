"""What networks of others decide about ours: SSIDs and VLANs in every spelling; and what is no file of hostapd."""

from __future__ import annotations

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import build_device_state
from controller.model.network.unmanaged_paths import PathKind
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.platforms.base import refuse_conflicts
from controller.platforms.hostapd.driver import Hostapd
from tests.emulators.hostapd import HEAD

HOSTAPD = Hostapd()
STAFF = WirelessNetwork("school-staff", 10, Protection.WPA3_ENTERPRISE, False, "eth1", "ap1", ("10.0.0.1",))  # noqa: FBT003
WANTED = build_device_state(networks=[STAFF])
OURS = HOSTAPD.render(WANTED).removeprefix("==> /etc/hostapd/hostapd.conf <==\n")
MAIN = "==> /etc/hostapd/hostapd.conf <==\n"


def read(theirs: str, files: str = "", head: str = HEAD) -> None:
    """Read an access point with a network of others beside ours, and refuse what stands where ours must."""
    text = f"{MAIN}{head}bss=club\n{theirs}{OURS}{files}"
    seen = HOSTAPD.parse(text, "ap.cfg")
    assert seen.state == WANTED
    refuse_conflicts(seen, WANTED, "ap.cfg")


EVIL_TWINS = (
    "ssid=school-staff",
    'ssid2="school-staff"',
    "ssid2=7363686f6f6c2d7374616666",
    "ssid2=7363686F6F6C2D7374616666",
    'ssid2=P"school-staff"',
    'ssid2=P"school\\x2dstaff"',
    'ssid2=P"school\\055staff"',
    "ssid=club\nssid=school-staff",
    "ssid=school-staff\nssid=club",
    'owe_transition_ssid="school-staff"',
    'osu_ssid="school-staff"',
    'multi_ap_backhaul_ssid="school-staff"',
)


@pytest.mark.parametrize("theirs", EVIL_TWINS)
def test_an_evil_twin_is_a_conflict_in_every_spelling(theirs: str) -> None:
    with pytest.raises(ConfigRefused, match=r"ap.cfg:\d+: .*'school-staff' (must stand where|stands in line)"):
        read(f"{theirs}\nwpa=2\nwpa_passphrase=nobody knows\n")


def test_an_evil_twin_of_the_radio_s_first_network_is_a_conflict() -> None:
    with pytest.raises(ConfigRefused, match=r"ap.cfg:\d+: conflict: network 'school-staff' must stand where"):
        read("ssid=club\n", head=HEAD.replace("ssid=setup\n", 'ssid2="school-staff"\n'))


def test_an_evil_twin_on_another_radio_is_a_conflict() -> None:
    other = "\n==> /etc/hostapd/wlan1.conf <==\ninterface=wlan1\nssid2=7363686f6f6c2d7374616666\n"
    with pytest.raises(ConfigRefused, match="conflict: network 'school-staff' must stand where"):
        read("ssid=club\n", other)


VLAN_LIST = "\n==> /etc/hostapd/club.vlan <==\n"
INTO_OURS = (
    ("bridge=breth1.10\n", ""),
    ("bridge=breth0.10\n", ""),
    ("bridge=brvlan10\n", ""),
    ("wds_sta=1\nwds_bridge=breth1.10\n", ""),
    ("dynamic_vlan=1\n", ""),
    ("dynamic_vlan=2\n", ""),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", ""),
    ("vlan_file=/etc/hostapd/club.vlan\n", ""),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}10 club.10\n"),
    ("vlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}99 club.99\n10\tclub.10\n"),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}010 club.10\n"),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}*  club.#\n"),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}99 club.99 breth1.10\n"),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}99 club.99 brvlan10\n"),
    ("dynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\nvlan_bridge=breth1.1\n", f"{VLAN_LIST}0 club.0\n"),
    ("wpa_psk_file=/etc/hostapd/club.psk\n", ""),
    ("macaddr_acl=1\naccept_mac_file=/etc/hostapd/club.accept\n", ""),
    ("sae_password=secret|vlanid=10|id=a\n", ""),
)


@pytest.mark.parametrize(("theirs", "files"), INTO_OURS)
def test_a_network_that_leads_into_a_vlan_of_ours_is_refused(theirs: str, files: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        read(f"ssid=club\n{theirs}", files)
    assert "in VLAN 10 must stand where" in str(refused.value) or "no line of a file of VLANs" in str(refused.value)


def test_a_prefix_of_bridges_that_meets_a_vlan_of_ours_is_a_conflict() -> None:
    staff = WirelessNetwork("school-staff", 110, Protection.ENHANCED_OPEN, isolated=True, uplink="eth1")
    wanted = build_device_state(networks=[staff])
    ours = HOSTAPD.render(wanted).removeprefix(MAIN)
    theirs = "bss=club\nssid=club\ndynamic_vlan=1\nvlan_bridge=breth1.1\nvlan_file=/etc/hostapd/club.vlan\n"
    seen = HOSTAPD.parse(f"{MAIN}{HEAD}{theirs}{ours}{VLAN_LIST}10 club.10\n", "x")
    with pytest.raises(ConfigRefused, match="in VLAN 110 must stand where"):
        refuse_conflicts(seen, wanted, "x")


@pytest.mark.parametrize(
    ("theirs", "files"),
    [
        ("ssid=club\nwpa=2\nwpa_passphrase=nobody knows\n", ""),
        ('ssid2="school-staff-old"\n', ""),
        ("ssid=club\nbridge=breth1.99\n", ""),
        ("ssid=club\ndynamic_vlan=0\n", ""),
        ("ssid=club\ndynamic_vlan=1\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}99 club.99\n"),
        ("ssid=club\nwpa_psk_file=/k\nvlan_file=/etc/hostapd/club.vlan\n", f"{VLAN_LIST}99 club.99 brvlan99\n"),
        ("ssid=club\nsae_password=secret|vlanid=99\n", ""),
        ("ssid=tsn-10 is a name as any other\n", ""),
    ],
)
def test_a_network_that_has_nothing_of_ours_is_left_alone(theirs: str, files: str) -> None:
    read(theirs, files)


@pytest.mark.parametrize("line", ["bridge=br-lan", "wds_bridge=br0", "bridge=breth1.10 "])
def test_a_bridge_of_which_nobody_knows_the_vlan_is_a_way_of_others(line: str) -> None:
    seen = HOSTAPD.parse(f"{MAIN}{HEAD}bss=club\nssid=club\n{line}\n{OURS}", "x")
    assert [(path.kind, path.text, path.holder, path.vlans) for path in seen.paths] == [
        (PathKind.BRIDGE, line, "club", None)
    ]


@pytest.mark.parametrize("line", ["include=/etc/hostapd/more.conf", "vlan_files=a", "dynamic_vlans=1"])
def test_a_setting_that_hostapd_does_not_have_is_a_way_of_others(line: str) -> None:
    seen = HOSTAPD.parse(f"{MAIN}{HEAD}bss=club\nssid=club\n{line}\n{OURS}", "x")
    assert [path.kind for path in seen.paths] == [PathKind.UNKNOWN_LINE]


@pytest.mark.parametrize(
    "line",
    [
        "owe_transition_ifname=tsn-10",
        "bridge=tsn-10.10",
        "vlan_tagged_interface=tsn-10",
        "rsn_preauth_interfaces=eth0 tsn-10",
        "ft_iface=tsn-10",
        "interface=tsn-10",
    ],
)
def test_a_line_of_others_that_names_ours_is_refused(line: str) -> None:
    with pytest.raises(ConfigRefused, match="names an interface or a file of ours, and is of others"):
        read(f"ssid=club\n{line}\n")


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("ssid2=school-staff\n", "ssid2 is no SSID as hostapd reads one"),
        ('ssid2="school-staff" \n', "ssid2 is no SSID as hostapd reads one"),
        ("include /etc/hostapd/more.conf\n", "is no setting of hostapd, which would not start with it"),
        (" ssid=school-staff\n", "is no setting of hostapd"),
        ("=\n", "is no setting of hostapd"),
        ("ssid=a\r\n", "a sign of a pager, a terminal or an editor"),
        ("--More-- \b\b\bssid=a\n", "a sign of a pager"),
        ("ssid=a\x0cssid=b\n", "a sign of a pager"),
        ("ssid=a\u2028ssid=b\n", "a sign of a pager"),
        ("#" + "x" * 4094 + "ssid2=school-staff\n", "of which hostapd makes two"),
    ],
)
def test_what_is_no_line_of_hostapd_is_refused(theirs: str, expected: str) -> None:
    with pytest.raises(ConfigRefused, match=expected) as refused:
        read(theirs)
    assert "ap.cfg:" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# a comment\n",
        "% Authorization failed.\n",
        "<html><head><title>Login</title></head></html>\n",
        "tail: cannot open '/etc/hostapd/hostapd.conf' for reading: Permission denied\n",
        "ssid=club\nwpa=2\n",
        f"{MAIN}ssid=club\n",
        f"{MAIN}bss=club\nssid=club\n",
        f"\ufeff{MAIN}{HEAD}",
        f"\ufeff{HEAD}",
        "==> /etc/hostapd/tsn-10.vlan <==\n10 tsn-10.10\n",
        "".join(f"  {line}\n" for line in HEAD.splitlines()),
        f"{OURS}",
    ],
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ConfigRefused, match=r"ap.cfg:\d+: "):
        HOSTAPD.parse(text, "ap.cfg")


def test_a_network_of_ours_in_another_file_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"stands in /etc/hostapd/wlan1.conf; those of ours are in"):
        read("ssid=club\n", "\n==> /etc/hostapd/wlan1.conf <==\ninterface=wlan1\nbss=tsn-20\nssid=x\n")
