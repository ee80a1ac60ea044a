"""`tsunagu playbook`: the playbooks of `playbooks/`, on the devices that the city knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.audit import open_audit_trail
from controller.cli.devices.observation import list_reachable_devices
from controller.cli.estates import (
    choose_state_folder,
    list_operations_variables,
    load_estate_city,
    load_estate_operations,
)
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Json,
    Lab,
    Policies,
    Schools,
    State,
    Wards,
    choose_selection,
)
from controller.cli.output import Exit, print_line, say_json
from controller.cli.progress import Progress
from controller.cli.telemetry_tokens import find_token_file
from controller.inputs.real_path import find_real_path
from controller.model.sites.devices import Device
from controller.operations.trusted_programs import PROJECT, check_program_folder
from controller.plan.backup import is_operable
from controller.rollout.playbook import HostEnd, HostOutcome, Playbook, check_playbook_name, run_playbook
from controller.telemetry.registry import Writer
from controller.telemetry.tracing import open_trace

playbook = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Playbooks for network operators.")

OWN = "playbooks"
FOLDER = PROJECT / OWN
"""The project's own, whatever the working folder is: what stands there is run."""
SAVED = "Save what the device runs"

Folder = Annotated[
    Path,
    typer.Option(
        "--playbooks",
        help="Folder with the playbooks and their ansible.cfg; left out, the project's own.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder in which the dated folder is made.")]


@playbook.callback()
def _playbooks() -> None:
    """Without it, a group of one command would be that command."""


@playbook.command("run")
def run(  # noqa: PLR0913 the command's options
    name: Annotated[str, typer.Argument(metavar="PLAYBOOK", help="The playbook: backup.")],
    *,
    policies: Policies = DEFAULT_POLICIES,
    playbooks: Folder = FOLDER,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    output: Output = Path("backups"),
    state: State = None,
    as_json: Json = False,
) -> None:
    """Run a playbook on the devices of some schools or wards, with progress and a trace.

    Exit code 1 when a device failed or was unreachable, 3 when only platforms are not supported.
    """
    # Before anything is written: the trace bears the playbook's name.
    folder_of_books = check_program_folder(playbooks, OWN, policies)
    check_playbook_name(folder_of_books, name)
    chosen = choose_selection(schools, wards, everything=everything)
    city = load_estate_city(policies, lab=lab)
    operations = load_estate_operations(city)
    kept = choose_state_folder(city.estate, operations, state, policies)
    devices = list_reachable_devices(city, chosen)
    hosts = [device.id for device in devices if is_operable(device)]
    began = datetime.now(city.timezone)
    folder = find_real_path(output / f"{began:%Y-%m-%dT%H%M%S}")
    outcomes: list[HostOutcome] = []
    if hosts:
        environment = {"TSUNAGU_POLICIES": str(find_real_path(policies)), "TSUNAGU_LAB": str(int(lab))}
        environment |= list_operations_variables(city)
        book = Playbook(folder_of_books, name, hosts, environment, {"backup_folder": str(folder)})
        timeline = kept / "timeline" / f"{began:%Y%m%dT%H%M%S}-playbook-{name}.jsonl"
        token, trail = find_token_file(Writer.CONTROLLER, policies), open_audit_trail(kept, operations)
        with open_trace(timeline, token=token, trail=trail) as trace:
            outcomes = run_playbook(book, [trace, Progress(len(hosts), SAVED)])
    left_out = [device for device in devices if device.id not in hosts]
    if as_json:
        say_json(_document(folder, outcomes, left_out))
    else:
        _say(name, folder, outcomes, left_out)
    if any(one.end is not HostEnd.DONE for one in outcomes):
        raise typer.Exit(Exit.FAILED)
    if left_out:
        raise typer.Exit(Exit.NOT_SUPPORTED)


def _say(name: str, folder: Path, outcomes: Sequence[HostOutcome], left_out: Sequence[Device]) -> None:
    for one in outcomes:
        if one.end is HostEnd.DONE:
            saved = one.results.get(SAVED, {})
            what = f": {saved['backup']['lines']} lines, {saved['backup']['redacted']} redacted" if saved else ""
            print_line(f"done        {one.host}{what}", "green")
        else:
            print_line(f"{one.end:<11} {one.host}" + (f": {one.reason}" if one.reason else ""), "red")
    for platform, count in sorted(Counter(device.platform for device in left_out).items()):
        print_line(f"left out    {count} devices: platform {platform!r} cannot be read over SSH yet", "yellow")
    counts = Counter(one.end for one in outcomes)
    shown = ", ".join(f"{counts[end]} {end}" for end in HostEnd if counts[end])
    print_line(f"playbook {name}: {shown or 'nothing to do'}" + (f", {len(left_out)} left out" if left_out else ""))
    if counts[HostEnd.DONE]:
        print_line(f"saved in {folder}; it can be read by: tsunagu plan --configs")


def _document(folder: Path, outcomes: Sequence[HostOutcome], left_out: Sequence[Device]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "hosts": [
            {
                "host": one.host,
                "end": one.end,
                "reason": one.reason,
                "backup": one.results.get(SAVED, {}).get("backup"),
            }
            for one in outcomes
        ],
        "left_out": [device.id for device in left_out],
    }
