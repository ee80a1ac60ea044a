"""A change of stage whose day is past is not told as done before somebody has looked at the devices."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from controller.cli.integration import confirm as confirming
from controller.cli.integration import plan as planning
from controller.errors import AuditRefused, TsunaguError
from controller.integration.report.integration_report import IntegrationFigures, render_integration_report
from controller.integration.schedule.build_schedule import build_schedule
from controller.integration.schedule.planned_faults import PlannedFaultKind
from controller.integration.stage_change import StageSubject
from controller.integration.stage_policy import StageRequest, plan_confirmation
from controller.integration.status import Blocker, list_school_statuses
from controller.messages import load_catalogue
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.loading.policy_text import write_policy_text
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.model.sites.stages import Stage
from controller.operations.integration_settings import IntegrationSettings
from controller.plan.build import ConsideredDevice, consider_device
from controller.plan.observe import Observed
from controller.prove.lint.integration import find_missed_cutovers
from controller.prove.reachability.unmanaged_paths import UnjudgedPath
from controller.storage.audit.audit_trail import AuditTrail
from tests.cli.running import Done, here
from tests.integration.conftest import SCHOOL, StagedCity, load_staged, plan_policy
from tests.integration.staged_policies import observe_as_wanted
from tests.integration.test_integrate_plan import PASSES, place, read_integration, run

__all__ = ["place"]  # the folder that these tests work in
DAY, LATER = date(2026, 12, 26), date(2027, 1, 15)
SUBJECT = StageSubject("school", SCHOOL)
FULL = "the audit trail is full"


@pytest.fixture
def written(staged: StagedCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Policies in which the change of the school is written, and an operators' file that names a state folder."""
    folder = tmp_path / "work/policies"
    shutil.copytree(staged.folder, folder)
    (tmp_path / "office").mkdir(mode=0o700)
    operators = tmp_path / "office/operations.yaml"
    operators.write_text(f"format: 1\nstate: {tmp_path / 'office/state'}\n", "utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    monkeypatch.setattr(confirming, "find_today", lambda _: LATER)
    write_policy_text(plan_policy(load_staged(folder), folder, StageRequest(SUBJECT, Stage.COEXIST)).text)
    return folder


def confirm(folder: Path, *more: str, on: date = LATER) -> Done:
    words = ("integrate", "confirm", SCHOOL, "--on", str(on), "--policies", str(folder))
    return here(*words, *more, cwd=folder.parent)


def list_audited(folder: Path) -> list[dict[str, object]]:
    state = folder.parent.parent / "office/state"
    entries = AuditTrail(state).read_entries() if state.exists() else ()
    return [dict(one) for one in entries if one["kind"] == "stage-confirmed"]


def test_a_day_that_is_past_says_nothing_of_the_devices(written: Path) -> None:
    city = load_city(written, on=LATER)
    status = next(one for one in list_school_statuses(city, {}, LATER) if one.school.id == SCHOOL)
    assert (status.stage, status.since, status.unconfirmed, status.is_late) == (Stage.COEXIST, DAY, True, True)
    assert status.blockers[-1] is Blocker.UNCONFIRMED
    assert city.calendar is not None
    plan = build_schedule(city, {}, IntegrationSettings(), LATER, city.calendar)
    (fault,) = plan.faults
    assert (fault.kind, fault.schools, fault.stage, fault.day) == (
        *(PlannedFaultKind.UNCONFIRMED, (city.school_by_id[SCHOOL],)),
        *(Stage.COEXIST, DAY),
    )
    assert not plan.is_feasible
    (found,) = find_missed_cutovers(city)
    assert (found.severity, found.origin.line) == ("warning", 11)
    assert "school as-e04 was to be coexist on 2026-12-26, and nobody has confirmed it" in found.message


def test_on_its_day_a_change_is_not_late(written: Path) -> None:
    city = load_city(written, on=DAY)
    status = next(one for one in list_school_statuses(city, {}, DAY) if one.school.id == SCHOOL)
    assert (status.unconfirmed, status.is_late) == (True, False)
    assert list(find_missed_cutovers(city)) == []


def test_the_last_stage_is_not_told_as_reached_either(written: Path) -> None:
    file = written / "city/integration.yaml"
    text = file.read_text("utf-8").replace("stage: coexist", "stage: integrated")
    file.write_text(text.replace("came-from: separated", "came-from: coexist"), "utf-8")
    city = load_city(written, on=LATER)
    status = next(one for one in list_school_statuses(city, {}, LATER) if one.school.id == SCHOOL)
    assert status.blockers == (Blocker.UNCONFIRMED,)
    assert (status.stage, status.is_integrated) == (Stage.INTEGRATED, False)
    assert next(one for one in list_school_statuses(city, {}, DAY) if one.school.id == SCHOOL).is_integrated is False
    assert city.calendar is not None
    plan = build_schedule(city, {}, IntegrationSettings(), LATER, city.calendar)
    assert [one.kind for one in plan.faults] == [PlannedFaultKind.UNCONFIRMED]
    figures = IntegrationFigures((status,), plan, IntegrationSettings(), datetime(2027, 1, 15, 3, tzinfo=UTC))
    assert "integrated: 0." in render_integration_report(city, figures, load_catalogue("en"))


def test_what_the_devices_hold_is_confirmed_and_written(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "observe_devices", lambda city, *_: observe_as_wanted(city, SCHOOL))
    file = written / "city/integration.yaml"
    before = file.read_text("utf-8")
    looked = confirm(written)
    assert looked.code == 0, looked.errors
    assert "is as coexist wants it, since 2026-12-26" in " ".join(looked.said.split())
    assert file.read_text("utf-8") == before
    assert list_audited(written) == []
    digest = load_city(written, on=LATER).digest
    done = confirm(written, "--write", "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    assert (told["confirmed"], told["open"], told["written"]) == (True, [], [str(file)])
    assert file.read_text("utf-8") == before.replace(", came-from: separated", "")
    (entry,) = list_audited(written)
    assert {name: entry[name] for name in ("subject", "stage", "came_from", "since", "day", "schools", "policy")} == {
        "subject": "school as-e04",
        "stage": "coexist",
        "came_from": "separated",
        "since": "2026-12-26",
        "day": "2027-01-15",
        "schools": "as-e04",
        "policy": digest,
    }
    assert (entry["devices"], bool(entry["by"])) == (told["devices"], True)
    city = load_city(written, on=LATER)
    status = next(one for one in list_school_statuses(city, {}, LATER) if one.school.id == SCHOOL)
    assert (status.stage, status.unconfirmed, status.is_late) == (Stage.COEXIST, False, False)
    assert "no written change of it is to be confirmed" in " ".join(confirm(written, "--write").errors.split())


def test_one_device_that_does_not_hold_it_is_named_and_nothing_is_written(
    staged: StagedCity, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {one.device.id: one for one in observe_as_wanted(staged.city, SCHOOL)}

    def observe(city: City, *_: object) -> list[Observed]:
        found = observe_as_wanted(city, SCHOOL)
        core = next(one for one in found if one.device.role == "core")
        old = held[core.device.id]
        late = replace(core, observation=old.observation, saved=old.saved)
        return [late if one is core else one for one in found]

    monkeypatch.setattr(confirming, "observe_devices", observe)
    before = (written / "city/integration.yaml").read_text("utf-8")
    done = confirm(written, "--write", "--json")
    assert done.code == 2, done.errors
    (opened,) = json.loads(done.said)["open"]
    assert opened == {"device": "as-e04-core1", "why": "is not as coexist wants it"}
    said = confirm(written, "--write", "--lang", "ja")
    assert (said.code, "と異なります" in said.said) == (2, True)
    assert (written / "city/integration.yaml").read_text("utf-8") == before


def test_the_line_that_goes_is_shown_though_another_entry_has_the_same(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "observe_devices", lambda city, *_: observe_as_wanted(city, SCHOOL))
    file = written / "city/integration.yaml"
    entry = "  - school: {}\n    stage: coexist\n    by: A\n    since: 2026-12-26\n    came-from: separated\n"
    kept = [line for line in file.read_text("utf-8").splitlines(keepends=True) if SCHOOL not in line]
    file.write_text("".join([*kept, entry.format(SCHOOL), entry.format("as-e01")]), "utf-8")
    done = confirm(written)
    assert done.code == 0, done.errors
    assert [line.strip() for line in done.said.splitlines() if line.startswith("  ")] == ["- came-from: separated"]


def test_what_the_audit_trail_cannot_say_is_not_written(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise AuditRefused(FULL)

    monkeypatch.setattr(confirming, "observe_devices", lambda city, *_: observe_as_wanted(city, SCHOOL))
    monkeypatch.setattr(AuditTrail, "record", refuse)
    before = (written / "city/integration.yaml").read_text("utf-8")
    done = confirm(written, "--write")
    assert (done.code, FULL in done.errors) == (1, True)
    assert (written / "city/integration.yaml").read_text("utf-8") == before


def test_a_file_that_changes_while_devices_are_asked_stays_as_it_is(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written / "city/integration.yaml"

    def observe(city: City, *_: object) -> list[Observed]:
        file.write_text(f"{file.read_text('utf-8')}# mine\n", "utf-8")
        return observe_as_wanted(city, SCHOOL)

    monkeypatch.setattr(confirming, "observe_devices", observe)
    before = file.read_text("utf-8")
    done = confirm(written, "--write", "--json")
    assert (done.code, "was changed by somebody else meanwhile" in " ".join(done.errors.split())) == (1, True)
    assert file.read_text("utf-8") == f"{before}# mine\n"
    assert list_audited(written) == []


def test_the_entry_that_was_read_is_the_one_that_is_edited(written: Path) -> None:
    """Somebody writes into the file after it was loaded: the edit is of this entry, not of one in its place."""
    city, file = load_city(written, on=LATER), written / "city/integration.yaml"
    before = file.read_text("utf-8")
    above = before.replace("integrations:\n", "integrations:\n  - {school: as-e01, stage: separated, by: A}\n")
    file.write_text(above, "utf-8")
    found = plan_confirmation(city, written, SUBJECT, lambda _: city, LATER)
    assert found.text.after == above.replace(", came-from: separated", "")
    file.write_text(before.replace("since: 2026-12-26", "since: 2027-01-09"), "utf-8")
    with pytest.raises(TsunaguError, match="was changed by somebody else meanwhile"):
        plan_confirmation(city, written, SUBJECT, lambda _: city, LATER)


def test_a_subject_that_nobody_knows_is_refused_before_any_device_is_asked(written: Path) -> None:
    done = here("integrate", "confirm", "as-e4", "--on", str(LATER), "--policies", str(written), cwd=written.parent)
    assert done.code == 1
    assert "there is no school, ward or group 'as-e4'" in " ".join(done.errors.split())


def test_a_device_that_does_not_answer_is_not_taken_for_one_that_holds_it(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observe(city: City, *_: object) -> list[Observed]:
        first, *rest = observe_as_wanted(city, SCHOOL)
        return [replace(first, observation=None, refusal=TsunaguError("does not answer")), *rest]

    monkeypatch.setattr(confirming, "observe_devices", observe)
    before = (written / "city/integration.yaml").read_text("utf-8")
    done = confirm(written, "--write", "--json")
    assert (done.code, [one["why"] for one in json.loads(done.said)["open"]]) == (2, ["does not answer"])
    assert ((written / "city/integration.yaml").read_text("utf-8"), list_audited(written)) == (before, [])


def test_nothing_is_confirmed_before_its_day_or_of_devices_that_nobody_asked(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = confirm(written, "--write", on=date(2026, 12, 1))
    assert (early.code, "changes to coexist on 2026-12-26; confirm it once that" in " ".join(early.errors.split())) == (
        1,
        True,
    )
    monkeypatch.setattr(confirming, "list_reachable_devices", lambda *_: ())
    monkeypatch.setattr(confirming, "observe_devices", lambda *_: [])
    done = confirm(written, "--write")
    assert (done.code, "as-e04: no device was asked" in done.said) == (2, True)


def test_what_nobody_can_judge_on_the_devices_is_told_beside(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way of others is no part of the stage: it does not stand against it, and is not passed over in silence."""
    way = UnmanagedPath(PathKind.TRUNK, 7, "switchport mode trunk", "port1.0.9")

    def consider(city: City, one: Observed) -> ConsideredDevice:
        found = UnjudgedPath(one.device.id, way, ("staff",), "shut it down")
        return replace(consider_device(city, one), unjudged=(found,) if one.device.role == "core" else ())

    monkeypatch.setattr(confirming, "observe_devices", lambda city, *_: observe_as_wanted(city, SCHOOL))
    monkeypatch.setattr(confirming, "consider_device", consider)
    told = json.loads(confirm(written, "--json").said)
    assert (told["confirmed"], [one["text"] for one in told["unjudged"]]) == (True, ["switchport mode trunk"])
    done = confirm(written)
    assert (done.code, "not judged: as-e04-core1:7: trunk port1.0.9" in " ".join(done.said.split())) == (0, True)


def test_a_day_to_come_is_not_confirmed_by_naming_it(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy would say of a day to come that it is done, and `check` refuses that."""
    monkeypatch.setattr(confirming, "find_today", lambda _: date(2026, 12, 25))
    monkeypatch.setattr(confirming, "observe_devices", lambda city, *_: observe_as_wanted(city, SCHOOL))
    before = (written / "city/integration.yaml").read_text("utf-8")
    done = confirm(written, "--write", on=LATER)
    assert (done.code, "changes to coexist on 2026-12-26; confirm it once that" in " ".join(done.errors.split())) == (
        1,
        True,
    )
    assert ((written / "city/integration.yaml").read_text("utf-8"), list_audited(written)) == (before, [])


def test_the_entry_that_holds_is_the_one_to_confirm(written: Path) -> None:
    city = load_city(written, on=LATER)
    with pytest.raises(TsunaguError, match="school as-e01 has no entry of its own"):
        plan_confirmation(city, written, StageSubject("school", "as-e01"), lambda _: city, LATER)


def test_what_is_carried_out_is_not_planned_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever came a year ago is not on the way: the devices hold the stage, and the answer is to say so."""
    assert run(place, *PASSES, "--write").code == 0
    file = place / "policies/city/integration.yaml"
    file.write_text(read_integration(place).replace("since: 2026-12-26", "since: 2025-12-26"), "utf-8")
    text = read_integration(place)
    over = run(place, *PASSES, "--write")
    assert (
        over.code,
        "where the devices are coexist already: tsunagu integrate confirm" in " ".join(over.errors.split()),
    ) == (
        1,
        True,
    )
    changed = load_staged(place / "policies")
    monkeypatch.setattr(planning, "observe_devices", lambda *_: observe_as_wanted(changed, SCHOOL))
    done = run(place, *PASSES, "--cutover", "2026-12-26", "--write")
    assert done.code == 1
    assert "nothing is to be planned: write that it is done" in " ".join(done.errors.split())
    assert read_integration(place) == text
