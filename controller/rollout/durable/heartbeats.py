"""Signs of life of the workers of a rollout: who works on it, what each waits for, and who refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from controller.rollout.durable.database import SERVER_SECONDS, make_table
from controller.rollout.durable.rollout_store import RolloutStore

_HEARTBEATS = make_table(
    "heartbeats",
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("waits", sa.Text, nullable=False),
)
_REFUSALS = make_table(
    "worker_refusals",
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class WorkerRefusal:
    """A worker that does not work on a rollout, why, and when it tried last."""

    worker: str
    reason: str
    at: datetime


class HeartbeatStore:
    """Signs of life of the workers of rollouts. Any thread and any process may use it.

    On a server all moments are by its clock: those of the workers' machines, and of who looks, need not agree.

    Every method raises StoreRefused where the database cannot be read or written.
    """

    def __init__(self, rollouts: RolloutStore) -> None:
        self._rollouts = rollouts

    def record_heartbeat(self, rollout: str, worker: str, now: datetime, waits: str = "") -> None:
        """Note that a worker is alive and works on a rollout, and what it waits for."""
        mine = (_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.worker == worker)
        at = self._tell_seconds(now)
        with self._rollouts.begin_transaction() as connection:
            found = connection.execute(sa.update(_HEARTBEATS).where(*mine).values(at=at, waits=waits))
            if not found.rowcount:
                values = {"rollout": rollout, "worker": worker, "at": at, "waits": waits}
                connection.execute(sa.insert(_HEARTBEATS).values(values))

    def tell_time(self, now: datetime) -> datetime:
        """Return what time it is for heartbeats: the server's, or `now` where this machine alone has the database."""
        if not self._rollouts.is_shared:
            return now
        with self._rollouts.begin_transaction() as connection:
            return datetime.fromtimestamp(float(connection.execute(sa.select(SERVER_SECONDS)).scalar_one()), UTC)

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

    def note_refusal(self, rollout: str, worker: str, reason: str, now: datetime) -> None:
        """Note that a worker does not work on a rollout, and why."""
        values = {"rollout": rollout, "worker": worker, "reason": reason, "at": self._tell_seconds(now)}
        with self._rollouts.begin_transaction() as connection:
            connection.execute(sa.delete(_REFUSALS).where(*_of_refusal(rollout, worker)))
            connection.execute(sa.insert(_REFUSALS).values(values))

    def end_refusal(self, rollout: str, worker: str) -> None:
        """Note that a worker works on a rollout after all."""
        with self._rollouts.begin_transaction() as connection:
            connection.execute(sa.delete(_REFUSALS).where(*_of_refusal(rollout, worker)))

    def list_refusals(self, rollout: str) -> list[WorkerRefusal]:
        """Return the workers that do not work on a rollout though it goes on, by their names."""
        with self._rollouts.begin_transaction() as connection:
            found = sa.select(_REFUSALS).where(_REFUSALS.c.rollout == rollout).order_by(_REFUSALS.c.worker)
            rows = connection.execute(found).all()
        return [WorkerRefusal(row.worker, row.reason, datetime.fromtimestamp(row.at, UTC)) for row in rows]

    def _tell_seconds(self, now: datetime) -> sa.Extract | float:
        return SERVER_SECONDS if self._rollouts.is_shared else now.timestamp()


class RefusalWatch:
    """Tells whether every worker that lives has refused a rollout since somebody began to watch that.

    What a worker refused before counts for nothing: the operators may have changed since what it refused for.
    """

    def __init__(self, rollouts: RolloutStore, rollout: str) -> None:
        self._rollouts, self._rollout = rollouts, rollout
        self._before = self._list_refusals()

    def has_none_left(self) -> bool:
        """Tell if workers live and all of them have refused it.

        Raises:
            StoreRefused: the database cannot be read.
        """
        alive = self._rollouts.list_live_workers() if self._rollouts.is_shared else frozenset[str]()
        refused = {worker for worker, at in self._list_refusals().items() if self._before.get(worker) != at}
        return bool(alive) and alive <= refused

    def _list_refusals(self) -> dict[str, datetime]:
        return {one.worker: one.at for one in HeartbeatStore(self._rollouts).list_refusals(self._rollout)}


def _of_refusal(rollout: str, worker: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_REFUSALS.c.rollout == rollout, _REFUSALS.c.worker == worker)
