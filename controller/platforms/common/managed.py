"""What is managed on a device, by its name, and what no platform could hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from controller.model.network.device_state import (
    PREFIX,
    Capabilities,
    DeviceState,
    Filter,
    PortMode,
    PortRole,
    PortState,
)
from controller.model.network.lags import LARGEST_LAG, LagSupport
from controller.model.network.packets import Direction, Family, Match

LAST_VLAN = 4094
# The last part is there while a list that somebody changed is replaced by one of its own name.
_FILTER_NAME = re.compile(rf"{PREFIX}-([0-9]{{1,4}})-(from|to)-([46])-[0-9a-f]{{8}}(?:-mend[0-9])?")
_VLAN_NAME = re.compile(rf"{PREFIX}-[!-~]{{1,28}}")


def parse_filter_name(name: str) -> tuple[int, Direction, Family] | None:
    """Return what a filter is for, by its name; None if it is no name of ours."""
    found = _FILTER_NAME.fullmatch(name)
    return (int(found[1]), Direction(found[2]), Family(int(found[3]))) if found else None


def covers_everything(match: Match) -> bool:
    """Say if a match covers every packet of its family."""
    return match == Match(match.family, None, match.family.everything, match.family.everything)


def write_vlan_list(numbers: Iterable[int]) -> str:
    """Write VLANs as `10,20-22`: three or more neighbours as a range, as IOS prints them."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shortest_range = 3
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) >= shortest_range else ",".join(map(str, run)) for run in runs)


def parse_vlan_list(text: str) -> list[int] | None:
    """Return the numbers of `10,20-22`; None if the text is no such list."""
    numbers: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        # A number of thousands of digits would be an error of its own.
        if not all(re.fullmatch(r"[0-9]{1,8}", one) for one in (low, high or low)):
            return None
        if not 1 <= int(low) <= int(high or low) <= LAST_VLAN:
            return None
        numbers.extend(range(int(low), int(high or low) + 1))
    return numbers


def find_repeated_objects(state: DeviceState) -> Iterator[str]:
    """Yield what stands twice in a state."""
    for what, keys in (
        ("VLAN", [str(vlan.number) for vlan in state.vlans]),
        ("port", [*(port.name for port in state.ports), *(name for lag in state.lags for name in lag.held)]),
        ("LAG", [lag.name for lag in state.lags]),
        ("filter", [one.name for one in state.filters]),
        ("binding", [f"{one.vlan} {one.direction} IPv{int(one.family)}" for one in state.bindings]),
    ):
        yield from (f"{what} {key} stands twice" for key in set(keys) if keys.count(key) > 1)


def find_filter_misfits(one: Filter, maximum: int) -> Iterator[str]:
    """Yield why a filter cannot stand on any platform that keeps names; `maximum` bounds its entries."""
    if parse_filter_name(one.name) != one.key:
        yield f"{one.name}: the name of a filter must say what it is for: {one.key}"
    if not one.entries or not covers_everything(one.entries[-1].match) or len(one.entries) > maximum:
        yield f"{one.name}: a filter needs a last entry that covers everything, and at most {maximum} entries"
    if any(entry.match.family is not one.family for entry in one.entries):
        yield f"{one.name}: an entry of the other family"
    if len(set(one.entries)) != len(one.entries):
        yield f"{one.name}: an entry stands twice; a device keeps only the first of them"


def find_vlan_misfits(state: DeviceState) -> Iterator[str]:
    """Yield why the VLANs of a state could not be told apart from those of others, by number and name."""
    for vlan in state.vlans:
        if not _VLAN_NAME.fullmatch(vlan.name) or not 1 <= vlan.number <= LAST_VLAN:
            yield f"VLAN {vlan.number} {vlan.name!r}: expected 1 to {LAST_VLAN}, named {PREFIX}- and 1 to 28 letters"


def find_port_misfits(port: PortState) -> Iterator[str]:
    """Yield why no switch could hold a port with these VLANs."""
    # An empty list of a trunk would carry every VLAN.
    if not port.vlans or (port.mode is PortMode.ACCESS and len(port.vlans) != 1):
        yield f"port {port.name}: an access port needs exactly one VLAN, a trunk at least one"
    elif list(port.vlans) != sorted(set(port.vlans)) or not 1 <= port.vlans[0] <= port.vlans[-1] <= LAST_VLAN:
        yield f"port {port.name}: VLANs must ascend, from 1 to {LAST_VLAN}"


def find_lag_misfits(state: DeviceState, support: LagSupport, is_port: Callable[[str], bool]) -> Iterator[str]:
    """Yield why the LAGs of a state cannot be; `is_port` says if a name is one of a port of the platform."""
    ports = {port.name for port in state.ports}
    for lag in state.lags:
        if support.find_number(lag.name, lag.mode) is None:
            last = support.name(lag.mode, support.find_highest(lag.mode))
            yield f"{lag.name!r} is no LAG of the mode {lag.mode}; there are {support.name(lag.mode, 1)} to {last}"
        if lag.name not in ports:
            yield f"LAG {lag.name}: nothing says what it carries"
        if lag.idle or not 1 <= len(lag.members) <= LARGEST_LAG or list(lag.members) != sorted(set(lag.members)):
            yield f"LAG {lag.name}: expected 1 to {LARGEST_LAG} ports in service, each once, in order"
        for name in lag.members:
            if not is_port(name) or support.is_lag_name(name):
                yield f"LAG {lag.name}: {name!r} is no port that could be a member"
    for name in sorted(ports - {lag.name for lag in state.lags}):
        if support.is_lag_name(name):
            yield f"port {name} is a LAG, and nothing says of which ports ('lag' at the ports in the policy)"


def refuse_unsupported(state: DeviceState, can: Capabilities, title: str) -> None:
    """Refuse a state that asks for what a platform does not have; `title` names the platform.

    Raises:
        ValueError: names the object and the capability.
    """
    for message in find_unsupported(state, can, title):
        raise ValueError(message)


def find_unsupported(state: DeviceState, can: Capabilities, title: str) -> Iterator[str]:
    """Yield the first object of each kind that the capabilities do not have."""
    filtered = [one.name for one in state.filters] + [one.filter for one in state.bindings]
    isolated = [one.name for one in state.ports if one.isolated]
    dot1q = [f"port {one.name}" for one in state.ports if one.names_dot1q]
    roles = [one.name for one in state.ports if one.role is not PortRole.UNFILTERED]
    unjudged = [one.filter for one in state.bindings if one.direction not in can.directions]
    too_long = [one.name for one in state.vlans if len(one.name) > (can.longest_vlan_name or len(one.name))]
    longest = can.longest_filter_name
    too_long += [one.name for one in state.filters if len(one.name) > (longest or len(one.name))]
    for there, names, what, capability in (
        (can.vlan_database, [f"VLAN {one.number}" for one in state.vlans], "has no VLAN database", "vlan_database"),
        (can.switches, [f"port {one.name}" for one in state.ports], "has no ports of a switch", "switches"),
        (can.maximum_entries, [f"filter {name}" for name in filtered], "filters no packets", "maximum_entries"),
        (
            can.interfaces,
            [f"interface in VLAN {one.vlan}" for one in state.interfaces],
            "has no such interfaces",
            "interfaces",
        ),
        (can.lags is not None, [f"LAG {one.name}" for one in state.lags], "has no LAGs", "lags"),
        (can.wireless, [f"network {one.ssid!r}" for one in state.networks], "has no wireless networks", "wireless"),
        (can.routes, ["the route policies"] if state.routing else [], "has none", "routes"),
        (can.static_routes, [str(one) for one in state.default_routes], "writes none", "static_routes"),
        (False, [str(one) for one in state.tunnels if one.kind not in can.tunnels], "has none", "tunnels"),
        (can.isolates, [f"port {name}" for name in isolated], "cannot isolate it", "isolates"),
        (
            can.trunk_encapsulation,
            [f"port {name}" for name in dot1q],
            "knows no other encapsulation",
            "trunk_encapsulation",
        ),
        (can.reads_port_roles, [f"port {name}" for name in roles], "keeps no role of a port", "reads_port_roles"),
        (False, [f"filter {name}" for name in unjudged], "cannot judge its direction", "directions"),
        (False, too_long, "takes no name as long", "longest_vlan_name, longest_filter_name"),
    ):
        if names and not there:
            yield f"{names[0]}: {title} {what} (capability {capability!r})"
