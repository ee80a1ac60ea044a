"""Workers in processes of their own share a real PostgreSQL: killed, frozen, and with the server started anew."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from controller.errors import RolloutRefused, StoreRefused
from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable import worker_lease
from controller.rollout.durable.carry_out import become_worker, is_worked_on, use_rollouts
from controller.rollout.durable.database import close_database, connect_server
from controller.rollout.durable.records import RolloutRecord, RolloutState, RunPlace
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.worker_lease import LeasedTransport, WorkerLease, list_live_workers
from controller.rollout.durable.workflow_engine import WorkerStopped
from controller.rollout.outcome import End, Outcome
from controller.rollout.start import StartedRollout
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.rollout.durable.postgres_server import PASSWORD, PostgresServer
from tests.rollout.durable.remote_devices import DeviceServer, RemoteClock, RemoteTransport

ONE_BY_ONE = write_waves({"name": "all", "schools": "rest", "schools-at-once": 1})
LEASE_SECONDS = 3.0
Hook = Callable[[str, Command], None]


@dataclass
class Workers:
    """A rollout in a shared database, its devices, and workers that are forked."""

    scene: DurableScene
    started: StartedRollout
    record: RolloutRecord
    devices: DeviceServer
    running: list[int] = field(default_factory=list)

    def fork(self, name: str, on_command: Hook = lambda *_: None, *, fenced: bool = True) -> int:
        """Begin a worker; it ends with 0 once the rollout is done."""
        child = os.fork()
        if child:
            self.running.append(child)
            return child
        try:
            if not fenced:
                WorkerLease.refuse_lost = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005 the method's
            transport = RemoteTransport(self.devices.address, on_command)
            around = self.scene.surround(transport, RemoteClock(self.devices.address))
            around = type(around)(around.transport, around.clock, self.scene.folder / name)
            prepared = self.scene.prepare(self.record, self.started, around)
            status = self.scene.work(prepared, name=name, lease_seconds=LEASE_SECONDS)
            os._exit(0 if status.state is RolloutState.DONE else 3)
        except BaseException:  # noqa: BLE001 a forked process must not come back into the test
            traceback.print_exc()
            os._exit(4)

    def wait(self, worker: int, options: int = 0) -> int:
        """Wait for the end of a worker (or for what `options` say); how it ended, as `os.waitpid` says it."""
        ended = os.waitpid(worker, options)[1]
        if not os.WIFSTOPPED(ended):
            self.running.remove(worker)
        return ended

    @property
    def second(self) -> str:
        return self.scene.scene.lab.switches[1].id


@contextmanager
def begin_rollout(folder: Path, postgres: PostgresServer) -> Iterator[Workers]:
    scene = DurableScene(folder, operators=ONE_BY_ONE, server=postgres.create_database())
    started = scene.judge()
    record = scene.record(started)
    devices = DeviceServer(scene.scene.lab, folder / "devices")
    workers = Workers(scene, started, record, devices)
    try:
        yield workers
    finally:
        for worker in workers.running:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
        devices.close()


@pytest.fixture
def workers(tmp_path: Path, postgres: PostgresServer) -> Iterator[Workers]:
    with begin_rollout(tmp_path, postgres) as found:
        yield found


def assert_every_device_is_whole(scene: DurableScene, rollout: str) -> None:
    assert scene.status(rollout).state is RolloutState.DONE
    assert set(scene.ends(rollout)) <= {"applied", "unchanged"}
    for index, device in enumerate(scene.scene.lab.switches):
        assert scene.is_whole(index), device.id
        assert not scene.scene.lab.of(device).locked_by
        verbs = [exchange.verb for exchange in scene.scene.lab.of(device).exchanges if exchange.succeeded]
        assert "push" not in verbs[verbs.index("save") :], "changed again after it was confirmed and saved"


def test_what_a_killed_worker_was_in_the_middle_of_is_taken_over(workers: Workers) -> None:
    def kill(device: str, command: Command) -> None:
        if device == workers.second and command.line.split()[0] == "push":
            os.kill(os.getpid(), signal.SIGKILL)

    killed = workers.fork("north", kill)
    assert os.WTERMSIG(workers.wait(killed)) == signal.SIGKILL
    assert workers.wait(workers.fork("south")) == 0
    assert_every_device_is_whole(workers.scene, workers.record.id)
    runs = workers.scene.runs(workers.record.id)
    assert [runs[one.id].worker for one in workers.scene.scene.lab.switches] == ["north", "south", "south"]


@pytest.mark.parametrize("fenced", [True, False])
def test_a_frozen_worker_pushes_nothing_when_it_wakes(workers: Workers, fenced: bool) -> None:  # noqa: FBT001
    woken = Event()

    def freeze(device: str, command: Command) -> None:
        if device == workers.second and command.line.split()[0] == "armed" and not woken.is_set():
            os.kill(os.getpid(), signal.SIGSTOP)
            # The process may run on for a moment before it stops; this thread does not.
            assert woken.wait(120)

    before = signal.signal(signal.SIGCONT, lambda *_: woken.set())
    try:
        frozen = workers.fork("north", freeze, fenced=fenced)
    finally:
        signal.signal(signal.SIGCONT, before)
    assert os.WIFSTOPPED(workers.wait(frozen, os.WUNTRACED))
    assert workers.wait(workers.fork("south")) == 0
    assert_every_device_is_whole(workers.scene, workers.record.id)
    second = workers.scene.scene.lab.of(workers.scene.scene.lab.switches[1])
    known, running = len(second.exchanges), second.running
    os.kill(frozen, signal.SIGCONT)
    workers.wait(frozen)
    late = second.exchanges[known:]
    if fenced:
        assert not late, "its lease is gone: no command is sent at all"
    else:
        assert any(one.verb == "push" for one in late), "where the lease would fail, the device itself refuses"
    assert not any(one.succeeded for one in late if one.verb in {"push", "arm", "save"})
    assert second.running == running
    assert_every_device_is_whole(workers.scene, workers.record.id)


def test_workers_share_the_schools_and_a_second_rollout_is_refused(workers: Workers) -> None:
    both = [workers.fork(name) for name in ("north", "south")]
    with pytest.raises(RolloutRefused, match=f"the rollout {workers.record.id} has not ended"):
        workers.scene.record(workers.started)
    assert [workers.wait(worker) for worker in both] == [0, 0]
    assert_every_device_is_whole(workers.scene, workers.record.id)
    assert workers.scene.ends(workers.record.id) == ["applied"] * 3


def test_a_server_that_is_started_anew_in_the_middle_breaks_nothing(tmp_path: Path, postgres: PostgresServer) -> None:
    scene = DurableScene(tmp_path, operators=ONE_BY_ONE, server=postgres.create_database())
    restarted: list[str] = []

    def restart(verb: str) -> Fault:
        if verb == "push" and not restarted:
            restarted.append(verb)
            postgres.restart()
        return NO_FAULT

    scene.scene.lab.of(scene.scene.lab.switches[1]).draw_fault = restart
    started = scene.judge()
    record = scene.record(started)
    scene.work(scene.prepare(record, started, scene.surround()), name="north")
    assert restarted
    assert_every_device_is_whole(scene, record.id)


def test_a_rollout_waits_for_a_device_of_a_cancelled_one(tmp_path: Path, postgres: PostgresServer) -> None:
    scene = DurableScene(tmp_path, schools=1, operators=ONE_BY_ONE, server=postgres.create_database())
    started, clock = scene.judge(), scene.scene.lab.clock
    first = scene.record(started)
    server = scene.server
    assert server is not None
    database = connect_server(server)
    lease = WorkerLease(database, "north")
    [device] = scene.scene.lab.switches
    logins = scene.scene.lab.of(device).logins
    with lease.hold_lease():
        store = RolloutStore(database, lease)
        assert is_worked_on(store, scene.state)
        number = store.begin_run(RunPlace(first.id, 0, 0, device.school.id), device.id, "north", clock.now())
        assert store.change_state(first.id, RolloutState.CANCELLED, clock.now(), since=(RolloutState.RUNNING,))
        clock.sleep(1)
        second = scene.record(started)
        work = Thread(
            target=lambda: scene.work(scene.prepare(second, started, scene.surround()), name="south"), daemon=True
        )
        work.start()
        while not any("north still ends" in said for said in scene.said):
            work.join(0.05)
            assert work.is_alive()
        assert scene.scene.lab.of(device).logins == logins
        store.end_run(number, Outcome(device.id, device.school.id, End.FAILED, "the test"), clock.now())
        work.join(60)
    assert not is_worked_on(store, scene.state)
    close_database(database)
    assert_every_device_is_whole(scene, second.id)


def test_what_a_killed_worker_of_a_cancelled_rollout_had_begun_holds_nothing_up(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Neither under its own name, which it has again, nor under another."""
    scene = DurableScene(tmp_path, schools=1, operators=ONE_BY_ONE, server=postgres.create_database())
    started, clock = scene.judge(), scene.scene.lab.clock
    first = scene.record(started)
    assert scene.server is not None
    database = connect_server(scene.server)
    killed, other = (WorkerLease(database, name, seconds=0.5) for name in ("north", "south"))
    killed.claim_name()
    store = RolloutStore(database, killed)
    [device] = scene.scene.lab.switches
    store.begin_run(RunPlace(first.id, 0, 0, device.school.id), device.id, "north", clock.now())
    busy = RolloutStore(database).find_unfinished("another")
    assert busy is not None
    assert busy.device == device.id
    assert store.change_state(first.id, RolloutState.CANCELLED, clock.now(), since=(RolloutState.RUNNING,))
    other.claim_name()
    while "north" in other.declare_lost():
        other.renew_lease()
    clock.sleep(1)
    second = scene.record(started)
    work = Thread(
        target=lambda: scene.work(scene.prepare(second, started, scene.surround()), name="north"), daemon=True
    )
    work.start()
    work.join(60)
    close_database(database)
    assert not any("still ends" in said for said in scene.said)
    assert_every_device_is_whole(scene, second.id)


def test_a_copy_of_the_database_leads_to_the_same_end(tmp_path: Path, postgres: PostgresServer) -> None:
    scene = DurableScene(tmp_path, operators=ONE_BY_ONE, server=postgres.create_database())
    copies: list[bytes] = []

    def copy(verb: str) -> Fault:
        if verb == "push" and not copies:
            assert scene.server is not None
            copies.append(postgres.run("pg_dump", scene.server.settings.name))
        return NO_FAULT

    lab = scene.scene.lab
    lab.of(lab.switches[1]).draw_fault = copy
    started = scene.judge()
    record = scene.record(started)
    scene.work(scene.prepare(record, started, scene.surround()), name="north")
    assert_every_device_is_whole(scene, record.id)
    pushes = [scene.count_pushes(one) for one in lab.switches]
    scene.server = postgres.create_database()
    postgres.run("psql", "-q", "-d", scene.server.settings.name, "-v", "ON_ERROR_STOP=1", stdin=copies[0])
    assert scene.ends(record.id) == ["applied", "None", "none"]
    scene.work(scene.prepare(record, started, scene.surround()), name="south", lease_seconds=LEASE_SECONDS)
    assert_every_device_is_whole(scene, record.id)
    assert scene.ends(record.id) == ["applied", "unchanged", "unchanged"]
    assert [scene.count_pushes(one) for one in lab.switches] == pushes, "read first, and nothing was missing"


def test_a_lease_ends_with_its_time_and_is_one_workers_alone(tmp_path: Path, postgres: PostgresServer) -> None:
    server = postgres.create_database()
    with use_rollouts(tmp_path, server=server):
        database = connect_server(server)
    seconds, lost = 0.5, list[str]()
    with become_worker(tmp_path, server=server, name="north", seconds=seconds):
        with pytest.raises(RolloutRefused, match="is the worker north already; end that one"):
            WorkerLease(database, "north", seconds=seconds).claim_name()
        with (
            pytest.raises(RolloutRefused, match="works on the rollouts"),
            become_worker(tmp_path, server=server, name="north"),
        ):
            pass
        with become_worker(tmp_path, server=server, name="south") as (_, store):
            assert store.lease is not None
            assert set(list_live_workers(database)) == {"north", "south"}
    assert list_live_workers(database) == {}, "given back at once"
    frozen = WorkerLease(database, "east", seconds=seconds)
    frozen.on_lost = lambda: lost.append("east")
    frozen.claim_name()
    frozen.refuse_lost()
    other = WorkerLease(database, "west", seconds=seconds)
    other.claim_name()
    while "east" in other.declare_lost():
        other.renew_lease()
    with pytest.raises(WorkerStopped), LeasedTransport(None, frozen).open_session(None, ""):  # type: ignore[arg-type]
        pass
    assert not frozen.renew_lease()
    returned = WorkerLease(database, "back", seconds=600)
    returned.claim_name()
    returned.refuse_lost()
    returned.release_lease()
    with pytest.raises(WorkerStopped), LeasedTransport(None, returned).open_session(None, ""):  # type: ignore[arg-type]
        pass
    assert frozen.is_lost
    assert set(lost) == {"east"}
    close_database(database)


def test_a_lease_counts_by_a_clock_that_goes_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = WorkerLease(None, "north", seconds=10)  # type: ignore[arg-type]
    lease._usable_until = worker_lease.count_seconds() + 8  # noqa: SLF001 as after a heartbeat
    lease.refuse_lost()
    now = worker_lease.count_seconds()
    monkeypatch.setattr(worker_lease, "count_seconds", lambda: now + 8.1)
    with pytest.raises(WorkerStopped):
        lease.refuse_lost()


def test_a_server_that_cannot_be_used_is_refused_by_name_and_no_secret_is_told(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    wrong = postgres.find_database("postgres", password="another secret")  # noqa: S106 a test's own
    nowhere = postgres.find_database("postgres")
    nowhere = type(nowhere)(nowhere.settings.model_copy(update={"host": tmp_path}), nowhere.read_password)
    impostor = postgres.find_database("postgres")
    impostor = type(impostor)(impostor.settings.model_copy(update={"server_user": "nobody"}), impostor.read_password)
    for server, words in (
        (wrong, "password authentication failed"),
        (nowhere, "No such file or directory"),
        (impostor, "requirepeer"),
        (postgres.find_database("missing"), 'database "missing" does not exist'),
    ):
        with pytest.raises(StoreRefused, match=words) as refused, use_rollouts(tmp_path, server=server):
            pass
        assert "rollout.database in the operators' file" in str(refused.value)
        assert "another secret" not in str(refused.value)
        assert PASSWORD not in str(refused.value)
