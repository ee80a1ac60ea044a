"""Drills: real restores in a private place, held against the policy's targets, kept and listed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.drills import drill_store
from controller.drills.conduct import Drill, DrillOffice, DrillResult, conduct_drill
from controller.drills.drill_record import DrillRecord, MeasuredRecovery, parse_drill_record
from controller.drills.drill_store import keep_drill, list_drills
from controller.errors import DrillRefused, InputRefused, Interrupted, PolicyError, StoreRefused
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.operations.operations import Operations
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.recovery.controller_backup import create_backup
from controller.rollout.durable.carry_out import use_rollouts
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from tests.cli.running import Done, here
from tests.policies import NOON, TODAY, PolicyFolder
from tests.recovery.restore_scene import NAME, RestoreScene
from tests.security.audit_samples import refuse_entries

CARRIES = Callable[[], DrillResult]


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


@pytest.fixture
def office(policies: PolicyFolder, tmp_path: Path) -> DrillOffice:
    city = load_city(policies.path, on=TODAY)
    state = tmp_path / "state"
    return DrillOffice(city, state, AuditTrail(state), ManualClock(NOON), ("hanako", "taro"))


def measure(rto: float | None, rpo: float | None = None, failure: str = "") -> CARRIES:
    return lambda: DrillResult(MeasuredRecovery(rto_seconds=rto, rpo_seconds=rpo), ("seen",), failure)


def make_record(at: datetime = NOON, **values: Any) -> DrillRecord:  # noqa: ANN401 as the record
    document = {"kind": "restore", "at": at, "people": ["hanako"], "estate": "real", "subject": "x", "expected": []}
    return DrillRecord.model_validate({**document, "measured": {}, "passed": True, **values})


def test_what_is_measured_is_held_against_the_targets_of_every_application(office: DrillOffice) -> None:
    good, kept = conduct_drill(Drill("restore", "the controller's state", measure(14_400, 86_400)), office)
    assert (good.passed, good.missed, good.people) == (True, (), ("hanako", "taro"))
    assert [(one.application, one.rto_seconds, one.rpo_seconds) for one in good.expected] == [
        ("affairs", 14_400, 86_400),
        ("grading", 28_800, 86_400),
    ]
    bad, _ = conduct_drill(Drill("restore", "the controller's state", measure(14_401, 86_401)), office)
    assert not bad.passed
    assert [(one.application, one.target) for one in bad.missed] == [
        ("affairs", "rto"),
        ("affairs", "rpo"),
        ("grading", "rpo"),
    ]
    entries = [one for one in office.trail.read_entries() if one["kind"] == AuditKind.DRILLED]
    assert [one["end"] for one in entries] == ["begun", "passed", "begun", "not passed"]
    assert (entries[1]["record"], entries[1]["sha256"]) == (kept.path.name, kept.sha256)


@pytest.mark.parametrize("error", [StoreRefused("the store is damaged"), KeyboardInterrupt(), ZeroDivisionError()])
def test_a_drill_that_breaks_off_has_a_record_and_did_not_pass(office: DrillOffice, error: BaseException) -> None:
    def break_off() -> DrillResult:
        raise error

    drill = Drill("line", "the primary-line of kw-s01", break_off)
    if isinstance(error, StoreRefused):
        assert conduct_drill(drill, office)[0].failure == "the store is damaged"
    else:
        with pytest.raises(type(error)):
            conduct_drill(drill, office)
    [record] = list_drills(office.state)
    assert (record.kind, record.passed, record.measured) == ("line", False, MeasuredRecovery())


def test_ctrl_c_in_a_drill_says_that_its_record_could_not_be_kept(
    office: DrillOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off() -> DrillResult:
        (office.state / "drills").write_text("in the way")
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"drills: .*; the drill not passed: it was broken off \(KeyboardInterrupt"):
        conduct_drill(Drill("line", "the primary-line of kw-s01", break_off), office)
    (office.state / "drills").unlink()
    refuse_entries(monkeypatch, AuditKind.DRILLED)

    def interrupt() -> DrillResult:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the audit trail cannot be written: the disk is full"):
        conduct_drill(Drill("line", "x", interrupt), office)


@pytest.mark.parametrize(
    ("people", "subject", "named"),
    [(("EXAMPLE\\taro",), "x", "people.0"), (("hanako",) * 51, "x", "people"), (("hanako",), " ", "subject")],
)
def test_what_no_record_can_hold_is_refused_before_anything_is_lost(
    office: DrillOffice, people: tuple[str, ...], subject: str, named: str
) -> None:
    carried: list[str] = []

    def carry_out() -> DrillResult:
        carried.append("out")
        return DrillResult(MeasuredRecovery())

    with pytest.raises(DrillRefused, match=f"cannot hold this: {named}: "):
        conduct_drill(Drill("restore", subject, carry_out), replace(office, people=people))
    assert not carried
    assert not office.trail.list_segments()


def test_a_drill_with_very_much_to_say_has_its_record(office: DrillOffice) -> None:
    def carry_out() -> DrillResult:
        return DrillResult(MeasuredRecovery(rto_seconds=1), (*map(str, range(150)), ""))

    record, _ = conduct_drill(Drill("restore", "x", carry_out), office)
    assert record.passed
    assert (len(record.findings), record.findings[-2:]) == (100, ("98", "and 51 more"))


def test_what_came_back_otherwise_than_it_must_did_not_pass(office: DrillOffice) -> None:
    record, _ = conduct_drill(Drill("restore", "x", measure(1, 1, failure="the trail of {x}\n is broken")), office)
    assert (record.passed, record.failure) == (False, "the trail of (x) is broken")


def test_records_are_private_bounded_and_listed_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill_store, "MOST_RECORDS", 3)
    moments = [NOON + timedelta(days=one) for one in range(5)]
    for at in (*moments, moments[-1]):
        kept = keep_drill(make_record(at), tmp_path)
        assert kept.path.stat().st_mode & 0o077 == 0
    assert [one.at for one in list_drills(tmp_path)] == [moments[4], moments[4], moments[3]]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"{", r"x\.json:1: is no record"),
        (b"{}", r"x\.json: is no record of a drill: kind: Field required"),
        (make_record().format_text().replace("drill/1", "drill/2").encode(), "format"),
        (make_record().format_text().replace('"passed"', '"forged": 1, "passed"').encode(), "forged"),
        (make_record().format_text().replace('"x"', '"\\u001b[31m"').encode(), "subject"),
    ],
)
def test_what_is_no_record_is_refused_by_its_file(tmp_path: Path, content: bytes, match: str) -> None:
    (tmp_path / "drills").mkdir()
    (tmp_path / "drills" / "x.json").write_bytes(content)
    with pytest.raises(DrillRefused, match=match):
        list_drills(tmp_path)


def test_a_link_or_a_pipe_in_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "drills"
    folder.mkdir()
    os.mkfifo(folder / "x.json")
    with pytest.raises(InputRefused):
        list_drills(tmp_path)
    (folder / "x.json").unlink()
    (folder / "x.json").symlink_to("/etc/passwd")
    with pytest.raises(InputRefused):
        list_drills(tmp_path)


def test_a_record_is_read_as_it_was_kept() -> None:
    record = make_record(measured={"rto_seconds": 1.5}, findings=["seen"], people=["hanako", "山田"])
    assert parse_drill_record(record.format_text().encode(), "x") == record


@pytest.mark.parametrize("written", ["4", "0h", "4 h", "4w", "-1h", "99999h", "4.5h"])
def test_a_target_that_is_no_time_is_refused_by_file_and_line(policies: PolicyFolder, written: str) -> None:
    policies.edit("access/applications.yaml", "rto: 4h", f"rto: {written}")
    with pytest.raises(PolicyError, match=r"applications\.yaml:\d+: .*recovery\.rto"):
        load_city(policies.path, on=TODAY)


def test_a_target_alone_is_refused(policies: PolicyFolder) -> None:
    policies.edit("access/applications.yaml", "{rto: 4h, rpo: 1d}", "{rto: 4h}")
    with pytest.raises(PolicyError, match=r"applications\.yaml:\d+: .*rpo"):
        load_city(policies.path, on=TODAY)


class Controller:
    """A controller that has done something, and the command as its operators run it."""

    def __init__(self, folder: Path, policies: PolicyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.policies, self.backup = folder, policies, folder / "backup.tar"
        pins = folder / "known_hosts"
        pins.write_text("kw-e01-core1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDZ4\n", encoding="utf-8")
        pins.chmod(0o600)
        access = {"user": "tsunagu", "password": {"env": "X"}, "known-hosts": str(pins)}
        values = {"access": {"switches": access}, "state": folder / "controller"}
        self.operations = Operations.model_validate(values)
        self.trail = AuditTrail(self.operations.state)
        self.trail.record(AuditKind.APPROVED, plan="p")
        with use_rollouts(self.operations.state, create=True):
            pass
        for name in ("load_estate_operations", "load_estate_city"):
            monkeypatch.setattr(f"controller.cli.recovery.drill.{name}", getattr(self, f"_{name}"))

    def _load_estate_operations(self, city: City) -> Operations:
        del city
        return self.operations

    def _load_estate_city(self, policies: Path, *, lab: bool = False) -> City:
        del lab
        return load_city(policies, on=TODAY)

    def back_up(self, age: timedelta) -> None:
        made = create_backup(self.backup, self.operations, None, datetime.now(UTC) - age)
        self.trail.record(AuditKind.BACKED_UP, file=str(self.backup), sha256=made.sha256)

    def run(self, *words: str) -> Done:
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        return here("drill", *words, "--policies", str(self.policies.path), cwd=elsewhere)


@pytest.fixture
def controller(tmp_path: Path, policies: PolicyFolder, monkeypatch: pytest.MonkeyPatch) -> Controller:
    return Controller(tmp_path, policies, monkeypatch)


def test_the_newest_backup_of_the_controller_is_really_restored_in_a_private_place(controller: Controller) -> None:
    nothing = controller.run("restore")
    assert nothing.code == 1
    assert "no backup of the controller was made from here" in nothing.errors
    controller.back_up(timedelta(hours=2))
    done = controller.run("restore", "--with", "hanako", "--json")
    assert done.code == 0, done.errors
    document = json.loads(done.said)
    assert (document["format"], document["passed"], document["people"][1:]) == ("drill/1", True, ["hanako"])
    assert 0 < document["measured"]["rto_seconds"] < 60
    assert 7_190 < document["measured"]["rpo_seconds"] < 7_300
    assert "1 of host keys" in document["findings"][0]
    # The living state has its trail and its pins, and nothing was restored into it.
    assert [one["kind"] for one in controller.trail.read_entries()][-2:] == ["drilled", "drilled"]
    assert "passed last 0 hours ago" in controller.run("list").said


def test_a_missed_target_has_exit_code_2_and_stays_in_the_list(controller: Controller) -> None:
    controller.back_up(timedelta(days=3))
    done = controller.run("restore")
    assert done.code == 2
    assert "NOT PASSED" in done.said
    assert "missed: affairs: RPO 259,2" in done.said
    listed = controller.run("list")
    assert listed.code == 2
    assert "restore: never passed" in listed.said
    document = json.loads(controller.run("list", "--json").said)
    assert (document["failing"], document["last_passed"], len(document["drills"])) == (["restore"], [], 1)


def test_a_backup_that_is_gone_or_another_one_is_told(controller: Controller) -> None:
    controller.back_up(timedelta(hours=1))
    content = controller.backup.read_bytes()
    controller.backup.write_bytes(content[:-512] + b"x" * 512)
    done = controller.run("restore")
    assert done.code == 1
    assert "is not the backup that was made" in done.said
    controller.backup.unlink()
    done = controller.run("restore")
    assert done.code == 1
    assert "the backup is not there" in done.said
    assert [one.passed for one in list_drills(controller.operations.state)] == [False, False]


def test_a_user_whose_name_no_record_can_hold_is_told_so_before_anything_is_done(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.cli.recovery.drill.find_user_name", lambda: "EXAMPLE\\taro")
    controller.back_up(timedelta(hours=1))
    done = controller.run("restore")
    assert (done.code, len(done.errors.splitlines())) == (1, 1), done
    assert "the user name 'EXAMPLE\\\\taro' may not hold" in done.errors
    listed = controller.run("list")
    assert (listed.code, "no drill was made from here" in listed.said) == (0, True), "who only looks has any name"
    there = " ".join(listed.said.split()).partition("tsunagu drill list")[2]
    assert "--lab" in there, "drills of a region are kept with the virtual city"
    assert not list_drills(controller.operations.state)
    assert AuditKind.DRILLED not in [one["kind"] for one in controller.trail.read_entries()]


def test_a_trail_that_cannot_be_written_at_the_end_hides_no_end(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller.back_up(timedelta(hours=1))
    refuse_entries(monkeypatch, AuditKind.DRILLED)
    done = controller.run("restore", "--json")
    assert (done.code, json.loads(done.said)["passed"]) == (1, True), done
    assert "the disk is full" in done.errors


def test_a_record_that_cannot_be_kept_takes_nothing_with_it_that_was_measured(
    office: DrillOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        message = "drills: the record cannot be kept (No space left on device)"
        raise DrillRefused(message)

    monkeypatch.setattr("controller.drills.conduct.keep_drill", refuse)
    with pytest.raises(DrillRefused, match=r"No space left on device\); the drill passed: rto_seconds 12\.5"):
        conduct_drill(Drill("restore", "x", measure(12.5)), office)


def test_what_a_record_can_hold_can_be_read_again(tmp_path: Path) -> None:
    """The most of everything: a record that is too large to be read would end every list."""
    names = [f"{number:039}" for number in range(10_000)]
    targets = [{"application": name, "rto_seconds": 863_913_600, "rpo_seconds": 863_913_600} for name in names]
    seconds = {"expected_seconds": 863_913_600, "measured_seconds": 987_654_321.123_456}
    missed = [{"application": name, "target": word, **seconds} for name in names for word in ("rto", "rpo")]
    keep_drill(make_record(expected=targets, missed=missed, findings=["あ" * 500] * 100, passed=False), tmp_path)
    [record] = list_drills(tmp_path)
    assert len(record.missed) == 20_000


def test_a_backup_of_another_age_of_the_world_is_told_by_name(controller: Controller) -> None:
    controller.back_up(timedelta(days=365 * 40))
    done = controller.run("restore")
    assert done.code == 1, done
    assert "backup.tar: says that it is of 19" in done.said
    [record] = list_drills(controller.operations.state)
    assert "look at the clock" in record.failure


def test_drills_are_in_the_controllers_backup(controller: Controller) -> None:
    controller.back_up(timedelta(hours=1))
    assert controller.run("restore").code == 0
    second = controller.folder / "second.tar"
    create_backup(second, controller.operations, None, NOON)
    assert b"drill/1" in second.read_bytes()


def test_who_takes_part_has_a_name(controller: Controller) -> None:
    controller.back_up(timedelta(hours=1))
    for name in ("{{ x }}", " "):
        done = controller.run("restore", "--with", name)
        assert done.code == 64
        assert "--with" in done.errors
    assert list_drills(controller.operations.state) == []


def test_a_real_line_is_never_cut(controller: Controller) -> None:
    done = controller.run("line", "--school", "kw-s01")
    assert done.code == 1
    assert "kw-s01: a drill cuts no line of a real school" in done.errors
    assert list_drills(controller.operations.state) == []


def test_a_switch_is_restored_onto_an_empty_virtual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = RestoreScene(tmp_path, where=(), others=("ntp server 10.0.0.9",), leave_out=("path <redacted>",))
    scene.live()
    monkeypatch.setattr("controller.cli.recovery.drill.load_estate_operations", lambda _: scene.operations)
    monkeypatch.setattr("controller.cli.recovery.drill.load_estate_city", lambda *_, **__: scene.city)
    words = ("drill", "restore", "--lab", "--device", NAME, "--backup", str(tmp_path / "backup"))
    before, kept = scene.switch.show_running(), sorted(scene.operations.state.rglob("*"))
    done = here(*words, "--policies", str(scene.scene.policies.path), "--json", cwd=tmp_path)
    document = json.loads(done.said)
    assert document["failure"] == ""
    assert f"{NAME} from {tmp_path}/backup/{NAME}.cfg" in document["findings"][0]
    assert document["findings"][0].endswith(": applied")
    assert document["measured"]["rto_seconds"] > 0
    assert scene.switch.show_running() == before, "the living switch is not touched"
    assert sorted(scene.operations.state.rglob("*")) == kept, "nor is what the controller remembers"
