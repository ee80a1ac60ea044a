"""A cycle of the daemon over switches in memory: what it reports, proposes, waits for, and rolls out by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from controller.daemon.drift_cycle import CycleScene, DriftCycle
from controller.daemon.proposed_plan import NAME, find_proposal
from controller.errors import AuditRefused, DaemonRefused, OperationsRefused, PlanNotApproved
from controller.operations.daemon_settings import DaemonChanges
from controller.operations.operators_file import load_operations
from controller.plan.document import load_plan, name_approval, name_record, name_signature
from controller.plan.provenance.approvals import SignedPlan, identify_approver
from controller.plan.provenance.ssh_signatures import find_fingerprint, sign_bytes
from controller.rollout.durable.carry_out import WORKER, become_worker, carry_out, use_rollouts
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.rollout_scene import Surroundings, resume_scene
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from tests.rollout.durable.city_scene import DurableScene
from tests.security.plan_scene import make_operations, read_public

ONE_APPROVAL = [{"approvals": 1}]


class Office:
    """Schools with switches in memory and the daemon's cycle over them, with what the operators allow it."""

    def __init__(self, folder: Path, keys: Callable[[str], Path], schools: int = 2) -> None:
        self.durable = DurableScene(folder, schools)
        self.scene = self.durable.scene
        self.keys = keys
        self.folder = self.durable.state / "daemon"
        self.folder.mkdir(parents=True)
        signers = folder / "allowed_signers"
        people = ("hanako", "robot")
        signers.write_text("".join(f"{one} {read_public(keys(one))}\n" for one in people), encoding="ascii")
        self.approvals: dict[str, Any] = {"allowed-signers": signers, "programs": ["robot"], "require": []}
        self.found: list[int] = []
        self.begun_with = DaemonChanges.AUTOMATIC
        self.allow(changes="report")

    def allow(self, *, require: Any = (), **daemon: Any) -> None:  # noqa: ANN401 as in the operators' file
        approvals = {**self.approvals, "require": require}
        key = {} if daemon.get("changes") == "report" else {"key": str(self.keys("robot"))}
        operations = make_operations(self.scene.folder, approvals=approvals, daemon={**key, **daemon})
        self.operations = operations

    def cycle(self) -> str:
        drift = DriftCycle(
            self._load,
            lambda scene: use_rollouts(scene.state, create=True),
            lambda found: self.found.append(sum(one.differs for one in found)),
            "tsunagu",
            self.begun_with,
        )
        return drift.run(Event())

    def _load(self) -> CycleScene:
        lab, state = self.scene.lab, self.durable.state
        trail, clock = AuditTrail(state), lab.clock
        policies, transport = self.scene.policies.path, lab.transport
        city = self.scene.load()
        return CycleScene(city, lab.switches, policies, self.operations, transport, clock, trail, state, self.folder)

    def approve(self, who: str) -> None:
        path = self.folder / NAME
        name_approval(path, who).write_bytes(sign_bytes(path.read_bytes(), self.keys(who)))

    @property
    def active(self) -> str | None:
        with use_rollouts(self.durable.state, create=True) as store:
            return store.find_active()

    @contextmanager
    def work_on_rollouts(self) -> Iterator[None]:
        """Be the one process that works on rollouts, for the length of a block."""
        with become_worker(self.durable.state, name=WORKER):
            yield

    def work(self) -> RolloutState:
        """Carry out what has begun, as the daemon's other duty does; return how it ended."""
        name = self.active
        assert name is not None
        lab = self.scene.lab
        with become_worker(self.durable.state, name=WORKER) as (engine, store):
            around = Surroundings(lab.transport, lab.clock, self.durable.folder / "run")
            scene = resume_scene(store.load_record(name), store.load_snapshot(name), self.operations, around)
            return carry_out(engine, store, scene, listeners=[], say=print).state

    def change_by_hand(self, index: int = 0) -> None:
        device = self.scene.lab.of(self.scene.lab.switches[index])
        changed = device.running.replace("h-pupil,20,", "h-pupil,10,")
        assert changed != device.running
        device.configuration.load(changed)

    def list_entries(self, kind: str) -> list[dict[str, object]]:
        return [one for one in AuditTrail(self.durable.state).read_entries() if one["kind"] == kind]


@pytest.fixture
def office(tmp_path: Path, keys: Callable[[str], Path]) -> Office:
    return Office(tmp_path, keys)


def test_by_default_drift_is_reported_and_nothing_planned(office: Office) -> None:
    before = [office.scene.lab.of(one).running for one in office.scene.lab.switches]
    assert office.cycle().startswith("2 devices, 2 differ (")
    assert office.found == [2]
    assert not any(office.folder.iterdir())
    assert office.active is None
    assert [office.scene.lab.of(one).running for one in office.scene.lab.switches] == before


def test_a_device_that_does_not_answer_is_named(office: Office) -> None:
    dead = office.scene.lab.switches[1].id
    office.scene.lab.devices[dead].leave(1_000_000)
    assert office.cycle().endswith(f"1 could not be read ({dead})")


def test_a_rollout_that_the_audit_trail_does_not_take_is_not_begun(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.allow(changes="automatic", **{"most-devices": 4, "most-schools": 4})
    record = AuditTrail.record

    def refuse(self: AuditTrail, kind: AuditKind, **details: str | int) -> str:
        if kind is AuditKind.APPLIED:
            message = "the disk of the trail is full"
            raise AuditRefused(message)
        return record(self, kind, **details)

    with monkeypatch.context() as full:
        full.setattr(AuditTrail, "record", refuse)
        with pytest.raises(AuditRefused):
            office.cycle()
    assert office.active is None
    assert office.cycle().endswith(f"the rollout {office.active} has begun")


def test_a_plan_waits_for_a_person_and_is_rolled_out_then(office: Office) -> None:
    office.allow(changes="approved")
    assert "a plan waits: nobody has approved it; approve it with: tsunagu approve " in office.cycle()
    plan = load_plan(office.folder / NAME)
    assert plan.planner_key == find_fingerprint(office.keys("robot"))
    # The same drift is the same proposal: an approval that comes meanwhile is of these bytes.
    assert office.cycle() == office.cycle()
    assert load_plan(office.folder / NAME).digest() == plan.digest()
    assert len(office.list_entries("planned")) == 1
    office.approve("hanako")
    assert office.cycle().endswith(f"the rollout {office.active} has begun")
    [entry] = office.list_entries("applied")
    assert (entry["planner"], entry["approvers"], entry["applier"]) == ("robot", "hanako", "tsunagu (tsunagu run)")
    with office.work_on_rollouts():
        assert office.cycle() == f"the rollout {office.active} runs: drift is read after it"
    assert office.work() is RolloutState.DONE
    assert office.cycle() == "2 devices, 0 differ"
    assert not (office.folder / NAME).exists()


def test_other_drift_is_another_proposal_and_the_approval_goes_with_the_old_one(office: Office) -> None:
    office.allow(changes="approved")
    office.cycle()
    office.approve("hanako")
    office.scene.policies.edit("access/rules.yaml", "{from: [staff]}", "{from: [pupil]}", after="  - id: staff-ai\n")
    assert "nobody has approved it" in office.cycle()
    assert office.active is None


def test_a_proposal_that_was_broken_off_is_made_anew(office: Office) -> None:
    office.allow(changes="approved")
    office.cycle()
    path = office.folder / NAME
    signature, record = name_signature(path), name_record(path)
    other = sign_bytes(b"another plan", office.keys("robot"))
    by_other = sign_bytes(path.read_bytes(), office.keys("hanako"))
    halves = [(signature, b""), (signature, b"none"), (signature, other), (signature, by_other), (record, b"0" * 64)]
    for place, content in [(signature, None), (record, None), *halves]:
        place.unlink()
        if content is not None:
            place.write_bytes(content)
        assert find_proposal(office.folder) is None, (place.name, content)
        assert "a plan waits: nobody has approved it" in office.cycle()
        assert find_proposal(office.folder) is not None


def test_an_approval_by_the_daemon_itself_counts_for_nothing(office: Office, keys: Callable[[str], Path]) -> None:
    office.allow(changes="approved")
    office.cycle()
    office.approve("robot")
    assert "nobody has approved it" in office.cycle()
    path = office.folder / NAME
    # Nor does one of somebody else's plan.
    other = load_plan(path).model_copy(update={"planner_key": find_fingerprint(keys("hanako"))})
    content = other.format_text().encode()
    signature = sign_bytes(content, keys("robot"))
    with pytest.raises(PlanNotApproved, match="robot is a program"):
        identify_approver(SignedPlan(other, content, path), signature, office.operations.approvals, office.scene.now)


def test_within_the_limits_drift_is_put_right_without_a_person(office: Office) -> None:
    office.allow(changes="automatic", **{"most-devices": 2, "most-schools": 2})
    assert office.cycle().endswith("has begun")
    assert office.list_entries("applied")[0]["approvers"] == "nobody"


def test_beyond_the_limits_it_waits(office: Office) -> None:
    office.allow(changes="automatic", **{"most-devices": 2, "most-schools": 1})
    said = office.cycle()
    assert "it changes 2 devices of 2 schools, and without a person the daemon may change 2 of 1" in said
    assert office.active is None
    office.approve("hanako")
    assert office.cycle().endswith("has begun")


def test_the_rules_of_approvals_hold_for_the_daemon_and_repairs_need_none(
    tmp_path: Path, keys: Callable[[str], Path]
) -> None:
    office = Office(tmp_path, keys, schools=1)
    office.allow(changes="automatic", require=ONE_APPROVAL, **{"most-devices": 4, "most-schools": 4})
    assert "needs approvals by 1 others; approved by: nobody; planned by robot, who does not count" in office.cycle()
    office.approve("hanako")
    assert office.cycle().endswith("has begun")
    assert office.work() is RolloutState.DONE
    # What was approved for a device is brought back without a person; what never was is not.
    office.change_by_hand()
    assert office.cycle().endswith("has begun")
    assert office.work() is RolloutState.DONE
    assert office.durable.is_whole(0)
    office.scene.policies.edit("access/rules.yaml", "{from: [staff]}", "{from: [pupil]}", after="  - id: staff-ai\n")
    assert "a plan waits: " in office.cycle()
    assert office.active is None


def test_a_rollout_that_has_not_ended_keeps_the_daemon_from_planning(office: Office) -> None:
    office.allow(changes="automatic", **{"most-devices": 4, "most-schools": 4})
    office.cycle()
    name = office.active
    assert name is not None
    with use_rollouts(office.durable.state) as store:
        store.change_state_or_refuse(name, RolloutState.PAUSED, office.scene.now, by="hanako")
    assert office.cycle().endswith(f"; the rollout {name} has not ended, so nothing is planned")


def test_what_was_begun_with_report_changes_nothing_under_a_file_that_allows_it_since(office: Office) -> None:
    office.begun_with = DaemonChanges.REPORT
    office.allow(changes="automatic", **{"most-devices": 4, "most-schools": 4})
    for _ in range(2):
        said = office.cycle()
        assert said.startswith("2 devices, 2 differ (")
        assert said.endswith("; 'changes: automatic' allows more than this daemon began with: it needs a new start")
    assert office.active is None
    assert not any(office.folder.iterdir())


def test_what_was_begun_with_approved_waits_for_people_under_a_file_that_says_automatic_since(office: Office) -> None:
    office.begun_with = DaemonChanges.APPROVED
    office.allow(changes="automatic", **{"most-devices": 4, "most-schools": 4})
    assert "a plan waits: nobody has approved it" in office.cycle()
    assert office.active is None


def test_who_only_reports_reads_drift_whatever_rollout_runs(office: Office) -> None:
    office.allow(changes="automatic", **{"most-devices": 4, "most-schools": 4})
    assert office.cycle().endswith("has begun")
    office.allow(changes="report")
    with office.work_on_rollouts():
        assert office.cycle().startswith("2 devices, 2 differ (")
    assert office.cycle().startswith("2 devices, 2 differ (")
    assert office.found == [2, 2, 2]


def test_drift_is_read_while_nobody_works_on_the_rollout_that_runs(office: Office) -> None:
    office.allow(changes="automatic", **{"most-devices": 4, "most-schools": 4})
    office.cycle()
    assert office.cycle().endswith(f"; the rollout {office.active} has not ended, so nothing is planned")
    assert office.found == [2, 2]


def test_a_key_that_is_no_programs_is_refused(office: Office) -> None:
    office.approvals["programs"] = []
    office.allow(changes="automatic")
    with pytest.raises(DaemonRefused, match=r"it is the key of robot; name its owner in 'approvals: \{programs"):
        office.cycle()
    office.approvals.pop("allowed-signers")
    office.allow(changes="automatic")
    with pytest.raises(DaemonRefused, match=r"needs 'approvals: \{allowed-signers: FILE\}'"):
        office.cycle()
    assert office.active is None


def test_a_key_is_asked_for_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "operations.yaml"
    path.write_text("format: 1\ndaemon:\n  changes: automatic\n", encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(OperationsRefused, match=r"operations\.yaml:[23]: daemon: .*name its SSH key in 'key'"):
        load_operations(path)
