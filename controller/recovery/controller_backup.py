"""A backup of the controller's own state into one file, and the way back onto a machine that has none.

What it holds: the audit trail with its timelines, the rollouts and other stores (copied by SQLite's backup API while
they may be in use), what was applied and approved, kept policies, configurations of devices, notes of armed restores,
drills, counts of computers, and the pinned host keys. It holds no secret: keys, tokens and the operators' file stand
elsewhere.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NoReturn

from controller.errors import AuditHeadRefused, AuditRefused, BackupRefused, OperationsRefused
from controller.inputs.input_file import InputFolder, open_input_file
from controller.inputs.real_path import find_real_path
from controller.operations.operations import Operations
from controller.operations.trusted_files import MOST_PIN_BYTES, read_trusted_file
from controller.recovery.controller_archive import (
    MOST_BYTES,
    MOST_FILES,
    STORE,
    Keep,
    is_archived_name,
    unpack_archive,
    write_archive,
)
from controller.storage.audit.audit_trail import AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadCopy
from controller.storage.sqlite import BUSY_SECONDS, backup_store
from controller.storage.whole_file import write_whole

_PINS = "known-hosts/"
_REMOVED = "was removed while the backup was made (tsunagu audit prune?): run this again"
_RECORDS = ("audit", "timeline")
"""Folders of a state folder whose files are only added to."""
_LOCKS = ("locks",)
"""Folders of a state folder that mean nothing on another machine."""


@dataclass(frozen=True, slots=True)
class ControllerBackup:
    """A backup that was written or put back: when it was made, how many files it holds, and what is not in it.

    `left_out` names what of the state folder a backup does not hold, `sha256` is that of the archive.
    """

    made: datetime
    files: int
    pins: int
    left_out: tuple[str, ...] = ()
    sha256: str = ""


def list_pin_files(operations: Operations) -> Mapping[str, Path]:
    """Return the files of pinned host keys that the operators' file names, by their names in a backup."""
    found: dict[str, Path] = {}
    for name, access in sorted(operations.access.items()):
        found[f"{_PINS}{name}/device"] = access.known_hosts
        if access.jump_host is not None:
            found[f"{_PINS}{name}/jump-host"] = access.jump_host.known_hosts
    return found


def create_backup(path: Path, operations: Operations, head: HeadCopy | None, now: datetime) -> ControllerBackup:
    """Write the controller's state into one file.

    Raises:
        BackupRefused: there is no state, its audit trail is broken, or the file cannot be written.
    """
    state = operations.state
    if not state.is_dir():
        _refuse(state, "is no folder: nothing was done from here yet ('state' of the operators' file)")
    trail = AuditTrail(state)
    report = verify_trail(trail, head)
    if report.fault is not None:
        _refuse(state, f"the audit trail is broken, so nothing is backed up as if it were whole: {report.fault}")
    with trail.hold_still():
        # Nobody waits for more than this: what the trail names stands in files that are only added to.
        grown = _measure_records(state)
    names, left_out = _list_state(state, grown)
    pins = dict(_read_pins(list_pin_files(operations)))
    done = write_archive(path, now, chain(_read_state(state, names, grown), pins.items()))
    return ControllerBackup(now, done.files, len(pins), left_out, done.sha256)


def _measure_records(state: Path) -> dict[str, int]:
    """Return how long each file of the audit trail and each timeline is now, by its name from the state folder on."""
    found: dict[str, int] = {}
    for folder in _RECORDS:
        for path in (state / folder).rglob("*"):
            if path.is_file() and not path.is_symlink():
                found[path.relative_to(state).as_posix()] = path.stat().st_size
    return found


def _list_state(state: Path, grown: Mapping[str, int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of what a backup holds of a state folder, and of what it does not hold.

    Of the records those are held that were there when they were measured (`grown`).
    """
    names_held: list[str] = []
    left_out: list[str] = []
    for folder, folders, names in os.walk(state, onerror=_refuse_unread):
        here = Path(folder).relative_to(state)
        folders[:] = sorted(one for one in folders if not (here == Path() and one in _LOCKS))
        for name in folders:
            if Path(folder, name).is_symlink():
                _refuse(Path(folder, name), "is a link to another folder, whose files a backup would not hold")
        for name in sorted(names):
            relative = (here / name).as_posix()
            if relative.split("/")[0] in _RECORDS and relative not in grown:
                continue  # it was begun since
            if is_archived_name(relative):
                names_held.append(relative)
            elif name != "lock" and not name.endswith((".lock", "-wal", "-shm")):
                left_out.append(relative)
    gone = sorted(name for name in grown.keys() - set(names_held) if is_archived_name(name))
    if gone:
        _refuse(state / gone[0], _REMOVED)
    return tuple(names_held), tuple(left_out)


def _read_state(state: Path, names: Sequence[str], grown: Mapping[str, int]) -> Iterator[tuple[str, bytes | Path]]:
    """Yield the files of a state folder one by one; a store as a copy that is there until the next one is asked for.

    Of the records only so much is taken as was there at one moment (`grown`); all else is read later, and so knows
    everything that these say of it.
    """
    source = InputFolder(state, most_bytes=MOST_BYTES, most_bytes_in_all=MOST_BYTES, most_files=MOST_FILES)
    for name in names:
        if name.endswith(STORE):
            with _copy_store(state / name) as copied:
                yield name, copied
            continue
        try:
            content = source.read_bytes(name)
        except FileNotFoundError:
            _refuse(state / name, _REMOVED)
        if len(content) < grown.get(name, 0):
            _refuse(state / name, "became shorter while it was read: look who writes there, and run this again")
        yield name, content[: grown.get(name)]


def _refuse_unread(error: OSError) -> NoReturn:
    _refuse(Path(str(error.filename)), f"cannot be read ({error.strerror}), so the backup would not be whole")


@contextmanager
def _copy_store(path: Path) -> Iterator[Path]:
    """Copy a store by its backup API, also while others write to it; the copy is there within the `with` block."""
    with tempfile.TemporaryDirectory(prefix="tsunagu-backup-") as folder:
        copied = Path(folder, "copy")
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                _refuse(path, "is no regular file (a link?), so it is no store of this controller")
            # Read only: one that was removed meanwhile must not be made anew, empty.
            place = f"{path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(place, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                backup_store(connection, copied)
            _check_store(copied, path)
        except FileNotFoundError:
            _refuse(path, _REMOVED)
        except (sqlite3.Error, OSError) as error:
            _refuse(path, f"this store cannot be copied ({error})")
        yield copied


def _check_store(path: Path, named: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        [(answer,), *_] = connection.execute("PRAGMA quick_check(1)").fetchall()
    if answer != "ok":
        _refuse(named, f"this store is damaged ({str(answer).splitlines()[-1]})")


def _read_pins(places: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    for name, path in places.items():
        try:
            yield name, read_trusted_file(path, "Pinned host keys cannot be backed up:", most_bytes=MOST_PIN_BYTES)
        except FileNotFoundError:
            continue


def restore_backup(path: Path, operations: Operations) -> ControllerBackup:
    """Put a backup back where there is no state yet; everything is looked at before anything is put in its place.

    Raises:
        BackupRefused: the archive is damaged, its audit trail is broken, or something stands in its place already.
    """
    state = operations.state
    if state.is_dir() and any(state.iterdir()):
        _refuse(state, "holds the state of a controller already; move it away first, nothing is mixed or overwritten")
    try:
        with _make_room_beside(state) as folder:
            fresh = Path(folder, "state")
            fresh.mkdir(mode=0o700)
            unpacked = _unpack(path, fresh, Path(folder))
            pins = _match_pins(path, unpacked.pins, operations)
            _check_state(fresh, path)
            # Host keys first: where the folder cannot be put in its place, the same command goes on from here.
            for place, content in pins.items():
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_whole(content, place)
            if state.is_dir():
                state.rmdir()  # it is empty
            fresh.rename(state)
    except (OSError, sqlite3.Error) as error:
        _refuse(state, f"the backup cannot be put there: {error}")
    return ControllerBackup(unpacked.made, unpacked.files, len(pins))


@contextmanager
def _make_room_beside(state: Path) -> Iterator[str]:
    """Make a folder beside the state's place: the state is built in it, and moved into its place as a whole.

    Raises:
        BackupRefused: nothing can be made there.
    """
    try:
        state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=state.parent, prefix=f".{state.name}.restoring-")
    except OSError as error:
        problem = (
            f"nothing can be made here ({error.strerror or error}), and the state is moved into its place beside "
            f"{state.name} as a whole: let user {os.geteuid()} write here, or name another place ('state' of the "
            "operators' file)"
        )
        _refuse(state.parent, problem)
    with made as folder:
        yield folder


def _match_pins(path: Path, pins: Mapping[str, bytes], operations: Operations) -> dict[Path, bytes]:
    """Return the files of pinned host keys that are to be written, by today's operators' file."""
    places = list_pin_files(operations)
    found: dict[Path, bytes] = {}
    first: dict[Path, str] = {}
    for name, content in pins.items():
        place = places.get(name)
        if place is None:
            access = name.removeprefix(_PINS).partition("/")[0]
            _refuse(path, f"holds pinned host keys of the access {access}, which the operators' file does not have")
        try:
            held = read_trusted_file(place, "Pinned host keys cannot be restored:", most_bytes=MOST_PIN_BYTES)
            if held == content:
                continue
            _refuse(place, f"holds other host keys than the backup {path}; move it away, or decide which is right")
        except FileNotFoundError:
            other = first.setdefault(find_real_path(place), name)
            if pins[other] != content:
                one, two = (each.removeprefix(_PINS) for each in (other, name))
                problem = (
                    f"the operators' file names it for {one} and for {two}, which had files of their own in the backup "
                    f"{path}, with other host keys in each; name two files ('known-hosts'), nothing of them is joined"
                )
                _refuse(place, problem)
            found[place] = content
        except OperationsRefused as error:
            raise BackupRefused(str(error)) from None
    return found


@dataclass(frozen=True, slots=True)
class _Unpacked:
    """What an archive held: when it was made, how many files, and those of pinned host keys."""

    made: datetime
    files: int
    pins: Mapping[str, bytes]


def _unpack(path: Path, state: Path, folder: Path) -> _Unpacked:
    """Unpack an archive: its state into a folder that is there, its pinned host keys beside it.

    Raises:
        BackupRefused: it is not as it was written.
    """
    names: list[str] = []

    @contextmanager
    def make(name: str) -> Iterator[Keep]:
        names.append(name)
        target = folder if name.startswith(_PINS) else state
        for part in name.split("/")[:-1]:
            target /= part
            target.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(
            target / name.rpartition("/")[2], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "wb") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())

    try:
        with open_input_file(path, most_bytes=MOST_BYTES) as file:
            made = unpack_archive(file, str(path), make)
    except FileNotFoundError:
        _refuse(path, "there is no such file")
    source = InputFolder(folder, most_bytes=MOST_PIN_BYTES)
    pins = {name: source.read_bytes(name) for name in names if name.startswith(_PINS)}
    return _Unpacked(made, len(names), pins)


def _check_state(folder: Path, path: Path) -> None:
    """Refuse a state whose stores are damaged, or whose audit trail is not what was written."""
    for store in sorted(folder.rglob(f"*{STORE}")):
        _check_store(store, path / store.relative_to(folder))
    trail = AuditTrail(folder)
    report = verify_trail(trail)
    if report.fault is not None:
        _refuse(path, f"its audit trail is broken: {report.fault.replace(str(folder), str(path))}")


def _refuse(path: Path, problem: str) -> NoReturn:
    message = f"{path}: {problem}"
    raise BackupRefused(message)


def explain_silent_trail(error: AuditRefused) -> str:
    """Return what to do where nothing can be added to a trail that was put back, by the reason."""
    if not isinstance(error, AuditHeadRefused):
        return f"the state is back, and its audit trail cannot be added to yet: {error}. Put that right, and go on"
    return (
        f"the state is back, and nothing can be done from it yet: {error}. What was done after the backup is not in "
        "it; name another place for the head in the operators' file, and keep the old copy as evidence"
    )
