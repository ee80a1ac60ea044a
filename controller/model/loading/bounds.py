"""A policy within its bounds: controllers, reserved ranges and the addresses that stacks say they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from controller.errors import Problem
from controller.model.city import City
from controller.model.loading.policy_reader import FindOrigin
from controller.model.network.packets import Family, Prefix, parse_prefix
from controller.model.policy_bounds import CONTROLLER_LENGTHS, PolicyBounds
from controller.model.policy_files import CITY, OUTPUTS

_GLOBAL_IPV6 = parse_prefix("2000::/3")
_OPERATORS = "the operators' file"


def find_bound_problems(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> list[Problem]:
    """Return what of a policy is wider than its bounds."""
    return [
        *_check_controllers(city, bounds, find_origin),
        *_check_reserved(city, bounds, find_origin),
        *_check_outputs(city, bounds, find_origin),
    ]


def _check_controllers(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> Iterator[Problem]:
    for number, prefix in enumerate(city.controllers):
        if bounds.controllers:
            reason = "" if covers(bounds.controllers, prefix) else f"is none of the controllers of {_OPERATORS}"
        elif prefix.prefixlen < (length := CONTROLLER_LENGTHS[Family(prefix.version)]):
            reason = f"has more addresses than a /{length}; name the controllers in {_OPERATORS}"
        else:
            public = prefix.is_global or prefix.is_multicast
            reason = f"is public; name the controllers in {_OPERATORS} if they have public addresses" if public else ""
        if reason:
            yield Problem(find_origin(CITY, f"controllers.{number}"), f"controllers.{number}", f"{prefix} {reason}")


def _check_reserved(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> Iterator[Problem]:
    for prefix in bounds.reserved:
        if not covers(city.settings.reserved, prefix):
            message = f"{prefix} must stand here: it is never internet (`reserved` of {_OPERATORS}, or its default)"
            yield Problem(find_origin(CITY, "reserved"), "reserved", message)


def _check_outputs(city: City, bounds: PolicyBounds, find_origin: FindOrigin) -> Iterator[Problem]:
    reserved = merge_prefixes((*bounds.reserved, *city.settings.reserved))
    for name, placed in city.outputs.applications.items():
        for prefix in (*placed.ipv4, *placed.ipv6):
            field = f"applications.{name}.ipv{prefix.version}"
            reason = _judge_address(prefix, bounds, reserved)
            if reason:
                yield Problem(find_origin(OUTPUTS, field), field, f"{prefix} {reason}")


def _judge_address(prefix: Prefix, bounds: PolicyBounds, reserved: Iterable[Prefix]) -> str:
    length = bounds.cloud_lengths[Family(prefix.version)]
    if prefix.prefixlen < length:
        return f"has more addresses than a /{length}, the most that a cloud application may have (`cloud-bounds`)"
    if prefix.is_multicast or (isinstance(prefix, IPv6Network) and not covers([_GLOBAL_IPV6], prefix)):
        return "is no global unicast address"
    if any(prefix.version == one.version and _overlap(prefix, one) for one in reserved):
        return "is no global unicast address: it is reserved"
    if bounds.cloud_within and not covers(bounds.cloud_within, prefix):
        return f"lies outside `cloud-bounds.within` of {_OPERATORS}"
    return ""


def _overlap(one: Prefix, other: Prefix) -> bool:
    first, last = int(one.network_address), int(one.broadcast_address)
    return first <= int(other.broadcast_address) and int(other.network_address) <= last


def covers(prefixes: Iterable[Prefix], prefix: Prefix) -> bool:
    """Tell if every address of a prefix lies in these.

    >>> covers([parse_prefix("10.0.0.0/9"), parse_prefix("10.128.0.0/9")], parse_prefix("10.0.0.0/8"))
    True
    """
    return any(_lies_in(prefix, one) for one in merge_prefixes(prefixes))


def merge_prefixes(prefixes: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """Return the fewest prefixes with the same addresses, so that a covered prefix lies in one of them."""
    known = tuple(prefixes)
    return (
        *collapse_addresses(one for one in known if isinstance(one, IPv4Network)),
        *collapse_addresses(one for one in known if isinstance(one, IPv6Network)),
    )


def _lies_in(prefix: Prefix, other: Prefix) -> bool:
    if isinstance(prefix, IPv4Network):
        return isinstance(other, IPv4Network) and prefix.subnet_of(other)
    return isinstance(other, IPv6Network) and prefix.subnet_of(other)
