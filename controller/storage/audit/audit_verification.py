"""Whether an audit trail is what was written, and which entry is the first that is not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import AuditRefused
from controller.storage.audit.audit_trail import AuditKind, AuditTrail, find_copy_place
from controller.storage.audit.hash_chain import START, check_lines, hash_after, read_body, split_line, split_lines
from controller.storage.audit.head_copy import HeadCopy, TrailHead
from controller.storage.audit.segment_files import (
    is_part_of_line,
    list_segments,
    list_timelines,
    read_regular,
    read_segment,
)

_Entry = dict[str, object]
_ABOUT_TIMELINES = (
    AuditKind.TIMELINE_OPENED,
    AuditKind.TIMELINE_SEALED,
    AuditKind.ADOPTED,
    AuditKind.REMOVED,
)


@dataclass
class AuditReport:
    """What a verification found. `fault` names the first broken entry; None where all is as it was written."""

    entries: list[_Entry] = field(default_factory=list)
    timelines: int = 0
    notes: list[str] = field(default_factory=list)
    fault: str | None = None

    def list_kind(self, kind: AuditKind) -> list[_Entry]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry.get("kind") == kind]


class _Broken(Exception):
    """The first broken place, for the report."""


def verify_trail(trail: AuditTrail, head: HeadCopy | None = None) -> AuditReport:
    """Follow the whole trail of a state folder, its timelines, and the copy of its head where there is one."""
    report = AuditReport()
    try:
        if head is None:
            report.notes.append(
                "no copy of the head is kept elsewhere ('audit: {head: ...}' in the operators' file): "
                "whoever may write every file here could have made the whole trail anew"
            )
        heads = head.read_heads(trail.name) if head is not None else []
        # A run that begins meanwhile would look like a timeline that stands outside the trail.
        with trail.hold_still():
            report.entries = list(_check_segments(trail, report.notes))
            if head is not None:
                _check_heads(trail, report, head.place, heads)
            if report.entries:
                report.timelines = _check_timelines(trail, report)
            else:
                _check_nothing_is_left(trail)
                report.notes.append(f"{trail.folder}: there is no audit trail yet")
        if head is not None:
            _check_other_trails(trail, report, head)
    except (_Broken, AuditRefused) as broken:
        report.fault = str(broken)
    except OSError as error:
        report.fault = f"{error.filename}: cannot be read ({error.strerror})"
    return report


def _check_segments(trail: AuditTrail, notes: list[str]) -> Iterator[_Entry]:
    segments = trail.list_segments()
    last, number = START, 0
    removals: dict[str, str] = {}
    begins_from = ""
    for index, path in enumerate(segments):
        lines, rest = read_segment(path)
        first = read_body(lines[0])
        if index == 0 and first.get("kind") == AuditKind.SEGMENT:
            # What was before is gone; who may have taken it away is asked below.
            begins_from = last = str(first.get("before"))
            number = _read_number(first) - 1
        expected = f"trail-{index + _read_segment(segments[0]):06}.jsonl"
        if path.name != expected:
            message = f"{path.parent / expected}: a file of the trail is missing"
            raise _Broken(message)
        for entry in _check_lines(path, lines, last, number):
            last, number = str(entry["hash"]), number + 1
            if entry.get("kind") == AuditKind.REMOVED:
                removals[str(entry.get("file"))] = str(entry.get("last"))
            yield entry
        if rest and (path != segments[-1] or not is_part_of_line(last, rest)):
            message = f"{path}:{len(lines) + 1}: what follows entry {number} is no line of the trail"
            raise _Broken(message)
        if rest:
            notes.append(f"{path}: the last line has no end; the next entry will say so")
    if segments and (begins_from or _read_segment(segments[0]) > 1):
        before = trail.name_file(trail.folder / f"trail-{_read_segment(segments[0]) - 1:06}.jsonl")
        if removals.get(before) != begins_from:
            message = f"{trail.state / before}: is missing, and no entry says that retention removed it"
            raise _Broken(message)


def _check_lines(path: Path, lines: Sequence[bytes], last: str, number: int) -> Iterator[_Entry]:
    place = 0
    while place < len(lines):
        # What a power cut left may look like anything, also like a whole entry; the next entry says that it is none.
        torn = _is_torn(lines, place, last)
        place += torn
        entry, found = read_body(lines[place]), split_line(lines[place])
        if found is None or hash_after(last, found[0]) != found[1]:
            message = f"{path}:{place + 1}: entry {number + 1} is not what was written, or one before it was taken out"
            raise _Broken(message)
        if entry.get("kind") == AuditKind.TORN and not torn:
            message = f"{path}:{place + 1}: what stood before entry {number + 1} is not what was written"
            raise _Broken(message)
        if _read_number(entry) != number + 1:
            message = f"{path}:{place + 1}: entry {number + 1} says that it is {entry.get('n')}"
            raise _Broken(message)
        last, number, place = found[1], number + 1, place + 1
        yield entry


def _is_torn(lines: Sequence[bytes], place: int, last: str) -> bool:
    """Whether the next line says that this one is what a power cut left."""
    if place + 1 >= len(lines) or not lines[place]:
        return False
    entry, found = read_body(lines[place + 1]), split_line(lines[place + 1])
    return (
        entry.get("kind") == AuditKind.TORN
        and entry.get("sha256") == hashlib.sha256(lines[place]).hexdigest()
        and found is not None
        and hash_after(last, found[0]) == found[1]
    )


def _check_heads(trail: AuditTrail, report: AuditReport, place: str, heads: Sequence[TrailHead]) -> None:
    """Hold the trail against every head of its copy: one that is no entry of it is a fault, also if later ones are."""
    known = {_read_number(entry): entry.get("hash") for entry in report.entries}
    first = min(known, default=0)
    wrong = [head for head in heads if head.number >= first and known.get(head.number) != head.hash]
    if wrong:
        message = (
            f"{trail.folder}: entry {wrong[-1].number} is not the one that the copy of the head names: "
            "the trail was made anew, or cut at its end"
        )
        raise _Broken(message)
    if (
        heads
        and heads[0].number < first
        and (first - 1, report.entries[0].get("before")) not in {(head.number, head.hash) for head in heads}
    ):
        message = (
            f"{trail.folder}: entry {first - 1}, before the first one that is kept, is not in the copy of the head: "
            "the trail was made anew, or had no copy for a while (then name another place for it)"
        )
        raise _Broken(message)
    if report.entries and not heads:
        if find_copy_place(report.entries) == place:
            message = f"{place}: the copy of the head is gone: it names no entry of {trail.folder}"
            raise _Broken(message)
        report.notes.append(f"{place}: the copy of the head begins with the next entry")
    elif report.entries and max(head.number for head in heads) < max(known):
        report.notes.append(f"{place}: the newest entries are not in the copy of the head")


def _check_other_trails(trail: AuditTrail, report: AuditReport, head: HeadCopy) -> None:
    """Refuse a copy of the head that names a trail which is gone: what was done there would be told nowhere."""
    for name in head.list_trails():
        if name == trail.name:
            continue
        if not list_segments(Path(name)):
            message = f"{name}: this audit trail is gone, and the copy of the head ({head.place}) names entries of it"
            raise _Broken(message)
        report.notes.append(f"{head.place}: names entries of another audit trail, too: {name}")


def _check_nothing_is_left(trail: AuditTrail) -> None:
    """Refuse timelines that a trail has sealed, where there is no trail."""
    for path in list_timelines(trail.state):
        if split_line(read_regular(path).partition(b"\n")[0]) is not None:
            message = f"{path}: was written for an audit trail, and {trail.folder} is gone"
            raise _Broken(message)


def _check_timelines(trail: AuditTrail, report: AuditReport) -> int:
    """Hold every timeline against the entries about it; gives how many there are."""
    known: dict[str, dict[str, _Entry]] = {}
    for entry in report.entries:
        if entry.get("kind") in _ABOUT_TIMELINES and "file" in entry:
            about = known.setdefault(str(entry["file"]), {})
            if entry["kind"] == AuditKind.TIMELINE_OPENED:
                about.clear()  # a name that retention made free may be used again
            about[str(entry["kind"])] = entry
    # Of a file of the trail itself there is only the entry that removed it.
    held = {name: about for name, about in known.items() if AuditKind.REMOVED not in about}
    for name, about in held.items():
        for fault in _list_timeline_faults(trail.state / name, about, report.notes):
            raise _Broken(fault)
    for name in sorted(known.keys() - held.keys()):
        if os.path.lexists(trail.state / name):
            message = (
                f"{trail.state / name}: was removed by retention, and stands there again; 'tsunagu audit prune' "
                "deletes it if it is still what it was, otherwise move it away"
            )
            raise _Broken(message)
    for path in list_timelines(trail.state):
        if trail.name_file(path) not in known:
            message = f"{path}: stands outside the trail: no entry says that it was opened"
            raise _Broken(message)
    return len(held)


def _list_timeline_faults(path: Path, about: Mapping[str, _Entry], notes: list[str]) -> Iterator[str]:
    """What is wrong with a timeline. Only the first fault can be relied on."""
    if not path.is_file() or path.is_symlink():
        yield f"{path}: is missing, and no entry says that retention removed it"
        return
    adopted, sealed = about.get(AuditKind.ADOPTED), about.get(AuditKind.TIMELINE_SEALED)
    if adopted is not None:
        if hashlib.sha256(read_regular(path)).hexdigest() != adopted.get("sha256"):
            yield f"{path}: is not what it was when the trail began"
        return
    lines, rest = split_lines(read_regular(path))
    found = check_lines(str(about.get(AuditKind.TIMELINE_OPENED, {}).get("hash", "")), lines)
    if sealed is None:
        if found.fault is not None:
            yield f"{path}:{found.count + 1}: {found.fault}"
        notes.append(f"{path}: is open ({found.count} lines so far): it runs, or its run was killed")
        return
    wanted = _read_number(sealed, "lines")
    if found.count < wanted:
        yield f"{path}:{found.count + 1}: {found.fault or f'line {found.count + 1} of {wanted} is missing'}"
    said = sealed.get("rest", hashlib.sha256(rest if "run" in sealed else b"").hexdigest())
    if len(lines) > wanted or hashlib.sha256(rest).hexdigest() != said:
        yield f"{path}:{wanted + 1}: a line stands after the end"
    if found.last != sealed.get("last"):
        yield f"{path}:{max(wanted, 1)}: the lines are not those that were sealed"


def _read_number(entry: _Entry, name: str = "n") -> int:
    found = entry.get(name)
    return found if isinstance(found, int) else -1


def _read_segment(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
