"""`tsunagu rollout undo`: plan back to the policy before a rollout, from what its devices hold now."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.conventions.json_documents import ObservedDevice, UnjudgedDocument
from controller.cli.devices.apply import AcceptNoRestore, AcceptWider, RestoreAfter
from controller.cli.devices.observation import choose_exit_code, say_reading, say_refusals
from controller.cli.devices.plan import (
    Output,
    SignWith,
    describe_observed,
    list_planned,
    list_unjudged,
    say_differences,
    say_plan_summary,
    say_what_it_needs,
)
from controller.cli.devices.saved_plan import record_and_save_plan
from controller.cli.devices.unjudged import say_unjudged
from controller.cli.estates import find_user_name
from controller.cli.options import (
    DEFAULT_POLICIES,
    Json,
    Lab,
    Lang,
    Policies,
    State,
    choose_estate_class,
    speak,
)
from controller.cli.output import Exit, print_line, print_message, say_json, say_json_line
from controller.cli.rollouts.commands import Force, RolloutId, Supersede, start
from controller.cli.rollouts.estate_rollouts import EstateRollouts, find_estate_rollouts
from controller.cli.rollouts.undo_plan import WayBack, Widened, find_way_back
from controller.cli.rollouts.worker import build_surroundings
from controller.plan.build import PlanOrigin
from controller.plan.document import PlanFile
from controller.plan.observe import read_devices
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.platforms.transport.base import SystemClock
from controller.rollout.durable.carry_out import use_rollouts

Start = Annotated[
    bool,
    typer.Option(
        "--start", help="Start the saved plan at once, in the place of the rollout itself where that has not ended."
    ),
]


class WidenedDevice(TypedDict):
    """A device that would let more pass: a packet for each VLAN and direction."""

    device: str
    flows: list[str]


class WidenedDocument(TypedDict):
    """What would be permitted after an undo that is not now: by the policy, as anchors (`name: what`), on devices."""

    policy: list[str]
    anchors: list[str]
    devices: list[WidenedDevice]


class NotUndone(TypedDict):
    """A device that the rollout touched and that the plan does not bring back, and why."""

    device: str
    reason: str


class RolloutUndoDocument(TypedDict):
    """The JSON document of `rollout undo`.

    `saved` is the plan's file, null where none was saved; `start` is the command that starts it, "" without one.
    `newer` are rollouts since that touched some of the devices, too.
    """

    rollout: str
    policy: str
    widened: WidenedDocument
    newer: list[str]
    plan: PlanFile
    observed: list[ObservedDevice]
    not_undone: list[NotUndone]
    not_judged: list[UnjudgedDocument]
    saved: str | None
    start: str


def undo(  # noqa: PLR0913 the command's options
    name: RolloutId,
    *,
    output: Output = None,
    sign_with: SignWith = None,
    begin: Start = False,
    supersede: Supersede = "",
    restore_after: RestoreAfter = 60,
    accept_wider: AcceptWider = None,
    accept_no_restore: AcceptNoRestore = False,
    force_window: Force = "",
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Plan back to the policy before a rollout, from what the devices hold now that it has touched.

    What that would permit and is not permitted now is listed first. The plan is proved, signed and approved as any
    other; nothing is changed before it is started.

    Exit code 1 when a device cannot be brought back, 4 when a way of others could not be judged.
    """
    speak(lang)
    if output is None and (sign_with is not None or begin):
        message = f"{'--start' if begin else '--sign-with'} needs -o: the plan is kept there"
        raise typer.BadParameter(message)
    estate = choose_estate_class(lab=lab).estate
    place = find_estate_rollouts(estate, policies, state)
    with use_rollouts(place.folder, server=place.server) as store:
        way = find_way_back(
            name,
            store,
            place,
            estate,
            lambda record, devices: read_devices(
                devices, build_surroundings(place, SystemClock(), record).transport, say_reading(len(devices))
            ),
        )
    plan = way.build_plan(_describe_origin(place, sign_with))
    saved = output if plan.touched_schools else None
    if saved is not None:
        record_and_save_plan(plan, saved, sign_with, place.operations, policies, state)
    taken = supersede or ("" if way.has_ended else name)
    options = _name_options(policies, state)
    command = _name_start(way, saved, taken, options) if saved is not None else ""
    code = _choose_code(way)
    if as_json:
        document = {**_describe(way, plan, saved, command), "plan": plan.model_dump(mode="json")}
        if begin and saved is not None and code is not Exit.FAILED:
            say_json_line(document, form="rollout-undo")
        else:
            say_json(document, form="rollout-undo")
    else:
        _say(way, plan, saved, command)
        if saved is not None:
            approve = f"tsunagu rollout approve {shlex.quote(str(saved))} --sign-with KEY{options}"
            say_what_it_needs(plan, saved, place.operations, signed=sign_with is not None, command=approve)
    if begin and saved is not None:
        if code is not Exit.FAILED:
            start(
                saved,
                policies=policies,
                state=state,
                restore_after=restore_after,
                undo=True,
                accept_wider=accept_wider,
                accept_no_restore=accept_no_restore,
                force_window=force_window,
                supersede=taken,
                as_json=as_json,
            )
        else:
            print_message("rollout.undo-not-started", "yellow")
    # What was started and did not end as planned has left with its own code, which is the worse one.
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _describe_origin(place: EstateRollouts, sign_with: Path | None) -> PlanOrigin:
    return PlanOrigin(
        find_user_name(),
        undo=True,
        hours=place.operations.plans.expire_after_hours,
        canary=place.operations.rollout.canary,
        planner_key=find_fingerprint(sign_with) if sign_with is not None else "",
    )


def _choose_code(way: WayBack) -> Exit:
    """Return the code for what cannot be brought back, whatever keeps it from that."""
    if way.missing or any(one.refusal is not None for one in way.found):
        return Exit.FAILED
    return choose_exit_code(way.found)


def _name_options(policies: Path, state: Path | None) -> str:
    """Return the options by which another command finds the same policies and rollouts."""
    found = [] if policies == DEFAULT_POLICIES else ["--policies", str(policies)]
    return "".join(f" {shlex.quote(one)}" for one in (*found, *(() if state is None else ("--state", str(state)))))


def _name_start(way: WayBack, saved: Path, supersede: str, options: str) -> str:
    """Return the command that starts the saved plan, with all that it must accept."""
    words = ["tsunagu", "rollout", "start", shlex.quote(str(saved)), "--undo"]
    words += ["--supersede", supersede] if supersede else []
    for anchor in dict.fromkeys(one.name for one in way.widened.anchors):
        words += ["--accept-wider", anchor]
    words += ["--accept-no-restore"] if way.list_unrestored() else []
    return " ".join(words) + options


def _say(way: WayBack, plan: PlanFile, saved: Path | None, command: str) -> None:
    print_message("rollout.undo-back", rollout=way.record.id, policy=way.before.digest[:12])
    _say_widened(way.widened, changes=bool(plan.touched_schools))
    if way.newer and plan.touched_schools:
        print_message("rollout.undo-newer", "yellow", rollouts=", ".join(way.newer))
    say_differences(way.found, with_reading=False)
    for one in way.found:
        say_unjudged(one.unjudged)
    say_refusals(way.found)
    for device in way.missing:
        print_message("rollout.undo-missing", "red", device=device)
    if list_planned(way.found) and not plan.touched_schools:
        print_message("rollout.undo-nothing")
    else:
        say_plan_summary(way.found, saved, command)


def _say_widened(widened: Widened, *, changes: bool) -> None:
    """List what the undo widens, before everything else."""
    if not changes:
        return
    if not widened:
        print_message("rollout.undo-widens-not", "green")
        return
    print_message("rollout.undo-widens", "bold yellow")
    for line in (*widened.policy, *map(str, widened.anchors)):
        print_line(f"  ! {line}", "yellow")
    for device, flows in widened.devices.items():
        more = len(flows) - 1
        if more:
            print_message("rollout.undo-widens-flows", "yellow", device=f"  ! {device}", flow=flows[0], more=more)
        else:
            print_line(f"  ! {device}: {flows[0]}", "yellow")


def _describe(way: WayBack, plan: PlanFile, saved: Path | None, command: str) -> RolloutUndoDocument:
    widened = way.widened
    refused: list[NotUndone] = [
        {"device": one.observed.device.id, "reason": str(one.refusal)} for one in way.found if one.refusal is not None
    ]
    missing: list[NotUndone] = [{"device": one, "reason": "the policy before does not know it"} for one in way.missing]
    return {
        "rollout": way.record.id,
        "policy": way.before.digest,
        "widened": {
            "policy": list(widened.policy),
            "anchors": [str(one) for one in widened.anchors],
            "devices": [{"device": device, "flows": list(flows)} for device, flows in widened.devices.items()],
        },
        "newer": list(way.newer),
        "plan": plan,
        "observed": [describe_observed(one) for one in way.found],
        "not_undone": [*refused, *missing],
        "not_judged": list_unjudged(way.found),
        "saved": None if saved is None else str(saved),
        "start": command,
    }
