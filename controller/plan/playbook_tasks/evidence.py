"""What is known of an incident, as one archive: configurations without secrets, drift, plans, audit, timelines."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.errors import InputRefused, TsunaguError
from controller.inputs.input_file import InputFolder, read_input_file
from controller.storage.audit.audit_trail import AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.segment_files import list_segments, list_timelines
from controller.storage.whole_file import write_whole

ARCHIVE = "evidence.tar.gz"
SUMS = "SHA256SUMS"
MOST_BYTES = 256 << 20
"""Of all that goes into one archive."""
VERIFICATION = "audit/VERIFICATION.txt"


@dataclass(frozen=True, slots=True)
class Evidence:
    """An archive that was written: where, its SHA-256, how many files are in it, and what could not be put in."""

    path: Path
    sha256: str
    files: int
    missing: Mapping[str, str]


def collect_records(state: Path, plans: Path | None, since: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield, by its name in the archive, what the controller has kept since a moment: audit trail, timelines, plans.

    The audit trail's files go in as they are, whole, with what a verification says of them: also a trail with a broken
    line is evidence. Of a plan every file goes in, also the older ones, as soon as one is new enough:
    signatures and approvals stand beside what they are of.

    Raises:
        TsunaguError: the folder of the plans is none.
        InputRefused: a file cannot be read.
    """
    if plans is not None and not plans.is_dir():
        message = f"{plans}: is no folder; name the one that holds the plans (plans=FOLDER), or none"
        raise TsunaguError(message)
    yield VERIFICATION, _verify_audit(state).encode()
    for path in list_segments(state / "audit"):
        if _is_newer(path, since):
            yield f"audit/{path.name}", read_input_file(path, most_bytes=MOST_BYTES)
    for path in list_timelines(state):
        if _is_newer(path, since):
            name = path.relative_to(state / "timeline")
            yield f"timelines/{name}", read_input_file(path, most_bytes=MOST_BYTES)
    if plans is not None:
        for path in _list_plan_files(plans, since):
            yield f"plans/{path.relative_to(plans)}", read_input_file(path, most_bytes=MOST_BYTES)


def _list_plan_files(folder: Path, since: datetime) -> Iterator[Path]:
    by_plan: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            by_plan.setdefault(_name_plan(path), []).append(path)
    for plan, files in by_plan.items():
        known = plan.suffix == ".json" or files != [plan]
        if known and any(_is_newer(one, since) for one in files):
            yield from files


def _name_plan(path: Path) -> Path:
    """Return the plan that a file is, or is of: whatever its name, a signature or an approval has it in front.

    >>> [_name_plan(Path(name)).name for name in ("today.plan", "today.plan.sig", "a.json.approval.net01.sig")]
    ['today.plan', 'today.plan', 'a.json']
    """
    return path.with_name(path.name.removesuffix(".sig").partition(".approval.")[0])


def _verify_audit(state: Path) -> str:
    report = verify_trail(AuditTrail(state))
    found = f"broken: {report.fault}" if report.fault is not None else f"{len(report.entries)} entries, no fault found"
    return "".join(f"{line}\n" for line in (found, *report.notes))


def _is_newer(path: Path, since: datetime) -> bool:
    return not path.is_symlink() and datetime.fromtimestamp(path.stat().st_mtime, UTC) >= since


def collect_saved(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the configurations and the reports that earlier tasks have saved into a folder.

    Raises:
        InputRefused: a file cannot be read.
    """
    if not folder.is_dir():
        return
    source = InputFolder(folder)
    for pattern, place in (("*.cfg", "configurations"), ("*.json", ""), ("*.md", "")):
        for name in source.list_names("", pattern):
            kept = place or ("drift" if name.startswith("drift.") else "configurations")
            yield f"{kept}/{name}", source.read_bytes(name)


def write_evidence(
    folder: Path,
    files: Iterator[tuple[str, bytes]],
    missing: Mapping[str, str],
    made: datetime,
    *,
    most_bytes: int = MOST_BYTES,
) -> Evidence:
    """Write one archive of files, with the SHA-256 of each and the reasons for what is missing; readable by its owner.

    Raises:
        TsunaguError: it would be larger than it may, or cannot be written.
    """
    found: dict[str, bytes] = {
        "MISSING.json": (json.dumps(dict(missing), indent=1, ensure_ascii=False) + "\n").encode()
    }
    size = 0
    try:
        for name, content in files:
            size += len(content)
            if size > most_bytes:
                message = f"the evidence is larger than {most_bytes >> 20} MB; name fewer schools or fewer days"
                raise TsunaguError(message)
            found[name] = content
        sums = "".join(f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
        archive = _build_archive({**found, SUMS: sums.encode()}, made)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(archive, folder / ARCHIVE)
        digest = hashlib.sha256(archive).hexdigest()
        write_whole(f"{digest}  {ARCHIVE}\n".encode(), folder / f"{ARCHIVE}.sha256")
    except FileNotFoundError as error:
        raise InputRefused(Path(str(error.filename)), "was removed while it was collected; run this again") from None
    except OSError as error:
        message = f"the evidence cannot be written: {folder}: {error.strerror or error}"
        raise TsunaguError(message) from None
    return Evidence(folder / ARCHIVE, digest, len(found) + 1, missing)


def _build_archive(files: Mapping[str, bytes], made: datetime) -> bytes:
    """Return a tar archive of files; the same files at the same moment make the same bytes."""
    whole, seconds = io.BytesIO(), int(made.timestamp())
    with (
        gzip.GzipFile(fileobj=whole, mode="wb", mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            about = tarfile.TarInfo(f"evidence/{name}")
            about.size, about.mtime, about.mode = len(files[name]), seconds, 0o600
            archive.addfile(about, io.BytesIO(files[name]))
    return whole.getvalue()
