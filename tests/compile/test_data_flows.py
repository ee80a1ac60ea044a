"""Flows between systems, compiled: what the reference says may be sent, by exactly the connections it allows."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compile.data_flows import (
    DataFlowIntent,
    compile_data_flows,
    find_answering_addresses,
    find_calling_addresses,
)
from controller.errors import Origin
from controller.model.access.data_flows import CLASS_CARRIERS, Carrier, SystemFlow
from controller.model.access.rules import ApplicationFile
from controller.model.access.second_factors import Importance
from controller.model.city import City
from controller.model.network.packets import Effect, Family, parse_service
from controller.model.policy_files import APPLICATIONS, FLOWS
from controller.model.reference_evaluator import DataFlow, evaluate_connection, evaluate_data_flow
from tests.soak import FACTOR

ENDS = ("affairs", "grading", "resident-register", "learning-analytics")
CLASSES: tuple[Importance, ...] = get_args(Importance)
SERVICES = (parse_service("tcp/443"), parse_service("tcp/22"))


@st.composite
def flow(draw: st.DrawFn) -> SystemFlow:
    sender, receiver = draw(st.permutations(ENDS))[:2]
    permits = draw(st.booleans())
    carriers: tuple[Carrier, ...] = ("https", "sftp", "pubsub", "bigquery")
    carrier: Carrier | None = draw(st.sampled_from(carriers)) if permits else None
    return SystemFlow.model_construct(
        origin=Origin("generated", 1),
        id=draw(st.text("abcdefgh", min_size=8, max_size=8)),
        effect=Effect.PERMIT if permits else Effect.FORBID,
        purpose="generated",
        from_=sender,
        to=receiver,
        data=tuple(sorted(draw(st.sets(st.sampled_from(CLASSES), min_size=1)))),
        direction=draw(st.sampled_from(("push", "pull"))),
        carrier=carrier,
        services=(),
        exception=None,
    )


@settings(max_examples=60 * FACTOR, deadline=None)
@given(flows=st.lists(flow(), max_size=6))
def test_the_intent_is_the_reference(city: City, flows: list[SystemFlow]) -> None:
    generated = city.replace_file(FLOWS, city.files.get(FLOWS).model_copy(update={"flows": tuple(flows)}))
    check(generated, compile_data_flows(generated), ENDS)


def test_the_shipped_flows(city: City) -> None:
    intent = compile_data_flows(city)
    check(city, intent, tuple({end for one in city.flows for end in (one.from_, one.to)}))
    assert {(one.caller, one.called) for one in intent.connections} == {
        ("attendance-gateway", "resident-register"),
        ("attendance-gateway", "school-aid"),
        ("grading", "attendance-gateway"),
    }
    assert intent.unplaced == ()


def check(city: City, intent: DataFlowIntent, ends: tuple[str, ...]) -> None:
    opened = {(one.caller, one.called, one.service) for one in intent.connections}
    opened |= {(one.caller, one.called, one.service) for one in intent.unplaced}
    carried = {(one.sender, receiver, one.data) for one in intent.channels for receiver in one.receivers}
    for sender, receiver in permutations(ends, 2):
        for asked in SERVICES:
            expected = evaluate_connection(city, sender, receiver, asked).permitted
            assert ((sender, receiver, asked) in opened) == expected
        for data in CLASSES:
            answer = evaluate_data_flow(city, DataFlow(sender, receiver, data))
            by_channel = any(one.carrier in CLASS_CARRIERS for one in answer.rules)
            assert ((sender, receiver, data) in carried) == (answer.permitted and by_channel)


def test_a_connection_has_the_addresses_of_both_ends_in_each_family(city: City) -> None:
    found = [one for one in compile_data_flows(city).connections if one.called == "school-aid"]
    assert [one.family for one in found] == list(Family)
    for one in found:
        (caller, called) = (city.systems[one.caller], city.systems[one.called])
        assert one.sources.included == tuple(p for p in caller.addresses if p.version == one.family)
        assert one.destinations.included == tuple(p for p in called.addresses if p.version == one.family)


@pytest.mark.parametrize(
    ("sender", "direction", "lacking"),
    [
        ("affairs", "push", ("affairs",)),
        ("affairs", "pull", None),
        ("learning-analytics", "pull", ("learning-analytics",)),
    ],
)
def test_an_end_without_addresses_is_named_and_never_anybody(
    city: City, sender: str, direction: str, lacking: tuple[str, ...] | None
) -> None:
    """Where a cloud application answers is known; where it calls from is not."""
    words = {"id": "x", "effect": "permit", "purpose": "x", "from": sender, "to": "school-aid", "data": ["II"]}
    one = SystemFlow.model_validate({**words, "direction": direction, "carrier": "https", "origin": Origin("x", 1)})
    intent = compile_data_flows(city.replace_file(FLOWS, city.files.get(FLOWS).model_copy(update={"flows": (one,)})))
    assert bool(intent.connections) == (lacking is None)
    assert [found.lacking for found in intent.unplaced] == ([lacking] if lacking else [])


def test_an_expired_flow_opens_nothing(city: City) -> None:
    ending = next(one for one in city.flows if one.exception)
    assert ending.exception
    over = ending.exception.model_copy(update={"expires": city.policy_date - timedelta(days=1)})
    expired = ending.model_copy(update={"exception": over})
    flows = tuple(expired if one is ending else one for one in city.flows)
    rest = city.replace_file(FLOWS, city.files.get(FLOWS).model_copy(update={"flows": flows}))
    assert rest.expired_flows == (expired,)
    assert {c.called for c in compile_data_flows(rest).connections} == {"resident-register", "school-aid"}


def test_flows_of_one_kind_share_a_channel_that_names_them_all(city: City) -> None:
    words = {"effect": "permit", "purpose": "x", "from": "affairs", "data": ["III"], "carrier": "pubsub"}
    ends = ("resident-register", "learning-analytics", "resident-register")
    flows = tuple(
        SystemFlow.model_validate(
            {**words, "id": f"flow-{number}", "to": end, "direction": "push", "origin": Origin("x", number)}
        )
        for number, end in enumerate(ends)
    )
    intent = compile_data_flows(city.replace_file(FLOWS, city.files.get(FLOWS).model_copy(update={"flows": flows})))
    (channel,) = intent.channels
    assert (channel.carrier, channel.sender, channel.data) == ("pubsub", "affairs", "III")
    assert channel.receivers == ("resident-register", "learning-analytics")
    assert channel.flows == ("flow-0", "flow-1", "flow-2")
    assert not intent.connections
    assert not intent.unplaced


def test_where_systems_call_from_and_answer(city: City) -> None:
    register = city.systems["resident-register"].addresses
    assert find_calling_addresses(city, "resident-register").included == register
    assert find_answering_addresses(city, "resident-register").included == register
    grading = city.applications["grading"]
    assert grading.hosting == "on-premises"
    assert find_calling_addresses(city, "grading").included == grading.addresses != ()
    assert find_answering_addresses(city, "grading").included == grading.addresses
    assert find_calling_addresses(city, "affairs").included == (), "nobody says where the cloud calls from"
    assert find_answering_addresses(city, "affairs").included != ()
    assert city.applications["printing"].segment
    assert find_answering_addresses(city, "printing").included == (), "it is in every school"
    named = city.files.get(APPLICATIONS).applications
    turned = [
        one.model_copy(update={"belongs_to": "internet", "prefixes": None}) if one.id == "workspace" else one
        for one in named
    ]
    belonging = city.replace_file(APPLICATIONS, ApplicationFile(applications=tuple(turned)))
    assert find_answering_addresses(city, "workspace").included != ()
    assert find_answering_addresses(belonging, "workspace").included == (), "the internet is everywhere"
