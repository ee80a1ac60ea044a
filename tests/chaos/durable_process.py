"""The process that carries a rollout on in a chaos: forked, and hit at a moment that the seed draws.

Moments are counted as they come: before and after each command to a device, and each step of a workflow. What happens
there is real: the process is killed, stopped or asked to end, its database grows no more, nothing can be written, or
another program holds the database.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread, Timer
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from controller.errors import RolloutRefused, StoreRefused
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Transport
from controller.rollout.durable.carry_out import become_worker, carry_out, find_database
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.workflow_engine import WorkflowBody, WorkflowEngine, WorkflowStatus
from controller.rollout.ending_signals import hear_signals
from tests.rollout.durable.test_copied_database import back_up

ENDED, REFUSED, BROKEN = 0, 3, 4
"""How such a process exits: its rollout ended or stopped; it was refused, in words; with a traceback."""
ACTS = ("kill", "kill", "kill", "freeze", "hang-up", "copy", "full", "write-error", "lock", "long-lock", "cancel")
LONGEST_MOMENT = 110
FILLER = "filler"
BUSY_MILLISECONDS = 300
HUNG_SECONDS = 120
"""After so long a process hangs, and SIGALRM ends it."""
_LOCK_SECONDS = {"lock": 0.1, "long-lock": 1.2}


@dataclass
class Disk:
    """A process's connections to its database: none waits long for a lock; once `full`, the file grows no more."""

    full: bool = False
    _seen: dict[int, bool] = field(default_factory=dict)

    def attach(self) -> None:
        """Look after every connection before each of its statements."""
        event.listen(sa.Engine, "before_cursor_execute", self._prepare)

    def _prepare(self, connection: sa.Connection, *_statement: object) -> None:
        driver: Any = connection.connection.dbapi_connection
        if self._seen.get(id(driver)) is self.full:
            return
        self._seen[id(driver)] = self.full
        driver.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        if self.full:
            driver.execute("PRAGMA max_page_count=1")


@dataclass
class Moments:
    """Counts what happens, and acts once the `chosen` moment has come."""

    chosen: int
    act: Callable[[], None]
    count: int = 0
    _lock: Lock = field(default_factory=Lock)

    def pass_one(self) -> None:
        """Note that a moment has come."""
        with self._lock:
            self.count += 1
            now = self.count == self.chosen
        if now:
            self.act()


@dataclass(frozen=True)
class ChaosProcess:
    """What a process may meet: `act` at the `moment`; "" for nothing. `copy` is where its database is copied to.

    With `inside` not the moments are counted but the pushes, and it is met so many seconds after one was sent.
    """

    act: str
    moment: int
    copy: Path
    inside: float | None = None

    def run(self, scene: RolloutScene, state: Path) -> int:
        """Carry a rollout on in a process of its own; return it. The caller waits for its end."""
        child = os.fork()
        if child:
            return child
        try:
            signal.alarm(HUNG_SECONDS)
            os._exit(self._work(scene, state))
        except BaseException:  # noqa: BLE001 a forked process must not come back into the test
            traceback.print_exc()
            os._exit(BROKEN)

    @property
    def words(self) -> Path:
        """Where a process that was refused leaves why."""
        return self.copy.with_name("refused")

    def _work(self, scene: RolloutScene, state: Path) -> int:
        disk = Disk()
        if self.act:
            # Where nothing happens the program's own patience holds: a slow disk of the machine is no fault then.
            disk.attach()
        try:
            with become_worker(state) as (engine, store):

                def cancel() -> None:
                    now = scene.clock.now()
                    since = (RolloutState.RUNNING, RolloutState.PAUSED)
                    store.change_state(scene.record.id, RolloutState.CANCELLED, now, since=since, by="chaos")

                acts = {**_list_acts(find_database(state), self.copy, disk), "cancel": cancel, "": lambda: None}
                moments, pushes = self._count_moments(acts[self.act])
                changes = {
                    name: replace(one, transport=MomentsTransport(one.transport, moments, pushes))
                    for name, one in scene.changes.items()
                }
                stops: list[Event] = []

                def stop(_signal: str) -> None:
                    for one in stops:
                        one.set()

                with hear_signals(stop):
                    carry_out(
                        MomentsEngine(engine, moments),
                        store,
                        replace(scene, changes=changes),
                        listeners=[],
                        say=lambda _: None,
                        on_worker=lambda worker: stops.append(worker.stop),
                    )
        except (RolloutRefused, StoreRefused) as error:
            with suppress(OSError):  # where nothing can be written any more
                self.words.write_text(str(error), "utf-8")
            return REFUSED
        return ENDED

    def _count_moments(self, act: Callable[[], None]) -> tuple[Moments, Moments]:
        """Count all moments, and the pushes; one of the two acts."""
        if self.inside is None:
            return Moments(self.moment, act), Moments(0, act)
        seconds = self.inside

        def begin() -> None:
            Timer(seconds, act).start()

        return Moments(0, act), Moments(self.moment, begin)


def _list_acts(database: Path, copy: Path, disk: Disk) -> Mapping[str, Callable[[], None]]:
    def fill() -> None:
        disk.full = True

    def refuse_writes() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))

    return {
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "freeze": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "hang-up": lambda: os.kill(os.getpid(), signal.SIGHUP),
        "copy": lambda: back_up(database, copy),
        "full": fill,
        "write-error": refuse_writes,
        "full-disk": partial(fill_disk, database.parent),
        **{name: partial(hold_database, database, seconds) for name, seconds in _LOCK_SECONDS.items()},
    }


def fill_disk(folder: Path) -> None:
    """Fill the disk that a folder is on, to its last byte; the file is `FILLER` in it."""
    filler = os.open(folder / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for size in (65_536, 1):
        with suppress(OSError):
            while True:
                os.write(filler, bytes(size))
    os.close(filler)


def hold_database(database: Path, seconds: float) -> None:
    """Hold the database's lock for so long, as another program would, from a thread of its own."""
    held = Event()

    def hold() -> None:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=5)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            held.set()
            Event().wait(seconds)
            connection.execute("ROLLBACK")

    Thread(target=hold, daemon=True).start()
    held.wait(5)


@dataclass(frozen=True)
class MomentsTransport:
    """Reaches devices; each command is two moments."""

    inner: Transport
    moments: Moments
    pushes: Moments

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        with self.inner.open_session(device, device_type, changing=changing) as session:
            yield MomentsSession(session, self.moments, self.pushes)


class MomentsSession:
    def __init__(self, inner: Session, moments: Moments, pushes: Moments) -> None:
        self._inner = inner
        self._moments = moments
        self._pushes = pushes

    @property
    def device(self) -> str:
        return self._inner.device

    def run(self, command: Command) -> DeviceText:
        self._moments.pass_one()
        if command.line.startswith("push "):
            self._pushes.pass_one()
        answer = self._inner.run(command)
        self._moments.pass_one()
        return answer


@dataclass(frozen=True)
class MomentsEngine:
    """A workflow engine; each step is two moments: before it, and after it, before its end is kept."""

    inner: WorkflowEngine
    moments: Moments

    def launch(self, bodies: Mapping[str, WorkflowBody], queues: Mapping[str, int]) -> None:
        self.inner.launch(bodies, queues)

    def start_workflow(self, name: str, key: str, queue: str = "") -> None:
        self.inner.start_workflow(name, key, queue)

    def run_step(self, name: str, work: Callable[[], str]) -> str:
        def do() -> str:
            self.moments.pass_one()
            found = work()
            self.moments.pass_one()
            return found

        return self.inner.run_step(name, do)

    def explain_broken(self, key: str) -> str:
        return self.inner.explain_broken(key)

    def find_status(self, key: str) -> WorkflowStatus | None:
        return self.inner.find_status(key)

    def stop(self) -> None:
        self.inner.stop()


def draw_process(rng: random.Random, copy: Path) -> ChaosProcess:
    """Draw what a process meets; one in eight meets nothing."""
    act = "" if rng.random() < 1 / 8 else rng.choice(ACTS)
    return ChaosProcess(act, rng.randint(1, LONGEST_MOMENT), copy)
