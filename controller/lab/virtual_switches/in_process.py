"""A session with a virtual switch without a socket: what looks like paramiko's client and channel, over a `Terminal`.

netmiko runs on it as on a real session; what is sent is answered before `send` returns, so nothing waits in vain.
"""

from __future__ import annotations

from collections import deque
from threading import Condition

import paramiko

from controller.lab.virtual_switches.terminal import DeviceSite, Terminal


class InProcessChannel:
    """What netmiko uses of `paramiko.Channel`."""

    def __init__(self, site: DeviceSite, user: str) -> None:
        """Open a command line for a user."""
        self._arrived = Condition()
        self._chunks: deque[bytes] = deque()
        self._timeout: float | None = None
        self.closed = False
        self._terminal = Terminal(site, user, self._deliver, self._end)

    def _deliver(self, data: bytes) -> None:
        with self._arrived:
            self._chunks.append(data)
            self._arrived.notify_all()

    def _end(self) -> None:
        with self._arrived:
            self.closed = True
            self._arrived.notify_all()

    def settimeout(self, seconds: float | None) -> None:
        """Set how long `recv` waits."""
        self._timeout = seconds

    def setblocking(self, blocking: int) -> None:
        """Wait without end, or not at all."""
        self._timeout = None if blocking else 0.0

    def gettimeout(self) -> float | None:
        """Return how long `recv` waits."""
        return self._timeout

    def recv_ready(self) -> bool:
        """Tell if something can be received; a gap in what the device writes says no once. An end can be, too."""
        with self._arrived:
            if self._chunks and not self._chunks[0]:
                self._chunks.popleft()
                return False
            return bool(self._chunks) or self.closed

    def recv(self, size: int) -> bytes:
        """Receive bytes; none where the session is closed.

        Raises:
            TimeoutError: nothing came in time.
        """
        with self._arrived:
            if not self._arrived.wait_for(self._has_bytes, self._timeout):
                raise TimeoutError
            whole = b""
            while self._chunks and self._chunks[0] and len(whole) < size:
                whole += self._chunks.popleft()
            if len(whole) > size:
                self._chunks.appendleft(whole[size:])
            return whole[:size]

    def _has_bytes(self) -> bool:
        while self._chunks and not self._chunks[0]:
            self._chunks.popleft()
        return bool(self._chunks) or self.closed

    def send(self, data: bytes | str) -> int:
        """Type something.

        Raises:
            OSError: the session is closed.
        """
        if self.closed:
            message = "Socket is closed"
            raise OSError(message)
        typed = data.encode() if isinstance(data, str) else data
        self._terminal.feed(typed)
        return len(typed)

    def sendall(self, data: bytes | str) -> None:
        """Type something."""
        self.send(data)

    def exit_status_ready(self) -> bool:
        """Tell if the session has ended."""
        return self.closed

    def close(self) -> None:
        """Hang up."""
        self._terminal.hang_up()
        self._end()


class InProcessClient:
    """What is used of a `paramiko.SSHClient` that is logged in."""

    def __init__(self, site: DeviceSite, user: str = "admin") -> None:
        """Log in to a device."""
        self._site = site
        self._user = user
        self._channels: list[InProcessChannel] = []

    def invoke_shell(self, **named: object) -> InProcessChannel:
        """Open the command line; the terminal that is asked for makes no difference to a device with its own width."""
        del named
        self._channels.append(InProcessChannel(self._site, self._user))
        return self._channels[-1]

    def exec_command(self, command: str, **named: object) -> None:
        """Refuse, as the devices do.

        Raises:
            paramiko.SSHException: always.
        """
        del command, named
        message = "Channel closed."
        raise paramiko.SSHException(message)

    def close(self) -> None:
        """Hang up."""
        for channel in self._channels:
            channel.close()
