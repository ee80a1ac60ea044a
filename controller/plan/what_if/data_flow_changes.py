"""Finds changed answers for data flows between systems, and for the connections that carry them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import get_args

from controller.model.access.data_flows import SystemFlow
from controller.model.access.second_factors import STRICT_CLASSES, Importance
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.reference_evaluator import DataFlow, Decision, evaluate_connection, evaluate_data_flow
from controller.plan.what_if.changes import IMPORTANT, OUTSIDE, DataFlowChange, Way


def find_data_flow_changes(before: City, after: City) -> Iterator[DataFlowChange]:
    """Every pair of systems between which data of some class may newly go, or no more; and every connection."""
    cities = (before, after)
    named = {end for city in cities for flow in city.flows for end in (flow.from_, flow.to)}
    for sender, receiver in permutations(sorted(named), 2):
        changed: dict[tuple[Way, tuple[str, ...]], list[Importance]] = {}
        for data in get_args(Importance):
            old, new = (evaluate_data_flow(city, DataFlow(sender, receiver, data)) for city in cities)
            if old.permitted != new.permitted:
                changed.setdefault((_way(new), _rules(old, new)), []).append(data)
        for (way, rules), classes in changed.items():
            yield _change(cities, way, (sender, receiver), tuple(classes), rules)
        yield from _connections(cities, sender, receiver)


def _connections(cities: tuple[City, City], caller: str, called: str) -> Iterator[DataFlowChange]:
    flows = (flow for city in cities for flow in city.flows if flow.effect is Effect.PERMIT)
    services = dict.fromkeys(s for flow in flows if (flow.caller, flow.called) == (caller, called) for s in flow.opens)
    for service in services:
        old, new = (evaluate_connection(city, caller, called, service) for city in cities)
        if old.permitted != new.permitted:
            shown = f"{caller} -> {called} {service}"
            yield DataFlowChange(_way(new), caller, called, (), shown, _rules(old, new), ())


def _way(new: Decision[SystemFlow]) -> Way:
    return "opens" if new.permitted else "closes"


def _rules(old: Decision[SystemFlow], new: Decision[SystemFlow]) -> tuple[str, ...]:
    deciding = new if new.permitted or new.rules else old
    return tuple(f"{flow.id} ({flow.origin})" for flow in deciding.rules)


def _change(
    cities: tuple[City, City], way: Way, ends: tuple[str, str], data: tuple[Importance, ...], rules: tuple[str, ...]
) -> DataFlowChange:
    found = []
    if way == "opens":
        systems = [cities[1].systems[end] for end in ends if end in cities[1].systems]
        if set(data) & set(STRICT_CLASSES):
            found.append(IMPORTANT)
        if any(system.operator == "vendor" for system in systems):
            found.append(OUTSIDE)
    return DataFlowChange(way, *ends, data, "", rules, tuple(found))
