"""Addresses by formula: every block inside the one above it, and no two over one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.errors import Origin, Problem
from controller.model.city import City, school_prefix, segment_prefix
from controller.model.flow import Family, Prefix, bounds
from controller.model.schools import School


@dataclass(frozen=True, slots=True)
class _Block:
    prefix: Prefix
    what: str
    origin: Origin


def addressing_problems(city: City) -> list[Problem]:
    """Blocks outside the one above them, and blocks that overlap, each naming both sides."""
    problems: list[Problem] = []
    blocks: list[_Block] = []
    for school in city.schools:
        for family in Family:
            try:
                block = school_prefix(city.file, school, family)
            except ValueError as error:
                problems.append(Problem(school.origin, "number", str(error)))
                continue
            blocks.append(_Block(block, f"school {school.id}", school.origin))
    problems += _overlaps([*blocks, *_data_centre(city)])
    problems += _overlaps(_egress_blocks(city))
    if city.schools and not problems:
        problems += _segment_problems(city, city.schools[0])
        moved = [school for school in city.schools if school.ipv4 or school.ipv6]
        problems += [problem for school in moved for problem in _segment_problems(city, school)]
    return problems


def _data_centre(city: City) -> Iterator[_Block]:
    """What the city runs outside its schools: its controllers and the applications on its own premises."""
    for controller in city.file.controllers:
        yield _Block(controller, "a controller", Origin(f"{city.directory}/city/city.yaml", 1))
    for application in city.applications.values():
        for address in dict.fromkeys(application.addresses):
            if not any(address == other for other in city.file.controllers):
                yield _Block(address, f"application {application.id}", application.origin)


def _egress_blocks(city: City) -> Iterator[_Block]:
    """What proves a school must prove one school only."""
    for school in city.schools:
        for egress in dict.fromkeys((*school.lines.primary.egress, *school.lines.backup.egress)):
            yield _Block(egress, f"the egress of school {school.id}", school.origin)


def _overlaps(blocks: Iterable[_Block]) -> Iterator[Problem]:
    """Neighbours in address order overlap exactly when any two blocks do."""
    ordered = sorted(blocks, key=lambda block: (block.prefix.version, *bounds(block.prefix)))
    widest: _Block | None = None
    for block in ordered:
        same_family = widest is not None and widest.prefix.version == block.prefix.version
        if widest is not None and same_family and bounds(block.prefix)[0] <= bounds(widest.prefix)[1]:
            if not _may_share(widest, block):
                message = f"{block.prefix} of {block.what} overlaps {widest.prefix} of {widest.what} ({widest.origin})"
                yield Problem(block.origin, "", message)
            if bounds(block.prefix)[1] <= bounds(widest.prefix)[1]:
                continue
        widest = block


def _may_share(one: _Block, other: _Block) -> bool:
    """Applications may live on one address; whether their rules allow that is another question."""
    return one.what.startswith("application") and other.what.startswith("application")


def _segment_problems(city: City, school: School) -> Iterator[Problem]:
    for family in Family:
        block = school_prefix(city.file, school, family)
        blocks = []
        for segment in city.segments.values():
            try:
                subnet = segment_prefix(block, segment)
            except ValueError as error:
                field = "ipv4.offset" if family is Family.V4 else "ipv6-subnet"
                yield Problem(segment.origin, field, f"does not fit its length: {error}")
                continue
            if bounds(subnet)[0] < bounds(block)[0] or bounds(subnet)[1] > bounds(block)[1]:
                message = f"{subnet} of segment {segment.id} lies outside {block} of school {school.id}"
                yield Problem(segment.origin, "ipv4.offset" if family is Family.V4 else "ipv6-subnet", message)
            blocks.append(_Block(subnet, f"segment {segment.id}", segment.origin))
        yield from _overlaps(blocks)
