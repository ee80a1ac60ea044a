"""Sites of NetBox that are no schools, or not in use: left out of a table, and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.errors import Problem
from controller.importing.cell_values import simplify_name
from controller.importing.csv_table import REFUSED
from controller.importing.source_table import Column, ImportRefused, SourceRow, SourceTable
from controller.inputs.shown_text import shorten_text
from controller.model.sites.school_kinds import SchoolKind

_IN_USE = frozenset({"active", "アクティブ"})
_SAYS_SCHOOL = (Column.KIND, Column.PUPILS)
_SHOWN = 8


def leave_out_other_sites(table: SourceTable, kinds: Sequence[SchoolKind]) -> SourceTable:
    """Return a table of NetBox's sites with the schools in use alone; its notes name the others.

    A site is a school where a field says its kind or its pupils, or where its name ends as the name of a kind does. Any
    other table stays as it is.

    Raises:
        ImportRefused: no school is left.
    """
    if not table.of_netbox:
        return table
    idle = [row for row in table.rows if not _is_in_use(row)]
    used = [row for row in table.rows if _is_in_use(row)]
    schools = [row for row in used if _is_school(row, kinds)]
    others = [row for row in used if not _is_school(row, kinds)]
    notes = [
        f"{len(rows)} sites {why}, and are left out: {_name_sites(rows)}"
        for rows, why in (
            (idle, "are not active"),
            (others, "say no kind of school (a field 'kind', or a name that ends with 小学校)"),
        )
        if rows
    ]
    if not schools:
        message = "; ".join(["holds no school", *notes])
        raise ImportRefused(REFUSED, [Problem(table.header, "", message)])
    return replace(table, rows=tuple(schools), notes=(*notes, *table.notes))


def _is_in_use(row: SourceRow) -> bool:
    status = row.get(Column.STATUS)
    return status is None or simplify_name(status.text) in _IN_USE


def _is_school(row: SourceRow, kinds: Sequence[SchoolKind]) -> bool:
    name = row.get(Column.NAME)
    plain = "" if name is None else simplify_name(name.text)
    named = any(plain.endswith(simplify_name(one.name)) for one in kinds)
    return named or name is None or any(row.get(column) is not None for column in _SAYS_SCHOOL)


def _name_sites(rows: Sequence[SourceRow]) -> str:
    names = [shorten_text(cell.text) for row in rows if (cell := row.get(Column.NAME)) is not None]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
