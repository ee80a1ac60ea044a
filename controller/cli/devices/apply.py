"""`tsunagu apply`: carry out a saved plan."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail
from controller.cli.conventions.json_documents import DeviceOutcome
from controller.cli.conventions.traced_command import link_command, remember_command, traced_command
from controller.cli.devices.observation import ask_schools_again, tell_unconfirmed
from controller.cli.estates import choose_state_folder, find_user_name, load_operations_of
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import DEFAULT_POLICIES, Json, Policies, State
from controller.cli.output import Exit, errors, print_line, say_json
from controller.cli.progress import Progress
from controller.model.sites.devices import EstateName
from controller.operations.anchors import AnchorName
from controller.operations.operations import Operations
from controller.plan.document import PlanFile, Unplanned
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.durable.waves.wave_plan import build_waves
from controller.rollout.ending_signals import end_like_interrupt
from controller.rollout.outcome import End, Outcome
from controller.rollout.record_room import refuse_without_room
from controller.rollout.start import StartedRollout, StartRequest, judge_start, record_start
from controller.rollout.waves import INTERRUPTED, FailureLimit, Settings, explain_exceeded, roll_out
from controller.storage.audit.audit_trail import AuditKind
from controller.telemetry.registry import Writer
from controller.telemetry.traces.phases import trace_phase
from controller.telemetry.traces.rollout_trace import open_trace
from controller.telemetry.traces.trace_links import TraceOf


class ApplyDocument(TypedDict):
    """The JSON document of `apply`.

    `stopped`: which wave had too many failures, so that no further school was begun; "" where none had.
    """

    outcomes: list[DeviceOutcome]
    unplanned: list[Unplanned]
    stopped: str


PlanPath = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan that `tsunagu plan -o` saved.")]
RestoreAfter = Annotated[
    int, typer.Option("--restore-after", min=5, max=600, help="Seconds until a device puts its old state back.")
]
Undo = Annotated[bool, typer.Option("--undo", help="The plan goes back to an earlier policy, and that is meant.")]
MadeElsewhere = Annotated[
    bool,
    typer.Option(
        "--made-elsewhere",
        help="Take an unsigned plan that you did not make on this machine: its devices, times and names as they stand.",
    ),
]
AcceptWider = Annotated[
    list[AnchorName] | None,
    typer.Option("--accept-wider", help="An anchor that may be wider than in the policy applied last (repeatable)."),
]
AcceptNoRestore = Annotated[
    bool,
    typer.Option(
        "--accept-no-restore",
        help="Also change devices that cannot put their old state back by themselves, last of all.",
    ),
]


@traced_command(Writer.CONTROLLER)
def apply(  # noqa: PLR0913 the command's options
    plan_path: PlanPath,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    restore_after: RestoreAfter = 60,
    undo: Undo = False,
    accept_wider: AcceptWider = None,
    accept_no_restore: AcceptNoRestore = False,
    made_elsewhere: MadeElsewhere = False,
    as_json: Json = False,
) -> None:
    """Apply a plan: derive and prove it anew from the policy, then the canary school first, then the rest.

    Each device ends applied, unchanged, reverted, failed or unknown. Once more devices of a wave end badly than the
    operators' file allows it (maximum-failures, 0 if left out), no further school is begun.

    Exit code 0 only when every device is applied or unchanged.
    """

    def find_operations(estate: EstateName) -> Operations:
        found = load_operations_of(estate, policies, state)
        # Both refuse before anything is kept.
        refuse_without_room(choose_state_folder(estate, found, state, policies), 1)
        return found

    request = StartRequest(
        plan_path,
        policies,
        find_operations,
        find_user_name(),
        undo=undo,
        accepted=accept_wider or (),
        accept_no_restore=accept_no_restore,
        made_elsewhere=made_elsewhere,
    )
    clock = SystemClock()
    began, now = clock.monotonic(), clock.now()
    with trace_phase("judge start"):
        started = judge_start(request, now)
    say_start(started, clock.monotonic() - began)
    plan = started.plan
    kept = choose_state_folder(plan.estate, started.operations, state, policies)
    link_command(kept, [(TraceOf.PLAN, plan.digest()), (TraceOf.PROOF, plan.policy)])
    refuse_without_room(kept, len(plan.devices))
    timeline, trail = name_timeline(kept, plan, now), open_audit_trail(kept, started.operations)
    trail.record(AuditKind.APPLIED, plan=plan.digest(), **started.answers.list_attributes())
    settings = Settings(
        restore_after,
        kept,
        SshTransport(started.operations.access),
        clock,
        started.operations.rollout.schools_at_once,
        on_interrupt=_say_interrupted,
        limits=list_failure_limits(started),
    )
    outcomes: list[Outcome] = []
    lost: Exception | None = None
    try:
        with open_trace(timeline, token=find_token_file(Writer.CONTROLLER, policies), trail=trail) as trace:
            listeners = [trace, Progress(len(plan.devices))]
            record_start(started, now)
            remember_command(kept, [(TraceOf.ROLLOUT, school) for school in sorted(plan.touched_schools)])
            with end_like_interrupt():
                outcomes = roll_out(started.city, plan, started.verified, settings, listeners, started.answers)
    except Exception as error:
        if not outcomes:
            raise
        lost = error
    if bad := {one.school for one in outcomes if not one.end.good}:
        tell_unconfirmed(lambda: ask_schools_again(started.city, bad, settings.transport), policies)
    stopped = explain_exceeded(settings.limits, outcomes)
    if as_json:
        unplanned = [one.model_dump() for one in plan.unplanned]
        say_json({"outcomes": [_document(o) for o in outcomes], "unplanned": unplanned, "stopped": stopped})
    else:
        _say_outcomes(plan, outcomes, stopped)
    code = _code(plan, outcomes)
    if lost is not None:
        errors.print(
            f"the record of this rollout is not whole; its outcomes are above: {lost}", style="red", markup=False
        )
        code = code if code is not Exit.GOOD else Exit.FAILED
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def name_timeline(state: Path, plan: PlanFile, now: datetime) -> Path:
    """Return where the timeline of a rollout is written."""
    return state / "timeline" / f"{now:%Y%m%dT%H%M%SZ}-{plan.digest()[:8]}.jsonl"


def _say_interrupted(devices: int) -> None:
    """Answer Ctrl-C at once; the devices that are being changed are not left between two states."""
    errors.print(f"interrupted: finishing the devices that have begun ({devices})", style="yellow", markup=False)


def say_start(started: StartedRollout, seconds: float) -> None:
    """Say on standard error what was judged; standard output is for the outcomes."""
    answers, plan = started.answers, started.plan
    proved = sum(one.derived.filters_proved for one in started.verified)
    errors.print(
        f"derived and proved anew from the policy in {seconds:.1f} s: {len(plan.devices)} devices, {proved} filters",
        markup=False,
    )
    approved = ", ".join(answers.approvers) or "nobody"
    errors.print(f"planned by {answers.planner}, approved by {approved}", markup=False)
    for one in started.wider:
        errors.print(f"accepted as wider: {one}", style="yellow", markup=False)
    if plan.undo:
        errors.print(f"undo: back to the policy {plan.policy[:12]}", style="yellow", markup=False)


def _document(outcome: Outcome) -> DeviceOutcome:
    return {
        "device": outcome.device,
        "school": outcome.school,
        "end": outcome.end,
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
    }


def list_failure_limits(started: StartedRollout) -> tuple[FailureLimit, ...]:
    """Return how many devices may end badly of each wave in which a durable rollout would change them."""
    rollout = started.operations.rollout
    waves = build_waves(started.city, started.plan.canary, started.verified, rollout)
    rules = [(wave, rollout.find_wave_rule(wave.rule)) for wave in waves]
    return tuple(
        FailureLimit(
            wave.name,
            frozenset(name for turn in wave.schools for name in turn.devices),
            rule.maximum_failures if rule is not None else 0,
        )
        for wave, rule in rules
    )


def _say_outcomes(plan: PlanFile, outcomes: list[Outcome], stopped: str) -> None:
    for outcome in outcomes:
        style = "green" if outcome.end.good else "red"
        print_line(f"{outcome.end:<9} {outcome.device}" + (f": {outcome.reason}" if outcome.reason else ""), style)
    for one in plan.unplanned:
        print_line(f"unplanned {one.reason}", "yellow")
    if stopped:
        print_line(f"stopped: {stopped}", "red")
    counts = Counter(outcome.end for outcome in outcomes)
    shown = ", ".join(f"{counts[end]} {end}" for end in End if counts[end])
    print_line(f"apply: {shown or 'nothing to do'}" + (f", {len(plan.unplanned)} unplanned" if plan.unplanned else ""))


def _code(plan: PlanFile, outcomes: list[Outcome]) -> Exit:
    if any(outcome.reason == INTERRUPTED for outcome in outcomes):
        return Exit.INTERRUPTED
    if not all(outcome.end.good for outcome in outcomes) or any(one.kind == "failed" for one in plan.unplanned):
        return Exit.FAILED
    return Exit.NOT_SUPPORTED if plan.unplanned else Exit.GOOD
