"""Large blocks of addresses where a few are meant, and what is wider than in the policy that was applied last."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Origin
from controller.model.city import City
from controller.model.loading.bounds import exceeds_block, merge_prefixes
from controller.model.network.packets import Family, Prefix
from controller.model.policy_files import CITY, find_file_start
from controller.operations.anchors import PLACE_BOUNDS, WiderAnchor
from controller.operations.operations import CloudBounds
from controller.prove.lint.finding import Finding, make_warning

OWN_BOUNDS = CloudBounds()
"""Of applications and systems with addresses of their own."""
PUBLISHED_BOUNDS = CloudBounds(ipv4=8, ipv6=24)
"""Vendors publish large blocks, but no half of the internet."""


def find_wide_addresses(city: City) -> Iterator[Finding]:
    """Yield a warning for each block, or all blocks together, larger than what they stand for is likely to have.

    >>> list(find_wide_addresses(city))
    []
    """
    for origin, what, prefixes, bounds in _list_blocks(city):
        large = [one for one in merge_prefixes(prefixes) if one.prefixlen < bounds.get_length(one.version)]
        told = [f"{prefix}, more than a /{bounds.get_length(prefix.version)}" for prefix in large]
        told += [
            f"more IPv{family} addresses together than a /{bounds.get_length(family)}"
            for family in Family
            if not any(one.version == family for one in large)
            and exceeds_block(prefixes, family, bounds.get_length(family))
        ]
        for one in told:
            yield make_warning("wide addresses", origin, f"{what} has {one}; is all of it meant?")


def _list_blocks(city: City) -> Iterator[tuple[Origin, str, tuple[Prefix, ...], CloudBounds]]:
    for school in city.schools:
        yield school.origin, f"the egress of school {school.id}", school.lines.egress, PLACE_BOUNDS
    for office in city.offices:
        yield office.origin, f"the egress of office {office.id}", office.egress, PLACE_BOUNDS
    for system in city.systems.values():
        yield system.origin, f"system {system.id}", system.addresses, OWN_BOUNDS
    for one in city.applications.values():
        if one.prefixes:
            yield one.origin, f"application {one.id}", city.prefix_lists[one.prefixes].prefixes, PUBLISHED_BOUNDS
        else:
            yield one.origin, f"application {one.id}", one.addresses, OWN_BOUNDS


def describe_wider_anchors(city: City, wider: tuple[WiderAnchor, ...]) -> Iterator[Finding]:
    """Yield a warning for each anchor that `apply` would want to be accepted by name.

    >>> list(describe_wider_anchors(city, ()))
    []
    """
    for one in wider:
        message = f"{one}; `tsunagu apply` asks for --accept-wider {one.name}"
        yield make_warning("wider than applied", find_file_start(city.directory, CITY), message)
