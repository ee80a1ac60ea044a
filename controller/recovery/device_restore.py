"""A dead device is brought back from its last state, onto an empty one of the same platform.

What is ours goes the way of every change: a plan from what the new device runs, proved, judged like any other (what was
approved for the device before is a repair), and the device step. What others had stands in the backup as text: on a
command line it is typed in the same change, before ours and, in objects of ours, behind it; where a device takes
nothing but our own commands (`ovs`, `frr`), it must be there already, set by whoever installed it. The device's own
restore is armed before the first line, and the end is `applied` only once all of it was read back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from controller.errors import CommandFailed, Origin, Problem, RestoreRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.operations.operations import Operations
from controller.plan.build import PlanOrigin, build_plan, consider_device
from controller.plan.derive import derive_change
from controller.plan.observe import observe_device
from controller.plan.proof.unjudged import find_unjudged_on
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.made_here import record_made_plan
from controller.plan.provenance.signed_plan import save_signed_plan
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.platforms.base import ConfigLine, Observation, Step
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.timed_operation import Changeable, is_changeable
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.dialect.platform import SwitchPlatform
from controller.platforms.registry import is_supported, load_platform_of
from controller.platforms.transport.base import Transport
from controller.recovery.device_backup import DeviceBackup
from controller.recovery.secret_lines import Resolve, fill_secrets
from controller.recovery.unmanaged_lines import (
    UnmanagedLine,
    find_hostname,
    find_lost_lines,
    find_missing_lines,
    find_untypable,
    leave_lines_out,
    list_unmanaged_lines,
    write_lines,
)
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.ending_signals import hear_signals
from controller.rollout.outcome import Outcome
from controller.rollout.start import FindOperations, StartedRollout, StartRequest, judge_start, record_start
from controller.rollout.waves import Settings, build_changes
from controller.telemetry.timeline import Listener, open_rollout_span

TRIED = ("cisco_ios", "frr", "ovs")
"""The platforms that a restore was tried on; every other one is refused by name."""


@dataclass(frozen=True, slots=True)
class RestoreSource:
    """What a device is restored from: its backup, the lines of others in it, and what stands where secrets were.

    `filled` are whole lines with their secrets, by number; `left_out` those that the operators' file leaves out, with
    what stands under them. `not_judged` are the ways of others that come back with the lines, by name.
    """

    device: Device
    system: Changeable
    backup: DeviceBackup
    lines: tuple[UnmanagedLine, ...]
    filled: Mapping[int, str]
    left_out: tuple[UnmanagedLine, ...]
    not_judged: tuple[str, ...]

    @property
    def types_lines(self) -> bool:
        """Whether lines of others can be typed into the device."""
        return isinstance(self.system, SwitchPlatform)


@dataclass(frozen=True, slots=True)
class RestoredDevice:
    """How a restore ended, and what was left out on purpose (lines of the backup, redacted)."""

    outcome: Outcome
    source: RestoreSource
    started: StartedRollout


def prepare_restore(
    city: City, device: Device, backup: DeviceBackup, operations: Operations, resolve: Resolve
) -> RestoreSource:
    """Judge whether a device can be brought back whole from a backup. No device is reached.

    Raises:
        RestoreRefused: the platform cannot be restored, or a secret cannot be found; by name.
        ConfigRefused: the backup is not understood, or something of others in it stands where ours must.
    """
    system = load_platform_of(device) if is_supported(device.platform) else None
    if system is None or not is_changeable(system) or not system.capabilities.restores_itself:
        message = (
            f"{device.id}: a device of the platform {device.platform!r} cannot be restored from here: nothing on it "
            "puts an old state back while the lines are typed. Load the backup by its console"
        )
        raise RestoreRefused(message)
    if device.platform not in TRIED or not isinstance(system, SwitchPlatform | OwnRestore):
        message = f"{device.id}: how lines of others come back to the platform {device.platform!r} was not tried"
        raise RestoreRefused(message)
    source = str(backup.path)
    seen = understand_whole(system, backup.text, source)
    # The city's proofs, with the objects of others that come back: what would contradict ours is named by its line.
    derived = derive_change(city, device, seen.state, seen, source)
    ports = {port.name for port in derived.wanted.ports}
    ways = tuple(sorted({one.name_way() for one in find_unjudged_on(city, device, seen, ports)}))
    lines = list_unmanaged_lines(system, backup.text, source)
    typed = isinstance(system, SwitchPlatform)
    left_out: tuple[UnmanagedLine, ...] = ()
    filled: Mapping[int, str] = {}
    if typed:
        lines, left_out = leave_lines_out(lines, operations.restore.leave_out)
        filled = fill_secrets(device.id, backup.path, [one.line for one in lines], operations.restore, resolve)
        _refuse_lines(device.id, backup.path, find_untypable(lines, filled))
    return RestoreSource(device, system, backup, lines, filled, left_out, ways)


def _refuse_lines(device: str, path: Path, found: Iterable[tuple[ConfigLine, str]]) -> None:
    problems = [Problem(Origin(str(path), line.number), "", f"{line.text.strip()!r}: {why}") for line, why in found]
    if problems:
        listed = "\n".join(f"  {one}" for one in problems)
        advice = "Set it by the console, or leave it out in the operators' file (restore: leave-out)"
        message = f"{device}: the device would not be back whole; nothing was sent to it. {advice}:\n{listed}"
        raise RestoreRefused(message)


def restore_device(  # noqa: PLR0913 what a restore is carried out with
    source: RestoreSource,
    policies: Path,
    find_operations: FindOperations,
    settings: Settings,
    *,
    city: City,
    by: str,
    listeners: Sequence[Listener] = (),
    on_signal: Callable[[str], None] = lambda _: None,
    sign_with: Path | None = None,
) -> RestoredDevice:
    """Bring a device back: plan from what the new one runs, judge, carry out, read back.

    The plan is signed with the key `sign_with`, where the operators ask for signatures.

    A change that has begun is brought to its end: of a signal that asks this process to end, `on_signal` is told then.

    Raises:
        RestoreRefused: the new device is not empty, or lacks what cannot be typed into it; names it.
        PlanNotApproved: the policy is another one than was approved for the device.
        TsunaguError: it cannot be read, or the plan is not what it must be; nothing was changed.
    """
    now = settings.clock.now()
    text = _read_new_device(source, settings.transport, city)
    started = _start(
        source, policies, find_operations, now, city=city, by=by, transport=settings.transport, key=sign_with
    )
    (change,) = build_changes(started.city, started.plan, started.verified, settings)
    planned = _add_lines(source, change, find_missing_lines(source.system, source.lines, text, source.filled))
    about: dict[str, str | int] = {
        "city": started.plan.city,
        "devices": 1,
        "backup": source.backup.about.sha256,
        "backup_read_at": source.backup.about.read_at,
        **started.answers.list_attributes(),
    }
    record_start(started, now)
    with open_rollout_span(f"restore {source.device.id}", listeners, **about) as span:
        with hear_signals(on_signal):
            outcome = change_device(planned, span)
        span.outcome = "good" if outcome.end.good else "not good"
    return RestoredDevice(outcome, source, started)


def _read_new_device(source: RestoreSource, transport: Transport, city: City) -> DeviceText:
    """Read the device that stands for the dead one, and refuse one that is not new.

    Raises:
        RestoreRefused: it holds something of ours already, has another name, or lacks what cannot be typed into it.
    """
    device, system = source.device, source.system
    observed = observe_device(device, transport, only_read=False)
    if observed.refusal is not None:
        raise observed.refusal
    seen, text = observed.observation, observed.text
    assert seen is not None  # noqa: S101 one of the two is set
    assert text is not None  # noqa: S101 as above
    wanted = derive_change(city, device, seen.state, seen, device.id).wanted
    if seen.state not in (DeviceState(), wanted):
        message = (
            f"{device.id}: it is no new device: it holds objects of ours already. What differs on a living device is "
            "put right by a plan: tsunagu plan"
        )
        raise RestoreRefused(message)
    missing = find_missing_lines(system, source.lines, text, source.filled)
    if not source.types_lines:
        why = "the new device does not have this line, and nothing but our own commands can be sent to it"
        _refuse_lines(device.id, source.backup.path, ((one.line, why) for one in _mask(source, missing, text)))
    named, other = find_hostname(source.backup.text), find_hostname(text)
    if source.types_lines and named != other:
        message = (
            f"{device.id}: its backup says 'hostname {named}', and the new device is called {other or 'nothing'!r}: "
            "give it that name by its console first"
        )
        raise RestoreRefused(message)
    return text


def _mask(source: RestoreSource, missing: Sequence[UnmanagedLine], text: DeviceText) -> Sequence[UnmanagedLine]:
    """Return the missing lines of a device that takes none; one with something taken out is compared without that."""
    return find_lost_lines(source.system, missing, text, source.device.id, {})


def _start(  # noqa: PLR0913 as `restore_device`
    source: RestoreSource,
    policies: Path,
    find_operations: FindOperations,
    now: datetime,
    *,
    city: City,
    by: str,
    transport: Transport,
    key: Path | None,
) -> StartedRollout:
    """Plan from what the new device runs, and judge the plan as every other; nothing says so far that it was begun."""
    operations = find_operations(city.estate)
    considered = consider_device(city, observe_device(source.device, transport, only_read=False))
    if considered.refusal is not None:
        raise considered.refusal
    hours, canary = operations.plans.expire_after_hours, operations.rollout.canary
    planner_key = find_fingerprint(key) if key is not None else ""
    origin = PlanOrigin(by, find_commit(policies), hours=hours, canary=canary, planner_key=planner_key)
    plan = build_plan(city, [considered], origin, now)
    if not plan.devices:
        message = (
            f"{source.device.id}: nothing of it is managed by the policy: {considered.left_out or 'see tsunagu plan'}"
        )
        raise RestoreRefused(message)
    with tempfile.TemporaryDirectory(prefix="tsunagu-restore-") as folder:
        path = Path(folder, f"restore-{source.device.id}.json")
        save_signed_plan(plan, path, key)
        record_made_plan(plan.format_text().encode(), path)
        return judge_start(StartRequest(path, policies, find_operations, by), now)


def _add_lines(source: RestoreSource, change: Change, missing: Sequence[UnmanagedLine]) -> Change:
    """Return the change with the lines of others in it: before ours, and in objects of ours behind it."""
    # What the new device runs is no state to come back to: it is not kept among those of the dead one.
    change = replace(change, keep_text=None)
    if not source.types_lines:
        return change
    filled = source.filled
    first = write_lines([one for one in missing if not one.block_is_ours], filled)
    last = write_lines([one for one in missing if one.block_is_ours], filled)

    def derive(seen: Observation) -> tuple[Step, ...]:
        steps = change.derive(seen)
        before = (Step("put back what others had", first, seen.state),) if first else ()
        after = (Step("put back what others had in ours", last, change.wanted),) if last else ()
        return (*before, *steps, *after)

    def check(text: DeviceText) -> None:
        lost = find_lost_lines(source.system, source.lines, text, source.device.id, filled)
        if lost:
            shown = "; ".join(one.line.text.strip() for one in lost[:5])
            message = f"{len(lost)} lines of others are not there after they were typed: {shown}"
            raise CommandFailed(source.device.id, message)

    return replace(change, derive=derive, check_text=check)
