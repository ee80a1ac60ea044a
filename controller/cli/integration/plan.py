"""`tsunagu integrate plan`: checks a change of stage, shows and proves it and its way back, and saves the plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.devices.observation import choose_exit_code, list_reachable_devices, observe_devices
from controller.cli.devices.plan import SignWith, say_what_it_needs
from controller.cli.devices.unjudged import say_unjudged
from controller.cli.estates import build_policy_loader, find_user_name, load_operations_of
from controller.cli.integration.brought_lists import (
    BroughtFiles,
    RowsOfOthers,
    carry_listed_reservations,
    find_rows_of_others,
)
from controller.cli.integration.documents import build_plan_document, expires_too_early
from controller.cli.integration.saving import Office, SavedFiles, save_stage_change
from controller.cli.integration.scene import build_check_scene, choose_limits
from controller.cli.integration.words import (
    say_change,
    say_checks,
    say_claims,
    say_edit,
    say_effects,
    say_rows_of_others,
    say_steps,
    say_way_back,
)
from controller.cli.options import (
    DEFAULT_POLICIES,
    Configs,
    Json,
    Lab,
    Lang,
    On,
    Policies,
    State,
    choose_day,
    choose_estate_class,
    speak,
)
from controller.cli.output import Exit, errors, print_message, say_json
from controller.inputs.text_encodings import TextEncoding
from controller.integration.interruption import MeasuredInterruptions, read_measured_interruptions
from controller.integration.plan_change import StagePlan, compare_with_both, plan_stage_change, refuse_done_change
from controller.integration.pre_checks.registry import find_pass_reasons
from controller.integration.reservations import CarriedReservations
from controller.integration.stage_policy import (
    StagePolicy,
    StageRequest,
    find_stage_subject,
    plan_stage_policy,
)
from controller.model.sites.stages import Stage
from controller.operations.operations import Operations
from controller.plan.build import PlanOrigin, build_plan
from controller.plan.document import PlanFile
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.plan.select import Selection, select_devices

Subject = Annotated[
    str,
    typer.Argument(
        metavar="SCHOOL|WARD|GROUP",
        help="What changes its stage, by its id or its name; or ward:ID, group:ID, school:ID.",
    ),
]
To = Annotated[Stage, typer.Option("--to", help="The stage that it is to be in: the next one, or the one before.")]
By = Annotated[str, typer.Option("--by", help="Who answers for it; as city/integration.yaml says, if left out.")]
Cutover = Annotated[
    str | None,
    typer.Option("--cutover", metavar="YYYY-MM-DD", help="The day of the cut-over; as the policy says, if left out."),
]
Issued = Annotated[
    Path | None, typer.Option("--issued", help="A list (CSV) of how many certificates or accounts were issued.")
]
Printers = Annotated[Path | None, typer.Option("--printers", help="A list (CSV) of the schools' printers.")]
Reservations = Annotated[
    Path | None, typer.Option("--reservations", help="A list (CSV) of the addresses that DHCP keeps for devices.")
]
CarriedTo = Annotated[
    Path | None, typer.Option("--carried-to", help="Where to write the reservations with their new addresses.")
]
NewSegment = Annotated[
    list[str] | None,
    typer.Option(
        "--new-segment", metavar="OLD=NEW", help="The segment into which reservations of an old one move (repeatable)."
    ),
]
Inventory = Annotated[
    Path | None, typer.Option("--inventory", help="A list (CSV) of computers: which segment reserved ones move into.")
]
Backups = Annotated[
    Path | None,
    typer.Option("--backups", help="A folder in which the backup playbook saved; read beside the state folder."),
]
ListEncoding = Annotated[
    TextEncoding | None,
    typer.Option("--encoding", help="How the lists are encoded, where that cannot be told by itself."),
]
Pass = Annotated[
    list[str] | None,
    typer.Option(
        "--pass", metavar="CHECK=REASON", help="Pass a check by its name; the reason goes into the audit trail."
    ),
]
BackupDays = Annotated[
    int | None,
    typer.Option(
        "--backup-days", min=1, max=3660, help="How old a backup may be; as the operators' file says, or less."
    ),
]
MeasuredDays = Annotated[
    int | None,
    typer.Option(
        "--measured-days", min=1, max=3660, help="How old a measurement may be; as the operators' file says, or less."
    ),
]
IssuedPercent = Annotated[
    int | None,
    typer.Option(
        "--issued-percent",
        min=1,
        max=100,
        help="How much of what is due must have been issued; as the operators' file says, or more.",
    ),
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to save the plan; writes the policy, too.")]
Write = Annotated[bool, typer.Option("--write", help="Write the new stage into city/integration.yaml.")]


def show_stage_plan(  # noqa: PLR0913 the command's options
    subject: Subject,
    to: To,
    *,
    by: By = "",
    cutover: Cutover = None,
    issued: Issued = None,
    printers: Printers = None,
    reservations: Reservations = None,
    carried_to: CarriedTo = None,
    new_segment: NewSegment = None,
    inventory: Inventory = None,
    backups: Backups = None,
    encoding: ListEncoding = None,
    passes: Pass = None,
    backup_days: BackupDays = None,
    measured_days: MeasuredDays = None,
    issued_percent: IssuedPercent = None,
    output: Output = None,
    write: Write = False,
    sign_with: SignWith = None,
    configs: Configs = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    on: On = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Check a change of stage, show what it does, prove the way back from every state between, and save the plan.

    Exit code 2 when a check did not pass, or the way back or the next stage is not proved. Nothing is written with any
    exit code other than 0. The plan that -o saves is one like any other: `tsunagu rollout start` carries it out.
    """
    speak(lang)
    brought = BroughtFiles(
        printers, issued, reservations, inventory, tuple(new_segment or ()), backups=backups, encoding=encoding
    )
    _refuse_options(output, configs, sign_with, carried=(brought, carried_to), write=write)
    files, saves = SavedFiles(output, carried_to, sign_with), output is not None or write
    reasons, day, cut = find_pass_reasons(passes or ()), choose_day(on), choose_day(cutover, "--cutover")
    estate = choose_estate_class(lab=lab)
    operations = load_operations_of(estate.estate, policies, state)
    limits = choose_limits(operations.integration, (backup_days, measured_days, issued_percent))

    load = build_policy_loader(policies, estate, operations, day)
    city = load({})
    request = StageRequest(
        find_stage_subject(city, subject), to, cut, by, least_weeks=operations.integration.least_weeks_in_coexist
    )
    policy = plan_stage_policy(city, policies, request, load)
    chosen = Selection(policy.schools)
    devices = (
        select_devices(policy.before, chosen) if configs is not None else list_reachable_devices(policy.before, chosen)
    )
    observed = observe_devices(policy.before, devices, configs)
    now, later = compare_with_both(policy, observed, operations.rollout.canary or city.canary)
    refuse_done_change(policy, later)
    # Before anything is written: what is wrong with it ends the command.
    measured = read_measured_interruptions()
    scene = replace(
        build_check_scene(policy, brought, operations, state, policies),
        at=datetime.now(UTC),
        now=now,
        later=later,
        asked=configs is None,
        limits=limits,
    )
    table, carried = carry_listed_reservations(policy, brought, scene.printers or ())
    found = plan_stage_change(scene, reasons, _say_progress)
    rows = find_rows_of_others(scene, brought, table)
    written: list[str] = []
    document = None
    code = choose_exit_code(later) if found.can_be_planned else Exit.DIFFERS
    if code is Exit.GOOD:
        document = build_plan(policy.after, later, _name_origin(operations, sign_with))
        if saves:
            office = Office(operations, policies, state, load, limits)
            document = save_stage_change(document, policy, (found.checks, carried), files, office)
            written += [str(one) for one in (policy.text.path, *files.written)]
    _say(policy, found, (written, document), (measured, rows), as_json=as_json)
    for one in () if as_json else later:
        say_unjudged(one.unjudged)
    if not as_json and document is not None:
        _say_end(policy, document, files, (carried, operations), saves=saves)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _refuse_options(
    output: Path | None,
    configs: Path | None,
    sign_with: Path | None,
    *,
    carried: tuple[BroughtFiles, Path | None],
    write: bool,
) -> None:
    """Refuse options that do not go together.

    Raises:
        typer.BadParameter: says which.
    """
    if configs is not None and (output is not None or write):
        message = "a plan from saved configurations is for looking at only; leave out --configs, or -o and --write"
        raise typer.BadParameter(message)
    if sign_with is not None and output is None:
        message = "there is nothing to sign without -o"
        raise typer.BadParameter(message)
    brought, carried_to = carried
    if brought.reservations is None and (brought.inventory is not None or brought.segments):
        message = "--inventory and --new-segment say where reservations move; name the list: --reservations"
        raise typer.BadParameter(message)
    if (brought.reservations is None) != (carried_to is None):
        message = "--reservations says what is carried over, and --carried-to where it is written; name both"
        raise typer.BadParameter(message)


def _say_progress(device: str) -> None:
    if errors.is_terminal:
        errors.print(f"way back: {device}", style="dim", markup=False)


def _name_origin(operations: Operations, sign_with: Path | None) -> PlanOrigin:
    return PlanOrigin(
        find_user_name(),
        hours=operations.plans.expire_after_hours,
        canary=operations.rollout.canary,
        planner_key=find_fingerprint(sign_with) if sign_with is not None else "",
    )


def _say(
    policy: StagePolicy,
    found: StagePlan,
    ended: tuple[list[str], PlanFile | None],
    more: tuple[MeasuredInterruptions | None, tuple[RowsOfOthers, ...]],
    *,
    as_json: bool,
) -> None:
    measured, rows = more
    if as_json:
        parts = found.effects, found.interruptions, found.way_back, found.claims
        say_json(build_plan_document(policy, found.checks, parts, ended, more))
        return
    say_change(policy)
    say_checks(found.checks)
    say_rows_of_others(rows)
    say_effects(policy.after, found.effects)
    say_steps(found.interruptions, measured)
    say_way_back(found.way_back)
    say_claims(policy, found.claims)
    if found.open_checks:
        print_message("integration_plan.refused", "red", count=len(found.open_checks))
    elif found.way_back.faults:
        print_message("integration_plan.refused-way-back", "red")
    elif found.claims.differences:
        print_message("integration_plan.refused-stage", "red")
    elif ended[1] is None:
        print_message("integration_plan.refused-devices", "red")


def _say_end(
    policy: StagePolicy,
    document: PlanFile,
    files: SavedFiles,
    more: tuple[CarriedReservations | None, Operations],
    *,
    saves: bool,
) -> None:
    carried, operations = more
    if carried is not None:
        moved, kept = len(carried.carried), len(carried.unchanged) + len(carried.others)
        key = "integration_plan.reservations" if saves else "integration_plan.reservations-not-written"
        print_message(key, count=moved + kept, moved=moved, file=files.carried)
    if not saves:
        say_edit(policy)
        return
    print_message("integration_plan.written", file=policy.text.path)
    if files.plan is not None:
        print_message("integration_plan.saved", file=files.plan, command=f"tsunagu rollout start {files.plan}")
        if expires_too_early(policy, document):
            expires = document.expires.astimezone(policy.after.timezone)
            print_message("integration_plan.expires", "yellow", at=f"{expires:%Y-%m-%d %H:%M}", day=policy.cutover)
        say_what_it_needs(document, files.plan, operations, signed=files.key is not None)
