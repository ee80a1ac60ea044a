"""The lease of a worker among many: a heartbeat in the shared database, and no command to a device without it.

A worker writes again and again that it lives. One that has not done so for `LEASE_SECONDS` is lost: the others take
over what it was in the middle of. Should it live all the same (it was frozen, or cut off from the database), it finds
its lease gone before it sends the next command to a device, and stops.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.errors import RolloutRefused, StoreRefused
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Transport
from controller.rollout.durable.database import SERVER_SECONDS, begin_transaction, make_table
from controller.rollout.durable.workflow_engine import WorkerStopped

LEASE_SECONDS = 15.0
"""After so long without a heartbeat a worker is lost."""
_BEATS = 5
"""How often it renews its lease in that time."""
_USABLE = 0.8
"""The part of the lease after which a worker that could not renew it stops: clocks need not run equally fast."""
_GONE = ""
_WORKERS = make_table(
    "workers",
    sa.Column("name", sa.Text, primary_key=True),
    # Who holds the name now; "" where nobody does: it was given back, or taken because no heartbeat came.
    sa.Column("instance", sa.Text, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
)


def count_seconds() -> float:
    """Return seconds since this machine was started, those in which it slept, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def list_live_workers(database: sa.Engine, seconds: float = LEASE_SECONDS) -> Mapping[str, str]:
    """Return the workers whose lease has not run out, each with its instance: another one after each start.

    Raises:
        StoreRefused: the database cannot be read.
    """
    alive = (_WORKERS.c.instance != _GONE, _WORKERS.c.seen >= SERVER_SECONDS - seconds)
    with begin_transaction(database) as connection:
        rows = connection.execute(sa.select(_WORKERS.c.name, _WORKERS.c.instance).where(*alive)).all()
    return {str(row.name): str(row.instance) for row in rows}


class WorkerLease:
    """A worker's lease; `name` is the worker's, the same after it was started anew, `instance` then another one.

    `on_look` is called again and again with the workers that live, `on_lost` once the lease is gone.
    """

    def __init__(self, database: sa.Engine, name: str, *, seconds: float = LEASE_SECONDS) -> None:
        self.name = name
        self.on_look: Callable[[frozenset[str]], None] = lambda _: None
        self.on_lost: Callable[[], None] = lambda: None
        self._database = database
        self._seconds = seconds
        self.instance = uuid.uuid4().hex
        self._usable_until = 0.0
        self._lost = Event()
        self._ended = Event()

    @property
    def is_lost(self) -> bool:
        """Whether the lease is gone: what this process began is, or will be, taken over."""
        return self._lost.is_set()

    @contextmanager
    def hold_lease(self) -> Iterator[None]:
        """Hold the lease, and give it back at the end.

        Raises:
            RolloutRefused: another worker of this name lives.
            StoreRefused: the database cannot be used.
        """
        self.claim_name()
        # Two of them: what takes over may have to wait for the database, and the heartbeat must not.
        threads = [Thread(target=work, name=f"lease-{self.name}", daemon=True) for work in (self._beat, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(self._seconds)
            with suppress(StoreRefused):  # it runs out by itself
                self.release_lease()

    def claim_name(self) -> None:
        """Take the name, once the lease of who had it before has run out.

        Raises:
            RolloutRefused: another worker of this name lives.
            StoreRefused: the database cannot be used.
        """
        until = count_seconds() + self._seconds + 1
        while not self._try_claim():
            if count_seconds() > until:
                raise RolloutRefused(self._describe_holder())
            Event().wait(self._seconds / _BEATS)

    def _try_claim(self) -> bool:
        began = count_seconds()
        mine = {"instance": self.instance, "seen": SERVER_SECONDS, "host": socket.gethostname(), "process": os.getpid()}
        free = sa.or_(_WORKERS.c.instance == _GONE, _WORKERS.c.seen < SERVER_SECONDS - self._seconds)
        try:
            with begin_transaction(self._database) as connection:
                connection.execute(sa.insert(_WORKERS).values(name=self.name, **mine))
        except IntegrityError:
            with begin_transaction(self._database) as connection:
                taken = connection.execute(sa.update(_WORKERS).where(_WORKERS.c.name == self.name, free).values(mine))
                if not taken.rowcount:
                    return False
        self._usable_until = began + self._seconds * _USABLE
        return True

    def _describe_holder(self) -> str:
        with begin_transaction(self._database) as connection:
            row = connection.execute(sa.select(_WORKERS).where(_WORKERS.c.name == self.name)).first()
        where = f"process {row.process} on {row.host}" if row is not None else "another process"
        return f"{where} is the worker {self.name} already; end that one, or give this one another name with --name"

    def renew_lease(self) -> bool:
        """Say that this worker lives; tell if the lease is still its own.

        Raises:
            StoreRefused: the database cannot be used now.
        """
        began = count_seconds()
        mine = (_WORKERS.c.name == self.name, _WORKERS.c.instance == self.instance)
        with begin_transaction(self._database) as connection:
            kept = connection.execute(sa.update(_WORKERS).where(*mine).values(seen=SERVER_SECONDS)).rowcount == 1
        if kept:
            self._usable_until = began + self._seconds * _USABLE
        else:
            self._lose()
        return kept

    def release_lease(self) -> None:
        """Give the lease back: what this worker has left is taken over at once, and it sends no command any more.

        Raises:
            StoreRefused: the database cannot be used now.
        """
        self._lost.set()  # first: a thread that is left must find it before anybody else may have the name
        mine = (_WORKERS.c.name == self.name, _WORKERS.c.instance == self.instance)
        with begin_transaction(self._database) as connection:
            connection.execute(sa.update(_WORKERS).where(*mine).values(instance=_GONE))

    def declare_lost(self) -> frozenset[str]:
        """Take the leases that have run out from their workers, and return the workers that live.

        Raises:
            StoreRefused: the database cannot be used now.
        """
        late = (
            _WORKERS.c.instance != _GONE,
            _WORKERS.c.seen < SERVER_SECONDS - self._seconds,
            _WORKERS.c.name != self.name,
        )
        left = sa.select(_WORKERS.c.name).where(_WORKERS.c.instance != _GONE)
        with begin_transaction(self._database) as connection:
            connection.execute(sa.update(_WORKERS).where(*late).values(instance=_GONE))
            # Whoever still has one lives, whatever the time is by now: only a lease that was taken is lost for good.
            return frozenset(str(row.name) for row in connection.execute(left))

    def refuse_lost(self) -> None:
        """Refuse to go on where the lease is gone, or may be.

        Raises:
            WorkerStopped: it is; whoever took over does the rest.
        """
        if count_seconds() > self._usable_until:
            self._lose()
        if self._lost.is_set():
            raise WorkerStopped

    def _lose(self) -> None:
        self._lost.set()
        self.on_lost()

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / _BEATS):
            with suppress(StoreRefused):  # not reached now: tried again, until the lease has run out
                if not self.renew_lease():
                    return

    def _look(self) -> None:
        while not self._ended.wait(self._seconds / _BEATS):
            with suppress(StoreRefused):  # see above
                self.on_look(self.declare_lost())


class LeasedTransport:
    """Reaches devices as long as a lease holds: without it no command is sent, whatever the device would make of it."""

    def __init__(self, inner: Transport, lease: WorkerLease) -> None:
        self._inner = inner
        self._lease = lease

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        """See `Transport.open_session`.

        Raises:
            WorkerStopped: the lease is gone.
        """
        self._lease.refuse_lost()
        with self._inner.open_session(device, device_type, changing=changing) as session:
            yield _LeasedSession(session, self._lease)


class _LeasedSession:
    def __init__(self, inner: Session, lease: WorkerLease) -> None:
        self._inner = inner
        self._lease = lease

    @property
    def device(self) -> str:
        """See `Session.device`."""
        return self._inner.device

    def run(self, command: Command) -> DeviceText:
        """See `Session.run`."""
        self._lease.refuse_lost()
        return self._inner.run(command)
