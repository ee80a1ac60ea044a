"""Whether hostapd itself reads what is rendered: the real program, without a radio (`driver=none`).

With that driver hostapd reads and checks the whole file, then begins to set up the first network, and can add no second
one; so every network is read once beside the others, and once alone, where its set-up is complete.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from threading import Timer

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import CommandFailed
from controller.model.city import City
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.platforms.base import Command, Lock, Restore
from controller.platforms.hostapd.driver import REPLACE, Hostapd
from controller.platforms.hostapd.text import (
    FOLDER,
    MAIN,
    name_interface,
    name_vlan_file,
    write_header,
    write_main,
    write_vlan_line,
)
from controller.platforms.hostapd.unmanaged_networks import list_known_settings, parse_ssid
from tests.missing_parts import skip_or_fail
from tests.platforms.hostapd.access_point import ShellAccessPoint

HOSTAPD = Hostapd()
PROGRAM = shutil.which("hostapd", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin")
HEAD = "interface=none0\ndriver=none\nssid=setup\n"
CHECKED = "Completing interface initialization"
"""hostapd says this when it has read the file and found nothing wrong with it."""
REFUSED = "found in configuration file"
PATIENCE = 30.0
"""Seconds until a hostapd that neither ends nor is up is ended."""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    """Skip where hostapd is not installed; in CI that is a failure, so that nothing is skipped unseen."""
    if PROGRAM is None:
        skip_or_fail("hostapd is not installed (Debian package: hostapd)")


def said(folder: Path, text: str) -> str:
    """What hostapd says of a configuration until it is up, or ends; it is ended then."""
    assert PROGRAM is not None
    path = folder / Path(MAIN).name
    path.write_text(text.replace(FOLDER, str(folder)), encoding="utf-8")
    with subprocess.Popen(
        [PROGRAM, "-dd", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
    ) as running:
        assert running.stdout is not None
        late = Timer(PATIENCE, running.kill)
        late.start()
        lines: list[str] = []
        for line in running.stdout:
            lines.append(line)
            if "AP-ENABLED" in line:
                running.terminate()
                break
        late.cancel()
    return "".join(lines)


@pytest.fixture
def folder(city: City, tmp_path: Path) -> Path:
    """A folder in place of /etc/hostapd, with the files of VLANs."""
    for segment in city.segments.values():
        (tmp_path / Path(name_vlan_file(segment.vlan)).name).write_text(
            f"{write_vlan_line(segment.vlan)}\n", encoding="utf-8"
        )
    return tmp_path


def test_hostapd_reads_every_blueprint_as_rendered(city: City, folder: Path) -> None:
    """All access points of a blueprint differ in their names only, so one of each is read."""
    read = set()
    for school in city.schools:
        point = next(one for one in city.list_devices(school) if one.role == "access-point")
        if point.networks in read:
            continue
        read.add(point.networks)
        text = HOSTAPD.render(compile_device(city, point, HOSTAPD.capabilities).wanted)
        main = text.removeprefix(f"{write_header(MAIN)}\n").partition("\n==> ")[0]
        heard = said(folder, HEAD + main)
        assert CHECKED in heard, heard
        assert REFUSED not in heard
        assert "unknown configuration item" not in heard
    assert read


@pytest.mark.parametrize("ssid", ["school-staff", "school-pupil", "school-guest"])
def test_each_network_is_set_up_alone(city: City, folder: Path, ssid: str) -> None:
    point = next(one for one in city.list_devices(city.schools[0]) if one.role == "access-point")
    state = compile_device(city, point, HOSTAPD.capabilities).wanted
    (network,) = (one for one in state.networks if one.ssid == ssid)
    text = write_main((network,)).replace(f"bss={name_interface(network.vlan)}\n", "interface=none0\ndriver=none\n")
    # A bridge and the interfaces of VLANs need a kernel's radio.
    kept = "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith(("bridge=", "vlan_", "dynamic_"))
    )
    heard = said(folder, kept)
    assert "AP-ENABLED" in heard, heard
    for server in network.servers[:1]:
        assert f"RADIUS Authentication server {server}:1812" in heard


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ap_isolate=1\n", "ap_isolated=1\n", "unknown configuration item 'ap_isolated'"),
        ("wpa_key_mgmt=OWE\n", "wpa_key_mgmt=OWL\n", "invalid key_mgmt 'OWL'"),
        ("dynamic_vlan=2\nvlan_naming=1\nvlan_file=/etc/hostapd/tsn-20.vlan\n", "vlan_file=/nowhere\n", REFUSED),
        ("auth_server_addr=10.254.3.10\n", "auth_server_addr=radius\n", "invalid IP address 'radius'"),
    ],
)
def test_hostapd_refuses_what_is_wrong(city: City, folder: Path, old: str, new: str, expected: str) -> None:
    """Else its silence would say nothing."""
    point = next(one for one in city.list_devices(city.schools[0]) if one.role == "access-point")
    text = write_main(compile_device(city, point, HOSTAPD.capabilities).wanted.networks)
    assert old in text
    heard = said(folder, HEAD + text.replace(old, new, 1))
    assert expected in heard, heard
    assert CHECKED not in heard


@pytest.mark.parametrize(
    ("value", "ssid"),
    [
        ('"school-staff"', "school-staff"),
        ("7363686f6f6c2d7374616666", "school-staff"),
        ("7363686F6F6C2D7374616666", "school-staff"),
        ('P"school\\x2dstaff"', "school-staff"),
        ('P"school\\055staff"', "school-staff"),
        ('P"school-sta\\ff"', "school-staff"),
        ('"a"b"', 'a"b'),
        ('P"a\\"b\\\\\\te"', 'a"b\\\te'),
        ("school-staff", None),
        ('"school-staff', None),
        ('"school-staff" ', None),
        ('P"a', None),
        ("616", None),
        ('""', None),
        (f'"{"a" * 33}"', None),
    ],
)
def test_spellings_of_an_ssid_are_read_as_hostapd_reads_them(tmp_path: Path, value: str, ssid: str | None) -> None:
    heard = said(tmp_path, f"interface=none0\ndriver=none\nssid2={value}\n")
    assert ("invalid SSID" in heard) == (ssid is None), heard
    assert parse_ssid(value) == ssid


def test_the_list_of_settings_is_what_hostapd_knows(tmp_path: Path) -> None:
    """Those of its annotated file that this build leaves out are known, too."""
    names = sorted(list_known_settings())
    heard = said(tmp_path, "".join(f"{name}=\n" for name in (*names, "include", "vlan_files")))
    unknown = set(re.findall(r"unknown configuration item '([^']*)'", heard))
    assert {"include", "vlan_files"} <= unknown
    annotated = Path("/usr/share/doc/hostapd/examples/hostapd.conf").read_text(encoding="utf-8")
    assert all(f"#{name}=" in annotated.replace("# ", "#") for name in unknown - {"include", "vlan_files"})


@pytest.mark.parametrize(
    "line", ["include /etc/hostapd/more.conf", "include=/etc/hostapd/more.conf", " ssid=a", "<html>"]
)
def test_hostapd_does_not_start_with_what_is_no_setting(tmp_path: Path, line: str) -> None:
    assert REFUSED in said(tmp_path, f"{HEAD}{line}\n")


def test_hostapd_itself_is_asked_and_comes_back_after_a_change_that_it_cannot_serve() -> None:
    """`driver=none` has no second network, so a change fails here: that is seen, and the old file is in force again."""
    with tempfile.TemporaryDirectory(prefix="tsunagu-") as made:
        folder = Path(made)
        head = f"interface=none0\ndriver=none\nctrl_interface={folder}/ctrl\nssid=setup\n"
        point = ShellAccessPoint(folder, head, real=True)
        try:
            before = HOSTAPD.read(point).reveal()
            assert HOSTAPD.parse(before, "ap1").state == DeviceState()
            HOSTAPD.lock(point, Lock("plan1", "run1", 600))
            HOSTAPD.arm(point, Restore(600, "run1"))
            guest = WirelessNetwork("guest", 40, Protection.ENHANCED_OPEN, isolated=True, uplink="eth1")
            wanted = build_device_state(networks=[guest])
            with pytest.raises(CommandFailed, match="hostapd does not serve these networks"):
                HOSTAPD.push(point, Restore(600, "run1"), Command(REPLACE, HOSTAPD.render(wanted)))
            with pytest.raises(CommandFailed, match=r"hostapd does not run|so its networks are not in service"):
                HOSTAPD.read(point)
            point.end_jobs()
            HOSTAPD.lock(point, Lock("plan1", "run2", 60))
            assert HOSTAPD.has_restored(point, Restore(600, "run1"))
            assert HOSTAPD.read(point).reveal() == before
        finally:
            point.end_hostapd()
