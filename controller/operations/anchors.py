"""The anchors of a policy: what its proofs take for granted, and what a wider one would quietly let in.

"Management comes from the controllers only" holds for any controllers that a policy names; so naming more of them is
no ordinary change. The same goes for the management segment and who is put into it, for what is never internet, and
for large address blocks of applications and places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from controller.model.city import City
from controller.model.loading.bounds import PrefixCover, count_new_addresses, exceeds_block, merge_prefixes
from controller.model.network.device_state import PortRole
from controller.model.network.packets import Family, Prefix
from controller.model.sites.blueprints import DeviceGroup
from controller.model.sites.inventory import ListedDevice
from controller.model.sites.schools import PrefixField
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


class Anchors(BaseModel):
    """The anchors of one policy.

    `management` is the segment by its id, VLAN and subnets, `management_entries` the ports, wireless networks and
    classes of devices that lead into it. `applications` (systems of data flows, too) and `places` have their addresses
    by what they are called.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    controllers: tuple[PrefixField, ...]
    management: PlainText
    management_entries: tuple[PlainText, ...]
    reserved: tuple[PrefixField, ...]
    applications: Mapping[PlainText, tuple[PrefixField, ...]]
    places: Mapping[PlainText, tuple[PrefixField, ...]]


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
    places = {
        f"school {one.id}": tuple(sorted({*one.lines.primary.egress, *one.lines.backup.egress}, key=_order))
        for one in city.schools
    }
    places |= {f"office {one.id}": tuple(sorted(set(one.egress), key=_order)) for one in city.offices}
    segment = city.segments[city.management_segment]
    subnets = f"IPv4 offset {segment.ipv4.offset}/{segment.ipv4.length}, IPv6 subnet {segment.ipv6_subnet}"
    return Anchors(
        controllers=tuple(sorted(city.controllers, key=_order)),
        management=f"{segment.id} (VLAN {segment.vlan}, {subnets})",
        management_entries=tuple(sorted(set(_list_management_entries(city)))),
        reserved=tuple(sorted(city.settings.reserved, key=_order)),
        applications={name: addresses for name, addresses in applications.items() if addresses},
        places={name: addresses for name, addresses in places.items() if addresses},
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
