"""The answer to "may this system send that data to that one, and what enforces it"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from controller.compile.data_flows import DataChannel, SystemConnection, UnplacedConnection, compile_data_flows
from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.model.access.data_flows import SystemFlow
from controller.model.access.second_factors import Importance
from controller.model.city import City
from controller.model.reference_evaluator import DataFlow, Decision, evaluate_data_flow


@dataclass(frozen=True, slots=True)
class DataFlowExplanation:
    """The answer for each class of data, and what enforces what is permitted."""

    sender: str
    receiver: str
    answers: tuple[tuple[Importance, Decision[SystemFlow]], ...]
    channels: tuple[DataChannel, ...]
    connections: tuple[SystemConnection, ...]
    unplaced: tuple[UnplacedConnection, ...]


def explain_data_flow(city: City, sender: str, receiver: str, data: str | None = None) -> DataFlowExplanation:
    """Answer for one class of data, or for all.

    Raises:
        TsunaguError: an end or the class does not exist.
    """
    known = [*city.applications, *city.systems]
    for end in (sender, receiver):
        if end not in known:
            message = (
                f"there is no system or application {end!r}; there are: {', '.join(known)}{suggest_names(end, known)}"
            )
            raise TsunaguError(message)
    classes: tuple[Importance, ...] = tuple(one for one in get_args(Importance) if data in (None, one))
    if not classes:
        message = f"there is no importance class {data!r}; there are: {', '.join(get_args(Importance))}"
        raise TsunaguError(message)
    answers = tuple((one, evaluate_data_flow(city, DataFlow(sender, receiver, one))) for one in classes)
    named = {flow.id for _, answer in answers if answer.permitted for flow in answer.rules}
    intent = compile_data_flows(city)
    ends = {(flow.caller, flow.called) for flow in city.flows if flow.id in named}
    return DataFlowExplanation(
        sender,
        receiver,
        answers,
        channels=tuple(c for c in intent.channels if named & set(c.flows) and c.data in classes),
        connections=tuple(c for c in intent.connections if named & set(c.flows)),
        unplaced=tuple(one for one in intent.unplaced if (one.caller, one.called) in ends),
    )
