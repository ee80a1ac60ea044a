"""Signs of life of the workers of a rollout, in its database: who works on it, and what each waits for."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from controller.rollout.durable.database import make_table
from controller.rollout.durable.rollout_store import RolloutStore

_HEARTBEATS = make_table(
    "heartbeats",
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("waits", sa.Text, nullable=False),
)


class HeartbeatStore:
    """Signs of life of the workers of rollouts. Any thread and any process may use it.

    Every method raises StoreRefused where the database cannot be read or written.
    """

    def __init__(self, rollouts: RolloutStore) -> None:
        self._rollouts = rollouts

    def record_heartbeat(self, rollout: str, worker: str, now: datetime, waits: str = "") -> None:
        """Note that a worker is alive and works on a rollout, and what it waits for."""
        mine = (_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.worker == worker)
        with self._rollouts.begin_transaction() as connection:
            found = connection.execute(sa.update(_HEARTBEATS).where(*mine).values(at=now.timestamp(), waits=waits))
            if not found.rowcount:
                values = {"rollout": rollout, "worker": worker, "at": now.timestamp(), "waits": waits}
                connection.execute(sa.insert(_HEARTBEATS).values(values))

    def end_heartbeats(self, rollout: str, worker: str) -> None:
        """Note that a worker has left a rollout by its own will: nothing of it is in the middle."""
        mine = (_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.worker == worker)
        with self._rollouts.begin_transaction() as connection:
            connection.execute(sa.delete(_HEARTBEATS).where(*mine))

    def find_last_heartbeat(self, rollout: str) -> datetime | None:
        """Return when a worker of a rollout was last alive that has not left it; None where all have, or none began."""
        with self._rollouts.begin_transaction() as connection:
            found = sa.select(sa.func.max(_HEARTBEATS.c.at)).where(_HEARTBEATS.c.rollout == rollout)
            at = connection.execute(found).scalar()
        return None if at is None else datetime.fromtimestamp(at, UTC)

    def list_waits(self, rollout: str, since: datetime) -> list[str]:
        """Return what the workers of a rollout wait for that gave a sign of life since then; the others may be dead."""
        alive = (_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.at >= since.timestamp(), _HEARTBEATS.c.waits != "")
        with self._rollouts.begin_transaction() as connection:
            found = sa.select(_HEARTBEATS.c.waits).where(*alive).order_by(_HEARTBEATS.c.worker)
            return [str(row.waits) for row in connection.execute(found)]
