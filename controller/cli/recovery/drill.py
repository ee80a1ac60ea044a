"""`tsunagu drill`: what would be lost is brought back on purpose, measured, and held against the policy's targets.

A kind of drill is a command that hands a `Drill` to `_conduct`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail
from controller.cli.estates import choose_state_folder, find_user_name, load_estate_city, load_estate_operations
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, Policies, State, speak
from controller.cli.output import Exit, errors, get_words, print_line, say_json
from controller.cloud.pulumi_engine import LAB
from controller.drills.conduct import Drill, DrillOffice, conduct_drill, describe_targets
from controller.drills.controller_drill import drill_controller_restore, find_newest_backup
from controller.drills.drill_record import DrillRecord, describe_age
from controller.drills.drill_store import KeptDrill, find_last_passed, list_drills, list_failing_kinds
from controller.errors import DrillRefused
from controller.inputs.character_classes import NAME_CHARACTERS
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from controller.operations.operations import Operations
from controller.plan.select import find_device
from controller.platforms.transport.base import SystemClock
from controller.recovery.device_backup import find_device_backup
from controller.rollout.ending_signals import end_like_interrupt

drill = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Drills: lose something on purpose, bring it back, measure."
)

REAL_FLAG = "--i-know-this-is-production"


class StepChoice(StrEnum):
    """A step of a drill of a region."""

    FAILOVER = "failover"
    REBUILD = "rebuild"
    SWITCHOVER = "switchover"


People = Annotated[
    list[str] | None, typer.Option("--with", metavar="NAME", help="Who takes part beside you (may be repeated).")
]
BackupPath = Annotated[
    Path | None,
    typer.Option("--backup", help="The controller's backup, or the folder of the device's; else the last."),
]
DeviceName = Annotated[
    str, typer.Option("--device", metavar="DEVICE", help="Restore this device's backup instead of the controller's.")
]
Line = Annotated[str, typer.Option("--line", help="Which line is cut: primary-line, backup-line or third-line.")]
School = Annotated[str, typer.Option("--school", help="The school whose line is cut.")]
RegionName = Annotated[str, typer.Argument(metavar="REGION", help="The region that is lost, e.g. tokyo.")]
Steps = Annotated[
    list[StepChoice] | None,
    typer.Option("--step", help="Only these steps, in order (may be repeated): failover, rebuild, switchover."),
]
Stack = Annotated[
    str, typer.Option("--stack", help="lab (the virtual city); of another one the steps are said, not done.")
]
Real = Annotated[bool, typer.Option(REAL_FLAG, help="With --stack production: say the steps that people take there.")]


class LastPassed(TypedDict):
    """The newest passed drill of a kind, and its age."""

    kind: str
    at: str
    days: float


class DrillsDocument(TypedDict):
    """Every drill that is kept, the newest first. `failing`: kinds whose newest drill did not pass."""

    drills: list[DrillRecord]
    last_passed: list[LastPassed]
    failing: list[str]


@drill.command("restore")
def restore(  # noqa: PLR0913 the command's options
    *,
    device: DeviceName = "",
    backup: BackupPath = None,
    people: People = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Restore the controller's newest backup, or a device's, into a private place; measure how long, and how old it is.

    Nothing that lives is touched. A device's backup is put onto an empty virtual switch of its platform (cisco_ios).
    Exit code 2 where a target of the policy is missed.
    """
    city, office, operations = _open_office(policies, state, people, lab=lab)
    if device:
        # Imported where it is needed: the virtual switches take a while to load.
        from controller.lab.trials.device_drill import drill_device_restore  # noqa: PLC0415

        found = find_device(city, device)
        kept = find_device_backup(found, office.state, backup)
        by = office.people[0]
        run = partial(drill_device_restore, city, found, kept, policies, operations, office.clock, by)
        _conduct(Drill("restore", f"the device {device}", run), office, as_json=as_json)
        return
    path, sha256 = (backup, "") if backup is not None else find_newest_backup(office.trail)
    run_controller = partial(drill_controller_restore, path, sha256, operations, office.clock)
    _conduct(Drill("restore", "the controller's state", run_controller), office, as_json=as_json)


@drill.command("line")
def cut_line(  # noqa: PLR0913 the command's options
    school: School,
    *,
    which: Line = "primary-line",
    people: People = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """Cut a school's line in the virtual city, measure how long nothing comes through, and repair it.

    Exit code 2 where a target of the policy is missed. A real line is never cut from here.
    """
    if not lab:
        message = (
            f"{school}: a drill cuts no line of a real school: nothing here could put it back. Say --lab to cut the "
            f"{which} of this school in the virtual city"
        )
        raise DrillRefused(message)
    _, office, _ = _open_office(policies, state, people, lab=lab)
    from controller.lab.trials.line_drill import drill_line  # noqa: PLC0415 probes take a while to load

    _conduct(Drill("line", f"the {which} of {school}", partial(drill_line, school, which)), office, as_json=as_json)


@drill.command("region")
def lose_region(  # noqa: PLR0913 the command's options
    region: RegionName,
    *,
    steps: Steps = None,
    stack: Stack = LAB,
    real: Real = False,
    people: People = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Lose a region in the virtual city: fail over, rebuild, switch back; measure RTO and RPO, write the report.

    Rows go through the proxy into a real PostgreSQL pair; the real engine deploys the failover. As root. Exit code 2
    where a target of the policy is missed. Nothing real is touched: of a real stack the steps are said.
    """
    speak(lang)
    # Imported where they are needed: stacks, engine and people take a while to load.
    from controller.lab.trials.region import conduct_region, drill_request, region_drill  # noqa: PLC0415
    from controller.lab.trials.region.region_scene import ThisMachine, check_drill_requirements  # noqa: PLC0415
    from controller.lab.trials.region.rehearsed_stack import choose_drilled_stack, find_stack_file  # noqa: PLC0415

    file = find_stack_file(stack)
    if stack != LAB:
        for line in drill_request.explain_real_stack(stack, region, file, knows=real):
            (_progress if as_json else print_line)(line)
        raise drill_request.refuse_real_stack(stack)
    drilled = choose_drilled_stack(file)
    chosen = drill_request.choose_steps([step.value for step in steps or ()])
    drill_request.check_drill_request(drilled, region, chosen)
    programs = check_drill_requirements(ThisMachine())
    city, office, _ = _open_office(policies, state, people, lab=True)
    begun = region_drill.RegionDrill(
        choose_virtual_city(city), policies, drilled, programs, say=_progress, words=get_words()
    )
    _conduct(conduct_region.build_region_drill(begun, chosen), office, as_json=as_json)


@drill.command("state")
def lose_state(
    *,
    people: People = None,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Lose the engine's record of the stack lab (cut off, deleted), put it back from copies, and measure that.

    On an offline Google of its own, by the steps of docs/state.md; nothing that lives is touched. Exit code 1 where a
    refresh or a preview is not empty afterwards.
    """
    # Imported where it is needed: the offline Google takes a while to load.
    from controller.lab.trials import state_drill  # noqa: PLC0415

    _, office, _ = _open_office(policies, state, people, lab=True)
    run = partial(state_drill.drill_lost_state, policies, _progress)
    _conduct(Drill("state", state_drill.SUBJECT, run, frozenset()), office, as_json=as_json)


@drill.command("list")
def list_kept(
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    as_json: Json = False,
) -> None:
    """List the drills, the newest first, and how long ago each kind passed last.

    Exit code 2 where the newest drill of a kind did not pass.
    """
    _, office, _ = _open_office(policies, state, None, lab=lab)
    records, now = list_drills(office.state), office.clock.now()
    failing = list_failing_kinds(records)
    if as_json:
        say_json({**_describe_drills(records, failing, now)}, form="drill-list")
    else:
        for one in records:
            _print_record(one)
        for kind, passed in sorted(find_last_passed(records).items()):
            print_line(f"{kind}: passed last {describe_age(passed.at, now)}")
        for kind in sorted({one.kind for one in records} - find_last_passed(records).keys()):
            print_line(f"{kind}: never passed", "red")
        if not records:
            others = "" if lab else " (those in the virtual city, of regions too: tsunagu drill list --lab)"
            print_line(f"no drill was made from here; make one with: tsunagu drill restore{others}", "yellow")
    if failing:
        raise typer.Exit(Exit.DIFFERS)


def _open_office(
    policies: Path, state: Path | None, people: Sequence[str] | None, *, lab: bool
) -> tuple[City, DrillOffice, Operations]:
    city = load_estate_city(policies, lab=lab)
    operations = load_estate_operations(city)
    folder = choose_state_folder(city.estate, operations, state, policies)
    trail = open_audit_trail(folder, operations)
    taking_part = (find_user_name(), *map(_check_name, people or ()))
    return city, DrillOffice(city, folder, trail, SystemClock(), taking_part), operations


def _check_user(name: str) -> None:
    """Refuse a user whose name a record may not hold.

    Raises:
        DrillRefused: it may not.
    """
    fault = NAME_CHARACTERS.find_fault(name)
    if fault is not None:
        message = f"the user name {shorten_value(name)} {fault}: run the drill as a user whose name a record may hold"
        raise DrillRefused(message)


def _check_name(name: str) -> str:
    """Return the name of somebody who takes part, as a record may hold it.

    Raises:
        typer.BadParameter: it is none.
    """
    fault = NAME_CHARACTERS.find_fault(name) if name.strip() else "is empty"
    if fault is not None:
        message = f"--with {shorten_value(name)}: {fault}"
        raise typer.BadParameter(message)
    return name


def _progress(message: str) -> None:
    errors.print(message, style="dim", markup=False)


def _conduct(drill: Drill, office: DrillOffice, *, as_json: bool) -> None:
    """Conduct a drill, say what came of it, and leave with its exit code.

    Whatever ends it (Ctrl-C, SIGTERM, a terminal that is closed), what was lost on purpose is brought back or removed.
    """
    _check_user(office.people[0])
    with end_like_interrupt():
        has_targets = drill.applications is None or bool(drill.applications)
        record, _ = conduct_drill(drill, office, partial(_say_drill, has_targets=has_targets, as_json=as_json))
    if record.failure:
        raise typer.Exit(Exit.FAILED)
    if not record.passed:
        raise typer.Exit(Exit.DIFFERS)


def _say_drill(record: DrillRecord, kept: KeptDrill, *, has_targets: bool, as_json: bool) -> None:
    if as_json:
        say_json(record.model_dump(mode="json"), form="drill")
        return
    _print_record(record)
    for finding in record.findings:
        print_line(f"  {finding}")
    if has_targets and not record.expected:
        note = "  no application has targets: write 'recovery: {rto: 4h, rpo: 1d}' in access/applications.yaml"
        print_line(note, "yellow")
    print_line(f"  kept in {kept.path}")
    for report in kept.reports:
        print_line(f"  report: {report}")


def _print_record(record: DrillRecord) -> None:
    measured = record.measured
    figures = [
        f"{name} {seconds:,.1f} s"
        for name, seconds in (("RTO", measured.rto_seconds), ("RPO", measured.rpo_seconds))
        if seconds is not None
    ]
    end = "passed" if record.passed else "NOT PASSED"
    said = f"{record.at:%Y-%m-%d %H:%M} {record.kind:<8} {end:<10} {record.subject}  {', '.join(figures)}"
    print_line(f"{said}  ({', '.join(record.people)})", "green" if record.passed else "red")
    for missed in describe_targets(record):
        print_line(f"  missed: {missed}", "red")
    if record.failure:
        print_line(f"  {record.failure}", "red")


def _describe_drills(records: list[DrillRecord], failing: list[str], now: datetime) -> dict[str, object]:
    last: list[LastPassed] = [
        {"kind": kind, "at": one.at.isoformat(), "days": round((now - one.at).total_seconds() / 86400, 2)}
        for kind, one in sorted(find_last_passed(records).items())
    ]
    return {"drills": [one.model_dump(mode="json") for one in records], "last_passed": last, "failing": failing}
