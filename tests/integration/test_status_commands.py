from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from controller.integration.status import Blocker, list_school_statuses
from controller.model.sites.stages import Stage
from tests.cli.running import Done, here
from tests.policies import TODAY, PolicyFolder

STAGES = "city/integration.yaml"
WARDS = ("kawasaki", "saiwai", "nakahara", "takatsu", "miyamae", "tama", "asao")


def write_stages(policies: PolicyFolder, stage: str, *more: str) -> None:
    entries = [f"{{ward: {ward}, stage: {stage}, by: 教育DX推進課}}" for ward in WARDS] + list(more)
    policies.write(STAGES, "format: 1\nintegrations:\n" + "".join(f"  - {one}\n" for one in entries))


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def run(policies: PolicyFolder, *words: str) -> Done:
    return here("integrate", *words, "--policies", str(policies.path), cwd=policies.path.parent)


def test_the_stage_of_every_school_and_what_is_in_its_way(policies: PolicyFolder) -> None:
    later = "{school: kw-s01, stage: separated, by: 教育DX推進課, next: {stage: coexist, cutover: 2027-03-30}}"
    write_stages(policies, "coexist", later)
    done = run(policies, "status", "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    schools = {one["school"]: one for one in told["schools"]}
    assert told["counts"] == {"separated": 1, "coexist": len(schools) - 1, "integrated": 0}
    assert schools["kw-s01"]["following"] == "coexist"
    assert schools["kw-s01"]["cutover"] == "2027-03-30"
    assert {tuple(one["blockers"]) for one in schools.values()} == {("line-not-measured",)}
    said = run(policies, "status", "--lang", "ja").said
    assert "仮・川崎第一支援学校" in said
    assert "次は 2027-03-30 に併存へ" in said


def test_a_cut_over_that_is_past_is_told_by_the_exit_code(policies: PolicyFolder) -> None:
    past = "{school: kw-s01, stage: separated, by: 教育DX推進課, next: {stage: coexist, cutover: 2026-04-02}}"
    write_stages(policies, "coexist", past)
    done = run(policies, "status", "--school", "kw-s01")
    assert done.code == 2
    assert "the day of the cut-over is past" in done.said


def test_what_is_in_the_way_of_a_school(policies: PolicyFolder) -> None:
    write_stages(policies, "coexist", "{school: as-e04, stage: integrated, by: 教育DX推進課, since: 2026-08-20}")
    policies.edit("city/schools/kawasaki.yaml", "    ward:", "    adoption: filters\n    ward:", after="kw-s01")
    policies.write(
        "access/quarantines.yaml",
        "format: 1\nquarantines:\n"
        "  - {school: sw-h01, since: 2026-11-01, until: 2027-01-31, reason: 調査のため, by: 教育DX推進課}\n",
    )
    found = {one.school.id: one for one in list_school_statuses(policies.load(), {}, TODAY)}
    assert found["as-e04"].blockers == ()
    assert found["as-e04"].stage is Stage.INTEGRATED
    assert found["sw-h01"].blockers == (Blocker.CUT_OFF, Blocker.LINE_NOT_MEASURED)
    assert Blocker.ADOPTION in found["kw-s01"].blockers


@pytest.mark.parametrize("command", ["status", "schedule"])
def test_without_stages_the_file_is_named(policies: PolicyFolder, command: str) -> None:
    (policies.path / STAGES).unlink(missing_ok=True)
    done = run(policies, command)
    assert done.code == 1
    assert STAGES in done.errors
    assert "Traceback" not in done.errors


def test_the_schedule_as_text_json_and_csv(policies: PolicyFolder) -> None:
    write_stages(policies, "separated")
    table = policies.path.parent / "schedule.csv"
    done = run(policies, "schedule", "--csv", str(table), "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    assert told["shortage"] is None
    rows = list(csv.reader(io.StringIO(table.read_text(encoding="utf-8-sig"))))
    assert rows[0][:3] == ["day", "school", "school id"]
    assert [(row[0], row[2]) for row in rows[1:]] == [(one["day"], one["school"]) for one in told["changes"]]
    assert len(told["changes"]) == 2 * len({one["school"] for one in told["changes"]})
    said = run(policies, "schedule", "--lang", "ja").said
    assert "長期休業中のみ" in said
    assert "回線が未測定の学校" in said


def test_a_schedule_that_does_not_fit(
    policies: PolicyFolder, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stages(policies, "separated")
    operators = tmp_path_factory.mktemp("operators") / "operations.yaml"
    operators.write_text("format: 1\nintegration: {schools-per-week: 1, until: 2027-04-10}\n", encoding="utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    table = operators.parent / "schedule.csv"
    done = run(policies, "schedule", "--csv", str(table))
    assert done.code == 2, done.errors
    assert "it does not fit: " in done.said
    assert not table.exists()
    assert json.loads(run(policies, "schedule", "--json").said)["shortage"]["schools"]


def test_a_planned_day_that_is_past_is_no_change_to_come(policies: PolicyFolder) -> None:
    past = "{school: kw-s01, stage: separated, by: 教育DX推進課, next: {stage: coexist, cutover: 2026-04-02}}"
    write_stages(policies, "integrated", past)
    done = run(policies, "schedule", "--json")
    assert done.code == 2, done.errors
    told = json.loads(done.said)
    assert told["faults"] == [{"kind": "overdue", "schools": ["kw-s01"], "stage": "coexist", "day": "2026-04-02"}]
    report = here(
        *("report", "integration", "-o", "report.html", "--policies", str(policies.path), "--json"),
        cwd=policies.path.parent,
    )
    about = json.loads(report.said)
    assert (about["fits"], about["faults"]) == (False, 1)
    assert [one["school"] for one in told["changes"]] == ["kw-s01", "kw-s01"]
    assert not any(one["planned"] for one in told["changes"])
    said = run(policies, "schedule", "--lang", "ja")
    assert said.code == 2
    assert "切替日 2026-04-02 は過ぎています" in said.said
