"""Where records of drills are kept: a file each in `drills/` of the state folder, the newest thousand of them.

A drill's report for people, where it has one, stands beside its record and goes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from controller.drills.drill_record import MOST_BYTES, DrillRecord, parse_drill_record
from controller.errors import DrillRefused
from controller.inputs.input_file import InputFolder
from controller.storage.file_lock import hold_folder_lock
from controller.storage.whole_file import write_whole

FOLDER = "drills"
MOST_RECORDS = 1_000
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class KeptDrill:
    """A record that was kept: its file, and the SHA-256 that the audit trail names; the reports beside it."""

    path: Path
    sha256: str
    reports: tuple[Path, ...] = ()


def keep_drill(record: DrillRecord, state: Path, reports: Mapping[str, str] = MappingProxyType({})) -> KeptDrill:
    """Keep a record, and its reports by language; the oldest one goes where there would be more than `MOST_RECORDS`.

    Raises:
        DrillRefused: it cannot be written.
        FileLocked: somebody else keeps one all the time.
    """
    folder, content = state / FOLDER, record.format_text().encode()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_folder_lock(folder, patience=PATIENCE_SECONDS):
            names = _list_names(folder)
            for old in names[: max(0, len(names) - MOST_RECORDS + 1)]:
                (folder / old).unlink()
                for beside in folder.glob(f"{old.removesuffix('.json')}.*.md"):
                    beside.unlink()
            path = _name_free(folder, f"{record.at:%Y%m%dT%H%M%SZ}-{record.kind}")
            write_whole(content, path)
            written = tuple(path.with_suffix(f".{language}.md") for language in reports)
            for beside, text in zip(written, reports.values(), strict=True):
                write_whole(text.encode(), beside)
    except OSError as error:
        message = f"{folder}: the record of the drill cannot be kept: {error.strerror or error}"
        raise DrillRefused(message) from None
    return KeptDrill(path, hashlib.sha256(content).hexdigest(), written)


def _name_free(folder: Path, name: str) -> Path:
    path, more = folder / f"{name}.json", 1
    while path.exists():
        more += 1
        path = folder / f"{name}-{more}.json"
    return path


def _list_names(folder: Path) -> list[str]:
    return sorted(InputFolder(folder).list_names("", "*.json"))


def list_drills(state: Path) -> list[DrillRecord]:
    """Return all records that are kept, the newest first.

    Raises:
        DrillRefused: one of them is none any more; names the file.
        InputRefused: one of them is no regular file, or too large.
    """
    source = InputFolder(state / FOLDER, most_bytes=MOST_BYTES)
    found = [
        parse_drill_record(source.read_bytes(name), str(state / FOLDER / name))
        for name in source.list_names("", "*.json")
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


def find_kept_drill(record: DrillRecord, state: Path) -> KeptDrill:
    """Return where this very record is kept, and the reports that stand beside it.

    Raises:
        DrillRefused: no file of the state folder holds it.
        InputRefused: one of that name is no regular file, or too large.
    """
    folder, content = state / FOLDER, record.format_text().encode()
    source = InputFolder(folder, most_bytes=MOST_BYTES)
    for name in source.list_names("", f"{record.at:%Y%m%dT%H%M%SZ}-{record.kind}*.json"):
        if source.read_bytes(name) == content:
            reports = sorted(folder.glob(f"{name.removesuffix('.json')}.*.md"))
            return KeptDrill(folder / name, hashlib.sha256(content).hexdigest(), tuple(reports))
    message = (
        f"{folder}: holds no record of this drill of {record.at:%Y-%m-%d %H:%M:%S}, so that nothing proves its end"
    )
    raise DrillRefused(message)


def find_last_passed(records: Iterable[DrillRecord]) -> dict[str, DrillRecord]:
    """Return the newest passed drill of each kind; `records` begin with the newest."""
    found: dict[str, DrillRecord] = {}
    for one in records:
        if one.passed:
            found.setdefault(one.kind, one)
    return found


def list_failing_kinds(records: Sequence[DrillRecord]) -> list[str]:
    """Return the kinds whose newest drill did not pass."""
    newest: dict[str, DrillRecord] = {}
    for one in records:
        newest.setdefault(one.kind, one)
    return sorted(kind for kind, one in newest.items() if not one.passed)
