"""The format number of a file: which one it carries, and whether this release can read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.errors import Problem
from controller.inputs.shown_text import shorten_value
from controller.model.formats.migration import Migration
from controller.model.yaml_source import FORMAT, Document


def take_format(
    document: Document, current: int, readable_from: int, migrations: Sequence[Migration] = ()
) -> tuple[Document, int, Problem | None]:
    """The document without its format number, the number (0: it has none), and why it cannot be read, if so."""
    if not isinstance(document.data, dict) or FORMAT not in document.data:
        rest, found = replace(document, numbered=True), 0
    else:
        data = {name: value for name, value in document.data.items() if name != FORMAT}
        rest = replace(document, data=data, numbered=True)
        found = document.data[FORMAT]
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            message = f"must be a whole number from 1 on; this release writes {current} (found {shorten_value(found)})"
            return rest, 0, Problem(document.find_origin((FORMAT,)), FORMAT, message)
    return rest, found, find_unreadable(document, found, current, readable_from, migrations)


def find_unreadable(
    document: Document, found: int, current: int, readable_from: int, migrations: Sequence[Migration] = ()
) -> Problem | None:
    """Why a file of this format cannot be read; None where it can."""
    origin = document.find_origin((FORMAT,))
    if found > current:
        message = (
            f"is of format {shorten_value(found)}; this release of Tsunagu knows formats up to {current}: install the "
            "release that wrote the file, or take the file as it was before"
        )
        return Problem(origin, FORMAT, message)
    if found < readable_from:
        steps = "; ".join(one.summary for one in migrations if one.since >= found)
        message = f"is of format {found}; this release reads {readable_from} to {current}; run: tsunagu migrate --write"
        return Problem(origin, FORMAT, f"{message} ({steps})" if steps else message)
    return None
