"""Intents, and correct filters for them in many forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import summarize_address_range
from itertools import product
from random import Random

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.errors import Origin
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Interval,
    Match,
    Prefix,
    Protocol,
    parse_prefix,
)

POOL = {
    Family.V4: (
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.4.0/24",
        "10.1.5.0/24",
        "10.1.4.7/32",
        "203.0.113.10/32",
    ),
    Family.V6: (
        "::/0",
        "2001:db8::/32",
        "2001:db8:1::/48",
        "2001:db8:1:4::/64",
        "2001:db8:1:5::/64",
        "2001:db8:1:4::7/128",
        "2001:db8:ffff::10/128",
    ),
}
PORTS: tuple[Interval, ...] = (ANY_PORTS, (443, 443), (53, 53), (440, 450), (1024, 65535))


def deny_all(family: Family) -> Entry:
    return Entry(Effect.FORBID, Match(family, None, family.everything, family.everything), "end")


def filter_of(family: Family, entries: Iterable[Entry]) -> Filter:
    return Filter("TSN-10-from-x", 10, Direction.FROM, family, tuple(entries))


def intent_of(family: Family, *clauses: FilterClause) -> FilterIntent:
    return FilterIntent("kw-e01-core1", "staff", 10, Direction.FROM, family, clauses)


def clause(  # noqa: PLR0913 a clause has this many parts
    effect: Effect,
    source: str,
    destination: str,
    ports: Interval = ANY_PORTS,
    *,
    excluded: tuple[str, ...] = (),
    source_ports: Interval = ANY_PORTS,
    protocol: int = Protocol.TCP,
    established: bool = False,
    rule: str = "staff-affairs",
) -> FilterClause:
    sources, destinations = AddressSet((parse_prefix(source),)), (parse_prefix(destination),)
    return FilterClause(
        effect,
        rule,
        Origin("access/rules.yaml", 12),
        Family(sources.included[0].version),
        protocol,
        sources,
        AddressSet(destinations, tuple(parse_prefix(one) for one in excluded)),
        source_ports,
        ports,
        established,
    )


def prefixes_of(addresses: AddressSet, family: Family) -> Iterator[Prefix]:
    for low, high in addresses.get_intervals():
        first, last = parse_prefix(family.format_address(low))[0], parse_prefix(family.format_address(high))[0]
        yield from summarize_address_range(first, last)


def entries_of(part: FilterClause) -> Iterator[Entry]:
    sources, destinations = prefixes_of(part.sources, part.family), prefixes_of(part.destinations, part.family)
    for source, destination in product(sources, destinations):
        yield Entry(
            part.effect,
            Match(
                part.family,
                part.protocol,
                source,
                destination,
                part.source_ports,
                part.destination_ports,
                part.established,
            ),
            str(part.origin),
        )


def rendered(intent: FilterIntent, random: Random) -> list[Entry]:
    """A correct filter for an intent, in one of many orders and splits."""
    entries: list[Entry] = []
    for effect in (Effect.FORBID, Effect.PERMIT):
        part = [entry for one in intent.clauses if one.effect is effect for entry in entries_of(one)]
        random.shuffle(part)
        entries += part
    split: list[Entry] = []
    for entry in entries:
        split.extend(halves(entry) if random.random() < 0.3 else [entry])
        if random.random() < 0.2:
            shadowed = random.choice(split)
            split.append(replace(shadowed, effect=random.choice(list(Effect))))
    return [*split, deny_all(intent.family)]


def halves(entry: Entry) -> list[Entry]:
    source = entry.match.source
    if source.prefixlen == source.max_prefixlen:
        return [entry]
    return [replace(entry, match=replace(entry.match, source=half)) for half in source.subnets()]
