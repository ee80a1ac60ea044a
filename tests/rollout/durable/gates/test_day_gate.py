"""A day at a school: the list follows from the policy of the stage, and the gate judges it by real connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import cast

import pytest

from controller.errors import LabError, Origin
from controller.model.access.rules import INTERNET
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.operations.gate_settings import DayVisit, GateRule
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.durable.gates.day_gate import DayAtSchoolGate
from controller.rollout.durable.gates.day_visits import find_visited_segments, list_day_connections
from controller.rollout.durable.gates.gate import GateVerdict, GateWave
from controller.rollout.durable.rollout_scene import GateScene, PolicyProbes, ProbedConnection
from tests.conftest import POLICIES
from tests.policies import TODAY

SCHOOL, HERE = "as-e04", Origin("o", 1)
ALL = {DayVisit.STAFF_ROOM, DayVisit.CLASSROOM, DayVisit.HOME, DayVisit.PUPIL, DayVisit.PRINTER, DayVisit.VISITOR}


@pytest.fixture(scope="module")
def city() -> City:
    """The real estate, with its access points."""
    return load_city(POLICIES, on=TODAY)


class Hosts:
    """Hosts that reach what the policy says, but for some connections; those in `silent` segments do not exist.

    Those that are `blind` can try nothing before the wave.
    """

    def __init__(self, wrong: Collection[str] = (), silent: Collection[str] = (), *, blind: bool = False) -> None:
        self._blind = blind
        self._wrong = wrong
        self._silent = silent

    def try_connections(
        self, city: City, connections: Collection[ProbedConnection], *, changed: bool
    ) -> Mapping[ProbedConnection, str]:
        assert city.school_by_id
        if self._blind and not changed:
            message = "the hosts stand elsewhere"
            raise LabError(message)
        return {
            one: "closed but must be open" if one.application in self._wrong else ""
            for one in connections
            if one.segment not in self._silent
        }


def make_wave(city: City, hosts: object, *left_out: DayVisit) -> GateWave:
    scene = GateScene(cast("Transport", None), cast("Clock", None), probes=cast("PolicyProbes", hosts))
    rule = GateRule.model_validate({"origin": HERE, "kind": "day-at-school", "leave-out": list(left_out)})
    return GateWave("r/0", city, rule, (SCHOOL,), (SCHOOL,), {}, frozenset(), (), None, None, scene)


def test_a_day_is_everybodys_and_as_the_reference_says(city: City) -> None:
    school = city.school_by_id[SCHOOL]
    day = list_day_connections(city, school)
    assert {one.visit for one in day} == ALL
    fourth = [one for one in day if one.probe and one.probe.family is Family.V4]
    said = {(one.probe.segment, one.application): one.permitted for one in fourth if one.probe}
    assert said["staff", "affairs"]
    assert said["pupil", INTERNET]
    assert said["guest", INTERNET]
    assert not any(said[segment, "affairs"] for segment in ("pupil", "guest", "printers"))
    assert not said["pupil", "printing"]
    home = {one.application: one.permitted for one in day if one.visit is DayVisit.HOME}
    assert home["affairs"]
    places = find_visited_segments(city, school)
    assert places[DayVisit.VISITOR] == ("guest",)
    assert places[DayVisit.PRINTER] == ("printers",)
    assert "staff-legacy" in places[DayVisit.STAFF_ROOM]
    assert places[DayVisit.CLASSROOM] == ("staff",)


def test_what_is_as_the_policy_says_passes_and_tells_what_changed(city: City) -> None:
    gate, wave = DayAtSchoolGate(), make_wave(city, Hosts(), DayVisit.HOME)
    before = gate.look_before(make_wave(city, Hosts({"affairs"}), DayVisit.HOME))
    found = gate.judge(wave, before)
    assert found.verdict is GateVerdict.PASSED
    tried = {one.probe for one in list_day_connections(city, city.school_by_id[SCHOOL]) if one.probe}
    changed = sum(one.application == "affairs" for one in tried)
    assert found.seen == f"{len(tried)} connections of a day are as the policy says, {changed} of them since the wave"
    assert changed
    blind = make_wave(city, Hosts(blind=True), DayVisit.HOME)
    found = gate.judge(blind, gate.look_before(blind))
    assert found.verdict is GateVerdict.PASSED
    assert found.seen.endswith("as the policy says; before the wave nobody could try them: the hosts stand elsewhere")


@pytest.mark.parametrize(
    ("hosts", "left_out", "verdict", "seen"),
    [
        (Hosts({"cbt"}), (DayVisit.HOME,), GateVerdict.FAILED, "cbt over IPv4 (closed but must be open)"),
        (Hosts(), (), GateVerdict.NOT_JUDGED, "home of as-e04 to affairs"),
        (Hosts(), (), GateVerdict.NOT_JUDGED, "leave it out by 'leave-out: [home]'"),
        (Hosts(silent={"guest"}), (DayVisit.HOME,), GateVerdict.NOT_JUDGED, "leave-out: [visitor]"),
        (Hosts(), tuple(DayVisit), GateVerdict.NOT_JUDGED, "nobody could try"),
        (None, (DayVisit.HOME,), GateVerdict.NOT_JUDGED, "leave this gate out here"),
    ],
)
def test_what_is_wrong_fails_and_what_nobody_can_try_is_not_judged(
    city: City, hosts: object, left_out: tuple[DayVisit, ...], verdict: GateVerdict, seen: str
) -> None:
    gate, wave = DayAtSchoolGate(), make_wave(city, hosts, *left_out)
    found = gate.judge(wave, gate.look_before(wave))
    assert found.verdict is verdict
    assert seen in found.seen


def test_a_school_with_devices_in_a_later_wave_has_its_day_then(city: City) -> None:
    found = DayAtSchoolGate().judge(replace(make_wave(city, Hosts({"cbt"})), whole=()), "[]")
    assert (found.verdict, "as-e04, where devices come in a later wave" in found.seen) == (GateVerdict.PASSED, True)


def test_what_is_left_out_is_said_of_this_gate_alone() -> None:
    with pytest.raises(ValueError, match="'leave-out' says something of the gate day-at-school only, not of drift"):
        GateRule.model_validate({"origin": HERE, "kind": "drift", "leave-out": ["home"]})
