"""Which devices of a rollout nobody knows the state of, since when, and when each is tried again.

All of it follows from the tries that the database holds, so a process that is started anew keeps the schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.operations.rollout_settings import RetryRule
from controller.rollout.durable.records import DeviceRun, RolloutRecord
from controller.rollout.outcome import End


@dataclass(frozen=True, slots=True)
class WriteOff:
    """A device that a named operator waits for no more, and why."""

    device: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """A device that stays `unknown`: since when, after how many tries, and when it is tried again.

    `untouched`: it never answered, so nothing was begun. `broken_off`: a try at it has begun and nobody ended it.
    """

    device: str
    school: str
    wave: int
    since: datetime
    tries: int
    next_try: datetime
    reason: str
    untouched: bool
    broken_off: bool


def list_waiting(
    record: RolloutRecord, runs: Iterable[DeviceRun], written_off: AbstractSet[str], rule: RetryRule
) -> list[WaitingDevice]:
    """Return the devices that are `unknown` after the last try, in the order of the waves.

    `runs` are all tries of the rollout in their order; `written_off` are devices that nobody waits for.
    """
    tried: dict[str, list[DeviceRun]] = {}
    for run in runs:
        if run.attempted:
            tried.setdefault(run.device, []).append(run)
    turns = _find_turns(record)
    found = (
        _judge_tries(tried[name], *turns[name], rule)
        for name in record.list_devices()
        if name in tried and name not in written_off
    )
    return [one for one in found if one is not None]


def find_deadline(record: RolloutRecord, rule: RetryRule) -> datetime:
    """Return until when a rollout waits for devices that do not answer."""
    return record.started + timedelta(hours=rule.until_hours)


def describe_waiting(
    waiting: Iterable[WaitingDevice], deadline: datetime, now: datetime, held: Mapping[str, str] | None = None
) -> str:
    """Return what is waited for, since when, and what ends that, in words for people.

    `held`: why devices that are due are not tried again now, by their names.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 29, 3, 3, tzinfo=UTC)
    >>> one = WaitingDevice("as-e04-core1", "as-e04", 0, at, 2, at, "no answer", untouched=True, broken_off=False)
    >>> describe_waiting([one], datetime(2026, 12, 2, 3, 0, tzinfo=UTC), at)
    'as-e04-core1 (unknown since 2026-11-29 03:03 UTC, 2 tries); until 2026-12-02 03:00 UTC, or its write-off'
    >>> describe_waiting([one], at + timedelta(hours=1), at, {one.device: "it is paused"}).partition("tries; ")[2]
    'due again at 2026-11-29 03:03 UTC, and not tried yet: it is paused); until 2026-11-29 04:03 UTC, or its write-off'
    """
    why = held or {}
    named = [
        f"{one.device} (unknown since {_say(one.since)}, {one.tries} {'try' if one.tries == 1 else 'tries'}"
        f"{_say_untried(one, deadline, now, why.get(one.device, ''))})"
        for one in waiting
    ]
    shown = ", ".join(named[:5]) + (f" and {len(named) - 5} others" if len(named) > 5 else "")  # noqa: PLR2004 see there
    end = f"until {_say(deadline)}, or its write-off" if deadline > now else "the rollout's deadline has passed"
    return f"{shown}; {end}"


def _say_untried(one: WaitingDevice, deadline: datetime, now: datetime, why: str) -> str:
    """Say that a device was to be tried again and was not, or never was; "" for one whose pause has not ended."""
    passed = deadline <= now
    if (one.next_try < deadline) if passed else why:
        said = f"; due again at {_say(one.next_try)}, and not tried{'' if passed else ' yet'}"
        return f"{said}: {why}" if why else said
    return "; never tried again" if passed and one.tries == 1 else ""


def _say(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"


def _find_turns(record: RolloutRecord) -> Mapping[str, tuple[int, str]]:
    """Return in which wave and school each device has its turn."""
    return {
        name: (number, turn.school)
        for number, wave in enumerate(record.waves)
        for turn in wave.schools
        for name in turn.devices
    }


def _judge_tries(tries: list[DeviceRun], wave: int, school: str, rule: RetryRule) -> WaitingDevice | None:
    broken_off = tries[-1].ended is None
    ended = [one for one in tries if one.ended is not None]
    unknown: list[DeviceRun] = []
    for one in reversed(ended):
        if one.end is not End.UNKNOWN:
            break
        unknown.insert(0, one)
    if not unknown:
        return None
    last = unknown[-1]
    assert last.ended is not None  # noqa: S101 see above
    return WaitingDevice(
        device=last.device,
        school=school,
        wave=wave,
        since=unknown[0].begun,
        tries=len(unknown),
        next_try=last.ended if broken_off else last.ended + rule.find_pause(len(unknown)),
        reason=last.reason,
        untouched=all(one.unreached for one in unknown),
        broken_off=broken_off,
    )
