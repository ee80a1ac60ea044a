"""Each family of addresses that the city uses has what it needs: in each segment, on each line, for the controller."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Problem
from controller.model.city import City
from controller.model.loading.policy_reader import FindOrigin
from controller.model.network.packets import Family
from controller.model.policy_files import CITY, LINES

SEGMENT_PARTS = {
    Family.V4: ("ipv4", "ipv4: {offset: 0.0.16.0, length: 24}"),
    Family.V6: ("ipv6-subnet", "ipv6-subnet: 16"),
}
"""The field of a segment that is its part of a family, and an example of it."""
TRANSIT_PARTS = {Family.V4: "ipv4-offset and ipv4-length", Family.V6: "ipv6-subnet"}


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
            yield Problem(segment.origin, field, f"{used}, and segment {segment.id} has no part of it; write {example}")
    transit = city.settings.transit
    if transit is not None and (transit.ipv4_offset if family is Family.V4 else transit.ipv6_subnet) is None:
        message = f"{used}, and the link to the router has no part of it; write {TRANSIT_PARTS[family]}"
        yield Problem(find_origin(CITY, "transit"), "transit", message)
    for line in city.lines.names:
        if city.lines.get_link(line).find_prefix(family) is None:
            example = "100.64.0.0/19" if family is Family.V4 else "fd74:736e:0:1::/64"
            message = f"{used}, and the {line} lines have no network of it; write one, such as {example}"
            yield Problem(find_origin(LINES, f"links.{line}"), f"links.{line}.ipv{int(family)}", message)


def _find_unreachable_devices(city: City, find_origin: FindOrigin) -> Iterator[Problem]:
    family = city.families[0]
    if not any(one.version == family for one in city.controllers):
        message = (
            f"names no IPv{int(family)} address, and devices are managed over IPv{int(family)}; "
            "add the one that Tsunagu's own SSH sessions come from"
        )
        yield Problem(find_origin(CITY, "controllers"), "controllers", message)
