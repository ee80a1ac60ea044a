"""Keeps what gates saw before and after waves, beside the rollouts in their database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from controller.errors import StoreRefused
from controller.rollout.durable.database import make_table
from controller.rollout.durable.gates.gate import GateResult, GateVerdict
from controller.rollout.durable.rollout_store import RolloutStore

_LOOKS = make_table(
    "gate_looks",
    sa.Column("rollout", sa.Text, primary_key=True),
    sa.Column("wave", sa.Integer, primary_key=True),
    sa.Column("gate", sa.Text, primary_key=True),
    sa.Column("seen", sa.Text),
)
_RESULTS = make_table(
    "gate_results",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("rollout", sa.Text, nullable=False, index=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
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
    """What gates saw, of all rollouts. Any thread and any process may use it.

    Every method raises StoreRefused where the database cannot be read or written.
    """

    def __init__(self, rollouts: RolloutStore) -> None:
        self._rollouts = rollouts

    def keep_look(self, rollout: str, wave: int, gate: str, seen: str | None) -> None:
        """Keep what a gate saw before a wave, or that it could see nothing (None); the first word stays."""
        found = _of_look(rollout, wave, gate)
        with self._rollouts.begin_transaction() as connection:
            if connection.execute(sa.select(_LOOKS.c.gate).where(*found)).first() is None:
                connection.execute(sa.insert(_LOOKS).values(rollout=rollout, wave=wave, gate=gate, seen=seen))

    def find_look(self, rollout: str, wave: int, gate: str) -> str | None:
        """Return what a gate saw before a wave; None where it could see nothing, or did not look."""
        with self._rollouts.begin_transaction() as connection:
            row = connection.execute(sa.select(_LOOKS.c.seen).where(*_of_look(rollout, wave, gate))).first()
        return None if row is None or row.seen is None else str(row.seen)

    def has_look(self, rollout: str, wave: int, gate: str) -> bool:
        """Tell if a gate has looked before a wave."""
        with self._rollouts.begin_transaction() as connection:
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
        with self._rollouts.begin_transaction() as connection:
            connection.execute(sa.insert(_RESULTS).values(values))

    def list_results(self, rollout: str) -> list[JudgedGate]:
        """Return how the gates of a rollout were judged, in the order in which they were asked."""
        with self._rollouts.begin_transaction() as connection:
            rows = connection.execute(
                sa.select(_RESULTS).where(_RESULTS.c.rollout == rollout).order_by(_RESULTS.c.id)
            ).all()
        return [_read_result(row) for row in rows]

    def find_result(self, rollout: str, generation: int, wave: int, gate: str) -> GateResult | None:
        """Return how a gate was judged in a generation; None where it was not asked to its end."""
        named = (generation, wave, gate)
        found = (one for one in self.list_results(rollout) if (one.generation, one.wave, one.gate) == named)
        return next((one.result for one in found), None)


def _of_look(rollout: str, wave: int, gate: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_LOOKS.c.rollout == rollout, _LOOKS.c.wave == wave, _LOOKS.c.gate == gate)


def _read_result(row: Any) -> JudgedGate:  # noqa: ANN401 the library's own
    try:
        result = GateResult(GateVerdict(row.verdict), row.seen)
    except ValueError:
        message = f"the verdict of a gate of the rollout {row.rollout} is damaged"
        raise StoreRefused(message) from None
    return JudgedGate(row.generation, row.wave, row.gate, result, datetime.fromtimestamp(row.at, UTC))
