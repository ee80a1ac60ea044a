"""What runs on an access point: files shown without a secret, networks replaced and put back, also by a power cut."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.errors import CommandFailed, ConfigRefused, DeviceBusy
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.platforms.base import Command, Lock, Operable, Restore, refuse_conflicts
from controller.platforms.hostapd.driver import REPLACE, Hostapd
from controller.platforms.hostapd.text import SECRET as MARK
from tests.emulators.hostapd import HEAD
from tests.platforms.hostapd.access_point import SECRET, ShellAccessPoint
from tests.platforms.ovs.virtual_switch import wait_until

HOSTAPD = Hostapd()
STAFF = WirelessNetwork("school-staff", 10, Protection.WPA3_ENTERPRISE, False, "eth1", "ap1", ("10.0.0.1", "fd00::1"))  # noqa: FBT003
GUEST = WirelessNetwork('g"u\\est', 40, Protection.ENHANCED_OPEN, isolated=True, uplink="eth1")
EMPTY = build_device_state()
BOTH = build_device_state(networks=[STAFF, GUEST])
LOCK = Lock("plan1", "run1", 600)
RESTORE = Restore(600, "run1")


@pytest.fixture
def point(tmp_path: Path) -> Iterator[ShellAccessPoint]:
    made = ShellAccessPoint(tmp_path)
    yield made
    for run in ("run1", "run2"):
        for line in (f"lock plan1 {run} 60", f"cancel {run}", f"unlock plan1 {run}"):
            made.run(Command(line))


def state_of(point: ShellAccessPoint) -> DeviceState:
    return HOSTAPD.parse(HOSTAPD.read(point).reveal(), "ap1").state


def arm(point: ShellAccessPoint, restore: Restore = RESTORE) -> None:
    HOSTAPD.lock(point, LOCK)
    HOSTAPD.arm(point, restore)


def push(point: ShellAccessPoint, wanted: DeviceState, restore: Restore = RESTORE) -> None:
    HOSTAPD.push(point, restore, Command(REPLACE, HOSTAPD.render(wanted)))


def test_it_is_operable() -> None:
    assert isinstance(HOSTAPD, Operable)


def test_networks_are_replaced_and_what_is_of_others_stays(point: ShellAccessPoint) -> None:
    club = "bss=club\nssid=club\nwpa=2\nwpa_passphrase=nobody knows\n"
    point.main.write_text(f"# radio\n{HEAD}{club}", encoding="utf-8")
    point.main.chmod(0o640)
    point.restart()
    arm(point)
    for wanted in (BOTH, build_device_state(networks=[GUEST]), BOTH, EMPTY):
        push(point, wanted)
        assert state_of(point) == wanted
        written = point.main.read_text(encoding="utf-8")
        assert written.startswith(f"# radio\n{HEAD}{club}")
        assert written.count(f"auth_server_shared_secret={SECRET}\n") == 2 * (wanted == BOTH)
        assert {path.name for path in point.main.parent.glob("*.vlan*")} == (
            {"tsn-10.vlan"} if wanted == BOTH else set()
        )
    assert written == f"# radio\n{HEAD}{club}"
    assert point.main.stat().st_mode & 0o777 == 0o640
    assert point.restarts == 6
    assert HOSTAPD.cancel(point, RESTORE)
    HOSTAPD.save(point, LOCK)
    assert HOSTAPD.read_saved(point).reveal() == HOSTAPD.read(point).reveal()


def test_no_secret_leaves_the_access_point(point: ShellAccessPoint) -> None:
    secrets = (
        "wpa_passphrase=hunter2\nwpa_psk=hunter2\nsae_password=hunter2|vlanid=3|id=a\nwep_key0=hunter2\nap_pin=hunter2\n"
        "acct_server_shared_secret=hunter2\nprivate_key_passwd=hunter2\nradius_das_client=10.0.0.1 hunter2\n"
        "r0kh=hunter2 a\n"
        "pac_opaque_encr_key=hunter2\nmulti_ap_backhaul_wpa_psk=hunter2\ndpp_netaccesskey=hunter2\n#wpa_psk=hunter2\n"
        "hunter2\nauth_server_shared_secret=hunter2\n"
    )
    (point.main.parent / "club.vlan").write_text("30 club.30\nroot:hunter2\n", encoding="utf-8")
    point.main.write_text(f"{HEAD}bss=club\nvlan_file={point.main.parent}/club.vlan\n{secrets}", encoding="utf-8")
    point.restart()
    arm(point)
    push(point, BOTH)
    shown = [HOSTAPD.read(point).reveal(), HOSTAPD.read_saved(point).reveal()]
    for text in shown:
        assert "hunter2" not in text
        assert SECRET not in text
        assert "sae_password=@HIDDEN@|vlanid=3\n" in text
        assert "==> /etc/hostapd/club.vlan <==\n30 club.30\n@HIDDEN@\n" in text
    assert shown[0].count(f"auth_server_shared_secret={MARK}\n") == 2
    assert point.main.read_text(encoding="utf-8").count("hunter2") == secrets.count("hunter2")


def test_the_files_of_other_radios_are_shown_and_never_changed(point: ShellAccessPoint) -> None:
    other = "interface=wlan1\nbss=club\nssid2=7363686f6f6c2d7374616666\nwpa_passphrase=hunter22\n"
    path = point.main.with_name("wlan1.conf")
    path.write_text(other, encoding="utf-8")
    text = HOSTAPD.read(point).reveal()
    assert "==> /etc/hostapd/wlan1.conf <==\ninterface=wlan1\nbss=club\nssid2=7363686f6f6c2d7374616666\n" in text
    assert "hunter22" not in text
    with pytest.raises(ConfigRefused, match="conflict: network 'school-staff' must stand where"):
        refuse_conflicts(HOSTAPD.parse(text, "ap1"), BOTH, "ap1")
    arm(point)
    push(point, build_device_state(networks=[GUEST]))
    assert path.read_text(encoding="utf-8") == other


def test_another_secret_in_a_network_of_ours_is_no_network_in_force(point: ShellAccessPoint) -> None:
    arm(point)
    push(point, BOTH)
    point.secret.write_text("fresh\n", encoding="utf-8")
    seen = HOSTAPD.parse(HOSTAPD.read(point).reveal(), "ap1")
    assert seen.state == build_device_state(networks=[GUEST])
    assert "is not the one in /etc/hostapd/tsn.secret" in seen.remarks[0].text
    push(point, BOTH)
    assert state_of(point) == BOTH


def lose_job(point: ShellAccessPoint) -> None:
    """End the job that waits, which nobody is told; whoever comes next makes up for it."""
    point.end_jobs()
    HOSTAPD.lock(point, LOCK)


def test_the_restore_puts_the_old_networks_back_and_leaves_those_of_others(point: ShellAccessPoint) -> None:
    arm(point)
    push(point, BOTH)
    assert HOSTAPD.cancel(point, RESTORE)
    HOSTAPD.lock(point, Lock("plan1", "run2", 600))
    HOSTAPD.arm(point, Restore(600, "run2"))
    push(point, EMPTY, Restore(600, "run2"))
    with point.main.open("a", encoding="utf-8") as file:
        file.write("bss=later\nssid=later\n")
    lose_job(point)
    assert HOSTAPD.has_restored(point, Restore(600, "run2"))
    assert state_of(point) == BOTH
    assert "bss=later\nssid=later\nbss=tsn-40\n" in point.main.read_text(encoding="utf-8")


def test_a_restore_that_has_nothing_to_do_throws_nobody_off(point: ShellAccessPoint) -> None:
    arm(point, Restore(1, "run1"))
    wait_until(lambda: HOSTAPD.has_restored(point, RESTORE), "the restore")
    assert point.restarts == 1


def test_a_power_cut_in_a_change_ends_in_the_old_state_before_hostapd_starts(point: ShellAccessPoint) -> None:
    arm(point)
    push(point, BOTH)
    old = HOSTAPD.parse(HOSTAPD.read_saved(point).reveal(), "ap1 (boot)").state
    assert old == EMPTY
    point.cut_power()
    assert state_of(point) == EMPTY
    assert HOSTAPD.has_restored(point, RESTORE)
    assert not list(point.main.parent.glob("*.vlan"))


def test_a_power_cut_after_the_change_was_confirmed_keeps_it(point: ShellAccessPoint) -> None:
    arm(point)
    push(point, BOTH)
    assert HOSTAPD.cancel(point, RESTORE)
    HOSTAPD.save(point, LOCK)
    point.cut_power()
    assert state_of(point) == BOTH


def test_a_hostapd_that_does_not_start_is_a_failure_and_the_restore_brings_it_back(point: ShellAccessPoint) -> None:
    arm(point)
    (point.folder / "broken").touch()
    with pytest.raises(CommandFailed, match="hostapd does not serve these networks"):
        push(point, BOTH)
    with pytest.raises(CommandFailed, match="hostapd does not run"):
        HOSTAPD.read(point)
    (point.folder / "broken").unlink()
    lose_job(point)
    assert HOSTAPD.has_restored(point, RESTORE)
    assert state_of(point) == EMPTY


def forget_load(point: ShellAccessPoint) -> None:
    (point.home / "loaded").write_text("another start\n", encoding="utf-8")


def lose_secret(point: ShellAccessPoint) -> None:
    point.secret.unlink()


def split_secret(point: ShellAccessPoint) -> None:
    point.secret.write_text("a\nbss=x\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (forget_load, "load' has not run since this machine started"),
        (lose_secret, "shares with the admission servers is missing or empty"),
        (split_secret, "shares with the admission servers has more than one line"),
    ],
)
def test_what_a_change_needs_is_looked_at_before_it(
    point: ShellAccessPoint, spoil: Callable[[ShellAccessPoint], None], expected: str
) -> None:
    arm(point)
    spoil(point)
    with pytest.raises(CommandFailed, match=expected) as failed:
        push(point, BOTH)
    assert "nothing was changed" in str(failed.value)
    assert point.main.read_text(encoding="utf-8") == HEAD
    assert point.restarts == 1


def edit(old: str, new: str) -> Callable[[ShellAccessPoint], None]:
    def change(point: ShellAccessPoint) -> None:
        path = point.folder / "status"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    return change


def touch_file(point: ShellAccessPoint) -> None:
    stamp = (point.folder / "pid").stat().st_mtime_ns + 10**9
    os.utime(point.main, ns=(stamp, stamp))


def end_hostapd(point: ShellAccessPoint) -> None:
    (point.folder / "pid").write_text("99999999\n", encoding="utf-8")


def take_control_away(point: ShellAccessPoint) -> None:
    point.main.write_text(HEAD.replace("ctrl_interface=/run/hostapd\n", ""), encoding="utf-8")
    point.restart()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (touch_file, "hostapd.conf was changed after hostapd had read it, so what is in force cannot be told"),
        (end_hostapd, "hostapd does not run"),
        (take_control_away, "gives the radio no ctrl_interface"),
        (edit("state=ENABLED", ""), "hostapd does not answer for wlan0 at /run/hostapd"),
        (edit("ENABLED", "DISABLED"), "the radio wlan0 is DISABLED, so its networks are not in service"),
        (edit("bss[0]=wlan0", "bss[0]=wlan0\nbss[1]=evil\nssid[1]=school-staff"), "hostapd serves other networks"),
    ],
)
def test_what_is_in_force_is_asked_of_hostapd_and_silence_is_an_error(
    point: ShellAccessPoint, spoil: Callable[[ShellAccessPoint], None], expected: str
) -> None:
    spoil(point)
    with pytest.raises(CommandFailed) as failed:
        HOSTAPD.read(point)
    assert expected in str(failed.value)


def test_a_renamed_network_is_seen_in_what_hostapd_says(point: ShellAccessPoint) -> None:
    arm(point)
    push(point, BOTH)
    edit("]=school-staff", "]=other")(point)
    with pytest.raises(CommandFailed, match="hostapd serves other networks"):
        HOSTAPD.read(point)


def test_two_controllers_exclude_one_another(point: ShellAccessPoint) -> None:
    HOSTAPD.lock(point, LOCK)
    with pytest.raises(DeviceBusy):
        HOSTAPD.lock(point, Lock("plan2", "run2", 60))
    with pytest.raises(CommandFailed, match="does not hold the lock"):
        HOSTAPD.save(point, Lock("plan2", "run2", 60))


WHOLE = HOSTAPD.render(BOTH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ap_isolate=1\n", ""),
        ("ieee80211w=2\n", ""),
        ("wpa_key_mgmt=OWE\n", "wpa_key_mgmt=WPA-EAP-SHA256\n"),
        ("wpa_key_mgmt=WPA-EAP-SHA256\n", "wpa_key_mgmt=OWE\n"),
        ("bridge=breth1.40\n", "bridge=breth1.10\n"),
        ("bridge=breth1.40\n", "bridge=breth1.140\n"),
        ("vlan_file=/etc/hostapd/tsn-10.vlan\n", "vlan_file=/etc/hostapd/tsn-40.vlan\n"),
        ("nas_identifier=ap1/tsn-10\n", "nas_identifier=ap1/tsn-40\n"),
        ("10 tsn-10.10\n", ""),
        ("10 tsn-10.10\n", "10 tsn-10.10\n40 tsn-10.40\n"),
        ("10 tsn-10.10\n", "40 tsn-10.40\n"),
        ("\n==> /etc/hostapd/tsn-10.vlan <==\n10 tsn-10.10\n", ""),
        ("bss=tsn-40\n", "bss=tsn-10\n"),
        ("==> /etc/hostapd/hostapd.conf <==\n", "==> /etc/hostapd/hostapd.conf <==\nap_isolate=0\n"),
        ("==> /etc/hostapd/hostapd.conf <==\n", ""),
        ("auth_server_port=1812\n", ""),
    ],
)
def test_a_network_that_is_not_whole_is_not_pushed(point: ShellAccessPoint, old: str, new: str) -> None:
    """What is left out would be hostapd's default: an open network, a VLAN of others."""
    assert old in WHOLE
    arm(point)
    with pytest.raises(CommandFailed, match="nothing was changed"):
        HOSTAPD.push(point, RESTORE, Command(REPLACE, WHOLE.replace(old, new, 1)))
    assert point.main.read_text(encoding="utf-8") == HEAD
    assert point.restarts == 1
