"""What a source would change in the city: new schools, changed fields, schools that it lacks. Nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from controller.errors import Origin
from controller.importing.cell_values import simplify_name
from controller.importing.csv_table import REFUSED
from controller.importing.free_numbers import FreeNumbers, NoNumberLeft
from controller.importing.school_records import RecordedLine, SchoolRecord
from controller.importing.source_table import ProblemList
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import School

_DIGITS = "0123456789"
_LETTERS: Mapping[str, str] = MappingProxyType(
    {
        "elementary": "e",
        "junior-high": "j",
        "high": "h",
        "special-needs": "s",
        "compulsory-education": "c",
        "kindergarten": "k",
        "kitchen": "m",
        "library": "l",
    }
)
"""What stands for a kind in an id; of another kind its own id does."""
_LONGEST_STEM = 30


@dataclass(frozen=True, slots=True)
class NewSchool:
    """A school that the city does not have yet, with the id and the number that it gets."""

    id: str
    number: int
    record: SchoolRecord
    kind: str
    pupils: int


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of a school that the source says otherwise; `before` is None where the school does not have it."""

    school: School
    path: tuple[str, ...]
    before: str | None
    after: str

    @property
    def field(self) -> str:
        """The field as messages name it."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class SchoolChanges:
    """All that a source would change, what it does not have, and what stays although the source lacks it.

    `ids` are the schools of the records, by the records' places.
    """

    new: tuple[NewSchool, ...]
    changed: tuple[FieldChange, ...]
    gone: tuple[School, ...]
    kept: tuple[str, ...]
    ids: Mapping[Origin, str] = field(default_factory=dict)


def compare_schools(city: City, records: Sequence[SchoolRecord]) -> SchoolChanges:
    """Return what the records of a source would change in a city.

    A record is the school of its id, or else the one of its name, in its ward first. Ids and numbers of schools never
    change, and no school is taken out.

    Raises:
        ImportRefused: a record contradicts what a school is known by, or says too little of a new one.
    """
    problems = ProblemList()
    matches = _match(city, records, problems)
    numbers = FreeNumbers(city, {one.number for one in records if one.number is not None})
    ids = _FreeIds(city, {one.id for one in records if one.id is not None})
    new: list[NewSchool] = []
    changed: list[FieldChange] = []
    kept: list[str] = []
    for record, school in zip(records, matches, strict=True):
        if school is None:
            made = _make_school(record, numbers, ids, problems)
            new += [] if made is None else [made]
            continue
        if record.number not in (None, school.number):
            message = (
                f"{school.id} has the number {school.number} ({school.origin}), and a number decides addresses: "
                f"it is never changed here; write {school.number}, or leave the cell empty"
            )
            problems.add(record.origin, "number", message)
        changed += _compare_fields(school, record)
        kept += [
            f"{school.id}: the source has no {line} line; the city's stays ({school.origin})"
            for line in record.without
            if line in school.lines.by_name
        ]
    problems.refuse(REFUSED)
    there = {school.id for school in matches if school is not None}
    gone = tuple(school for school in city.schools if school.id not in there)
    ids_of = {one.record.origin: one.id for one in new}
    ids_of |= {record.origin: one.id for record, one in zip(records, matches, strict=True) if one is not None}
    return SchoolChanges(tuple(new), tuple(changed), gone, tuple(kept), ids_of)


def _match(city: City, records: Sequence[SchoolRecord], problems: ProblemList) -> list[School | None]:
    """Return the city's school of each record; none is taken twice."""
    by_id = {school.id: school for school in city.schools}
    by_place: dict[tuple[str, str], list[School]] = {}
    by_name: dict[str, list[School]] = {}
    for school in city.schools:
        name = simplify_name(school.name)
        by_place.setdefault((school.ward, name), []).append(school)
        by_name.setdefault(name, []).append(school)
    found: list[School | None] = [by_id.get(one.id) if one.id is not None else None for one in records]
    taken = {school.id for school in found if school is not None}
    for one_ward in (True, False):
        for at, record in enumerate(records):
            if found[at] is not None:
                continue
            name = simplify_name(record.name)
            if record.id is not None:
                called = [one for one in by_place.get((record.ward, name), []) if one.id not in taken]
                if called and one_ward:
                    message = (
                        f"{shorten_value(record.name)} is {called[0].id} in the city ({called[0].origin}), and an id "
                        f"is never changed; write {called[0].id}, or leave the cell empty"
                    )
                    problems.add(record.origin, "id", message)
                continue
            alike = by_place.get((record.ward, name), []) if one_ward else by_name.get(name, [])
            left = [school for school in alike if school.id not in taken]
            if len(left) > 1:
                ids = ", ".join(school.id for school in left)
                message = f"{shorten_value(record.name)} may be any of {ids}; say which in a column 'id'"
                problems.add(record.origin, "", message)
            elif left:
                found[at] = left[0]
                taken.add(left[0].id)
    return found


def describe_new_school(record: SchoolRecord, problems: ProblemList) -> bool:
    """Tell if a record says enough of a new school; a problem is kept where it does not."""
    lacking = [
        what
        for what, value in (
            ("its kind (a field 'kind', or a name that ends with 小学校)", record.kind),
            ("its pupils (a field 'pupils')", record.pupils),
            ("its line (fields 'line' and 'mbps', or --line closed-vpn:100)", record.lines.get("primary")),
        )
        if value is None
    ]
    if lacking:
        problems.add(record.origin, "", f"{shorten_value(record.name)} is new, and lacks {' and '.join(lacking)}")
    return not lacking


def _make_school(record: SchoolRecord, numbers: FreeNumbers, ids: _FreeIds, problems: ProblemList) -> NewSchool | None:
    if not describe_new_school(record, problems) or record.kind is None or record.pupils is None:
        return None
    if record.number is not None and not numbers.is_free(record.number):
        message = f"{record.number} is another school's number; leave the cell empty, and the next free one is chosen"
        problems.add(record.origin, "number", message)
        return None
    try:
        number = record.number if record.number is not None else numbers.take()
    except NoNumberLeft:
        message = "the address plan has no block left for another school; widen 'addressing' in city/city.yaml"
        problems.add(record.origin, "", message)
        return None
    school_id = record.id if record.id is not None else ids.take(record.ward, record.kind)
    return NewSchool(school_id, number, record, record.kind, record.pupils)


def _compare_fields(school: School, record: SchoolRecord) -> Iterator[FieldChange]:
    pairs: Iterable[tuple[str, object, object]] = (
        ("name", school.name, record.name),
        ("ward", school.ward, record.ward),
        ("kind", school.kind, record.kind),
        ("pupils", school.pupils, record.pupils),
        ("lot", school.lot, record.lot),
    )
    for name, before, after in pairs:
        if after is not None and before != after:
            yield FieldChange(school, (name,), None if before is None else str(before), str(after))
    for which, line in record.lines.items():
        yield from _compare_line(school, which, line)


def _compare_line(school: School, name: AccessLineName, line: RecordedLine) -> Iterator[FieldChange]:
    there = school.lines.by_name.get(name)
    if there is None:
        yield FieldChange(school, ("lines", name), None, write_line(line))
        return
    if there.kind != line.kind:
        yield FieldChange(school, ("lines", name, "kind"), there.kind, line.kind)
    if there.mbps != line.mbps:
        yield FieldChange(school, ("lines", name, "mbps"), str(there.mbps), str(line.mbps))


def choose_kind_letter(kind: str) -> str:
    """Return what stands for a kind in an id.

    >>> choose_kind_letter("elementary"), choose_kind_letter("branch-school")
    ('e', 'branch-school')
    """
    return _LETTERS.get(kind, kind)


def write_line(line: RecordedLine) -> str:
    """Return a line as a file of schools has it.

    >>> write_line(RecordedLine("lte", 50))
    '{kind: lte, mbps: 50}'
    """
    return f"{{kind: {line.kind}, mbps: {line.mbps}}}"


class _FreeIds:
    """Hands out ids as the ward's own schools have them: `kw-e13` behind `kw-e12`."""

    def __init__(self, city: City, reserved: set[str]) -> None:
        self._schools = city.schools
        self._used = {school.id for school in city.schools} | reserved

    def take(self, ward: str, kind: str) -> str:
        stem, width = self._find_stem(ward, kind)
        highest = max((number for one in self._used if (number := _read_counter(one, stem)) is not None), default=0)
        found = f"{stem}{highest + 1:0{width}}"
        self._used.add(found)
        return found

    def _find_stem(self, ward: str, kind: str) -> tuple[str, int]:
        """What stands before the running number, and how many digits it has."""
        letter = choose_kind_letter(kind)
        for same_kind in (True, False):
            stems = Counter(
                (stem, len(school.id) - len(stem))
                for school in self._schools
                if school.ward == ward and (school.kind == kind) is same_kind
                if (stem := school.id.rstrip(_DIGITS)) != school.id
                if same_kind or stem.endswith(f"-{choose_kind_letter(school.kind)}")
            )
            if stems:
                (stem, width), _ = stems.most_common(1)[0]
                return (stem if same_kind else f"{stem.rpartition('-')[0]}-{letter}")[:_LONGEST_STEM], width
        return f"{ward}-{letter}"[:_LONGEST_STEM], 2


def _read_counter(school: str, stem: str) -> int | None:
    rest = school.removeprefix(stem)
    return int(rest) if school.startswith(stem) and rest.isascii() and rest.isdigit() else None
