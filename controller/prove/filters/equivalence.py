"""The proof that an ordered filter permits exactly the packets that its intent permits.

The intent is the filter that asks its forbids before its permits. The two are compared as lists, where they differ
(`prove.engine.comparison`); most proofs end there. What that does not settle is settled by diagrams: both become
sets of packets in one `Space`, where equal sets are the same node. Where they differ, a packet shows it; the packet is
replayed in `evaluate_filter` and `evaluate_intent`, which know nothing of either way, before anyone is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from itertools import product

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.errors import ProofFailed
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import (
    AddressSet,
    Effect,
    Family,
    Interval,
    Match,
    Packet,
    Prefix,
)
from controller.prove.engine.comparison import Comparison, CubeEntry, compare_filters, compare_renumbered
from controller.prove.engine.diagram import Field, HeaderSpace, Node
from controller.prove.engine.likely_packet import find_likely_packet
from controller.prove.engine.packets import FilterEntries, PacketCube
from controller.prove.filters.evaluation import (
    ends_explicitly,
    evaluate_filter,
    evaluate_intent,
    find_deciding_clauses,
    find_first_entry,
)

# Few protocols and many addresses: with the protocol on top, a service's part of the filter stays small.
_FIELDS = {
    family: (
        Field("protocol", 255),
        Field("source", 2**family.bits - 1),
        Field("destination", 2**family.bits - 1),
        Field("source port", 65535),
        Field("destination port", 65535),
        Field("established", 1),
    )
    for family in Family
}
_ANY_PROTOCOL = ((0, 255),)
_ANY_STATE, _ESTABLISHED = ((0, 1),), ((1, 1),)


class ReplayError(RuntimeError):
    """The diagram and the reference evaluator contradict each other: a bug in Tsunagu, never in a policy."""


@dataclass(frozen=True, slots=True)
class FilterDifference:
    """A packet on which a filter is not what the policy says.

    `wanted` tells whether the policy permits the packet, by `rules`: the forbids that cover it, else the permits,
    else none (default deny). `entry` is the filter's first entry that covers it; None means that no entry decides,
    and what the device then does depends on its vendor.
    """

    device: str
    filter: str
    packet: Packet
    wanted: bool
    rules: tuple[FilterClause, ...]
    entry: Entry | None

    def __str__(self) -> str:
        origin = self.entry.origin if self.entry else ""
        line = f" line {origin}" if origin.isdigit() else f" {origin}" if origin else ""
        if self.entry is None:
            deed = f"no entry decides {self.packet} (vendors' defaults differ)"
        else:
            deed = f"{'permits' if self.entry.effect is Effect.PERMIT else 'denies'} {self.packet}"
        return f"{self.device} {self.filter}{line}: {deed}, but {self._policy()}"

    def _policy(self) -> str:
        if not self.rules:
            return "no rule permits it (default deny)"
        named = tuple(dict.fromkeys(f"{clause.rule} ({clause.origin})" for clause in self.rules))
        verb = "permit" if self.wanted else "forbid"
        if len(named) == 1:
            return f"rule {named[0]} {verb}s it"
        return f"rules {', '.join(named)} {verb} it"


def prove_filter_equals_intent(intent: FilterIntent, rendered: Filter) -> FilterDifference | None:
    r"""None when the filter decides every packet, and permits exactly what the intent permits; else one difference.

    A packet that the filter permits and the policy does not is shown before one that it denies.

    >>> prove_filter_equals_intent(intent, acl) is None
    True
    >>> shorter = replace(acl, entries=acl.entries[1:])
    >>> str(prove_filter_equals_intent(intent, shorter)).partition(", but ")[2]
    'rule staff-cloud (policies/access/rules.yaml:...) permits it'

    Raises:
        ProofFailed: the filter is for another VLAN, direction or family than the intent.
        ReplayError: the two ways to evaluate a packet contradict each other.
    """
    if (intent.vlan, intent.direction, intent.family) != rendered.key:
        message = (
            f"{intent.device}: filter {rendered.name} is for {_place(*rendered.key)}; "
            f"the policy was compiled for {_place(intent.vlan, intent.direction, intent.family)}"
        )
        raise ProofFailed(message)
    if ends_explicitly(rendered) and _same_as_lists(intent, rendered):
        return None
    space = make_packet_space(intent.family)
    policy, filtered = build_policy_set(space, intent), build_filter_set(space, rendered)
    if filtered != policy:
        excess = space.difference(filtered, policy)
        wrong = space.difference(policy, filtered) if space.is_empty(excess) else excess
        return _replayed(intent, rendered, _example(space, wrong, intent, rendered))
    undecided = space.nothing if ends_explicitly(rendered) else _undecided(space, rendered)
    if space.is_empty(undecided):
        return None
    return _replayed(intent, rendered, _example(space, undecided, intent, rendered), undecided=True)


def are_filters_equal(first: Filter, second: Filter) -> bool:
    """Tell whether two filters of one family permit the same packets; what no entry covers counts as denied.

    >>> are_filters_equal(acl, acl), are_filters_equal(acl, replace(acl, entries=acl.entries[1:]))
    (True, False)
    """
    fields, parts = _FIELDS[first.family], (_plain(first), _plain(second))
    result = compare_filters(fields, *parts, _worth(*parts))
    if result is not Comparison.GIVEN_UP:
        return result is Comparison.SAME
    space = make_packet_space(first.family)
    return build_filter_set(space, first) == build_filter_set(space, second)


def covers_intent(wider: FilterIntent, narrower: FilterIntent) -> bool:
    """Tell whether everything that the one intent permits, the other permits too.

    >>> fewer = replace(intent, clauses=intent.clauses[:1])
    >>> covers_intent(intent, fewer), covers_intent(fewer, intent)
    (True, False)
    """
    if _widened(wider, narrower):
        return True
    space = make_packet_space(wider.family)
    return space.is_empty(space.difference(build_policy_set(space, narrower), build_policy_set(space, wider)))


def _widened(wider: FilterIntent, narrower: FilterIntent) -> bool:
    """Tell whether the one is the other with some permits that ask for less: seen without a diagram."""
    return len(wider.clauses) == len(narrower.clauses) and all(
        one == other or (one.effect is Effect.PERMIT and one == other._replace(established=False))
        for one, other in zip(wider.clauses, narrower.clauses, strict=True)
    )


def _same_as_lists(intent: FilterIntent, rendered: Filter) -> bool:
    """Tell whether comparing the lists shows that they are equal; False leaves it open."""
    policy = [
        (cube, clause.effect is Effect.PERMIT)
        for clause in _forbids_first(intent)
        for cube in product(*_clause_cube(clause))
    ]
    filtered = _plain(rendered)
    return compare_renumbered(_FIELDS[intent.family], policy, filtered, _worth(policy, filtered)) is Comparison.SAME


def _plain(rendered: Filter) -> list[CubeEntry]:
    return [
        (tuple([side for (side,) in _match_cube(entry.match)]), entry.effect is Effect.PERMIT)
        for entry in _entries(rendered)
    ]


def _worth(first: Sized, second: Sized) -> int:
    """The number of regions that the comparison may look at: with more of them, building the diagrams is quicker."""
    return 1000 + 20 * (len(first) + len(second))


def make_packet_space(family: Family) -> HeaderSpace:
    """A fresh space of the packets of a family. One proof takes one: what it remembers goes with it.

    >>> [field.name for field in make_packet_space(Family.V4).fields][:3]
    ['protocol', 'source', 'destination']
    """
    return HeaderSpace(_FIELDS[family])


def build_policy_set(space: HeaderSpace, intent: FilterIntent) -> Node:
    """The packets that an intent permits, in the space of its family: some permit covers them and no forbid does.

    >>> space = make_packet_space(Family.V4)
    >>> build_policy_set(space, intent) == build_filter_set(space, acl)
    True
    """
    return space.first_match(list_intent_entries(intent))


def _forbids_first(intent: FilterIntent) -> list[FilterClause]:
    """A forbid wins: the set of clauses is the filter that asks the forbids before the permits."""
    clauses = [clause for clause in intent.clauses if clause.family == intent.family]
    return sorted(clauses, key=lambda clause: clause.effect is Effect.PERMIT)


def build_filter_set(space: HeaderSpace, rendered: Filter) -> Node:
    """The packets that a filter permits, in the space of its family; what no entry covers counts as denied.

    >>> space = make_packet_space(Family.V4)
    >>> space.is_empty(build_filter_set(space, replace(acl, entries=acl.entries[-1:])))
    True
    """
    return space.first_match(list_filter_entries(rendered))


def _undecided(space: HeaderSpace, rendered: Filter) -> Node:
    return space.complement(space.union_all(space.cube(_match_cube(entry.match)) for entry in _entries(rendered)))


def _entries(rendered: Filter) -> Iterator[Entry]:
    """The entries that cover any packet of the filter's family."""
    return (entry for entry in rendered.entries if entry.match.family == rendered.family)


def list_intent_entries(intent: FilterIntent) -> FilterEntries:
    """An intent as a filter of cubes.

    >>> cube, permits = list_intent_entries(intent)[0]
    >>> permits, cube[4]
    (True, ((443, 443),))
    """
    return tuple([(_clause_cube(clause), clause.effect is Effect.PERMIT) for clause in _forbids_first(intent)])


def list_filter_entries(rendered: Filter) -> FilterEntries:
    """A filter as cubes; what none covers counts as denied.

    >>> cube, permits = list_filter_entries(acl)[-1]
    >>> permits, cube[0], cube[3]
    (False, ((0, 255),), ((0, 65535),))
    """
    return tuple([(_match_cube(entry.match), entry.effect is Effect.PERMIT) for entry in _entries(rendered)])


def _clause_cube(clause: FilterClause) -> PacketCube:
    return (
        ((clause.protocol, clause.protocol),),
        clause.sources.get_intervals(),
        clause.destinations.get_intervals(),
        (clause.source_ports,),
        (clause.destination_ports,),
        _ESTABLISHED if clause.established else _ANY_STATE,
    )


def _match_cube(match: Match) -> PacketCube:
    return (
        _ANY_PROTOCOL if match.protocol is None else ((match.protocol, match.protocol),),
        (_bounds(match.source),),
        (_bounds(match.destination),),
        (match.source_ports,),
        (match.destination_ports,),
        _ESTABLISHED if match.established else _ANY_STATE,
    )


def _bounds(network: Prefix) -> Interval:
    # Not `flow.bounds`: looking a prefix up in its cache costs more than this.
    low = int(network.network_address)
    return low, low | ((1 << (network.max_prefixlen - network.prefixlen)) - 1)


def _replayed(intent: FilterIntent, rendered: Filter, packet: Packet, *, undecided: bool = False) -> FilterDifference:
    entry, is_wanted = find_first_entry(rendered, packet), evaluate_intent(intent, packet)
    holds = entry is None if undecided else evaluate_filter(rendered, packet) != is_wanted
    if not holds:
        message = f"{intent.device} {rendered.name}: the proof shows {packet}, but replayed it makes no difference"
        raise ReplayError(message)
    return FilterDifference(
        intent.device, rendered.name, packet, is_wanted, find_deciding_clauses(intent, packet), entry
    )


def _example(space: HeaderSpace, wrong: Node, intent: FilterIntent, rendered: Filter) -> Packet:
    """A packet of the set; of the possible ones, one that an engineer could meet in a capture."""
    family, clauses = intent.family, intent.clauses
    matches = [entry.match for entry in rendered.entries]
    sources = _named((clause.sources for clause in clauses), (match.source for match in matches))
    destinations = _named((clause.destinations for clause in clauses), (match.destination for match in matches))
    packet = find_likely_packet(space, wrong, family, sources, destinations)
    if packet is None:
        message = f"{intent.device} {rendered.name}: the proof found a difference without a packet"
        raise ReplayError(message)
    return packet


def _named(sets: Iterable[AddressSet], prefixes: Iterable[Prefix]) -> list[Interval]:
    """All addresses that the policy or the filter names, as intervals."""
    return [*(interval for one in sets for interval in one.get_intervals()), *map(_bounds, prefixes)]


def _place(vlan: int, direction: str, family: Family) -> str:
    return f"VLAN {vlan}, {direction}, IPv{int(family)}"
