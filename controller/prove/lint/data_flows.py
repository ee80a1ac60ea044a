"""System-to-system flows against the importance classes of their data, and against one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from controller.model.access.data_flows import SystemFlow
from controller.model.access.second_factors import Importance
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.prove.lint.finding import Finding, make_error, make_warning

IMPORTANCE_ORDER: tuple[Importance, ...] = get_args(Importance)
"""The most important first."""
_SENSITIVE: tuple[Importance, ...] = ("I", "II", "III")
"""Sending these outside needs encryption and an official service (guideline 3.2(7))."""
DATA_CLASS = "data class"
"""The kind of what is found where data meets a system of another class."""


def check_data_flows(city: City) -> Iterator[Finding]:
    """Data that goes where it must not, and flows that say nothing.

    >>> [one.kind for one in check_data_flows(city)]
    []
    """
    for flow in city.flows:
        if flow.effect is Effect.PERMIT:
            yield from _classes(city, flow)
            yield from _outside(city, flow)
            yield from _taken_back(city, flow)
        elif not any(_meet(flow, other) for other in city.flows if other.effect is Effect.PERMIT):
            yield from _idle_forbid(city, flow)


def find_importance(city: City, end: str) -> Importance:
    """The class that an end of a flow is built for.

    >>> find_importance(city, "affairs"), find_importance(city, "school-aid")
    ('II', 'II')
    """
    return city.systems[end].importance if end in city.systems else city.applications[end].importance


def _classes(city: City, flow: SystemFlow) -> Iterator[Finding]:
    for end, does in ((flow.to, "receives"), (flow.from_, "sends")):
        built_for = find_importance(city, end)
        over = [one for one in flow.data if IMPORTANCE_ORDER.index(one) < IMPORTANCE_ORDER.index(built_for)]
        if over:
            message = (
                f"flow {flow.id!r}: {end} is of class {built_for} and {does} data of class {', '.join(over)}; "
                "send less, or give the system the class of its data (guideline 3.1)"
            )
            yield make_error(DATA_CLASS, flow.origin, message)


def _outside(city: City, flow: SystemFlow) -> Iterator[Finding]:
    sensitive = [one for one in flow.data if one in _SENSITIVE]
    if sensitive and flow.carrier == "plain":
        message = f"flow {flow.id!r} sends class {', '.join(sensitive)} without encryption (guideline 3.2(7))"
        yield make_error("guideline", flow.origin, message)
    for end in (flow.from_, flow.to):
        system = city.systems.get(end)
        if sensitive and system and system.operator == "vendor" and not system.official:
            message = (
                f"flow {flow.id!r}: {end} ({system.origin}) is no official service, and class "
                f"{', '.join(sensitive)} goes there or comes from it (guideline 3.2(7))"
            )
            yield make_error("guideline", flow.origin, message)


def _taken_back(city: City, flow: SystemFlow) -> Iterator[Finding]:
    forbids = [other for other in city.flows if other.effect is Effect.FORBID and _meet(flow, other)]
    taken = {one for other in forbids for one in other.data if one in flow.data}
    if taken == set(flow.data):
        names = ", ".join(f"{other.id!r} ({other.origin})" for other in forbids)
        message = f"flow {flow.id!r} permits what {names} forbids, and a forbid wins"
        yield make_error("contradiction", flow.origin, message)
    others = [o for o in city.flows if o is not flow and o.effect is Effect.PERMIT and _meet(flow, o)]
    twice = [
        o
        for o in others
        if set(o.data) >= set(flow.data) and (o.carrier, o.direction) == (flow.carrier, flow.direction)
    ]
    if twice and city.flows.index(twice[0]) < city.flows.index(flow):
        message = f"flow {flow.id!r} permits nothing that {twice[0].id!r} ({twice[0].origin}) does not"
        yield make_warning("dead rule", flow.origin, message)


def _meet(one: SystemFlow, other: SystemFlow) -> bool:
    return (one.from_, one.to) == (other.from_, other.to) and bool(set(one.data) & set(other.data))


def _idle_forbid(city: City, flow: SystemFlow) -> Iterator[Finding]:
    """A forbid of what nobody permits guards against a later permit on the same ends; on others it says nothing."""
    ends = (flow.from_, flow.to)
    if not any((other.from_, other.to) == ends for other in city.flows if other.effect is Effect.PERMIT):
        yield make_warning(
            "dead rule", flow.origin, f"flow {flow.id!r} forbids nothing permitted; taking it out changes no answer"
        )
