"""Writes a device off that a rollout waits for: by a named operator, with a reason, for the record."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.errors import RolloutRefused
from controller.operations.rollout_settings import RetryRule
from controller.rollout.durable.database import make_table
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waves.unknown_devices import WriteOff, list_waiting

_WRITE_OFFS = make_table(
    "write_offs",
    sa.Column("rollout", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)


class WriteOffStore:
    """Which devices of which rollouts were written off. Any thread and any process may use it.

    Every method raises StoreRefused where the database cannot be read or written.
    """

    def __init__(self, rollouts: RolloutStore) -> None:
        self._rollouts = rollouts

    def keep_write_off(self, rollout: str, off: WriteOff) -> None:
        """Keep that a device is waited for no more.

        Raises:
            RolloutRefused: it was written off before.
        """
        values = {"device": off.device, "by": off.by, "reason": off.reason, "at": off.at.timestamp()}
        try:
            with self._rollouts.begin_transaction() as connection:
                connection.execute(sa.insert(_WRITE_OFFS).values(rollout=rollout, **values))
        except IntegrityError:
            by = next(one.by for one in self.list_write_offs(rollout) if one.device == off.device)
            message = f"{off.device} was written off before, by {by}"
            raise RolloutRefused(message) from None

    def list_write_offs(self, rollout: str) -> list[WriteOff]:
        """Return the devices of a rollout that were written off."""
        with self._rollouts.begin_transaction() as connection:
            found = sa.select(_WRITE_OFFS).where(_WRITE_OFFS.c.rollout == rollout).order_by(_WRITE_OFFS.c.at)
            rows = connection.execute(found).all()
        return [WriteOff(row.device, row.by, row.reason, datetime.fromtimestamp(row.at, UTC)) for row in rows]


def write_device_off(store: RolloutStore, rollout: str, off: WriteOff, rule: RetryRule) -> None:
    """Keep that a rollout waits no longer for a device.

    Raises:
        RolloutRefused: there is no such rollout, it has ended, or it does not wait for this device.
        StoreRefused: it cannot be kept.
    """
    status, record, kept = store.load_status(rollout), store.load_record(rollout), WriteOffStore(store)
    if status.state.is_final:
        message = f"the rollout {rollout} has ended ({status.state}): it waits for nothing"
        raise RolloutRefused(message)
    offs = {one.device for one in kept.list_write_offs(rollout)}
    waiting = [one.device for one in list_waiting(record, store.list_runs(rollout), offs, rule)]
    if off.device not in waiting and off.device not in offs:
        shown = ", ".join(waiting[:5]) or "no device"
        message = f"the rollout {rollout} does not wait for {off.device[:80]!r}; it waits for {shown}"
        raise RolloutRefused(message)
    kept.keep_write_off(rollout, off)
