"""Keeps rollouts in their database: the records, every try at a device, and what a rollout runs from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from controller.errors import RolloutRefused, StoreRefused
from controller.rollout.durable.database import begin_transaction, create_tables, is_server, make_table
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutState, RolloutStatus, RunPlace
from controller.rollout.durable.worker_lease import WorkerLease, list_live_workers
from controller.rollout.outcome import End, Outcome

_ROLLOUTS = make_table(
    "rollouts",
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
_STATUS = (_ROLLOUTS.c.state, _ROLLOUTS.c.reason, _ROLLOUTS.c.by, _ROLLOUTS.c.changed, _ROLLOUTS.c.generation)
"""What is asked again and again; the record beside it is long and never changes."""
_SNAPSHOTS = make_table(
    "snapshots",
    sa.Column("rollout", sa.Text, sa.ForeignKey("tsunagu_rollouts.id"), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
_RUNS = make_table(
    "device_runs",
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
_UNREACHED = make_table(
    "unreached_runs",
    sa.Column("run", sa.Integer, sa.ForeignKey("tsunagu_device_runs.id"), primary_key=True),
)
# The tries that a worker among many is in the middle of, by the instance of the worker: one that was started anew under
# the same name is in the middle of nothing.
_OPEN_TRIES = make_table(
    "open_tries",
    sa.Column("run", sa.Integer, sa.ForeignKey("tsunagu_device_runs.id"), primary_key=True),
    sa.Column("instance", sa.Text, nullable=False),
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

    @property
    def is_shared(self) -> bool:
        """Whether workers on many machines share them."""
        return is_server(self._database)

    def list_live_workers(self) -> frozenset[str]:
        """Return the workers that share them and live."""
        return frozenset(list_live_workers(self._database))

    def begin_transaction(self) -> AbstractContextManager[sa.Connection]:
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
            RolloutRefused: another one has not ended; or the one that is to be superseded has.
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
                if record.supersedes and connection.execute(_supersede(record, now)).rowcount != 1:
                    message = f"the rollout {record.supersedes} has ended meanwhile: nothing is left of it to supersede"
                    raise RolloutRefused(message)
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
        row = self._load_row(rollout, _ROLLOUTS.c.record)
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
        row = self._load_row(rollout, *_STATUS)
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
            if self.lease is not None:
                connection.execute(sa.insert(_OPEN_TRIES).values(run=number, instance=self.lease.instance))
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
            connection.execute(sa.delete(_OPEN_TRIES).where(_OPEN_TRIES.c.run == number))
            if outcome.unreached:
                connection.execute(sa.insert(_UNREACHED).values(run=number))

    def end_open_tries(self) -> None:
        """Note that this worker is in the middle of no device: whatever of its tries nobody ended was broken off."""
        if self.lease is not None:
            mine = _OPEN_TRIES.c.instance == self.lease.instance
            with self.begin_transaction() as connection:
                connection.execute(sa.delete(_OPEN_TRIES).where(mine))

    def note_not_attempted(self, place: RunPlace, worker: str, outcome: Outcome, now: datetime) -> None:
        """Note that nothing was tried with a device, and why."""
        moment = now.timestamp()
        values = {**_name_run(place, outcome.device, worker), "attempted": False, "begun": moment, "ended": moment}
        told = {"end": outcome.end, "reason": outcome.reason, "seconds": 0.0}
        with begin_transaction(self._database) as connection:
            connection.execute(sa.insert(_RUNS).values(**values, **told))

    def find_last_runs(self, rollout: str) -> Mapping[str, DeviceRun]:
        """Return the last try at each device of a rollout, by device."""
        return {run.device: run for run in self.list_runs(rollout)}

    def list_runs(self, rollout: str) -> list[DeviceRun]:
        """Return all tries at the devices of a rollout, in their order."""
        with self.begin_transaction() as connection:
            rows = connection.execute(_SELECT_RUNS.where(_RUNS.c.rollout == rollout).order_by(_RUNS.c.id)).all()
        return [_read_run(row) for row in rows]

    def find_last_run(self, rollout: str, device: str, *, only_attempted: bool = False) -> DeviceRun | None:
        """Return the last try at a device; None where there was none. `only_attempted`: what left it alone is none."""
        with begin_transaction(self._database) as connection:
            found = _SELECT_RUNS.where(_RUNS.c.rollout == rollout, _RUNS.c.device == device)
            if only_attempted:
                found = found.where(_RUNS.c.attempted)
            row = connection.execute(found.order_by(_RUNS.c.id.desc()).limit(1)).first()
        return None if row is None else _read_run(row)

    def was_broken_off(self, rollout: str, device: str) -> bool:
        """Return whether nobody ended a try at a device, so that what that left may still stand there.

        Whoever came after it may have met that, which failed, and have been stopped while it waited for the restore.
        """
        found = _SELECT_RUNS.where(_RUNS.c.rollout == rollout, _RUNS.c.device == device, _RUNS.c.attempted)
        with begin_transaction(self._database) as connection:
            tries = [_read_run(row) for row in connection.execute(found.order_by(_RUNS.c.id.desc())).all()]
        return any(run.end is None for run in takewhile(lambda run: run.end in (None, End.FAILED), tries))

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

        A cancelled rollout ends the devices that have begun: the next one waits for these. What a killed worker was in
        the middle of is waited for no longer than its lease lasts, also where another one has its name by now.
        """
        alive = list_live_workers(self._database)
        held = sa.exists().where(_OPEN_TRIES.c.run == _RUNS.c.id, _OPEN_TRIES.c.instance.in_(alive.values()))
        with begin_transaction(self._database) as connection:
            row = connection.execute(_SELECT_RUNS.where(_RUNS.c.rollout != other_than, held).limit(1)).first()
        return None if row is None else _read_run(row)

    def _load_row(self, rollout: str, *columns: sa.Column[Any]) -> Any:  # noqa: ANN401 the library's own
        with begin_transaction(self._database) as connection:
            row = connection.execute(sa.select(*columns).where(_ROLLOUTS.c.id == rollout)).first()
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
