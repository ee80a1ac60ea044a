"""How long nothing came through: a stream of short TCP connections from a host, and the gaps in it.

A connection is what the policy lets a pupil do, so that a gap can be measured with the filters in force, and each is
tried for itself: a lost one is not tried again, as a stream's packets would be after a second or more.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from controller.errors import LabError
from controller.lab.network.connectivity import choose_internet_target
from controller.lab.state.layout import HostLayout, Layout
from controller.lab.state.processes import wait_until
from controller.model.network.packets import Family
from controller.platforms.transport import namespace

EVERY_SECONDS = 0.02
LOST_SECONDS = 0.8
"""Who has not answered by then is lost; a second after the first try the kernel would try again."""
_FIRST_SECONDS = 10.0
_RESET = struct.pack("ii", 1, 0)
"""To linger for no time: the end of a connection costs no packet but one, and leaves nothing waiting."""


@dataclass(frozen=True, slots=True)
class _Try:
    family: Family
    sent: float
    opened: socket.socket


@dataclass(slots=True)
class _Seen:
    """The tries of one family that are decided: when sent, by the clock of `time.monotonic`, and whether answered."""

    tries: list[tuple[float, bool]] = field(default_factory=list)

    def answered_since(self, moment: float) -> bool:
        return any(answered and sent >= moment for sent, answered in self.tries)


def measure_outages(tries: Sequence[tuple[float, bool]]) -> list[float]:
    """Seconds from each first lost try to the next answered one, of tries as (when sent, whether answered).

    A gap that has not ended is as long as what was lost.
    """
    found, since, last = [], None, 0.0
    for sent, answered in sorted(tries):
        last = sent
        if not answered:
            since = sent if since is None else since
        elif since is not None:
            found.append(sent - since)
            since = None
    if since is not None:
        found.append(last - since + EVERY_SECONDS)
    return found


def has_begun(code: int) -> bool:
    """Tell from what `connect_ex` gave if a try is on its way; one that the host itself refuses (no route) is lost.

    Its socket would hold no error any more, and look as if it were connected.

    >>> has_begun(errno.EINPROGRESS), has_begun(errno.ENETUNREACH)
    (True, False)
    """
    return code in {0, errno.EINPROGRESS}


class OutageProbe:
    """Tries to connect every 20 ms, in each family, for the length of a `with` block."""

    def __init__(self, inside: str, targets: Mapping[Family, tuple[str, int]]) -> None:
        self._inside = inside
        self._targets = targets
        self._seen = {family: _Seen() for family in targets}
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name=f"probe {inside}", daemon=True)

    @classmethod
    def to_the_internet(cls, layout: Layout, host: HostLayout) -> OutageProbe:
        """From a host to the internet, in each family."""
        return cls(host.namespace, {family: choose_internet_target(layout, family) for family in layout.families})

    def __enter__(self) -> Self:
        """Start, and see that there are answers.

        Raises:
            LabError: nobody answers.
        """
        began = time.monotonic()
        self._thread.start()
        if not wait_until(lambda: self.answered_since(began), _FIRST_SECONDS):
            self._end()
            message = f"from {self._inside} nobody answers at {', '.join(host for host, _ in self._targets.values())}"
            raise LabError(message)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and wait for what is still on its way."""
        self._end()

    def answered_since(self, moment: float) -> bool:
        """Whether something that was sent at or after a moment (of `time.monotonic`) was answered in each family."""
        return all(seen.answered_since(moment) for seen in self._seen.values())

    @property
    def longest_outage(self) -> float:
        """The longest time, in seconds, that nothing came through in one of the families."""
        return max(self.outages().values())

    def outages(self) -> dict[Family, float]:
        """The longest gap of each family, in seconds; 0 where nothing was lost."""
        return {family: max(measure_outages(seen.tries), default=0.0) for family, seen in self._seen.items()}

    def _end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with namespace.enter_namespace(self._inside), self._selector:
            due = time.monotonic()
            while not self._ended.is_set():
                for family in self._targets:
                    self._send(family)
                due = max(due + EVERY_SECONDS, time.monotonic())
                while (left := due - time.monotonic()) > 0:
                    self._hear(left)
            while self._selector.get_map():
                self._hear(EVERY_SECONDS)

    def _send(self, family: Family) -> None:
        opened = socket.socket(socket.AF_INET if family is Family.V4 else socket.AF_INET6, socket.SOCK_STREAM)
        opened.settimeout(0)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one = _Try(family, time.monotonic(), opened)
        if has_begun(opened.connect_ex(self._targets[family])):
            self._selector.register(opened, selectors.EVENT_WRITE, one)
        else:
            opened.close()
            self._seen[family].tries.append((one.sent, False))

    def _hear(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            one: _Try = key.data
            self._close(one, answered=one.opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0)
        now = time.monotonic()
        for key in list(self._selector.get_map().values()):
            if now - key.data.sent > LOST_SECONDS:
                self._close(key.data, answered=False)

    def _close(self, one: _Try, *, answered: bool) -> None:
        self._selector.unregister(one.opened)
        one.opened.close()
        self._seen[one.family].tries.append((one.sent, answered))
