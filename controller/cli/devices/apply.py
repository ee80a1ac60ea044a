"""`tsunagu apply`: carry out a saved plan."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.estates import build_transport, load_estate_city
from controller.cli.options import DEFAULT_POLICIES, DEFAULT_STATE, Json, Policies, State
from controller.cli.output import Exit, errors, print_line, say_json
from controller.cli.progress import Progress
from controller.cli.telemetry_tokens import find_token_file
from controller.model.virtual_city import choose_estate
from controller.plan.document import PlanFile, load_plan
from controller.plan.plan_expiry import refuse_expired_plan
from controller.platforms.transport.base import SystemClock
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import INTERRUPTED, Settings, apply_plan
from controller.telemetry.registry import Writer
from controller.telemetry.tracing import open_trace

PlanPath = Annotated[Path, typer.Argument(help="The plan that `tsunagu plan -o` saved.")]
RestoreAfter = Annotated[
    int, typer.Option("--restore-after", min=5, max=600, help="Seconds until a device puts its old state back.")
]


def apply(
    plan_path: PlanPath,
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = DEFAULT_STATE,
    restore_after: RestoreAfter = 60,
    as_json: Json = False,
) -> None:
    """Apply a plan: the canary school first, then the rest.

    Each device ends applied, unchanged, reverted, failed or unknown.

    Exit code 0 only when every device is applied or unchanged.
    """
    city = load_estate_city(policies)
    plan = load_plan(plan_path, city.id)
    city = choose_estate(city, plan.estate)
    if plan.policy != city.digest:
        errors.print("note: the policies have changed since the plan was made; the plan is applied as it was made")
    refuse_expired_plan(city, plan)
    timeline = state / "timeline" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{plan.digest()[:8]}.jsonl"
    with open_trace(timeline, token=find_token_file(Writer.CONTROLLER)) as trace:
        settings = Settings(restore_after, state, build_transport(city), SystemClock())
        outcomes = apply_plan(city, plan, settings, [trace, Progress(len(plan.devices))])
    if as_json:
        say_json({"outcomes": [_document(o) for o in outcomes], "unplanned": [u.model_dump() for u in plan.unplanned]})
    else:
        _say_outcomes(plan, outcomes)
    code = _code(plan, outcomes)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _document(outcome: Outcome) -> dict[str, object]:
    return {
        "device": outcome.device,
        "school": outcome.school,
        "end": outcome.end,
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
    }


def _say_outcomes(plan: PlanFile, outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        style = "green" if outcome.end.good else "red"
        print_line(f"{outcome.end:<9} {outcome.device}" + (f": {outcome.reason}" if outcome.reason else ""), style)
    for one in plan.unplanned:
        print_line(f"unplanned {one.reason}", "yellow")
    counts = Counter(outcome.end for outcome in outcomes)
    shown = ", ".join(f"{counts[end]} {end}" for end in End if counts[end])
    print_line(f"apply: {shown or 'nothing to do'}" + (f", {len(plan.unplanned)} unplanned" if plan.unplanned else ""))


def _code(plan: PlanFile, outcomes: list[Outcome]) -> Exit:
    if any(outcome.reason == INTERRUPTED for outcome in outcomes):
        return Exit.INTERRUPTED
    if not all(outcome.end.good for outcome in outcomes) or any(one.kind == "failed" for one in plan.unplanned):
        return Exit.FAILED
    return Exit.NOT_SUPPORTED if plan.unplanned else Exit.GOOD
