"""SQLite stores: made whole or not at all, migrated from older formats, and left alone where they are not ours to use.

A store carries an application id (which program's it is) and a format number (`user_version`). A format is the number
of its migrations: the first makes the tables of format 1, each further one leads from a format to the next. All that a
file lacks are done in one transaction while nobody else has it open, after a copy beside it (`NAME.format-N.backup`):
a process that is killed half-way leaves the old store. A file of a newer format, of another program, empty, cut short
or damaged is refused by name and stays as it is, byte for byte. Stores are readable for their user only.
"""

from __future__ import annotations

import glob
import os
import sqlite3
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from controller.errors import StoreDamaged, StoreRefused

BUSY_SECONDS = 30.0
"""How long a statement, or a migration, waits for another process."""
_LOOK_EVERY_SECONDS = 0.05
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LEAST_BYTES = 512
"""Of the smallest page that a database can have."""
_MAGIC, _HEADER_BYTES, _OWNER_AT = b"SQLite format 3\0", 100, 68
"""The beginning of every database, and where in it the application id stands (SQLite's file format, 1.3)."""
_PAGE_BYTES, _TABLE_PAGES = 4096, (5, 13)
"""Of a page as this program's stores have it; what the first byte of one of a table says (the same, 1.6)."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_BLOCK_BYTES = 1024 * 1024
_LEFT = "It was left as it is"


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """What a program's stores are. `name` is for people; `advice` says what they can do about a file that is none.

    Before stores had an application id they were of the format `unstamped`, and had the tables `unstamped_tables`.
    By `inside`, which stands in every store that holds something, one is known whose first page is destroyed.
    Every opening looks through the whole file for damage if it has at most `checked_bytes` (None: whatever it has).
    """

    name: str
    application_id: int
    migrations: tuple[str, ...]
    unstamped: int
    unstamped_tables: frozenset[str]
    advice: str
    checked_bytes: int | None = None
    inside: bytes = b""

    @property
    def newest(self) -> int:
        """The format that this release writes."""
        return len(self.migrations)


def open_store(
    path: Path,
    store: StoreFormat,
    *,
    synchronous: Literal["FULL", "NORMAL"] = "FULL",
    patience: float = BUSY_SECONDS,
    migrates: bool = True,
) -> sqlite3.Connection:
    """A connection in WAL mode to a store of the newest format; the file and its folder are made if they are missing.

    It commits by itself and may be used by any thread. `patience` is for others that keep a migration waiting.
    `migrates`: of those whose store it is; a file is not made, and an older format is refused, where others only read.

    Raises:
        StoreRefused: the file cannot be used; it was left as it is.
    """
    deadline = time.monotonic() + patience
    try:
        if migrates and not path.exists():
            _create(path, store)
        while (found := _inspect(path, store, deadline)) != store.newest:
            if not migrates:
                problem = f"is a {store.name} of format {found}, and this release reads format {store.newest}"
                _refuse(path, problem, "start this release's program that writes it, which brings it up to date")
            _migrate(path, store, found, deadline)
        _narrow(path)
        connection = _connect(path)
        try:
            [(mode,)] = connection.execute("PRAGMA journal_mode=WAL").fetchall()
            if mode != "wal":
                _refuse(path, f"cannot have a write-ahead log there (it is {mode})", "keep it on a local disk")
            connection.execute(f"PRAGMA synchronous={synchronous}")
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as error:
        _refuse(path, f"cannot be opened ({error})", store.advice)
    return connection


def backup_store(connection: sqlite3.Connection, target: Path) -> None:
    """Copy a store that may be in use into a file, whole or not at all; a file that is there is replaced.

    Raises:
        sqlite3.Error: it cannot be copied, e.g. because the disk is full.
        OSError: the file cannot be put there.
    """
    partial = target.with_name(f".{target.name}.partial")
    _delete(partial)
    _make_private(partial)
    with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # so that one file is all of it
    _sync(partial)
    partial.replace(target)
    _sync(target.parent)


def move_store_aside(path: Path) -> Path:
    """Rename a store that nobody has open, and its log, to a name beside it that is free; gives that name.

    Raises:
        OSError: it cannot be renamed.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{path.name}.damaged-{stamp}{ending}" for ending in ("", *(f"-{number}" for number in range(2, 100))))
    aside = next(one for name in names if not (one := path.with_name(name)).exists())
    for ending in ("-wal", "-shm", "-journal", ""):
        with suppress(FileNotFoundError):
            _beside(path, ending).rename(_beside(aside, ending))
    _sync(path.parent)
    return aside


def _create(path: Path, store: StoreFormat) -> None:
    """Make a store beside its place and link it there, so that nobody ever sees a part of one."""
    if _beside(path, "-wal").exists():
        problem = f"is gone, and its write-ahead log ({path.name}-wal) is left"
        _refuse(path, problem, "restore it from a backup, or move the log away to begin a new one")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.new")
    try:
        _make_private(fresh)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN")
            _apply(connection, store, 0)
            connection.execute("COMMIT")
        _sync(fresh)
        try:
            os.link(fresh, path)
        except FileExistsError:
            return  # another process was quicker; its store is as good
        _sync(path.parent)
    finally:
        _delete(fresh)


def _make_private(path: Path) -> None:
    """Make an empty file that only this user can read; SQLite gives its log the same mode."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _narrow(path: Path) -> None:
    """Close a store of an older release, and what stands beside it, to others; another user's stays as it is."""
    backups = path.parent.glob(f"{glob.escape(path.name)}.format-*.backup")
    for file in (path, *(_beside(path, ending) for ending in ("-wal", "-shm")), *backups):
        with suppress(FileNotFoundError):
            found = file.lstat()
            if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
                file.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def _inspect(path: Path, store: StoreFormat, deadline: float) -> int:
    """The format of the store in a file, found without changing it.

    Raises:
        StoreRefused: it is none of this program's, or newer, or damaged.
        sqlite3.Error: it cannot be read, or others were in the way until the deadline.
    """
    while True:
        before = _look(path)
        try:
            return _inspect_once(path, store, before.size)
        except StoreRefused:
            # Another process may have led it to its format while it was read: what looks cut is then whole again.
            if _look(path) == before or time.monotonic() >= deadline:
                raise
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            _wait(path, deadline)


def _inspect_once(path: Path, store: StoreFormat, size: int) -> int:
    if not path.is_file():  # nobody shall delete /dev/null
        _refuse(path, "is no regular file", store.advice)
    if size == 0:
        _refuse(path, "is empty (0 bytes)", f"restore it from a backup, or delete it to begin a new {store.name}")
    try:
        with closing(_connect_read_only(path)) as connection:
            return _identify(connection, path, store, size)
    except UnicodeDecodeError:
        # SQLite quotes what is damaged in its error, and that need not be text.
        problem = f"is damaged ({size} bytes, and its schema is no text)"
        _refuse(path, problem, f"restore it from a backup; {store.advice}", ours=_is_own(path, store))
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            if _is_own_without_beginning(path, store):
                _refuse(path, "is damaged (its first page)", f"restore it from a backup; {store.advice}", ours=True)
            _refuse(path, "is no SQLite file", store.advice)
        problem = f"is damaged or cut short ({size} bytes: {error})"
        _refuse(path, problem, f"restore it from a backup; {store.advice}", ours=_is_own(path, store))


def _is_own(path: Path, store: StoreFormat) -> bool:
    """Whether the beginning of a damaged file still says that it is a store of this program's.

    Read without SQLite, which says nothing of a file that is cut short. Closing it lets go this process's locks on it;
    nobody has a use for those of a damaged file.
    """
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    owner = header[_OWNER_AT : _OWNER_AT + 4]
    return header.startswith(_MAGIC) and owner == store.application_id.to_bytes(4, "big")


def _is_own_without_beginning(path: Path, store: StoreFormat) -> bool:
    """Whether a file that does not begin as a database does goes on as a store of this program's.

    Its second page is a table's, and what stands in every such store stands in it. Read as in `_is_own`.
    """
    if not store.inside:
        return False
    with path.open("rb") as file:
        file.seek(_PAGE_BYTES)
        block = file.read(_BLOCK_BYTES)
        if block[:1] not in [bytes([kind]) for kind in _TABLE_PAGES]:
            return False
        before = b""
        while block:
            if store.inside in before + block:
                return True
            before = block[-len(store.inside) :]
            block = file.read(_BLOCK_BYTES)
    return False


@dataclass(frozen=True)
class _Look:
    """What a file and its log look like from outside: two looks differ where somebody wrote in between."""

    size: int
    changed_ns: int
    has_log: bool


def _look(path: Path) -> _Look:
    found = path.stat()
    return _Look(found.st_size, found.st_mtime_ns, _beside(path, "-wal").exists())


def _identify(connection: sqlite3.Connection, path: Path, store: StoreFormat, size: int) -> int:
    [(pages,)] = connection.execute("PRAGMA page_count").fetchall()
    [(page_bytes,)] = connection.execute("PRAGMA page_size").fetchall()
    # SQLite itself takes a few bytes for nothing at all, and the rest of a last page for zeros. Of a store with a log a
    # part may still be in there.
    if size < _LEAST_BYTES or (size < pages * page_bytes and not _beside(path, "-wal").exists()):
        whole = max(pages * page_bytes, _LEAST_BYTES)
        problem = f"is damaged or cut short ({size} bytes of at least {whole})"
        _refuse(path, problem, f"restore it from a backup; {store.advice}", ours=_is_own(path, store))
    [(owner,)] = connection.execute("PRAGMA application_id").fetchall()
    [(found,)] = connection.execute("PRAGMA user_version").fetchall()
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    tables = frozenset(name for (name,) in rows)
    unstamped = owner == 0 and found == store.unstamped and tables == store.unstamped_tables
    if owner != store.application_id and not unstamped:
        held = f"application id {owner:#010x}, format {found}, tables {', '.join(sorted(tables)) or 'none'}"
        _refuse(path, f"is no {store.name} of Tsunagu ({held})", store.advice)
    if found > store.newest:
        problem = f"is a {store.name} of format {found}; this release reads formats up to {store.newest}"
        _refuse(path, problem, f"use the release that wrote it; {store.advice}")
    if store.checked_bytes is None or size <= store.checked_bytes:
        [(answer,), *_] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if answer != "ok":
            _refuse(path, f"is damaged ({answer})", f"restore it from a backup; {store.advice}", ours=not unstamped)
    return int(found)


def _migrate(path: Path, store: StoreFormat, found: int, deadline: float) -> None:
    """Lead a store to the newest format, unless somebody else has changed its format meanwhile."""
    with closing(_connect(path)) as connection:
        # With this lock nobody else can have the file open: an older release would go on writing its own format.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            connection.execute("PRAGMA busy_timeout=0")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")  # the lock stays; a copy cannot be made within a transaction
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            _wait(path, deadline)
            return
        [(now,)] = connection.execute("PRAGMA user_version").fetchall()
        if now == found:
            backup_store(connection, path.with_name(f"{path.name}.format-{found}.backup"))
            connection.execute("BEGIN")
            _apply(connection, store, found)
            connection.execute("COMMIT")


def _apply(connection: sqlite3.Connection, store: StoreFormat, found: int) -> None:
    for script in store.migrations[found:]:
        for statement in split_statements(script):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={store.application_id}")
    connection.execute(f"PRAGMA user_version={store.newest}")


def split_statements(script: str) -> Iterator[str]:
    r"""The statements of a script, one by one: SQLite's own way of running a script would commit between them.

    >>> list(split_statements("CREATE TABLE a (b);\nCREATE TABLE c (d);\n"))
    ['CREATE TABLE a (b);\n', 'CREATE TABLE c (d);\n']
    """
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        message = f"a migration ends within a statement: {statement.strip()}"
        raise ValueError(message)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing.

    SQLite itself must read a store, never `open`: closing any file of it would let go this process's locks on it.
    """
    if _beside(path, "-journal").exists():
        mode = "rw"  # the rest of a write that was killed: SQLite must undo it before anything can be read
    elif _beside(path, "-wal").exists():
        mode = "ro"
    else:
        mode = "ro&immutable=1"  # nobody has it open; so no log is made beside a file that may not be ours
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=0, isolation_level=None)


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in _BUSY


def _wait(path: Path, deadline: float) -> None:
    if time.monotonic() >= deadline:
        problem = "has to be brought to this release's format, and another process has it open"
        _refuse(path, problem, "end that process, then try again")
    time.sleep(_LOOK_EVERY_SECONDS)


def _refuse(path: Path, problem: str, advice: str, *, ours: bool = False) -> NoReturn:
    """Refuse a file; `ours`: it is surely a store of this program's, so that what is wrong with it is damage."""
    message = f"{path}: {problem}; {advice}. {_LEFT}"
    raise StoreDamaged(message) if ours else StoreRefused(message)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}")


def _delete(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        _beside(path, ending).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
