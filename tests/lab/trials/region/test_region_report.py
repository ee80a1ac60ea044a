"""What a drill of a region keeps: its record, its report in both languages, also where it was broken off."""

# ruff: noqa: RUF001 Japanese writes with wide signs

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.cloud.pulumi_engine import EngineFailed
from controller.drills import drill_store
from controller.drills.conduct import Drill, DrillOffice, conduct_drill
from controller.drills.drill_store import list_drills
from controller.errors import Interrupted, LabError
from controller.lab.trials.region.conduct_region import build_region_drill, carry_out
from controller.lab.trials.region.drill_request import STEPS
from controller.lab.trials.region.region_drill import RegionDrill, describe_interruption
from controller.lab.trials.region.region_evidence import DrillStep, RegionEvidence
from controller.lab.trials.region.rehearsed_stack import Deployment, choose_drilled_stack, find_stack_file
from controller.lab.trials.region.row_accounting import RowAttempt, RowOutage
from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.storage.audit.audit_trail import AuditTrail
from tests.policies import NOON

SAID = "Updating (lab):\nResources:\n    ~ 6 updated\n    7 changes. 230 unchanged\n\nDuration: 9s\n"


def make_evidence() -> RegionEvidence:
    """Of a drill that went well: 18 s, two rows lost and found again, nothing lost on the way back."""
    evidence = RegionEvidence("affairs", "tokyo", "osaka", person="teacher, evening")
    evidence.steps.append(DrillStep(NOON, "step-cut", {"region": "tokyo", "killed": 7}))
    evidence.acknowledged, evidence.answers = 668, {"status 201": 668, "status 502": 5}
    evidence.cut, evidence.outage = 100.0, RowOutage(100.0, 118.0)
    evidence.parts = (
        ("detection", 5.0),
        ("decision", 0.0),
        ("pulumi-up", 11.0),
        ("promotion", 0.5),
        ("first-success", 1.5),
    )
    evidence.lost = (RowAttempt(52, 99.7, 99.75, acknowledged=True), RowAttempt(53, 99.8, 99.9, acknowledged=True))
    evidence.rpo_seconds, evidence.found_in_the_old = 0.25, (52, 53)
    evidence.calls_to_the_lost, evidence.rebuilt_seconds = 0, 21.4
    evidence.deployments["failover"] = Deployment(101.0, 112.0, SAID)
    evidence.turned, evidence.turned_lost, evidence.is_settled = RowOutage(200.0, 200.9), (), True
    return evidence


@pytest.fixture
def office(city: City, tmp_path: Path) -> DrillOffice:
    return DrillOffice(city, tmp_path, AuditTrail(tmp_path), ManualClock(NOON), ("hanako",))


def conduct(
    office: DrillOffice, evidence: RegionEvidence, run: Callable[[], object] = lambda: None
) -> tuple[object, dict[str, str]]:
    drill = Drill("region", "the region tokyo", carry_out(run, evidence), frozenset({"affairs"}))
    record, kept = conduct_drill(drill, office)
    return record, {one.name.rpartition(".")[0][-2:]: one.read_text(encoding="utf-8") for one in kept.reports}


def test_a_drill_has_a_record_with_its_parts_and_its_lost_rows(office: DrillOffice) -> None:
    conduct(office, make_evidence())
    [record] = list_drills(office.state)
    assert (record.kind, record.passed, record.lost_rows) == ("region", True, (52, 53))
    # What was lost is of affairs alone: the targets of an application in the data centre are not held against it.
    assert [one.application for one in record.expected] == ["affairs"]
    assert sum(one.seconds for one in record.parts) == record.measured.rto_seconds == 18.0
    assert "lost: row 52, acknowledged 0.250 s before the cut, still in the old database" in record.findings
    assert record.findings[-1].startswith("nothing was tried on Google")


def test_the_report_is_in_both_languages_and_names_every_lost_row(office: DrillOffice) -> None:
    _, reports = conduct(office, make_evidence())
    japanese, english = reports["ja"], reports["en"]
    assert japanese.startswith("# 訓練記録：リージョン tokyo の喪失\n")
    assert "**判定：合格**" in japanese
    assert "| affairs の RTO（ポリシー） | 14,400 s | 18.00 s | 達成 |" in japanese
    assert "| RPO（仮想都市の目安、負荷のないマシン） | 1 s | 0.25 s | 達成 |" in japanese
    assert "- 検知（続けて失敗した書き込みで判断）: 5.00 s" in japanese
    assert "| 52 | 0.250 | あり |\n| 53 | 0.100 | あり |" in japanese
    assert "Cloud SQL の昇格、割り当て（クォータ）の確保、人の判断に、ここより長い時間がかかります" in japanese
    assert "Google では何も試していません" in japanese
    assert "pulumi up 全体：11.00 秒（~ 6 updated, 230 unchanged）。失われたリージョンへの呼び出しは 0 件。" in japanese
    assert "switchover：失われた行 0" in japanese
    assert "Nothing was tried on Google." in english
    assert len(japanese.splitlines()) == len(english.splitlines())


def test_a_missed_target_of_the_policy_is_no_pass_and_a_missed_one_of_the_labs_is_told(office: DrillOffice) -> None:
    late = make_evidence()
    late.outage = RowOutage(100.0, 100.0 + 14_401)
    _, reports = conduct(office, late)
    [record] = list_drills(office.state)
    assert (record.passed, record.failure, [one.target for one in record.missed]) == (False, "", ["rto"])
    assert "**判定：不合格**" in reports["ja"]
    assert reports["ja"].count("未達") == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"turned_lost": (RowAttempt(400, 1.0, 1.1, acknowledged=True),)},
            "the switchover lost rows, and may lose none: 400",
        ),
        ({"found_in_the_old": (52,)}, "acknowledged rows that are in no database any more: 53"),
        ({"calls_to_the_lost": 2}, "the failover called the lost region 2 times"),
        ({"is_settled": False}, "the copy has other rows than the primary"),
    ],
)
def test_what_came_back_otherwise_than_it_must_is_a_failure(
    office: DrillOffice, change: dict[str, Any], why: str
) -> None:
    conduct(office, replace(make_evidence(), **change))
    [record] = list_drills(office.state)
    assert not record.passed
    assert why in record.failure


def test_a_drill_that_breaks_off_keeps_what_it_had_measured(office: DrillOffice) -> None:
    evidence = make_evidence()
    evidence.rebuilt_seconds = evidence.turned_lost = evidence.found_in_the_old = None

    def break_off() -> None:
        message = "not 50 rows are acknowledged in 120 s"
        raise LabError(message)

    _, reports = conduct(office, evidence, break_off)
    [record] = list_drills(office.state)
    assert (record.passed, record.failure, record.measured.rto_seconds) == (
        False,
        "not 50 rows are acknowledged in 120 s",
        18,
    )
    assert "- rebuild：この訓練では行っていません。" in reports["ja"]
    assert "| 52 | 0.250 | 未確認 |" in reports["ja"]


def test_an_engine_that_fails_before_anything_is_cut_leaves_a_record_without_figures(office: DrillOffice) -> None:
    failed = EngineFailed("up", 1)

    def fail() -> None:
        raise failed

    _, reports = conduct(office, RegionEvidence("affairs", "tokyo", "osaka"), fail)
    [record] = list_drills(office.state)
    assert not record.passed
    assert record.measured.model_dump(exclude_none=True) == {}
    assert "測定なし" in reports["ja"]


def test_ctrl_c_says_what_was_not_kept_and_the_record_has_it(office: DrillOffice) -> None:
    evidence = make_evidence()

    def interrupt() -> None:
        raise Interrupted(describe_interruption(evidence))

    with pytest.raises(Interrupted, match=r"Not kept: 668 acknowledged rows and both databases\. RTO: 18\.0 s"):
        conduct(office, evidence, interrupt)
    [record] = list_drills(office.state)
    assert not record.passed
    assert record.failure.startswith(
        "it was broken off (Interrupted) the drill was broken off; the last step: tokyo is cut"
    )


def test_ctrl_c_before_anything_was_built_says_so_and_leaves_no_folder(
    city: VirtualCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("controller.lab.trials.region.region_drill.RehearsedStack", interrupt)
    state, told = tmp_path / "drill", list[str]()
    stack = choose_drilled_stack(find_stack_file("lab"))
    drill = RegionDrill(city, tmp_path, stack, tmp_path, say=told.append, state=state)
    with pytest.raises(Interrupted, match=r"the last step: pulumi up: the lab stack.*Not kept: 0 acknowledged rows"):
        drill.run(STEPS)
    assert told == ["pulumi up: the lab stack, both regions serving"]
    assert not state.exists()
    assert build_region_drill(drill, STEPS).applications == frozenset({"affairs"})


def test_reports_go_with_their_record(office: DrillOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_store, "MOST_RECORDS", 1)
    conduct(office, make_evidence())
    conduct(office, make_evidence())
    assert len(list((office.state / "drills").glob("*.json"))) == 1
    assert len(list((office.state / "drills").glob("*.md"))) == 2
