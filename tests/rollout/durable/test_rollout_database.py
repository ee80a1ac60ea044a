"""The database of rollouts: private, refused where it is damaged, never unpickled, known to one module only."""

from __future__ import annotations

import ast
import base64
import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier, Thread, Timer
from typing import Any

import pytest
from dbos._sys_db import SystemDatabase

from controller.errors import RolloutRefused, StoreRefused
from controller.lab.state.processes import wait_until
from controller.rollout.durable.carry_out import become_worker, find_worker_lock, is_worked_on, use_rollouts
from controller.rollout.durable.database import connect_database
from controller.rollout.durable.dbos_engine import JsonSerializer, refuse_pickles
from controller.rollout.durable.snapshot import unpack_snapshot
from controller.storage.file_lock import hold_file_lock
from tests.cli.running import ROOT

LIBRARIES = {
    "sqlalchemy": {
        "controller/rollout/durable/database.py",
        "controller/rollout/durable/dbos_engine.py",
        "controller/rollout/durable/gates/gate_store.py",
        "controller/rollout/durable/heartbeats.py",
        "controller/rollout/durable/waves/write_offs.py",
        "controller/rollout/durable/rollout_store.py",
        "controller/rollout/durable/worker_lease.py",
    },
}


def test_only_the_port_knows_the_libraries() -> None:
    found: dict[str, set[str]] = {name: set() for name in LIBRARIES}
    for path in (ROOT / "controller").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.partition(".")[0] in found:
                    found[name.partition(".")[0]].add(str(path.relative_to(ROOT)))
    assert found == LIBRARIES


def test_the_database_is_private_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "rollouts" / "rollouts.sqlite"
    engine = connect_database(path)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "busy_timeout": 30_000, "foreign_keys": 1, "synchronous": 2}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_process_that_comes_while_the_file_is_made_sees_none_or_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rollouts" / "rollouts.sqlite"
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    seen: list[bool] = []

    def connect_beside(name: object, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 sqlite3's own
        monkeypatch.setattr(sqlite3, "connect", connect)
        seen.append(path.exists())
        connect_database(path).dispose()  # the other process, in the middle of this one's making
        return connect(str(name), **options)

    monkeypatch.setattr(sqlite3, "connect", connect_beside)
    connect_database(path).dispose()
    assert seen == [False]
    assert sorted(one.name for one in path.parent.iterdir()) == ["rollouts.sqlite"]
    with use_rollouts(tmp_path) as store:
        assert store.list_rollouts() == []


def test_two_that_come_at_once_make_the_tables_once(tmp_path: Path) -> None:
    """Also in one process: the daemon's duties begin together."""
    at_once, refused = 4, list[StoreRefused]()
    for number in range(5):
        ready = Barrier(at_once)

        def look(state: Path, ready: Barrier = ready) -> None:
            ready.wait(20)
            try:
                with use_rollouts(state, create=True) as store:
                    store.find_active()
            except StoreRefused as error:
                refused.append(error)

        threads = [Thread(target=look, args=(tmp_path / str(number),)) for _ in range(at_once)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    assert not refused


def test_who_only_looks_keeps_no_worker_from_beginning(tmp_path: Path) -> None:
    with use_rollouts(tmp_path, create=True):
        lock = tmp_path / "rollouts" / "worker.lock"
    look = ExitStack()
    look.enter_context(hold_file_lock(lock))
    timer = Timer(0.3, look.close)
    timer.start()
    with become_worker(tmp_path) as (_, store):
        assert store.list_rollouts() == []
    timer.join()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        scribble,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no database at all\n" * 100),
        lambda path: path.write_bytes(b"SQLite format 3\0" + b"\0" * 84),
    ],
)
def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path, damage: object) -> None:
    with use_rollouts(tmp_path, create=True) as store:
        store.list_rollouts()
    path = tmp_path / "rollouts" / "rollouts.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    assert callable(damage)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match=r"(?s)rollouts\.sqlite.*left as it is"), use_rollouts(tmp_path):
        pass
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rollouts" / "rollouts.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a (b)")
        connection.commit()
    with pytest.raises(StoreRefused, match="no database of rollouts"), use_rollouts(tmp_path):
        pass


def test_where_none_was_started_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(RolloutRefused, match="no rollout was started from here"), use_rollouts(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
    with use_rollouts(tmp_path, create=True) as store, pytest.raises(RolloutRefused, match="no rollout 'r'"):
        store.load_record("r")


def test_one_process_works_on_rollouts_at_a_time(tmp_path: Path) -> None:
    with use_rollouts(tmp_path, create=True) as looking:
        assert not is_worked_on(looking, tmp_path)
        with become_worker(tmp_path):
            assert is_worked_on(looking, tmp_path)
            with pytest.raises(RolloutRefused, match="works on the rollouts"), become_worker(tmp_path):
                pass
        assert not is_worked_on(looking, tmp_path)


def test_who_looks_is_taken_for_a_worker_by_nobody_and_writes_nothing(tmp_path: Path) -> None:
    with use_rollouts(tmp_path, create=True) as looking:
        with become_worker(tmp_path):
            pass
        lock = find_worker_lock(tmp_path)
        note = lock.read_bytes()
        # Another one looks at the same moment.
        with hold_file_lock(lock, shared=True):
            assert not is_worked_on(looking, tmp_path)
        lock.write_bytes(b"1\n")
        assert not is_worked_on(looking, tmp_path)
        assert (note, lock.read_bytes()) == (f"{os.getpid()}\n".encode(), b"1\n")


class Evil:
    """What a pickle in the database would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('a program from the database ran')",))


def test_nothing_in_the_database_is_a_program() -> None:
    from dbos._serialization import deserialize_value  # noqa: PLC0415 what the library itself calls

    refuse_pickles()
    text = base64.b64encode(pickle.dumps(Evil())).decode()
    with pytest.raises(TypeError, match="is a pickle"):
        deserialize_value(text, "py_pickle", JsonSerializer())


def test_values_and_errors_are_kept_as_json() -> None:
    serializer = JsonSerializer()
    for value in ("go", ["a", 1, None], {"args": ["r.0"], "kwargs": {}}):
        assert serializer.deserialize(serializer.serialize(value)) == value
    error = serializer.deserialize(serializer.serialize(ValueError("no")))
    assert isinstance(error, RuntimeError)
    assert str(error) == "ValueError: no"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"{",
        b'{"plan": "e30=", "signatures": {}}',
        b'{"plan": "!!", "signatures": {}, "policy": {}}',
        b'{"plan": "e30=", "signatures": {"/../../x": "e30="}, "policy": {}}',
        b'{"plan": "e30=", "signatures": {}, "policy": {"Li4veC55YW1s": "e30="}}',
        b'{"plan": "e30=", "signatures": {}, "policy": {"L2V0Yy94LnlhbWw=": "e30="}}',
        b'{"plan": "e30=", "signatures": {}, "policy": {"YQ==": "abc"}}',
        b'{"plan": "e30=", "signatures": {}, "policy": {}, "before": {"L2V0Yy94LnlhbWw=": "e30="}}',
    ],
)
def test_a_damaged_snapshot_is_refused(block: bytes) -> None:
    with pytest.raises(StoreRefused, match="the snapshot of the rollout r is damaged"), unpack_snapshot("r", block):
        pass


def test_the_queues_of_a_new_database_are_served_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = SystemDatabase.list_queues

    def count(database: SystemDatabase, **words: Any) -> Any:  # noqa: ANN401 the library's
        found = look(database, **words)
        looks.append(len(found))
        return found

    monkeypatch.setattr(SystemDatabase, "list_queues", count)
    with become_worker(tmp_path) as (engine, _store):
        engine.launch({}, {"first": 1, "second": 2})
        try:
            wait_until(lambda: bool(looks), 30.0)
        finally:
            engine.stop()
    assert looks[0] == 2, "the library's first look, the next of which comes a second later, found none"
