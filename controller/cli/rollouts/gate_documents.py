"""What the documents of `tsunagu rollout` say of gates, of devices that do not answer, and of write-offs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from typing_extensions import TypedDict

from controller.cli.output import print_data, print_line
from controller.operations.rollout_settings import RetryRule
from controller.rollout.durable.gates.gate import GateVerdict
from controller.rollout.durable.gates.gate_store import GateStore
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutStatus
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waves.unknown_devices import find_deadline, list_waiting
from controller.rollout.durable.waves.write_offs import WriteOffStore


class UnknownDevice(TypedDict):
    """A device that a rollout waits for: since when, how often it was tried, when next, and until when."""

    device: str
    since: str
    tries: int
    next_try: str
    until: str
    reason: str


class WrittenOff(TypedDict):
    """A device that nobody waits for any more, by whose word and why."""

    device: str
    by: str
    at: str
    reason: str


class GateDocument(TypedDict):
    """A gate after a wave, how it was judged, and what was seen."""

    wave: str
    gate: str
    verdict: str
    seen: str
    at: str


def describe_waiting(
    store: RolloutStore, record: RolloutRecord, status: RolloutStatus, tries: Sequence[DeviceRun], rule: RetryRule
) -> list[UnknownDevice]:
    """Return the devices that a rollout waits for; none where it has ended. `tries` are all at its devices."""
    if status.state.is_final:
        return []
    offs = {one.device for one in WriteOffStore(store).list_write_offs(record.id)}
    until = _say_time(find_deadline(record, rule))
    return [
        {
            "device": one.device,
            "since": _say_time(one.since),
            "tries": one.tries,
            "next_try": _say_time(one.next_try),
            "until": until,
            "reason": one.reason,
        }
        for one in list_waiting(record, tries, offs, rule)
    ]


def describe_write_offs(store: RolloutStore, rollout: str) -> list[WrittenOff]:
    """Return the devices of a rollout that were written off."""
    return [
        {"device": one.device, "by": one.by, "at": _say_time(one.at), "reason": one.reason}
        for one in WriteOffStore(store).list_write_offs(rollout)
    ]


def describe_gates(store: RolloutStore, record: RolloutRecord) -> list[GateDocument]:
    """Return how the gates of a rollout were judged, in the order in which they were asked."""
    return [
        {
            "wave": record.waves[one.wave].name,
            "gate": one.gate,
            "verdict": one.result.verdict,
            "seen": one.result.seen,
            "at": _say_time(one.at),
        }
        for one in GateStore(store).list_results(record.id)
    ]


def print_gates(gates: Sequence[GateDocument], wave: str) -> None:
    """Print how the gates after a wave were judged."""
    for gate in gates:
        if gate["wave"] == wave:
            style = "green" if gate["verdict"] == GateVerdict.PASSED else "red"
            print_line(f"  gate {gate['gate']}: {gate['verdict']}: {gate['seen']}", style)


def print_waiting(rollout: str, waiting: Sequence[UnknownDevice], written_off: Sequence[WrittenOff]) -> None:
    """Print what is waited for, since when, and what ends that; and what nobody waits for any more."""
    for device in waiting:
        said = f"  waits for {device['device']}: unknown since {device['since']}, {device['tries']} tries, next at "
        said += f"{device['next_try']}, until {device['until']}; {device['reason']}"
        print_line(f"{said} (or: tsunagu rollout write-off {rollout} {device['device']} --reason WHY)", "yellow")
    for off in written_off:
        print_data(f"  {off['device']} was written off by {off['by']}: {off['reason']}", "yellow")


def _say_time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
