"""Whether hostapd itself reads what is rendered: the real program, without a radio (`driver=none`).

With that driver hostapd reads and checks the whole file, then begins to set up the first network, and can add no second
one; so every network is read once beside the others, and once alone, where its set-up is complete.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from threading import Timer

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.platforms.hostapd.driver import Hostapd
from controller.platforms.hostapd.text import (
    FOLDER,
    MAIN,
    name_interface,
    name_vlan_file,
    write_header,
    write_main,
    write_vlan_line,
)

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
        missing = "hostapd is not installed (Debian package: hostapd)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


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
