"""Virtual switches behind real SSH servers (asyncssh): password and public key, one shell a session, no `exec`."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import asyncssh

from controller.lab.virtual_switches.command_line import HoldsUsers
from controller.lab.virtual_switches.terminal import DeviceSite, Terminal

_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Access:
    """Who may log in, what the server shows before that, and after how many idle seconds a session ends (0: never).

    `by_device`: whom the device's own configuration knows, instead of `user` and `password`. Whoever is `refused` does
    not get in whatever is configured, as by an authentication server that knows better.
    """

    user: str
    password: str | None = None
    keys: Sequence[asyncssh.SSHKey] = ()
    banner: str = ""
    idle_seconds: float = 0.0
    algorithms: dict[str, Sequence[str]] = field(default_factory=dict)
    by_device: bool = False
    refused: set[str] = field(default_factory=set)


class _Login(asyncssh.SSHServer):
    def __init__(self, site: DeviceSite, access: Access, open_connections: set[asyncssh.SSHServerConnection]) -> None:
        self._site = site
        self._access = access
        self._open = open_connections
        self._connection: asyncssh.SSHServerConnection | None = None
        self._user = ""

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._connection is not None:
            self._open.discard(self._connection)

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._open.add(conn)
        if self._access.banner:
            conn.send_auth_banner(self._access.banner)

    def begin_auth(self, username: str) -> bool:
        self._user = username
        return True

    def password_auth_supported(self) -> bool:
        return self._access.by_device or self._access.password is not None

    def validate_password(self, username: str, password: str) -> bool:
        if username in self._access.refused:
            return False
        device = self._site.device
        if self._access.by_device and isinstance(device, HoldsUsers):
            with self._site.lock:
                return device.accepts_login(username, password)
        wanted = self._access.password or ""
        same = hmac.compare_digest(password.encode(), wanted.encode())
        return same and username == self._access.user and bool(wanted)

    def public_key_auth_supported(self) -> bool:
        return bool(self._access.keys)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._access.user and any(key == one for one in self._access.keys)

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return _Shell(self._site, self._access, self._user)


class _Shell(asyncssh.SSHServerSession[bytes]):
    """One session; what is no shell is refused, as real devices refuse it."""

    def __init__(self, site: DeviceSite, access: Access, user: str) -> None:
        self._site = site
        self._access = access
        self._user = user
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._terminal: Terminal | None = None
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:
        del term_type, term_size, term_modes
        return True

    def exec_requested(self, command: str) -> bool:
        del command
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        del subsystem
        return False

    def shell_requested(self) -> bool:
        return True

    def session_started(self) -> None:
        self._terminal = Terminal(self._site, self._user, self._write, self._end)
        self._wait_idle()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        del datatype
        self._wait_idle()
        if self._terminal is not None:
            self._terminal.feed(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._idle is not None:
            self._idle.cancel()
        if self._terminal is not None:
            self._terminal.hang_up()

    def _wait_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._access.idle_seconds:
            self._idle = asyncio.get_running_loop().call_later(self._access.idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        if self._terminal is not None:
            self._terminal.close()

    def _write(self, data: bytes) -> None:
        if data and self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.exit(0)


class SwitchServer:
    """The SSH server of one device, in a running event loop; it lets the device's timers happen when they are due."""

    def __init__(
        self,
        site: DeviceSite,
        access: Access,
        host_key: asyncssh.SSHKey,
        clock: Callable[[], float],
        *,
        delay: float = 0.0,
    ) -> None:
        """Serve the device of a site; each line takes `delay` seconds. `clock` is the device's own."""
        self.site = site
        if delay:
            self.site = replace(site, schedule=lambda work: _call_later(delay, work))
        self._access = access
        self._host_key = host_key
        self._clock = clock
        self._entered = asyncio.Event()
        self._inform = self.site.on_line
        self.site.on_line = self._on_line
        self._listener: asyncssh.SSHAcceptor | None = None
        self._timers: asyncio.Task[None] | None = None
        self._open: set[asyncssh.SSHServerConnection] = set()

    def _on_line(self) -> None:
        if self._inform is not None:
            self._inform()
        self._entered.set()

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port: 0 stands for a free one."""
        self._listener = await asyncssh.create_server(
            lambda: _Login(self.site, self._access, self._open),
            host,
            port,
            server_host_keys=[self._host_key],
            encoding=None,
            line_editor=False,
            allow_scp=False,
            keepalive_interval=0,
            **self._access.algorithms,
        )
        self._timers = asyncio.create_task(self._run_timers())
        return int(self._listener.get_port())

    async def _run_timers(self) -> None:
        """Let happen what is due; each line that is entered may change what is due next."""
        while True:
            due = self.site.device.next_timer()
            wait = _LONGEST_WAIT if due is None else max(0.0, due - self._clock())
            self._entered.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._entered.wait(), min(wait, _LONGEST_WAIT))
            if due is not None and due <= self._clock():
                with self.site.lock:
                    self.site.device.run_timers()
                    if self._inform is not None:
                        self._inform()

    async def stop(self) -> None:
        """End all sessions, and listen no more."""
        if self._timers is not None:
            self._timers.cancel()
            await asyncio.gather(self._timers, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
        for connection in list(self._open):
            connection.abort()
            await connection.wait_closed()


def _call_later(delay: float, work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(delay, work)
