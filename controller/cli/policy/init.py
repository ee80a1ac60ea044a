"""`tsunagu init`: a small valid city to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from controller.cli.options import Json
from controller.cli.output import print_line, say_json
from controller.inputs.character_classes import Name
from controller.inputs.shown_text import shorten_value
from controller.model.sites.schools import Identifier
from controller.starter.write_city import write_starter_city


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is new or empty.")] = Path("policies"),
    *,
    city_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The city's id: lower-case letters, digits and '-'.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The city's name, as people say it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a small city that is valid as it is: one school, five segments, four rules, each line explained.

    It needs no router of ours, no lab and no cloud. Change it file by file; `tsunagu check` says what is wrong.
    """
    _refuse_unfit("--id", city_id, TypeAdapter(Identifier), "lower-case letters, digits and '-', e.g. minato")
    _refuse_unfit("--name", name, TypeAdapter(Name), "letters, digits and ordinary signs in one line, e.g. みなと市")
    written = write_starter_city(folder, city_id, name)
    if as_json:
        say_json({"folder": str(folder), "files": list(written)})
        return
    print_line(f"written: {len(written)} files into {folder}, a city of one school")
    print_line(f"next: tsunagu check --policies {folder}")


def _refuse_unfit(option: str, value: str | None, kind: TypeAdapter[str], what: str) -> None:
    try:
        if value is not None:
            kind.validate_python(value)
    except ValidationError:
        message = f"{shorten_value(value)}: write {what}"
        raise typer.BadParameter(message, param_hint=option) from None
