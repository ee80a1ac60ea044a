"""`plan --take-over` and `adopt --release`: objects of others change hands by plans that name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.adoption.take_over.consider import consider_release
from controller.adoption.take_over.record import TakenRecord, read_taken_record
from controller.cli.devices.observation import choose_exit_code, observe_devices, say_refusals
from controller.cli.devices.saved_plan import record_and_save_plan
from controller.cli.estates import find_user_name, load_operations_of
from controller.cli.output import Exit, print_data, print_line, say_json
from controller.errors import PlanRefused
from controller.inputs.shown_text import HIDDEN, shorten_value
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.operations import Operations
from controller.plan.build import ConsideredDevice, PlanOrigin, build_plan
from controller.plan.document import PlanFile
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.ssh_signatures import find_fingerprint

_FORM = re.compile(rf"(?P<device>[A-Za-z0-9][A-Za-z0-9_.-]{{0,99}}):(?P<name>[^{HIDDEN}]{{1,200}})")

TakeOver = Annotated[
    list[str] | None,
    typer.Option(
        "--take-over",
        metavar="DEVICE:OBJECT",
        help="An object of others that the plan takes over, as 'tsunagu adopt' names it (may be repeated).",
    ),
]


class ReleaseDocument(TypedDict):
    """The JSON document of `adopt --release`."""

    school: str
    plan: PlanFile
    refused: list[str]


def choose_taken_objects(
    devices: Sequence[Device], given: Sequence[str] | None, *, undo: bool = False
) -> dict[str, list[str]]:
    """Return the names of the objects to take over, by device.

    Raises:
        typer.BadParameter: one is not written DEVICE:OBJECT, is given twice, or is of a device that is not selected.
    """
    taken: dict[str, list[str]] = {}
    known = {device.id for device in devices}
    if given and undo:
        message = "a plan that goes back takes nothing over; leave out one of --undo and --take-over"
        raise typer.BadParameter(message)
    for one in given or ():
        found = _FORM.fullmatch(one)
        if found is None:
            message = f"{shorten_value(one)} is not DEVICE:OBJECT; write e.g. 'kw-e01-core1:vlan 10'"
            raise typer.BadParameter(message, param_hint="--take-over")
        device, name = found["device"], " ".join(found["name"].split())
        if device not in known:
            message = f"{device} is not among the selected devices; name its school with --school"
            raise typer.BadParameter(message, param_hint="--take-over")
        if name in taken.get(device, ()):
            message = f"{shorten_value(one)} is given twice"
            raise typer.BadParameter(message, param_hint="--take-over")
        taken.setdefault(device, []).append(name)
    return taken


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What is asked of `adopt --release`: whose devices, from which texts, and where the plan goes."""

    school: str
    devices: Sequence[Device]
    configs: Path | None
    output: Path | None
    sign_with: Path | None
    policies: Path


def release_school(city: City, request: ReleaseRequest, *, as_json: bool) -> Exit:
    """Plan how all that was taken over at a school is given back, say it, and save the plan; return the exit code.

    Raises:
        PlanRefused: nothing was taken over there from here.
        typer.BadParameter: a plan from saved configurations was to be saved.
    """
    if request.configs is not None and request.output is not None:
        message = "a plan from saved configurations is for looking at only; leave out one of --configs and -o"
        raise typer.BadParameter(message)
    operations = load_operations_of(city.estate, request.policies)
    records = {device.id: read_taken_record(operations.state, device.id) for device in request.devices}
    taken = [device for device in request.devices if records[device.id].objects]
    if not taken:
        message = f"{request.school}: nothing was taken over there from here, so nothing can be given back"
        raise PlanRefused(message)
    only_read = request.output is None
    found = [
        consider_release(city, one, records[one.device.id])
        for one in observe_devices(city, taken, request.configs, only_read=only_read)
    ]
    document = _plan_release(city, found, request, operations)
    planned = [one for one in found if one.refusal is None]
    place = request.output if planned else None
    if place is not None:
        record_and_save_plan(document, place, request.sign_with, operations, request.policies)
    if as_json:
        refused = [str(one.refusal) for one in found if one.refusal is not None]
        say_json(
            {"school": request.school, "plan": document.model_dump(mode="json"), "refused": refused},
            form="adopt-release",
        )
    else:
        _say_release(found, records, place)
    code = choose_exit_code(found)
    return Exit.FAILED if code is Exit.GOOD and place != request.output else code


def _plan_release(
    city: City, found: Sequence[ConsideredDevice], request: ReleaseRequest, operations: Operations
) -> PlanFile:
    origin = PlanOrigin(
        find_user_name(),
        find_commit(request.policies) if request.output is not None else "",
        hours=operations.plans.expire_after_hours,
        canary=operations.rollout.canary,
        planner_key=find_fingerprint(request.sign_with) if request.sign_with is not None else "",
    )
    return build_plan(city, found, origin)


def _say_release(found: Sequence[ConsideredDevice], records: dict[str, TakenRecord], place: Path | None) -> None:
    for one in found:
        name = one.observed.device.id
        if one.refusal is None:
            print_line(f"{name}: {len(one.changes)} of {len(records[name].objects)} objects are given back:", "bold")
            for change in one.changes:
                print_data(f"  {change}")
    say_refusals(found)
    states = sum(len(one.steps) for one in found)
    print_line(f"proof: {states} states on the way let through what both ends do, and nothing that neither does")
    if place is not None:
        print_line(f"saved: {place}; apply it with: tsunagu apply {place}")
