"""The cast: people with a role, a second factor or none, a device, a place and a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from functools import partial

from controller.lab.state.layout import Frozen, Layout
from controller.model.access.people import OperatingSystem, Role
from controller.model.city import City

BOARD = "board-office"
"""Where a device of the board of education is registered: at no school."""
_ALL = ("managed", "encrypted", "screen-lock", "certificate")


class SeatKind(StrEnum):
    """Where somebody sits: in a school, by the segment, or outside."""

    STAFF = "staff"
    PUPIL = "pupil"
    BOARD = "@board-office"
    HOME = "@home"
    ABROAD = "@abroad"


class SyntheticPerson(Frozen):
    """A person at a place and time.

    `registered` is the school that the device belongs to; None: they come without a device that anybody knows. `system`
    is what runs on it.
    `postures` are true of the device; every other posture is known to be untrue.
    """

    label: str
    role: str
    mfa: bool
    postures: tuple[str, ...]
    registered: str | None
    system: OperatingSystem | None
    sits: SeatKind
    school: str
    at: datetime

    @property
    def row(self) -> str:
        """What tells this person from every other."""
        return f"{self.school}|{self.sits}|{self.label}"


def list_synthetic_people(city: City, layout: Layout, schools: tuple[str, ...]) -> Iterator[SyntheticPerson]:
    """Return the people of these schools, each school's own, and those outside: some for every role of the policy.

    Roles that were thought of here have people of their own; every other one, whatever a city calls it, has some by its
    audience. So a role under another name is tried as well, and nobody has a role that the policy does not know.
    """
    roles = {role.id: role for role in city.people.roles}
    thought_of: set[str] = set()
    for number, school in enumerate(layout.schools):
        if school.id in schools:
            other = layout.schools[(number + 1) % len(layout.schools)].id
            for person in _at_school(city, school.id, other if other != school.id else BOARD):
                thought_of.add(person.role)
                if person.role in roles:
                    yield person
    for person in _outside(city, schools[0]):
        thought_of.add(person.role)
        if person.role in roles:
            yield person
    for role in city.people.roles:
        if role.id not in thought_of:
            yield from _of_role(city, role, schools)


def _of_role(city: City, role: Role, schools: tuple[str, ...]) -> Iterator[SyntheticPerson]:
    """People of a role of which nothing but the audience is known."""
    lesson, evening = _time(city, 25, 10), _time(city, 25, 20)
    person = partial(_visitor, role=role.id)
    seat = {"staff": SeatKind.STAFF, "pupil": SeatKind.PUPIL}.get(role.audience)
    for school in schools if seat is not None else ():
        at_school = partial(person, sits=seat, school=school, at=lesson)
        yield at_school(role.id)
        yield at_school(f"{role.id}, no MFA", mfa=False)
        yield at_school(f"{role.id}, unmanaged device", postures=())
    for sits in (SeatKind.HOME, SeatKind.ABROAD):
        outside = partial(person, sits=sits, school=schools[0], at=evening)
        yield outside(role.id)
        yield outside(f"{role.id}, no MFA", mfa=False)
        yield outside(f"{role.id}, unknown device", postures=(), registered=None)


def _at_school(city: City, school: str, other: str) -> Iterator[SyntheticPerson]:
    lesson, saturday = _time(city, 25, 10), _time(city, 28, 10)
    staff = partial(_visitor, sits=SeatKind.STAFF, school=school, at=lesson)
    yield staff("teacher", "teacher")
    yield staff("teacher, no MFA", "teacher", mfa=False)
    yield staff("teacher, unmanaged device", "teacher", postures=())
    yield staff("teacher, not encrypted", "teacher", postures=("managed", "certificate"))
    yield staff("teacher of another school", "teacher", registered=other)
    yield staff("principal", "principal")
    yield staff("clerk", "clerk")
    yield staff("board staff", "board-staff", registered=BOARD)
    yield staff("vendor, weekday", "maintenance-vendor")
    yield staff("vendor, Saturday", "maintenance-vendor", at=saturday)
    yield staff("vendor, other place", "maintenance-vendor", registered=other)
    yield staff("guardian", "guardian", postures=())
    yield _visitor("pupil", "pupil", mfa=False, system="chrome-os", sits=SeatKind.PUPIL, school=school, at=lesson)
    yield _visitor("pupil, Windows", "pupil", mfa=False, sits=SeatKind.PUPIL, school=school, at=lesson)
    yield _visitor("teacher", "teacher", sits=SeatKind.PUPIL, school=school, at=lesson)


def _outside(city: City, school: str) -> Iterator[SyntheticPerson]:
    evening, night, lesson = _time(city, 25, 20), _time(city, 25, 23), _time(city, 25, 10)
    home = partial(_visitor, sits=SeatKind.HOME, school=school, at=evening)
    yield home("teacher, evening", "teacher")
    yield home("teacher, 23:00", "teacher", at=night)
    yield home("teacher, no MFA", "teacher", mfa=False)
    yield home("teacher, no certificate", "teacher", postures=("managed", "encrypted"))
    yield home("teacher, unknown device", "teacher", postures=(), registered=None)
    yield home("vendor, weekday", "maintenance-vendor", at=lesson)
    yield home("pupil", "pupil", mfa=False, system="chrome-os")
    yield home("pupil, own device", "pupil", mfa=False, system="chrome-os", postures=())
    yield home("guardian", "guardian", postures=())
    yield _visitor("teacher", "teacher", sits=SeatKind.ABROAD, school=school, at=evening)
    yield _visitor("pupil", "pupil", mfa=False, system="chrome-os", sits=SeatKind.ABROAD, school=school, at=evening)
    if city.offices:
        office = partial(_visitor, sits=SeatKind.BOARD, school=school, registered=BOARD, at=lesson)
        yield office("board staff", "board-staff")
        yield office("vendor, weekday", "maintenance-vendor")
        yield office("vendor, evening", "maintenance-vendor", at=evening)
        yield office("guardian", "guardian", postures=())


def _visitor(  # noqa: PLR0913 a person has that many sides
    label: str,
    role: str,
    *,
    sits: SeatKind,
    school: str,
    at: datetime,
    mfa: bool = True,
    postures: tuple[str, ...] = _ALL,
    registered: str | None = "",
    system: OperatingSystem = "windows",
) -> SyntheticPerson:
    return SyntheticPerson(
        label=label,
        role=role,
        mfa=mfa,
        postures=postures,
        registered=school if registered == "" else registered,
        system=None if registered is None else system,
        sits=sits,
        school=school,
        at=at,
    )


def _time(city: City, day: int, hour: int) -> datetime:
    """An hour of a day in November 2026, local time: the 25th is a Wednesday."""
    return datetime(2026, 11, day, hour, tzinfo=city.timezone)
