"""A second engine for the proof: binary decision diagrams of other people (OxiDD or CUDD), one variable a bit.

It shares no step with the first: not the intervals, not the order of work, not a line of code. The bits of
the addresses stand first, which is the best order that we know for both libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dd.cudd  # type: ignore[import-not-found]  # a compiled module without types
from oxidd.bdd import BDDManager

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import Effect, Family, Interval, Match, get_bounds

Set = Any  # a function of a library that has no types
"""A set of packets of one family. Equal sets are equal functions."""

NODES = 1 << 24
"""Room for nodes: more than the largest benchmark needs."""
_PLAIN_FIELDS = {"protocol": 8, "source port": 16, "destination port": 16, "established": 1}


@dataclass(frozen=True)
class Variables:
    """What a library gives: its variables in their order, the two constants, and if-then-else."""

    bits: list[Set]
    nothing: Set
    everything: Set
    choose: Callable[[Set, Set, Set], Set]


def oxidd_variables(number: int) -> Variables:
    """A fresh OxiDD manager (one thread)."""
    manager = BDDManager(NODES, NODES // 4, 1)
    manager.add_vars(number)
    return Variables(
        [manager.var(at) for at in range(number)], manager.false(), manager.true(), lambda of, a, b: of.ite(a, b)
    )


def cudd_variables(number: int) -> Variables:
    """A fresh CUDD manager, which keeps our order."""
    manager = dd.cudd.BDD(memory_estimate=2**32)
    manager.configure(reordering=False)
    names = [f"b{at}" for at in range(number)]
    manager.declare(*names)
    return Variables([manager.var(name) for name in names], manager.false, manager.true, manager.ite)


class SecondEngine:
    """The packets of one family as sets of a library."""

    def __init__(self, family: Family, library: Callable[[int], Variables] = oxidd_variables) -> None:
        self._family = family
        widths = {"source": family.bits, "destination": family.bits, **_PLAIN_FIELDS}
        variables = library(sum(widths.values()))
        bits, self.nothing, self.everything = variables.bits, variables.nothing, variables.everything
        self._ite = variables.choose
        self._bits: dict[str, list[Set]] = {}
        for name, width in widths.items():
            self._bits[name], bits = bits[:width], bits[width:]
        self._spans: dict[tuple[str, Interval], Set] = {}

    def filter(self, one: Filter) -> Set:
        """The packets that a filter permits; what no entry covers is denied."""
        return self._first_match([(self.match(entry.match), entry.effect is Effect.PERMIT) for entry in _own(one)])

    def intent(self, one: FilterIntent) -> Set:
        """The packets that an intent permits: some permit covers them and no forbid does."""
        permitted, forbidden = self.nothing, self.nothing
        for clause in one.clauses:
            if clause.family != self._family:
                continue
            if clause.effect is Effect.PERMIT:
                permitted |= self._clause(clause)
            else:
                forbidden |= self._clause(clause)
        return permitted & ~forbidden

    def decided(self, one: Filter) -> Set:
        """The packets that some entry covers."""
        decided = self.nothing
        for entry in _own(one):
            decided |= self.match(entry.match)
        return decided

    def match(self, match: Match) -> Set:
        """The packets of one match."""
        spans = {"source": get_bounds(match.source), "destination": get_bounds(match.destination)}
        if match.protocol is not None:
            spans["protocol"] = match.protocol, match.protocol
        spans |= {"source port": match.source_ports, "destination port": match.destination_ports}
        if match.established:
            spans["established"] = 1, 1
        return self._cube(spans.items())

    def _clause(self, clause: FilterClause) -> Set:
        sources, destinations = (
            self._any_of(name, [get_bounds(p) for p in addresses.included])
            & ~self._any_of(name, [get_bounds(p) for p in addresses.excluded])
            for name, addresses in (("source", clause.sources), ("destination", clause.destinations))
        )
        rest = [
            ("protocol", (int(clause.protocol), int(clause.protocol))),
            ("source port", clause.source_ports),
            ("destination port", clause.destination_ports),
            *([("established", (1, 1))] if clause.established else []),
        ]
        return sources & destinations & self._cube(rest)

    def _any_of(self, name: str, spans: Iterable[Interval]) -> Set:
        union = self.nothing
        for span in spans:
            union |= self._span(name, span)
        return union

    def _cube(self, spans: Iterable[tuple[str, Interval]]) -> Set:
        cube = self.everything
        # The last variables first: each conjunction then only grows at its top.
        for name, span in sorted(spans, key=lambda one: -list(self._bits).index(one[0])):
            cube = self._span(name, span) & cube
        return cube

    def _span(self, name: str, span: Interval) -> Set:
        found = self._spans.get((name, span))
        if found is None:
            found = self._spans[name, span] = self._at_least(name, span[0]) & self._at_most(name, span[1])
        return found

    def _at_least(self, name: str, low: int) -> Set:
        result, bits = self.everything, self._bits[name]
        for place in range(len(bits)):
            variable = bits[-1 - place]
            if low >> place & 1:
                result = variable & result
            elif result != self.everything:
                result = variable | result
        return result

    def _at_most(self, name: str, high: int) -> Set:
        result, bits = self.everything, self._bits[name]
        for place in range(len(bits)):
            variable = ~bits[-1 - place]
            if not high >> place & 1:
                result = variable & result
            elif result != self.everything:
                result = variable | result
        return result

    def _first_match(self, entries: Sequence[tuple[Set, bool]]) -> Set:
        """Entries combined in pairs, each as (what it decides, what it permits): far quicker than one after another."""
        layers = [(decided, decided if permits else self.nothing) for decided, permits in entries]
        while len(layers) > 1:
            pairs = [
                (upper | lower, self._ite(upper, permitted, below))
                for (upper, permitted), (lower, below) in zip(layers[::2], layers[1::2], strict=False)
            ]
            layers = pairs + layers[2 * len(pairs) :]
        return layers[0][1] if layers else self.nothing


def _own(one: Filter) -> list[Entry]:
    return [entry for entry in one.entries if entry.match.family == one.family]
