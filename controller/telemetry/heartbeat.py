"""A sign of life again and again while something long is done, from a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

HEARTBEAT_SECONDS = 5.0
"""How long lies between two signs of life."""
LOST_SECONDS = 20.0
"""A process that gave no sign of life for so long was killed or is frozen: four signs are missing, not one."""


@contextmanager
def keep_beating(beat: Callable[[], None], name: str, seconds: float = HEARTBEAT_SECONDS) -> Iterator[None]:
    """Call a function every so many seconds for the length of a block; the first time after that long.

    Where it fails that is logged, and what is done goes on: a sign of life must not end a life.
    """
    ended = Event()

    def work() -> None:
        while not ended.wait(seconds):
            try:
                beat()
            except Exception as error:  # noqa: BLE001 see above
                logging.getLogger("tsunagu").warning("%s: no sign of life could be given: %s", name, error)

    thread = Thread(target=work, name=f"heartbeat-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
