"""The same ordered filter in fewer entries: for sets that are larger than a platform takes.

Entries of one effect that follow one another may change places, so they are put together there: neighbours and
overlaps of prefixes and of port ranges become one, and what another entry of the run covers goes. Every step is exact:
no packet is judged otherwise. That is proved again for every filter, after it was rendered and parsed back.

A filter that fits is left as it is: a line for each rule and prefix is what people can review, and what they find
changed when a rule changes. An entry that came of many keeps the names of all their rules.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from itertools import groupby
from typing import TypeVar

from controller.model.network.device_state import Entry
from controller.model.network.packets import ANY_PORTS, Interval, Match, Ports, Prefix, Protocol, merge_intervals

_PORTED = (Protocol.TCP, Protocol.UDP)
Value = TypeVar("Value", Prefix, Ports)
Rest = tuple[Hashable, ...]


def aggregate_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of a filter, as few as this finds, with the same meaning.

    >>> everywhere = Family.V4.everything
    >>> ends = [parse_prefix("10.0.0.0/25"), parse_prefix("10.0.0.128/25")]
    >>> entries = [Entry(Effect.PERMIT, Match(Family.V4, 6, end, everywhere), f"rule-{end[1]}") for end in ends]
    >>> [(str(one.match.source), one.origin) for one in aggregate_entries(entries)]
    [('10.0.0.0/24', 'rule-10.0.0.1, rule-10.0.0.129')]
    """
    found = _reached(entries)
    # Every turn but the last removes an entry, so there are no more turns than entries.
    for _ in entries:
        runs = groupby(found, key=lambda entry: entry.effect)
        fewer = _reached(_once(entry for _, run in runs for entry in _fewest(list(run))))
        if len(fewer) == len(found):
            return fewer
        found = fewer
    return found


def _reached(entries: Sequence[Entry]) -> list[Entry]:
    """Up to the first entry that every packet meets; nothing comes to those behind it, whose rules it names, too."""
    for number, entry in enumerate(entries):
        everything = entry.match.family.everything
        if entry.match == Match(entry.match.family, None, everything, everything):
            return [*entries[:number], replace(entry, origin=_origins(entries[number:]))]
    return list(entries)


def _once(entries: Iterable[Entry]) -> list[Entry]:
    """Without entries that stand already further up: no packet comes to them, and a device would not keep them."""
    first: dict[Entry, list[Entry]] = {}
    for entry in entries:
        first.setdefault(entry, []).append(entry)
    return [replace(one, origin=_origins(same)) for one, same in first.items()]


def _fewest(run: list[Entry]) -> list[Entry]:
    """Each turn joins along one dimension; it ends because every turn that goes on has removed an entry."""
    for _ in tuple(run):
        before = len(run)
        run = _joined(run, _other_sources, lambda match: match.source, _prefixes, _with_source)
        run = _joined(run, _other_destinations, lambda match: match.destination, _prefixes, _with_destination)
        run = _joined(run, _other_ports, lambda match: match.destination_ports, merge_intervals, _with_ports)
        run = _joined(run, _other_source_ports, lambda match: match.source_ports, merge_intervals, _with_source_ports)
        run = _uncovered(run)
        if len(run) == before:
            break
    return run


def _joined(
    run: Iterable[Entry],
    rest: Callable[[Match], Rest | None],
    value: Callable[[Match], Value],
    union: Callable[[Iterable[Value]], Sequence[Value]],
    put: Callable[[Match, Value], Match],
) -> list[Entry]:
    """Entries that differ in one value only, put together where their values can be; order is that of the first."""
    groups: dict[Rest, list[Entry]] = {}
    for number, entry in enumerate(run):
        groups.setdefault(rest(entry.match) or (number,), []).append(entry)
    return [one for group in groups.values() for one in _unite(group, value, union, put)]


def _unite(
    group: list[Entry],
    value: Callable[[Match], Value],
    union: Callable[[Iterable[Value]], Sequence[Value]],
    put: Callable[[Match, Value], Match],
) -> Iterator[Entry]:
    fewer = union(value(entry.match) for entry in group) if len(group) > 1 else ()
    if not fewer or len(fewer) >= len(group):
        yield from group
        return
    # Both are in order of where they begin, and each old value lies in exactly one of the new ones.
    waiting = sorted(group, key=lambda entry: _first(value(entry.match)))
    for one in sorted(fewer, key=_first):
        inside = [entry for entry in waiting if _last(value(entry.match)) <= _last(one)]
        waiting = waiting[len(inside) :]
        yield Entry(group[0].effect, put(group[0].match, one), _origins(inside))


def _origins(entries: Iterable[Entry]) -> str:
    return ", ".join(dict.fromkeys(name for entry in entries for name in entry.origin.split(", ")))


def _first(value: Prefix | Ports) -> int:
    return value[0] if isinstance(value, tuple) else int(value.network_address)


def _last(value: Prefix | Ports) -> int:
    return value[1] if isinstance(value, tuple) else int(value.broadcast_address)


def _prefixes(networks: Iterable[Prefix]) -> list[Prefix]:
    found = list(networks)
    return [
        *collapse_addresses(one for one in found if isinstance(one, IPv4Network)),
        *collapse_addresses(one for one in found if isinstance(one, IPv6Network)),
    ]


def _other_sources(match: Match) -> Rest:
    return match.protocol, match.destination, match.source_ports, match.destination_ports, match.established


def _other_destinations(match: Match) -> Rest:
    return match.protocol, match.source, match.source_ports, match.destination_ports, match.established


def _other_ports(match: Match) -> Rest | None:
    """None for ICMP: no vendor's filter takes a range of types."""
    if match.protocol not in _PORTED:
        return None
    return match.protocol, match.source, match.destination, match.source_ports, match.established


def _other_source_ports(match: Match) -> Rest | None:
    if match.protocol not in _PORTED:
        return None
    return match.protocol, match.source, match.destination, match.destination_ports, match.established


def _with_source(match: Match, value: Prefix) -> Match:
    return replace(match, source=value)


def _with_destination(match: Match, value: Prefix) -> Match:
    return replace(match, destination=value)


def _with_ports(match: Match, value: Ports) -> Match:
    return replace(match, destination_ports=value)


def _with_source_ports(match: Match, value: Ports) -> Match:
    return replace(match, source_ports=value)


def _uncovered(run: list[Entry]) -> list[Entry]:
    """Without entries that another one of the run covers; of two equal ones the first stays.

    The wider prefixes are looked up by the lengths that occur, so that this does not compare each with each.
    """
    by_ends: dict[tuple[Prefix, Prefix], list[int]] = {}
    for number, entry in enumerate(run):
        by_ends.setdefault((entry.match.source, entry.match.destination), []).append(number)
    sources = sorted({entry.match.source.prefixlen for entry in run})
    destinations = sorted({entry.match.destination.prefixlen for entry in run})
    gone: dict[int, int] = {}
    for number, entry in enumerate(run):
        wider = (
            other
            for source in _wider(entry.match.source, sources)
            for destination in _wider(entry.match.destination, destinations)
            for other in by_ends.get((source, destination), ())
        )
        cover = next((other for other in wider if other != number and _covers(run, other, number)), None)
        if cover is not None:
            gone[number] = cover
    return [_credited(run, number, gone) for number in range(len(run)) if number not in gone]


def _wider(network: Prefix, lengths: Iterable[int]) -> Iterator[Prefix]:
    return (network.supernet(new_prefix=length) for length in lengths if length <= network.prefixlen)


def _covers(run: Sequence[Entry], one: int, other: int) -> bool:
    """Tell whether an entry makes another one idle; equal ones make the later idle only, so that one of them stays."""
    wide, narrow = run[one].match, run[other].match
    if wide == narrow:
        return one < other
    return (
        wide.protocol in (None, narrow.protocol)
        and _holds(wide.source_ports, narrow.source_ports)
        and _holds(wide.destination_ports, narrow.destination_ports)
        and (narrow.established or not wide.established)
    )


def _holds(wide: Interval, narrow: Interval) -> bool:
    return wide == ANY_PORTS or (wide[0] <= narrow[0] and narrow[1] <= wide[1])


def _credited(run: Sequence[Entry], number: int, gone: dict[int, int]) -> Entry:
    """The entry, with the rules of those that it made idle."""
    idle = [run[other] for other, cover in gone.items() if _root(cover, gone) == number]
    return replace(run[number], origin=_origins([run[number], *idle])) if idle else run[number]


def _root(number: int, gone: dict[int, int]) -> int:
    # No entry is covered by one that it covers, so this ends before every entry was met.
    for _ in gone:
        if number not in gone:
            break
        number = gone[number]
    return number
