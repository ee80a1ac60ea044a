"""`tsunagu integrate plan` as a user runs it: what it says, what it writes, and that it writes nothing when refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.cli.integration import plan as command
from controller.cli.output import Exit
from controller.errors import TsunaguError
from controller.integration.interruption import InterruptionCause, read_measured_interruptions
from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.model.sites.devices import Device
from controller.model.sites.stages import Stage
from controller.plan.document import parse_plan, read_plan
from controller.plan.observe import Observed
from controller.plan.verify import verify_plan
from controller.storage.audit.audit_trail import AuditTrail
from tests.cli.running import Done, here
from tests.integration.conftest import SCHOOL, StagedCity, load_staged
from tests.integration.staged_policies import (
    OPEN_TO_LEARNING,
    move_pupil_sockets,
    observe_as_wanted,
    write_configurations,
)
from tests.policies import TODAY

OPEN = ("backed-up", "line", "printers", "issued")
PASSES = tuple(word for name in OPEN for word in ("--pass", f"{name}=電話で確認した"))
WORDS = ("integrate", "plan", SCHOOL, "--to", "coexist", "--on", str(TODAY))


@pytest.fixture
def place(staged: StagedCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the policies, an operators' file beside them, and devices that answer as the policy wants them."""
    shutil.copytree(staged.folder, tmp_path / "work/policies")
    (tmp_path / "office").mkdir(mode=0o700)
    operators = tmp_path / "office/operations.yaml"
    operators.write_text(f"format: 1\nstate: {tmp_path / 'office/state'}\n", "utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))

    def observe(city: City, devices: Sequence[Device], configs: Path | None) -> list[Observed]:
        assert configs is None
        names = {one.id for one in devices}
        return [one for one in observe_as_wanted(city, SCHOOL) if one.device.id in names]

    monkeypatch.setattr(command, "observe_devices", observe)
    return tmp_path / "work"


def run(place: Path, *more: str) -> Done:
    return here(*WORDS, "--policies", str(place / "policies"), *more, cwd=place)


def read_integration(place: Path) -> str:
    return (place / "policies" / INTEGRATION.name).read_text("utf-8")


def test_a_check_without_data_is_a_failed_one_and_nothing_is_written(place: Path) -> None:
    before = read_integration(place)
    done = run(place, "-o", "plan.json", "--lang", "ja")
    assert done.code == 2
    assert "4 件" in done.said
    assert "回線の測定がありません" in done.said
    assert "フロアスイッチの口 11-12" in done.said
    assert "校務系(旧)" in done.said
    assert "中断は最大 2 分" in done.said
    measured = read_measured_interruptions()
    assert measured is not None
    assert f"{measured.seconds[InterruptionCause.SOCKETS]:g} 秒" in done.said
    assert str(measured.measured_on) in done.said
    assert "口の切替 は未測定" not in done.said
    assert "途中の状態 6 個" in done.said
    assert not (place / "plan.json").exists()
    assert read_integration(place) == before


def test_what_was_passed_by_name_is_planned_and_goes_into_the_audit_trail(place: Path) -> None:
    done = run(place, *PASSES, "--pass", "calendar=x", "-o", "plan.json")
    assert done.code == 0, done.said + done.errors
    assert "--pass calendar is not needed" in done.said
    assert "tsunagu rollout start" in done.said
    plan = parse_plan(read_plan(place / "plan.json"), place / "plan.json")
    after = load_staged(place / "policies")
    assert plan.policy == after.digest
    assert [one.device.id for one in verify_plan(after, plan)] == [one.device for one in plan.devices]
    assert after.find_stage(after.school_by_id[SCHOOL]) is Stage.COEXIST
    assert {one.device for one in plan.devices if one.steps} == {
        "as-e04-core1",
        *(f"as-e04-floor{n}" for n in (1, 2, 3)),
    }
    entries = list(AuditTrail(place.parent / "office/state").read_entries())
    passed = [one for one in entries if one["kind"] == "check-passed"]
    assert [one["check"] for one in passed] == [*OPEN]
    assert {one["reason"] for one in passed} == {"電話で確認した"}
    assert {one["policy"] for one in passed} == {plan.policy}
    assert entries[-1]["kind"] == "planned"
    assert entries[-1]["plan"] == plan.digest()


def test_where_the_way_back_is_not_proved_nothing_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A floor switch that drifted has no way back to what it holds today, also where the drift is named."""

    def observe(city: City, devices: Sequence[Device], configs: Path | None) -> list[Observed]:
        assert (len(devices), configs) == (20, None)
        return [move_pupil_sockets(one) for one in observe_as_wanted(city, SCHOOL)]

    monkeypatch.setattr(command, "observe_devices", observe)
    before = read_integration(place)
    done = run(place, *PASSES, "--pass", "no-drift=known", "-o", "plan.json")
    assert done.code == 2
    assert "as-e04-floor2, after step 1 of 1 (set ports)" in done.said
    assert "--pass no-drift does not pass it: it was judged, and failed" in done.said
    assert "not planned: checks that have not passed: 1; nothing was written" in done.said
    assert not (place / "plan.json").exists()
    assert read_integration(place) == before


@pytest.mark.parametrize("silent", ["as-e04-core1", "as-e04-floor1", "all"])
def test_where_a_device_was_not_read_nothing_is_written(
    place: Path, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    """What was not asked cannot be passed by its name, and nobody says that pupils reach nothing."""

    def observe(city: City, devices: Sequence[Device], configs: Path | None) -> list[Observed]:
        assert (len(devices), configs) == (20, None)
        return [
            Observed(one.device, refusal=TsunaguError(f"{one.device.id}: no answer"))
            if silent in (one.device.id, "all")
            else one
            for one in observe_as_wanted(city, SCHOOL)
        ]

    monkeypatch.setattr(command, "observe_devices", observe)
    before = read_integration(place)
    more = [word for name in ("reachable", "capable", "no-drift") for word in ("--pass", f"{name}=x")]
    done = run(place, *PASSES, *more, "-o", "plan.json")
    assert done.code == 2, done.said
    assert "what it holds now: it was not read, so no state is proved" in done.said
    assert "in none do pupils reach" not in done.said
    assert not (place / "plan.json").exists()
    assert read_integration(place) == before


def test_where_something_is_not_judged_nothing_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check passed, and a device has a way that nobody could judge."""
    monkeypatch.setattr(command, "choose_exit_code", lambda _: Exit.NOT_JUDGED)
    before = read_integration(place)
    done = run(place, *PASSES, "-o", "plan.json")
    assert done.code == 4
    assert "nobody could judge, and nothing was written" in done.said
    assert not (place / "plan.json").exists()
    assert read_integration(place) == before


def test_a_stage_that_opens_affairs_data_to_others_is_refused(place: Path) -> None:
    rules = place / "policies/access/rules.yaml"
    rules.write_text(rules.read_text("utf-8").rstrip() + OPEN_TO_LEARNING, "utf-8")
    before = read_integration(place)
    done = run(place, *PASSES, "-o", "plan.json")
    assert done.code == 2
    assert "does not hold in the next stage: as-e04: coexist: learning-legacy" in done.said
    assert "in none do pupils reach" not in done.said
    assert not (place / "plan.json").exists()
    assert read_integration(place) == before


def test_sockets_of_pupils_are_not_passed_by_name(place: Path) -> None:
    blueprints = place / "policies/city/blueprints.yaml"
    old = "- {first: 11, last: 12, mode: access, segments: [staff-legacy], stages: [separated]}"
    text = blueprints.read_text("utf-8")
    assert old in text
    blueprints.write_text(text.replace(old, old.replace("staff-legacy", "pupil")), "utf-8")
    done = run(place, *PASSES, "--pass", "sockets=x", "-o", "plan.json")
    assert done.code == 2
    assert "--pass sockets does not pass it" in done.said
    assert not (place / "plan.json").exists()


def test_without_a_place_for_the_plan_the_edit_is_shown_and_not_written(place: Path) -> None:
    before = read_integration(place)
    done = run(place, *PASSES)
    assert done.code == 0
    assert "+ - {school: as-e04, stage: coexist" in done.said
    assert read_integration(place) == before
    written = run(place, *PASSES, "--write", "--json")
    assert json.loads(written.said)["written"] == [str(place / "policies" / INTEGRATION.name)]
    assert read_integration(place) != before


def test_where_the_plan_cannot_be_saved_the_policy_stays(place: Path) -> None:
    before = read_integration(place)
    (place / "taken").mkdir()
    done = run(place, *PASSES, "-o", "taken")
    assert done.code == 1
    assert read_integration(place) == before


def test_the_document_says_all_of_it(place: Path) -> None:
    told = json.loads(run(place, "--json").said)
    assert told["format"] == "integrate-plan/1"
    assert (told["before"], told["after"], told["cutover"]) == ("separated", "coexist", "2026-12-26")
    assert {one["name"] for one in told["checks"] if not one["passed"]} == {*OPEN}
    assert {one["verdict"] for one in told["checks"] if not one["passed"]} == {"not judged"}
    assert told["moves"] == [
        {
            "role": "floor",
            "network": "",
            "places": "11-12",
            "before": "staff-legacy",
            "after": "staff",
            "devices": 3,
            "schools": 1,
        }
    ]
    assert [(one["way"], one["segment"], one["application"]) for one in told["ways"]] == [("opens", "staff", "cbt")]
    assert [one["minutes"] for one in told["interruptions"]] == [0, 2, 2, 2]
    assert told["way_back"]["states"] == 6
    assert told["way_back"]["faults"] == []
    assert all(one.startswith("separated: ") for one in told["claims"]["before"])
    assert any("grading: three-way separation" in one for one in told["claims"]["before"])
    assert all(one.startswith("coexist: ") for one in told["claims"]["after"])
    assert told["plan"] is None


def test_saved_configurations_are_for_looking_at_only(staged: StagedCity, tmp_path: Path) -> None:
    folder = write_configurations(staged.city, SCHOOL, tmp_path / "saved")
    words = (*WORDS, "--policies", str(staged.folder), "--configs", str(folder))
    done = here(*words, "--json", cwd=tmp_path)
    assert done.code == 2
    checks = {one["name"]: one["verdict"] for one in json.loads(done.said)["checks"]}
    assert (checks["reachable"], checks["no-drift"]) == ("not judged", "passed")
    assert here(*words, "-o", "plan.json", cwd=tmp_path).code == 64


def test_reservations_are_carried_over_or_refused_by_name(place: Path) -> None:
    (place / "dhcp.csv").write_text("school,name,mac,address\nas-e04,nas,02:54:00:ab:00:01,192.0.2.7\n", "utf-8")
    before = read_integration(place)
    done = run(place, *PASSES, "--reservations", "dhcp.csv", "--carried-to", "new.csv", "-o", "plan.json")
    assert done.code == 1
    assert "dhcp.csv:2: nas (192.0.2.7): its address is in no segment of its school" in done.errors
    assert read_integration(place) == before
    assert not (place / "new.csv").exists()
    assert run(place, "--reservations", "dhcp.csv").code == 64
    alone = run(place, "--new-segment", "staff-legacy=staff")
    assert alone.code == 64
    assert "name the list: --reservations" in alone.errors


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--pass", "nothing=x"), 1, "there is no check 'nothing'"),
        (("--cutover", "2026-12-07"), 1, "is on a school day of school as-e04"),
        (("--cutover", "soon"), 64, "--cutover"),
        (("--sign-with", "key"), 64, "there is nothing to sign without -o"),
    ],
)
def test_what_is_refused(place: Path, words: tuple[str, ...], code: int, message: str) -> None:
    done = run(place, *words)
    assert (done.code, message in done.errors) == (code, True), done.errors
