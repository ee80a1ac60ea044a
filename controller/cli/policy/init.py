"""`tsunagu init`: a small valid city to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from controller.cli.options import Json
from controller.cli.output import print_line, say_json
from controller.cli.policy.import_schools import (
    DefaultLine,
    TableEncoding,
    WardFrom,
    choose_default_line,
    choose_ward_column,
    read_source,
)
from controller.importing.equipment.listed_devices import describe_other_devices
from controller.importing.other_sites import leave_out_other_sites
from controller.importing.starter_city import build_starter_files
from controller.inputs.character_classes import Name
from controller.inputs.shown_text import shorten_value
from controller.model.sites.school_kinds import DEFAULT_KINDS
from controller.model.sites.schools import Identifier
from controller.operations.operators_file import load_operations
from controller.starter.write_city import refuse_used_folder, write_starter_city


def init(  # noqa: PLR0913 the command's options
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is new or empty.")] = Path("policies"),
    *,
    city_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The city's id: lower-case letters, digits and '-'.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The city's name, as people say it.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="A table of schools, such as schools.csv, or the word netbox, as for `import`.",
        ),
    ] = None,
    encoding: TableEncoding = None,
    ward_from: WardFrom = None,
    line: DefaultLine = None,
    as_json: Json = False,
) -> None:
    """Write a small city that is valid as it is: one school, five segments, four rules, each line explained.

    With --from it has the wards and the schools of a table. It needs no router of ours, no lab and no cloud. Change it
    file by file; `tsunagu check` says what is wrong.
    """
    _refuse_unfit("--id", city_id, TypeAdapter(Identifier), "lower-case letters, digits and '-', e.g. minato")
    _refuse_unfit("--name", name, TypeAdapter(Name), "letters, digits and ordinary signs in one line, e.g. みなと市")
    default_line = choose_default_line(line)
    refuse_used_folder(folder)
    files, schools = None, 1
    notes: tuple[str, ...] = ()
    if source is not None:
        operations = load_operations(policies=folder)
        table = read_source(source, encoding, operations, needs_line=default_line is None)
        table = leave_out_other_sites(table, DEFAULT_KINDS)
        files = build_starter_files(
            table,
            folder,
            operations.get_bounds(),
            ward_from=choose_ward_column(ward_from),
            default_line=default_line,
        )
        schools = len(table.rows)
        notes = (*table.notes, *describe_other_devices(table.devices, {}))
    written = write_starter_city(folder, city_id, name, files)
    if as_json:
        say_json({"folder": str(folder), "files": list(written), "notes": list(notes)})
        return
    for note in notes:
        print_line(f"! {note}", "yellow")
    counted = "one school" if schools == 1 else f"{schools} schools"
    print_line(f"written: {len(written)} files into {folder}, a city of {counted}")
    print_line(f"next: tsunagu check --policies {folder}")


def _refuse_unfit(option: str, value: str | None, kind: TypeAdapter[str], what: str) -> None:
    try:
        if value is not None:
            kind.validate_python(value)
    except ValidationError:
        message = f"{shorten_value(value)}: write {what}"
        raise typer.BadParameter(message, param_hint=option) from None
