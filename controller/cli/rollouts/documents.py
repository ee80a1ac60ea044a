"""The JSON documents of `tsunagu rollout`, and the words that a terminal shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import groupby

from typing_extensions import TypedDict

from controller.cli.output import print_data, print_line
from controller.cli.rollouts.gate_documents import (
    GateDocument,
    UnknownDevice,
    WrittenOff,
    describe_gates,
    describe_waiting,
    describe_write_offs,
    print_gates,
    print_waiting,
)
from controller.operations.rollout_settings import DEFAULT_RETRY, RetryRule
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutState
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.outcome import End
from controller.telemetry.heartbeat import LOST_SECONDS

_STYLES = {RolloutState.DONE: "green", RolloutState.STOPPED: "red"}
LOST = "nobody works on it"


class RolloutDevice(TypedDict):
    """A device of a rollout. `end` is null where it was not begun, or has not ended: `begun` says which."""

    device: str
    school: str
    wave: str
    begun: str | None
    end: str | None
    reason: str
    seconds: float


class RefusedBy(TypedDict):
    """A worker that does not work on a rollout, why, and when it tried last."""

    worker: str
    reason: str
    at: str


class RolloutSummary(TypedDict):
    """A rollout and how far it is. `worked_on`: a process works on it now.

    `lost_since`: when the process that worked on it was last heard of, where it was killed or is frozen; else null.
    `in_the_middle` counts the devices whose change has begun and has not ended. `waits_for` are devices that nobody has
    seen, and that are tried again. `waits` is what is waited for now, in words: windows, gates, soaks, devices.
    `refused_by` are the workers that do not work on it, and why.
    """

    rollout: str
    state: str
    reason: str
    by: str
    changed: str
    worked_on: bool
    lost_since: str | None
    in_the_middle: int
    applier: str
    planner: str
    approvers: list[str]
    plan: str
    policy: str
    undo: bool
    forced: str
    devices: int
    ended_well: int
    supersedes: str
    waits: list[str]
    refused_by: list[RefusedBy]
    waits_for: list[UnknownDevice]
    written_off: list[WrittenOff]


class RolloutDocument(RolloutSummary):
    """The JSON document of a rollout: its devices and gates, too, in the order of its waves."""

    outcomes: list[RolloutDevice]
    gates: list[GateDocument]


class RolloutsDocument(TypedDict):
    """The JSON document of `rollout list`, the newest first."""

    rollouts: list[RolloutSummary]


def summarise_rollout(
    store: RolloutStore, rollout: str, now: datetime, *, worked_on: bool, retry: RetryRule = DEFAULT_RETRY
) -> RolloutSummary:
    """Return a rollout and how far it is; `retry` is what the operators say of devices that do not answer."""
    record, status, tries = store.load_record(rollout), store.load_status(rollout), store.list_runs(rollout)
    runs = {run.device: run for run in tries}
    lost = find_lost_since(store, rollout, now, worked_on=worked_on)
    return {
        "rollout": rollout,
        "state": status.state,
        "reason": status.reason,
        "by": status.by,
        "changed": status.changed.isoformat(timespec="seconds"),
        "worked_on": worked_on and status.state.goes_on,
        "lost_since": None if lost is None else lost.isoformat(timespec="seconds"),
        "in_the_middle": sum(run.attempted and run.end is None for run in runs.values()),
        "applier": record.applier,
        "planner": record.planner,
        "approvers": list(record.approvers),
        "plan": record.plan,
        "policy": record.policy,
        "undo": record.undo,
        "forced": record.forced,
        "devices": len(record.list_devices()),
        "ended_well": sum(has_ended_well(runs.get(name)) for name in record.list_devices()),
        "supersedes": record.supersedes,
        "waits": list_waits(store, rollout, now) if lost is None and status.state.goes_on else [],
        "refused_by": _list_refusals(store, rollout) if status.state.goes_on else [],
        "waits_for": describe_waiting(store, record, status, tries, retry),
        "written_off": describe_write_offs(store, rollout),
    }


def find_lost_since(store: RolloutStore, rollout: str, now: datetime, *, worked_on: bool) -> datetime | None:
    """Return when the process that worked on a rollout was last alive, where it is gone or frozen; else None."""
    if not store.load_status(rollout).state.goes_on:
        return None
    beats = HeartbeatStore(store)
    last = beats.find_last_heartbeat(rollout)
    if last is None or (worked_on and beats.tell_time(now) - last <= timedelta(seconds=LOST_SECONDS)):
        return None
    return last


def list_waits(store: RolloutStore, rollout: str, now: datetime) -> list[str]:
    """Return what the workers of a rollout that live wait for, in words."""
    beats = HeartbeatStore(store)
    return beats.list_waits(rollout, beats.tell_time(now) - timedelta(seconds=LOST_SECONDS))


def _list_refusals(store: RolloutStore, rollout: str) -> list[RefusedBy]:
    return [
        {"worker": one.worker, "reason": one.reason, "at": one.at.isoformat(timespec="seconds")}
        for one in HeartbeatStore(store).list_refusals(rollout)
    ]


def describe_rollout(
    store: RolloutStore, rollout: str, now: datetime, *, worked_on: bool, retry: RetryRule = DEFAULT_RETRY
) -> RolloutDocument:
    """Return a rollout with all its devices and gates; see `summarise_rollout`."""
    record, runs = store.load_record(rollout), store.find_last_runs(rollout)
    return {
        **summarise_rollout(store, rollout, now, worked_on=worked_on, retry=retry),
        "outcomes": _list_devices(record, runs),
        "gates": describe_gates(store, record),
    }


def has_ended_well(run: DeviceRun | None) -> bool:
    """Tell if a device ended as planned."""
    return run is not None and run.end is not None and run.end.good


def ended_as_planned(one: RolloutSummary) -> bool:
    """Tell if a rollout is done, and each device of it is as planned."""
    return one["state"] == RolloutState.DONE and one["ended_well"] == one["devices"]


def _list_devices(record: RolloutRecord, runs: Mapping[str, DeviceRun]) -> list[RolloutDevice]:
    found: list[RolloutDevice] = []
    for wave in record.waves:
        for turn in wave.schools:
            for name in turn.devices:
                run = runs.get(name)
                found.append(
                    {
                        "device": name,
                        "school": turn.school,
                        "wave": wave.name,
                        "begun": run.begun.isoformat(timespec="seconds") if run and run.attempted else None,
                        "end": run.end if run else None,
                        "reason": run.reason if run else "",
                        "seconds": round(run.seconds, 3) if run else 0.0,
                    }
                )
    return found


def print_summary(one: RolloutSummary, *, shared: bool = False) -> None:
    """Print a rollout on a line; `shared`: many workers share it."""
    state = RolloutState(one["state"])
    said = f"{one['rollout']}  {_say_state(one, shared=shared)}  {one['ended_well']} of {one['devices']} devices"
    print_line(f"{said} as planned, started by {one['applier']}", _STYLES.get(state))
    _print_waits(one)
    print_waiting(one["rollout"], one["waits_for"], one["written_off"])


def print_rollout(one: RolloutDocument, *, shared: bool = False) -> None:
    """Print a rollout with its waves and devices; `shared`: many workers share it."""
    print_line(f"rollout {one['rollout']}: {_say_state(one, shared=shared)}")
    approved = ", ".join(one["approvers"]) or "nobody"
    print_line(f"planned by {one['planner']}, approved by {approved}, started by {one['applier']}")
    print_line(f"plan {one['plan'][:12]}, policy {one['policy'][:12]}" + (" (undo)" if one["undo"] else ""))
    if one["supersedes"]:
        print_line(f"it superseded {one['supersedes']}")
    if one["forced"]:
        print_data(f"outside its windows: {one['forced']}", "yellow")
    for wave, devices in groupby(one["outcomes"], key=lambda device: device["wave"]):
        print_line(f"wave {wave}:")
        for device in devices:
            print_line(_say_device(device), _choose_style(device))
        print_gates(one["gates"], wave)
    _print_waits(one)
    print_waiting(one["rollout"], one["waits_for"], one["written_off"])
    counts = Counter(_name_end(device) for device in one["outcomes"])
    print_line("rollout: " + (", ".join(f"{count} {end}" for end, count in counts.items()) or "nothing to do"))


def _print_waits(one: RolloutSummary) -> None:
    """Print what is waited for, and who does not work on it."""
    for wait in one["waits"]:
        print_line(f"  waits: {wait}", "yellow")
    for refused in one["refused_by"]:
        print_line(f"  the worker {refused['worker']} refused it at {refused['at']}: {refused['reason']}", "red")


def _say_state(one: RolloutSummary, *, shared: bool) -> str:
    said = one["state"] + (f" by {one['by']}" if one["by"] and one["state"] != RolloutState.RUNNING else "")
    if one["lost_since"] is not None:
        said += f" ({_say_lost(one)}; {_advise_lost(one, shared=shared)})"
    elif RolloutState(one["state"]).goes_on and not one["worked_on"]:
        said += f" ({LOST}; go on with: tsunagu rollout resume {one['rollout']})"
    return said + (f": {one['reason']}" if one["reason"] else "")


def _say_lost(one: RolloutSummary) -> str:
    since = datetime.fromisoformat(one["lost_since"] or "").astimezone()
    count = one["in_the_middle"]
    middle = f"{count} device{'' if count == 1 else 's'} in the middle" if count else "no device in the middle"
    return f"lost since {since:%Y-%m-%d %H:%M %Z}, {middle}"


def _advise_lost(one: RolloutSummary, *, shared: bool) -> str:
    if one["worked_on"] and shared:
        return "there are workers, and none of them works on it: see what they say"
    if one["worked_on"]:
        return "its process is there and is frozen: end it, then resume"
    return f"go on with: tsunagu rollout resume {one['rollout']}"


def _name_end(device: RolloutDevice) -> str:
    if device["end"]:
        return device["end"]
    return "in the middle" if device["begun"] else "to come"


def _say_device(device: RolloutDevice) -> str:
    end = _name_end(device)
    since = f" since {device['begun']}" if end == "in the middle" else ""
    return f"  {end:<9} {device['device']}{since}" + (f": {device['reason']}" if device["reason"] else "")


def _choose_style(device: RolloutDevice) -> str | None:
    if not device["end"]:
        return "yellow" if device["begun"] else None
    return "green" if End(device["end"]).good else "red"
