"""Filters against intents: equal ones are proved, every change of meaning is caught by a packet that replays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from ipaddress import summarize_address_range
from itertools import product
from math import prod
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compile.intent import Clause, FilterIntent
from controller.errors import Origin, ProofFailed
from controller.model.flow import (
    ANY_PORTS,
    AddressSet,
    Direction,
    Effect,
    Family,
    Interval,
    Match,
    Packet,
    Prefix,
    Protocol,
    bounds,
    prefix,
)
from controller.model.state import Entry, Filter
from controller.prove import equivalence
from controller.prove.equivalence import Difference, ends_explicitly, evaluate, first_entry, prove_equal, wanted

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


def intent_of(family: Family, *clauses: Clause) -> FilterIntent:
    return FilterIntent("kw-e01-core1", "staff", 10, Direction.FROM, family, clauses)


def clause(  # noqa: PLR0913 a clause has this many parts
    effect: Effect,
    source: str,
    destination: str,
    ports: Interval = ANY_PORTS,
    *,
    excluded: tuple[str, ...] = (),
    protocol: int = Protocol.TCP,
    established: bool = False,
    rule: str = "staff-affairs",
) -> Clause:
    sources, destinations = AddressSet((prefix(source),)), (prefix(destination),)
    return Clause(
        effect,
        rule,
        Origin("access/rules.yaml", 12),
        Family(sources.included[0].version),
        protocol,
        sources,
        AddressSet(destinations, tuple(prefix(one) for one in excluded)),
        ANY_PORTS,
        ports,
        established,
    )


def prefixes_of(addresses: AddressSet, family: Family) -> Iterator[Prefix]:
    for low, high in addresses.intervals():
        first, last = prefix(family.address(low))[0], prefix(family.address(high))[0]
        yield from summarize_address_range(first, last)


def entries_of(part: Clause) -> Iterator[Entry]:
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


def starts(intervals: Iterable[Interval], maximum: int) -> list[int]:
    """One value of each piece into which the ends of these intervals cut the range."""
    ends = list(intervals)
    cuts = {0} | {low for low, _ in ends} | {high + 1 for _, high in ends}
    return sorted(cut for cut in cuts if cut <= maximum)


def boundary_packets(intent: FilterIntent, one: Filter, random: Random, most: int = 3000) -> Iterator[Packet]:
    """A packet of each region that the intent and the filter can tell apart; of too many regions, some."""
    parts, matches = intent.clauses, [entry.match for entry in one.entries]
    sources = [bounds(p) for part in parts for p in (*part.sources.included, *part.sources.excluded)]
    destinations = [bounds(p) for part in parts for p in (*part.destinations.included, *part.destinations.excluded)]
    protocols = {part.protocol for part in parts} | {match.protocol or 0 for match in matches} | {200}
    top = 2**intent.family.bits - 1
    axes = (
        sorted(protocols),
        starts([*sources, *(bounds(match.source) for match in matches)], top),
        starts([*destinations, *(bounds(match.destination) for match in matches)], top),
        starts([*(part.source_ports for part in parts), *(match.source_ports for match in matches)], 65535),
        starts([*(part.destination_ports for part in parts), *(match.destination_ports for match in matches)], 65535),
    )
    few = prod(map(len, axes)) <= most
    points = product(*axes) if few else ([random.choice(axis) for axis in axes] for _ in range(most))
    for protocol, source, destination, source_port, destination_port in points:
        for established in (False, True):
            yield Packet(intent.family, protocol, source, destination, source_port, destination_port, established)


@st.composite
def clauses(draw: st.DrawFn, family: Family) -> Clause:
    addresses = st.sampled_from(POOL[family])
    icmp = Protocol.ICMP if family is Family.V4 else Protocol.ICMPV6
    protocol = draw(st.sampled_from((Protocol.TCP, Protocol.TCP, Protocol.UDP, icmp)))
    return clause(
        draw(st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.FORBID))),
        draw(addresses),
        draw(addresses),
        draw(st.sampled_from(PORTS)),
        excluded=tuple(draw(st.lists(addresses, max_size=1))),
        protocol=protocol,
        established=protocol is Protocol.TCP and draw(st.booleans()),
    )


intents = st.sampled_from(Family).flatmap(
    lambda family: st.lists(clauses(family), max_size=3).map(lambda parts: intent_of(family, *parts))
)


def mutated(entries: list[Entry], random: Random) -> list[Entry]:
    """The same filter with one edit, as a wrong renderer or a person could make it."""
    at = random.randrange(len(entries))
    entry, before, after = entries[at], entries[:at], entries[at + 1 :]
    match = entry.match
    wider = match.source if match.source.prefixlen == 0 else match.source.supernet()
    edits = [
        [],
        [replace(entry, effect=Effect.PERMIT if entry.effect is Effect.FORBID else Effect.FORBID)],
        [replace(entry, match=replace(match, source=wider))],
        [replace(entry, match=replace(match, destination=prefix(random.choice(POOL[match.family]))))],
        [replace(entry, match=replace(match, destination_ports=random.choice(PORTS)))],
        [replace(entry, match=replace(match, established=not match.established))],
        [replace(entry, match=replace(match, protocol=random.choice((None, 6, 17))))],
    ]
    swapped = [*after[:1], entry, *after[1:]]
    return random.choice([*(before + edit + after for edit in edits), before + swapped])


@settings(deadline=None, max_examples=150)
@given(intents, st.randoms(use_true_random=False))
def test_a_correct_filter_is_proved_in_any_form(intent: FilterIntent, random: Random) -> None:
    assert prove_equal(intent, filter_of(intent.family, rendered(intent, random))) is None


@settings(deadline=None, max_examples=150)
@given(intents, st.randoms(use_true_random=False))
def test_an_edit_is_caught_exactly_when_it_changes_the_meaning(intent: FilterIntent, random: Random) -> None:
    edited = filter_of(intent.family, mutated(rendered(intent, random), random))
    difference = prove_equal(intent, edited)
    if difference is None:
        for packet in boundary_packets(intent, edited, random):
            assert evaluate(edited, packet) == wanted(intent, packet)
            assert first_entry(edited, packet) is not None
        return
    packet = difference.packet
    assert first_entry(edited, packet) == difference.entry
    assert difference.wanted == wanted(intent, packet)
    assert evaluate(edited, packet) != difference.wanted or difference.entry is None


SOURCE = {Family.V4: "10.1.4.0/24", Family.V6: "2001:db8:1:4::/64"}
SERVER = {Family.V4: "203.0.113.10/32", Family.V6: "2001:db8:ffff::10/128"}


def staff_filter(family: Family) -> tuple[FilterIntent, list[Entry]]:
    """Staff reach a server but for one port of it; answers to established conversations pass."""
    source, server = SOURCE[family], SERVER[family]
    intent = intent_of(
        family,
        clause(Effect.PERMIT, source, server, (440, 450)),
        clause(Effect.FORBID, source, server, (445, 445), rule="no-smb"),
        clause(Effect.PERMIT, source, SOURCE[family], established=True, rule="answers"),
    )
    forbid, *permits = sorted(
        (entry for part in intent.clauses for entry in entries_of(part)),
        key=lambda entry: entry.effect is Effect.PERMIT,
    )
    return intent, [
        replace(entry, origin=str(11 + at)) for at, entry in enumerate((forbid, *permits, deny_all(family)))
    ]


def change(entry: Entry, **changes: object) -> Entry:
    return replace(entry, match=replace(entry.match, **changes))  # type: ignore[arg-type] # one call for every field


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("edit", "deciding_line", "wanted_by_policy", "rules"),
    [
        (lambda f: [*f[:1], *f[2:]], "14", True, ["staff-affairs"]),
        (lambda f: f[1:], "12", False, ["no-smb"]),
        (lambda f: [f[1], f[0], *f[2:]], "12", False, ["no-smb"]),
        (lambda f: [replace(f[0], effect=Effect.PERMIT), *f[1:]], "11", False, ["no-smb"]),
        (lambda f: [*f[:3], replace(f[3], effect=Effect.PERMIT)], "14", False, []),
        (lambda f: [f[0], change(f[1], source=f[1].match.source.supernet()), *f[2:]], "12", False, []),
        (lambda f: [f[0], change(f[1], destination_ports=(440, 449)), *f[2:]], "14", True, ["staff-affairs"]),
        (lambda f: [*f[:2], change(f[2], established=False), f[3]], "13", False, []),
        (lambda f: [*f[:2], change(f[2], protocol=None, established=False), f[3]], "13", False, []),
        (lambda f: f[:3], None, False, []),
        (lambda _: [], None, True, ["staff-affairs"]),
    ],
    ids=[
        "permit dropped",
        "forbid dropped",
        "forbid after permit",
        "forbid flipped",
        "end flipped",
        "prefix widened",
        "port lost",
        "established dropped",
        "protocol dropped",
        "end dropped",
        "empty",
    ],
)
def test_each_kind_of_mistake_is_shown_with_its_line_and_rule(
    family: Family,
    edit: Callable[[list[Entry]], list[Entry]],
    deciding_line: str | None,
    wanted_by_policy: bool,  # noqa: FBT001 a column of the table
    rules: list[str],
) -> None:
    intent, entries = staff_filter(family)
    assert prove_equal(intent, filter_of(family, entries)) is None
    difference = prove_equal(intent, filter_of(family, edit(entries)))
    assert difference is not None
    assert (difference.entry.origin if difference.entry else None) == deciding_line
    assert (difference.wanted, [rule.rule for rule in difference.rules]) == (wanted_by_policy, rules)


def test_a_difference_is_one_clear_sentence() -> None:
    intent, entries = staff_filter(Family.V4)
    wide = [entries[0], change(entries[1], source=prefix("10.1.4.0/23")), *entries[2:]]
    assert str(prove_equal(intent, filter_of(Family.V4, wide))) == (
        "kw-e01-core1 TSN-10-from-x line 12: permits tcp 10.1.5.0 port 49152 -> 203.0.113.10 port 443, "
        "but no rule permits it (default deny)"
    )
    assert str(prove_equal(intent, filter_of(Family.V4, [entries[0], *entries[2:]]))) == (
        "kw-e01-core1 TSN-10-from-x line 14: denies tcp 10.1.4.10 port 49152 -> 203.0.113.10 port 443, "
        "but rule staff-affairs (access/rules.yaml:12) permits it"
    )
    assert str(prove_equal(intent, filter_of(Family.V4, entries[1:]))) == (
        "kw-e01-core1 TSN-10-from-x line 12: permits tcp 10.1.4.10 port 49152 -> 203.0.113.10 port 445, "
        "but rule no-smb (access/rules.yaml:12) forbids it"
    )
    assert str(prove_equal(intent, filter_of(Family.V4, entries[:3]))) == (
        "kw-e01-core1 TSN-10-from-x: no entry decides tcp 10.1.4.10 port 49152 -> 203.0.113.10 port 49152 "
        "(vendors' defaults differ), but no rule permits it (default deny)"
    )


def test_several_rules_are_all_named() -> None:
    intent, entries = staff_filter(Family.V4)
    second = replace(intent.clauses[0], rule="clerk-affairs", origin=Origin("access/rules.yaml", 40))
    both = replace(intent, clauses=(*intent.clauses, second, second))
    assert str(prove_equal(both, filter_of(Family.V4, [entries[3]]))).endswith(
        "but rules staff-affairs (access/rules.yaml:12), clerk-affairs (access/rules.yaml:40) permit it"
    )


def test_an_intent_without_clauses_is_a_filter_that_denies_all() -> None:
    for family in Family:
        assert prove_equal(intent_of(family), filter_of(family, [deny_all(family)])) is None
        assert prove_equal(intent_of(family), filter_of(family, [])) is not None


def test_a_filter_that_decides_all_without_an_end_is_equal_but_does_not_end_explicitly() -> None:
    lower, upper = (change(deny_all(Family.V4), source=prefix(half)) for half in ("0.0.0.0/1", "128.0.0.0/1"))
    split = filter_of(Family.V4, [lower, upper])
    assert prove_equal(intent_of(Family.V4), split) is None
    assert not ends_explicitly(split)
    assert not ends_explicitly(filter_of(Family.V4, []))
    assert not ends_explicitly(filter_of(Family.V4, [deny_all(Family.V6)]))
    assert not ends_explicitly(filter_of(Family.V6, [change(deny_all(Family.V6), protocol=6)]))
    assert ends_explicitly(filter_of(Family.V6, [deny_all(Family.V6)]))


def test_entries_of_the_other_family_decide_nothing() -> None:
    permit_v4 = replace(deny_all(Family.V4), effect=Effect.PERMIT)
    assert prove_equal(intent_of(Family.V6), filter_of(Family.V6, [permit_v4, deny_all(Family.V6)])) is None
    assert prove_equal(intent_of(Family.V6), filter_of(Family.V6, [deny_all(Family.V4)])) is not None


def test_a_filter_for_another_place_is_refused() -> None:
    intent = replace(intent_of(Family.V4), vlan=20)
    with pytest.raises(
        ProofFailed, match="is for VLAN 10, from, IPv4; the policy was compiled for VLAN 20, from, IPv4"
    ):
        prove_equal(intent, filter_of(Family.V4, [deny_all(Family.V4)]))


def test_a_packet_without_tcp_or_udp_is_shown_as_what_it_is() -> None:
    ping = clause(Effect.PERMIT, "::/0", "2001:db8:1:4::/64", protocol=Protocol.ICMPV6)
    difference = prove_equal(intent_of(Family.V6, ping), filter_of(Family.V6, [deny_all(Family.V6)]))
    assert isinstance(difference, Difference)
    assert str(difference.packet) == "icmpv6 type 128 2001:db8::10 -> 2001:db8:1:4::a"


def test_a_difference_that_the_replay_does_not_see_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    intent, entries = staff_filter(Family.V4)
    monkeypatch.setattr(equivalence, "evaluate", wanted_instead(intent))
    with pytest.raises(equivalence.ReplayError, match="replayed it makes no difference"):
        prove_equal(intent, filter_of(Family.V4, entries[1:]))


def wanted_instead(intent: FilterIntent) -> Callable[[Filter, Packet], bool]:
    return lambda _, packet: wanted(intent, packet)
