"""What is sent to pages as it happens: server-sent events that a page takes up again where it lost them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from monitoring.limits import MOST_READERS

KEPT_BYTES = 4_000_000
"""What a page that comes back can be given again: a minute or more of a city that changes every second."""
BEHIND_BYTES = 4_000_000
"""A reader that has so much unread, some turns of the largest city, is let go and comes back. One message is always
taken, however long it is."""
_LONGEST_NUMBER = 19
"""Digits of a message's number; Python refuses to read very long ones."""
HEARTBEAT_SECONDS = 5.0
HEARTBEAT = b": alive\nevent: alive\ndata: {}\n\n"


@dataclass(eq=False)
class StreamReader:
    """One open page, or one browser with all its tabs. `unread` counts the bytes in its queue."""

    school: str | None
    queue: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    unread: int = 0


class EventStream:
    """All open pages. Belongs to one thread, the event loop's.

    `snapshot` gives everything as it is, for a page that was away for too long.
    """

    def __init__(self, snapshot: Callable[[], Sequence[tuple[str, object]]]) -> None:
        self._snapshot = snapshot
        self._run = uuid.uuid4().hex[:8]
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_from = 1
        self._size = 0
        self._newest: dict[str, tuple[int, bytes]] = {}
        self._readers: dict[StreamReader, None] = {}  # in the order in which they came
        self._closed = False

    @property
    def readers(self) -> int:
        """How many pages are open."""
        return len(self._readers)

    def publish(self, event: str, data: object, *, whole: bool = False) -> None:
        """Tell every page, now or when it comes back. A `whole` one replaces those of its name that came before."""
        self._number += 1
        text = _message(event, data, f"{self._run}-{self._number}")
        if whole:
            self._newest[event] = (self._number, text)
        else:
            self._keep(text)
        for reader in list(self._readers):
            self._put(reader, text)

    def nudge(self, school: str, data: Mapping[str, object]) -> None:
        """Tell who looks at a school, or at all, that something new can be asked for; not kept for who is away."""
        if not self._readers:
            return
        text = _message("school", data)
        for reader in list(self._readers):
            if reader.school in (None, school):
                self._put(reader, text)

    def close(self) -> None:
        """End every page's stream; the monitor stops."""
        self._closed = True
        self.let_go()

    def let_go(self) -> None:
        """End every open page's stream: each comes back, and begins with everything as it is then."""
        for reader in list(self._readers):
            self._end(reader)

    async def read(self, last: str | None, school: str | None = None) -> AsyncIterator[bytes]:
        """What a page is sent. `last` is the id of the last message that it got before, if any."""
        reader = StreamReader(school)
        while len(self._readers) >= MOST_READERS:
            self._end(next(iter(self._readers)))
        self._readers[reader] = None
        try:
            yield b"retry: 1000\n\n"
            for missed in self._missed(last):
                yield missed
            while not self._closed:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        text = await reader.queue.get()
                except TimeoutError:
                    yield HEARTBEAT
                    continue
                if text is None:
                    return
                reader.unread -= len(text)
                yield text
        finally:
            self._readers.pop(reader, None)

    def _missed(self, last: str | None) -> list[bytes]:
        """What came after a message; everything as it is where that is not known any more."""
        if last is None:
            return []
        run, _, number = last.rpartition("-")
        is_number = number.isdecimal() and len(number) <= _LONGEST_NUMBER
        if run == self._run and is_number and self._kept_from - 1 <= int(number) <= self._number:
            return [text for at, text in sorted([*self._kept, *self._newest.values()]) if at > int(number)]
        now = f"{self._run}-{self._number}"
        return [_message(event, data, now) for event, data in self._snapshot()]

    def _keep(self, text: bytes) -> None:
        self._kept.append((self._number, text))
        self._size += len(text)
        while self._size > KEPT_BYTES:
            at, gone = self._kept.popleft()
            self._size -= len(gone)
            self._kept_from = at + 1

    def _put(self, reader: StreamReader, text: bytes) -> None:
        if reader.unread and reader.unread + len(text) > BEHIND_BYTES:
            self._end(reader)
            return
        reader.unread += len(text)
        reader.queue.put_nowait(text)

    def _end(self, reader: StreamReader) -> None:
        self._readers.pop(reader, None)
        while not reader.queue.empty():
            reader.queue.get_nowait()
        reader.queue.put_nowait(None)


def _message(event: str, data: object, number: str = "") -> bytes:
    """One text for all readers: what waits for many of them is in memory once."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
