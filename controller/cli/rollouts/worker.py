"""Whether a command works on a rollout itself or leaves that to workers, and how a worker works."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.audit import open_audit_trail
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.output import Exit, errors, say_json_line, suppress_lost_reader
from controller.cli.progress import Progress
from controller.cli.rollouts.documents import describe_rollout, ended_as_planned, print_rollout, summarise_rollout
from controller.cli.rollouts.estate_rollouts import EstateRollouts, find_estate_rollouts
from controller.cli.rollouts.progress import RolloutProgress, look_at_rollout
from controller.cli.rollouts.stop_signals import OnWorker, say_aside, stop_on_signals
from controller.cli.rollouts.watching import Watcher, watch_meanwhile, watch_until_end
from controller.errors import RolloutRefused
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
from controller.rollout.durable.heartbeats import RefusalWatch
from controller.rollout.durable.records import RolloutRecord, RolloutState, describe_rollout_span
from controller.rollout.durable.rollout_scene import RolloutScene, Surroundings, resume_scene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.workflow_engine import WorkflowEngine
from controller.rollout.work_loop import WorkLoop, refuse_other_estate
from controller.telemetry.registry import Writer
from controller.telemetry.timeline import Listener, open_rollout_span
from controller.telemetry.traces.rollout_trace import RolloutLinks, open_trace

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
def open_work(place: EstateRollouts) -> Iterator[tuple[WorkflowEngine | None, RolloutStore]]:
    """Yield the engine to work on rollouts here, and the rollouts; None for the engine where other processes do that.

    Raises:
        RolloutRefused: this process would be one of many workers, and another one has its name.
        StoreRefused: the database cannot be used.
    """
    with use_rollouts(place.folder, server=place.server) as store, ExitStack() as stack:
        if store.is_shared and is_worked_on(store, place.folder):
            yield None, store
            return
        name = choose_worker_name(place)
        try:
            worker = stack.enter_context(become_worker(place.folder, server=place.server, name=name))
        except RolloutRefused:
            if store.is_shared:
                raise
            worker = None
        yield worker or (None, store)


def build_surroundings(place: EstateRollouts, clock: SystemClock, record: RolloutRecord) -> Surroundings:
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
    schools = {turn.school for wave in record.waves for turn in wave.schools}
    links = RolloutLinks(place.folder, record.plan, record.policy, schools)
    with record_timeline(place, f"{now:%Y%m%dT%H%M%SZ}-{record.plan[:8]}.jsonl", links) as trace:
        listeners = [trace, *([] if errors.is_terminal else [Progress(len(record.list_devices()))])]
        carry_out(engine, store, scene, listeners=listeners, say=say_aside, on_worker=on_worker)


def tell_lost_end(store: RolloutStore, rollout: str, place: EstateRollouts, state: RolloutState) -> None:
    """Tell the timeline and the monitor that a rollout is lost no more: somebody has ended it.

    Whoever worked on it and was killed cannot tell that any more.
    """
    record, now = store.load_record(rollout), SystemClock().now()
    about = describe_rollout_span(record, store.find_last_runs(rollout))
    with (
        record_timeline(place, f"{now:%Y%m%dT%H%M%SZ}-{record.plan[:8]}-{state}.jsonl") as trace,
        open_rollout_span(record.plan[:12], [trace], **about) as span,
    ):
        span.outcome = "not good"


def record_timeline(
    place: EstateRollouts, name: str, links: RolloutLinks | None = None
) -> AbstractContextManager[Listener]:
    """Open a timeline of rollouts, which the monitor is told, too."""
    trail = open_audit_trail(place.folder, place.operations)
    token = find_token_file(Writer.CONTROLLER, place.policies)
    return open_trace(place.folder / "timeline" / name, token=token, trail=trail, links=links)


def run_worker(
    estate: EstateName, policies: Path, state: Path | None, name: str, *, once: bool
) -> tuple[EstateRollouts, Exit]:
    """Work on whatever rollout has not ended until a signal asks for the end.

    With `once` until nothing is left that this worker can work on. Return where the rollouts stand, and the exit code:
    with `once` it is that of what was worked on.

    Raises:
        RolloutRefused: another process is this worker.
        StoreRefused: the database cannot be used.
        typer.BadParameter: it can have no such name.
    """
    place, clock = find_estate_rollouts(estate, policies, state), SystemClock()
    chosen = choose_worker_name(place, name)

    def prepare(store: RolloutStore, rollout: str) -> RolloutScene:
        # The operators' file of today: it may have changed since the last rollout.
        today = find_estate_rollouts(estate, policies, state)
        refuse_other_estate(estate, store.load_record(rollout).estate, rollout)
        return prepare_resumption(store, rollout, today)

    def carry(engine: WorkflowEngine, store: RolloutStore, scene: RolloutScene) -> None:
        carry_out_here(engine, store, scene, place, clock.now(), on_worker)

    loop = WorkLoop(
        lambda: use_rollouts(place.folder, create=True, server=place.server),
        lambda: become_worker(place.folder, server=place.server, name=chosen),
        prepare,
        carry,
        say_aside,
        shares_work=place.server is not None,
    )
    heard = list[str]()
    with stop_on_signals(heard, loop.stop.set) as on_worker:
        say_aside(f"the worker {chosen} looks for rollouts")
        loop.work_until_stopped(once=once)
    if not once:
        return place, Exit.GOOD
    return place, Exit.INTERRUPTED if heard else choose_worker_exit(place, loop.worked_on)


def choose_worker_exit(place: EstateRollouts, rollouts: Sequence[str]) -> Exit:
    """Return the exit code of rollouts that were worked on: good where each device of each ended as planned."""
    if not rollouts:
        return Exit.GOOD
    now = SystemClock().now()
    with use_rollouts(place.folder, server=place.server) as store:
        found = [summarise_rollout(store, rollout, now, worked_on=False) for rollout in rollouts]
    return Exit.GOOD if all(map(ended_as_planned, found)) else Exit.FAILED


def prepare_resumption(store: RolloutStore, rollout: str, place: EstateRollouts) -> RolloutScene:
    """Return what a rollout is gone on with: its own copy of its policy, and the operators' file of today.

    Raises:
        TsunaguError: by that file it may not go on, or its copy is damaged.
    """
    record = store.load_record(rollout)
    around = build_surroundings(place, SystemClock(), record)
    return resume_scene(record, store.load_snapshot(rollout), place.operations, around)


def work_or_watch(scene: RolloutScene, place: EstateRollouts, *, as_json: bool) -> None:
    """Work on a rollout that has begun, and leave with its exit code; while other processes work on it, watch them.

    Where these leave it before it has ended, it is worked on here. Where each of them refuses it nothing comes of
    waiting: it is told who does and why, and goes on once one of them can.
    """
    rollout, heard = scene.record.id, list[str]()
    with use_rollouts(place.folder, server=place.server) as store:
        refusals = RefusalWatch(store, rollout)
        watcher = build_watcher(store, rollout, place, as_json=as_json)
        while not heard and watcher.has_reader and store.load_status(rollout).state.goes_on:
            with open_work(place) as (engine, own):
                # Whoever worked on it until now may have ended it.
                if engine is not None and store.load_status(rollout).state.goes_on:
                    work_here(engine, own, scene, place, watcher, heard)
                    break
            watch_until_end(
                watcher,
                SystemClock().sleep,
                lambda: refusals.has_none_left() or not is_worked_on(store, place.folder),
            )
            if refusals.has_none_left():
                break
        left = not watcher.has_reader and store.load_status(rollout).state.goes_on
        tell_end(store, rollout, place, as_json=as_json, interrupted=bool(heard) or left)


def work_here(  # noqa: PLR0913, PLR0917 what a rollout is worked on with
    engine: WorkflowEngine,
    store: RolloutStore,
    scene: RolloutScene,
    place: EstateRollouts,
    watcher: Watcher,
    heard: list[str],
) -> None:
    """Work on a rollout in this process; `heard` takes the names of signals that ended it."""
    with stop_on_signals(heard) as on_worker, watch_meanwhile(watcher):
        carry_out_here(engine, store, scene, place, SystemClock().now(), on_worker)


def watch_others(store: RolloutStore, rollout: str, place: EstateRollouts, *, as_json: bool) -> None:
    """Tell what happens in a rollout that other processes work on, and leave with its exit code."""
    watcher = build_watcher(store, rollout, place, as_json=as_json)
    watch_until_end(watcher, SystemClock().sleep)
    tell_end(store, rollout, place, as_json=as_json, interrupted=not watcher.has_reader)


def build_watcher(store: RolloutStore, rollout: str, place: EstateRollouts, *, as_json: bool) -> Watcher:
    """Return what watches a rollout."""

    def look() -> RolloutProgress:
        worked_on = is_worked_on(store, place.folder)
        return look_at_rollout(store, rollout, SystemClock().now(), worked_on=worked_on)

    return Watcher(look, as_json=as_json)


def tell_end(store: RolloutStore, rollout: str, place: EstateRollouts, *, as_json: bool, interrupted: bool) -> None:
    """Say how a rollout ended, and leave with its exit code."""
    retry = place.operations.rollout.retry
    found = describe_rollout(store, rollout, SystemClock().now(), worked_on=False, retry=retry)
    with suppress_lost_reader():
        if as_json:
            say_json_line({**found}, form="rollout")
        else:
            print_rollout(found, shared=store.is_shared)
    if interrupted:
        raise typer.Exit(Exit.INTERRUPTED)
    if not ended_as_planned(found):
        raise typer.Exit(Exit.FAILED)
