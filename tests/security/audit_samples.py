"""Audit trails for tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.errors import AuditRefused
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadFile

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def write_trail(state: Path, head: HeadFile | None = None, *, runs: int = 3, days: int = 0) -> AuditTrail:
    """A trail with some runs and approvals, so many days ago."""
    trail = AuditTrail(state, head, lambda: NOW - days * DAY)
    for number in range(runs):
        trail.record(AuditKind.APPROVED, plan=f"plan {number}", principal="監査 <a@b>")
        with trail.open_timeline(state / "timeline" / f"{days}-{number}.jsonl") as timeline:
            for step in range(4):
                timeline.write({"event": "end", "name": f"step {step}", "outcome": "applied"})
    return trail


def fault(state: Path, head: HeadFile | None = None) -> str | None:
    return verify_trail(AuditTrail(state), head).fault


def change(state: Path, name: str, edit: Callable[[list[str]], list[str]]) -> None:
    path = state / name
    path.write_text("".join(edit(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")


def refuse_entries(monkeypatch: pytest.MonkeyPatch, *kinds: AuditKind) -> None:
    """Let the audit trail take no entry of these kinds; what says that something begins it still takes."""
    record = AuditTrail.record

    def refuse(self: AuditTrail, kind: AuditKind, **details: str | int) -> str:
        if kind in kinds and "begun" not in (details.get("end"), details.get("change")):
            message = "the audit trail cannot be written: the disk is full"
            raise AuditRefused(message)
        return record(self, kind, **details)

    monkeypatch.setattr(AuditTrail, "record", refuse)
