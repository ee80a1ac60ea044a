"""Addresses by formula: each used family has its parts, every block is inside the one above it, no two overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.errors import Origin, Problem
from controller.model.address_plan import compute_school_prefix, compute_segment_prefix
from controller.model.city import City
from controller.model.loading.policy_reader import FindOrigin
from controller.model.network.packets import Family, Prefix, get_bounds, parse_prefix
from controller.model.policy_files import ADMISSION, CITY, LINES
from controller.model.sites.access_lines import FIRST_SCHOOL, PRIVATE_ASN
from controller.model.sites.devices import FIRST_DEVICE
from controller.model.sites.schools import School

SEGMENT_PARTS = {
    Family.V4: ("ipv4", "ipv4: {offset: 0.0.16.0, length: 24}"),
    Family.V6: ("ipv6-subnet", "ipv6-subnet: 16"),
}
"""The field of a segment that is its part of a family, and an example of it."""
TRANSIT_PARTS = {Family.V4: "ipv4-offset and ipv4-length", Family.V6: "ipv6-subnet"}


@dataclass(frozen=True, slots=True)
class _Block:
    prefix: Prefix
    what: str
    origin: Origin


def find_addressing_problems(city: City, find_origin: FindOrigin) -> list[Problem]:
    """Blocks outside the one above them, and blocks that overlap, each naming both sides."""
    problems: list[Problem] = []
    blocks: list[_Block] = []
    for school in city.schools:
        for family in city.families:
            try:
                block = compute_school_prefix(city.settings, school, family)
            except ValueError as error:
                problems.append(Problem(school.origin, "number", str(error)))
                continue
            blocks.append(_Block(block, f"school {school.id}", school.origin))
            blocks += _own_prefixes(school, block)
    problems += _overlaps([*blocks, *_outside(city, find_origin), *_links(city, find_origin)])
    problems += _overlaps(_egress_blocks(city))
    problems += _line_problems(city, find_origin)
    problems += _management_problems(city)
    if not problems:
        # By the formula one school is as good as any other.
        moved = [school for school in city.schools if school.ipv4 or school.ipv6 or school.segments]
        others = [school for school in city.schools if not (school.ipv4 or school.ipv6 or school.segments)]
        told: set[tuple[Origin, str]] = set()
        for school in (*others[:1], *moved):
            for problem in _segment_problems(city, school, find_origin):
                # What the formula itself does wrong is said once, not for every school that is looked at.
                if not problem.field or (problem.origin, problem.field) not in told:
                    problems.append(problem)
                told.add((problem.origin, problem.field))
    return problems


def _own_prefixes(school: School, block: Prefix) -> Iterator[_Block]:
    """The prefixes that segments have outside of their school's block; those inside are compared at the school."""
    for segment in school.segments:
        prefix = segment.get_prefix(Family(block.version))
        if prefix is not None and not _is_inside(prefix, block):
            yield _Block(prefix, f"segment {segment.id} of school {school.id}", segment.origin)


def _is_inside(one: Prefix, block: Prefix) -> bool:
    (low, high), (first, last) = get_bounds(one), get_bounds(block)
    return first <= low and high <= last


def _outside(city: City, find_origin: FindOrigin) -> Iterator[_Block]:
    """What stands outside the schools: controllers, and applications that have addresses of their own."""
    for controller in city.controllers:
        yield _Block(controller, "a controller", find_origin(CITY, "controllers"))
    for server in city.admission_servers:
        yield _Block(parse_prefix(str(server)), "an admission server", find_origin(ADMISSION, "servers"))
    for system in city.systems.values():
        for own in system.addresses:
            yield _Block(own, f"system {system.id}", system.origin)
    for application in city.applications.values():
        if application.segment or application.belongs_to:
            continue
        for address in dict.fromkeys(city.addresses.destination_addresses(application.id, city.schools[0]).included):
            if not any(address == other for other in city.controllers):
                yield _Block(address, f"application {application.id}", application.origin)


def _links(city: City, find_origin: FindOrigin) -> Iterator[_Block]:
    for line in city.lines.names:
        for family in city.families:
            origin = find_origin(LINES, f"links.{line}.ipv{int(family)}")
            yield _Block(city.lines.get_link(line).get_prefix(family), f"the {line} lines", origin)


def _line_problems(city: City, find_origin: FindOrigin) -> Iterator[Problem]:
    """Every school's router needs an address of its own on each link, and an autonomous system of its own."""
    lines = city.lines
    highest = max(city.schools, key=lambda school: school.number)
    for line in city.lines.names:
        for family in city.families:
            network = lines.get_link(line).get_prefix(family)
            # The last address of an IPv4 network is its broadcast address.
            last = get_bounds(network)[1] - (1 if family is Family.V4 else 0)
            if int(network.network_address) + FIRST_SCHOOL + highest.number > last:
                message = f"{network} has no host number {FIRST_SCHOOL + highest.number} for school {highest.id}"
                yield Problem(find_origin(LINES, f"links.{line}.ipv{int(family)}"), f"links.{line}", message)
    if lines.get_asn(highest) > PRIVATE_ASN[1]:
        message = (
            f"school {highest.id} would be {lines.get_asn(highest)}; private systems end at {PRIVATE_ASN[1]} (RFC 6996)"
        )
        yield Problem(find_origin(LINES, "school-asn-base"), "school-asn-base", message)
    schools = {lines.get_asn(school): school for school in city.schools}
    for region in lines.regions:
        if region.asn in schools:
            message = f"{region.asn} is the autonomous system of school {schools[region.asn].id}"
            yield Problem(region.origin, "asn", message)


def _egress_blocks(city: City) -> Iterator[_Block]:
    """What proves a school, or an office, must prove one only."""
    for school in city.schools:
        for egress in school.lines.egress:
            yield _Block(egress, f"the egress of school {school.id}", school.origin)
    for office in city.offices:
        for egress in dict.fromkeys(office.egress):
            yield _Block(egress, f"the egress of office {office.id}", office.origin)


def _overlaps(blocks: Iterable[_Block]) -> Iterator[Problem]:
    """Neighbours in address order overlap exactly when any two blocks do."""
    ordered = sorted(blocks, key=lambda block: (block.prefix.version, *get_bounds(block.prefix)))
    widest: _Block | None = None
    for block in ordered:
        same_family = widest is not None and widest.prefix.version == block.prefix.version
        if widest is not None and same_family and get_bounds(block.prefix)[0] <= get_bounds(widest.prefix)[1]:
            if not _may_share(widest, block):
                message = f"{block.prefix} of {block.what} overlaps {widest.prefix} of {widest.what} ({widest.origin})"
                yield Problem(block.origin, "", message)
            if get_bounds(block.prefix)[1] <= get_bounds(widest.prefix)[1]:
                continue
        widest = block


def _may_share(one: _Block, other: _Block) -> bool:
    """Applications may live on one address; whether their rules allow that is another question."""
    return one.what.startswith("application") and other.what.startswith("application")


def _management_problems(city: City) -> Iterator[Problem]:
    """Devices take addresses of the management segment; the largest blueprint must have room there."""
    segment = city.segments[city.management_segment]
    # An IPv6 subnet has room for every blueprint.
    room = 0 if segment.ipv4 is None else (1 << (Family.V4.bits - segment.ipv4.length)) - 1 - FIRST_DEVICE
    for blueprint in city.blueprints.blueprints if segment.ipv4 else ():
        devices = sum(group.managed for group in blueprint.devices)
        if devices > room:
            message = (
                f"the management segment has room for {max(room, 0)} devices from its address {FIRST_DEVICE} on; "
                f"blueprint {blueprint.id} ({blueprint.origin}) has {devices}"
            )
            yield Problem(segment.origin, "ipv4.length", message)
    for school in city.schools:
        own = school.find_segment(segment.id)
        if own is not None and own.ipv4 is not None:
            room = (1 << (Family.V4.bits - own.ipv4.prefixlen)) - 1 - FIRST_DEVICE
            devices = len(city.list_devices(school))
            if devices > room:
                message = (
                    f"{own.ipv4} has room for {max(room, 0)} devices from its address {FIRST_DEVICE} on; "
                    f"school {school.id} has {devices}"
                )
                yield Problem(own.origin, "ipv4", message)


def _transit_blocks(city: City, own: Prefix, find_origin: FindOrigin) -> Iterator[_Block | Problem]:
    transit = city.settings.transit
    if transit is None:
        return
    origin = find_origin(CITY, "transit")
    for segment in city.segments.values():
        if segment.vlan == transit.vlan:
            yield Problem(origin, "transit.vlan", f"VLAN {transit.vlan} is segment {segment.id}'s ({segment.origin})")
    try:
        subnet = transit.compute_prefix(own)
    except ValueError as error:
        yield Problem(origin, "transit.ipv4-offset", f"does not fit its length: {error}")
        return
    if not _is_inside(subnet, own):
        yield Problem(origin, "transit", f"{subnet} lies outside a school's block, such as {own}")
    yield _Block(subnet, "the link to the router", origin)


def _segment_problems(city: City, school: School, find_origin: FindOrigin) -> Iterator[Problem]:
    for family in city.families:
        block = compute_school_prefix(city.settings, school, family)
        blocks = []
        for found in _transit_blocks(city, block, find_origin):
            if isinstance(found, Problem):
                yield found
            else:
                blocks.append(found)
        for segment in city.segments.values():
            own = school.find_segment(segment.id)
            given = own.get_prefix(family) if own else None
            if own is not None and given is not None:
                if _is_inside(given, block):
                    blocks.append(_Block(given, f"segment {segment.id} of school {school.id}", own.origin))
                continue
            try:
                subnet = compute_segment_prefix(block, segment)
            except ValueError as error:
                field = "ipv4.offset" if family is Family.V4 else "ipv6-subnet"
                yield Problem(segment.origin, field, f"does not fit its length: {error}")
                continue
            if not _is_inside(subnet, block):
                message = f"{subnet} of segment {segment.id} lies outside {block} of school {school.id}"
                yield Problem(segment.origin, "ipv4.offset" if family is Family.V4 else "ipv6-subnet", message)
            blocks.append(_Block(subnet, f"segment {segment.id}", segment.origin))
        yield from _overlaps(blocks)


def find_family_problems(city: City, find_origin: FindOrigin) -> list[Problem]:
    """Return what a family that the city uses lacks, each with its place and what to write there."""
    return [problem for family in city.families for problem in _find_lacking(city, family, find_origin)] + list(
        _find_unreachable_devices(city, find_origin)
    )


def _find_lacking(city: City, family: Family, find_origin: FindOrigin) -> Iterator[Problem]:
    used = f"the city uses IPv{int(family)} (addressing.ipv{int(family)} in city.yaml)"
    field, example = SEGMENT_PARTS[family]
    for segment in city.segments.values():
        if (segment.ipv4 if family is Family.V4 else segment.ipv6_subnet) is None:
            # Where every school has a prefix of its own, there is nothing left for the formula to say.
            lacking = [school for school in city.schools if not _has_own_prefix(school, segment.id, family)]
            if lacking:
                message = f"{used}, and segment {segment.id} has no part of it; write {example}"
                if len(lacking) < len(city.schools):
                    message += f", or a prefix of its own at {lacking[0].id} ({lacking[0].origin})"
                yield Problem(segment.origin, field, message)
    transit = city.settings.transit
    if transit is not None and (transit.ipv4_offset if family is Family.V4 else transit.ipv6_subnet) is None:
        message = f"{used}, and the link to the router has no part of it; write {TRANSIT_PARTS[family]}"
        yield Problem(find_origin(CITY, "transit"), "transit", message)
    for line in city.lines.names:
        if city.lines.get_link(line).find_prefix(family) is None:
            example = "100.64.0.0/19" if family is Family.V4 else "fd74:736e:0:1::/64"
            message = f"{used}, and the {line} lines have no network of it; write one, such as {example}"
            yield Problem(find_origin(LINES, f"links.{line}"), f"links.{line}.ipv{int(family)}", message)


def _has_own_prefix(school: School, segment: str, family: Family) -> bool:
    own = school.find_segment(segment)
    return own is not None and own.get_prefix(family) is not None


def _find_unreachable_devices(city: City, find_origin: FindOrigin) -> Iterator[Problem]:
    family = city.families[0]
    if not any(one.version == family for one in city.controllers):
        message = (
            f"names no IPv{int(family)} address, and devices are managed over IPv{int(family)}; "
            "add the one that Tsunagu's own SSH sessions come from"
        )
        yield Problem(find_origin(CITY, "controllers"), "controllers", message)
