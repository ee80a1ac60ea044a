"""Retention: whole sealed files go, and an entry that names their last hash stays."""

from __future__ import annotations

from datetime import datetime

from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.hash_chain import read_body


def remove_expired(trail: AuditTrail, before: datetime) -> list[str]:
    """Delete the timelines that were sealed, and the files of the trail that ended, before a time; gives their names.

    A file of the trail stays as long as a timeline that it opened is there.

    Raises:
        AuditRefused: the trail cannot be written, or its head cannot be kept.
    """
    removed: list[str] = []
    entries = list(trail.read_entries())
    gone = {str(entry.get("file")) for entry in entries if entry.get("kind") == AuditKind.REMOVED}
    for entry in entries:
        name = str(entry.get("file"))
        ended = entry.get("kind") in (AuditKind.TIMELINE_SEALED, AuditKind.ADOPTED)
        if not ended or name in gone or not _is_before(entry, before):
            continue
        last = str(entry.get("last", entry.get("sha256", "")))
        trail.record(AuditKind.REMOVED, file=name, last=last)
        (trail.state / name).unlink(missing_ok=True)
        gone.add(name)
        removed.append(name)
    for path in trail.list_segments()[:-1]:
        found = [read_body(line) for line in path.read_text(encoding="utf-8").splitlines()]
        opened = {
            str(one.get("file"))
            for one in found
            if one.get("kind") in (AuditKind.TIMELINE_OPENED, AuditKind.TIMELINE_SEALED, AuditKind.ADOPTED)
        }
        if not opened <= gone or not all(_is_before(one, before) for one in found if "at" in one):
            break
        name = trail.name_file(path)
        trail.record(AuditKind.REMOVED, file=name, last=str(found[-1]["hash"]))
        path.unlink()
        removed.append(name)
    return removed


def _is_before(entry: dict[str, object], moment: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(entry.get("at"))) < moment
    except (ValueError, TypeError):
        return False
