"""Begins the rollout of a plan that nobody signed, approved or judged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from controller.plan.document import PlanFile
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.database import DatabaseServer
from controller.rollout.durable.records import RolloutRecord, Wave


def add_planned_rollout(  # noqa: PLR0913, PLR0917 what it is, and where it is kept
    state: Path,
    plan: PlanFile,
    waves: tuple[Wave, ...],
    restore_after: int,
    now: datetime,
    server: DatabaseServer | None = None,
) -> RolloutRecord:
    """Add the rollout of a plan to the store in a folder, or on a server, and return it."""
    record = RolloutRecord(
        id=f"{now:%Y%m%d-%H%M%S}-{plan.digest()[:8]}",
        city=plan.city,
        estate=plan.estate,
        plan=plan.digest(),
        policy=plan.policy,
        policy_before="",
        undo=False,
        planner="nobody",
        approvers=(),
        applier="nobody",
        commit="",
        unrestored=(),
        repair=False,
        restore_after=restore_after,
        forced="",
        started=now,
        waves=waves,
    )
    with use_rollouts(state, create=True, server=server) as store:
        store.add_rollout(record, b"", now)
    return record
