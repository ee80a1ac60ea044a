"""Keeps what gates saw before and after waves, and who wrote devices off, beside the rollouts in their database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from controller.errors import RolloutRefused, StoreRefused
from controller.rollout.durable.database import TABLES
from controller.rollout.durable.gates.gate import GateResult, GateVerdict
from controller.rollout.durable.gates.unknown_devices import WriteOff
from controller.rollout.durable.rollout_store import RolloutStore

_LOOKS = sa.Table(
    "tsunagu_gate_looks",
    TABLES,
    sa.Column("rollout", sa.Text, primary_key=True),
    sa.Column("wave", sa.Integer, primary_key=True),
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("seen", sa.Text),
)
_RESULTS = sa.Table(
    "tsunagu_gate_results",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("rollout", sa.Text, nullable=False, index=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
_WRITE_OFFS = sa.Table(
    "tsunagu_write_offs",
    TABLES,
    sa.Column("rollout", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)


@dataclass(frozen=True, slots=True)
class JudgedGate:
    """A gate that was asked: after which wave, in which generation of the rollout, when, and how it was judged."""

    generation: int
    wave: int
    gate: str
    result: GateResult
    at: datetime


class GateStore:
    """What gates saw, and which devices were written off, of all rollouts. Any thread and any process may use it.

    Every method raises StoreRefused where the database cannot be read or written.
    """

    def __init__(self, rollouts: RolloutStore) -> None:
        self._rollouts = rollouts

    def create_tables(self) -> None:
        """Make the tables where they are missing."""
        with self._rollouts.begin() as connection:
            TABLES.create_all(connection)

    def keep_look(self, rollout: str, wave: int, gate: str, seen: str | None) -> None:
        """Keep what a gate saw before a wave, or that it could see nothing (None); the first word stays."""
        found = _of_look(rollout, wave, gate)
        with self._rollouts.begin() as connection:
            if connection.execute(sa.select(_LOOKS.c.gate).where(*found)).first() is None:
                connection.execute(sa.insert(_LOOKS).values(rollout=rollout, wave=wave, gate=gate, seen=seen))

    def find_look(self, rollout: str, wave: int, gate: str) -> str | None:
        """Return what a gate saw before a wave; None where it could see nothing, or did not look."""
        with self._rollouts.begin() as connection:
            row = connection.execute(sa.select(_LOOKS.c.seen).where(*_of_look(rollout, wave, gate))).first()
        return None if row is None or row.seen is None else str(row.seen)

    def has_look(self, rollout: str, wave: int, gate: str) -> bool:
        """Tell if a gate has looked before a wave."""
        with self._rollouts.begin() as connection:
            return (
                connection.execute(sa.select(_LOOKS.c.gate).where(*_of_look(rollout, wave, gate))).first() is not None
            )

    def keep_result(self, rollout: str, judged: JudgedGate) -> None:
        """Keep how a gate was judged."""
        values = {
            "rollout": rollout,
            "generation": judged.generation,
            "wave": judged.wave,
            "gate": judged.gate,
            "verdict": judged.result.verdict,
            "seen": judged.result.seen,
            "at": judged.at.timestamp(),
        }
        with self._rollouts.begin() as connection:
            connection.execute(sa.insert(_RESULTS).values(values))

    def list_results(self, rollout: str) -> list[JudgedGate]:
        """Return how the gates of a rollout were judged, in the order in which they were asked."""
        with self._rollouts.begin() as connection:
            rows = connection.execute(
                sa.select(_RESULTS).where(_RESULTS.c.rollout == rollout).order_by(_RESULTS.c.id)
            ).all()
        return [_read_result(row) for row in rows]

    def find_result(self, rollout: str, generation: int, wave: int, gate: str) -> GateResult | None:
        """Return how a gate was judged in a generation; None where it was not asked to its end."""
        named = (generation, wave, gate)
        found = (one for one in self.list_results(rollout) if (one.generation, one.wave, one.gate) == named)
        return next((one.result for one in found), None)

    def write_off(self, rollout: str, off: WriteOff) -> None:
        """Keep that a device is waited for no more.

        Raises:
            RolloutRefused: it was written off before.
        """
        before = {one.device: one for one in self.list_write_offs(rollout)}
        if off.device in before:
            message = f"{off.device} was written off before, by {before[off.device].by}"
            raise RolloutRefused(message)
        values = {"device": off.device, "by": off.by, "reason": off.reason, "at": off.at.timestamp()}
        with self._rollouts.begin() as connection:
            connection.execute(sa.insert(_WRITE_OFFS).values(rollout=rollout, **values))

    def list_write_offs(self, rollout: str) -> list[WriteOff]:
        """Return the devices of a rollout that were written off."""
        with self._rollouts.begin() as connection:
            found = sa.select(_WRITE_OFFS).where(_WRITE_OFFS.c.rollout == rollout).order_by(_WRITE_OFFS.c.at)
            rows = connection.execute(found).all()
        return [WriteOff(row.device, row.by, row.reason, datetime.fromtimestamp(row.at, UTC)) for row in rows]


def _of_look(rollout: str, wave: int, gate: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_LOOKS.c.rollout == rollout, _LOOKS.c.wave == wave, _LOOKS.c.gate == gate)


def _read_result(row: Any) -> JudgedGate:  # noqa: ANN401 the library's own
    try:
        result = GateResult(GateVerdict(row.verdict), row.seen)
    except ValueError:
        message = f"the verdict of a gate of the rollout {row.rollout} is damaged"
        raise StoreRefused(message) from None
    return JudgedGate(row.generation, row.wave, row.gate, result, datetime.fromtimestamp(row.at, UTC))
