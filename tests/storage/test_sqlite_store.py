"""Stores are migrated, made whole or not at all, and refused by name; tried with today's three stores and old ones."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import StoreRefused
from controller.measure.measurement import MeasurementKind
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.storage import sqlite as sqlite_store
from controller.storage.sqlite import StoreFormat, backup_store, open_store, split_statements
from tests.storage.killed_opening import FORMATS, STORE
from tests.storage.old_stores import KINDS, MAKERS, ROWS

NAMES = tuple(FORMATS)
EVIDENCE = {
    "measurements": (
        "SELECT id, run, at, school, figures, raw, replace(kind, 'proxy', 'http') FROM measurement ORDER BY id"
    ),
    "monitor": (
        "SELECT at, kind, school, line, text FROM event "
        "UNION ALL SELECT at, series, n, round(total / least, 9), round(most / least, 9) FROM bin ORDER BY 1, 2"
    ),
    "world": "SELECT token, id, inputs FROM resources ORDER BY 1, 2",
}
"""What must outlive everything, in words that hold for old and new formats (whose units differ)."""
MIGRATIONS = {
    "measurements": "645870bb 4e044da6 b9238860 ac2c878f 053966cc 44e0887b d6382fb3 8671dc60 82df8381",
    "monitor": "b3fbd0e1 e3b0c442 3b9b9a5b 66a8dbd0 34084ef8 084102b0",
    "world": "354a732b",
}
"""The beginnings of the digests of all migrations; a new one is added at the end."""
HOLDER = """
import sys, time
from pathlib import Path
from controller.storage.sqlite import open_store
from tests.storage.killed_opening import FORMATS
import sqlite3
name, path = sys.argv[1], Path(sys.argv[2])
connection = sqlite3.connect(path) if name == "raw" else open_store(path, FORMATS[name])
connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old(name: str, tmp_path: Path) -> Path:
    """A store of the first format."""
    path = tmp_path / "old.sqlite"
    MAKERS[name](path)
    return path


@pytest.fixture
def current(old: Path, name: str) -> Path:
    """A store of today's format, with what the old one held."""
    open_store(old, FORMATS[name]).close()
    return old


def evidence(path: Path, name: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(EVIDENCE[name]).fetchall()


def version(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as connection:
        [(found,)] = connection.execute("PRAGMA user_version")
        [(owner,)] = connection.execute("PRAGMA application_id")
    return int(found), int(owner)


def content(folder: Path) -> dict[str, str]:
    """Every file of a folder but SQLite's own shared memory, which holds nothing."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.endswith("-shm"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refusal(path: Path, store: StoreFormat) -> str:
    """What is said of a file that is refused, after making sure that nothing beside or in it has changed."""
    before = content(path.parent)
    with pytest.raises(StoreRefused) as refused:
        open_store(path, store, patience=0.2)
    assert content(path.parent) == before
    text = str(refused.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith("It was left as it is")
    return text


@contextmanager
def held_open(path: Path, by: str) -> Iterator[None]:
    """A living process that has a store open."""
    words = [sys.executable, "-c", HOLDER, by, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.communicate("")


def test_an_old_store_opens_after_a_migration_and_holds_what_it_held(old: Path, name: str) -> None:
    before, old_version = evidence(old, name), version(old)
    assert len(before) >= ROWS
    for _ in range(2):
        with closing(open_store(old, FORMATS[name])) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert evidence(old, name) == before
        assert version(old) == (FORMATS[name].newest, FORMATS[name].application_id)
    backup = old.with_name(f"old.sqlite.format-{old_version[0]}.backup")
    assert (version(backup), evidence(backup, name)) == (old_version, before)
    assert sorted(path.name for path in old.parent.iterdir()) == ["old.sqlite", backup.name]


def test_an_old_measurement_is_read_in_the_new_words_and_still_never_changes(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    MAKERS["measurements"](path)
    with open_measurement_store(path) as store:
        kinds = [one.result.kind for number in range(ROWS // 10) for one in store.read_run(f"r{number}")]
    assert kinds.count(MeasurementKind.HTTP) == ROWS // len(KINDS)
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never changes"):
        connection.execute("UPDATE measurement SET run = '2'")


def test_a_new_store_is_like_one_that_was_migrated(current: Path, name: str, tmp_path: Path) -> None:
    fresh = tmp_path / "folder" / "new.sqlite"
    open_store(fresh, FORMATS[name]).close()
    assert version(fresh) == version(current)
    query = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    schemas = []
    for path in (fresh, current):
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(query).fetchall()
        schemas.append([(*row[:3], " ".join(str(row[3]).replace("IF NOT EXISTS ", "").split())) for row in rows])
    assert schemas[0] == schemas[1]
    assert sorted(path.name for path in fresh.parent.iterdir()) == ["new.sqlite"]


def test_a_store_that_every_release_has_opened_is_like_one_that_came_from_the_first(
    old: Path, name: str, tmp_path: Path
) -> None:
    before, newest = evidence(old, name), FORMATS[name]
    for number in range(2, newest.newest + 1):
        open_store(old, replace(newest, migrations=newest.migrations[:number])).close()
        assert (version(old)[0], evidence(old, name)) == (number, before)
        assert old.with_name(f"old.sqlite.format-{number - 1}.backup").exists()
    at_once = tmp_path / "at-once.sqlite"
    MAKERS[name](at_once)
    open_store(at_once, newest).close()
    with closing(sqlite3.connect(old)) as one, closing(sqlite3.connect(at_once)) as other:
        assert list(one.iterdump()) == list(other.iterdump())


@pytest.mark.parametrize("name", NAMES)
def test_what_led_to_a_format_that_stores_have_never_changes(name: str) -> None:
    found = [hashlib.sha256(one.encode()).hexdigest()[:8] for one in FORMATS[name].migrations]
    assert found == MIGRATIONS[name].split(), "add a migration; a store of a format must be the same everywhere"


def killed(name: str, source: Path, folder: Path) -> list[Path]:
    """What processes left that were killed at each statement of the opening; the last one was not killed."""
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "tests.storage.killed_opening", name, source, folder], check=True)
    return [folder / str(step) / STORE for step in range(1, len(list(folder.iterdir())) + 1)]


def test_a_migration_that_is_killed_at_any_statement_leaves_a_store_that_can_be_read(
    old: Path, name: str, tmp_path: Path
) -> None:
    before, old_version = evidence(old, name), version(old)
    new_version = FORMATS[name].newest, FORMATS[name].application_id
    left = killed(name, old, tmp_path / "killed")
    versions = []
    for path in left:
        versions.append(version(path))
        assert evidence(path, name) == before, path
        open_store(path, FORMATS[name]).close()
        assert (version(path), evidence(path, name)) == (new_version, before), path
    # Old until it is committed, whole after it; and the kills reached into the migration and beyond it.
    assert set(versions) == {old_version, new_version}
    assert versions == sorted(versions)
    statements = list(split_statements("".join(FORMATS[name].migrations[old_version[0] :])))
    assert versions.count(old_version) > 10 + len(statements)


def test_a_store_whose_making_is_killed_is_whole_or_not_there(name: str, tmp_path: Path) -> None:
    left = killed(name, tmp_path / "none", tmp_path / "killed")
    there = [path.exists() for path in left]
    assert there == sorted(there)
    assert set(there) == {False, True}
    for path in left:
        if path.exists():
            assert version(path) == (FORMATS[name].newest, FORMATS[name].application_id)
        open_store(path, FORMATS[name]).close()


def test_a_newer_format_is_refused(current: Path, name: str) -> None:
    newest = FORMATS[name].newest
    with closing(sqlite3.connect(current)) as connection:
        connection.execute(f"PRAGMA user_version={newest + 1}")
    text = refusal(current, FORMATS[name])
    assert f"of format {newest + 1}; this release reads formats up to {newest}" in text
    assert "use the release that wrote it" in text


def test_a_newer_format_that_stands_only_in_the_log_of_a_killed_process_is_refused(current: Path, name: str) -> None:
    script = (
        "import os, signal, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA user_version=99')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, current], check=False)
    assert done.returncode == -signal.SIGKILL
    assert current.with_name(f"{current.name}-wal").stat().st_size > 0
    assert "of format 99" in refusal(current, FORMATS[name])


ANOTHER = [(name, made) for name in NAMES for made in (*NAMES, "theirs", "empty database") if made != name]


@pytest.mark.parametrize(("name", "made"), ANOTHER)
def test_a_store_of_another_program_is_refused(made: str, name: str, tmp_path: Path) -> None:
    for number, migrated in enumerate((False, True)):
        path = tmp_path / str(number) / "store.sqlite"
        path.parent.mkdir()
        if made in MAKERS:
            MAKERS[made](path)
            if migrated:
                open_store(path, FORMATS[made]).close()
                path.with_name(f"store.sqlite.format-{FORMATS[made].unstamped}.backup").unlink()
        else:
            with closing(sqlite3.connect(path)) as connection:
                if made == "theirs":
                    connection.execute("CREATE TABLE theirs (x)")
                connection.execute(f"PRAGMA user_version={FORMATS[name].unstamped + migrated}")
                connection.execute("VACUUM")
        text = refusal(path, FORMATS[name])
        assert f"is no {FORMATS[name].name} of Tsunagu (application id 0x" in text
        assert FORMATS[name].advice in text


@pytest.mark.parametrize("kept", [1, 99, 100, 512, 4095, 4096, 4097, 0.5, -4096, -1])
def test_a_store_that_is_cut_short_is_refused(current: Path, name: str, kept: float) -> None:
    whole = current.read_bytes()
    left = int(len(whole) * kept) if isinstance(kept, float) else kept if kept > 0 else len(whole) + kept
    current.write_bytes(whole[:left])
    text = refusal(current, FORMATS[name])
    assert "is damaged or cut short" in text or "is no SQLite file" in text
    assert "0x" not in text


def test_an_empty_file_is_no_new_store(current: Path, name: str) -> None:
    current.write_bytes(b"")
    assert "is empty (0 bytes); restore it from a backup" in refusal(current, FORMATS[name])
    os.mkfifo(pipe := current.with_name("pipe"))  # as /dev/null, it is nothing to be deleted
    assert f"is no regular file; {FORMATS[name].advice}" in refusal(pipe, FORMATS[name])


def test_what_is_no_database_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("somebody may need this " * 500, encoding="utf-8")
    assert "is no SQLite file" in refusal(path, FORMATS[name])
    with pytest.raises(StoreRefused, match="is no regular file"):
        open_store(tmp_path, FORMATS[name])


def test_any_page_that_is_zeros_or_garbage_is_refused(current: Path, name: str) -> None:
    whole = current.read_bytes()
    size = int.from_bytes(whole[16:18], "big")
    for page in range(len(whole) // size):
        for filled in (b"\0", b"\xa5"):
            current.write_bytes(whole[: page * size] + filled * size + whole[(page + 1) * size :])
            text = refusal(current, FORMATS[name])
            assert "damaged" in text or "is no SQLite file" in text


def test_a_schema_that_is_no_text_is_refused(current: Path, name: str) -> None:
    whole = current.read_bytes()
    at = whole.rindex(b"CREATE TABLE ") + len(b"CREATE ")
    current.write_bytes(whole[:at] + b"\xa0" + whole[at + 1 :])
    assert "is damaged (" in refusal(current, FORMATS[name])


def test_a_log_without_its_store_is_not_taken_into_a_new_one(name: str, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite-wal").write_bytes(b"the last minutes of a store that somebody moved away")
    text = refusal(tmp_path / "store.sqlite", FORMATS[name])
    assert "is gone, and its write-ahead log (store.sqlite-wal) is left" in text


def test_a_store_that_a_living_process_has_open_is_not_migrated_under_it(old: Path, name: str) -> None:
    before, old_version = evidence(old, name), version(old)
    with held_open(old, "raw"):
        assert "another process has it open; end that process" in refusal(old, FORMATS[name])
        assert version(old) == old_version
    open_store(old, FORMATS[name]).close()
    assert evidence(old, name) == before


def test_a_migration_waits_for_a_process_that_is_just_ending(old: Path, name: str) -> None:
    with held_open(old, "raw"):
        waiting = subprocess.Popen([sys.executable, "-c", HOLDER, name, str(old)], stdin=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
    assert waiting.wait(60) == 0


def test_processes_that_start_at_once_on_an_old_store_all_come_to_use_it(old: Path, name: str) -> None:
    before = evidence(old, name)
    words = [sys.executable, "-c", HOLDER, name, str(old)]
    processes = [subprocess.Popen(words, stdin=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert evidence(old, name) == before


def test_a_store_that_another_process_leads_to_its_format_meanwhile_is_not_taken_for_damaged(
    old: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = evidence(old, name)
    connect = sqlite_store._connect_read_only  # noqa: SLF001 - only here is the moment between two looks

    def connect_after_another(path: Path) -> sqlite3.Connection:
        monkeypatch.setattr(sqlite_store, "_connect_read_only", connect)
        open_store(path, FORMATS[name]).close()
        return connect(path)

    monkeypatch.setattr(sqlite_store, "_connect_read_only", connect_after_another)
    open_store(old, FORMATS[name]).close()
    assert evidence(old, name) == before


def test_a_store_in_use_can_be_opened_by_others(current: Path, name: str) -> None:
    with held_open(current, name), closing(open_store(current, FORMATS[name])) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def test_a_disk_that_is_full_leaves_the_old_store(old: Path, name: str) -> None:
    before = content(old.parent)
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from controller.storage.sqlite import open_store\n"
        "from tests.storage.killed_opening import FORMATS\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "open_store(Path(sys.argv[2]), FORMATS[sys.argv[1]])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, name, old], check=False, capture_output=True, text=True)
    assert "controller.errors.StoreRefused" in done.stderr, done.stderr
    after = content(old.parent)
    assert after[old.name] == before[old.name]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 8192
    open_store(old, FORMATS[name]).close()


def test_a_backup_of_a_store_in_use_is_one_whole_file(current: Path, name: str, tmp_path: Path) -> None:
    before = evidence(current, name)
    target = tmp_path / "copies" / "copy.sqlite"
    target.parent.mkdir()
    with held_open(current, name), closing(open_store(current, FORMATS[name])) as connection:
        for _ in range(2):
            backup_store(connection, target)
    assert [path.name for path in target.parent.iterdir()] == ["copy.sqlite"]
    assert (evidence(target, name), version(target)) == (before, version(current))
    open_store(target, FORMATS[name]).close()


def test_a_damaged_page_of_a_store_too_large_to_look_through_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    MAKERS["measurements"](path)
    open_store(path, MEASUREMENT_STORE).close()
    with closing(sqlite3.connect(path)) as connection:
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'measurement'").fetchall()
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * (page - 1)] + b"\0" * 4096 + whole[4096 * page :])
    open_store(path, replace(MEASUREMENT_STORE, checked_bytes=len(whole) - 1)).close()
    assert "damaged" in refusal(path, replace(MEASUREMENT_STORE, checked_bytes=len(whole)))


def test_a_migration_that_ends_within_a_statement_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="ends within a statement: CREATE TABLE b"):
        list(split_statements("CREATE TABLE a (x);\nCREATE TABLE b (x)"))
