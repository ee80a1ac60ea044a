"""The paths of a school, composed from its filters, against the policy; with mistakes planted in them."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.compile.network.intent import FilterIntent
from controller.compile.network.wanted_device_state import compile_device
from controller.model.city import City
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.model.sites.schools import School
from controller.platforms.registry import load_platform
from controller.prove.check import Check
from controller.prove.filters.equivalence import ReplayError
from controller.prove.reachability import composition
from controller.prove.reachability.composition import SchoolFilters, prove_intent_paths, prove_school_paths

SCHOOL = "kw-e01"
Planting = Callable[[City, dict[tuple[int, Direction, Family], Filter]], None]


@pytest.fixture(scope="module")
def school(city: City) -> School:
    return city.school_by_id[SCHOOL]


def filters(city: City, school: School) -> dict[tuple[int, Direction, Family], Filter]:
    """The filters of the school's core switch, parsed back from its own text."""
    device = next(one for one in city.list_devices(school) if one.role == "core")
    system = load_platform(device.platform)
    wanted = compile_device(city, device, system.capabilities).wanted
    return {one.key: one for one in system.parse(system.render(wanted), device.id).state.filters}


def checks(city: City, school: School, held: dict[tuple[int, Direction, Family], Filter]) -> dict[str, Check]:
    named = {place: (f"{school.id}-core1", one) for place, one in held.items()}
    found = [
        check
        for family in Family
        for check in prove_school_paths(
            city, SchoolFilters(school, tuple(city.list_segments(school).values()), named), family
        )
    ]
    return {check.name + (" wrong" if check.differences else ""): check for check in found}


def first(
    held: dict[tuple[int, Direction, Family], Filter], place: tuple[int, Direction, Family], entry: Entry
) -> None:
    """Puts an entry before all others of a filter."""
    held[place] = replace(held[place], entries=(entry, *held[place].entries))


def permit(city: City, school: School, source: str, destination: str, *, port: int = 443) -> Entry:
    own = city.addresses.segment_prefix(school, city.segments[source], Family.V4)
    match = Match(Family.V4, Protocol.TCP, own, parse_prefix(destination), destination_ports=(port, port))
    return Entry(Effect.PERMIT, match, "77")


def test_every_path_of_a_school_is_what_the_policy_says(city: City, school: School) -> None:
    found = checks(city, school, filters(city, school))
    assert set(found) == {"paths", "school-to-school isolation", "management from the controller only"}
    assert found["school-to-school isolation"].examined == len(city.schools) - 1


def test_a_filter_that_lets_pupils_to_the_affairs_system_is_found_with_a_packet(city: City, school: School) -> None:
    held = filters(city, school)
    affairs = str(city.addresses.destination_addresses("affairs", school).in_family(Family.V4).included[0])
    place = (city.segments["pupil"].vlan, Direction.FROM, Family.V4)
    first(held, place, permit(city, school, "pupil", affairs))
    (said,) = checks(city, school, held)["paths wrong"].differences
    assert (
        f"from pupil at {SCHOOL} to affairs passes: tcp 10.1.16.10 port 49152 -> {affairs.removesuffix('/32')}" in said
    )
    assert "line 77 permits it" in said
    assert "no rule names it (default deny)" in said


def test_a_filter_that_cuts_what_a_rule_permits_is_found_with_the_rule(city: City, school: School) -> None:
    held = filters(city, school)
    affairs = str(city.addresses.destination_addresses("affairs", school).in_family(Family.V4).included[0])
    place = (city.segments["staff"].vlan, Direction.FROM, Family.V4)
    first(held, place, replace(permit(city, school, "staff", affairs), effect=Effect.FORBID))
    (said,) = checks(city, school, held)["paths wrong"].differences
    assert "from staff at kw-e01 to affairs does not pass" in said
    assert "the policy: permit by staff-cloud (" in said


def test_one_end_that_is_wrong_alone_changes_no_path_inside_a_school(city: City, school: School) -> None:
    """Between two segments both filters must agree to let a packet through."""
    held = filters(city, school)
    staff = str(city.addresses.segment_prefix(school, city.segments["staff"], Family.V4))
    first(held, (city.segments["pupil"].vlan, Direction.FROM, Family.V4), permit(city, school, "pupil", staff))
    assert "paths" in checks(city, school, held)
    first(held, (city.segments["staff"].vlan, Direction.TO, Family.V4), permit(city, school, "pupil", staff))
    (said,) = checks(city, school, held)["paths wrong"].differences
    assert "from pupil at kw-e01 to staff at kw-e01 passes" in said


def test_a_way_to_another_school_is_found(city: City, school: School) -> None:
    held = filters(city, school)
    other = city.addresses.school_prefix(city.school_by_id["kw-e02"], Family.V4)
    first(held, (city.segments["staff"].vlan, Direction.FROM, Family.V4), permit(city, school, "staff", str(other)))
    (said,) = checks(city, school, held)["school-to-school isolation wrong"].differences
    assert "from staff at kw-e01 to school kw-e02 leaves for another school" in said


def test_a_way_to_the_management_is_found(city: City, school: School) -> None:
    held = filters(city, school)
    management = city.segments[city.management_segment]
    target = str(city.addresses.segment_prefix(school, management, Family.V4))
    entry = permit(city, school, "staff", target, port=22)
    first(held, (city.segments["staff"].vlan, Direction.FROM, Family.V4), entry)
    first(held, (management.vlan, Direction.TO, Family.V4), entry)
    (said,) = checks(city, school, held)["management from the controller only wrong"].differences
    assert "from staff at kw-e01 to management at kw-e01 reaches the management: tcp" in said


def test_a_management_that_the_controller_does_not_reach_is_found(city: City, school: School) -> None:
    held = filters(city, school)
    management = city.segments[city.management_segment]
    everything = Match(Family.V4, None, Family.V4.everything, Family.V4.everything)
    first(held, (management.vlan, Direction.TO, Family.V4), Entry(Effect.FORBID, everything, "1"))
    said = checks(city, school, held)["management from the controller only wrong"].differences
    assert any("kw-e01-core1: the controller does not reach it at 10.1.10." in one for one in said)


def test_a_segment_without_a_filter_is_found(city: City, school: School) -> None:
    held = filters(city, school)
    del held[city.segments["guest"].vlan, Direction.FROM, Family.V6]
    assert checks(city, school, held)["paths wrong"].differences == (
        "kw-e01: nothing filters guest (VLAN 40) from IPv6; all passes",
    )


def test_a_forged_source_is_found(city: City, school: School) -> None:
    held = filters(city, school)
    affairs = str(city.addresses.destination_addresses("affairs", school).in_family(Family.V4).included[0])
    forged = Match(
        Family.V4, Protocol.TCP, parse_prefix("198.18.0.0/16"), parse_prefix(affairs), destination_ports=(443, 443)
    )
    first(held, (city.segments["staff"].vlan, Direction.FROM, Family.V4), Entry(Effect.PERMIT, forged, "5"))
    (said,) = checks(city, school, held)["paths wrong"].differences
    assert "passes from staff, but its source is not of the segment" in said


def test_intents_that_were_proved_give_the_same_checks_in_both_families(city: City, school: School) -> None:
    device = next(one for one in city.list_devices(school) if one.role == "core")
    intents = {
        one_key(one): one for one in compile_device(city, device, load_platform(device.platform).capabilities).intents
    }
    segments = tuple(city.list_segments(school).values())
    named = {place: ("core", one) for place, one in filters(city, school).items()}
    each = [prove_school_paths(city, SchoolFilters(school, segments, named), family) for family in Family]
    assert prove_intent_paths(city, school, segments, intents, {}) == each[0] + each[1]
    place = next(iter(intents))
    assert prove_intent_paths(city, school, segments, {k: v for k, v in intents.items() if k != place}, {}) is None
    fewer = {**intents, place: replace(intents[place], clauses=())}
    assert prove_intent_paths(city, school, segments, fewer, {}) is None


def one_key(intent: FilterIntent) -> tuple[int, Direction, Family]:
    return intent.vlan, intent.direction, intent.family


@pytest.mark.parametrize(
    ("effect", "replaced", "answer"),
    [
        (Effect.PERMIT, "evaluate_packet", True),
        (Effect.FORBID, "evaluate_packet", False),
        (Effect.FORBID, "find_enforcement_points", ()),
    ],
)
def test_a_difference_that_the_replay_does_not_see_is_an_error_of_ours(  # noqa: PLR0913, PLR0917 what, and by whom
    city: City, school: School, monkeypatch: pytest.MonkeyPatch, effect: Effect, replaced: str, answer: object
) -> None:
    held = filters(city, school)
    affairs = str(city.addresses.destination_addresses("affairs", school).in_family(Family.V4).included[0])
    segment = "pupil" if effect is Effect.PERMIT else "staff"
    entry = replace(permit(city, school, segment, affairs), effect=effect)
    first(held, (city.segments[segment].vlan, Direction.FROM, Family.V4), entry)
    monkeypatch.setattr(composition, replaced, lambda *_: answer)
    with pytest.raises(ReplayError, match="but replayed it makes no difference"):
        checks(city, school, held)
