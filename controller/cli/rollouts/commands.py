"""`tsunagu rollout`: start a durable rollout, see how far it is, pause it, resume it, end it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated

import typer

from controller.cli.audit import open_audit_trail, record_end
from controller.cli.devices.apply import (
    AcceptNoRestore,
    AcceptWider,
    MadeElsewhere,
    PlanPath,
    RestoreAfter,
    Undo,
    say_start,
)
from controller.cli.estates import find_user_name
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies, State, choose_estate_class
from controller.cli.output import errors, print_line, say_json
from controller.cli.rollouts.documents import (
    describe_rollout,
    find_lost_since,
    print_rollout,
    print_summary,
    summarise_rollout,
)
from controller.cli.rollouts.estate_rollouts import EstateRollouts, choose_estate_rollouts, find_estate_rollouts
from controller.cli.rollouts.reasons import check_reason, name_force
from controller.cli.rollouts.worker import (
    Once,
    WorkerName,
    build_surroundings,
    prepare_resumption,
    run_worker,
    tell_lost_end,
    watch_others,
    work_or_watch,
)
from controller.plan.document import parse_plan, read_plan
from controller.platforms.transport.base import SystemClock
from controller.rollout.durable.carry_out import (
    StartOptions,
    is_worked_on,
    record_rollout,
    refuse_resuming,
    refuse_superseding,
    resume_rollout,
    tell_kept,
    use_rollouts,
)
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_scene import prepare_scene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waves.unknown_devices import WriteOff
from controller.rollout.durable.waves.write_offs import write_device_off
from controller.rollout.record_room import refuse_without_room
from controller.rollout.start import StartedRollout, StartRequest, judge_start
from controller.storage.audit.audit_trail import AuditKind

rollout = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Rollouts in waves that survive their controller."
)

RolloutId = Annotated[str, typer.Argument(metavar="ROLLOUT", help="Its id, as `tsunagu rollout list` shows it.")]
Force = Annotated[
    str,
    typer.Option(
        "--force-window",
        metavar="REASON",
        help="Change devices also in lessons, on exam days and outside the operators' windows; why, for the record.",
    ),
]


Supersede = Annotated[
    str,
    typer.Option(
        "--supersede",
        metavar="ROLLOUT",
        help="Take the place of a rollout that has not ended: it ends at the next device, and both name the other.",
    ),
]


@rollout.command("start")
def start(  # noqa: PLR0913 the command's options
    plan_path: PlanPath,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    restore_after: RestoreAfter = 60,
    undo: Undo = False,
    accept_wider: AcceptWider = None,
    accept_no_restore: AcceptNoRestore = False,
    made_elsewhere: MadeElsewhere = False,
    force_window: Force = "",
    supersede: Supersede = "",
    as_json: Json = False,
) -> None:
    """Start a rollout of a plan, wave after wave, and work on it until it ends or stops.

    The plan is judged as by `tsunagu apply`. Whatever ends this command, `tsunagu rollout resume` goes on.

    Exit code 0 only when every device is applied or unchanged.
    """
    forced = name_force(force_window)
    plan = parse_plan(read_plan(plan_path), plan_path)
    place = find_estate_rollouts(plan.estate, policies, state)
    refuse_without_room(place.folder, len(plan.devices))
    request = StartRequest(
        plan_path,
        policies,
        lambda _: place.operations,
        find_user_name(),
        undo=undo,
        accepted=accept_wider or (),
        accept_no_restore=accept_no_restore,
        made_elsewhere=made_elsewhere,
    )
    with use_rollouts(place.folder, create=True, server=place.server) as store:
        if supersede:
            refuse_superseding(store, supersede)
        else:
            store.refuse_second_rollout()
        started, record = _begin(
            store, request, place, StartOptions(restore_after, forced, SystemClock().now(), supersede)
        )
    with tell_kept(record.id):
        around = build_surroundings(place, SystemClock(), record)
        scene = prepare_scene(record, started.city, started.plan, started.verified, started.operations, around)
        if supersede:
            # Whoever works on the other one ends the devices that have begun, and leaves then.
            errors.print(f"takes the place of {supersede} once its devices that have begun have ended", markup=False)
        work_or_watch(scene, place, as_json=as_json)


def _begin(
    store: RolloutStore, request: StartRequest, place: EstateRollouts, options: StartOptions
) -> tuple[StartedRollout, RolloutRecord]:
    """Judge a plan and keep its rollout, which has begun then."""
    clock = SystemClock()
    began = clock.monotonic()
    started = judge_start(request, options.now)
    say_start(started, clock.monotonic() - began)
    lost = bool(options.supersedes) and _is_lost(store, options.supersedes, place)
    trail, about = open_audit_trail(place.folder, place.operations), started.answers.list_attributes()

    def record_applied(record: RolloutRecord) -> None:
        trail.record(AuditKind.APPLIED, plan=record.plan, rollout=record.id, **about)

    record = record_rollout(store, started, request.plan_path, options, record_applied)
    with tell_kept(record.id):
        print_line(f"rollout {record.id} has begun")
        if options.supersedes:
            with _record(place, options.supersedes, f"superseded by {record.id}", request.applier):
                if lost:
                    tell_lost_end(store, options.supersedes, place, RolloutState.SUPERSEDED)
    return started, record


@rollout.command("resume")
def resume(
    name: RolloutId,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Go on with a rollout that is paused or stopped, or whose process was lost, until it ends or stops.

    It is judged by the operators' file as it is now, with the rollout's own copy of its policy. Where other processes
    work on it, these go on by the file that they began with, and are watched; else this one works on it.

    Exit code 0 only when every device is applied or unchanged.
    """
    place, user = choose_estate_rollouts(policies, state, lab=lab), find_user_name()
    with use_rollouts(place.folder, server=place.server) as store:
        refuse_resuming(store, name)
        scene = prepare_resumption(store, name, place)
        trail = open_audit_trail(place.folder, place.operations)
        # First, as of a start: what nothing shows changes no device.
        trail.record(AuditKind.ROLLOUT, rollout=name, change="resumed", by=user)
        resume_rollout(store, name, user, SystemClock().now())
    work_or_watch(scene, place, as_json=as_json)


@rollout.command("pause")
def pause(
    name: RolloutId,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Let no further device begin until the rollout is resumed; those that have begun end."""
    _change(name, choose_estate_rollouts(policies, state, lab=lab), RolloutState.PAUSED, as_json=as_json)


@rollout.command("cancel")
def cancel(
    name: RolloutId,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """End a rollout at the next device; what was changed stays changed.

    The way back is a plan of its own: `tsunagu rollout undo`.
    """
    _change(name, choose_estate_rollouts(policies, state, lab=lab), RolloutState.CANCELLED, as_json=as_json)


@rollout.command("write-off")
def write_off(  # noqa: PLR0913 the command's options
    name: RolloutId,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A device that the rollout waits for.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why nobody waits for it any more, for the record.")],
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Wait no longer for a device that does not answer: it stays as it is, and counts as no failure.

    It stays `unknown` in the record, and the rollout does not end well by that.
    """
    now, place = SystemClock().now(), choose_estate_rollouts(policies, state, lab=lab)
    user = find_user_name()
    with use_rollouts(place.folder, server=place.server) as store:
        written_off = WriteOff(device, user, check_reason("--reason", reason), now)
        write_device_off(store, name, written_off, place.operations.rollout.retry)
        with _record(place, name, f"wrote {device} off: {written_off.reason}", user):
            _show(store, name, place, as_json=as_json)


@rollout.command("list")
def list_rollouts(
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """List the rollouts, the newest first, and how far each is."""
    _list(choose_estate_rollouts(policies, state, lab=lab), as_json=as_json)


def _list(place: EstateRollouts, *, as_json: bool) -> None:
    now = SystemClock().now()
    with use_rollouts(place.folder, create=True, server=place.server) as store:
        worked_on = is_worked_on(store, place.folder)
        retry = place.operations.rollout.retry
        found = [
            summarise_rollout(store, name, now, worked_on=worked_on, retry=retry) for name in store.list_rollouts()
        ]
    if as_json:
        say_json({"rollouts": found}, form="rollout-list")
        return
    for one in found:
        print_summary(one, shared=place.server is not None)
    if not found:
        print_line("no rollout was started from here; start one with: tsunagu rollout start PLAN")


@rollout.command("show")
def show(
    name: RolloutId,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Show a rollout: who answers for it, its waves, and how each device ended."""
    place = choose_estate_rollouts(policies, state, lab=lab)
    with use_rollouts(place.folder, server=place.server) as store:
        _show(store, name, place, as_json=as_json)


@rollout.command("watch")
def watch_rollout(
    name: RolloutId,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Watch a rollout that another process works on, until it ends or stops; Ctrl-C ends only the watching.

    With --json a line for each event, and the rollout itself as the last one.

    Exit code 0 only when every device is applied or unchanged.
    """
    place = choose_estate_rollouts(policies, state, lab=lab)
    with use_rollouts(place.folder, server=place.server) as store:
        watch_others(store, name, place, as_json=as_json)


@rollout.command("worker")
def work(  # noqa: PLR0913 the command's options
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    name: WorkerName = "",
    once: Once = False,
    as_json: Json = False,
) -> None:
    """Work on whatever rollout has not ended, together with other workers where they share a PostgreSQL.

    Each works by the rollout's own copy of its policy, and by its operators' file as it stands when it takes a rollout
    up. It ends when it is told to (Ctrl-C, SIGTERM, a closed terminal): devices that have begun end, and other workers
    take over the rest.

    Without a shared database it works alone: a rollout that somebody starts meanwhile is theirs, until they leave it.

    Exit code with --once: 0 only when every device of what it worked on is applied or unchanged.
    """
    place, code = run_worker(choose_estate_class(lab=lab).estate, policies, state, name, once=once)
    _list(place, as_json=as_json)
    raise typer.Exit(code)


def _change(name: str, place: EstateRollouts, to: RolloutState, *, as_json: bool) -> None:
    now, user = SystemClock().now(), find_user_name()
    with use_rollouts(place.folder, server=place.server) as store:
        lost = _is_lost(store, name, place)
        store.change_state_or_refuse(name, to, now, by=user)
        with _record(place, name, to, user):
            # What it has come to is said first: the telling of its end writes into the audit trail, too.
            _show(store, name, place, as_json=as_json)
            if lost and to.is_final:
                tell_lost_end(store, name, place, to)


def _is_lost(store: RolloutStore, name: str, place: EstateRollouts) -> bool:
    worked_on = is_worked_on(store, place.folder)
    return find_lost_since(store, name, SystemClock().now(), worked_on=worked_on) is not None


def _record(place: EstateRollouts, name: str, what: str, user: str) -> AbstractContextManager[None]:
    """Record what was done with a rollout, then run the block that says it."""
    trail = open_audit_trail(place.folder, place.operations)
    return record_end(trail, AuditKind.ROLLOUT, rollout=name, change=what, by=user)


def _show(store: RolloutStore, name: str, place: EstateRollouts, *, as_json: bool) -> None:
    worked_on, retry = is_worked_on(store, place.folder), place.operations.rollout.retry
    found = describe_rollout(store, name, SystemClock().now(), worked_on=worked_on, retry=retry)
    if as_json:
        say_json({**found}, form="rollout")
        return
    print_rollout(found, shared=store.is_shared)
    before = store.load_record(name).policy_before
    if before and found["policy"] != before:
        print_line(f"the policy before it: {before[:12]} (back to it: tsunagu rollout undo {name} -o PLAN)")
