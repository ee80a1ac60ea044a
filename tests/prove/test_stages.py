"""The claims that hold in every stage of integration, and policies that break them in one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.integration.stage_change import StageSubject, change_stage
from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.plan.proof.proof_cache import ProofCache
from controller.plan.proof.stage_proof import prove_next_stages
from controller.prove.check import Check
from controller.prove.compliance.stages import prove_stage, prove_stages
from controller.prove.identity.seats import SEATS
from controller.prove.lint.check_policy import check_policy
from controller.prove.lint.finding import Severity
from tests.policies import PolicyFolder

RULES = "access/rules.yaml"
BLUEPRINTS, TRUNK = "city/blueprints.yaml", "{first: 17, last: 23, mode: trunk"
SCHOOL = StageSubject("school", "as-e04")


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def judged(city: City, stage: Stage) -> list[Check]:
    changed = change_stage(city, SCHOOL, stage, by="x", since=date(2026, 12, 26))
    return prove_stage(changed, changed.school_by_id["as-e04"])


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_holds_and_names_its_branch(city: City, stage: Stage) -> None:
    no_way, branch = judged(city, stage)
    assert no_way.holds
    assert branch.holds
    told = {one.split(": ")[1]: one for one in branch.evidence if one.startswith(f"{stage}: ")}
    assert ": strong access control: the proxy judges everybody, by staff-cloud (" in told["affairs"]
    reached = {
        Stage.SEPARATED: ("from no segment", "only from staff-legacy by grading ("),
        Stage.COEXIST: ("only from staff by staff-cloud (", "only from staff-legacy by grading ("),
        Stage.INTEGRATED: ("only from staff by staff-cloud (", "three-way separation: from no segment"),
    }[stage]
    assert reached[0] in told["affairs"]
    assert reached[1] in told["grading"]
    assert "rules.yaml:" in told["grading"] or stage is Stage.INTEGRATED


def open_to(policies: PolicyFolder, segment: str, stage: str) -> int:
    return policies.append(
        RULES,
        f"  - id: shortcut\n    effect: permit\n    purpose: x\n    applications: [affairs]\n"
        f"    schools: {{stages: [{stage}]}}\n    network: {{from: [{segment}]}}\n",
    )


@pytest.mark.parametrize(("segment", "stage"), [("pupil", "integrated"), ("learning-legacy", "separated")])
def test_a_way_from_pupils_in_a_stage_to_come_is_found_today(policies: PolicyFolder, segment: str, stage: str) -> None:
    line = open_to(policies, segment, stage)
    city = policies.load()
    (no_way,) = (one for one in prove_stages(city) if one.name.startswith("no way"))
    # Affairs and the file exchange have one address: a switch does not tell them apart.
    assert len(no_way.differences) == 2 * len(city.schools_of_equal_scope)
    said = next(
        one for one in no_way.differences if one.startswith("as-e04: ") or f": {stage}: {segment}, where" in one
    )
    assert f"{stage}: {segment}, where 802.1X admits others than the staff, reaches affairs (class II): tcp" in said
    assert "by shortcut (" in said
    assert f"{RULES}:{line})" in said
    assert not judged(city, Stage(stage))[0].holds
    assert judged(city, Stage.COEXIST)[0].holds


def test_a_necessity_that_opens_affairs_data_is_found(policies: PolicyFolder) -> None:
    policies.append(
        "access/necessities.yaml",
        "  - {id: wide, why: x, family: 4, direction: from, protocol: tcp, ports: [1, 65535], segments: [pupil], "
        "source: [segment], destination: [203.0.113.0/24]}\n",
    )
    no_way, _ = judged(policies.load(), Stage.COEXIST)
    (said, _) = no_way.differences
    assert "pupil, where" in said
    assert "by wide (" in said


def test_neither_branch_fails_in_the_stage_where_it_does(policies: PolicyFolder) -> None:
    """External mail from the affairs network: while it is separated, that is no separation."""
    policies.append(
        RULES,
        "  - id: mail\n    effect: permit\n    purpose: x\n    applications: [workspace]\n"
        "    schools: {stages: [separated]}\n    network: {from: [staff-legacy]}\n",
    )
    city = policies.load()
    failing = {stage: [one for one in judged(city, stage) if one.differences] for stage in Stage}
    assert [stage for stage, found in failing.items() if found] == [Stage.SEPARATED]
    (said,) = failing[Stage.SEPARATED][0].differences
    assert said.startswith("as-e04: separated: ")
    assert "rule 'mail' lets staff-legacy out to workspace, and staff-legacy reaches grading (class I) without" in said


def test_the_checks_of_the_whole_city_hold(city: City) -> None:
    checks = prove_stages(city)
    assert [one.differences for one in checks] == [(), (), ()]
    assert [one.holds for one in checks] == [True, True, False]
    seats = checks[2]
    assert (seats.name, seats.examined > 100) == (SEATS, True)
    # The third of the separated networks has no certificates, and its sockets become some of the affairs network.
    ports = "GigabitEthernet1/0/11, GigabitEthernet1/0/12"
    assert seats.not_judged == (
        "802.1X leads nobody to these seats, so that nobody can tell who becomes one of the staff there: "
        f"floor {ports}: external-legacy in separated, and staff-legacy in coexist"
    )


def test_devices_of_the_stages_to_come_are_proved_one_for_each_blueprint_and_lot(city: City) -> None:
    schools = [city.school_by_id[name] for name in ("as-e01", "as-e02", "as-e04")]
    check = prove_next_stages(city, schools, ProofCache(None))
    assert check is not None
    assert check.holds
    assert check.examined > 100
    fits = {city.equipment.find_blueprint(one).id: one.id for one in reversed(schools)}
    told = f"{4 * len(fits)} devices of {', '.join(sorted(fits.values()))}"
    assert check.evidence == (f"separated: {told}", f"integrated: {told}")


def test_a_device_that_cannot_be_in_a_stage_to_come_is_found_today(policies: PolicyFolder) -> None:
    """Ports of pupils on a switch that cannot part them: the first integrated school would be refused."""
    name = "city/blueprints.yaml"
    policies.edit(name, "lot-2: cisco_ios}", "lot-2: allied_telesis_awplus}", after="&floor")
    policies.edit(name, "last: 8, mode: access, segments: [pupil]}", "last: 8, mode: access, segments: [printers]}")
    city = policies.load()
    check = prove_next_stages(city, [city.school_by_id["as-e04"]], ProofCache(None))
    assert check is not None
    assert any(one.startswith("integrated: as-e04-floor") for one in check.differences), check.differences


def test_sockets_of_pupils_that_become_the_staffs_are_found_today(policies: PolicyFolder) -> None:
    """Nobody is integrated so far; the proof and the check say it all the same, with the line."""
    old = "          - {first: 5, last: 8, mode: access, segments: [pupil]}\n"
    edit = policies.edit(
        "city/blueprints.yaml",
        old,
        old.replace("}", ", stages: [separated, coexist]}")
        + "          - {first: 5, last: 8, mode: access, segments: [staff], stages: [integrated]}\n",
    )
    city = policies.load()
    (seats,) = (one for one in prove_stages(city) if one.name == SEATS)
    ports = ", ".join(f"GigabitEthernet1/0/{number}" for number in range(5, 9))
    told = f"floor {ports}: pupil in coexist, and staff in integrated; who sits there stays there"
    assert any(told in one for one in seats.differences), seats.differences
    warned = [one for one in check_policy(city) if told in one.message]
    assert warned
    assert {(one.severity, one.origin.line) for one in warned} == {(Severity.WARNING, edit.line + 1)}


def find_seats(policies: PolicyFolder) -> Check:
    (seats,) = (one for one in prove_stages(policies.load()) if one.name == SEATS)
    return seats


def test_sockets_that_nobody_is_led_to_and_become_the_staffs_are_not_judged(policies: PolicyFolder) -> None:
    old = "first: 13, last: 14, mode: access, segments: [pupil], stages: [integrated]"
    policies.edit(BLUEPRINTS, old, old.replace("pupil", "staff"))
    seats = find_seats(policies)
    assert not seats.holds
    assert "GigabitEthernet1/0/14: learning-legacy in coexist, and staff in integrated" in seats.not_judged


def test_a_trunk_of_pupils_that_becomes_sockets_of_the_staff_is_found_and_one_that_gets_a_tag_is_not(
    policies: PolicyFolder,
) -> None:
    """The trunk to an access point carries the staff from `coexist` on: each host stays in the segment of its tag."""
    old = f"- {TRUNK}, segments: [staff, pupil, guest, management], stages: [coexist, integrated]}}"
    access = TRUNK.replace("trunk", "access")
    new = f"{old.replace(', integrated', '')}\n          - {access}, segments: [staff], stages: [integrated]}}"
    edit = policies.edit(BLUEPRINTS, old, new)
    seats = find_seats(policies)
    assert len(seats.differences) == 2, seats.differences
    for segment, said in zip(("pupil", "guest"), seats.differences, strict=True):
        assert f"blueprints.yaml:{edit.line + 1}: floor GigabitEthernet1/0/17, " in said
        assert f"{segment} in coexist, and staff in integrated" in said


def test_a_lag_of_pupils_that_becomes_the_staffs_is_found(policies: PolicyFolder) -> None:
    for _ in range(2):
        policies.edit(BLUEPRINTS, TRUNK, TRUNK.replace("23", "19"))
    uplink = "          - {first: 24, last: 24, mode: trunk, segments: all, faces: gateway} # to the core"
    lag = "          - {first: 20, last: 21, mode: access, segments: [SEGMENT], lag: {number: 3}, stages: [STAGES]}\n"
    pupil = lag.replace("SEGMENT", "pupil").replace("STAGES", "separated, coexist")
    staff = lag.replace("SEGMENT", "staff").replace("STAGES", "integrated")
    policies.edit(BLUEPRINTS, uplink, pupil + staff + uplink)
    found = find_seats(policies).differences
    assert any("LAG 3: pupil in coexist, and staff in integrated" in one for one in found), found


def test_schools_that_are_not_alike_do_not_stand_for_one_another(policies: PolicyFolder) -> None:
    """One has a device of its own in the inventory; a rule is for another one alone."""
    city = policies.load()
    kinds: dict[tuple[str, str], list[str]] = {}
    for one in city.schools:
        kinds.setdefault((city.equipment.find_blueprint(one).id, city.equipment.find_lot(one)), []).append(one.id)
    first, listed, scoped = next(alike for alike in kinds.values() if len(alike) >= 3)[:3]
    (policies.path / "city/devices").mkdir(exist_ok=True)
    policies.write(
        "city/devices/own.yaml",
        f"format: 1\ndevices:\n  - {{id: {listed}-own, school: {listed}, role: floor, ports: "
        "[{first: 24, last: 24, mode: trunk, segments: all, faces: gateway}]}\n",
    )
    policies.append(
        RULES,
        "  - id: only-here\n    effect: permit\n    purpose: x\n    applications: [cbt]\n"
        f"    schools: {{ids: [{scoped}]}}\n    network: {{from: [printers]}}\n",
    )
    city = policies.load()
    chosen = [city.school_by_id[name] for name in (first, listed, scoped)]
    check = prove_next_stages(city, chosen, ProofCache(None))
    assert check is not None
    assert [one.endswith(f" of {first}, {listed}, {scoped}") for one in check.evidence] == [True, True], check.evidence


@pytest.mark.parametrize("segment", ["pupil", "learning-legacy"])
def test_affairs_data_is_judged_whoever_it_is_said_to_be_for(policies: PolicyFolder, segment: str) -> None:
    policies.edit("access/applications.yaml", "audience: staff", "audience: pupil", after="id: grading")
    policies.edit(
        "access/applications.yaml", "    taken-over-by: affairs", "    # nobody takes it over", after="id: grading"
    )
    policies.append(
        RULES,
        f"  - id: shortcut\n    effect: permit\n    purpose: x\n    applications: [grading]\n"
        f"    schools: {{stages: [coexist]}}\n    network: {{from: [{segment}]}}\n",
    )
    city = policies.load()
    no_way = judged(city, Stage.COEXIST)[0]
    assert any(f"{segment}, where" in one and "reaches grading (class I)" in one for one in no_way.differences)
    said = "is said to be for pupil: affairs data is for the staff"
    assert any(said in one for one in judged(city, Stage.INTEGRATED)[0].differences)
    (found,) = (one for one in check_policy(city) if one.kind == "audience")
    assert found.severity is Severity.ERROR
    assert "grading (class I) is for pupil" in found.message
