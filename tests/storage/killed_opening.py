"""Opens copies of a store in processes that are killed (-9) at the first, second, third ... statement of the opening.

    python -m tests.storage.killed_opening NAME SOURCE FOLDER

leaves FOLDER/1, FOLDER/2 ...: what each killed process left; the last one came to its end. SOURCE may be missing.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.offline_google.world.world_store import WORLD_STORE
from controller.storage.sqlite import StoreFormat, open_store
from monitoring.timeseries.schema import TIME_SERIES_STORE

FORMATS: dict[str, StoreFormat] = {
    "measurements": MEASUREMENT_STORE,
    "monitor": TIME_SERIES_STORE,
    "world": WORLD_STORE,
}
STORE = "store.sqlite"


def die_at(step: int) -> Callable[[str], None]:
    """What kills this process when it is called for the so manyth time."""
    steps = count(1)

    def called(_: str) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return called


def open_and_die(path: Path, store: StoreFormat, step: int) -> None:
    """Open a store in this process, which dies at a statement, or at putting a finished file into its place."""
    die = die_at(step)
    connect, replace, link = sqlite3.connect, os.replace, os.link

    def traced(*words: object, **named: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*words, **named)  # type: ignore[call-overload]  # passed on
        connection.set_trace_callback(die)
        return connection

    def replaced(*words: str) -> None:
        die("")
        replace(*words)
        die("")

    def linked(*words: str) -> None:
        die("")
        link(*words)
        die("")

    sqlite3.connect = traced  # type: ignore[assignment]  # of this process alone, which does nothing else
    os.replace, os.link = replaced, linked  # type: ignore[assignment]  # see above
    open_store(path, store).close()


def main(name: str, source: Path, folder: Path) -> None:
    """A process for each statement, until one comes to its end."""
    for step in count(1):
        (folder / str(step)).mkdir()
        path = folder / str(step) / STORE
        if source.exists():
            shutil.copyfile(source, path)
        child = os.fork()
        if child == 0:
            open_and_die(path, FORMATS[name], step)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
