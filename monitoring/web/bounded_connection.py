"""Connections that end: a head, a body and an answer each have their time, and there are only so many at once.

A server without this keeps whoever opens connections and says nothing, until no file descriptor is left.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitoring.limits import HEADER_SECONDS, MOST_CONNECTIONS, MOST_SENT, REQUEST_SECONDS, STALLED_SECONDS

_AT_ONCE = struct.pack("ii", 1, 0)
_WHOLE = (h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)


class BoundedConnection(H11Protocol):
    """One connection. Belongs to the event loop's thread."""

    _began = 0.0
    _answered = False
    _left_over = 0
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection; where there are too many, the one goes that is worth the least."""
        super().connection_made(transport)
        self._began = self.loop.time()
        self._expect_request()
        if len(self.connections) > MOST_CONNECTIONS:
            others = [one for one in self.connections if isinstance(one, BoundedConnection) and one.is_waiting()]
            # Who has asked something before, e.g. a probe that keeps its connection, goes after who never did.
            min(others, key=lambda one: (one._answered, one._began), default=self).abort()  # noqa: SLF001 its own kind

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came; a request that is not whole yet has its time."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
            # The rest of a request that is refused already: a sender that is told so must be able to end, no more.
            self._left_over += len(data)
            if self._left_over > MOST_SENT:
                self.abort()
                return
        if self.conn.their_state in _WHOLE:
            self._answered = True
            self._stop_deadline()
        elif self._deadline is None:
            self._expect_request()

    def on_response_complete(self) -> None:
        """End an answer; a request that had begun behind it and is not whole has its time from now."""
        super().on_response_complete()
        begun = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])
        if not self.transport.is_closing() and self.conn.their_state not in _WHOLE and begun:
            self._expect_request()

    def pause_writing(self) -> None:
        """Note that the other side takes nothing."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """Note that the other side takes something again."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def is_waiting(self) -> bool:
        """Whether it is open, and nothing that was asked is being answered."""
        return not self.transport.is_closing() and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    def abort(self) -> None:
        """End it at once, and what the system still holds of the answer."""
        self._stop_timers()
        if not self.transport.is_closing():
            with suppress(OSError):
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _expect_request(self) -> None:
        self._stop_deadline()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._look)

    def _look(self) -> None:
        """The head's time is over: end it, or give the rest of a body its time."""
        self._deadline = None
        if self.conn.their_state is h11.IDLE:
            self.abort()
        elif self.conn.their_state is h11.SEND_BODY:
            self._deadline = self.loop.call_later(REQUEST_SECONDS - HEADER_SECONDS, self.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_timers(self) -> None:
        self._stop_deadline()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
