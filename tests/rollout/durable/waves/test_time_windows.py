"""When a school's devices may be changed: lesson hours, exam days and windows, each at its edges."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.errors import Origin, PolicyError
from controller.model.access.rules import Hours
from controller.model.city import City
from controller.model.policy_files import CALENDAR
from controller.model.sites.calendar import CalendarFile
from controller.model.virtual_city import choose_virtual_city
from controller.rollout.durable.waves.time_windows import explain_closed_window
from tests.policies import PolicyFolder

TOKYO = ZoneInfo("Asia/Tokyo")
LASTS = timedelta(minutes=3)
ORIGIN = {"origin": Origin("calendar.yaml", 1)}


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=TOKYO)


def with_calendar(city: City, **more: object) -> City:
    calendar = city.calendar
    assert calendar is not None
    values = calendar.model_dump(by_alias=True) | more
    return city.replace_file(CALENDAR, CalendarFile.model_validate(values))


@pytest.fixture(scope="session")
def lessons_city(real_city: City) -> City:
    """A city whose high schools have longer lessons, one school shorter ones, and exams of their own."""
    return with_calendar(
        real_city,
        lessons=[
            {"from": "08:30", "until": "16:00", **ORIGIN},
            {"from": "08:20", "until": "17:30", "kinds": ["high"], **ORIGIN},
            {"from": "09:00", "until": "12:00", "schools": ["as-e04"], **ORIGIN},
        ],
        **{
            "school-exams": [
                {"name": "入試", "from": "2026-11-27", "kinds": ["high"], **ORIGIN},
                {"name": "検定", "from": "2026-11-28", "schools": ["as-e04"], **ORIGIN},
            ]
        },
    )


@pytest.mark.parametrize(
    ("school", "moment", "closed"),
    [
        ("nh-j05", "2026-11-26 08:26", ""),
        ("nh-j05", "2026-11-26 08:28", "08:30 to 16:00 are lesson hours of nh-j05 on 2026-11-26"),
        ("nh-j05", "2026-11-26 15:59", "lesson hours"),
        ("nh-j05", "2026-11-26 16:00", ""),
        ("sw-h01", "2026-11-26 16:00", "08:20 to 17:30 are lesson hours of sw-h01"),
        ("as-e04", "2026-11-26 12:00", ""),
        ("as-e04", "2026-11-26 08:58", "09:00 to 12:00 are lesson hours of as-e04"),
        ("sw-h01", "2026-11-27 03:00", "2026-11-27 is an exam day of sw-h01"),
        ("nh-j05", "2026-11-27 03:00", ""),
        ("as-e04", "2026-11-28 20:00", "2026-11-28 is an exam day of as-e04"),
        ("as-e04", "2026-11-27 23:58", "2026-11-28 is an exam day of as-e04"),
        ("nh-j05", "2026-11-28 10:00", ""),  # a Saturday
        ("nh-j05", "2026-12-02 22:00", "2026-12-02 is an exam day of nh-j05"),  # of all schools
        ("nh-j05", "2026-11-14 10:00", "lesson hours"),  # a Saturday with lessons
        ("nh-j05", "2027-04-01 22:00", "the calendar says nothing of 2027-04-01"),
    ],
)
def test_lessons_and_exam_days_are_kept_free(lessons_city: City, school: str, moment: str, closed: str) -> None:
    found = explain_closed_window(lessons_city, lessons_city.school_by_id[school], (), at(moment), LASTS)
    assert (closed in found) if closed else not found, found


def test_without_lesson_hours_in_the_calendar_those_of_measuring_hold(real_city: City) -> None:
    school = real_city.school_by_id["nh-j05"]
    assert "08:30 to 16:00" in explain_closed_window(real_city, school, (), at("2026-11-26 10:15"), LASTS)
    assert not explain_closed_window(real_city, school, (), at("2026-11-26 17:00"), LASTS)


def test_without_a_calendar_every_weekday_may_have_lessons(real_city: City) -> None:
    bare = real_city.replace_file(CALENDAR)
    school = real_city.school_by_id["nh-j05"]
    assert "lesson hours" in explain_closed_window(bare, school, (), at("2026-08-12 10:15"), LASTS)
    assert not explain_closed_window(bare, school, (), at("2026-08-15 10:15"), LASTS)


@pytest.mark.parametrize(
    ("days", "moment", "closed"),
    [
        (["thu"], "2026-11-26 18:00", False),
        (["thu"], "2026-11-26 17:59", True),
        (["thu"], "2026-11-26 21:57", False),
        (["thu"], "2026-11-26 21:58", True),  # it would end after the window
        (["fri"], "2026-11-26 19:00", True),
        ("school-days", "2026-11-26 19:00", False),
        ("free-days", "2026-11-26 19:00", True),
        ("free-days", "2026-11-28 19:00", False),
    ],
)
def test_a_window_holds_all_of_a_change(real_city: City, days: object, moment: str, *, closed: bool) -> None:
    window = Hours.model_validate({"days": days, "from": "18:00", "until": "22:00"})
    found = explain_closed_window(real_city, real_city.school_by_id["nh-j05"], (window,), at(moment), LASTS)
    assert bool(found) is closed, found


def test_in_the_virtual_city_there_are_no_lessons_and_windows_hold(real_city: City) -> None:
    virtual = choose_virtual_city(real_city)
    school = virtual.school_by_id["as-e04"]
    assert not explain_closed_window(virtual, school, (), at("2026-11-26 10:15"), LASTS)
    night = Hours.model_validate({"days": ["thu"], "from": "22:00", "until": "23:00"})
    assert "outside the operators' windows" in explain_closed_window(
        virtual, school, (night,), at("2026-11-26 10:15"), LASTS
    )


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('lessons:\n  - {from: "16:00", until: "08:30"}\n', "'from' must stand before 'until'"),
        ('lessons:\n  - {from: "08:30", until: "16:00", kinds: [hihg]}\n', "unknown kind of school 'hihg'"),
        ('lessons:\n  - {from: "08:30", until: "16:00", schools: [xx-e99]}\n', "unknown school 'xx-e99'"),
        ('lessons:\n  - {from: "08:30", until: "16:00", kinds: [high], schools: [as-e04]}\n', "not both"),
        ("lessons:\n  - {from: 08:30, until: 16:00}\n", 'write the time as "16:00", in quotes'),
        ("school-exams:\n  - {name: 入試, from: 2026-11-27}\n", "name kinds or schools"),
        ("school-exams:\n  - {name: 入試, from: 2028-11-27, kinds: [high]}\n", "is not inside"),
    ],
)
def test_what_the_calendar_cannot_mean_is_refused(tmp_path: Path, lines: str, problem: str) -> None:
    policy_folder = PolicyFolder(tmp_path)
    file = policy_folder.path / "city/calendar.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + lines, encoding="utf-8")
    with pytest.raises(PolicyError) as refused:
        policy_folder.load()
    assert problem in str(refused.value)
    assert {one.origin.file.rpartition("/")[2] for one in refused.value.problems} == {"calendar.yaml"}
