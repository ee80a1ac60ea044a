"""Keeps rollouts in their database: the records, every try at a device, and what a rollout runs from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from controller.errors import RolloutRefused, StoreRefused
from controller.rollout.durable.database import TABLES, begin_transaction, create_tables
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutState, RolloutStatus, RunPlace
from controller.rollout.durable.worker_lease import WorkerLease, list_live_workers
from controller.rollout.outcome import End, Outcome

_ROLLOUTS = sa.Table(
    "tsunagu_rollouts",
    TABLES,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("changed", sa.Float, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    # At most one rollout has this mark: the database itself keeps two from running at once.
    sa.Column("active", sa.Integer, nullable=True, unique=True),
)
_SNAPSHOTS = sa.Table(
    "tsunagu_snapshots",
    TABLES,
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
_RUNS = sa.Table(
    "tsunagu_device_runs",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("school", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("attempted", sa.Boolean, nullable=False),
    sa.Column("begun", sa.Float, nullable=False),
    sa.Column("ended", sa.Float),
    sa.Column("end", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Index("tsunagu_device_runs_by_device", "rollout", "device"),
)
_UNREACHED = sa.Table(
    "tsunagu_unreached_runs",
    TABLES,
    sa.Column("run", sa.Integer, sa.ForeignKey("tsunagu_device_runs.id"), primary_key=True),
)
_HEARTBEATS = sa.Table(
    "tsunagu_heartbeats",
    TABLES,
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), primary_key=True),
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("waits", sa.Text, nullable=False),
)
_SELECT_RUNS = sa.select(_RUNS, _UNREACHED.c.run).outerjoin(_UNREACHED, _UNREACHED.c.run == _RUNS.c.id)


class RolloutStore:
    """The rollouts of an estate. Any thread and any process may use it.

    `lease` is what a worker among many holds; None where this process is the only one, or only looks. Every method
    raises StoreRefused where the database cannot be read or written.
    """

    def __init__(self, database: sa.Engine, lease: WorkerLease | None = None) -> None:
        self._database = database
        self.lease = lease

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """Return a transaction of the database, for what is kept beside the rollouts."""
        return begin_transaction(self._database)

    def refuse_lost_lease(self) -> None:
        """Leave everything to whoever took it over, where the lease of this worker is gone.

        Raises:
            WorkerStopped: it is.
        """
        if self.lease is not None:
            self.lease.refuse_lost()

    def create_tables(self) -> None:
        """Make the tables where they are missing."""
        create_tables(self._database)

    def add_rollout(self, record: RolloutRecord, snapshot: bytes, now: datetime) -> None:
        """Keep a new rollout, which runs from now on; the one that it supersedes ends in the same transaction.

        Raises:
            RolloutRefused: another one has not ended.
        """
        row = {
            "id": record.id,
            "record": record.model_dump_json(),
            "state": RolloutState.RUNNING,
            "reason": "",
            "by": record.applier,
            "changed": now.timestamp(),
            "generation": 0,
            "active": 1,
        }
        try:
            with begin_transaction(self._database) as connection:
                if record.supersedes:
                    connection.execute(_supersede(record, now))
                connection.execute(sa.insert(_ROLLOUTS).values(row))
                connection.execute(sa.insert(_SNAPSHOTS).values(rollout=record.id, content=snapshot))
        except IntegrityError:
            self.refuse_second_rollout()
            message = f"a rollout {record.id} is kept already; try again in a second"
            raise RolloutRefused(message) from None

    def refuse_second_rollout(self) -> None:
        """Refuse to go on where a rollout has not ended.

        Raises:
            RolloutRefused: one has not; names it.
        """
        active = self.find_active()
        if active is not None:
            message = f"the rollout {active} has not ended; resume it, or cancel it, before another begins"
            raise RolloutRefused(message)

    def find_active(self) -> str | None:
        """Return the rollout that has not ended; None where all have."""
        with begin_transaction(self._database) as connection:
            row = connection.execute(sa.select(_ROLLOUTS.c.id).where(_ROLLOUTS.c.active == 1)).first()
        return None if row is None else str(row.id)

    def list_rollouts(self) -> list[str]:
        """Return all rollouts, the newest first."""
        with begin_transaction(self._database) as connection:
            rows = connection.execute(sa.select(_ROLLOUTS.c.id).order_by(_ROLLOUTS.c.id.desc())).all()
        return [str(row.id) for row in rows]

    def load_record(self, rollout: str) -> RolloutRecord:
        """Return what is kept of a rollout.

        Raises:
            RolloutRefused: there is none of this id.
        """
        row = self._load_row(rollout)
        try:
            return RolloutRecord.model_validate_json(row.record)
        except ValidationError as error:
            message = f"the record of the rollout {rollout} is damaged ({error.error_count()} fields)"
            raise StoreRefused(message) from None

    def load_status(self, rollout: str) -> RolloutStatus:
        """Return how far a rollout is.

        Raises:
            RolloutRefused: there is none of this id.
        """
        row = self._load_row(rollout)
        changed = datetime.fromtimestamp(row.changed, UTC)
        return RolloutStatus(RolloutState(row.state), row.reason, row.by, changed, row.generation)

    def load_snapshot(self, rollout: str) -> bytes:
        """Return what a rollout runs from."""
        with begin_transaction(self._database) as connection:
            row = connection.execute(sa.select(_SNAPSHOTS.c.content).where(_SNAPSHOTS.c.rollout == rollout)).first()
        if row is None:
            message = f"the snapshot of the rollout {rollout} is gone from the database"
            raise StoreRefused(message)
        return bytes(row.content)

    def replace_snapshot(self, record: RolloutRecord, old: bytes, new: bytes) -> bool:
        """Keep a rollout's snapshot and record anew, if the snapshot is still the `old` one; tell if it was."""
        found = (_SNAPSHOTS.c.rollout == record.id, _SNAPSHOTS.c.content == old)
        with begin_transaction(self._database) as connection:
            if not connection.execute(sa.update(_SNAPSHOTS).where(*found).values(content=new)).rowcount:
                return False
            kept = sa.update(_ROLLOUTS).where(_ROLLOUTS.c.id == record.id)
            connection.execute(kept.values(record=record.model_dump_json()))
        return True

    def change_state(  # noqa: PLR0913 what a state comes with
        self,
        rollout: str,
        state: RolloutState,
        now: datetime,
        *,
        since: tuple[RolloutState, ...],
        reason: str = "",
        by: str = "",
    ) -> bool:
        """Bring a rollout into another state, if it is in one of `since`; tell if it was.

        A rollout that was stopped and runs again gets the next generation: its workflow is begun anew.
        """
        values: dict[str, Any] = {"state": state, "reason": reason, "by": by, "changed": now.timestamp()}
        if state.is_final:
            values["active"] = None
        again = (_ROLLOUTS.c.state == RolloutState.STOPPED) & sa.literal(state is RolloutState.RUNNING)
        values["generation"] = _ROLLOUTS.c.generation + sa.case((again, 1), else_=0)
        with begin_transaction(self._database) as connection:
            found = connection.execute(
                sa.update(_ROLLOUTS).where(_ROLLOUTS.c.id == rollout, _ROLLOUTS.c.state.in_(since)).values(values)
            )
            return found.rowcount == 1

    def change_state_or_refuse(self, rollout: str, state: RolloutState, now: datetime, *, by: str) -> None:
        """Pause or cancel a rollout.

        Raises:
            RolloutRefused: there is none of this id, or it has ended, or it stopped and cannot be paused.
        """
        found = self.load_status(rollout)
        since = tuple(one for one in RolloutState if not one.is_final and one is not state)
        if state is RolloutState.PAUSED:
            since = (RolloutState.RUNNING,)
        if not self.change_state(rollout, state, now, since=since, by=by):
            message = f"the rollout {rollout} is {found.state}: it cannot be {state}"
            raise RolloutRefused(message)

    def begin_generation(self, rollout: str, last: int, now: datetime) -> None:
        """Let a rollout whose workflow broke be carried out by a new one; where it has one already, nothing is done."""
        found = (_ROLLOUTS.c.id == rollout, _ROLLOUTS.c.generation == last)
        values = {"generation": last + 1, "changed": now.timestamp()}
        with begin_transaction(self._database) as connection:
            connection.execute(sa.update(_ROLLOUTS).where(*found).values(values))

    def begin_run(self, place: RunPlace, device: str, worker: str, now: datetime) -> int:
        """Note that a device's change is tried now; return the number of the try."""
        values = {**_name_run(place, device, worker), "attempted": True, "begun": now.timestamp()}
        with begin_transaction(self._database) as connection:
            done = connection.execute(sa.insert(_RUNS).values(**values, reason="", seconds=0.0))
            [number] = done.inserted_primary_key or (0,)
        return int(number)

    def end_run(self, number: int, outcome: Outcome, now: datetime) -> None:
        """Note how a try ended.

        Raises:
            WorkerStopped: the lease of this worker is gone: whoever took over notes the end.
        """
        self.refuse_lost_lease()
        values = {"ended": now.timestamp(), "end": outcome.end, "reason": outcome.reason, "seconds": outcome.seconds}
        with begin_transaction(self._database) as connection:
            connection.execute(sa.update(_RUNS).where(_RUNS.c.id == number).values(values))
            if outcome.unreached:
                connection.execute(sa.insert(_UNREACHED).values(run=number))

    def pass_over(self, place: RunPlace, worker: str, outcome: Outcome, now: datetime) -> None:
        """Note that nothing was tried with a device, and why."""
        moment = now.timestamp()
        values = {**_name_run(place, outcome.device, worker), "attempted": False, "begun": moment, "ended": moment}
        told = {"end": outcome.end, "reason": outcome.reason, "seconds": 0.0}
        with begin_transaction(self._database) as connection:
            connection.execute(sa.insert(_RUNS).values(**values, **told))

    def beat(self, rollout: str, worker: str, now: datetime, waits: str = "") -> None:
        """Note that a worker is alive and works on a rollout, and what it waits for."""
        mine = (_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.worker == worker)
        with begin_transaction(self._database) as connection:
            found = connection.execute(sa.update(_HEARTBEATS).where(*mine).values(at=now.timestamp(), waits=waits))
            if not found.rowcount:
                values = {"rollout": rollout, "worker": worker, "at": now.timestamp(), "waits": waits}
                connection.execute(sa.insert(_HEARTBEATS).values(values))

    def end_beats(self, rollout: str, worker: str) -> None:
        """Note that a worker has left a rollout by its own will: nothing of it is in the middle."""
        mine = (_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.worker == worker)
        with begin_transaction(self._database) as connection:
            connection.execute(sa.delete(_HEARTBEATS).where(*mine))

    def find_last_beat(self, rollout: str) -> datetime | None:
        """Return when a worker of a rollout was last alive that has not left it; None where all have, or none began."""
        with begin_transaction(self._database) as connection:
            found = sa.select(sa.func.max(_HEARTBEATS.c.at)).where(_HEARTBEATS.c.rollout == rollout)
            at = connection.execute(found).scalar()
        return None if at is None else datetime.fromtimestamp(at, UTC)

    def list_waits(self, rollout: str) -> list[str]:
        """Return what the workers of a rollout waited for at their last sign of life."""
        with begin_transaction(self._database) as connection:
            found = sa.select(_HEARTBEATS.c.waits).where(_HEARTBEATS.c.rollout == rollout, _HEARTBEATS.c.waits != "")
            return [str(row.waits) for row in connection.execute(found)]

    def find_last_runs(self, rollout: str) -> Mapping[str, DeviceRun]:
        """Return the last try at each device of a rollout, by device."""
        return {run.device: run for run in self.list_runs(rollout)}

    def list_runs(self, rollout: str) -> list[DeviceRun]:
        """Return all tries at the devices of a rollout, in their order."""
        with self.begin() as connection:
            rows = connection.execute(_SELECT_RUNS.where(_RUNS.c.rollout == rollout).order_by(_RUNS.c.id)).all()
        return [_read_run(row) for row in rows]

    def find_last_run(self, rollout: str, device: str) -> DeviceRun | None:
        """Return the last try at a device; None where there was none."""
        with begin_transaction(self._database) as connection:
            found = _SELECT_RUNS.where(_RUNS.c.rollout == rollout, _RUNS.c.device == device)
            row = connection.execute(found.order_by(_RUNS.c.id.desc()).limit(1)).first()
        return None if row is None else _read_run(row)

    def list_bad_runs(self, place: RunPlace) -> list[DeviceRun]:
        """Return the last tries at a wave's devices in a generation that ended badly, the oldest first."""
        among = (_RUNS.c.rollout == place.rollout, _RUNS.c.wave == place.wave, _RUNS.c.generation == place.generation)
        newer = _RUNS.alias()
        again = sa.exists().where(
            newer.c.rollout == _RUNS.c.rollout, newer.c.device == _RUNS.c.device, newer.c.id > _RUNS.c.id
        )
        bad = [str(end) for end in End if not end.good]
        found = _SELECT_RUNS.where(*among, _RUNS.c.attempted, _RUNS.c.end.in_(bad), ~again)
        with begin_transaction(self._database) as connection:
            return [_read_run(row) for row in connection.execute(found.order_by(_RUNS.c.id)).all()]

    def find_unfinished(self, other_than: str) -> DeviceRun | None:
        """Return a device of any other rollout that a worker which lives is in the middle of; None where there is none.

        A cancelled rollout ends the devices that have begun: the next one waits for these.
        """
        alive = list_live_workers(self._database)
        found = _SELECT_RUNS.where(_RUNS.c.rollout != other_than, _RUNS.c.ended.is_(None))
        with begin_transaction(self._database) as connection:
            row = connection.execute(found.where(_RUNS.c.worker.in_(alive)).limit(1)).first() if alive else None
        return None if row is None else _read_run(row)

    def _load_row(self, rollout: str) -> Any:  # noqa: ANN401 the library's own
        with begin_transaction(self._database) as connection:
            row = connection.execute(sa.select(_ROLLOUTS).where(_ROLLOUTS.c.id == rollout)).first()
        if row is None:
            message = f"there is no rollout {rollout[:80]!r}; list them with: tsunagu rollout list"
            raise RolloutRefused(message)
        return row


def _supersede(record: RolloutRecord, now: datetime) -> sa.Update:
    """Return what ends the rollout whose place another one takes; the devices of it that have begun end first."""
    ended = {
        "state": RolloutState.SUPERSEDED,
        "reason": f"superseded by {record.id}",
        "by": record.applier,
        "changed": now.timestamp(),
        "active": None,
    }
    return sa.update(_ROLLOUTS).where(_ROLLOUTS.c.id == record.supersedes, _ROLLOUTS.c.active == 1).values(ended)


def _name_run(place: RunPlace, device: str, worker: str) -> dict[str, Any]:
    return {
        "rollout": place.rollout,
        "generation": place.generation,
        "wave": place.wave,
        "school": place.school,
        "device": device,
        "worker": worker,
    }


def _read_run(row: Any) -> DeviceRun:  # noqa: ANN401 the library's own
    return DeviceRun(
        device=row.device,
        school=row.school,
        generation=row.generation,
        wave=row.wave,
        worker=row.worker,
        attempted=row.attempted,
        begun=datetime.fromtimestamp(row.begun, UTC),
        ended=None if row.ended is None else datetime.fromtimestamp(row.ended, UTC),
        end=None if row.end is None else End(row.end),
        reason=row.reason,
        seconds=row.seconds,
        unreached=row.run is not None,
    )
