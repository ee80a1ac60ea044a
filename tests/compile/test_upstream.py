"""What a platform without TCP flags leaves to the router: never less than the policy permits, never in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.compile.network.aggregate import aggregate_entries
from controller.compile.network.upstream import (
    DelegatedFilter,
    delegate_upstream,
    describe_delegated,
    list_assumptions,
)
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import BeyondCapability, ProofFailed
from controller.model.city import City
from controller.model.network.packets import Direction, Effect, Family, Packet, Protocol
from controller.model.policy_files import BLUEPRINTS
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.platforms.allied_telesis_awplus.driver import AlliedTelesisAwplus
from controller.prove.filters.equivalence import covers_intent
from controller.prove.filters.evaluation import evaluate_filter, evaluate_intent

AWPLUS = AlliedTelesisAwplus()
CAN = AWPLUS.capabilities


def second_lot(city: City) -> list[School]:
    lots = {ward.id: ward.lot for ward in city.wards}
    return [school for school in city.schools if lots[school.ward] == "lot-2"]


def core(city: City, school: School) -> Device:
    return next(device for device in city.list_devices(school) if device.role == "core")


def without_guarantor(city: City) -> City:
    blueprints = tuple(
        one.model_copy(update={"devices": tuple(group.model_copy(update={"keeps_state": {}}) for group in one.devices)})
        for one in city.blueprints.blueprints
    )
    return city.replace_file(BLUEPRINTS, city.blueprints.model_copy(update={"blueprints": blueprints}))


def test_the_cores_of_the_second_lot_compile_and_are_proved(city: City) -> None:
    """One school of every blueprint of the lot; the whole city is the benchmark's."""
    seen: set[int] = set()
    for school in second_lot(city):
        devices = city.list_devices(school)
        if len(devices) in seen:
            continue
        seen.add(len(devices))
        device = core(city, school)
        assert device.platform == AWPLUS.name
        intent = compile_device(city, device, CAN)
        assert prove_rendered_device(city, intent, AWPLUS) == 32
        (line,) = describe_delegated(intent.delegated)
        assert f"by {school.id}-rt1 alone, and Tsunagu does not prove it" in line
    assert len(seen) > 2


def test_nobody_answers_for_the_router_so_the_core_is_refused(city: City) -> None:
    device = core(city, second_lot(city)[0])
    with pytest.raises(BeyondCapability) as caught:
        compile_device(without_guarantor(city), device, CAN)
    message = str(caught.value)
    assert message.startswith(f"{device.id}: allied_telesis_awplus lacks the capability 'established'")
    assert f"left to {device.school.id}-rt1 (frr) if somebody answers for it" in message


def test_filters_that_need_no_flags_are_left_to_nobody(city: City) -> None:
    """So nobody has to answer for the router of such a school."""
    device = core(city, second_lot(city)[0])
    whole = compile_device(city, device, CAN).intents
    plain = tuple(replace(one, clauses=tuple(c for c in one.clauses if not c.established)) for one in whole)
    assert delegate_upstream(without_guarantor(city), device, plain, CAN) == (plain, ())


def test_a_platform_that_matches_flags_leaves_nothing(city: City) -> None:
    device = core(city, second_lot(city)[0])
    intent = compile_device(without_guarantor(city), device, replace(CAN, established=True))
    assert not intent.delegated
    assert not describe_delegated(intent.delegated)


def compiled(city: City) -> DeviceIntent:
    return compile_device(city, core(city, second_lot(city)[0]), CAN)


def test_the_switch_and_the_router_together_are_the_policy(city: City) -> None:
    """What the switch lets through beyond the policy is TCP without ACK and RST, and that is all."""
    intent = compiled(city)
    filters = {one.key: one for one in intent.wanted.filters}
    school = intent.device.school
    staff = city.segments["staff"]
    subnet = city.addresses.segment_prefix(school, staff, Family.V4)
    server = int(
        next(
            p for p in city.addresses.destination_addresses("affairs", school).in_family(Family.V4).included
        ).network_address
    )
    moved = next(m.intent for m in intent.delegated if (m.intent.segment, m.intent.family) == ("staff", Family.V4))
    answer = Packet(Family.V4, Protocol.TCP, server, int(subnet[20]), 443, 49152, established=True)
    attack = replace(answer, established=False)
    one = filters[staff.vlan, Direction.TO, Family.V4]
    assert evaluate_filter(one, answer)
    assert evaluate_intent(moved, answer)
    assert evaluate_filter(one, attack), "the switch cannot tell them apart"
    assert not evaluate_intent(moved, attack), "and the policy forbids it: this is what is left to the router"
    assert not evaluate_filter(one, replace(attack, source_port=444))


def test_what_is_left_to_the_router_must_not_cut_what_the_policy_permits(city: City) -> None:
    """A forbid of answers, taken for a forbid of everything from that port, would cut what another rule opens."""
    intent = compiled(city)
    moved = next(one for one in intent.delegated if one.intent.direction is Direction.TO)
    answers = next(clause for clause in moved.intent.clauses if clause.established)
    opened = answers._replace(rule="opened", established=False)
    cut = answers._replace(rule="cut", effect=Effect.FORBID)
    strict = replace(moved.intent, clauses=(*moved.intent.clauses, opened, cut))
    assert not covers_intent(
        replace(strict, clauses=tuple(one._replace(established=False) for one in strict.clauses)), strict
    )
    assert covers_intent(intent.intents[intent_of(intent, moved)], moved.intent)
    more = replace(moved.intent, clauses=(*moved.intent.clauses, opened._replace(source_ports=(999, 999))))
    wrong = replace(intent, delegated=(replace(moved, intent=more),))
    with pytest.raises(ProofFailed, match=f"left to {moved.upstream} would deny packets that the policy permits"):
        prove_rendered_device(city, wrong, AWPLUS)


def intent_of(intent: DeviceIntent, moved: DelegatedFilter) -> int:
    keys = [(one.vlan, one.direction, one.family) for one in intent.intents]
    return keys.index((moved.intent.vlan, moved.intent.direction, moved.intent.family))


def test_check_says_who_is_assumed_right(city: City) -> None:
    (one,) = list_assumptions(city)
    assert "/city/blueprints.yaml:" in str(one)
    assert "not proved: the routers of lot-2 (frr) are assumed to keep the state of TCP" in str(one)
    assert not list_assumptions(without_guarantor(city))


def test_all_filters_of_a_device_together_are_bounded(city: City) -> None:
    device = core(city, second_lot(city)[0])
    total = sum(len(aggregate_entries(one.entries)) for one in compiled(city).wanted.filters)
    assert compile_device(city, device, replace(CAN, maximum_device_entries=total))
    with pytest.raises(BeyondCapability, match=rf"need {total} entries; .* takes {total - 1} a device"):
        compile_device(city, device, replace(CAN, maximum_device_entries=total - 1))
