from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import LabError
from controller.lab import lifecycle as virtual_city
from controller.lab.faults import fault_injection
from controller.lab.iap.iap_files import IapFiles
from controller.lab.lab_status import read_lab_status
from controller.lab.network import background_programs, connectivity
from controller.lab.state import paths, undo_log
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.processes import kill_process, wait_until
from controller.lab.trials.matrix import try_matrix as measure_matrix
from controller.lab.trials.people.people_results import PeopleResult, VisitVerdict
from controller.lab.trials.people.people_trial import try_people
from controller.model.network.packets import Family
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.offline_google.world.world import OfflineWorld
from controller.platforms.transport import namespace
from tests.conftest import SCHOOLS, SharedLab, refuse_labs_of_others
from tests.lab.iap.deployments import BINDING, LEVEL, SETTINGS, deploy

pytestmark = pytest.mark.lab

SCHOOL = "kw-s01"
"""Its line has addresses of its own, so that the proxy can know the place."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world") / "world.sqlite"


@pytest.fixture(scope="module")
def deployed(city: VirtualCity, world: Path, shared_lab: SharedLab) -> Iterator[VirtualCity]:
    """A lab with the proxy, of a world made by hand; its switches let everything through."""
    shared_lab.remove()
    refuse_labs_of_others()
    found = choose_virtual_city(deploy(city, world))
    virtual_city.build_virtual_city(found, SCHOOLS, lambda _: None, world=world)
    yield found
    shared_lab.remove()  # if the last test has put it up again
    virtual_city.remove_virtual_city(lambda _: None)


def of_identity(people: PeopleResult) -> dict[str, VisitVerdict]:
    """What came of visits that the network lets through: the switches here hold no filters yet."""
    return {
        f"{one.visit.person.row}|{one.visit.application}|{one.visit.address}": one.verdict
        for one in people.results
        if one.visit.network
    }


def test_everybody_is_let_in_or_refused_as_the_reference_says(deployed: VirtualCity) -> None:
    people = try_people(deployed, [SCHOOL])
    assert set(of_identity(people).values()) == {VisitVerdict.AGREES}
    assert people.attacks_let_in == 0
    assert len(people.attacks) > 100
    assert all(one.let_in for one in people.attacks if one.must_work)
    reasons = {one.reason.partition(":")[0] for one in people.results if one.refused_by in {"binding", "condition"}}
    assert reasons == {"no binding for role group", "condition"}
    without_mfa = [one for one in people.results if one.visit.person.label == "teacher, no MFA" and one.status == 403]
    assert all("mfa" in one.reason for one in without_mfa)


def test_a_session_ends_when_the_policy_says_and_one_changed_by_hand_is_seen(
    deployed: VirtualCity, world: Path
) -> None:
    people = try_people(deployed, [SCHOOL])
    tried = [(one.application, one.lasts) for one in people.sessions]
    guarded = ("affairs", "file-exchange", "learning-dashboard", "staff-ai")
    assert tried == [(name, lasts) for name in guarded for lasts in (True, False)]
    assert all(one.agrees for one in people.sessions)
    opened = OfflineWorld.open(world)
    for one in opened.resources(SETTINGS):
        asked = {"method": "ENROLLED_SECOND_FACTORS", "maxAge": "90000s", "policyType": "DEFAULT"}
        opened.change(one, {**one.outputs, "accessSettings": {"reauthSettings": asked}})
    wrong = try_people(deployed, [SCHOOL])
    # Pupils are asked for what they do not have, and everybody else for nothing when their session should end.
    assert {(one.application, one.lasts) for one in wrong.sessions if not one.agrees} >= {
        (name, False) for name in guarded if name != "learning-dashboard"
    }
    assert not wrong.agrees
    deploy(deployed, world)
    assert all(one.agrees for one in try_people(deployed, [SCHOOL]).sessions)


def test_with_factory_switches_the_networks_refusals_are_missed(deployed: VirtualCity) -> None:
    people = try_people(deployed, [SCHOOL])
    closed = {one.verdict for one in people.results if not one.visit.network}
    assert closed == {VisitVerdict.OPEN}
    assert not people.agrees


def test_a_binding_removed_by_hand_is_missed_and_put_back_it_is_not(deployed: VirtualCity, world: Path) -> None:
    opened = OfflineWorld.open(world)
    for victim in [one for one in opened.resources(BINDING) if "affairs/affairs teacher" in one.id]:
        opened.remove(victim)
    people = try_people(deployed, [SCHOOL])
    assert not people.agrees
    missed = {one.visit.person.role for one in people.results if one.verdict is VisitVerdict.REFUSED}
    assert missed == {"teacher"}
    assert {one.visit.application for one in people.results if one.verdict is VisitVerdict.REFUSED} == {"affairs"}
    deploy(deployed, world)
    assert set(of_identity(try_people(deployed, [SCHOOL])).values()) == {VisitVerdict.AGREES}


def test_a_level_weakened_by_hand_lets_people_in_and_is_seen(deployed: VirtualCity, world: Path) -> None:
    opened = OfflineWorld.open(world)
    level = next(one for one in opened.resources(LEVEL) if one.id.endswith("_managed"))
    opened.change(level, {"custom": {"expr": {"expression": "true"}}})
    people = try_people(deployed, [SCHOOL])
    let_in = {one.visit.person.label for one in people.results if one.verdict is VisitVerdict.LET_IN}
    assert "pupil, own device" in let_in
    deploy(deployed, world)
    assert set(of_identity(try_people(deployed, [SCHOOL])).values()) == {VisitVerdict.AGREES}


def test_a_dead_application_does_not_pass_for_a_refusal(deployed: VirtualCity) -> None:
    kill_process(undo_log.list_current_processes(paths.STATE)["", "guarded"])
    assert not read_lab_status().iap["guarded"]
    people = try_people(deployed, [SCHOOL])
    expected_in = [one for one in people.results if one.visit.permitted]
    assert {one.verdict for one in expected_in} == {VisitVerdict.OTHER}
    assert not people.agrees
    background_programs.start_programs(paths.STATE, {"guarded": virtual_city.IAP_PROGRAMS["guarded"]})
    assert read_lab_status().iap["guarded"]


def test_the_matrix_of_the_network_finds_the_proxy_at_the_applications(deployed: VirtualCity) -> None:
    matrix = measure_matrix(deployed, [SCHOOL], control=False)
    permitted = [one for one in matrix.results if one.pair.permitted]
    assert any(one.pair.target.host for one in permitted)
    assert {one.verdict.value for one in permitted} == {"agrees"}


@pytest.mark.parametrize(
    "fault", [LabFault(where=SCHOOL, kind=FaultKind.PRIMARY), LabFault(where="tokyo", kind=FaultKind.REGION)], ids=str
)
def test_the_proxy_knows_the_school_on_whatever_line_it_comes(deployed: VirtualCity, fault: LabFault) -> None:
    layout = undo_log.read_active_record(paths.STATE).layout
    school = layout.school(SCHOOL)
    usual = connectivity.list_exits(layout, school, paths.STATE)
    address, port = connectivity.choose_internet_target(layout, Family.V4)
    with namespace.open_connection(school.hosts[0].namespace, address, port, 5.0) as opened:
        fault_injection.inject_fault(fault)
        try:
            assert wait_until(
                lambda: not connectivity.list_exits(layout, school, paths.STATE) & {*usual, connectivity.NOWHERE}, 10.0
            )
            opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert opened.recv(4096).startswith(b"HTTP/1.1 200 ")  # an open connection moved with its translation
            assert wait_until(
                lambda: all(connectivity.reaches_internet(layout, school.hosts[0], family) for family in Family), 10.0
            )
            assert set(of_identity(try_people(deployed, [SCHOOL])).values()) == {VisitVerdict.AGREES}
        finally:
            fault_injection.repair_fault(fault)
    assert wait_until(lambda: connectivity.list_exits(layout, school, paths.STATE) == usual, 30.0)


def test_no_secret_outlives_the_trial_or_is_shown(deployed: VirtualCity) -> None:
    people = try_people(deployed, [SCHOOL]).model_dump_json()
    assert "password" not in people
    assert IapFiles(paths.STATE).accounts.read_text(encoding="utf-8") == '{"accounts":[],"devices":[]}'


def test_another_city_is_refused(city: VirtualCity, deployed: VirtualCity) -> None:
    del deployed
    with pytest.raises(LabError, match=r"do not say what|built from another city"):
        try_people(city, [SCHOOL])


def test_without_a_cloud_there_is_nobody_to_try(
    city: VirtualCity, shared_lab: SharedLab, deployed: VirtualCity
) -> None:
    del deployed
    virtual_city.remove_virtual_city(lambda _: None)
    shared_lab.build_if_missing()
    with pytest.raises(LabError, match="no cloud is deployed"):
        try_people(city)
