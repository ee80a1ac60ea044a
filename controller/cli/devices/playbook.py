"""`tsunagu playbook`: the playbooks of `playbooks/`, on the devices that the city knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail
from controller.cli.devices.observation import list_reachable_devices
from controller.cli.estates import (
    choose_state_folder,
    list_operations_variables,
    load_estate_city,
    load_estate_operations,
)
from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Json,
    Lab,
    Lang,
    Policies,
    Schools,
    State,
    Wards,
    choose_selection,
    speak,
)
from controller.cli.output import Exit, get_words, print_line, say_json
from controller.cli.progress import Progress
from controller.errors import TsunaguError
from controller.inputs.real_path import find_real_path
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.trusted_programs import PROJECT, check_program_folder
from controller.plan.backup import is_operable
from controller.plan.playbook_tasks.evidence import ARCHIVE
from controller.plan.select import Selection, find_device
from controller.rollout.playbooks.playbook import (
    THIS_MACHINE,
    HostEnd,
    HostOutcome,
    Playbook,
    check_playbook_name,
    run_playbook,
)
from controller.rollout.playbooks.playbook_settings import build_variables, list_playbooks, read_playbook
from controller.telemetry.registry import Writer
from controller.telemetry.traces.rollout_trace import open_trace


class PlaybookListDocument(TypedDict):
    """The playbooks that there are: name, purpose, settings (name, description, whether required, whether a path)."""

    playbooks: list[dict[str, Any]]


playbook = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Playbooks for network operators.")

OWN = "playbooks"
FOLDER = PROJECT / OWN
"""The project's own, whatever the working folder is: what stands there is run."""
SAVED = "Save what the device runs"
COMPARED = "Compare what the device runs with the policy"
WRITTEN = "Write it into the policy"
DRILLED = "Lose the region, fail over, rebuild, switch back"
PLAN = "plan.json"
REPORTS = "drift"
"""The playbook that writes a report instead of configurations."""

Folder = Annotated[
    Path,
    typer.Option(
        "--playbooks",
        help="Folder with the playbooks and their ansible.cfg; left out, the project's own.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Folder in which the dated folder is made.", show_default="backups or reports"),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="What the playbook is told (repeatable).")
]
Check = Annotated[bool, typer.Option("--check", help="Say what would be done, and do it not.")]
Devices = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="DEVICE", help="Only this device, by its id (may be repeated)."),
]
_PURPOSES = "playbook_purposes."
"""Begins the messages that say what a playbook is for."""
_FOLDERS = {
    "apply_policy": "plans",
    "backup": "backups",
    "close_school": "closed",
    "drift": "reports",
    "onboard_school": "backups",
    "onboard_switch": "backups",
    "quarantine": "plans",
    "release": "plans",
    "replace_switch": "backups",
}
"""Where a playbook writes if nobody says."""
_ON_THIS_MACHINE = frozenset({"drill_region"})
"""The playbooks that are about no device: they run in the virtual city's state, on Ansible's own host."""
_STEPS = {"drift": COMPARED, "onboard_school": SAVED, "onboard_switch": SAVED, "backup": SAVED}
"""The task whose end is a device's progress; of other playbooks it is the device's own end."""


@playbook.callback()
def _playbooks() -> None:
    """Without it, a group of one command would be that command."""


@playbook.command("run")
def run(  # noqa: PLR0913 the command's options
    name: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="The playbook; `playbook list` names them.")],
    *,
    policies: Policies = DEFAULT_POLICIES,
    playbooks: Folder = FOLDER,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    only: Devices = None,
    lab: Lab = False,
    output: Output = None,
    settings: Settings = None,
    check: Check = False,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Run a playbook on the devices of some schools or wards, with progress and a trace; drill_region on this machine.

    Exit code 1 when a device failed, was unreachable or not attempted, 2 when one differs, 4 when a part was not
    judged, 3 when only platforms are not supported.
    """
    # Before anything is written: the trace bears the playbook's name.
    folder_of_books = check_program_folder(playbooks, OWN, policies)
    check_playbook_name(folder_of_books, name)
    declared = read_playbook(folder_of_books, name)
    build_variables(declared, Path(), settings or ())  # what is wrong with the words is said before the city is read
    here = name in _ON_THIS_MACHINE
    if here and (schools or wards or only or everything):
        message = f"{name} is about no device: leave out --school, --ward, --device and --all"
        raise typer.BadParameter(message)
    lab = lab or here
    named_alone = here or (only and not (schools or wards))
    chosen = None if named_alone else choose_selection(schools, wards, everything=everything)
    city = load_estate_city(policies, lab=lab)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)
    devices = () if here else _list_devices(city, chosen, only or ())
    hosts = [THIS_MACHINE] if here else [device.id for device in devices if is_operable(device)]
    began = datetime.now(city.timezone)
    folder = find_real_path((output or Path(_FOLDERS.get(name, name))) / f"{began:%Y-%m-%dT%H%M%S}")
    outcomes: list[HostOutcome] = []
    if hosts:
        environment = {"TSUNAGU_POLICIES": str(find_real_path(policies)), "TSUNAGU_LAB": str(int(lab))}
        environment |= list_operations_variables(city)
        if lab:
            environment["TSUNAGU_STATE"] = str(find_real_path(kept))
        variables = build_variables(declared, folder, settings or ())
        book = Playbook(folder_of_books, name, hosts, environment, variables, check)
        timeline = kept / "timeline" / f"{began:%Y%m%dT%H%M%S}-playbook-{name}.jsonl"
        token, trail = find_token_file(Writer.CONTROLLER, policies), open_audit_trail(kept, operations)
        with open_trace(timeline, token=token, trail=trail) as trace:
            outcomes = run_playbook(book, [trace, Progress(len(hosts), _STEPS.get(name, ""))])
    left_out = [device for device in devices if device.id not in hosts]
    if as_json:
        say_json(_document(folder, outcomes, left_out))
    else:
        _say(name, folder, outcomes, left_out)
    code = _choose_code(outcomes, left_out)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _list_devices(city: City, chosen: Selection | None, only: Sequence[str]) -> tuple[Device, ...]:
    """Return the devices of schools and wards; where some are named, those of them, or those alone.

    Raises:
        TsunaguError: one that is named is no device of the city, or none of the schools and wards.
    """
    named = {name: find_device(city, name) for name in only}
    if chosen is None:
        chosen = Selection(sorted({device.school.id for device in named.values()}))
    found = list_reachable_devices(city, chosen)
    beside = sorted(named.keys() - {device.id for device in found})
    if beside:
        message = f"--device {beside[0]}: is none of the devices of the schools and wards that are named or up"
        raise TsunaguError(message)
    return tuple(device for device in found if not named or device.id in named)


@playbook.command("list")
def list_all(
    *, policies: Policies = DEFAULT_POLICIES, playbooks: Folder = FOLDER, lang: Lang = None, as_json: Json = False
) -> None:
    """List the playbooks, what each is for, and what it has to be told."""
    speak(lang)
    found = list_playbooks(check_program_folder(playbooks, OWN, policies))
    if as_json:
        say_json({"playbooks": [asdict(one) for one in found]})
        return
    for one in found:
        print_line(f"{one.name:<16} {get_words().texts.get(_PURPOSES + one.name, one.purpose)}")
        for setting in one.settings:
            if setting.required:
                print_line(f"{'':<16} --set {setting.name}=... ({setting.description})")


def _choose_code(outcomes: Sequence[HostOutcome], left_out: Sequence[Device]) -> Exit:
    ends = {one.end for one in outcomes}
    if ends - {HostEnd.DONE, HostEnd.DIFFERS, HostEnd.NOT_JUDGED}:
        return Exit.FAILED
    if HostEnd.DIFFERS in ends:
        return Exit.DIFFERS
    if HostEnd.NOT_JUDGED in ends:
        return Exit.NOT_JUDGED
    return Exit.NOT_SUPPORTED if left_out else Exit.GOOD


def _say(name: str, folder: Path, outcomes: Sequence[HostOutcome], left_out: Sequence[Device]) -> None:
    for one in outcomes:
        if one.end is HostEnd.DONE:
            saved = one.results.get(SAVED, {})
            what = f": {saved['backup']['lines']} lines, {saved['backup']['redacted']} redacted" if saved else ""
            print_line(f"done        {one.host}{what}", "green")
        else:
            style = "yellow" if one.end in (HostEnd.DIFFERS, HostEnd.NOT_JUDGED) else "red"
            print_line(f"{one.end:<11} {one.host}" + (f": {one.reason}" if one.reason else ""), style)
    _say_written(outcomes)
    for platform, count in sorted(Counter(device.platform for device in left_out).items()):
        print_line(f"left out    {count} devices: platform {platform!r} cannot be read over SSH yet", "yellow")
    counts = Counter(one.end for one in outcomes)
    shown = ", ".join(f"{counts[end]} {end}" for end in HostEnd if counts[end])
    print_line(f"playbook {name}: {shown or 'nothing to do'}" + (f", {len(left_out)} left out" if left_out else ""))
    if name == REPORTS and folder.is_dir():
        print_line(f"the report stands in {folder}: drift.ja.md, drift.en.md, drift.json")
    elif (folder / ARCHIVE).is_file():
        print_line(f"the evidence stands in {folder / ARCHIVE}, and its digest beside it")
    elif (folder / PLAN).is_file():
        print_line(f"the plan stands in {folder / PLAN}")
    elif counts[HostEnd.DONE] and folder.is_dir():
        print_line(f"saved in {folder}; it can be read by: tsunagu plan --configs")


def _say_written(outcomes: Sequence[HostOutcome]) -> None:
    """Say what a playbook wrote into the policy, and the reports of a drill."""
    for one in outcomes:
        entry = one.results.get(WRITTEN, {})
        if entry.get("msg") and not entry.get("failed"):
            print_line(entry["msg"], "yellow")
        for report in one.results.get(DRILLED, {}).get("reports", ()):
            print_line(f"report: {report}")


def _document(folder: Path, outcomes: Sequence[HostOutcome], left_out: Sequence[Device]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "hosts": [
            {
                "host": one.host,
                "end": one.end,
                "reason": one.reason,
                "backup": one.results.get(SAVED, {}).get("backup"),
                "drift": one.results.get(COMPARED, {}).get("drift"),
            }
            for one in outcomes
        ],
        "left_out": [device.id for device in left_out],
    }
