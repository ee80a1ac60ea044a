"""hostapd 2.10 on a Linux access point, as text: how a wireless network is written, and what of the files is ours.

The text is what `tail -n +1 /etc/hostapd/hostapd.conf /etc/hostapd/tsn-*.vlan` prints: each file under a line with
its name. Ours are the networks (`bss=`) whose interface is named `tsn-VLAN`, with all lines down to the next `bss=`,
and the files `tsn-VLAN.vlan`. The radio (`interface=`, driver, channel, country) and its first network are the
installer's, and so are the wired port and its VLAN in the bridge that an `enhanced-open` network is put into
(`br<port>.<VLAN>`; for the others hostapd makes both by itself).

A network with 802.1X accepts only whom the admission server answers a VLAN for (`dynamic_vlan=2`), and of VLANs only
its own: it is the only one in its `vlan_file`. No secret is here: the line of the server's shared secret holds a mark,
in place of which the access point puts its own `/etc/hostapd/tsn.secret`; a value that is read is not kept.

Sources: the annotated hostapd.conf of hostapd 2.10 (Debian 12, /usr/share/doc/hostapd/examples), at `bss`, `ssid`,
`ap_isolate`, `bridge`, `wpa_key_mgmt` (OWE, WPA-EAP-SHA256), `ieee80211w` ("PMF required"), `dynamic_vlan`,
`vlan_file`, `vlan_tagged_interface`, `vlan_bridge` (its default name), `nas_identifier` and `auth_server_addr`. That
hostapd reads what is rendered: `tests/platforms/hostapd/test_hostapd_reads.py`; no radio was there to send it.
`ap_isolate` is assumed to hold for the interfaces of VLANs, too: "between associated stations in the BSS".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.model.network.device_state import DeviceState
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.platforms.common.managed import LAST_VLAN

FOLDER = "/etc/hostapd"
MAIN = f"{FOLDER}/hostapd.conf"
SECRET_FILE = f"{FOLDER}/tsn.secret"
SECRET = "@TSN-RADIUS-SECRET@"  # noqa: S105 a mark, not a secret
OTHER_SECRET = "@TSN-OTHER-SECRET@"  # noqa: S105 a mark: it is not the one in the access point's own file
SECRET_KEY = "auth_server_shared_secret"  # noqa: S105 the name of a setting
RADIUS_PORT = 1812
OURS = "tsn-"
"""The prefix in lower case: it begins the name of a network's interface, which Linux bounds to 15 characters."""

COMMON = {"wpa": "2", "rsn_pairwise": "CCMP", "ieee80211w": "2"}
"""What every network of ours has: RSN only, AES only, management frames protected."""
KEYS = {Protection.WPA3_ENTERPRISE: "WPA-EAP-SHA256", Protection.ENHANCED_OPEN: "OWE"}
BY_SERVER = {"ieee8021x": "1", "dynamic_vlan": "2", "vlan_naming": "1"}
"""What a network with 802.1X has beside that."""

SSID = re.compile(r"[!-~](?:[ -~]{0,30}[!-~])?")
UPLINK = re.compile(r"[a-z][a-z0-9_-]{0,7}")
"""`br<port>.<VLAN>` must fit into the 15 characters of an interface's name."""
IDENTITY = re.compile(r"[a-z0-9][a-z0-9.-]{0,38}")


def name_interface(vlan: int) -> str:
    """Return the interface of a network of ours."""
    return f"{OURS}{vlan}"


def name_vlan_file(vlan: int) -> str:
    """Return the file that holds the only VLAN which a network with 802.1X may put its clients into."""
    return f"{FOLDER}/{name_interface(vlan)}.vlan"


def write_vlan_line(vlan: int) -> str:
    """Write the one line of that file: the VLAN, and the interface of its clients."""
    return f"{vlan} {name_interface(vlan)}.{vlan}"


def name_bridge(uplink: str, vlan: int) -> str:
    """Return the bridge of a VLAN, by the name that hostapd itself gives one."""
    return f"br{uplink}.{vlan}"


def write_header(path: str) -> str:
    """Write the line above a file."""
    return f"==> {path} <=="


def render(state: DeviceState) -> str:
    """Return our part of the files.

    Raises:
        ValueError: hostapd cannot hold the state.
    """
    for misfit in find_misfits(state):
        raise ValueError(misfit)
    parts = [f"{write_header(MAIN)}\n{write_main(state.networks)}"]
    parts += [
        f"{write_header(name_vlan_file(one.vlan))}\n{write_vlan_line(one.vlan)}\n"
        for one in state.networks
        if one.servers
    ]
    return "\n".join(parts)


def write_main(networks: tuple[WirelessNetwork, ...]) -> str:
    """Return our part of hostapd.conf."""
    return "".join(f"{line}\n" for one in networks for line in write_network(one))


def write_network(one: WirelessNetwork) -> Iterator[str]:
    """Yield a network, line by line."""
    yield f"bss={name_interface(one.vlan)}"
    yield f"ssid={one.ssid}"
    yield f"ap_isolate={int(one.isolated)}"
    yield f"wpa_key_mgmt={KEYS[one.protection]}"
    yield from (f"{key}={value}" for key, value in COMMON.items())
    if one.protection is Protection.ENHANCED_OPEN:
        yield f"bridge={name_bridge(one.uplink, one.vlan)}"
        return
    yield from (f"{key}={value}" for key, value in BY_SERVER.items())
    yield f"vlan_file={name_vlan_file(one.vlan)}"
    yield f"vlan_tagged_interface={one.uplink}"
    yield f"nas_identifier={one.identity}/{name_interface(one.vlan)}"
    for server in one.servers:
        yield f"auth_server_addr={server}"
        yield f"auth_server_port={RADIUS_PORT}"
        yield f"{SECRET_KEY}={SECRET}"


def find_misfits(state: DeviceState) -> Iterator[str]:
    """Yield why hostapd cannot hold the state."""
    for one in state.networks:
        yield from _find_network_misfits(one)
    for what, values in (
        ("SSID", [one.ssid for one in state.networks]),
        ("VLAN", [str(one.vlan) for one in state.networks]),
    ):
        yield from (f"{what} {value!r} stands in two networks" for value in set(values) if values.count(value) > 1)


def _find_network_misfits(one: WirelessNetwork) -> Iterator[str]:
    name = f"network {one.ssid!r}"
    if not SSID.fullmatch(one.ssid):
        yield f"{name}: an SSID has 1 to 32 printable ASCII characters here, with no space at its ends"
    if not 1 <= one.vlan <= LAST_VLAN:
        yield f"{name}: VLAN {one.vlan} is none of 1 to {LAST_VLAN}"
    if not UPLINK.fullmatch(one.uplink):
        yield f"{name}: {one.uplink!r} is no name of a wired port: 1 to 8 of a-z, 0-9, '_', '-', a letter first"
    asks = one.protection is Protection.WPA3_ENTERPRISE
    if asks and (not one.servers or not IDENTITY.fullmatch(one.identity)):
        yield f"{name}: {one.protection} needs admission servers, and a name for the access point to ask them by"
    if not asks and (one.servers or one.identity):
        yield f"{name}: {one.protection} asks no admission server"
