"""`tsunagu plan` and `tsunagu drift`: what would change, proved, and saved for `tsunagu apply`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.adoption_levels import build_level_documents, say_adoption_levels
from controller.cli.conventions.json_documents import (
    AdoptionDocument,
    MissingDocument,
    ObservedDevice,
    UnjudgedDocument,
)
from controller.cli.conventions.traced_command import traced_command
from controller.cli.devices.observation import (
    choose_exit_code,
    consider_devices,
    list_reachable_devices,
    observe_devices,
    say_refusals,
    tell_unconfirmed,
)
from controller.cli.devices.saved_plan import record_and_save_plan
from controller.cli.devices.take_over import TakeOver, choose_taken_objects
from controller.cli.devices.unjudged import (
    build_unjudged_document,
    describe_missing,
    list_missing,
    say_encodings,
    say_missing,
    say_unjudged,
)
from controller.cli.estates import find_user_name, load_estate_city, load_operations_of
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Configs,
    Encoding,
    Json,
    Lab,
    Lang,
    On,
    Policies,
    Schools,
    State,
    Wards,
    choose_day,
    choose_estate_class,
    choose_selection,
    speak,
)
from controller.cli.output import Exit, get_words, print_data, print_message, say_delegated, say_json
from controller.model.loading.load_city import load_city
from controller.operations.operations import Operations
from controller.plan.build import ConsideredDevice, PlanOrigin, build_plan
from controller.plan.document import PlanFile
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.policy_copies import load_kept_policy
from controller.plan.provenance.policy_order import explain_earlier_policy
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.plan.select import select_devices
from controller.platforms.common.timed_operation import RestoreWay, TellsRestoreWay, is_changeable
from controller.platforms.registry import load_platform_of
from controller.telemetry.registry import Writer
from controller.telemetry.traces.phases import trace_phase

Undo = Annotated[
    str | None,
    typer.Option("--undo", help="Go back to an earlier policy that was applied from here, by its digest."),
]
SignWith = Annotated[
    Path | None,
    typer.Option(
        "--sign-with", envvar="TSUNAGU_SIGNING_KEY", help="The SSH key that signs the saved plan as its planner's."
    ),
]


class PlanDocument(TypedDict):
    """The JSON document of `plan`."""

    plan: PlanFile
    observed: list[ObservedDevice]
    adoption: list[AdoptionDocument]
    not_judged: list[UnjudgedDocument]
    missing: list[MissingDocument]


Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to save the plan.")]


@traced_command(Writer.CONTROLLER)
def plan(  # noqa: PLR0913 the command's options
    *,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
    configs: Configs = None,
    encoding: Encoding = None,
    output: Output = None,
    undo: Undo = None,
    take_over: TakeOver = None,
    sign_with: SignWith = None,
    state: State = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Compile the policy, read the devices, show the difference, prove the result, save the plan. Changes nothing.

    Exit code 1 when a device could not be planned, 4 when something could not be judged (a way of others past the
    filters, a device of which --configs has no file), 3 when only platforms are not supported. With --take-over it
    lists each object of others with its line now and then; nothing else of others is ever changed.
    """
    speak(lang)
    chosen = choose_selection(schools, wards, everything=everything)
    if configs is not None and output is not None:
        message = "a plan from saved configurations is for looking at only; leave out one of --configs and -o"
        raise typer.BadParameter(message)
    if sign_with is not None and output is None:
        message = "there is nothing to sign without -o"
        raise typer.BadParameter(message)
    estate = choose_estate_class(lab=lab)
    operations = load_operations_of(estate.estate, policies, state)
    with trace_phase("load policy"):
        if undo is not None:
            city = load_kept_policy(undo, operations.state, estate, operations.get_bounds(), choose_day(on))
        else:
            city = load_city(policies, on=choose_day(on), estate=estate, bounds=operations.get_bounds())
    devices = select_devices(city, chosen) if configs is not None else list_reachable_devices(city, chosen)
    taken = choose_taken_objects(devices, take_over, undo=undo is not None)
    with trace_phase("read devices", devices=len(devices)):
        observed = observe_devices(city, devices, configs, encoding=encoding)
    found = consider_devices(city, observed, taken)
    origin = PlanOrigin(
        find_user_name(),
        "" if undo is not None or output is None else find_commit(policies),
        undo is not None,
        operations.plans.expire_after_hours,
        operations.rollout.canary,
        find_fingerprint(sign_with) if sign_with is not None else "",
    )
    with trace_phase("build plan"):
        document = build_plan(city, found, origin)
    tell_unconfirmed(lambda: found if configs is None else (), policies)
    # An empty plan is not saved: it could be applied, and nothing would have been done.
    place = output if list_planned(found) else None
    if place is not None:
        with trace_phase("save plan", devices=len(document.devices), schools=len(document.touched_schools)):
            record_and_save_plan(document, place, sign_with, operations, policies, state)
    if as_json:
        say_json(
            {
                "plan": document.model_dump(mode="json"),
                "observed": [describe_observed(one) for one in found],
                "adoption": build_level_documents(one.school for one in devices),
                "not_judged": list_unjudged(found),
                "missing": describe_missing(list_missing(one.observed for one in found)),
            }
        )
    else:
        say_encodings(one.observed for one in found)
        say_differences(found, with_reading=configs is not None)
        say_refusals(found)
        say_adoption_levels(one.school for one in devices)
        _say_unjudged(found)
        say_plan_summary(found, place, f"tsunagu apply {place}{' --undo' if undo is not None else ''}")
        _say_canary(document, operations)
        if place is not None:
            say_what_it_needs(document, place, operations, signed=sign_with is not None)
            earlier = "" if undo is not None else explain_earlier_policy(city, operations)
            if earlier:
                print_message("plan.not-appliable", "yellow", why=earlier)
    code = choose_exit_code(found)
    if code is Exit.GOOD and place != output:
        code = Exit.FAILED
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def list_planned(found: Sequence[ConsideredDevice]) -> list[ConsideredDevice]:
    """Return the devices that were read and belong into the plan."""
    return [one for one in found if one.refusal is None and not one.left_out]


def _say_canary(document: PlanFile, operations: Operations) -> None:
    """Name the school that is changed first, where the operators' file names none of the plan."""
    if len(document.touched_schools) > 1 and document.canary != operations.rollout.canary:
        setting = "'rollout: {canary: SCHOOL}'"
        print_message("plan.changed-first", "yellow", school=document.canary, setting=setting)


def say_what_it_needs(
    document: PlanFile, output: Path, operations: Operations, *, signed: bool, command: str = ""
) -> None:
    """Say who else must answer for a plan before it may be applied, and by which command they do."""
    for rule in operations.approvals.find_rules(len(document.touched_schools)):
        people = ", ".join(rule.from_ or ())
        key = "plan.needs-approvals-of" if people else "plan.needs-approvals"
        named = command or f"tsunagu approve {output} --sign-with KEY"
        print_message(key, "yellow", count=rule.approvals, people=people, command=named)
        if not signed:
            print_message("plan.not-signed", "yellow")


def drift(  # noqa: PLR0913 the command's options
    *,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
    configs: Configs = None,
    encoding: Encoding = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Read the devices and say what differs from the policy now.

    Exit code 2 when anything does, 4 when nothing does and a way of others leads past what can be judged, or a device
    has no file in --configs. What saved texts say is no telemetry: nobody knows how old they are.
    """
    speak(lang)
    chosen = choose_selection(schools, wards, everything=everything)
    city = load_estate_city(policies, lab=lab, on=choose_day(on))
    devices = select_devices(city, chosen) if configs is not None else list_reachable_devices(city, chosen)
    found = consider_devices(city, observe_devices(city, devices, configs, only_read=True, encoding=encoding))
    differing = [one for one in found if one.refusal is None and one.differs]
    if configs is None:
        # Imported where it is needed: telemetry takes a third of a second, and `plan` does without.
        from controller.cli.devices.drift_telemetry import send_drift  # noqa: PLC0415

        send_drift(found, policies)
    if as_json:
        say_json(
            {
                "devices": [{**describe_observed(one), "saved": one.saved} for one in found],
                "adoption": build_level_documents(one.school for one in devices),
                "not_judged": list_unjudged(found),
                "missing": describe_missing(list_missing(one.observed for one in found)),
            }
        )
    else:
        say_encodings([one.observed for one in found])
        say_differences(differing, with_reading=False)
        for one in differing:
            if not one.saved:
                print_message("plan.not-booting", device=one.observed.device.id)
        say_refusals(found)
        _say_unjudged(found)
        say_adoption_levels(one.school for one in devices)
        judged = len(list_planned(found))
        if judged:
            same = judged - len(differing)
            print_message("plan.drift", count=len(found), differing=len(differing), same=same)
        else:
            print_message("plan.drift-none", "yellow", count=len(found))
    code = Exit.DIFFERS if differing else choose_exit_code(found)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _say_unjudged(found: Sequence[ConsideredDevice]) -> None:
    for one in found:
        say_unjudged(one.unjudged)
    say_missing([one.observed for one in found])


def list_unjudged(found: Sequence[ConsideredDevice]) -> list[UnjudgedDocument]:
    """Return the ways of others that no proof followed, as programs read them."""
    return [build_unjudged_document(path) for one in found for path in one.unjudged]


def describe_observed(one: ConsideredDevice) -> ObservedDevice:
    """Return a device that was read and compared, as programs read it."""
    seen = one.observed.observation
    return {
        "device": one.observed.device.id,
        "platform": one.observed.device.platform,
        "refused": str(one.refusal) if one.refusal else None,
        "left_out": one.left_out or None,
        "changes": list(one.changes),
        "delegated": list(one.delegated),
        "encoding": one.observed.encoding or None,
        "lines": seen.lines if seen else None,
        "managed": seen.managed if seen else None,
        "unmanaged": [f"{line.number}: {line.text}" for line in seen.unmanaged] if seen else None,
    }


def say_differences(found: Sequence[ConsideredDevice], *, with_reading: bool) -> None:
    """Say what would change on each device; `with_reading` also what was read of it."""
    for one in found:
        if one.refusal is not None:
            continue
        name, seen = one.observed.device.id, one.observed.observation
        if with_reading and seen is not None:
            print_message(
                "plan.read-lines",
                device=name,
                lines=seen.lines,
                managed=seen.managed,
                unmanaged=len(seen.unmanaged),
            )
        if one.left_out:
            why = get_words().translate("proofs", one.left_out)
            print_message("plan.left-alone", "yellow", device=name, why=why)
        elif one.changes:
            print_message("plan.would-change", "bold", device=name, platform=one.observed.device.platform)
            for change in one.changes:
                print_data(f"  {change}", _style(change))
            _say_restore(one)
        elif with_reading:
            print_message("plan.no-change", device=name)
        say_delegated(name, one.delegated)


def _say_restore(one: ConsideredDevice) -> None:
    """Say how the device puts its old state back, where that is not by a program of ours on it."""
    device = one.observed.device
    system = load_platform_of(device)
    if not system.capabilities.restores_itself and is_changeable(system):
        print_message("plan.restore-none", "magenta", device=device.id)
    elif isinstance(system, TellsRestoreWay) and one.observed.text is not None and one.observed.knows_saved:
        way = system.find_restore_way(one.observed.text)
        said = "plan.restore-reload" if way is RestoreWay.RELOAD else "plan.restore-revert-timer"
        print_message(said, "magenta", device=device.id)


def _style(change: str) -> str | None:
    mark = change.strip()[:1]
    return {"+": "green", "-": "red", "~": "yellow", "!": "magenta"}.get(mark)


def say_plan_summary(found: Sequence[ConsideredDevice], output: Path | None, command: str) -> None:
    """Say what was planned and proved, and the command that carries out what was saved."""
    planned = list_planned(found)
    if not planned:
        print_message("plan.none-planned", "yellow", count=len(found))
        return
    left_out = sum(bool(one.left_out) for one in found)
    changing = sum(bool(one.changes) for one in planned)
    print_message("plan.summary", count=len(found), changing=changing, same=len(planned) - changing)
    if left_out:
        print_message("plan.left-out", "yellow", count=left_out)
    filters = sum(one.filters_proved for one in planned)
    if filters:
        print_message("plan.proof-filters", count=filters)
    print_message("plan.proof-states", count=sum(one.states_proved for one in planned))
    policies = sum(one.policies_proved for one in planned if not one.unjudged)  # what else decides there is unknown
    if policies:
        print_message("plan.proof-routes", count=policies)
    past = sum(1 + len(path.others) for one in found for path in one.unjudged)
    if past:
        print_message("plan.not-judged", "magenta", count=past)
    if output is not None:
        print_message("plan.saved", file=output, command=command)
