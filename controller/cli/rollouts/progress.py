"""How far a rollout is: counted from what its database holds, and what has happened between two looks at it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import TypedDict

from controller.cli.rollouts.documents import find_lost_since, list_waits
from controller.rollout.durable.heartbeats import HeartbeatStore, WorkerRefusal
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutState, RolloutStatus, Wave
from controller.rollout.durable.rollout_store import RolloutStore

RATE_WINDOW = timedelta(minutes=10)
"""The rate is that of so long: pauses and windows before it say nothing of what comes."""

_OF_ONE_MOMENT = ("wave-begun", "device-begun", "device-ended", "wave-ended")
"""The order of what happened to a wave at one moment."""


class RolloutEvent(TypedDict):
    """Something that happened in a rollout; fields that do not belong to it are empty.

    `event` is one of: state, lost, back, waits, refused, wave-begun, wave-ended, device-begun, device-ended. Others may
    come.
    """

    at: str
    rollout: str
    event: str
    wave: str
    school: str
    device: str
    end: str
    text: str


@dataclass(frozen=True, slots=True)
class WaveProgress:
    """How far a wave is: counts of devices and schools. A school has ended when all its devices have.

    `has_ended`: each of its devices has ended once; one that did not answer may be tried again.
    """

    name: str
    devices: int
    ended_well: int
    ended_badly: int
    in_the_middle: int
    schools: int
    schools_ended: int
    has_ended: bool


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """A look at a rollout. `rate` is in devices a minute, `left` how long the rest takes at it; None: not known.

    `tries` are all at its devices in their order, `runs` the last one at each device. `refused_by` are the workers that
    do not work on it.
    """

    record: RolloutRecord
    status: RolloutStatus
    at: datetime
    tries: tuple[DeviceRun, ...]
    runs: Mapping[str, DeviceRun]
    waves: tuple[WaveProgress, ...]
    rate: float | None
    left: timedelta | None
    lost_since: datetime | None
    waits: tuple[str, ...]
    refused_by: tuple[WorkerRefusal, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it, unless somebody resumes it."""
        return not self.status.state.goes_on


def look_at_rollout(store: RolloutStore, rollout: str, now: datetime, *, worked_on: bool) -> RolloutProgress:
    """Return how far a rollout is."""
    record, status, tries = store.load_record(rollout), store.load_status(rollout), tuple(store.list_runs(rollout))
    runs = {run.device: run for run in tries}
    ended = {run.device for run in tries if run.end and (run.end.good or run.generation == status.generation)}
    lost = find_lost_since(store, rollout, now, worked_on=worked_on)
    waves = tuple(_count_wave(wave, runs, ended) for wave in record.waves)
    rate = measure_rate(runs, now)
    to_come = sum(wave.devices - wave.ended_well - wave.ended_badly for wave in waves)
    goes_on = status.state is RolloutState.RUNNING and lost is None
    left = timedelta(minutes=to_come / rate) if rate and goes_on else None
    waits = tuple(list_waits(store, rollout, now)) if lost is None else ()
    refused = tuple(HeartbeatStore(store).list_refusals(rollout)) if status.state.goes_on else ()
    return RolloutProgress(record, status, now, tries, runs, waves, rate, left, lost, waits, refused)


def measure_rate(runs: Mapping[str, DeviceRun], now: datetime) -> float | None:
    """Return how many devices ended in a minute, of late; None where none did."""
    begins = now - RATE_WINDOW
    late = [run for run in runs.values() if run.attempted and (run.ended is None or run.ended > begins)]
    ended = sum(run.ended is not None for run in late)
    if not ended:
        return None
    since = max(begins, min(run.begun for run in late))
    return ended * 60 / max((now - since).total_seconds(), 1.0)


def find_events(before: RolloutProgress | None, after: RolloutProgress) -> Iterator[RolloutEvent]:
    """Yield what has happened between two looks, in the order in which it did; before the first one nothing had."""
    if before is None:
        yield from _find_state_events(before, after)
    found = _find_device_events(before, after)
    for number, wave in enumerate(after.record.waves):
        old = None if before is None else before.waves[number]
        new = after.waves[number]
        own = [at for at, event in found if event["wave"] == wave.name]
        if _has_begun(new) and (old is None or not _has_begun(old)):
            said = f"{new.schools} schools, {new.devices} devices"
            at = min(own, default=after.at)
            found.append((at, _event(after, "wave-begun", at, wave=wave.name, text=said)))
        if new.has_ended and (old is None or not old.has_ended):
            said = f"{new.ended_well} of {new.devices} devices as planned"
            at = max(own, default=after.at)
            found.append((at, _event(after, "wave-ended", at, wave=wave.name, text=said)))
    order = {wave.name: number for number, wave in enumerate(after.record.waves)}
    found.sort(key=lambda one: (one[0], order.get(one[1]["wave"], 0), _OF_ONE_MOMENT.index(one[1]["event"])))
    yield from (event for _, event in found)
    if before is not None:
        # What it has come to stands behind what has led to it.
        yield from _find_state_events(before, after)


def _find_state_events(before: RolloutProgress | None, after: RolloutProgress) -> Iterator[RolloutEvent]:
    state = after.status
    if before is None or (before.status.state, before.status.reason) != (state.state, state.reason):
        by = f" by {state.by}" if state.by else ""
        said = f"{state.state}{by}" + (f": {state.reason}" if state.reason else "")
        yield _event(after, "state", text=said)
    was_lost = None if before is None else before.lost_since
    if after.lost_since is not None and was_lost is None:
        middle = sum(wave.in_the_middle for wave in after.waves)
        since = after.lost_since.isoformat(timespec="seconds")
        yield _event(after, "lost", text=f"lost since {since}, devices in the middle: {middle}")
    if after.lost_since is None and was_lost is not None:
        yield _event(after, "back", text="a process works on it again")
    if after.waits and (before is None or before.waits != after.waits):
        yield _event(after, "waits", text="; ".join(after.waits))
    known = set() if before is None else {(one.worker, one.reason) for one in before.refused_by}
    for one in after.refused_by:
        if (one.worker, one.reason) not in known:
            yield _event(after, "refused", one.at, text=f"the worker {one.worker} does not work on it: {one.reason}")


def _find_device_events(before: RolloutProgress | None, after: RolloutProgress) -> list[tuple[datetime, RolloutEvent]]:
    waves = {name: wave.name for wave in after.record.waves for turn in wave.schools for name in turn.devices}
    known = () if before is None else before.tries
    found: list[tuple[datetime, RolloutEvent]] = []
    for number, run in enumerate(after.tries):
        old = known[number] if number < len(known) else None
        about = {"wave": waves.get(run.device, ""), "school": run.school, "device": run.device}
        if old is None and run.attempted:
            found.append((run.begun, _event(after, "device-begun", run.begun, **about)))
        if run.end is not None and run.ended is not None and (old is None or old.end is None):
            ended = _event(after, "device-ended", run.ended, **about, end=str(run.end), text=run.reason)
            found.append((run.ended, ended))
    return found


def _event(after: RolloutProgress, kind: str, at: datetime | None = None, **about: str) -> RolloutEvent:
    event: RolloutEvent = {
        "at": (at or after.at).isoformat(timespec="milliseconds"),
        "rollout": after.record.id,
        "event": kind,
        "wave": about.get("wave", ""),
        "school": about.get("school", ""),
        "device": about.get("device", ""),
        "end": about.get("end", ""),
        "text": about.get("text", ""),
    }
    return event


def _has_begun(wave: WaveProgress) -> bool:
    return wave.ended_well + wave.ended_badly + wave.in_the_middle > 0


def _count_wave(wave: Wave, runs: Mapping[str, DeviceRun], once: Container[str]) -> WaveProgress:
    found = [runs[name] for turn in wave.schools for name in turn.devices if name in runs]
    well = sum(run.end is not None and run.end.good for run in found)
    badly = sum(run.end is not None and not run.end.good for run in found)
    ended = {run.device for run in found if run.end is not None}
    return WaveProgress(
        wave.name,
        sum(len(turn.devices) for turn in wave.schools),
        well,
        badly,
        sum(run.attempted and run.end is None for run in found),
        len(wave.schools),
        sum(ended.issuperset(turn.devices) for turn in wave.schools),
        all(name in once for turn in wave.schools for name in turn.devices),
    )
