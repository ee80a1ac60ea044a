"""A policy within its bounds: controllers, reserved ranges and the addresses that stacks say they have."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from controller.errors import Problem
from controller.model.city import City
from controller.model.loading.policy_reader import FindOrigin
from controller.model.network.packets import Family, Prefix
from controller.model.policy_bounds import CONTROLLER_LENGTHS, PolicyBounds
from controller.model.policy_files import CITY, OUTPUTS

_GLOBAL_IPV6 = IPv6Network("2000::/3")
_OPERATORS = "the operators' file"


def find_bound_problems(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> list[Problem]:
    """Return what of a policy is wider than its bounds."""
    return [
        *_check_controllers(city, bounds, find_origin),
        *_check_reserved(city, bounds, find_origin),
        *_check_outputs(city, bounds, find_origin),
    ]


def _check_controllers(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> Iterator[Problem]:
    given = PrefixCover(bounds.controllers)
    for number, prefix in enumerate(city.controllers):
        if bounds.controllers:
            reason = "" if given.covers(prefix) else f"is none of the controllers of {_OPERATORS}"
        elif prefix.prefixlen < (length := CONTROLLER_LENGTHS[Family(prefix.version)]):
            reason = f"has more addresses than a /{length}; name the controllers in {_OPERATORS}"
        else:
            public = prefix.is_global or prefix.is_multicast
            reason = f"is public; name the controllers in {_OPERATORS} if they have public addresses" if public else ""
        if reason:
            yield Problem(find_origin(CITY, f"controllers.{number}"), f"controllers.{number}", f"{prefix} {reason}")
    for family, length in () if bounds.controllers else CONTROLLER_LENGTHS.items():
        # Many blocks, each of them small, are a large one.
        if exceeds_block(city.controllers, family, length):
            message = f"have more addresses together than a /{length} of IPv{family}; name them in {_OPERATORS}"
            yield Problem(find_origin(CITY, "controllers"), "controllers", message)


def _check_reserved(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> Iterator[Problem]:
    reserved = PrefixCover(city.settings.reserved)
    for prefix in bounds.reserved:
        if Family(prefix.version) in city.families and not reserved.covers(prefix):
            message = f"{prefix} must stand here: it is never internet (`reserved` of {_OPERATORS}, or its default)"
            yield Problem(find_origin(CITY, "reserved"), "reserved", message)


def _check_outputs(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> Iterator[Problem]:
    reserved = PrefixCover((*bounds.reserved, *city.settings.reserved))
    within = PrefixCover(bounds.cloud_within or (Family.V4.everything, Family.V6.everything))
    for name, placed in city.outputs.applications.items():
        for prefix in (*placed.ipv4, *placed.ipv6):
            field = f"applications.{name}.ipv{prefix.version}"
            reason = _judge_address(prefix, bounds, reserved, within)
            if reason:
                yield Problem(find_origin(OUTPUTS, field), field, f"{prefix} {reason}")
        for family, length in bounds.cloud_lengths.items():
            if exceeds_block((*placed.ipv4, *placed.ipv6), family, length):
                field = f"applications.{name}.ipv{family}"
                yield Problem(find_origin(OUTPUTS, field), field, f"its blocks together: {_more_than(length)}")


def _judge_address(prefix: Prefix, bounds: PolicyBounds, reserved: PrefixCover, within: PrefixCover) -> str:
    length = bounds.cloud_lengths[Family(prefix.version)]
    if prefix.prefixlen < length:
        return _more_than(length)
    if prefix.is_multicast or (isinstance(prefix, IPv6Network) and not prefix.subnet_of(_GLOBAL_IPV6)):
        return "is no global unicast address"
    if reserved.overlaps(prefix):
        return "is no global unicast address: it is reserved"
    if not within.covers(prefix):
        return f"lies outside `cloud-bounds.within` of {_OPERATORS}"
    return ""


def _more_than(length: int) -> str:
    return f"has more addresses than a /{length}, the most that a cloud application may have (`cloud-bounds`)"


class PrefixCover:
    """The addresses of some prefixes; tells quickly if another prefix lies wholly in them.

    >>> PrefixCover([parse_prefix("10.0.0.0/9"), parse_prefix("10.128.0.0/9")]).covers(parse_prefix("10.0.0.0/8"))
    True
    """

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        self._blocks: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for one in merge_prefixes(prefixes):
            self._blocks[one.version].append((int(one.network_address), int(one.broadcast_address)))

    def covers(self, prefix: Prefix) -> bool:
        """Tell if every address of a prefix is among them."""
        blocks = self._blocks[prefix.version]
        # The last block that begins no later; merged blocks are in order and apart.
        at = bisect_right(blocks, int(prefix.network_address), key=lambda block: block[0]) - 1
        return at >= 0 and int(prefix.broadcast_address) <= blocks[at][1]

    def overlaps(self, prefix: Prefix) -> bool:
        """Tell if an address of a prefix is among them."""
        blocks = self._blocks[prefix.version]
        at = bisect_right(blocks, int(prefix.broadcast_address), key=lambda block: block[0]) - 1
        return at >= 0 and int(prefix.network_address) <= blocks[at][1]


def merge_prefixes(prefixes: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """Return the fewest prefixes with the same addresses, so that a covered prefix lies in one of them."""
    known = tuple(prefixes)
    return (
        *collapse_addresses(one for one in known if isinstance(one, IPv4Network)),
        *collapse_addresses(one for one in known if isinstance(one, IPv6Network)),
    )


def count_new_addresses(prefixes: Iterable[Prefix], before: Iterable[Prefix], family: Family) -> int:
    """Return how many addresses of a family some prefixes have that others do not have.

    >>> count_new_addresses([parse_prefix("10.0.0.0/28"), parse_prefix("10.9.0.0/28")],
    ...                     [parse_prefix("10.0.0.0/29")], Family.V4)
    24
    """
    old = [one for one in before if one.version == family]
    new = [one for one in prefixes if one.version == family]
    return _count_addresses((*old, *new)) - _count_addresses(old)


def _count_addresses(prefixes: Iterable[Prefix]) -> int:
    return sum(one.num_addresses for one in merge_prefixes(prefixes))


def exceeds_block(prefixes: Iterable[Prefix], family: Family, length: int, before: Iterable[Prefix] = ()) -> bool:
    """Tell if prefixes have more new addresses of a family together than one block of a length has."""
    return count_new_addresses(prefixes, before, family) > 1 << (family.bits - length)
