"""A small valid city with the schools of a source in it, for `tsunagu init --from`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from controller.errors import InputError
from controller.importing.cell_values import simplify_name
from controller.importing.csv_table import REFUSED
from controller.importing.school_changes import NewSchool, choose_kind_letter, compare_schools, describe_new_school
from controller.importing.school_files import edit_school_files, write_new_file, write_text
from controller.importing.school_records import (
    KnownWard,
    RecordedLine,
    SchoolRecord,
    build_school_records,
    choose_ward_column,
)
from controller.importing.source_table import Column, ImportRefused, ProblemList, SourceTable
from controller.importing.write_schools import show_in_policies, try_changes
from controller.model.loading.load_city import load_city
from controller.model.policy_bounds import PolicyBounds
from controller.model.policy_files import SCHOOLS
from controller.model.sites.school_kinds import DEFAULT_KINDS
from controller.starter.write_city import CITY_FILE, list_starter_files, write_city_files

_WARD = "  - {id: first, name: 第一区, lot: lot-1}\n"
_SCHOOLS, _BLUEPRINTS, _LINES = "city/schools/first.yaml", "city/blueprints.yaml", "city/lines.yaml"
_KINDS = "[elementary, junior-high, high, special-needs]"
_LENGTH = "school-ipv4-length: 16\n"
_LARGEST_OF_16 = 250
"""School numbers that blocks of /16 have room for, beside the data centre's and the controllers' addresses."""
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_MORE_LINES = {"backup": "wan1, ipv4: 100.64.32.0/19", "third": "wan2, ipv4: 100.64.64.0/19"}


def build_starter_files(
    table: SourceTable,
    folder: Path,
    bounds: PolicyBounds,
    *,
    ward_from: Column | None = None,
    default_line: RecordedLine | None = None,
) -> dict[str, str]:
    """Return the files of a small city that has the wards and schools of a table instead of its own.

    Args:
        table: the source.
        folder: where the city will stand; messages name it.
        bounds: what the operators allow a policy to be.
        ward_from: which column of NetBox holds the ward.
        default_line: the primary line of schools of which the source does not say one.

    Raises:
        ImportRefused: with all that is wrong with the table, or with the city that it would be.
    """
    wards = _list_wards(table, ward_from)
    records = build_school_records(table, wards, DEFAULT_KINDS, ward_from=ward_from, default_line=default_line)
    files = {name: text for name, text in list_starter_files() if name != _SCHOOLS}
    _adapt(files, wards, records)
    source = Path(table.name).name
    first = _take_first(records)
    files[SCHOOLS.name_for(first.record.ward)] = write_new_file(first.record.ward, [first], source)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "city"
        write_city_files(place, files)
        try:
            city = load_city(place, bounds=bounds, shown_as=str(folder))
            changes = edit_school_files(place, compare_schools(city, records), source)
            # A lot is known only once a school has it.
            lots = dict.fromkeys(["lot-1", *(one.lot for one in records if one.lot)])
            _replace(files, _BLUEPRINTS, "{lot-1: cisco_ios}", f"{{{', '.join(f'{one}: cisco_ios' for one in lots)}}}")
            (place / _BLUEPRINTS).write_text(files[_BLUEPRINTS], encoding="utf-8")
            try_changes(place, changes, city.policy_date, bounds, shown_as=folder)
        except InputError as refused:
            raise ImportRefused(REFUSED, list(show_in_policies(refused.problems, str(place), folder))) from None
    return {**files, **{one.name: one.after for one in changes}}


def _list_wards(table: SourceTable, ward_from: Column | None) -> tuple[KnownWard, ...]:
    """Return the wards that a table names, in its order; ids are its own, or a word of ASCII, or `ward-1`."""
    problems = ProblemList()
    column = choose_ward_column(table, ward_from, problems)
    problems.refuse(REFUSED)
    found: dict[str, KnownWard] = {}
    used: set[str] = set()
    for row in table.rows:
        cell, own = row.get(column), row.get(Column.WARD_ID)
        if cell is None or simplify_name(cell.text) in found:
            continue
        plain = simplify_name(own.text if own is not None else cell.text).replace("_", "-")
        chosen = plain if _SLUG.fullmatch(plain) and plain not in used else f"ward-{len(found) + 1}"
        used.add(chosen)
        found[simplify_name(cell.text)] = KnownWard(chosen, cell.text)
    return tuple(found.values())


def _adapt(files: dict[str, str], wards: Sequence[KnownWard], records: Sequence[SchoolRecord]) -> None:
    """Put what the schools need into the small city: wards, kinds, lots, lines, room for addresses."""
    listed = "".join(f"  - {{id: {one.id}, name: {write_text(one.name)}, lot: lot-1}}\n" for one in wards)
    _replace(files, CITY_FILE, _WARD, listed)
    _replace(files, CITY_FILE, "# One ward is enough to begin with.", "# The wards that the source names.")
    highest = max([len(records), *(one.number for one in records if one.number is not None)])
    if highest > _LARGEST_OF_16:
        _replace(files, CITY_FILE, _LENGTH, "school-ipv4-length: 18\n")
        _replace(files, CITY_FILE, "the n-th /16 of 10.0.0.0/8: number 1 has 10.1.0.0/16.",
                 "the n-th /18 of 10.0.0.0/8: number 1 has 10.0.64.0/18.")  # fmt: skip
    kinds = dict.fromkeys([*_KINDS.strip("[]").split(", "), *(one.kind for one in records if one.kind)])
    _replace(files, _BLUEPRINTS, _KINDS, f"[{', '.join(kinds)}]")
    if any(one.pupils == 0 for one in records):
        _replace(files, _BLUEPRINTS, "at-least: 1,", "at-least: 0,")
    for name, link in _MORE_LINES.items():
        if any(name in one.lines for one in records):
            files[_LINES] = files[_LINES].replace("Here one line and one region.", "Here one region.")
            _replace(files, _LINES, "preference:\n", f"  {name}: {{interface: {link}}}\npreference:\n")
            _replace(files, _LINES, "overrides: ", f"  - {{line: {name}, region: tokyo}}\noverrides: ")


def _replace(files: dict[str, str], name: str, old: str, new: str) -> None:
    if old not in files[name]:
        message = f"the small city's {name} has no {old!r} any more"
        raise AssertionError(message)
    files[name] = files[name].replace(old, new, 1)


def _take_first(records: Sequence[SchoolRecord]) -> NewSchool:
    """Return the school that the city begins with; the others come into it as they would by `import`."""
    problems = ProblemList()
    record = records[0]
    describe_new_school(record, problems)
    problems.refuse(REFUSED)
    given = {one.number for one in records} | {None}
    number = record.number or next(one for one in count(1) if one not in given)
    kind = str(record.kind)
    ids = {one.id for one in records}
    stem = f"{record.ward}-{choose_kind_letter(kind)}"[:30]
    school_id = record.id or next(one for one in (f"{stem}{at:02}" for at in count(1)) if one not in ids)
    return NewSchool(school_id, number, record, kind, int(record.pupils or 0))
