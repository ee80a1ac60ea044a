"""The database of rollouts.

Either a SQLite file of this machine, private, with a write-ahead log on a local disk, or a PostgreSQL that workers on
many machines share.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from controller.errors import StoreRefused, TsunaguError
from controller.operations.rollout_database import RolloutDatabase

BUSY_MILLISECONDS = 30_000
APPLICATION_ID = 0x54535255
"""Written into the file, so that no other program's file is taken for it."""
_SETTINGS = (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL")
_ADVICE = (
    "restore it from a backup, or move it away: rollouts that had not ended are then known by their timelines only"
)
TABLES = sa.MetaData()
"""The tables of Tsunagu; those of the workflow engine are its own. See `make_table`."""
SERVER_SCHEMA = "tsunagu"
"""Where these tables stand in a PostgreSQL."""
PATIENCE_SECONDS = 60.0
"""How long a server that was reached before may be away (it is started anew, say) until that is an error."""
_LOOK_AGAIN_SECONDS = 0.3
_POOL = {"pool_size": 20, "max_overflow": 60, "pool_timeout": 60, "pool_pre_ping": True}
_NETWORK = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_SESSION = {
    "search_path": SERVER_SCHEMA,
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "synchronous_commit": "on",
}
"""What holds in each session: a frozen client keeps no lock for ever, and what is committed is on the disk."""
SERVER_SECONDS = sa.extract("epoch", sa.func.clock_timestamp())
"""A server's own clock: those of the machines that share it need not agree."""
_LOCK_OF_TABLES = 0x54535255


class _Connections:
    """The connections to a server that an engine has opened; once it is closed it opens no other."""

    def __init__(self) -> None:
        self._opened: weakref.WeakSet[Any] = weakref.WeakSet()
        self._closed = False
        self._lock = Lock()

    def add(self, connection: Any) -> object:  # noqa: ANN401 the driver's own
        """Return a connection that was just opened.

        Raises:
            StoreRefused: the engine was closed meanwhile.
        """
        with self._lock:
            if not self._closed:
                self._opened.add(connection)
                return connection
        connection.close()
        message = "the database of rollouts was closed by this process"
        raise StoreRefused(message)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in list(self._opened):
                connection.close()


_OPENED: weakref.WeakKeyDictionary[sa.Engine, _Connections] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A PostgreSQL of the operators' file; `read_password` resolves the reference anew for each connection."""

    settings: RolloutDatabase
    read_password: Callable[[], str]


def connect_server(server: DatabaseServer) -> sa.Engine:
    """Return an engine on a PostgreSQL that was reached.

    Raises:
        StoreRefused: it cannot be reached, or lets nobody of this name in; says what to do.
    """
    settings = server.settings
    url = sa.URL.create(
        "postgresql+psycopg",
        username=settings.user,
        host=str(settings.host),
        port=settings.port,
        database=settings.name,
    )
    engine = sa.create_engine(url, connect_args=_list_connect_arguments(settings), **_POOL)

    reached = Event()
    connections = _OPENED[engine] = _Connections()

    def connect(dialect: sa.Dialect, _record: object, words: list[Any], arguments: dict[str, Any]) -> object:
        """Return a connection of the driver; a server that was reached before is waited for."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            # Only here: the engine's address, which stands in errors and in what is handed on, never holds it.
            secret = {"password": _read_password(server)}
            try:
                made = dialect.connect(*words, **(arguments | secret))
            except dialect.loaded_dbapi.OperationalError:
                if not reached.is_set() or time.monotonic() > until:
                    raise
            else:
                return connections.add(made)
            Event().wait(_LOOK_AGAIN_SECONDS)

    event.listen(engine, "do_connect", connect)
    try:
        with engine.connect():
            reached.set()
            return engine
    except SQLAlchemyError as error:
        close_database(engine)
        message = (
            f"the database of rollouts {settings.name!r} on {settings.host} (port {settings.port}) cannot be used: "
            f"{_find_cause(error)}; look at rollout.database in the operators' file"
        )
        raise StoreRefused(message) from None
    except StoreRefused:
        close_database(engine)
        raise


def close_database(database: sa.Engine) -> None:
    """Close all connections to a database, those, too, that a thread of the workflow engine still has in its hands."""
    database.dispose()
    if database in _OPENED:
        _OPENED[database].close()


def _read_password(server: DatabaseServer) -> str:
    try:
        return server.read_password()
    except TsunaguError as error:
        message = f"the database of rollouts cannot be used: {error}"
        raise StoreRefused(message) from None


def _list_connect_arguments(settings: RolloutDatabase) -> dict[str, Any]:
    """Return what libpq is told: everything that its environment variables could decide otherwise."""
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    arguments = {**_NETWORK, "application_name": "tsunagu", "gssencmode": "disable", "options": options}
    if settings.password is not None:
        # The secret itself is never sent, to whoever listens there.
        arguments["require_auth"] = "scram-sha-256"
    if isinstance(settings.host, Path):
        arguments["requirepeer"] = settings.server_user
    elif not settings.is_local:
        trusted = "system" if settings.certificates is None else str(settings.certificates)
        arguments |= {"sslmode": "verify-full", "sslrootcert": trusted}
    return arguments


def is_server(database: sa.Engine) -> bool:
    """Tell if a database is a server that many workers share."""
    return database.dialect.name == "postgresql"


def make_table(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    """Return a table of Tsunagu's; `create_tables` makes it in the database.

    >>> make_table("examples", sa.Column("id", sa.Text)).name
    'tsunagu_examples'
    """
    return sa.Table(f"tsunagu_{name}", TABLES, *columns)


def create_tables(database: sa.Engine) -> None:
    """Make the tables where they are missing.

    Raises:
        StoreRefused: the database cannot be read or written.
    """
    with begin_transaction(database) as connection:
        if is_server(database):
            # Two that come at once would both find none. Ends with the transaction.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_OF_TABLES)))
            if connection.execute(sa.select(sa.func.to_regnamespace(SERVER_SCHEMA))).scalar() is None:
                connection.execute(sa.schema.CreateSchema(SERVER_SCHEMA))
        elif set(sa.inspect(connection).get_table_names()).issuperset(TABLES.tables):
            return
        else:
            # The same here. The driver itself begins no transaction for what makes tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        TABLES.create_all(connection)


@contextmanager
def begin_transaction(database: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection in a transaction.

    Raises:
        IntegrityError: the database itself forbids what was written.
        StoreRefused: it cannot be read or written; in our words.
    """
    try:
        with database.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        raise explain_database_error(error) from None


def explain_database_error(error: SQLAlchemyError) -> StoreRefused:
    """Return an error of the database in our words."""
    return StoreRefused(f"the database of rollouts cannot be used: {_find_cause(error)}; nothing more is begun")


def _find_cause(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())


def connect_database(path: Path) -> sa.Engine:
    """Return an engine on the database; the file and its folder are made where they are missing.

    Raises:
        StoreRefused: the file is damaged, cut short, another program's, or cannot be written; it is left as it is.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            _inspect_file(path)
        else:
            _create_file(path)
    except (OSError, sqlite3.Error) as error:
        _refuse(path, f"cannot be opened ({error})")
    engine = sa.create_engine(f"sqlite:///{path.absolute()}")
    event.listen(engine, "connect", _prepare_connection)
    return engine


def _prepare_connection(connection: Any, _record: object) -> None:  # noqa: ANN401 the driver's own
    # Whoever writes takes the lock when a transaction begins: two that read first could not both go on.
    connection.isolation_level = "IMMEDIATE"
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")


def _create_file(path: Path) -> None:
    """Make the file beside its place and link it there: a process that comes meanwhile sees none, or a whole one."""
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.new")
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode=WAL")
        with suppress(FileExistsError):  # another process was quicker; its file is as good
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _inspect_file(path: Path) -> None:
    if not path.stat().st_size:
        _refuse(path, "is empty (0 bytes)")
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_MILLISECONDS / 1000, isolation_level=None)) as connection:
            [(owner,)] = connection.execute("PRAGMA application_id").fetchall()
            if owner != APPLICATION_ID:
                _refuse(path, f"is no database of rollouts (application id {owner:#010x})")
            [(answer,), *_] = connection.execute("PRAGMA quick_check(1)").fetchall()
            if answer != "ok":
                _refuse(path, f"is damaged ({answer.splitlines()[-1]})")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        _refuse(path, f"is damaged or no SQLite file ({error})")


def _refuse(path: Path, problem: str) -> NoReturn:
    message = f"{path}: the database of rollouts {problem}; {_ADVICE}. It was left as it is"
    raise StoreRefused(message)
