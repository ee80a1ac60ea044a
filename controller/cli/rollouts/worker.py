"""Whether a command works on a rollout itself or leaves that to workers, and how a worker works."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.audit import open_audit_trail
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.output import Exit, errors, say_json_line
from controller.cli.progress import Progress
from controller.cli.rollouts.documents import RolloutDocument, describe_rollout, print_rollout
from controller.cli.rollouts.estate_rollouts import EstateRollouts, find_estate_rollouts
from controller.cli.rollouts.progress import RolloutProgress, look_at_rollout
from controller.cli.rollouts.stop_signals import OnWorker, say_aside, stop_on_signals
from controller.cli.rollouts.watching import Watcher, watch_meanwhile, watch_until_end
from controller.model.sites.devices import EstateName
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.durable.carry_out import (
    WORKER,
    become_worker,
    carry_out,
    is_worked_on,
    use_rollouts,
)
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_scene import RolloutScene, Surroundings, resume_scene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.workflow_engine import WorkflowEngine
from controller.rollout.work_loop import WorkLoop, refuse_other_estate
from controller.telemetry.registry import Writer
from controller.telemetry.tracing import open_trace

_LONGEST_NAME = 63
WorkerName = Annotated[
    str,
    typer.Option("--name", metavar="NAME", help="What this worker is called (default: the machine's own name)."),
]
Once = Annotated[bool, typer.Option("--once", help="End when there is nothing left to work on.")]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def choose_worker_name(place: EstateRollouts, name: str = "") -> str:
    """Return the name of a worker: that of the machine, where many workers share a server and it was given none.

    Raises:
        typer.BadParameter: it is no name, or there is nothing that workers share.
    """
    if name and place.server is None:
        message = "--name: only workers that share a database (rollout.database in the operators' file) have names"
        raise typer.BadParameter(message)
    if name and not _NAME.fullmatch(name):
        message = "--name: write small letters, digits and hyphens, 63 at most"
        raise typer.BadParameter(message)
    if name or place.server is None:
        return name or WORKER
    return re.sub(r"[^a-z0-9]+", "-", socket.gethostname().lower())[:_LONGEST_NAME].strip("-") or WORKER


@contextmanager
def begin_work(place: EstateRollouts, patience: float = 2.0) -> Iterator[tuple[WorkflowEngine | None, RolloutStore]]:
    """Yield the rollouts, and the engine to work on one here; None where workers of a server do that.

    Another process that works on the rollouts of this folder is waited for, `patience` seconds at most.

    Raises:
        RolloutRefused: another process works on the rollouts of this folder.
        StoreRefused: the database cannot be used.
    """
    if place.server is not None and is_worked_on(place.folder, place.server):
        with use_rollouts(place.folder, server=place.server) as store:
            yield None, store
    else:
        name = choose_worker_name(place)
        with become_worker(place.folder, server=place.server, name=name, patience=patience) as (engine, store):
            yield engine, store


def surround(place: EstateRollouts, clock: SystemClock, record: RolloutRecord) -> Surroundings:
    """Return how devices are reached, and what gates ask: the measurements, and in the virtual city its hosts."""
    # Imported where they are needed: the matrix and the reports take a while, and most commands do without.
    from controller.cli.measurement.report import STORE  # noqa: PLC0415
    from controller.lab.estate import STORE as LAB_STORE  # noqa: PLC0415
    from controller.lab.trials.policy_probes import LabProbes  # noqa: PLC0415

    transport = SshTransport(place.operations.access)
    if record.estate == "virtual":
        return Surroundings(transport, clock, place.folder, place.folder / LAB_STORE, LabProbes())
    return Surroundings(transport, clock, place.folder, place.folder / STORE)


def carry_out_here(  # noqa: PLR0913, PLR0917 what a rollout is worked on with
    engine: WorkflowEngine,
    store: RolloutStore,
    scene: RolloutScene,
    place: EstateRollouts,
    now: datetime,
    on_worker: OnWorker,
) -> None:
    """Work on a rollout in this process, with a timeline of it."""
    record = scene.record
    timeline = place.folder / "timeline" / f"{now:%Y%m%dT%H%M%SZ}-{record.plan[:8]}.jsonl"
    trail = open_audit_trail(place.folder, place.operations)
    with open_trace(timeline, token=find_token_file(Writer.CONTROLLER, place.policies), trail=trail) as trace:
        listeners = [trace, *([] if errors.is_terminal else [Progress(len(record.list_devices()))])]
        carry_out(engine, store, scene, listeners=listeners, say=say_aside, on_worker=on_worker)


def run_worker(estate: EstateName, policies: Path, state: Path | None, name: str, *, once: bool) -> EstateRollouts:
    """Work on whatever rollout has not ended until a signal asks for the end; return where the rollouts stand.

    With `once` until nothing is left that this worker can work on.

    Raises:
        RolloutRefused: another process is this worker.
        StoreRefused: the database cannot be used.
        typer.BadParameter: it can have no such name.
    """
    place, clock = find_estate_rollouts(estate, policies, state), SystemClock()
    chosen = choose_worker_name(place, name)

    def prepare(store: RolloutStore, rollout: str) -> RolloutScene:
        record = store.load_record(rollout)
        # The operators' file of today: it may have changed since the last rollout.
        today = find_estate_rollouts(estate, policies, state)
        refuse_other_estate(estate, record.estate, rollout)
        return resume_scene(record, store.load_snapshot(rollout), today.operations, surround(today, clock, record))

    def carry(engine: WorkflowEngine, store: RolloutStore, scene: RolloutScene) -> None:
        carry_out_here(engine, store, scene, place, clock.now(), on_worker)

    loop = WorkLoop(lambda: become_worker(place.folder, server=place.server, name=chosen), prepare, carry, say_aside)
    with stop_on_signals([], loop.stop.set) as on_worker:
        say_aside(f"the worker {chosen} looks for rollouts")
        loop.run(once=once)
    return place


def work_or_watch(
    engine: WorkflowEngine | None,
    store: RolloutStore,
    begun: Callable[[SystemClock], RolloutScene],
    place: EstateRollouts,
    *,
    as_json: bool,
) -> None:
    """Work on a rollout that has begun, or watch it where workers carry it out."""
    clock = SystemClock()
    scene = begun(clock)
    if engine is None:
        watch_others(store, scene.record.id, place, as_json=as_json)
    else:
        work_here(engine, store, scene, place, clock.now(), as_json=as_json)


def work_here(  # noqa: PLR0913 what a rollout is worked on with
    engine: WorkflowEngine,
    store: RolloutStore,
    scene: RolloutScene,
    place: EstateRollouts,
    now: datetime,
    *,
    as_json: bool,
) -> None:
    """Work on a rollout in this process, say how it ended, and leave with its exit code."""
    heard = list[str]()
    with stop_on_signals(heard) as on_worker:
        watcher = Watcher(
            lambda: look_at_rollout(store, scene.record.id, SystemClock().now(), worked_on=True),
            as_json=as_json,
            lines=False,
        )
        with watch_meanwhile(watcher):
            carry_out_here(engine, store, scene, place, now, on_worker)
    retry = place.operations.rollout.retry
    found = describe_rollout(store, scene.record.id, scene.clock.now(), worked_on=False, retry=retry)
    tell_end(found, as_json=as_json, interrupted=bool(heard))


def watch_others(store: RolloutStore, name: str, place: EstateRollouts, *, as_json: bool) -> None:
    """Tell what happens in a rollout that other processes work on, and leave with its exit code."""
    clock = SystemClock()

    def look() -> RolloutProgress:
        return look_at_rollout(store, name, clock.now(), worked_on=is_worked_on(place.folder, place.server))

    watch_until_end(Watcher(look, as_json=as_json), clock.sleep)
    retry = place.operations.rollout.retry
    tell_end(describe_rollout(store, name, clock.now(), worked_on=False, retry=retry), as_json=as_json)


def tell_end(found: RolloutDocument, *, as_json: bool, interrupted: bool = False) -> None:
    """Say how a rollout ended, and leave with its exit code."""
    if as_json:
        say_json_line({**found}, form="rollout")
    else:
        print_rollout(found)
    if interrupted:
        raise typer.Exit(Exit.INTERRUPTED)
    if found["state"] != RolloutState.DONE or found["ended_well"] < found["devices"]:
        raise typer.Exit(Exit.FAILED)
