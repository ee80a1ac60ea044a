from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab import city as virtual_city
from controller.lab.iap.files import Files
from controller.lab.network import background, breaking, reach
from controller.lab.state import paths, undo_log
from controller.lab.state.faults import Fault, Kind
from controller.lab.state.processes import kill, until
from controller.lab.status import status
from controller.lab.trials.matrix import measure as measure_matrix
from controller.lab.trials.people.measure import measure
from controller.lab.trials.people.verdicts import People, Verdict
from controller.model.city import City
from controller.model.network.packets import Family
from controller.offline_google.world.world import World
from controller.platforms.transport import namespace
from tests.conftest import SCHOOLS, SharedLab
from tests.lab.people.deployments import BINDING, LEVEL, deploy

pytestmark = pytest.mark.lab

SCHOOL = "kw-s01"
"""Its line has addresses of its own, so that the proxy can know the place."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world") / "world.sqlite"


@pytest.fixture(scope="module")
def deployed(city: City, world: Path, shared_lab: SharedLab) -> Iterator[City]:
    """A lab with the proxy, of a world made by hand; its switches let everything through."""
    shared_lab.remove()
    if paths.STATE.exists():
        pytest.fail(f"a lab that is not the tests' own is up ({paths.STATE}); run 'tsunagu lab down' first")
    found = deploy(city, world)
    virtual_city.up(found, SCHOOLS, lambda _: None, world=world)
    yield found
    shared_lab.remove()  # if the last test has put it up again
    virtual_city.down(lambda _: None)


def of_identity(people: People) -> dict[str, Verdict]:
    """What came of visits that the network lets through: the switches here hold no filters yet."""
    return {
        f"{one.visit.visitor.row}|{one.visit.application}|{one.visit.address}": one.verdict
        for one in people.results
        if one.visit.network
    }


def test_everybody_is_let_in_or_refused_as_the_reference_says(deployed: City) -> None:
    people = measure(deployed, [SCHOOL])
    assert set(of_identity(people).values()) == {Verdict.AGREES}
    assert people.attacks_let_in == 0
    assert len(people.attacks) > 100
    assert all(one.let_in for one in people.attacks if one.must_work)
    reasons = {one.reason.partition(":")[0] for one in people.results if one.refused_by in {"binding", "condition"}}
    assert reasons == {"no binding for role group", "condition"}
    without_mfa = [one for one in people.results if one.visit.visitor.label == "teacher, no MFA" and one.status == 403]
    assert all("mfa" in one.reason for one in without_mfa)


def test_with_factory_switches_the_networks_refusals_are_missed(deployed: City) -> None:
    people = measure(deployed, [SCHOOL])
    closed = {one.verdict for one in people.results if not one.visit.network}
    assert closed == {Verdict.OPEN}
    assert not people.agrees


def test_a_binding_removed_by_hand_is_missed_and_put_back_it_is_not(deployed: City, world: Path) -> None:
    opened = World.open(world)
    for victim in [one for one in opened.resources(BINDING) if "affairs/affairs teacher" in one.id]:
        opened.remove(victim)
    people = measure(deployed, [SCHOOL])
    assert not people.agrees
    missed = {one.visit.visitor.role for one in people.results if one.verdict is Verdict.REFUSED}
    assert missed == {"teacher"}
    assert {one.visit.application for one in people.results if one.verdict is Verdict.REFUSED} == {"affairs"}
    deploy(deployed, world)
    assert set(of_identity(measure(deployed, [SCHOOL])).values()) == {Verdict.AGREES}


def test_a_level_weakened_by_hand_lets_people_in_and_is_seen(deployed: City, world: Path) -> None:
    opened = World.open(world)
    level = next(one for one in opened.resources(LEVEL) if one.id.endswith("_managed"))
    opened.change(level, {"custom": {"expr": {"expression": "true"}}})
    people = measure(deployed, [SCHOOL])
    let_in = {one.visit.visitor.label for one in people.results if one.verdict is Verdict.LET_IN}
    assert "pupil, own device" in let_in
    deploy(deployed, world)
    assert set(of_identity(measure(deployed, [SCHOOL])).values()) == {Verdict.AGREES}


def test_a_dead_application_does_not_pass_for_a_refusal(deployed: City) -> None:
    kill(undo_log.current(paths.STATE)["", "guarded"])
    assert not status().proxy["guarded"]
    people = measure(deployed, [SCHOOL])
    expected_in = [one for one in people.results if one.visit.permitted]
    assert {one.verdict for one in expected_in} == {Verdict.OTHER}
    assert not people.agrees
    background.start(paths.STATE, {"guarded": virtual_city.PROXY_PROGRAMS["guarded"]})
    assert status().proxy["guarded"]


def test_the_matrix_of_the_network_finds_the_proxy_at_the_applications(deployed: City) -> None:
    matrix = measure_matrix(deployed, [SCHOOL], control=False)
    permitted = [one for one in matrix.results if one.pair.permitted]
    assert any(one.pair.target.host for one in permitted)
    assert {one.verdict.value for one in permitted} == {"agrees"}


@pytest.mark.parametrize(
    "fault", [Fault(where=SCHOOL, kind=Kind.PRIMARY), Fault(where="tokyo", kind=Kind.REGION)], ids=str
)
def test_the_proxy_knows_the_school_on_whatever_line_it_comes(deployed: City, fault: Fault) -> None:
    layout = undo_log.standing(paths.STATE).layout
    school = layout.school(SCHOOL)
    usual = reach.ways_out(layout, school, paths.STATE)
    address, port = reach.internet(layout, Family.V4)
    with namespace.open_connection(school.hosts[0].namespace, address, port, 5.0) as opened:
        breaking.break_(fault)
        try:
            assert until(lambda: not reach.ways_out(layout, school, paths.STATE) & {*usual, reach.NOWHERE}, 10.0)
            opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert opened.recv(4096).startswith(b"HTTP/1.1 200 ")  # an open connection moved with its translation
            assert until(lambda: all(reach.reaches(layout, school.hosts[0], family) for family in Family), 10.0)
            assert set(of_identity(measure(deployed, [SCHOOL])).values()) == {Verdict.AGREES}
        finally:
            breaking.mend(fault)
    assert until(lambda: reach.ways_out(layout, school, paths.STATE) == usual, 30.0)


def test_no_secret_outlives_the_trial_or_is_shown(deployed: City) -> None:
    people = measure(deployed, [SCHOOL]).model_dump_json()
    assert "password" not in people
    assert Files(paths.STATE).accounts.read_text(encoding="utf-8") == '{"accounts":[],"devices":[]}'


def test_another_city_is_refused(city: City, deployed: City) -> None:
    del deployed
    with pytest.raises(LabError, match=r"do not say what|built from another city"):
        measure(city, [SCHOOL])


def test_without_a_cloud_there_is_nobody_to_try(city: City, shared_lab: SharedLab, deployed: City) -> None:
    del deployed
    virtual_city.down(lambda _: None)
    shared_lab.standing()
    with pytest.raises(LabError, match="no cloud is deployed"):
        measure(city)
