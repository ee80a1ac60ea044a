from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.measure.diagnosis.causes import Cause, Diagnosis, Finding
from controller.measure.diagnosis.common_causes import find_common_causes
from controller.measure.diagnosis.texts import build_diagnoses_document, build_diagnosis_lines
from controller.messages import load_catalogue

WARDS, CARRIERS = ("asao", "tama", "nakahara", "saiwai"), ("fixed-ip", "map-e")


def diagnose(number: int, *causes: Cause, about: str = "primary") -> Diagnosis:
    """School number n; wards follow one another, carriers alternate."""
    groups = {"ward": WARDS[number // 10], "carrier": CARRIERS[number % 2]}
    return Diagnosis(f"s{number:02}", tuple(Finding((cause,), about, ()) for cause in causes), groups)


def city(bad: set[int], cause: Cause = Cause.LINE_SLOW, about: str = "primary") -> list[Diagnosis]:
    return [diagnose(number, *([cause] if number in bad else []), about=about) for number in range(40)]


def test_a_ward_a_carrier_a_region_and_the_city_are_named() -> None:
    for bad, shared in (
        (set(range(10)), (("ward", "asao"),)),
        (set(range(0, 40, 2)), (("carrier", "fixed-ip"),)),
        (set(range(40)), (("city", ""),)),
    ):
        (found,) = find_common_causes(city(bad))
        assert (found.shared, len(found.schools)) == (shared, len(bad))
    (found,) = find_common_causes(city(set(range(40)), Cause.REGION_DOWN, "tokyo"))
    assert found.shared == (("region", "tokyo"),)


def test_a_ward_whose_schools_all_have_one_carrier_is_not_told_apart_from_it() -> None:
    here, there = {"ward": "asao", "carrier": "map-e"}, {"ward": "tama", "carrier": "fixed-ip"}
    down = Finding((Cause.LINE_DOWN,), "primary", ())
    found = find_common_causes(
        [Diagnosis(f"a{one}", (down,), here) for one in range(4)]
        + [Diagnosis(f"t{one}", (), there) for one in range(9)]
    )
    assert [one.shared for one in found] == [(("carrier", "map-e"), ("ward", "asao"))]
    (line,) = build_diagnosis_lines(
        [Diagnosis("t1", (), there)] * 9 + [Diagnosis(f"a{one}", (down,), here) for one in range(4)],
        load_catalogue("en"),
    )[:1]
    assert line == "4 of 4 schools have in common (kind of line map-e; or ward asao): the line is down"


SILENT = (Cause.LINE_DOWN, Cause.ROUTER_FAULT, Cause.REGION_DOWN)


def test_causes_that_no_school_tells_apart_are_not_told_as_one_of_them() -> None:
    """One region was asked and nobody answered: the first of the causes was told as that of the whole city."""
    nobody = Finding(SILENT, "primary", ())
    everywhere = [Diagnosis(one.school, (nobody,), one.groups) for one in city(set())]
    (found,) = find_common_causes(everywhere)
    assert (found.named, found.causes, found.shared) == (None, SILENT, (("city", ""),))
    said = build_diagnosis_lines(everywhere, load_catalogue("en"))[0]
    assert said.startswith("40 of 40 schools have in common (the whole city): not told apart: the line is down; or ")
    assert build_diagnoses_document(everywhere)["common_causes"][0]["cause"] is None


def test_a_cause_that_enough_schools_name_is_that_of_those_that_cannot_tell_it_apart() -> None:
    both, one_line = (Cause.REGION_DOWN,), (Cause.REGION_DOWN, Cause.LINE_ROUTE)
    schools = [
        Diagnosis(one.school, (Finding(both if number < 3 else one_line, "tokyo", ()),), one.groups)
        for number, one in enumerate(city(set()))
    ]
    (found,) = find_common_causes(schools)
    assert (found.named, len(found.schools), found.shared) == (Cause.REGION_DOWN, 40, (("region", "tokyo"),))
    assert [one.named for one in find_common_causes(schools[1:])] == [None], "two schools may be chance"


def test_what_schools_do_not_share_has_no_common_cause() -> None:
    assert find_common_causes(city(set(range(30)), Cause.CONTRACT)) == []
    assert find_common_causes(city(set(range(30)), Cause.LAN_PORT_SLOW)) == []


@given(st.sets(st.integers(0, 39), max_size=2))
def test_two_schools_are_chance(bad: set[int]) -> None:
    assert find_common_causes(city(bad)) == []


@given(st.sets(st.integers(0, 39)))
def test_only_schools_that_have_the_fault_are_in_it(bad: set[int]) -> None:
    for one in find_common_causes(city(bad)):
        assert set(one.schools) <= {f"s{number:02}" for number in bad}
        assert len(one.schools) <= one.asked
