"""A switch whose own restore failed is seen by plan, drift and apply, and nobody changes it until it is repaired."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from controller.cli.advised_commands import forget_estate
from controller.cli.devices import repair as repair_command
from controller.errors import AuditRefused, CommandFailed, DeviceBusy, DeviceUnconfirmed
from controller.model.city import City
from controller.plan.document import PlanFile
from controller.platforms.ovs.driver import OpenVSwitch
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import FaultScript, make_fault
from controller.rollout.outcome import End
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from tests.conftest import POLICIES
from tests.rollout.memory_lab import RESTORE_SECONDS, MemoryLab
from tests.security.audit_samples import refuse_entries

OVS = OpenVSwitch()


@pytest.fixture
def failed(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> MemoryDevice:
    """A switch that runs half of what was planned: the line broke before it was confirmed, and its restore failed."""
    device = memory_lab.of(memory_lab.switches[0])
    device.draw_fault = FaultScript({("cancel", 0): make_fault("breaks before", "cancel", 0.0)})
    device.cannot_put_back = True
    before = device.running
    (outcome,) = memory_lab.apply(city, canary_plan)
    assert outcome.end is End.UNKNOWN
    assert f"could not put its old state back; repair: tsunagu repair {device.name}" in outcome.reason
    assert device.running != before
    return device


def test_plan_and_drift_refuse_it_by_name(city: City, memory_lab: MemoryLab, failed: MemoryDevice) -> None:
    (seen,) = memory_lab.consider(city, memory_lab.schools[:1])
    assert isinstance(seen.refusal, DeviceUnconfirmed)
    assert str(seen.refusal).endswith(f"repair: tsunagu repair {failed.name}")


def test_no_plan_changes_it(city: City, memory_lab: MemoryLab, canary_plan: PlanFile, failed: MemoryDevice) -> None:
    before = failed.running
    (outcome,) = memory_lab.apply(city, canary_plan)
    assert outcome.end is End.FAILED
    assert "in an unconfirmed state for" in outcome.reason
    assert failed.running == before
    memory_lab.clock.sleep(10 * RESTORE_SECONDS)
    assert memory_lab.apply(city, canary_plan)[0].end is End.FAILED


def test_a_change_that_is_not_confirmed_yet_is_told_as_that(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    device.answer("lock", ("plan9", "run9", "60"))
    device.answer("arm", ("run9", "60"))
    (seen,) = memory_lab.consider(city, memory_lab.schools[:1])
    assert isinstance(seen.refusal, DeviceBusy)
    assert (
        "plan plan9 changes it and has not confirmed yet; unless it does, the device goes back by itself in 60 s"
        in str(seen.refusal)
    )
    assert memory_lab.apply(city, canary_plan)[0].end is End.FAILED


@pytest.fixture
def repair(memory_lab: MemoryLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryLab:
    """`tsunagu repair` reaches the switches in memory."""
    monkeypatch.setattr(repair_command, "SshTransport", lambda _: memory_lab.transport)
    monkeypatch.chdir(tmp_path)
    return memory_lab


def run_repair(device: MemoryDevice, state: Path, *, keep: bool = False) -> list[str]:
    """What the audit trail says after the command."""
    try:
        repair_command.repair(device.name, policies=POLICIES, lab=True, state=state, keep=keep)
    finally:
        forget_estate()  # what a process would have forgotten with its end
    trail = AuditTrail(state)
    assert verify_trail(trail).fault is None
    return [str(one["end"]) for one in verify_trail(trail).list_kind(AuditKind.REPAIRED)]


@pytest.mark.parametrize("keep", [False, True])
def test_it_is_repaired_by_the_command_that_the_message_names(  # noqa: PLR0913, PLR0917 fixtures
    city: City,
    repair: MemoryLab,
    canary_plan: PlanFile,
    failed: MemoryDevice,
    tmp_path: Path,
    keep: bool,  # noqa: FBT001
) -> None:
    changed = failed.running
    if not keep:
        with pytest.raises(CommandFailed, match="could not be put back"):
            run_repair(failed, tmp_path / "state")
    failed.cannot_put_back = False
    ends = run_repair(failed, tmp_path / "state", keep=keep)
    assert ends[-2:] == ["begun", "kept" if keep else "restored"]
    assert (failed.running == changed) is keep
    assert OVS.parse(failed.running, "s").state
    assert repair.apply(city, canary_plan)[0].end is End.APPLIED
    assert run_repair(failed, tmp_path / "state") == ends, "nothing to do, and nothing is recorded"


def test_what_may_still_be_confirmed_is_not_repaired(repair: MemoryLab, tmp_path: Path) -> None:
    device = repair.of(repair.switches[0])
    device.answer("lock", ("plan9", "run9", "60"))
    device.answer("arm", ("run9", "60"))
    with pytest.raises(DeviceBusy, match="Wait for that"):
        run_repair(device, tmp_path / "state")
    assert device.restore_armed


def test_a_device_without_such_a_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="keeps no unconfirmed state"):
        repair_command.repair("as-e04-core1", policies=POLICIES, state=tmp_path)


def test_a_trail_that_cannot_be_written_at_the_end_hides_no_end(
    repair: MemoryLab,
    failed: MemoryDevice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed.cannot_put_back = False
    refuse_entries(monkeypatch, AuditKind.REPAIRED)
    with pytest.raises(AuditRefused, match="the disk is full"):
        run_repair(failed, tmp_path / "state")
    assert f"{failed.name}: the state from before that plan is back" in "".join(capsys.readouterr())
    assert not repair.of(repair.switches[0]).restore_armed
