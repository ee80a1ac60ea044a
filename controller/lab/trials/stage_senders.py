"""Hosts that keep trying to connect while a school is integrated: what is lost, and what should never come through.

One thread serves every stream: each tries a new TCP connection at a fixed beat, from its own network namespace. A try
that is lost is not tried again, so what is counted is packets, as far as a policy lets a host send any.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from controller.errors import LabError
from controller.lab.state.processes import wait_until
from controller.lab.trials.outage_probe import LOST_SECONDS, has_begun, measure_outages
from controller.model.network.packets import Family
from controller.platforms.transport import namespace

EVERY_SECONDS = 0.05
_RESET = struct.pack("ii", 1, 0)
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Stream:
    """Who tries to connect to whom; `name` says it for people."""

    name: str
    inside: str
    address: str
    port: int

    @property
    def family(self) -> Family:
        """The family of the address."""
        return Family(ip_address(self.address).version)


@dataclass(slots=True)
class StreamRecord:
    """What came of the tries of a stream: when each was sent, by `time.monotonic`, and whether it was answered."""

    tries: list[tuple[float, bool]] = field(default_factory=list)

    def list_between(self, since: float, until: float) -> list[tuple[float, bool]]:
        """The tries that were sent in a span of time."""
        return [(sent, answered) for sent, answered in self.tries if since <= sent < until]

    def count(self, *, answered: bool, since: float = 0.0, until: float = float("inf")) -> int:
        """How many tries of a span of time were answered, or were lost."""
        return sum(came is answered for _, came in self.list_between(since, until))

    def measure_longest(self, since: float = 0.0, until: float = float("inf")) -> float:
        """The longest gap of a span of time, in seconds."""
        return max(measure_outages(self.list_between(since, until)), default=0.0)


@dataclass(frozen=True, slots=True)
class _Try:
    stream: Stream
    sent: float
    opened: socket.socket


class StageSenders:
    """Streams that try for the length of a `with` block; what they see can be read while they run."""

    def __init__(self, streams: Iterable[Stream], every: float = EVERY_SECONDS) -> None:
        self._every = every
        self.records = {one: StreamRecord() for one in streams}
        self._by_namespace: dict[str, list[Stream]] = {}
        for one in self.records:
            self._by_namespace.setdefault(one.inside, []).append(one)
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="stage senders", daemon=True)

    def __enter__(self) -> Self:
        """Start to send."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait for what is still on its way."""
        self._ended.set()
        self._thread.join()

    def await_answers(self, streams: Iterable[Stream], since: float, seconds: float = 10.0) -> None:
        """Wait until each of these streams was answered at or after a moment.

        Raises:
            LabError: one was not; it is named.
        """
        waiting = tuple(streams)

        def silent() -> list[str]:
            return [one.name for one in waiting if not self.records[one].count(answered=True, since=since)]

        if not wait_until(lambda: not silent(), seconds):
            message = f"nobody answers: {', '.join(silent())}"
            raise LabError(message)

    def await_decided(self, moment: float) -> None:
        """Wait until every try that was sent before a moment is answered or lost."""
        wait_until(lambda: time.monotonic() > moment + LOST_SECONDS + 2 * self._every, 2 * LOST_SECONDS)

    def _run(self) -> None:
        with self._selector:
            due = time.monotonic()
            while not self._ended.is_set():
                for inside, streams in self._by_namespace.items():
                    with namespace.enter_namespace(inside):
                        for one in streams:
                            self._send(one)
                due = max(due + self._every, time.monotonic())
                while (left := due - time.monotonic()) > 0:
                    self._hear(left)
                self._hear(0.0)
            while self._selector.get_map():
                self._hear(self._every)

    def _send(self, stream: Stream) -> None:
        family = socket.AF_INET if stream.family is Family.V4 else socket.AF_INET6
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.settimeout(0)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one = _Try(stream, time.monotonic(), opened)
        if has_begun(opened.connect_ex((stream.address, stream.port))):
            self._selector.register(opened, selectors.EVENT_WRITE, one)
        else:
            opened.close()
            self.records[stream].tries.append((one.sent, False))

    def _hear(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            one: _Try = key.data
            self._close(one, answered=one.opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0)
        lost_before = time.monotonic() - LOST_SECONDS
        # In the order in which they were sent: the first that is not lost yet ends the look.
        for key in list(self._selector.get_map().values()):
            if key.data.sent >= lost_before:
                break
            self._close(key.data, answered=False)

    def _close(self, one: _Try, *, answered: bool) -> None:
        self._selector.unregister(one.opened)
        one.opened.close()
        self.records[one.stream].tries.append((one.sent, answered))


class Answering:
    """Somebody who takes every connection at a port of a host, as a file server would, for the length of a `with`."""

    def __init__(self, inside: str, port: int) -> None:
        def listen() -> socket.socket:
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)

        self._socket = namespace.run_in_namespace(inside, listen)
        self._thread = threading.Thread(target=self._run, name=f"answering in {inside}", daemon=True)

    def __enter__(self) -> Self:
        """Start to answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop to answer."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return  # it was shut
