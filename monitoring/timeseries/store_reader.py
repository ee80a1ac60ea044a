"""Reads the store of a monitor that may be at work, from another process; it writes nothing into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from controller.errors import MonitorError
from controller.storage.sqlite import open_store
from monitoring.timeseries.schema import TIME_SERIES_STORE


class ReadableStore(Protocol):
    """What queries are asked of: the monitor's own store, or a reader of its file."""

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query finds."""


class StoreReader:
    """A store's file, read only. Open it with `open_store_reader`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query finds.

        Raises:
            MonitorError: it cannot be read.
        """
        try:
            with closing(self._connection.execute(query, parameters)) as found:
                return found.fetchall()
        except sqlite3.Error as error:
            message = f"{self.path}: cannot be read ({error}); is it the store of a monitor?"
            raise MonitorError(message) from None


@contextmanager
def open_store_reader(path: Path, *, looks_through: bool = True) -> Iterator[StoreReader]:
    """The store in a file, for reading.

    `looks_through`: first look for damage in the whole file. Without that a damaged page is refused when it is read.

    Raises:
        MonitorError: there is none.
        StoreRefused: it is no store of a monitor, of another format, or damaged.
    """
    if not path.exists():
        message = f"{path}: no such file; name the monitor's store with --monitor-store, on the machine that it runs on"
        raise MonitorError(message)
    wanted = TIME_SERIES_STORE if looks_through else replace(TIME_SERIES_STORE, checked_bytes=0)
    with closing(open_store(path, wanted, migrates=False)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        connection.execute("PRAGMA query_only=ON")
        yield StoreReader(connection, path)
