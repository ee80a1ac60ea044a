"""Golden rows: people of every kind, wherever they may be, at every application that asks who they are.

Each row is a person, and in four columns (affairs, file-exchange, learning-dashboard, staff-ai) the rule that decides:
`+rule` lets in, `-rule` forbids, `.` is the default deny.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from controller.model.access.rules import RuleFile
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.policy_files import RULES
from controller.model.reference_evaluator import Person, evaluate_identity

TOKYO = ZoneInfo("Asia/Tokyo")
COLUMNS = ("affairs", "file-exchange", "learning-dashboard", "staff-ai")
LESSON = datetime(2026, 11, 25, 10, tzinfo=TOKYO)
EVENING = datetime(2026, 11, 25, 20, tzinfo=TOKYO)
NIGHT = datetime(2026, 11, 25, 22, 30, tzinfo=TOKYO)
SATURDAY = datetime(2026, 11, 28, 10, tzinfo=TOKYO)
OPEN_SATURDAY = datetime(2026, 11, 14, 10, tzinfo=TOKYO)
HOLIDAY = datetime(2026, 11, 23, 10, tzinfo=TOKYO)
EXAM = datetime(2026, 12, 3, 22, 30, tzinfo=TOKYO)
WINTER = datetime(2026, 12, 28, 10, tzinfo=TOKYO)
NEXT_YEAR = datetime(2027, 4, 1, 10, tzinfo=TOKYO)
KEY, OTP, SMS, NO = Strength.PHISHING_RESISTANT, Strength.WITHOUT_SMS, Strength.ANY, Strength.NONE
FULL = frozenset({"managed", "encrypted", "screen-lock", "certificate"})
ELEMENTARY, JUNIOR_HIGH, HIGH, SPECIAL, OFFICE = "as-e04", "nh-j05", "sw-h01", "kw-s01", "board-office"


@dataclass(frozen=True)
class Row:
    who: str
    person: Person
    answers: str


def row(  # noqa: PLR0913, PLR0917 a row of the table
    who: str,
    role: str,
    mfa: Strength,
    device: str,
    registered: str,
    place: str,
    at: datetime,
    answers: str,
    postures: frozenset[str] = FULL,
) -> Row:
    return Row(who, Person(role, mfa, postures, place, at, device, registered), answers)


PC, CHROMEBOOK, IPAD, OWN = "windows-pc", "chromebook", "ipad", "other"
NONE: frozenset[str] = frozenset()
NOTHING = ". . . ."
PUPIL = ". . +dashboard-pupils ."
AT_SCHOOL = "+staff-cloud +staff-cloud +dashboard-staff +staff-ai"
AT_HOME = "+staff-home +staff-home +dashboard-staff +staff-ai"
MARKING = "+exam-marking . +dashboard-staff +staff-ai"
LEARNING_ONLY = ". . +dashboard-staff +staff-ai"
ABROAD = "-nobody-abroad -nobody-abroad . -nobody-abroad"
TEACHER_ABROAD = "-nobody-abroad -nobody-abroad +dashboard-staff -nobody-abroad"
OF_THE_BOARD = "+board-office +board-office . +staff-ai"
VENDOR = "maintenance-vendor"
ROWS = [
    # A pupil.
    row("at school", "pupil", NO, CHROMEBOOK, ELEMENTARY, "own-school", LESSON, PUPIL),
    row("at home", "pupil", NO, CHROMEBOOK, ELEMENTARY, "home", EVENING, PUPIL),
    row("at home, at night", "pupil", NO, CHROMEBOOK, ELEMENTARY, "home", NIGHT, PUPIL),
    row("special needs, iPad", "pupil", NO, IPAD, SPECIAL, "home", EVENING, PUPIL),
    row("at home, the family's PC", "pupil", NO, OWN, "", "home", EVENING, NOTHING, NONE),
    row("at home, a teacher's PC", "pupil", NO, PC, ELEMENTARY, "home", EVENING, NOTHING),
    row("at home, unknown device", "pupil", KEY, "", "", "home", EVENING, NOTHING, NONE),
    row("at home, in every way trusted", "pupil", KEY, PC, ELEMENTARY, "home", EVENING, NOTHING),
    row("visits another school", "pupil", NO, CHROMEBOOK, ELEMENTARY, "other-school", LESSON, NOTHING),
    row("abroad", "pupil", NO, CHROMEBOOK, ELEMENTARY, "abroad", EVENING, ABROAD),
    row("at the board office", "pupil", NO, CHROMEBOOK, ELEMENTARY, OFFICE, LESSON, NOTHING),
    # A teacher.
    row("at school", "teacher", KEY, PC, ELEMENTARY, "own-school", LESSON, AT_SCHOOL),
    row("at school, one-time code", "teacher", OTP, PC, ELEMENTARY, "own-school", LESSON, AT_SCHOOL),
    row("at school, SMS", "teacher", SMS, PC, ELEMENTARY, "own-school", LESSON, LEARNING_ONLY),
    row("at school, password only", "teacher", NO, PC, ELEMENTARY, "own-school", LESSON, NOTHING),
    row("at another school", "teacher", KEY, PC, ELEMENTARY, "other-school", LESSON, AT_SCHOOL),
    row("at home", "teacher", KEY, PC, ELEMENTARY, "home", EVENING, AT_HOME),
    row("at home, at night", "teacher", KEY, PC, HIGH, "home", NIGHT, LEARNING_ONLY),
    row("at home, exams, elementary", "teacher", KEY, PC, ELEMENTARY, "home", EXAM, LEARNING_ONLY),
    row("at home, exams, high", "teacher", KEY, PC, HIGH, "home", EXAM, MARKING),
    row("at home, exams, junior high", "teacher", OTP, PC, JUNIOR_HIGH, "home", EXAM, MARKING),
    row("at home, exams, SMS", "teacher", SMS, PC, HIGH, "home", EXAM, LEARNING_ONLY),
    row("at home, exams, no registration", "teacher", KEY, PC, "", "home", EXAM, LEARNING_ONLY),
    row("at home, own device", "teacher", KEY, OWN, "", "home", EVENING, NOTHING, NONE),
    row("abroad", "teacher", KEY, PC, ELEMENTARY, "abroad", EVENING, TEACHER_ABROAD),
    row("abroad, exams", "teacher", KEY, PC, HIGH, "abroad", EXAM, TEACHER_ABROAD),
    row("abroad, own device", "teacher", KEY, OWN, "", "abroad", EVENING, ABROAD, NONE),
    row("at the board office", "teacher", KEY, PC, ELEMENTARY, OFFICE, LESSON, LEARNING_ONLY),
    # The board's own people.
    row("at the board office", "board-staff", KEY, PC, OFFICE, OFFICE, LESSON, OF_THE_BOARD),
    row("at the board office, night", "board-staff", OTP, PC, OFFICE, OFFICE, NIGHT, OF_THE_BOARD),
    row("at a school", "board-staff", KEY, PC, OFFICE, "other-school", LESSON, "+staff-cloud +staff-cloud . +staff-ai"),
    row("abroad", "board-staff", KEY, PC, OFFICE, "abroad", LESSON, ABROAD),
    # A vendor.
    row("at the board office", VENDOR, KEY, PC, OFFICE, OFFICE, LESSON, "+vendor-at-office . . ."),
    row("at the office, one-time code", VENDOR, OTP, PC, OFFICE, OFFICE, LESSON, NOTHING),
    row("at the office, Mac", VENDOR, KEY, OWN, OFFICE, OFFICE, LESSON, NOTHING),
    row("at the office, unknown device", VENDOR, KEY, "", "", OFFICE, LESSON, NOTHING),
    row("at the office, evening", VENDOR, KEY, PC, OFFICE, OFFICE, EVENING, NOTHING),
    row("at the office, Saturday", VENDOR, KEY, PC, OFFICE, OFFICE, SATURDAY, NOTHING),
    row("at the office, open Saturday", VENDOR, KEY, PC, OFFICE, OFFICE, OPEN_SATURDAY, "+vendor-at-office . . ."),
    row("at the office, holiday", VENDOR, KEY, PC, OFFICE, OFFICE, HOLIDAY, NOTHING),
    row("at the office, winter break", VENDOR, KEY, PC, OFFICE, OFFICE, WINTER, NOTHING),
    row("at the office, no calendar", VENDOR, KEY, PC, OFFICE, OFFICE, NEXT_YEAR, NOTHING),
    row("at the school of the device", VENDOR, OTP, PC, ELEMENTARY, "own-school", LESSON, "+vendor-maintenance . . ."),
    row("at another school", VENDOR, KEY, PC, ELEMENTARY, "other-school", LESSON, NOTHING),
    row("at home", VENDOR, KEY, PC, OFFICE, "home", LESSON, NOTHING),
    row("abroad", VENDOR, KEY, PC, OFFICE, "abroad", LESSON, ABROAD),
    # A guardian.
    row("at home", "guardian", NO, OWN, "", "home", EVENING, NOTHING, NONE),
    row("at home, with a key", "guardian", KEY, OWN, "", "home", EVENING, NOTHING, NONE),
    row("at home, the child's Chromebook", "guardian", KEY, CHROMEBOOK, ELEMENTARY, "home", EVENING, NOTHING),
    row("at school", "guardian", KEY, OWN, "", "other-school", LESSON, NOTHING, NONE),
    row("at the board office", "guardian", KEY, PC, OFFICE, OFFICE, LESSON, NOTHING),
    row("abroad", "guardian", KEY, OWN, "", "abroad", EVENING, ABROAD, NONE),
]


def answers(city: City, person: Person) -> str:
    said = []
    for application in COLUMNS:
        answer = evaluate_identity(city, application, person)
        mark = "+" if answer.permitted else "-"
        said.append(f"{mark}{'+'.join(rule.id for rule in answer.rules)}" if answer.rules else ".")
    return " ".join(said)


@pytest.mark.parametrize("one", ROWS, ids=[f"{one.person.role}: {one.who}" for one in ROWS])
def test_people(city: City, one: Row) -> None:
    assert answers(city, one.person) == one.answers


def test_every_role_and_place_has_rows(city: City) -> None:
    rows = {(one.person.role, one.person.place) for one in ROWS}
    for role in ("pupil", "teacher", VENDOR, "guardian"):
        for place in ("home", "abroad", "board-office"):
            assert (role, place) in rows
    assert {place for _, place in rows} == {place.id for place in city.people.places}


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        (datetime(2026, 12, 2, 21, 59, 59, tzinfo=TOKYO), "+staff-home"),
        (datetime(2026, 12, 2, 22, 0, tzinfo=TOKYO), "+exam-marking"),
        (datetime(2026, 12, 2, 23, 29, 59, tzinfo=TOKYO), "+exam-marking"),
        (datetime(2026, 12, 2, 23, 30, tzinfo=TOKYO), "."),
        (datetime(2026, 12, 1, 22, 0, tzinfo=TOKYO), "."),
        (datetime(2026, 12, 4, 22, 0, tzinfo=TOKYO), "+exam-marking"),
        (datetime(2026, 12, 5, 22, 0, tzinfo=TOKYO), "."),
        # The day is the city's, not the one of whoever asks.
        (datetime(2026, 12, 2, 13, 0, tzinfo=ZoneInfo("UTC")), "+exam-marking"),
    ],
)
def test_the_borders_of_exam_days(city: City, at: datetime, answer: str) -> None:
    teacher = Person("teacher", KEY, FULL, "home", at, PC, HIGH)
    assert answers(city, teacher).split()[0] == answer


def test_a_forbid_of_what_is_not_known_holds(city: City) -> None:
    """Unknown devices, registrations and days are never good enough: permits do not hold for them, forbids do."""
    permit = next(rule for rule in city.rules if rule.id == "staff-ai")
    assert permit.identity
    teacher = Person("teacher", KEY, FULL, "home", LESSON, PC, HIGH)
    exams = next(rule.identity.hours for rule in city.rules if rule.id == "exam-marking" and rule.identity)
    narrow: dict[str, object] = {"roles": (), "mfa": False, "postures": ()}
    for conditions, unknown in (
        ({"devices": ("ipad",)}, replace(teacher, device="")),
        ({"hours": exams}, replace(teacher, at=NEXT_YEAR.replace(hour=22))),
    ):
        part = permit.identity.model_copy(update={**narrow, **conditions})
        forbid = permit.model_copy(update={"id": "no", "effect": Effect.FORBID, "network": None, "identity": part})
        changed = city.replace_file(RULES, RuleFile(rules=(*city.rules, forbid)))
        assert answers(changed, teacher).split()[3] == "+staff-ai"
        assert answers(changed, unknown).split()[3] == "-no"
