"""`tsunagu integrate computers`: the computers that are left in the old networks, by inventory and by the switches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.estates import build_transport, choose_state_folder, load_estate_city, load_estate_operations
from controller.cli.integration.computer_figures import (
    ListedDocument,
    SeenDocument,
    describe_listed,
    describe_seen,
    say_figures,
)
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
from controller.cli.output import Exit, get_words, print_line, print_message, say_json
from controller.errors import TsunaguError
from controller.importing.cell_values import CellRefused
from controller.inputs.text_encodings import TextEncoding
from controller.integration.computers.computer_counts import (
    NO_COUNTS,
    ListedComputers,
    SchoolCounts,
    SeenComputers,
    count_listed_computers,
    find_differences,
    is_retirement_overdue,
)
from controller.integration.computers.count_store import keep_computer_counts, read_computer_counts
from controller.integration.computers.host_cells import parse_day
from controller.integration.computers.inventory_table import ComputerInventory, ListDay, read_computer_inventory
from controller.integration.computers.old_segments import list_old_segments
from controller.integration.computers.seen_computers import (
    count_seen_computers,
    list_devices_to_read,
    list_unread,
    read_mac_tables,
)
from controller.model.city import City
from controller.model.policy_files import SEGMENTS
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage
from controller.plan.select import select_schools_in_service

_MOST_SHOWN = 10
"""MAC addresses that a line of text names; JSON has all."""

Inventory = Annotated[
    Path | None,
    typer.Option("--inventory", help="A list of computers (CSV: 学校, 端末名, MACアドレス, セグメント); see docs."),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="YYYY-MM-DD", help="The day of the inventory, for rows without one of their own."),
]
Complete = Annotated[
    bool,
    typer.Option("--complete", help="The inventory names every computer: a school without a row has none (--as-of)."),
]
TableEncoding = Annotated[
    TextEncoding | None,
    typer.Option("--encoding", help="How the inventory is encoded, where that cannot be told by itself."),
]
Read = Annotated[bool, typer.Option("--read", help="Ask the switches which hosts they have learnt; changes nothing.")]


class SchoolComputersDocument(TypedDict):
    """Both figures of a school; null where nobody has counted. Without either nothing is judged.

    `not_seen` and `not_listed` are MAC addresses that only one of the figures has; null where one is not there.
    """

    school: str
    name: str
    ward: str
    stage: Stage | None
    retire_by: str | None
    overdue: bool
    listed: ListedDocument | None
    seen: SeenDocument | None
    not_seen: list[str] | None
    not_listed: list[str] | None


class ComputersDocument(TypedDict):
    """The computers left in the old networks, by school.

    `segments` are those of the old networks, `ignored` the columns of the inventory that say nothing here, `unread` the
    devices that could not be read this time, `nothing_to_read` the schools without a port in an old network. `left_out`
    are the rows of the inventory that were not counted, by their school: it was not named.
    """

    segments: list[str]
    ignored: list[str]
    unread: dict[str, str]
    nothing_to_read: list[str]
    left_out: dict[str, int]
    schools: list[SchoolComputersDocument]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run was given to count by."""

    inventory: Path | None
    day: ListDay
    is_complete: bool
    encoding: TextEncoding | None
    reads: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What a run has counted anew."""

    listed: Mapping[str, ListedComputers]
    seen: Mapping[str, SeenComputers]
    ignored: tuple[str, ...] = ()
    unread: Mapping[str, str] | None = None
    nothing_to_read: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def count_computers(  # noqa: PLR0913 the command's options
    *,
    inventory: Inventory = None,
    as_of: AsOf = None,
    complete: Complete = False,
    encoding: TableEncoding = None,
    read: Read = False,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Count the computers left in the old networks: by an inventory, and by what the switches have learnt.

    Both figures are kept and shown, each with its own date; neither stands for the other. Without --inventory and
    --read the last ones are shown.

    Exit code 2 where the day of retirement is past and a figure says that computers are left.
    """
    speak(lang)
    selection = choose_selection(schools, wards, everything=everything)
    city = load_estate_city(policies, lab=lab)
    old = list_old_segments(city)
    if not old:
        message = (
            f"{city.directory}/{SEGMENTS.name}: no segment ends before 'integrated', so there is no old network; write "
            "'stages: [separated, coexist]' at its segments"
        )
        raise TsunaguError(message)
    asked = _Asked(inventory, _choose_list_day(as_of, city.policy_date), complete, encoding, read)
    _refuse_lone_options(asked)
    chosen = select_schools_in_service(city, selection)
    folder = choose_state_folder(city.estate, load_estate_operations(city), state, Path(city.directory))
    found = _count(city, chosen, asked)
    if found.listed or found.seen:
        counts = keep_computer_counts(folder, city.id, found.listed, found.seen)
    else:
        counts = read_computer_counts(folder, city.id)
    overdue = {one.id for one in chosen if is_retirement_overdue(city, one, counts.get(one.id, NO_COUNTS))}
    if as_json:
        told = [_describe(city, one, counts.get(one.id, NO_COUNTS), is_overdue=one.id in overdue) for one in chosen]
        document: ComputersDocument = {
            "segments": list(old),
            "ignored": list(found.ignored),
            "unread": dict(found.unread or {}),
            "nothing_to_read": list(found.nothing_to_read),
            "left_out": dict(found.left_out),
            "schools": told,
        }
        say_json({**document})
    else:
        _print_counts(city, chosen, counts, found, overdue)
    if overdue:
        raise typer.Exit(Exit.DIFFERS)


def _choose_list_day(as_of: str | None, today: date) -> ListDay:
    try:
        return ListDay(None if as_of is None else parse_day(as_of, today), today)
    except CellRefused as refused:
        message = f"--as-of {refused}"
        raise typer.BadParameter(message) from None


def _refuse_lone_options(asked: _Asked) -> None:
    """Refuse options that say something of an inventory that is not there, or too little of one."""
    if asked.inventory is None and (asked.day.as_of or asked.is_complete or asked.encoding):
        message = "--as-of, --complete and --encoding are about the list of --inventory; name one"
        raise typer.BadParameter(message)
    if asked.is_complete and asked.day.as_of is None:
        message = (
            "--complete says that schools without a row have no computers; say as of which day: --as-of YYYY-MM-DD"
        )
        raise typer.BadParameter(message)


def _count(city: City, chosen: Sequence[School], asked: _Asked) -> _Found:
    """Count anew what was asked for."""
    listed: Mapping[str, ListedComputers] = {}
    inventory = ComputerInventory(())
    if asked.inventory is not None:
        inventory = _read_inventory(city, asked.inventory, asked)
        complete_on = asked.day.as_of if asked.is_complete else None
        listed = count_listed_computers(city, inventory, chosen, complete_on)
    named = {one.id for one in chosen}
    left_out = Counter(one.school for one in inventory.computers if one.school not in named)
    found = _Found(listed, {}, inventory.ignored, left_out=left_out)
    if not asked.reads:
        return found
    devices = {school.id: list_devices_to_read(city, school) for school in chosen}
    at = datetime.now(UTC)
    readings = read_mac_tables([one for own in devices.values() for one in own], build_transport(city))
    by_device = {one.device.id: one for one in readings}
    seen = {
        school.id: counted
        for school in chosen
        if (counted := count_seen_computers(city, school, [by_device[one.id] for one in devices[school.id]], at))
    }
    without = tuple(name for name, own in devices.items() if not own)
    return replace(found, seen=seen, unread=list_unread(readings), nothing_to_read=without)


def _read_inventory(city: City, path: Path, asked: _Asked) -> ComputerInventory:
    try:
        return read_computer_inventory(path, city, asked.day, asked.encoding)
    except FileNotFoundError:
        message = f"{path}: there is no such file; name the list of computers"
        raise TsunaguError(message) from None


def _describe(city: City, school: School, counts: SchoolCounts, *, is_overdue: bool) -> SchoolComputersDocument:
    entry = city.integrations.find_entry(school)
    both = counts.listed is not None and counts.seen is not None
    differences = find_differences(counts)
    return {
        "school": school.id,
        "name": school.name,
        "ward": school.ward,
        "stage": city.find_stage(school),
        "retire_by": entry.retire_by.isoformat() if entry and entry.retire_by else None,
        "overdue": is_overdue,
        "listed": describe_listed(counts.listed),
        "seen": describe_seen(counts.seen),
        "not_seen": list(differences.not_seen) if both else None,
        "not_listed": list(differences.not_listed) if both else None,
    }


def _print_counts(
    city: City, chosen: Sequence[School], counts: Mapping[str, SchoolCounts], found: _Found, overdue: set[str]
) -> None:
    words = get_words()
    if found.ignored:
        print_message("integration.computers-ignored", columns=", ".join(found.ignored))
    if found.left_out:
        rows = sum(found.left_out.values())
        named = ", ".join(f"{name} ({count})" for name, count in sorted(found.left_out.items())[:_MOST_SHOWN])
        named += " …" if len(found.left_out) > _MOST_SHOWN else ""
        print_message("integration.computers-left-out", "yellow", count=rows, schools=named)
    for one in chosen:
        own = counts.get(one.id, NO_COUNTS)
        named = words.say("common.named", name=one.id, called=one.name)
        said = say_figures(city, own)
        entry = city.integrations.find_entry(one)
        if entry is not None and entry.retire_by is not None:
            key = "integration.computers-overdue" if one.id in overdue else "integration.computers-retire"
            said = f"{said}; {words.say(key, day=entry.retire_by)}"
        print_message("integration.status-line", "red" if one.id in overdue else None, school=named, said=said)
        _print_macs(own)
    for device, why in (found.unread or {}).items():
        print_message("integration.computers-device", device=device, why=why)
    if found.nothing_to_read:
        print_message("integration.computers-no-port", schools=", ".join(found.nothing_to_read))
    segments = ", ".join(list_old_segments(city))
    listed, seen = (
        sum(1 for one in chosen if getattr(counts.get(one.id, NO_COUNTS), kind)) for kind in ("listed", "seen")
    )
    print_message(
        "integration.computers-total", "bold", schools=len(chosen), listed=listed, seen=seen, segments=segments
    )


def _print_macs(counts: SchoolCounts) -> None:
    """Print the addresses that only one figure has, and those that are not counted."""
    differences = find_differences(counts)
    elsewhere = counts.seen.elsewhere if counts.seen else ()
    for key, macs in (
        ("not-seen", differences.not_seen),
        ("not-in-list", differences.not_listed),
        ("elsewhere", elsewhere),
    ):
        if macs:
            more = f", ... ({len(macs)})" if len(macs) > _MOST_SHOWN else ""
            print_line(
                f"  {get_words().say(f'integration.computers-{key}', macs=', '.join(macs[:_MOST_SHOWN]) + more)}"
            )
