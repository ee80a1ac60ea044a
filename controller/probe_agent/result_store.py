"""What was measured and not acknowledged yet: a small SQLite file; beyond its bound the oldest go, and are counted."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.probe_agent.problems import ProbeProblem, tell

_TABLES = """
CREATE TABLE IF NOT EXISTS result (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL, metric TEXT NOT NULL, attributes TEXT NOT NULL, value REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counter VALUES ('dropped', 0);
"""
_BUSY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """A value of a metric at a time (seconds since 1970, by the probe's clock)."""

    metric: str
    attributes: tuple[tuple[str, str], ...]
    at: float
    value: float


class ResultStore:
    """The results that wait; at most `most` of them.

    Raises:
        ProbeProblem: the file cannot be made or opened.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._most = most
        try:
            self._connection = _open_sound(path)
        except sqlite3.Error as error:
            message = f"{path}: cannot be used ({error}); is there room on the disk, and may this user write there?"
            raise ProbeProblem(message) from None

    def add(self, results: Iterable[Result]) -> None:
        """Keep results; what is beyond the bound goes, the oldest first.

        Raises:
            sqlite3.Error: they could not be written.
        """
        rows = [(one.at, one.metric, json.dumps(one.attributes), one.value) for one in results]
        with self._connection as connection:
            connection.executemany("INSERT INTO result (at, metric, attributes, value) VALUES (?, ?, ?, ?)", rows)
            over = self.count_waiting() - self._most
            if over > 0:
                connection.execute(
                    "DELETE FROM result WHERE id IN (SELECT id FROM result ORDER BY id LIMIT ?)", (over,)
                )
                self.count_dropped(over)

    def take_newest(self, most: int) -> list[tuple[int, Result]]:
        """The newest results with their numbers: the present is told before the past.

        A row that is no result any more, which SQLite itself does not notice, is lost and counted.
        """
        rows = self._connection.execute(
            "SELECT id, metric, attributes, at, value FROM result ORDER BY id DESC LIMIT ?", (most,)
        )
        found: list[tuple[int, Result]] = []
        broken: list[int] = []
        for number, metric, attributes, at, value in rows.fetchall():
            try:
                named = tuple((str(name), str(text)) for name, text in json.loads(attributes))
                found.append((number, Result(str(metric), named, float(at), float(value))))
            except (ValueError, TypeError, RecursionError):
                broken.append(number)
        if broken:
            tell(f"{len(broken)} results that waited cannot be read any more: they are lost")
            self.count_dropped(len(broken))
            self.remove(broken)
        return found

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget what the monitor has."""
        with self._connection as connection:
            connection.executemany("DELETE FROM result WHERE id = ?", [(one,) for one in numbers])

    def count_dropped(self, more: int) -> None:
        """Count results that are lost."""
        self._connection.execute("UPDATE counter SET value = value + ? WHERE name = 'dropped'", (more,))

    def count_waiting(self) -> int:
        """How many results wait."""
        [(count,)] = self._connection.execute("SELECT COUNT(*) FROM result")
        return int(count)

    @property
    def dropped(self) -> int:
        """How many results are lost so far."""
        [(count,)] = self._connection.execute("SELECT value FROM counter WHERE name = 'dropped'")
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _open_sound(path: Path) -> sqlite3.Connection:
    """Open the file; one that is damaged is moved aside, and a new one begins."""
    try:
        return _open(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        tell(f"{path} was damaged ({error}): it is moved to {aside.name}, and a new one begins")
    return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        # What is kept is on the disk: a school's power is cut in the evening.
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_TABLES)
        [(found,)] = connection.execute("PRAGMA quick_check(1)")
        if found != "ok":
            raise sqlite3.DatabaseError(found)  # noqa: TRY301 SQLite's own word, as when it finds it later
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection
