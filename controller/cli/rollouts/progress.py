"""How far a rollout is: counted from what its database holds, and what has happened between two looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from typing_extensions import TypedDict

from controller.cli.rollouts.documents import find_lost_since
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutState, RolloutStatus, Wave
from controller.rollout.durable.rollout_store import RolloutStore

RATE_WINDOW = timedelta(minutes=10)
"""The rate is that of so long: pauses and windows before it say nothing of what comes."""


class RolloutEvent(TypedDict):
    """Something that happened in a rollout; fields that do not belong to it are empty.

    `event` is one of: state, lost, back, waits, wave-begun, wave-ended, device-begun, device-ended. Others may come.
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
    """How far a wave is: counts of devices and schools. A school has ended when all its devices have."""

    name: str
    devices: int
    ended_well: int
    ended_badly: int
    in_the_middle: int
    schools: int
    schools_ended: int

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.ended_well + self.ended_badly == self.devices


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """A look at a rollout. `rate` is in devices a minute, `left` how long the rest takes at it; None: not known."""

    record: RolloutRecord
    status: RolloutStatus
    at: datetime
    runs: Mapping[str, DeviceRun]
    waves: tuple[WaveProgress, ...]
    rate: float | None
    left: timedelta | None
    lost_since: datetime | None
    waits: tuple[str, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it, unless somebody resumes it."""
        return self.status.state.is_final or self.status.state is RolloutState.STOPPED


def look_at_rollout(store: RolloutStore, rollout: str, now: datetime, *, worked_on: bool) -> RolloutProgress:
    """Return how far a rollout is."""
    record, status, runs = store.load_record(rollout), store.load_status(rollout), store.find_last_runs(rollout)
    lost = find_lost_since(store, rollout, now, worked_on=worked_on)
    waves = tuple(_count_wave(wave, runs) for wave in record.waves)
    rate = measure_rate(runs, now)
    to_come = sum(wave.devices - wave.ended_well - wave.ended_badly for wave in waves)
    goes_on = status.state is RolloutState.RUNNING and lost is None
    left = timedelta(minutes=to_come / rate) if rate and goes_on else None
    waits = tuple(HeartbeatStore(store).list_waits(rollout)) if lost is None else ()
    return RolloutProgress(record, status, now, runs, waves, rate, left, lost, waits)


def measure_rate(runs: Mapping[str, DeviceRun], now: datetime) -> float | None:
    """Return how many devices ended in a minute, of late; None where none did."""
    tried = [run for run in runs.values() if run.attempted]
    ended = [run.ended for run in tried if run.ended is not None and run.ended > now - RATE_WINDOW]
    if not ended:
        return None
    since = max(now - RATE_WINDOW, min(run.begun for run in tried if run.ended is None or run.ended in ended))
    minutes = max((now - since).total_seconds(), 1.0) / 60
    return len(ended) / minutes


def find_events(before: RolloutProgress | None, after: RolloutProgress) -> Iterator[RolloutEvent]:
    """Yield what has happened between two looks; before the first one nothing had."""
    if before is None:
        yield from _find_state_events(before, after)
    known = {} if before is None else before.runs
    for number, wave in enumerate(after.record.waves):
        old = None if before is None else before.waves[number]
        new = after.waves[number]
        if _has_begun(new) and (old is None or not _has_begun(old)):
            yield _event(after, "wave-begun", wave=wave.name, text=f"{new.schools} schools, {new.devices} devices")
        for turn in wave.schools:
            for device in turn.devices:
                yield from _find_device_events(known.get(device), after, wave.name, device)
        if new.has_ended and (old is None or not old.has_ended):
            said = f"{new.ended_well} of {new.devices} devices as planned"
            yield _event(after, "wave-ended", wave=wave.name, text=said)
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


def _find_device_events(
    before: DeviceRun | None, after: RolloutProgress, wave: str, device: str
) -> Iterator[RolloutEvent]:
    run = after.runs.get(device)
    if run is None or run == before:
        return
    again = before is None or before.begun != run.begun
    if again and run.attempted:
        yield _event(after, "device-begun", run.begun, wave=wave, school=run.school, device=device)
    if run.end is not None and run.ended is not None:
        about = {"wave": wave, "school": run.school, "device": device, "end": str(run.end), "text": run.reason}
        yield _event(after, "device-ended", run.ended, **about)


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


def _count_wave(wave: Wave, runs: Mapping[str, DeviceRun]) -> WaveProgress:
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
    )
