"""`tsunagu import`: the schools of a table, or of NetBox, in the city's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.options import DEFAULT_POLICIES, Json, Lang, Policies, speak
from controller.cli.output import Exit, get_words, print_data, print_line, print_message, say_json
from controller.errors import TsunaguError
from controller.importing.cell_values import CellRefused
from controller.importing.csv_table import read_school_table
from controller.importing.equipment.device_files import add_devices
from controller.importing.equipment.listed_devices import DeviceChanges, choose_devices, read_device_roles
from controller.importing.equipment.lot_platforms import LotPlatforms, add_lot_platforms, collect_lot_platforms
from controller.importing.other_sites import leave_out_other_sites
from controller.importing.school_changes import SchoolChanges, compare_schools
from controller.importing.school_files import FileChange, edit_school_files
from controller.importing.school_records import (
    KnownWard,
    RecordedLine,
    build_school_records,
    read_default_line,
)
from controller.importing.source_table import Column, SourceTable
from controller.importing.write_schools import try_changes, write_changes
from controller.inputs.shown_text import shorten_text
from controller.inputs.text_encodings import TextEncoding
from controller.messages import Catalogue
from controller.model.loading.load_city import load_city
from controller.model.sites.schools import DeviceRole
from controller.operations.operations import Operations
from controller.operations.operators_file import find_operators_file, load_operations
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.credentials import resolve_secret

NETBOX = "netbox"
_MOST_LISTED = 20


class WardSource(StrEnum):
    """What of a NetBox site is the ward."""

    REGION = "region"
    GROUP = "group"
    TENANT = "tenant"


TableEncoding = Annotated[
    TextEncoding | None,
    typer.Option("--encoding", help="How the table is encoded, where that cannot be told by itself."),
]
WardFrom = Annotated[
    WardSource | None, typer.Option("--ward-from", help="What of a NetBox site is the ward, where several could be.")
]
DefaultLine = Annotated[
    str | None,
    typer.Option(
        "--line", metavar="KIND:MBPS", help="The primary line of schools without one in the source: closed-vpn:100."
    ),
]


def add_schools(  # noqa: PLR0913 the command's options
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A table of schools, such as schools.csv, or the word netbox.")
    ],
    policies: Policies = DEFAULT_POLICIES,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write the files; without it the change is only shown.")
    ] = False,
    encoding: TableEncoding = None,
    ward_from: WardFrom = None,
    line: DefaultLine = None,
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--devices",
            metavar="SLUG=ROLE",
            help="Add NetBox's devices of a role to city/devices/: core-switch=core (may be repeated).",
        ),
    ] = None,
    lot_platform: Annotated[
        list[str] | None,
        typer.Option(
            "--lot-platform",
            metavar="LOT:ROLE=PLATFORM",
            help="The platform of a role in a lot that is new: lot-2:core=cisco_ios (may be repeated).",
        ),
    ] = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Bring the schools of a source into the city: new ones are added, changed fields changed, none is taken out.

    The table is CSV with a header (学校名, 区, 種別, 児童生徒数, 回線, 回線速度 ...), as Excel saves it, in UTF-8 or
    Shift-JIS, or NetBox's export of its sites. `netbox` asks the NetBox of the operators' file. Ids and numbers of
    schools never change.

    Exit code 0: the city has what the source has (with --write: it has now). 2: something differs, and nothing was
    written. 1: the source cannot be used, and nothing was written.
    """
    speak(lang)
    default_line, roles = choose_default_line(line), choose_device_roles(devices)
    platforms = choose_lot_platforms(lot_platform)
    operations = load_operations(policies=policies)
    table = read_source(source, encoding, operations, needs_line=default_line is None)
    bounds = operations.get_bounds()
    city = load_city(policies, bounds=bounds)
    table = leave_out_other_sites(table, city.settings.kinds)
    records = build_school_records(
        table,
        [KnownWard(one.id, one.name) for one in city.wards],
        city.settings.kinds,
        ward_from=choose_ward_column(ward_from),
        default_line=default_line,
    )
    changes = compare_schools(city, records)
    files = edit_school_files(policies, changes, Path(table.name).name)
    files = (*files, *add_lot_platforms(policies, records, platforms))
    if files:
        city = try_changes(policies, files, city.policy_date, bounds)
    found = choose_devices(city, table.devices, roles, {place.line: one for place, one in changes.ids.items()})
    if found.new:
        files = (*files, *add_devices(policies, found.new, Path(table.name).name))
        try_changes(policies, files, city.policy_date, bounds)
    if files and write:
        write_changes(policies, files)
    result = _Result(table, changes, found, files, written=write and bool(files))
    if as_json:
        say_json(result.build_document())
    else:
        result.say(policies)
    if not write and (files or changes.gone):
        raise typer.Exit(Exit.DIFFERS)


def choose_default_line(line: str | None) -> RecordedLine | None:
    """Return the line that the option names.

    Raises:
        typer.BadParameter: it names none.
    """
    try:
        return None if line is None else read_default_line(line)
    except CellRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--line") from None


def choose_device_roles(words: list[str] | None) -> Mapping[str, DeviceRole]:
    """Return which devices come in.

    Raises:
        typer.BadParameter: a word names no role.
    """
    try:
        return read_device_roles(words or ())
    except CellRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--devices") from None


def choose_lot_platforms(words: list[str] | None) -> LotPlatforms:
    """Return the platforms of new lots.

    Raises:
        typer.BadParameter: a word says none.
    """
    try:
        return collect_lot_platforms(words or ())
    except CellRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--lot-platform") from None


def choose_ward_column(ward_from: WardSource | None) -> Column | None:
    """Return the column that the option names."""
    return None if ward_from is None else Column(ward_from.value)


def read_source(source: str, encoding: TextEncoding | None, operations: Operations, *, needs_line: bool) -> SourceTable:
    """Return the table that the argument names: a file, or the NetBox of the operators' file.

    Raises:
        TsunaguError: there is none, or it cannot be used.
    """
    if source == NETBOX:
        return _read_netbox(operations)
    try:
        return read_school_table(Path(source), encoding, needs_line=needs_line)
    except FileNotFoundError:
        message = f"{shorten_text(source, 300)}: there is no such file; name a table of schools, such as schools.csv"
        raise TsunaguError(message) from None


def _read_netbox(operations: Operations) -> SourceTable:
    access = operations.netbox
    if access is None:
        message = (
            f"the operators' file ({find_operators_file()[0]}) names no NetBox; write there: "
            "netbox: {url: https://netbox.example.jp, token: {env: NETBOX_TOKEN}} "
            "(a file of that name: ./netbox)"
        )
        raise TsunaguError(message)
    from controller.importing.netbox.read_netbox import NetBoxReader  # noqa: PLC0415 its library takes half a second

    return NetBoxReader(access, resolve_secret(NETBOX, access.token), SystemClock()).read_sites()


@dataclass(frozen=True, slots=True)
class _Result:
    """What a source changes, for people and for programs."""

    table: SourceTable
    changes: SchoolChanges
    devices: DeviceChanges
    files: tuple[FileChange, ...]
    written: bool

    def say(self, policies: Path) -> None:
        """Print it for people."""
        for one in self.files:
            print_data(one.format_diff().rstrip("\n"))
        for school in self.changes.new:
            record = school.record
            print_message(
                "import.new-school",
                "green",
                id=school.id,
                name=record.name,
                number=school.number,
                ward=record.ward,
                kind=school.kind,
                pupils=school.pupils,
            )
        words = get_words()
        for change in self.changes.changed:
            before = words["import.nothing"] if change.before is None else change.before
            named = f"{change.school.id} {change.school.name}"
            print_message("import.changed", "cyan", school=named, field=change.field, before=before, after=change.after)
        source = self.table.name
        for gone in self.changes.gone[:_MOST_LISTED]:
            print_message("import.gone", "yellow", school=f"{gone.id} {gone.name}", origin=gone.origin, source=source)
        if len(self.changes.gone) > _MOST_LISTED:
            print_message("import.gone-more", "yellow", count=len(self.changes.gone) - _MOST_LISTED, source=source)
        for device in self.devices.new:
            print_message("import.new-device", "green", device=device.id, role=device.role, school=device.school)
        for note in (*self.changes.kept, *self.table.notes, *self.devices.notes):
            print_line(f"! {note}", "yellow")
        print_line(self._summarize(words))
        if self.written:
            print_message("import.next", policies=policies)

    def _summarize(self, words: Catalogue) -> str:
        table, changes = self.table, self.changes
        is_plain = table.encoding in {"", "utf-8"}
        read_as = "" if is_plain else words.say("import.read-as", encoding=table.encoding)
        ignored = words.say("import.ignored", columns=", ".join(table.ignored)) if table.ignored else ""
        added = words.say("import.added-devices", count=len(self.devices.new)) if self.devices.new else ""
        schools = len({one.school.id for one in changes.changed})
        if not self.files:
            done = words["import.nothing-to-write"]
        elif self.written:
            done = words.say("import.written", files=", ".join(one.name for one in self.files))
        else:
            done = words["import.not-written"]
        read = words.say("import.read", source=table.name, count=len(table.rows), encoding=read_as, ignored=ignored)
        counted = words.say(
            "import.counted", new=len(changes.new), changed=schools, gone=len(changes.gone), devices=added, done=done
        )
        return f"{read}\n{counted}"

    def build_document(self) -> dict[str, Any]:
        """Return the JSON document."""
        changes = self.changes
        return {
            "source": self.table.name,
            "encoding": self.table.encoding,
            "schools": len(self.table.rows),
            "written": self.written,
            "new": [
                {
                    "id": one.id,
                    "number": one.number,
                    "name": one.record.name,
                    "ward": one.record.ward,
                    "kind": one.kind,
                    "pupils": one.pupils,
                    "origin": str(one.record.origin),
                }
                for one in changes.new
            ],
            "changed": [
                {"id": one.school.id, "field": one.field, "before": one.before, "after": one.after}
                for one in changes.changed
            ],
            "not_in_source": [{"id": one.id, "name": one.name, "origin": str(one.origin)} for one in changes.gone],
            "kept": list(changes.kept),
            "notes": [*self.table.notes, *self.devices.notes],
            "new_devices": [
                {
                    "id": one.id,
                    "school": one.school,
                    "role": one.role,
                    "platform": one.platform,
                    "management": None if one.management is None else str(one.management),
                }
                for one in self.devices.new
            ],
            "ignored_columns": list(self.table.ignored),
            "files": [{"file": one.name, "diff": one.format_diff()} for one in self.files],
        }
