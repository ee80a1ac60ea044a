"""Entries of access lists as sets of packets, destinations and ports: what rules are learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, summarize_address_range

from controller.model.network.device_state import Entry
from controller.model.network.packets import (
    ANY_PORTS,
    Family,
    Interval,
    Prefix,
    get_bounds,
    merge_intervals,
    subtract_interval,
)
from controller.prove.engine.diagram import HeaderSpace, Node

Intervals = tuple[Interval, ...]
Rectangle = tuple[Intervals, Interval]
"""Destinations, and the ports there."""


def find_entry_line(entry: Entry) -> int:
    """Return the line that an entry stands in; 0 for one that the system adds by itself."""
    return int(entry.origin) if entry.origin.isdecimal() else 0


def describe_learnt_entry(entry: Entry) -> str:
    """Return what an entry is about, in a few words."""
    word = {None: "every protocol", 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
    protocol = word.get(entry.match.protocol, f"protocol {entry.match.protocol}")
    return f"{protocol} to {entry.match.destination if entry.match.destination.prefixlen else 'any'}"


def list_prefixes(family: Family, intervals: Intervals) -> Iterator[Prefix]:
    """Yield the prefixes that intervals of addresses are made of."""
    for low, high in intervals:
        if family is Family.V4:
            yield from summarize_address_range(IPv4Address(low), IPv4Address(high))
        else:
            yield from summarize_address_range(IPv6Address(low), IPv6Address(high))


def do_intervals_meet(one: Intervals, other: Intervals) -> bool:
    """Tell if two lists of intervals share a value."""
    return any(low <= last and first <= high for low, high in one for first, last in other)


def subtract_all(intervals: Intervals, taken: Iterable[Interval]) -> Intervals:
    """Return intervals without others.

    >>> subtract_all(((0, 9),), [(2, 3), (8, 12)])
    ((0, 1), (4, 7))
    """
    for low, high in taken:
        intervals = subtract_interval(intervals, low, high)
    return intervals


def intersect_intervals(one: Intervals, other: Intervals) -> Intervals:
    """Return what two lists of intervals share.

    >>> intersect_intervals(((0, 5), (8, 9)), ((4, 8),))
    ((4, 5), (8, 8))
    """
    shared = [(max(low, first), min(high, last)) for low, high in one for first, last in other]
    return merge_intervals((low, high) for low, high in shared if low <= high)


def covers_sources(entry: Entry, own: Intervals) -> bool:
    """Tell if an entry is for all hosts of a segment."""
    low, high = get_bounds(entry.match.source)
    return all(low <= first and last <= high for first, last in own)


def is_plain_entry(entry: Entry, own: Intervals) -> bool:
    """Tell if an entry treats all hosts of the segment and all their ports alike."""
    return covers_sources(entry, own) and entry.match.source_ports == ANY_PORTS and not entry.match.established


def build_entry_set(space: HeaderSpace, entry: Entry) -> Node:
    """Return the packets of an entry, whatever its list says before it."""
    match = entry.match
    protocols = ((0, 255),) if match.protocol is None else ((match.protocol, match.protocol),)
    state = ((1, 1),) if match.established else ((0, 1),)
    ends = (get_bounds(match.source),), (get_bounds(match.destination),)
    return space.cube((protocols, *ends, (match.source_ports,), (match.destination_ports,), state))


def list_rectangles(entry: Entry, protocol: int, denied: Iterable[Entry]) -> list[Rectangle]:
    """Return what an entry permits of a protocol without what was denied before it, as destinations and ports."""
    found: list[Rectangle] = [((get_bounds(entry.match.destination),), entry.match.destination_ports)]
    for one in denied:
        if one.match.protocol in (None, protocol):
            found = [part for rectangle in found for part in _subtract(rectangle, one)]
    return found


def _subtract(rectangle: Rectangle, denied: Entry) -> Iterator[Rectangle]:
    destinations, (low, high) = rectangle
    first, last = denied.match.destination_ports
    hidden = get_bounds(denied.match.destination)
    if last < low or high < first or not do_intervals_meet(destinations, (hidden,)):
        yield rectangle
        return
    if low < first:
        yield destinations, (low, first - 1)
    if last < high:
        yield destinations, (last + 1, high)
    left = subtract_interval(destinations, *hidden)
    if left:
        yield left, (max(low, first), min(high, last))
