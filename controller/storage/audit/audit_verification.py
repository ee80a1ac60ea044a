"""Whether an audit trail is what was written, and which entry is the first that is not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import AuditRefused
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.storage.audit.hash_chain import START, check_lines, hash_after, read_body, split_line
from controller.storage.audit.head_copy import HeadCopy, TrailHead

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
        newest = head.read_newest(trail.name) if head is not None else None
        # A run that begins meanwhile would look like a timeline that stands outside the trail.
        with trail.hold_still():
            report.entries = list(_check_segments(trail, report.notes))
            _check_head(trail, report, newest)
            if report.entries:
                report.timelines = _check_timelines(trail, report)
            else:
                _check_nothing_is_left(trail)
                report.notes.append(f"{trail.folder}: there is no audit trail yet")
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
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        if lines and lines[-1]:
            notes.append(f"{path}: the last line has no end; the next entry will say so")
        lines.pop()
        first = read_body(lines[0]) if lines else {}
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
    if segments and (begins_from or _read_segment(segments[0]) > 1):
        before = trail.name_file(trail.folder / f"trail-{_read_segment(segments[0]) - 1:06}.jsonl")
        if removals.get(before) != begins_from:
            message = f"{trail.state / before}: is missing, and no entry says that retention removed it"
            raise _Broken(message)


def _check_lines(path: Path, lines: Sequence[str], last: str, number: int) -> Iterator[_Entry]:
    torn = ""
    for line_number, line in enumerate(lines, 1):
        found = split_line(line)
        if found is None and line and line_number < len(lines) and not torn:
            torn = hashlib.sha256(line.encode()).hexdigest()  # a power cut, if the next entry says so
            continue
        entry = read_body(line)
        if found is None or hash_after(last, found[0]) != found[1]:
            where = line_number - bool(torn)
            message = f"{path}:{where}: entry {number + 1} is not what was written, or one before it was taken out"
            raise _Broken(message)
        if torn and (entry.get("kind") != AuditKind.TORN or entry.get("sha256") != torn):
            message = f"{path}:{line_number - 1}: entry {number + 1} is no entry"
            raise _Broken(message)
        if _read_number(entry) != number + 1:
            message = f"{path}:{line_number}: entry {number + 1} says that it is {entry.get('n')}"
            raise _Broken(message)
        torn, last, number = "", found[1], number + 1
        yield entry


def _check_head(trail: AuditTrail, report: AuditReport, newest: TrailHead | None) -> None:
    """Hold the trail against the copy of its head that was written last."""
    if newest is not None and not any(
        (entry.get("n"), entry.get("hash")) == (newest.number, newest.hash) for entry in report.entries
    ):
        message = (
            f"{trail.folder}: entry {newest.number} is not the one that the copy of the head names: "
            "the trail was made anew, or cut at its end"
        )
        raise _Broken(message)


def _check_nothing_is_left(trail: AuditTrail) -> None:
    """Refuse timelines that a trail has sealed, where there is no trail."""
    for path in sorted((trail.state / "timeline").glob("*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as file:
            if split_line(file.readline().rstrip("\n")) is not None:
                message = f"{path}: was written for an audit trail, and {trail.folder} is gone"
                raise _Broken(message)


def _check_timelines(trail: AuditTrail, report: AuditReport) -> int:
    """Hold every timeline against the entries about it; gives how many there are."""
    known: dict[str, dict[str, _Entry]] = {}
    for entry in report.entries:
        if entry.get("kind") in _ABOUT_TIMELINES and "file" in entry:
            known.setdefault(str(entry["file"]), {})[str(entry["kind"])] = entry
    # Of a file of the trail itself there is only the entry that removed it.
    held = {name: about for name, about in known.items() if AuditKind.REMOVED not in about}
    for name, about in held.items():
        for fault in _list_timeline_faults(trail.state / name, about, report.notes):
            raise _Broken(fault)
    for path in sorted((trail.state / "timeline").glob("*.jsonl")):
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
        if hashlib.sha256(path.read_bytes()).hexdigest() != adopted.get("sha256"):
            yield f"{path}: is not what it was when the trail began"
        return
    whole, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    lines = whole.split("\n") if whole else []
    found = check_lines(str(about.get(AuditKind.TIMELINE_OPENED, {}).get("hash", "")), lines)
    if sealed is None:
        if found.fault is not None:
            yield f"{path}:{found.count + 1}: {found.fault}"
        notes.append(f"{path}: is open ({found.count} lines so far): it runs, or its run was killed")
        return
    wanted = _read_number(sealed, "lines")
    if found.count < wanted:
        yield f"{path}:{found.count + 1}: {found.fault or f'line {found.count + 1} of {wanted} is missing'}"
    if len(lines) > wanted or (rest and "run" not in sealed):
        yield f"{path}:{wanted + 1}: a line stands after the end"
    if found.last != sealed.get("last"):
        yield f"{path}:{max(wanted, 1)}: the lines are not those that were sealed"


def _read_number(entry: _Entry, name: str = "n") -> int:
    found = entry.get(name)
    return found if isinstance(found, int) else -1


def _read_segment(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
