"""Starts a rollout and carries it out in this process, or carries on one that was broken off, paused or stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from controller.errors import FileLocked, RolloutKept, RolloutRefused, StoreRefused, TsunaguError
from controller.operations.applied_policies import find_applied_policy
from controller.plan.provenance.policy_copies import find_applied_copy, find_policy_copy, name_judged
from controller.rollout.durable.database import (
    DatabaseServer,
    close_database,
    connect_database,
    connect_server,
)
from controller.rollout.durable.dbos_engine import DbosEngine
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import (
    GOES_ON,
    RolloutRecord,
    RolloutState,
    RolloutStatus,
    describe_rollout_span,
)
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.rollout_worker import ROLLOUT, RolloutWorker
from controller.rollout.durable.snapshot import pack_snapshot
from controller.rollout.durable.waves.wave_plan import build_waves
from controller.rollout.durable.worker_lease import LEASE_SECONDS, LeasedTransport, WorkerLease
from controller.rollout.durable.workflow_engine import WorkflowEngine, WorkflowStatus
from controller.rollout.durable.workflow_names import name_workflow
from controller.rollout.start import StartedRollout, record_start
from controller.storage.file_lock import hold_file_lock
from controller.telemetry.heartbeat import LOST_SECONDS, keep_beating
from controller.telemetry.timeline import Listener, open_rollout_span

FOLDER = "rollouts"
DATABASE = "rollouts.sqlite"
WORKER = "controller"
"""The name of the one process that works on a SQLite database: the same after it was started anew. Workers that share
a server have other names."""
MOST_BREAKS = 5
"""So often the workflow of a rollout is begun anew where it breaks; then the rollout stops, and people look at it."""
_LOCK = "worker.lock"
_LOOK_PATIENCE_SECONDS = 2.0
"""How long a worker waits for its lock: who only looks (`is_worked_on`) holds it for a moment."""


def find_database(state: Path) -> Path:
    """Return where the database of rollouts stands in a state folder."""
    return state / FOLDER / DATABASE


@contextmanager
def use_rollouts(state: Path, *, create: bool = False, server: DatabaseServer | None = None) -> Iterator[RolloutStore]:
    """Yield the rollouts of a server, else of a state folder, to read them or to change how far one is.

    Raises:
        RolloutRefused: there is no database, and none is to be made.
        StoreRefused: the database cannot be used.
    """
    path = find_database(state)
    if server is None and not (create or path.exists()):
        message = f"{path}: no rollout was started from here; start one with: tsunagu rollout start PLAN"
        raise RolloutRefused(message)
    database = connect_server(server) if server is not None else connect_database(path)
    try:
        store = RolloutStore(database)
        store.create_tables()
        yield store
    finally:
        close_database(database)


@contextmanager
def become_worker(
    state: Path,
    *,
    server: DatabaseServer | None = None,
    name: str = WORKER,
    seconds: float = LEASE_SECONDS,
    patience: float = _LOOK_PATIENCE_SECONDS,
) -> Iterator[tuple[WorkflowEngine, RolloutStore]]:
    """Yield the workflow engine and the rollouts: of a state folder for the one process that works on them.

    Of a server for one among many, which has a `name` of its own and a lease of so many seconds.

    Another one that works on them is waited for, `patience` seconds at most.

    Raises:
        RolloutRefused: another process works on them; on a server, another one under this name.
        StoreRefused: the database cannot be used.
    """
    path = find_database(state)
    try:
        if server is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = connect_server(server) if server is not None else connect_database(path)
    except OSError as error:
        message = f"{path.parent}: cannot be made ({error.strerror})"
        raise StoreRefused(message) from None
    try:
        with hold_file_lock(find_worker_lock(state, name), patience=patience):
            engine, store = DbosEngine(database, name), RolloutStore(database)
            store.create_tables()
            if server is None:
                yield engine, store
                return
            lease = WorkerLease(database, name, seconds=seconds)
            lease.on_look = engine.take_over
            with lease.hold_lease():
                yield engine, RolloutStore(database, lease)
    except FileLocked as error:
        message = f"{error.held_by} works on the rollouts of {state}; see what it does with: tsunagu rollout list"
        raise RolloutRefused(message) from None
    finally:
        close_database(database)


def find_worker_lock(state: Path, name: str = WORKER) -> Path:
    """Return the lock of the one process that works on rollouts from a state folder under a name.

    >>> find_worker_lock(Path("state")).name, find_worker_lock(Path("state"), "north").name
    ('worker.lock', 'worker-north.lock')
    """
    return find_database(state).with_name(_LOCK if name == WORKER else f"worker-{name}.lock")


def is_worked_on(store: RolloutStore, state: Path) -> bool:
    """Tell if a process works on rollouts: a worker that shares them, else the one process of a state folder.

    Raises:
        StoreRefused: the database cannot be used.
    """
    if store.is_shared:
        return bool(store.list_live_workers())
    lock = find_worker_lock(state)
    if not lock.exists():
        return False
    try:
        # Shared: any number may look side by side, and who works is named by the lock as long as it works.
        with hold_file_lock(lock, shared=True):
            return False
    except FileLocked:
        return True


def record_rollout(
    store: RolloutStore,
    started: StartedRollout,
    plan_path: Path,
    options: StartOptions,
    write_entry: Callable[[RolloutRecord], object],
) -> RolloutRecord:
    """Keep a rollout that was judged, with everything that it runs from; from now on it has begun.

    `write_entry` writes it into the audit trail before that: once it is kept any worker may carry it out, whatever ends
    this process. What `write_entry` refuses is not kept.

    Only then its policy counts as the one applied last: a start that is refused here leaves the way back as it was.

    Raises:
        RolloutRefused: another one has not ended.
        StoreRefused: it cannot be kept.
        RolloutKept: it is kept, and cannot be remembered as what was applied last; its resumption does that.
    """
    plan, answers = started.plan, started.answers
    record = RolloutRecord(
        id=f"{options.now:%Y%m%d-%H%M%S}-{plan.digest()[:8]}",
        city=plan.city,
        estate=plan.estate,
        plan=plan.digest(),
        policy=plan.policy,
        policy_before=_find_policy_before(store, started),
        undo=plan.undo,
        planner=answers.planner,
        approvers=answers.approvers,
        applier=answers.applier,
        commit=answers.commit,
        unrestored=answers.unrestored,
        repair=started.repair,
        restore_after=options.restore_after,
        forced=options.forced,
        supersedes=options.supersedes,
        started=options.now,
        waves=build_waves(started.city, plan.canary, started.verified, started.operations.rollout),
    )
    state = started.operations.state
    policies, before = find_policy_copy(plan.policy, name_judged(state)), find_applied_copy(record.policy_before, state)
    snapshot = pack_snapshot(plan_path, started.content, policies, before)
    write_entry(record)
    store.add_rollout(record, snapshot, options.now)
    with tell_kept(record.id):
        record_start(started, options.now)
    return record


@contextmanager
def tell_kept(rollout: str) -> Iterator[None]:
    """Let whatever goes wrong in a block say that a rollout is kept, so that nobody takes it for one that never began.

    Raises:
        RolloutKept: what went wrong, with the rollout's name.
    """
    try:
        yield
    except (RolloutKept, BrokenPipeError):
        raise
    except (TsunaguError, OSError) as error:
        raise RolloutKept(rollout, error) from error


def _find_policy_before(store: RolloutStore, started: StartedRollout) -> str:
    """Return which policy was applied last: where machines share rollouts, each has begun some that others know not."""
    if not store.is_shared:
        return started.policy_before
    plan, here = started.plan, find_applied_policy(started.city, started.operations)
    for record in map(store.load_record, store.list_rollouts()):
        if (record.city, record.estate) == (plan.city, plan.estate):
            return record.policy if here is None or here.at <= record.started else here.policy
    return started.policy_before


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What an operator asks for beside the plan: seconds to the restore, why the windows are not kept, and when.

    `supersedes` is a rollout whose place the new one takes; "" for none.
    """

    restore_after: int
    forced: str
    now: datetime
    supersedes: str = ""


def refuse_superseding(store: RolloutStore, rollout: str) -> None:
    """Refuse to take the place of a rollout that is not there, or has ended.

    Raises:
        RolloutRefused: see there.
    """
    status = store.load_status(rollout)
    if status.state.is_final:
        message = f"the rollout {rollout} has ended ({status.state}): nothing is left of it to supersede"
        raise RolloutRefused(message)


def refuse_resuming(store: RolloutStore, rollout: str) -> None:
    """Refuse to let a rollout go on that is not there, or has ended.

    Raises:
        RolloutRefused: see there.
    """
    status = store.load_status(rollout)
    if status.state.is_final:
        message = f"the rollout {rollout} has ended ({status.state}); start another one from a new plan"
        raise RolloutRefused(message)


def resume_rollout(store: RolloutStore, rollout: str, by: str, now: datetime) -> RolloutStatus:
    """Let a rollout go on that is paused or stopped, or whose process was lost.

    Raises:
        RolloutRefused: it has ended.
    """
    refuse_resuming(store, rollout)
    status = store.load_status(rollout)
    if status.state is not RolloutState.RUNNING:
        store.change_state(rollout, RolloutState.RUNNING, now, since=(status.state,), by=by)
    return store.load_status(rollout)


def carry_out(  # noqa: PLR0913 what a rollout is carried out with
    engine: WorkflowEngine,
    store: RolloutStore,
    scene: RolloutScene,
    *,
    listeners: Sequence[Listener],
    say: Callable[[str], None],
    on_worker: Callable[[RolloutWorker], None] = lambda _: None,
) -> RolloutStatus:
    """Work on a rollout until it ends or stops, or the worker is told to stop; return how far it is.

    `on_worker` is given the worker before it begins: whoever sets its `stop` lets the devices end that have begun.

    Raises:
        RolloutRefused: its workflow broke.
    """
    record = scene.record
    about = describe_rollout_span(record, store.find_last_runs(record.id))
    with open_rollout_span(record.plan[:12], listeners, **about) as span:
        lease = store.lease
        if lease is not None:
            # Also what undoes a wave goes this way.
            leased = {
                name: replace(one, transport=LeasedTransport(one.transport, lease))
                for name, one in scene.changes.items()
            }
            scene = replace(scene, changes=leased)
        worker = RolloutWorker(engine, store, scene, span, lease.name if lease else WORKER, say)
        if lease is not None:
            lease.on_lost = worker.stop.set
        with _tell_alive(worker):
            on_worker(worker)
            engine.launch(worker.bodies, worker.queues)
            try:
                found = _work(engine, store, worker)
                broken = explain_broken(engine, store, scene) if found is WorkflowStatus.BROKEN else ""
            finally:
                worker.stop.set()
                try:
                    # The engine does not wait for its threads, and whoever has the lock or the lease next begins anew.
                    worker.wait_for_begun()
                finally:
                    engine.stop()
                with suppress(StoreRefused):  # the lease ends, and with it what others wait for
                    store.end_open_tries()
        status = store.load_status(record.id)
        runs = store.find_last_runs(record.id)
        good = [name for name in record.list_devices() if name in runs and (end := runs[name].end) and end.good]
        span.outcome = "good" if len(good) == len(record.list_devices()) else "not good"
    if broken:
        raise RolloutRefused(broken)
    return status


def explain_broken(engine: WorkflowEngine, store: RolloutStore, scene: RolloutScene) -> str:
    """Return why the workflow of a rollout broke; where it breaks again and again, stop the rollout for that reason."""
    rollout = scene.record.id
    generation = store.load_status(rollout).generation
    why = engine.explain_broken(name_workflow(rollout, generation)) or "nothing says why"
    times = 0
    while engine.find_status(name_workflow(rollout, generation - times)) is WorkflowStatus.BROKEN:
        times += 1
    told = f"its workflow broke ({times} times one after the other): {why}; please report it"
    if times >= MOST_BREAKS:
        store.change_state(rollout, RolloutState.STOPPED, scene.clock.now(), since=GOES_ON, reason=told)
    return f"the rollout {rollout} was broken off: {told}; resume it with: tsunagu rollout resume {rollout}"


@contextmanager
def _tell_alive(worker: RolloutWorker) -> Iterator[None]:
    """Give signs of life in the database for the length of a block; what ends otherwise than by itself leaves the last.

    Whoever reads it then knows since when the rollout is lost. Where none can be given for so long that it counts as
    lost, this process stops by itself: the workflow engine may try for ever, and says nothing.
    """
    beats, scene, rollout = HeartbeatStore(worker.store), worker.scene, worker.scene.record.id
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        try:
            beats.record_heartbeat(rollout, worker.name, scene.clock.now(), worker.waits.describe_waits())
            last = time.monotonic()
        except StoreRefused as error:
            # A shared database is waited for longer, and a worker's lease ends by itself.
            late = worker.store.lease is None and time.monotonic() - last > LOST_SECONDS
            if late and not worker.stop.is_set():
                worker.say(str(error))
                worker.stop.set()
            raise

    beat()
    beats.end_refusal(rollout, worker.name)
    with keep_beating(beat, rollout):
        yield
    with suppress(StoreRefused):
        # Where that cannot be written the rollout is told as lost, which says what to do.
        beats.end_heartbeats(rollout, worker.name)


def _work(engine: WorkflowEngine, store: RolloutStore, worker: RolloutWorker) -> WorkflowStatus | None:
    rollout = worker.scene.record.id
    generation = store.load_status(rollout).generation
    found = engine.find_status(name_workflow(rollout, generation))
    if found in (WorkflowStatus.BROKEN, WorkflowStatus.DONE):
        # It ended, and the rollout did not: what it was to do is left, and is done by another one.
        store.begin_generation(rollout, generation, worker.scene.clock.now())
        generation, found = generation + 1, None
    key = name_workflow(rollout, generation)
    if found is None:
        engine.start_workflow(ROLLOUT, key)
    try:
        return worker.workflows.wait_for_workflow(key, time.monotonic())
    finally:
        worker.wait_for_begun()
