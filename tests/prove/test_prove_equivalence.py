"""Random filters against random intents: equal ones are proved, and every change of meaning is caught."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.model.network.device_state import Filter
from controller.model.network.packets import Effect, Family, Interval, Packet, Protocol, get_bounds
from controller.prove.filters.equivalence import prove_filter_equals_intent
from controller.prove.filters.evaluation import evaluate_filter, evaluate_intent, find_first_entry
from tests.prove.edits import edited
from tests.prove.filters import POOL, PORTS, clause, filter_of, intent_of, rendered
from tests.soak import examples


def starts(intervals: Iterable[Interval], maximum: int) -> list[int]:
    """One value of each piece into which the ends of these intervals cut the range."""
    ends = list(intervals)
    cuts = {0} | {low for low, _ in ends} | {high + 1 for _, high in ends}
    return sorted(cut for cut in cuts if cut <= maximum)


def boundary_packets(intent: FilterIntent, one: Filter, random: Random, most: int = 3000) -> Iterator[Packet]:
    """A packet of each region that the intent and the filter can tell apart; of too many regions, some."""
    parts, matches = intent.clauses, [entry.match for entry in one.entries]
    sources = [get_bounds(p) for part in parts for p in (*part.sources.included, *part.sources.excluded)]
    destinations = [get_bounds(p) for part in parts for p in (*part.destinations.included, *part.destinations.excluded)]
    protocols = {part.protocol for part in parts} | {match.protocol or 0 for match in matches} | {200}
    top = 2**intent.family.bits - 1
    axes = (
        sorted(protocols),
        starts([*sources, *(get_bounds(match.source) for match in matches)], top),
        starts([*destinations, *(get_bounds(match.destination) for match in matches)], top),
        starts([*(part.source_ports for part in parts), *(match.source_ports for match in matches)], 65535),
        starts([*(part.destination_ports for part in parts), *(match.destination_ports for match in matches)], 65535),
    )
    few = prod(map(len, axes)) <= most
    points = product(*axes) if few else ([random.choice(axis) for axis in axes] for _ in range(most))
    for protocol, source, destination, source_port, destination_port in points:
        for established in (False, True):
            yield Packet(intent.family, protocol, source, destination, source_port, destination_port, established)


@st.composite
def clauses(draw: st.DrawFn, family: Family) -> FilterClause:
    addresses = st.sampled_from(POOL[family])
    icmp = Protocol.ICMP if family is Family.V4 else Protocol.ICMPV6
    protocol = draw(st.sampled_from((Protocol.TCP, Protocol.TCP, Protocol.UDP, icmp)))
    return clause(
        draw(st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.FORBID))),
        draw(addresses),
        draw(addresses),
        draw(st.sampled_from(PORTS)),
        excluded=tuple(draw(st.lists(addresses, max_size=1))),
        source_ports=draw(st.sampled_from(PORTS)),
        protocol=protocol,
        established=protocol is Protocol.TCP and draw(st.booleans()),
    )


intents = st.sampled_from(Family).flatmap(
    lambda family: st.lists(clauses(family), max_size=3).map(lambda parts: intent_of(family, *parts))
)


@settings(deadline=None, max_examples=examples(150))
@given(intents, st.randoms(use_true_random=False))
def test_a_correct_filter_is_proved_in_any_form(intent: FilterIntent, random: Random) -> None:
    assert prove_filter_equals_intent(intent, filter_of(intent.family, rendered(intent, random))) is None


@settings(deadline=None, max_examples=examples(150))
@given(intents, st.randoms(use_true_random=False))
def test_an_edit_is_caught_exactly_when_it_changes_the_meaning(intent: FilterIntent, random: Random) -> None:
    other = filter_of(intent.family, edited(rendered(intent, random), random))
    difference = prove_filter_equals_intent(intent, other)
    if difference is None:
        for packet in boundary_packets(intent, other, random):
            assert evaluate_filter(other, packet) == evaluate_intent(intent, packet)
            assert find_first_entry(other, packet) is not None
        return
    packet = difference.packet
    assert find_first_entry(other, packet) == difference.entry
    assert difference.wanted == evaluate_intent(intent, packet)
    assert evaluate_filter(other, packet) != difference.wanted or difference.entry is None
