"""What needs somebody: the most urgent first, with since when, the likely cause and what it shares with others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from controller.messages import LANGUAGES, load_catalogue
from controller.model.city import City
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DAY,
    DEVICE_DRIFT,
    DEVICE_UNCONFIRMED,
    DNS_UP,
    FAMILY,
    LINE_FLAPPING,
    LINE_LOSS,
    LINE_UP,
    PATH_UP,
    PROBE_LAST_SUCCESS,
    EventKind,
)
from monitoring.city_state.needs import COMMANDS, RUNBOOKS, URGENCY, Need, NeedKind
from monitoring.city_state.operator_actions import OperatorActions
from monitoring.city_state.school_tiles import CityState
from monitoring.timeseries.records import EventRecord, GaugeValue, OperatorAction
from tests.monitoring.city_state.made_clock import BEGAN, MadeClock, tell

ROOT = Path(__file__).resolve().parents[3]
CUT, DOWN, DRIFT, BELOW, LONE = "as-e01", "as-e02", "as-e03", "as-e04", "as-e05"
REGIONS = ("tokyo", "osaka")


@pytest.fixture
def clock() -> MadeClock:
    return MadeClock()


@pytest.fixture
def state(city: City, clock: MadeClock) -> CityState:
    """A city of which every line is up and every probe is heard."""
    made = CityState(city, clock=clock)
    made.take(list_healthy(city, clock))
    return made


def list_healthy(city: City, clock: MadeClock) -> Iterable[GaugeValue]:
    for school in city.schools:
        yield tell(clock, PROBE_LAST_SUCCESS, clock.wall, school=school.id)
        for line in school.lines.by_name:
            yield tell(clock, LINE_UP, 1, school=school.id, line=line)


def say_lines(state: CityState, clock: MadeClock, school: str, **up: float) -> None:
    state.take([tell(clock, LINE_UP, value, school=school, line=line) for line, value in up.items()])


def kinds(state: CityState) -> list[tuple[NeedKind, str]]:
    return [(one.kind, one.school) for one in state.list_needs()]


def only(state: CityState) -> Need:
    [need] = state.list_needs()
    return need


def test_a_healthy_city_needs_nobody(state: CityState) -> None:
    assert state.list_needs() == []


def test_a_school_without_any_line_is_cut_off_and_not_a_line_that_is_down(state: CityState, clock: MadeClock) -> None:
    say_lines(state, clock, CUT, backup=0)
    assert kinds(state) == [("line-down", CUT)]
    clock.pass_time(60)
    say_lines(state, clock, CUT, primary=0, backup=0)
    need = only(state)
    assert (need.kind, need.line, need.count, need.since) == ("cut-off", "", 2, BEGAN + 60)
    assert (need.causes, need.stale, need.heard) == (("site",), False, None)


def test_they_stand_by_urgency_and_then_by_age(state: CityState, city: City, clock: MadeClock) -> None:
    state.take(
        [
            tell(clock, BANDWIDTH_ASSESSMENT, 1, school=BELOW),
            tell(clock, BANDWIDTH_RECOMMENDED, 2e9, school=BELOW),
            tell(clock, BANDWIDTH_MEASURED, 1e8, school=BELOW),
            tell(clock, DEVICE_DRIFT, 3, school=DRIFT),
            tell(clock, DEVICE_UNCONFIRMED, 1, school=DRIFT),
            tell(clock, LINE_FLAPPING, 1, school=LONE, line="backup"),
        ]
    )
    clock.pass_time(5)
    say_lines(state, clock, "mi-e01" if "mi-e01" in city.school_by_id else "kw-e03", primary=0)
    clock.pass_time(5)
    say_lines(state, clock, DOWN, primary=0)
    say_lines(state, clock, CUT, primary=0, backup=0)
    found = state.list_needs()
    assert [one.kind for one in found] == [
        "cut-off",
        "line-down",
        "line-down",
        "unconfirmed",
        "brown-out",
        "drift",
        "below",
    ]
    assert found[2].school == DOWN
    drift, below = found[5], found[6]
    assert (drift.count, drift.since, drift.command) == (3, BEGAN, f"tsunagu drift --school {DRIFT}")
    assert below.causes == ("contract",)


def test_a_silent_probe_is_a_need_and_a_silent_city_is_one_alone(
    state: CityState, city: City, clock: MadeClock
) -> None:
    clock.pass_time(1000)
    state.take([one for one in list_healthy(city, clock) if one.key[1][0][1] != LONE])
    need = only(state)
    assert (need.kind, need.school, need.since, need.stale) == ("silent", LONE, BEGAN, True)
    say_lines(state, clock, DOWN, primary=0)
    clock.pass_time(DAY)
    found = state.list_needs()
    assert [(one.kind, one.school) for one in found] == [("feeder-silent", ""), ("line-down", DOWN)]
    assert (found[0].count, found[0].since) == (len(city.schools), BEGAN + 1000)
    assert (found[1].stale, found[1].heard) == (True, BEGAN + 1000)


def test_what_lines_have_in_common_is_counted_and_named(state: CityState, city: City, clock: MadeClock) -> None:
    ward = [school for school in city.schools if school.ward == "asao"]
    for school in ward:
        say_lines(state, clock, school.id, primary=0)
    found = state.list_needs()
    assert {one.kind for one in found} == {"line-down"}
    for need in found:
        assert need.causes == ("area",)
        shared = need.patterns[0]
        assert (shared.kind, shared.name, shared.count, shared.total) == ("ward", "asao", len(ward), len(ward))


def test_lines_of_one_kind_of_access_are_the_carriers(state: CityState, city: City, clock: MadeClock) -> None:
    lines = [
        (school.id, name)
        for school in city.schools
        for name, line in school.lines.by_name.items()
        if line.kind == "ds-lite"
    ]
    assert len(lines) > 3
    for school, name in lines:
        say_lines(state, clock, school, **{name: 0})
    found = [one for one in state.list_needs() if one.kind == "line-down"]
    carriers = [shared for one in found for shared in one.patterns if shared.kind == "carrier"]
    assert {(one.name, one.count, one.total) for one in carriers} == {("ds-lite", len(lines), len(lines))}


def test_single_lines_here_and_there_are_no_pattern(state: CityState, clock: MadeClock) -> None:
    for school in (CUT, DOWN, DRIFT):
        say_lines(state, clock, school, primary=0)
    assert {one.patterns for one in state.list_needs()} == {()}
    assert {one.causes for one in state.list_needs()} == {("line",)}


def test_a_lost_region_is_named_with_how_many_schools_and_lines_lost_it(
    state: CityState, city: City, clock: MadeClock
) -> None:
    state.take(
        [
            tell(clock, PATH_UP, float(region != "osaka"), school=school.id, line=line, region=region, family=family)
            for school in city.schools
            for line in school.lines.by_name
            for region in REGIONS
            for family in FAMILY.values
        ]
    )
    need = only(state)
    assert (need.kind, need.region, need.id, need.since) == ("region-down", "osaka", "region-down:osaka", BEGAN)
    assert (need.count, need.causes) == (len(city.schools), ("region",))
    [shared] = need.patterns
    lines = sum(len(school.lines.by_name) for school in city.schools)
    assert (shared.kind, shared.name, shared.count, shared.total) == ("region", "osaka", lines, lines)
    assert lines > need.count
    assert {one["need"] for one in state.tiles()} == {"brown-out"}


def say_dns(state: CityState, clock: MadeClock, schools: Iterable[str], answers: float) -> None:
    told = [
        tell(clock, DNS_UP, answers, school=school, line="primary", family=family)
        for school in schools
        for family in FAMILY.values
    ]
    state.take(told)


def test_dns_that_most_schools_lack_is_one_need_and_at_few_each_its_own(
    state: CityState, city: City, clock: MadeClock
) -> None:
    schools = [school.id for school in city.schools]
    most = len(schools) // 2 + 1
    say_dns(state, clock, schools, 1)
    say_dns(state, clock, schools[:most], 0)
    need = only(state)
    assert (need.kind, need.id, need.school, need.count) == ("dns-down", "dns-down", "", most)
    assert (need.causes, need.since, need.runbook) == (("dns",), BEGAN, "dns-lost")
    # What else a line lacks stays a need of its own.
    say_dns(state, clock, schools[most - 1 : most], 1)
    state.take([tell(clock, LINE_FLAPPING, 1, school=schools[0], line="primary")])
    assert {one.kind for one in state.list_needs()} == {"brown-out"}
    say_dns(state, clock, schools[most - 1 : most], 0)
    whole, flapping = state.list_needs()
    assert (whole.kind, flapping.school, flapping.causes) == ("dns-down", schools[0], ("flapping",))
    assert flapping.runbook == "line-flapping"
    say_dns(state, clock, schools, 1)
    say_dns(state, clock, schools[:2], 0)
    few = [one for one in state.list_needs() if "dns" in one.causes]
    # Since the first of the causes has a runbook of its own.
    assert [(one.school, one.runbook) for one in few] == [(schools[0], "line-flapping"), (schools[1], "dns-down")]


@pytest.mark.parametrize(
    ("dead", "causes"),
    [
        ({(region, "ipv6") for region in REGIONS}, ("family",)),
        ({("osaka", "ipv6")}, ("path",)),
        (set(), ()),
        ({(region, family) for region in REGIONS for family in FAMILY.values}, ("path",)),
    ],
)
def test_a_dead_family_and_a_dead_path_are_told_apart(
    state: CityState, clock: MadeClock, dead: set[tuple[str, str]], causes: tuple[str, ...]
) -> None:
    state.take(
        [
            tell(
                clock,
                PATH_UP,
                float((region, family) not in dead),
                school=LONE,
                line="primary",
                region=region,
                family=family,
            )
            for region in REGIONS
            for family in FAMILY.values
        ]
    )
    assert [one.causes for one in state.list_needs()] == ([causes] if causes else [])


def test_a_line_that_loses_much_or_whose_dns_is_dead_is_browned_out(state: CityState, clock: MadeClock) -> None:
    path = {"school": LONE, "line": "primary", "region": "tokyo", "family": "ipv4"}
    state.take([tell(clock, LINE_LOSS, 0.05, place=path)])
    assert state.list_needs() == []
    clock.pass_time(7)
    state.take([tell(clock, LINE_LOSS, 0.3, place=path)])
    clock.pass_time(7)
    state.take(
        [tell(clock, LINE_LOSS, 0.2, place=path), tell(clock, DNS_UP, 0, school=LONE, line="primary", family="ipv4")]
    )
    need = only(state)
    assert (need.kind, need.causes, need.since) == ("brown-out", ("loss", "dns"), BEGAN + 7)


def test_a_line_of_which_an_event_tells_is_browned_out_until_another_one_ends_it(
    state: CityState, clock: MadeClock
) -> None:
    def tell_event(kind: EventKind) -> None:
        state.known.hear_events([EventRecord(clock.wall, str(kind), LONE, "primary", "carries too little")])

    tell_event(EventKind.BROWN_OUT)
    clock.pass_time(30)
    tell_event(EventKind.BROWN_OUT)
    need = only(state)
    assert (need.kind, need.line, need.causes, need.since) == ("brown-out", "primary", ("capacity",), BEGAN)
    tell_event(EventKind.BROWN_OUT_OVER)
    assert state.list_needs() == []


def test_every_kind_has_its_place_its_command_and_its_words() -> None:
    assert set(COMMANDS) == set(URGENCY)
    assert set(URGENCY) - set(RUNBOOKS) == {"below"}
    for language in LANGUAGES:
        texts = load_catalogue(language)
        for kind in URGENCY:
            assert texts[f"needs.kind-{kind}"]
            assert texts[f"needs.step-{kind}"]


# -- what people do about them

ACKNOWLEDGED = OperatorAction(
    "a1",
    BEGAN,
    "acknowledge",
    "Sato",
    "carrier called",
    f"line-down:{DOWN}:primary",
    DOWN,
    "primary",
    BEGAN,
    BEGAN,
    BEGAN + 600,
)


def test_an_acknowledgement_holds_for_this_outage_until_its_time(state: CityState, clock: MadeClock) -> None:
    say_lines(state, clock, DOWN, primary=0)
    actions = OperatorActions([ACKNOWLEDGED])
    assert actions.find_acknowledgement(only(state), BEGAN + 599) == ACKNOWLEDGED
    assert actions.find_acknowledgement(only(state), BEGAN + 600) is None
    clock.pass_time(60)
    say_lines(state, clock, DOWN, primary=1)
    clock.pass_time(60)
    say_lines(state, clock, DOWN, primary=0)
    assert actions.find_acknowledgement(only(state), clock.wall) is None


def test_an_action_that_was_ended_holds_no_more(state: CityState, clock: MadeClock) -> None:
    say_lines(state, clock, DOWN, primary=0)
    ending = OperatorAction("a2", BEGAN + 1, "end", "Sato", "mended", ends="a1")
    actions = OperatorActions([ending, ACKNOWLEDGED])
    assert actions.find_acknowledgement(only(state), BEGAN + 5) is None
    assert actions.find("a1") is None
    assert actions.count_open(BEGAN + 5) == 0


@pytest.mark.parametrize(("line", "covers"), [("", True), ("primary", True), ("backup", False)])
def test_a_window_covers_its_school_or_its_line_from_its_beginning(
    state: CityState, clock: MadeClock, line: str, *, covers: bool
) -> None:
    say_lines(state, clock, DOWN, primary=0)
    window = OperatorAction(
        "m1", BEGAN, "maintenance", "Ito", "new router", school=DOWN, line=line, starts=BEGAN + 10, until=BEGAN + 20
    )
    actions = OperatorActions([window])
    found = [actions.find_maintenance(only(state), BEGAN + seconds) for seconds in (9, 10, 19, 20)]
    assert found == ([None, window, window, None] if covers else [None] * 4)


def test_the_command_of_a_need_is_one_and_takes_its_options() -> None:
    table = json.loads((ROOT / "controller/cli/conventions/option_table.json").read_text(encoding="utf-8"))
    for kind, command in COMMANDS.items():
        program, *words = command.split()
        if program != "tsunagu":
            continue
        named = max((one for one in table if [*words[: one.count(" ") + 1]] == one.split()), key=len, default="")
        assert named, (kind, command)
        assert {word.removeprefix("--") for word in words if word.startswith("--")} <= set(table[named]), (
            kind,
            command,
        )
    assert COMMANDS["silent"] == "tsunagu probe list", "measure cannot look at a school that is silent"
