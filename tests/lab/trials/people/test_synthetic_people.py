"""Who is tried follows the roles of the policy, whatever a city calls them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from controller.errors import LabError
from controller.lab.state.layout import Layout
from controller.lab.trials.people.synthetic_people import SeatKind, SyntheticPerson, list_synthetic_people
from controller.lab.trials.people.visits import Visit, find_outsider, list_visits
from controller.model.city import City
from controller.model.policy_files import PEOPLE

SCHOOLS = ("one", "two")


def layout(*segments: str) -> Layout:
    hosts = [SimpleNamespace(segment=segment) for segment in segments]
    return cast("Layout", SimpleNamespace(schools=[SimpleNamespace(id=one, hosts=hosts) for one in SCHOOLS]))


def people(city: City, schools: tuple[str, ...] = SCHOOLS) -> list[SyntheticPerson]:
    return list(list_synthetic_people(city, layout("staff", "pupil"), schools))


def with_roles(city: City, **audiences: str) -> City:
    """The city with these roles and no others."""
    some = city.people.roles[0]
    roles = tuple(some.model_copy(update={"id": name, "audience": one}) for name, one in audiences.items())
    return city.replace_file(PEOPLE, city.people.model_copy(update={"roles": roles}))


def visit(person: SyntheticPerson, *, network: bool = True, identity: bool = False) -> Visit:
    permitted = network and identity
    return cast("Visit", SimpleNamespace(person=person, network=network, identity=identity, permitted=permitted))


def sitting(found: Sequence[SyntheticPerson]) -> set[tuple[str, str, str]]:
    return {(one.role, one.sits.value, one.school) for one in found}


def test_every_role_of_the_policy_is_tried(city: City) -> None:
    assert {one.role for one in people(city)} == {role.id for role in city.people.roles}
    assert len({one.row for one in people(city)}) == len(people(city))


def test_roles_of_another_city_are_tried_by_their_audience(city: City) -> None:
    found = people(with_roles(city, lecturer="staff", student="pupil", parent="public"))
    outside = {(role, sits, "one") for role in ("lecturer", "student", "parent") for sits in ("@home", "@abroad")}
    inside = {
        (role, seat, school) for role, seat in (("lecturer", "staff"), ("student", "pupil")) for school in SCHOOLS
    }
    assert sitting(found) == outside | inside
    assert len({one.row for one in found}) == len(found)
    for role in ("lecturer", "student"):
        tried = [one for one in found if one.role == role]
        assert {one.mfa for one in tried} == {True, False}
        assert any(not one.postures for one in tried)
        assert any(one.registered is None for one in tried)


def test_nobody_has_a_role_that_the_policy_does_not_know(city: City) -> None:
    found = people(with_roles(city, teacher="staff", student="pupil"), schools=("two",))
    assert {one.role for one in found} == {"teacher", "student"}
    assert {one.school for one in found if one.sits in (SeatKind.STAFF, SeatKind.PUPIL)} == {"two"}


@pytest.mark.parametrize("missing", ["staff", "pupil"])
def test_a_lab_without_seats_for_people_is_refused(city: City, missing: str) -> None:
    seats = [one for one in ("staff", "pupil", "management") if one != missing]
    with pytest.raises(LabError, match=f"no school of the lab has a host in the segment '{missing}'"):
        next(list_visits(city, layout(*seats), cast("object", None), SCHOOLS))  # type: ignore[arg-type]


def test_the_outsider_is_of_the_public_and_let_in_nowhere(city: City) -> None:
    at_home = [one for one in people(city) if one.sits is SeatKind.HOME]
    assert find_outsider(city, [visit(one) for one in at_home]).role == "guardian"
    let_in = [visit(one, identity=one.role == "guardian") for one in at_home]
    assert find_outsider(city, let_in).row == at_home[0].row
    without_network = [
        visit(one, network=one.row != at_home[0].row, identity=one.role == "guardian") for one in at_home
    ]
    assert find_outsider(city, without_network).row == at_home[1].row
    abroad = [one for one in people(city) if one.sits is SeatKind.ABROAD]
    with pytest.raises(LabError, match="nobody is left to try the attacks as"):
        find_outsider(city, [*(visit(one, identity=True) for one in at_home), *map(visit, abroad)])
