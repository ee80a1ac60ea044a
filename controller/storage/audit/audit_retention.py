"""Retention: whole sealed files go, and an entry that names their last hash stays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.hash_chain import START, check_lines, read_body, split_lines
from controller.storage.audit.segment_files import read_regular, read_segment

_ENDED = (AuditKind.TIMELINE_SEALED, AuditKind.ADOPTED)
_ABOUT_FILES = (AuditKind.TIMELINE_OPENED, *_ENDED, AuditKind.REMOVED)


def remove_expired(trail: AuditTrail, before: datetime) -> list[str]:
    """Delete the timelines that were sealed, and the files of the trail that ended, before a time; gives their names.

    A file of the trail stays as long as a timeline that it opened is there.

    Raises:
        AuditRefused: the trail cannot be written, or its head cannot be kept.
    """
    removed: list[str] = []
    entries = list(trail.read_entries())
    newest = {str(entry["file"]): entry for entry in entries if entry.get("kind") in _ABOUT_FILES and "file" in entry}
    for name, entry in newest.items():
        if entry.get("kind") not in _ENDED or not _is_before(entry, before):
            continue
        last = str(entry.get("last", entry.get("sha256", "")))
        trail.record(AuditKind.REMOVED, file=name, last=last)
        (trail.state / name).unlink(missing_ok=True)
        removed.append(name)
    kept = {name for name, entry in newest.items() if entry.get("kind") != AuditKind.REMOVED} - set(removed)
    for path in trail.list_segments()[:-1]:
        found = [read_body(line) for line in read_segment(path)[0]]
        opened = {str(one.get("file")) for one in found if one.get("kind") in _ABOUT_FILES}
        if opened & kept or not all(_is_before(one, before) for one in found if "at" in one):
            break
        _repeat_removals(trail, found)
        name = trail.name_file(path)
        trail.record(AuditKind.REMOVED, file=name, last=str(found[-1]["hash"]))
        path.unlink()
        removed.append(name)
    return removed


def _repeat_removals(trail: AuditTrail, leaving: Sequence[Mapping[str, object]]) -> None:
    """Say again what was removed of stores and what is sealed in them, where the newest entry about it would go."""
    about = (
        (AuditKind.REMOVED, "store"),
        (AuditKind.REMOVED, "outputs_of"),
        (AuditKind.MEASUREMENTS, "file"),
        (AuditKind.MANUAL_MEASUREMENTS, "file"),
    )
    for kind, named in about:
        newest = {
            str(entry[named]): entry for entry in trail.read_entries() if entry.get("kind") == kind and named in entry
        }
        for entry in newest.values():
            number = entry.get("number")
            if isinstance(number, int) and any(entry.get("hash") == one.get("hash") for one in leaving):
                wanted = (named, "number", "last", "first", "count", "carried")
                said = {one: found for one in wanted if isinstance(found := entry.get(one), str | int)}
                trail.record(kind, **said)


def remove_leftovers(trail: AuditTrail) -> list[str]:
    """Delete what an interrupted retention left: files that an entry removed, if they still are what it says.

    Raises:
        AuditRefused: such a file is no regular file.
    """
    removed: list[str] = []
    newest: dict[str, dict[str, object]] = {}
    begins: dict[str, str] = {}
    for entry in trail.read_entries():
        if entry.get("kind") in _ABOUT_FILES and "file" in entry:
            newest[str(entry["file"])] = entry
        if entry.get("kind") == AuditKind.TIMELINE_OPENED:
            begins[str(entry.get("file"))] = str(entry.get("hash"))
    for name, entry in newest.items():
        path = trail.state / name
        if entry.get("kind") == AuditKind.REMOVED and path.exists():
            content = read_regular(path)
            if entry.get("last") in _list_last_hashes(content, begins.get(name)):
                path.unlink()
                removed.append(name)
    return removed


def _list_last_hashes(content: bytes, begins: str | None) -> set[str]:
    """What an entry may call the content of a file: its own hash, or its last line's where it is a chain."""
    lines, rest = split_lines(content)
    if begins is None:  # a file of the trail says itself after what it begins
        first = read_body(lines[0]) if lines else {}
        begins = str(first.get("before", START))
    found = check_lines(begins, lines)
    chained = {found.last} if found.fault is None and not rest and lines else set()
    return chained | {hashlib.sha256(content).hexdigest()}


def _is_before(entry: dict[str, object], moment: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(entry.get("at"))) < moment
    except (ValueError, TypeError):
        return False
