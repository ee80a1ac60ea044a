"""Devices in memory that outlive the controller: this process holds them, and a forked one reaches them by a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Protocol

from controller.model.sites.devices import Device
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Transport
from controller.platforms.transport.in_memory_device.clock import ManualClock

_KEY = b"devices"


class ServedLab(Protocol):
    """Devices in memory, and their clock."""

    @property
    def switches(self) -> list[Device]: ...
    @property
    def clock(self) -> ManualClock: ...
    @property
    def transport(self) -> Transport: ...


class DeviceServer:
    """Serves the devices of a lab, and their clock, until it is closed."""

    def __init__(self, lab: ServedLab, address: Path) -> None:
        self.address = str(address)
        self._lab = lab
        self._listener = Listener(self.address, "AF_UNIX", authkey=_KEY, backlog=64)
        self._threads: list[Thread] = []
        self._accepting = Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Serve no more."""
        with Client(self.address, "AF_UNIX", authkey=_KEY) as last:
            last.send(("close",))
        self._accepting.join(10)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (EOFError, OSError):
                continue  # its client was killed while it came in
            try:
                first = connection.recv()
            except (EOFError, OSError):
                connection.close()
                continue
            if first == ("close",):
                connection.close()
                return
            thread = Thread(target=self._serve, args=(connection, first), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: Connection, first: tuple[Any, ...]) -> None:
        with connection:
            try:
                if first == ("clock",):
                    self._serve_clock(connection, self._lab.clock)
                else:
                    self._serve_session(connection, first[1])
            except (EOFError, OSError):
                return  # the client is gone, be it killed or done

    def _serve_clock(self, connection: Connection, clock: ManualClock) -> None:
        connection.send(None)
        while True:
            seconds = connection.recv()
            if seconds:
                clock.sleep(seconds)
            connection.send((clock.now(), clock.monotonic()))

    def _serve_session(self, connection: Connection, device: str) -> None:
        try:
            with self._lab.transport.open_session(replace(self._lab.switches[0], id=device), "") as session:
                connection.send(None)
                while True:
                    self._answer(connection, session, connection.recv())
        except (EOFError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 the client is told
            connection.send((type(error), str(error), vars(error)))

    def _answer(self, connection: Connection, session: Session, command: Command) -> None:
        try:
            answer: object = session.run(command).reveal()
        except Exception as error:  # noqa: BLE001 the client is told
            answer = (type(error), str(error), vars(error))
        connection.send(answer)


def _raise_again(told: tuple[type[Exception], str, dict[str, Any]]) -> None:
    kind, text, values = told
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    vars(error).update(values)
    raise error


@dataclass(frozen=True)
class RemoteSession:
    """A session with a device in the other process."""

    device: str
    connection: Connection
    on_command: Callable[[str, Command], None]

    def run(self, command: Command) -> DeviceText:
        self.connection.send(command)
        answer = self.connection.recv()
        if isinstance(answer, tuple):
            _raise_again(answer)
        self.on_command(self.device, command)
        return DeviceText(answer, self.device)


class RemoteTransport:
    """Reaches the devices of a server; `on_command` hears of each command that a device has answered."""

    def __init__(self, address: str, on_command: Callable[[str, Command], None]) -> None:
        self._address = address
        self._on_command = on_command

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        del device_type, changing
        with Client(self._address, "AF_UNIX", authkey=_KEY) as connection:
            connection.send(("session", device.id))
            refused = connection.recv()
            if refused is not None:
                _raise_again(refused)
            yield RemoteSession(device.id, connection, self._on_command)


class RemoteClock:
    """The clock of the devices."""

    def __init__(self, address: str) -> None:
        self._connection = Client(address, "AF_UNIX", authkey=_KEY)
        self._connection.send(("clock",))
        self._connection.recv()
        self._lock = Lock()

    def now(self) -> datetime:
        return self._ask(0)[0]

    def monotonic(self) -> float:
        return self._ask(0)[1]

    def sleep(self, seconds: float) -> None:
        self._ask(seconds)

    def _ask(self, seconds: float) -> tuple[datetime, float]:
        with self._lock:
            self._connection.send(seconds)
            found: tuple[datetime, float] = self._connection.recv()
            return found
