"""Writes a device off that a rollout waits for: by a named operator, with a reason, for the record."""

from __future__ import annotations

from controller.errors import RolloutRefused
from controller.operations.rollout_settings import RetryRule
from controller.rollout.durable.gates.gate_store import GateStore
from controller.rollout.durable.gates.unknown_devices import WriteOff, list_waiting
from controller.rollout.durable.rollout_store import RolloutStore


def write_device_off(store: RolloutStore, rollout: str, off: WriteOff, rule: RetryRule) -> None:
    """Keep that a rollout waits no longer for a device.

    Raises:
        RolloutRefused: there is no such rollout, it has ended, or it does not wait for this device.
        StoreRefused: it cannot be kept.
    """
    status, record, gates = store.load_status(rollout), store.load_record(rollout), GateStore(store)
    if status.state.is_final:
        message = f"the rollout {rollout} has ended ({status.state}): it waits for nothing"
        raise RolloutRefused(message)
    offs = {one.device for one in gates.list_write_offs(rollout)}
    waiting = [one.device for one in list_waiting(record, store.list_runs(rollout), offs, rule)]
    if off.device not in waiting and off.device not in offs:
        shown = ", ".join(waiting[:5]) or "no device"
        message = f"the rollout {rollout} does not wait for {off.device[:80]!r}; it waits for {shown}"
        raise RolloutRefused(message)
    gates.write_off(rollout, off)
