"""`tsunagu integrate confirm`: whether devices hold a stage that was written; its entry then says that it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail
from controller.cli.conventions.json_documents import UnjudgedDocument
from controller.cli.devices.observation import list_reachable_devices, observe_devices
from controller.cli.devices.unjudged import build_unjudged_document, say_unjudged
from controller.cli.estates import build_policy_loader, choose_state_folder, load_operations_of
from controller.cli.integration.plan import Subject
from controller.cli.integration.saving import save_confirmation
from controller.cli.integration.words import say_changed_lines
from controller.cli.options import (
    DEFAULT_POLICIES,
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
from controller.cli.output import Exit, get_words, print_message, say_json
from controller.integration.plan_change import holds_policy
from controller.integration.stage_policy import StageConfirmation, find_stage_subject, plan_confirmation
from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.plan.build import ConsideredDevice, consider_device
from controller.plan.select import Selection

Write = Annotated[bool, typer.Option("--write", help="Take came-from out of the entry in city/integration.yaml.")]


class OpenDeviceDocument(TypedDict):
    """A device that does not hold the stage, or of which nobody can tell."""

    device: str
    why: str


class ConfirmationDocument(TypedDict):
    """Whether every device of the schools holds the stage that is written; `written` is the policy file, if any.

    `unjudged` are ways of others on the devices: they are no part of the stage, and nothing is known of them.
    """

    subject: dict[str, str]
    stage: Stage
    came_from: Stage | None
    since: str | None
    schools: list[str]
    devices: int
    open: list[OpenDeviceDocument]
    unjudged: list[UnjudgedDocument]
    confirmed: bool
    written: list[str]


def confirm_stage(  # noqa: PLR0913 the command's options
    subject: Subject,
    *,
    write: Write = False,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    on: On = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Ask the devices if they hold a stage that was written, once its day has come, and write that it is done.

    Until then `status` and `schedule` say that the change is not confirmed. Exit code 2 where a device does not hold
    the stage, or nobody can tell; nothing is written then.
    """
    speak(lang)
    day, estate = choose_day(on), choose_estate_class(lab=lab)
    operations = load_operations_of(estate.estate, policies, state)
    load = build_policy_loader(policies, estate, operations, day)
    city = load({})
    trail = open_audit_trail(choose_state_folder(city.estate, operations, state, policies), operations)
    found = plan_confirmation(city, policies, find_stage_subject(city, subject), load, find_today(city))
    devices = list_reachable_devices(city, Selection(found.schools))
    considered = [consider_device(city, one) for one in observe_devices(city, devices, None)]
    missing = [name for name in found.schools if name not in {one.school.id for one in devices}]
    opened = [
        *_list_open(found, considered),
        *((name, get_words()["integration_plan.confirm-no-device"]) for name in missing),
    ]
    confirmed = bool(considered) and not opened
    if confirmed and write:
        save_confirmation(found, city, len(considered), trail)
    if as_json:
        say_json({**_describe(found, considered, opened, write=write)})
    else:
        _say(found, considered, opened, write=write)
        for one in considered:
            say_unjudged(one.unjudged)
    if not confirmed:
        raise typer.Exit(Exit.DIFFERS)


def find_today(city: City) -> date:
    """Find the day of the clock, where the city is."""
    return datetime.now(UTC).astimezone(city.timezone).date()


def _list_open(found: StageConfirmation, considered: Sequence[ConsideredDevice]) -> Iterator[tuple[str, str]]:
    """Yield each device that does not hold the stage, or of which nobody can tell, and why."""
    words = get_words()
    for one in considered:
        if holds_policy(one):
            continue
        if one.refusal is not None:
            why = str(one.refusal)
        elif one.left_out:
            why = words.say("integration_plan.confirm-left-out", why=one.left_out)
        else:
            why = words.say("integration_plan.confirm-differs", stage=words[f"integration.{found.entry.stage}"])
        yield one.observed.device.id, why


def _describe(
    found: StageConfirmation,
    considered: Sequence[ConsideredDevice],
    opened: Sequence[tuple[str, str]],
    *,
    write: bool,
) -> ConfirmationDocument:
    confirmed = bool(considered) and not opened
    return {
        "subject": {found.subject.noun: found.subject.name},
        "stage": found.entry.stage,
        "came_from": found.entry.came_from,
        "since": found.entry.since.isoformat() if found.entry.since else None,
        "schools": list(found.schools),
        "devices": len(considered),
        "open": [{"device": device, "why": why} for device, why in opened],
        "unjudged": [build_unjudged_document(way) for one in considered for way in one.unjudged],
        "confirmed": confirmed,
        "written": [str(found.text.path)] if confirmed and write else [],
    }


def _say(
    found: StageConfirmation,
    considered: Sequence[ConsideredDevice],
    opened: Sequence[tuple[str, str]],
    *,
    write: bool,
) -> None:
    for device, why in opened:
        print_message("integration_plan.confirm-open", "red", device=device, why=why)
    if opened or not considered:
        print_message("integration_plan.confirm-refused", "red")
        return
    print_message(
        "integration_plan.confirmed",
        "green",
        subject=f"{found.subject.noun} {found.subject.name}",
        devices=len(considered),
        stage=get_words()[f"integration.{found.entry.stage}"],
        day=found.entry.since,
    )
    if write:
        print_message("integration_plan.written", file=found.text.path)
    else:
        print_message("integration_plan.confirm-would-write", file=found.text.path)
        say_changed_lines(found.text)
