"""Where the lines of a table stand: for each platform a device's text as it should be, and the places in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import ConfigRefused
from controller.model.network.device_state import DeviceState, build_device_state, build_filter
from controller.model.sites.devices import Device
from controller.plan.proof.unjudged import find_unjudged_on
from controller.plan.select import find_device
from controller.platforms.base import refuse_conflicts
from controller.platforms.registry import load_platform
from tests.emulators.hostapd import HEAD
from tests.plan.test_unmanaged_paths import AWPLUS, CORE, ROUTER, city, fill_in, rendered

SOURCE = "device.cfg"
ACCESS_POINT = "as-e01-ap1"
_ENTRIES = 3
_MAIN = "==> /etc/hostapd/hostapd.conf <==\n"
_MODES = "flow detection mode layer3-6\nflow detection out mode layer3-2-out\n"
_RTX = Path(__file__).parents[1] / "yamaha_rtx" / "golden" / "yamaha_rtx.txt"


class Spot(Enum):
    """Where a line is put, beside the line that a place begins with."""

    BEFORE = auto()
    BEHIND = auto()
    BEHIND_MARK = auto()
    """Behind the line after it, which says that the block is ours."""
    INSTEAD = auto()


@dataclass(frozen=True)
class Scene:
    """A device as it should be; `names` are what `{...}` in a row stands for. A row `at: device` stands at the end."""

    device: Device
    text: str
    places: Mapping[str, tuple[str, Spot]]
    names: Mapping[str, str] = field(default_factory=dict)
    indent: str = ""

    @cached_property
    def wanted(self) -> DeviceState:
        """What the text means without a line of others."""
        return load_platform(self.device.platform).parse(self.text, "wanted").state

    def judge(self, text: str) -> str:
        """Return why a text is refused, "differs", or the ways that are not judged; nothing where all is well."""
        system = load_platform(self.device.platform)
        try:
            seen = system.parse(text, SOURCE)
            refuse_conflicts(seen, self.wanted, SOURCE)
        except ConfigRefused as refused:
            return str(refused)
        if seen.state != self.wanted:
            return "differs"
        return "\n".join(one.describe() for one in find_unjudged_on(city(), self.device, seen))

    def fill_in(self, line: str) -> str:
        """Return the line of a row with its names."""
        for name, value in self.names.items():
            line = line.replace(f"{{{name}}}", value)
        return line

    def plant(self, at: str, line: str) -> str:
        """Return the text with the line of a row where it stands."""
        line = self.fill_in(line)
        if at == "device":
            return f"{self.text}{line}\n"
        lines = self.text.splitlines()
        start, spot = self.places[at]
        place = next(index for index, one in enumerate(lines) if one.startswith(start))
        place += {Spot.BEFORE: 0, Spot.INSTEAD: 0, Spot.BEHIND: 1, Spot.BEHIND_MARK: 2}[spot]
        kept = lines[place + (spot is Spot.INSTEAD) :]
        return "\n".join([*lines[:place], *f"{self.indent}{line}".splitlines(), *kept, ""])


def _render_part(platform: str, text: str, vlan: int) -> str:
    """Return a text with the filters of one VLAN alone, cut to a few entries: all of them take long to read."""
    system = load_platform(platform)
    state = system.parse(text, "whole").state
    filters = [build_filter(*one.key, one.entries[-_ENTRIES:]) for one in state.filters if one.vlan == vlan]
    names = {one.key: one.name for one in filters}
    bound = [replace(one, filter=names[one.key]) for one in state.bindings if one.vlan == vlan]
    built = build_device_state(filters=filters, bindings=bound)
    return system.render(replace(state, filters=built.filters, bindings=built.bindings))


def _find_last_word(text: str, start: str) -> str:
    return next(line.split()[-1] for line in text.splitlines() if line.startswith(start))


def _build_catalyst() -> Scene:
    text = _render_part("cisco_ios", rendered(CORE), 10)
    port = _find_last_word(text, "interface Gig")
    places = {
        "vlan": ("vlan 10", Spot.BEHIND_MARK),
        "port": ("interface Gig", Spot.BEHIND_MARK),
        "interface": ("interface Vlan10", Spot.BEHIND_MARK),
        "list": ("ip access-list", Spot.BEHIND),
    }
    names = {"list": _find_last_word(text, "ip access-list"), "short": port.replace("GigabitEthernet", "Gi")}
    return Scene(find_device(city(), CORE), text, places, names, " ")


def _build_x530() -> Scene:
    text = _render_part("allied_telesis_awplus", rendered(AWPLUS), 10)
    places = {
        "port": ("interface port", Spot.BEHIND_MARK),
        "database": ("vlan database", Spot.BEHIND_MARK),
        "list": ("access-list hardware", Spot.BEHIND),
    }
    names = {"list": _find_last_word(text, "access-list hardware")}
    return Scene(find_device(city(), AWPLUS), text, places, names, " ")


def _turn_core_into(platform: str, port: Callable[[str], str], vlan: int) -> tuple[Device, str]:
    """Return a core of the city as if it were of another platform, and what it renders to."""
    device = find_device(city(), AWPLUS)
    ports = tuple(replace(one, name=port(one.name.removeprefix("port1.0."))) for one in device.ports)
    device = replace(device, platform=platform, ports=ports)
    system = load_platform(platform)
    text = system.render(compile_device(city(), device, system.capabilities).wanted)
    return device, _render_part(platform, text, vlan)


def _build_alaxala() -> Scene:
    device, text = _turn_core_into("alaxala", "gigabitethernet 0/{}".format, 20)
    places = {
        "mode": ("flow detection mode", Spot.INSTEAD),
        "vlan": ("vlan 20", Spot.BEHIND_MARK),
        "port": ("interface gigabitethernet", Spot.BEHIND_MARK),
        "interface": ("interface vlan 20", Spot.BEHIND_MARK),
        "list": ("ip access-list", Spot.BEHIND),
    }
    names = {"list": _find_last_word(text, "ip access-list"), "port": "0/1"}
    return Scene(device, _MODES + text, places, names, "  ")


def _build_ovs() -> Scene:
    device, text = _turn_core_into("ovs", "p{}".format, 20)
    places = {
        "bridge": ("br0,", Spot.INSTEAD),
        "port": ("# ports", Spot.BEHIND),
        "own port": ("p1,", Spot.INSTEAD),
        "flow": ("# flows", Spot.BEHIND),
    }
    return Scene(device, text, places, {"port": "p1"})


def _build_router() -> Scene:
    device, text = find_device(city(), ROUTER), rendered(ROUTER)
    places = {
        "bgp": ("router bgp ", Spot.BEHIND),
        "neighbor": (" address-family ipv4", Spot.BEHIND),
        "map": ("route-map TSN-in-", Spot.BEHIND),
    }
    named = next(line for line in text.splitlines() if line.startswith("route-map TSN-in-")).split()[1]
    listed = next(line for line in text.splitlines() if line.startswith("ip prefix-list ")).split()[2]
    return Scene(device, text, places, _name_school(device) | {"map": named, "list": listed}, " ")


def _name_school(device: Device) -> dict[str, str]:
    """Return the addresses of a router's school, by the words that stand for them."""
    segments = "staff staff6 staff_gateway staff_host core core6 router"
    words = f"planned planned6 block block6 half system radius line other_line wire {segments}".split()
    return {word: fill_in(f"{{{word}}}", device) for word in words}


def _build_access_point() -> Scene:
    text = _MAIN + HEAD + rendered(ACCESS_POINT).removeprefix(_MAIN)
    places = {
        "bss": ("bss=tsn-20", Spot.BEHIND_MARK),
        "radio": ("ssid=setup", Spot.BEFORE),
        "network": ("bss=tsn-40", Spot.BEFORE),
        "vlan": ("==> /etc/hostapd/tsn-20.vlan <==", Spot.BEHIND_MARK),
    }
    return Scene(find_device(city(), ACCESS_POINT), text, places)


def _build_rtx() -> Scene:
    device = replace(find_device(city(), ROUTER), platform="yamaha_rtx")
    names = _name_school(device) | {"interface": "lan1/2", "filter": "16020730"}
    return Scene(device, _RTX.read_text(encoding="utf-8"), {}, names)


def list_rows(platform: str) -> list[dict[str, Any]]:
    """Return the table of a platform."""
    path = Path(__file__).parent / f"{platform}.yaml"
    rows: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rows


def list_harmless(platform: str) -> list[dict[str, Any]]:
    """Return the lines that stand beside those of the table, and change nothing of ours."""
    path = Path(__file__).parent / "harmless.yaml"
    rows: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rows.get(platform, [])


SCENES: Mapping[str, Callable[[], Scene]] = {
    "alaxala": _build_alaxala,
    "allied_telesis_awplus": _build_x530,
    "cisco_ios": _build_catalyst,
    "frr": _build_router,
    "hostapd": _build_access_point,
    "ovs": _build_ovs,
    "yamaha_rtx": _build_rtx,
}
