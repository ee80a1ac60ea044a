"""Options that many commands share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.advised_commands import DEFAULT_POLICIES as DEFAULT_POLICIES  # noqa: PLC0414 commands take it from here
from controller.cli.output import set_language
from controller.inputs.shown_text import shorten_value
from controller.inputs.text_encodings import TextEncoding
from controller.messages import Language, choose_system_language
from controller.model.city import City
from controller.model.likely_mistakes.values import explain_date
from controller.model.virtual_city import VirtualCity
from controller.plan.select import Selection

SCRATCH = Path(".tsunagu")
"""Where the virtual city's locks and timelines stand if nobody names a folder: beside where somebody tries things."""

Policies = Annotated[
    Path, typer.Option("--policies", envvar="TSUNAGU_POLICIES", help="Folder with the city and its access policy.")
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        help="Folder for locks and timelines of the virtual city (.tsunagu); of real devices they stand in the "
        "operators' own state folder.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Lab = Annotated[bool, typer.Option("--lab", help="The virtual city's devices instead of the real ones.")]


_YEARS = range(2000, 2200)


class LanguageChoice(StrEnum):
    """A language of the message catalogue."""

    JAPANESE = "ja"
    ENGLISH = "en"


Lang = Annotated[
    LanguageChoice | None, typer.Option("--lang", help="Language: ja or en; that of LANG if left out, else English.")
]
Schools = Annotated[list[str] | None, typer.Option("--school", help="Only this school (may be repeated).")]
Wards = Annotated[list[str] | None, typer.Option("--ward", help="Only the schools of this ward (may be repeated).")]
All = Annotated[bool, typer.Option("--all", help="Every school.")]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="YYYY-MM-DD", help="The day that the policy is meant for; today if left out."),
]
Configs = Annotated[
    Path | None,
    typer.Option("--configs", help="Read DEVICE.cfg files from this folder instead of asking devices; read-only."),
]
Encoding = Annotated[
    TextEncoding | None,
    typer.Option(
        "--encoding", help="How the texts of --configs are encoded, where that cannot be told; without it: UTF-8."
    ),
]


def choose_day(text: str | None, option: str = "--on") -> date | None:
    """The day of an option that may have been left out.

    Raises:
        typer.BadParameter: it is no day, or one at the ends of the calendar, whose hours no time zone has.
    """
    if text is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        message = f"{option} {shorten_value(text)}: {explain_date(text)}"
        raise typer.BadParameter(message) from None
    if day.year not in _YEARS:
        known = f"the years {_YEARS[0]} to {_YEARS[-1]} are known; write a date as 2026-12-01"
        message = f"{option} {shorten_value(text)}: {known}"
        raise typer.BadParameter(message)
    return day


def choose_language(lang: LanguageChoice | None, environment: Mapping[str, str] = os.environ) -> Language:
    """Return the language of what people read: the one that was asked for, else the system's, else English.

    >>> choose_language(None, {"LANG": "ja_JP.UTF-8"})
    'ja'
    >>> choose_language(LanguageChoice.ENGLISH, {"LANG": "ja_JP.UTF-8"})
    'en'
    >>> choose_language(None, {"LC_ALL": "C", "LANG": "ja_JP.UTF-8"})
    'en'
    """
    return choose_system_language(environment) if lang is None else lang.value


def speak(lang: LanguageChoice | None) -> None:
    """Let this run speak the language of `--lang`, else that of the system."""
    set_language(choose_language(lang))


def choose_estate_class(*, lab: bool) -> type[City]:
    """Return the estate that a command is about; behind the command line nothing knows the option."""
    return VirtualCity if lab else City


def choose_selection(schools: list[str] | None, wards: list[str] | None, *, everything: bool) -> Selection:
    """What the user named.

    Raises:
        typer.BadParameter: nothing, or "all" beside a name.
    """
    named = bool(schools or wards)
    if named == everything:
        message = "name --school or --ward (each may be repeated), or --all"
        raise typer.BadParameter(message)
    return Selection(tuple(schools or ()), tuple(wards or ()))
