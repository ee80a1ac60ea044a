"""The anchors of a policy: what its proofs take for granted, and what a wider one would quietly let in.

"Management comes from the controllers only" holds for any controllers that a policy names; so naming more of them is
no ordinary change. The same goes for the management segment and who is put into it, for what is never internet, for
large address blocks of applications and places, for what passes without a rule, and for what is only said of routers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from controller.inputs.character_classes import Line
from controller.model.city import City
from controller.model.loading.bounds import PrefixCover, count_new_addresses, exceeds_block, merge_prefixes
from controller.model.network.device_state import PortRole
from controller.model.network.packets import ANY_PORTS, Family, Prefix
from controller.model.sites.addressing import PrefixField
from controller.model.sites.blueprints import DeviceGroup
from controller.model.sites.inventory import ListedDevice
from controller.operations.fields import PlainText
from controller.operations.operations import CloudBounds

PLACE_BOUNDS = CloudBounds(ipv4=28, ipv6=48)
"""How large a block that proves a place may be before it is an anchor."""


class AnchorName(StrEnum):
    """What can be widened, by the word that `--accept-wider` takes."""

    FIRST = "first"
    CONTROLLERS = "controllers"
    MANAGEMENT = "management"
    RESERVED = "reserved"
    APPLICATIONS = "applications"
    PLACES = "places"
    NECESSITIES = "necessities"
    STATEFUL = "keeps-state"


_Port = Annotated[int, Field(ge=0, le=65535)]


class Need(BaseModel):
    """A necessity as it was applied, without its name and reason; `segment` empty: in every segment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: Line
    family: int = Field(ge=4, le=6)
    direction: PlainText
    protocol: PlainText
    source_port: _Port | None
    ports: tuple[_Port, _Port]
    established: bool
    source: PlainText
    destination: PlainText

    def covers(self, other: Need) -> bool:
        """Tell whether it lets all packets of another pass that has the same ends."""
        return (
            self._get_place() == other._get_place()
            and self.segment in ("", other.segment)
            and self.source_port in (None, other.source_port)
            and self.ports[0] <= other.ports[0]
            and other.ports[1] <= self.ports[1]
            and (other.established or not self.established)
        )

    def _get_place(self) -> tuple[object, ...]:
        return self.family, self.direction, self.protocol, self.source, self.destination

    def __str__(self) -> str:
        low, high = self.ports
        ports = f" to port {low}" + (f"-{high}" if high != low else "") if self.ports != ANY_PORTS else ""
        own = f" from port {self.source_port}" if self.source_port is not None else ""
        state = ", established" if self.established else ""
        where = self.segment or "every segment"
        return f"{self.protocol} {self.source}{own} -> {self.destination}{ports}{state} ({self.direction} {where})"


class Anchors(BaseModel):
    """The anchors of one policy.

    `management` is the segment by its id, VLAN and subnets, `management_entries` the ports, wireless networks and
    classes of devices that lead into it. `applications` (systems of data flows, too) and `places` have their addresses
    by what they are called. `necessities` pass at every school without a rule; `keeps_state` has, by router, who
    answers for it that it keeps the state of TCP. None: kept by a release that did not keep it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    controllers: tuple[PrefixField, ...]
    management: PlainText
    management_entries: tuple[PlainText, ...]
    reserved: tuple[PrefixField, ...]
    applications: Mapping[PlainText, tuple[PrefixField, ...]]
    places: Mapping[PlainText, tuple[PrefixField, ...]]
    necessities: tuple[Need, ...] | None = None
    keeps_state: Mapping[PlainText, PlainText] | None = None


@dataclass(frozen=True, slots=True)
class WiderAnchor:
    """One anchor that a policy widens, and how."""

    name: AnchorName
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def collect_anchors(city: City) -> Anchors:
    """Return the anchors of a policy."""
    applications = {
        f"application {one.id}": tuple(sorted(city.addresses.application_prefixes(one), key=_order))
        for one in city.applications.values()
        if not one.segment
    }
    applications |= {f"system {one.id}": tuple(sorted(one.addresses, key=_order)) for one in city.systems.values()}
    places = {f"school {one.id}": tuple(sorted(one.lines.egress, key=_order)) for one in city.schools}
    places |= {f"office {one.id}": tuple(sorted(set(one.egress), key=_order)) for one in city.offices}
    segment = city.segments[city.management_segment]
    parts = [f"IPv4 offset {segment.ipv4.offset}/{segment.ipv4.length}"] if segment.ipv4 else []
    parts += [f"IPv6 subnet {segment.ipv6_subnet}"] if segment.ipv6_subnet is not None else []
    return Anchors(
        controllers=tuple(sorted(city.controllers, key=_order)),
        management=f"{segment.id} ({', '.join((f'VLAN {segment.vlan}', *parts))})",
        management_entries=tuple(sorted(set(_list_management_entries(city)))),
        reserved=tuple(sorted(city.settings.reserved, key=_order)),
        applications={name: addresses for name, addresses in applications.items() if addresses},
        places={name: addresses for name, addresses in places.items() if addresses},
        necessities=tuple(dict.fromkeys(_list_needs(city))),
        keeps_state=dict(_list_claims(city)),
    )


def _list_claims(city: City) -> Iterator[tuple[str, str]]:
    """Which routers are said to keep the state of TCP, and who says so and why."""
    for blueprint in city.blueprints.blueprints:
        for lot, provided in sorted(blueprint.provider_router.items()):
            yield f"blueprint {blueprint.id}, {lot} (the provider's)", f"{provided.owner}: {provided.reason}"
        for number, group in enumerate(blueprint.devices, 1):
            for lot, kept in sorted(group.keeps_state.items()):
                router = f"blueprint {blueprint.id}, {lot} ({group.platform.get(lot)}), group {number} of devices"
                yield router, f"{kept.owner}: {kept.reason}"


def _list_needs(city: City) -> Iterator[Need]:
    """The necessities, one for each segment and each two ends; with the admission servers' addresses."""
    for one in city.infrastructure_protocols:
        for segment, source, destination in product(one.segments or ("",), one.source, one.destination):
            yield Need(
                segment=segment,
                family=one.family,
                direction=one.direction,
                protocol=one.protocol,
                source_port=one.source_port,
                ports=one.ports,
                established=one.established,
                source=str(source),
                destination=str(destination),
            )


def _list_management_entries(city: City) -> Iterator[str]:
    management = city.management_segment
    for school in city.schools:
        own = school.find_segment(management)
        if own is not None:
            given = (f"VLAN {own.vlan}" if own.vlan else "", str(own.ipv4 or ""), str(own.ipv6 or ""))
            yield f"school {school.id}: {', '.join(filter(None, given))}"
    places: list[tuple[str, DeviceGroup | ListedDevice]] = [
        (f"blueprint {blueprint.id}, {group.role}", group)
        for blueprint in city.blueprints.blueprints
        for group in blueprint.devices
    ]
    places += [(f"device {one.id} of {one.school}", one) for one in city.equipment.inventory]
    for where, group in places:
        for ports in group.ports or ():
            carried = ports.segments == "all" or management in ports.segments
            # An uplink has no filter at all, so a port that is called one lets more in than a host-facing one.
            role = "" if ports.faces is PortRole.HOST_FACING else f" ({ports.faces.words})"
            named = f" of {ports.pattern}" if ports.pattern else ""
            if carried:
                yield from (f"{where}: port {number}{named}{role}" for number in range(ports.first, ports.last + 1))
        if isinstance(group, DeviceGroup):
            yield from (f"{where}: wireless network {one.ssid}" for one in group.ssids if one.segment == management)
    for admission in city.admissions:
        if admission.segment == management:
            yield f"802.1X: {admission.id}"
    if city.default_segment == management:
        yield "802.1X: every device that nothing admits"


def find_wider_anchors(before: Anchors, after: Anchors, bounds: CloudBounds) -> Iterator[WiderAnchor]:
    """Yield each way in which a policy is wider than the one before it.

    `bounds` say from which size on addresses of an application count.
    """
    for prefix in find_uncovered(after.controllers, before.controllers):
        yield WiderAnchor(AnchorName.CONTROLLERS, f"{prefix} is new; before: {_words(before.controllers)}")
    if after.management != before.management:
        message = f"the segment is {after.management}; before: {before.management}"
        yield WiderAnchor(AnchorName.MANAGEMENT, message)
    for entry in after.management_entries:
        if entry not in before.management_entries:
            yield WiderAnchor(AnchorName.MANAGEMENT, f"{entry} leads into the management segment; it did not before")
    for prefix in find_uncovered(before.reserved, after.reserved):
        yield WiderAnchor(AnchorName.RESERVED, f"{prefix} is not reserved any more; a permit to `internet` reaches it")
    yield from _find_larger(AnchorName.APPLICATIONS, before.applications, after.applications, bounds)
    yield from _find_larger(AnchorName.PLACES, before.places, after.places, PLACE_BOUNDS)
    yield from _find_new_claims(before, after)


def _find_new_claims(before: Anchors, after: Anchors) -> Iterator[WiderAnchor]:
    """What passes without a rule, and what proofs are told of routers."""
    for need in after.necessities or ():
        if before.necessities is None or not any(known.covers(need) for known in before.necessities):
            yield WiderAnchor(
                AnchorName.NECESSITIES, f"{need} passes at every school without a rule; it did not before"
            )
    for router, kept in (after.keeps_state or {}).items():
        known = (before.keeps_state or {}).get(router)
        if known != kept:
            message = f"the router of {router} is said to keep the state of TCP ({kept}); before: {known or 'not said'}"
            yield WiderAnchor(AnchorName.STATEFUL, message)


def _find_larger(
    name: AnchorName,
    before: Mapping[str, tuple[Prefix, ...]],
    after: Mapping[str, tuple[Prefix, ...]],
    bounds: CloudBounds,
) -> Iterator[WiderAnchor]:
    for owner, prefixes in after.items():
        known = before.get(owner, ())
        for family in Family:
            bound = bounds.get_length(family)
            # Merged first: many small blocks side by side are one large one.
            new = find_uncovered(merge_prefixes(one for one in prefixes if one.version == family), known)
            large = [one for one in new if one.prefixlen < bound]
            for prefix in large:
                yield WiderAnchor(name, f"{owner} has {prefix}, more than a /{bound}; it had not before")
            # Small blocks that lie apart prove as much as one large block.
            if not large and exceeds_block(prefixes, family, bound, known):
                count = count_new_addresses(prefixes, known, family)
                yield WiderAnchor(name, f"{owner} has {count:,} new addresses of IPv{family}, more than a /{bound} has")


def find_uncovered(prefixes: Iterable[Prefix], cover: Iterable[Prefix]) -> Iterator[Prefix]:
    """Yield the prefixes that do not lie wholly in the addresses of `cover`.

    >>> from controller.model.network.packets import parse_prefix
    >>> cover = [parse_prefix("10.0.0.0/9"), parse_prefix("10.128.0.0/9")]
    >>> list(find_uncovered([parse_prefix("10.0.0.0/8"), parse_prefix("9.0.0.0/8")], cover))
    [IPv4Network('9.0.0.0/8')]
    """
    covered = PrefixCover(cover)
    for prefix in prefixes:
        if not covered.covers(prefix):
            yield prefix


def _order(prefix: Prefix) -> tuple[int, int, int]:
    return prefix.version, int(prefix.network_address), prefix.prefixlen


def _words(prefixes: Iterable[Prefix]) -> str:
    return ", ".join(map(str, prefixes)) or "none"
