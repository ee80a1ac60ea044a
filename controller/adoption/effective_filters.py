"""Which filter judges packets today, at each place where the policy wants one: ours, that of others, or none."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from controller.adoption.existing_network import AttachedList, ExistingList, ExistingNetwork, ExistingPort
from controller.model.network.device_state import (
    Attachment,
    Capabilities,
    DeviceState,
    Filter,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    build_device_state,
)
from controller.model.network.packets import Direction, Family
from controller.platforms.base import ConfigLine

PlaceKey = tuple[int, Direction, Family]
JUDGED = {PortRole.HOST_FACING: Direction.FROM, PortRole.UPLINK: Direction.TO}
"""What a port judges on systems whose lists stand at ports: it sees what it receives."""


@dataclass(frozen=True, slots=True)
class OldFilter:
    """What judges the packets of a place today.

    `port` is the port where it stands ("" at an interface in a VLAN). `filter` is None where no list is in force
    (everything passes), or where `unjudged` says why it cannot be told. `ours`: it was put in force by Tsunagu.
    """

    place: PlaceKey
    lists: tuple[AttachedList, ...] = ()
    filter: Filter | None = None
    port: str = ""
    unjudged: str = ""
    ours: bool = False

    @property
    def line(self) -> int:
        """The line that puts it in force; 0 where none does."""
        return self.lists[0].line.number if self.lists else 0


def join_lists(network: ExistingNetwork, lists: Sequence[AttachedList], place: PlaceKey) -> tuple[Filter | None, str]:
    """Return the lists of a place as one filter, or why they cannot be judged; none of them is no filter.

    What no entry of a list matches is asked of the next one; what the last adds by itself holds for all.
    """
    known: list[ExistingList] = []
    for one in lists:
        found = network.lists.get((one.family, one.name))
        if found is None:
            # A list that does not exist lets everything pass.
            continue
        if found.problems:
            problem = found.problems[0]
            return None, f"line {problem.line.number} of {one.name}: {problem.problem}"
        known.append(found)
    built = [filtered for one in known if (filtered := one.build_filter(place[0], place[1])) is not None]
    if not built:
        return None, ""
    entries = [
        entry
        for filtered, one in zip(built, known, strict=True)
        for entry in filtered.entries[: len(filtered.entries) - len(one.last)]
    ]
    joined = replace(built[-1], name=" + ".join(one.name for one in built), entries=(*entries, *known[-1].last))
    return joined, ""


def find_old_filters(
    network: ExistingNetwork,
    wanted: DeviceState,
    places: Iterable[PlaceKey],
    can: Capabilities,
    now: DeviceState | None = None,
) -> list[OldFilter]:
    """Return what judges packets today at each of the places; more than one where ports of a VLAN differ.

    `now`: what is ours on the device already; nothing, if left out.
    """
    found: list[OldFilter] = []
    filters = {one.name: one for one in now.filters} if now else {}
    ours = {one.key: filters[one.filter] for one in now.bindings if one.filter in filters} if now else {}
    managed = {one.name for one in now.ports} if now else set()
    for place in places:
        if can.attachment is Attachment.VLAN_INTERFACE:
            own = network.interfaces.get(place[0])
            if own is not None and place in ours:
                found.append(_build_own(place, ours[place], own.line))
                continue
            lists = tuple(one for one in (own.lists if own else ()) if (one.direction, one.family) == place[1:])
            filtered, why = join_lists(network, lists, place)
            found.append(OldFilter(place, lists, filtered, unjudged=why))
        else:
            found += _find_at_ports(network, wanted, place, ours, managed)
    return found


def _build_own(place: PlaceKey, filtered: Filter, line: ConfigLine, port: str = "") -> OldFilter:
    """Return a filter of ours that is in force; `line` is that of what it stands at."""
    return OldFilter(place, (AttachedList(filtered.name, place[2], place[1], line),), filtered, port, ours=True)


def _find_at_ports(
    network: ExistingNetwork,
    wanted: DeviceState,
    place: PlaceKey,
    ours: Mapping[PlaceKey, Filter],
    managed: Container[str],
) -> Iterator[OldFilter]:
    vlan, direction, family = place
    seen: set[tuple[str, ...]] = set()
    for port in wanted.ports:
        old = network.ports.get(port.name)
        if old is None or JUDGED.get(port.role) is not direction or vlan not in old.vlans:
            continue
        lists = tuple(one for one in old.lists if one.family is family)
        names = tuple(one.name for one in lists)
        if port.name in managed and place in ours:
            names = (ours[place].name,)
            if names not in seen:
                seen.add(names)
                yield _build_own(place, ours[place], old.line, port.name)
        elif names not in seen:
            seen.add(names)
            filtered, why = join_lists(network, lists, place)
            yield OldFilter(place, lists, filtered, port.name, why)


def list_known_vlans(network: ExistingNetwork, wanted: DeviceState) -> frozenset[int]:
    """Return the VLANs that the device or the policy names: of all others nothing is said."""
    return frozenset({*network.vlans, *(one.number for one in wanted.vlans), *(one.vlan for one in wanted.bindings)})


def build_effective_state(
    network: ExistingNetwork, state: DeviceState, wanted: DeviceState, can: Capabilities, port: str = ""
) -> DeviceState:
    """Return a state in which what is ours and what is of others stand together, as packets meet them.

    `port`: that of one port alone, for systems whose lists stand at ports. A list that cannot be judged is left out at
    both ends of a comparison, so that nothing is proved of it.
    """
    known = list_known_vlans(network, wanted)
    roles = {one.name: one.role for one in wanted.ports}
    ours = {one.name: one for one in state.ports if not port or one.name == port}
    others = [
        PortState(one.name, PortMode(one.mode), vlans, roles.get(one.name, PortRole.UNFILTERED))
        for one in network.ports.values()
        if one.name not in ours and (not port or one.name == port) and one.mode in set(PortMode)
        if (vlans := tuple(sorted(known & set(one.vlans))))
    ]
    bound = {one.key: one for one in state.bindings if not port or port in ours}
    filters = {one.name: one for one in state.filters}
    for key, filtered in _list_other_filters(network, roles, can, port if port not in ours else ""):
        if key not in bound:
            name = f"{filtered.name} at {key[0]} {key[1]} {int(key[2])}"
            filters[name] = replace(filtered, name=name)
            bound[key] = FilterBinding(*key, name)
    return build_device_state(ports=[*ours.values(), *others], filters=filters.values(), bindings=bound.values())


def _list_other_filters(
    network: ExistingNetwork, roles: dict[str, PortRole], can: Capabilities, port: str
) -> Iterator[tuple[PlaceKey, Filter]]:
    if can.attachment is Attachment.VLAN_INTERFACE:
        for interface in network.interfaces.values():
            for one in interface.lists:
                place = (interface.vlan, one.direction, one.family)
                filtered, _ = join_lists(network, [one], place)
                if filtered is not None:
                    yield place, filtered
        return
    found: ExistingPort | None = network.ports.get(port)
    direction = JUDGED.get(roles.get(port, PortRole.UNFILTERED))
    for vlan in found.vlans if found and direction else ():
        for family in Family:
            lists = [one for one in found.lists if one.family is family] if found else []
            if direction is not None and lists:
                place = (vlan, direction, family)
                filtered, _ = join_lists(network, lists, place)
                if filtered is not None:
                    yield place, filtered
