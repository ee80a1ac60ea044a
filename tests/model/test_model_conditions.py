"""Scopes, devices, second factors, the calendar, exceptions, offices and flows: what is refused, with file and line."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from controller.model.city import City
from controller.model.sites.calendar import CalendarFile, DayKind
from tests.policies import PolicyFolder

RULES, FLOWS, PEOPLE = "access/rules.yaml", "access/flows.yaml", "access/people.yaml"
PROXY = "identity: {enforced-by: [proxy], roles: [teacher]"


def rule(text: str) -> str:
    return f"  - {{id: new, effect: permit, purpose: 試験, {text}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "applications: [drills], schools: {wards: [moon]}, network: {from: [staff]}",
            "schools.wards: unknown ward 'moon'; al",
        ),
        (
            "applications: [drills], schools: {ids: [kw-e99]}, network: {from: [staff]}",
            "schools.ids: there is no school 'kw-e99'",
        ),
        (
            "applications: [drills], schools: {groups: [x]}, network: {from: [staff]}",
            "schools.groups: unknown group 'x'; allow",
        ),
        (
            "applications: [drills], schools: {kinds: [primary]}, network: {from: [staff]}",
            "schools.kinds: unknown kind of school 'primary'; allowed: ",
        ),
        (
            "applications: [drills], schools: {}, network: {from: [staff]}",
            "schools: names no wards, kinds, ids, groups or stages; leave ",
        ),
        (
            "applications: [affairs], " + PROXY + ", devices: [pc]}",
            "identity.devices: unknown device class 'pc'; allowed: chr",
        ),
        ("applications: [affairs], " + PROXY + ", mfa: strong}", "identity.mfa: write one of: true, false, any"),
        (
            "applications: [affairs], " + PROXY + ", mfa: any}",
            "identity.mfa: 'any' is less than class II of 'affairs' asks: without-sms; write `mfa: true`",
        ),
        (
            (
                "applications: [grading], network: {from: [staff-legacy]}, identity: {enforced-by: [802.1x], "
                "roles: [teacher, principal, clerk], devices: [windows-pc]}"
            ),
            "identity.enforced-by: devices 'windows-pc' cannot be enforced by 802.1x; it can by: proxy",
        ),
        (
            (
                "applications: [grading], network: {from: [staff-legacy]}, identity: {enforced-by: [802.1x], "
                'roles: [teacher, principal, clerk], hours: {days: school-days, from: "09:00", until: "17:00"}}'
            ),
            "identity.enforced-by: hours cannot be enforced by 802.1x; it can by: proxy",
        ),
        (
            "applications: [drills], network: {from: [staff]}, exception: {owner: x, reason: y}",
            "exception.expires: required field is missing",
        ),
        (
            "applications: [drills], network: {from: [staff]}, exception: {owner: ' ', reason: y, expires: 2027-01-01}",
            "exception.owner: write a text that is not empty",
        ),
    ],
)
def test_a_rule_that_is_refused(policies: PolicyFolder, text: str, expected: str) -> None:
    line = policies.append(RULES, rule(text))
    problems = policies.problems()
    assert len(problems) >= 1
    assert any(p.startswith(f"{RULES}:{line}: ") and expected in p for p in problems), problems


def test_an_exception_is_a_permit(policies: PolicyFolder) -> None:
    text = "applications: [drills], network: {from: [staff]}, exception: {owner: x, reason: y, expires: 2027-01-01}"
    line = policies.append(RULES, rule(text).replace("effect: permit", "effect: forbid"))
    assert any(p.startswith(f"{RULES}:{line}: ") and "an exception is a permit" in p for p in policies.problems())


def test_school_days_need_a_calendar(policies: PolicyFolder) -> None:
    (policies.path / "city/calendar.yaml").unlink()
    problems = policies.problems()
    assert len(problems) == 2
    assert all("identity.hours: '" in p and "needs the school calendar" in p for p in problems)


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("city/groups.yaml", "wards: [asao, tama], kinds", "wards: [moon], kinds", "wards: unknown ward 'moon'"),
        ("city/groups.yaml", ", kinds: [junior-high, high]", "", "groups.1: names no wards, kinds or ids"),
        ("city/groups.yaml", "id: exam-schools", "id: drill-pilot", "id: group id 'drill-pilot' is already given"),
        ("city/city.yaml", "- {id: board-office", "- {id: as-e01", "id: 'as-e01' is a school ("),
        ("city/city.yaml", "egress: [192.0.2.220", "egress: [192.0.2.2", "overlaps 192.0.2.2/32 of the egress of"),
        ("city/calendar.yaml", "from: 2026-04-29", "from: 2025-04-29", "is not inside 2026-04-01 to 2027-03-31"),
        (
            "city/calendar.yaml",
            "from: 2026-12-02, until: 2026-12-04",
            "from: 2026-12-04, until: 2026-12-02",
            "before it b",
        ),
        (
            "city/calendar.yaml",
            "{name: 授業参観, from: 2026-11-14}",
            "{name: x, from: 2026-11-03}",
            "is on the holiday '文化の日'",
        ),
        (
            PEOPLE,
            "systems: [ios]",
            "systems: [ios, windows]",
            "the system 'windows' is of the device class 'ipad' and of",
        ),
        (
            PEOPLE,
            "II: {strength: without-sms, required: true}",
            "II: {strength: any, required: false}",
            "`required` must stay",
        ),
        (PEOPLE, "audience: pupil", "audience: child", "audience: write one of: staff, pupil, public"),
        (
            FLOWS,
            "to: school-aid",
            "to: school-help",
            "to: unknown system or application 'school-help'; allowed: affairs",
        ),
        (FLOWS, "id: school-aid, name", "id: grading, name", "id: 'grading' is an application ("),
        (
            FLOWS,
            "to: learning-analytics\n    data: [III]",
            "to: affairs\n    data: [III]",
            "goes from 'affairs' to itself",
        ),
        (FLOWS, "    carrier: sftp\n", "", "a permit needs a carrier: https, sftp, plain, pubsub or bigquery"),
        (FLOWS, "carrier: sftp", "carrier: plain", "plain has no port of its own; name the services"),
        (
            FLOWS,
            "carrier: sftp",
            "carrier: https\n    services: [tcp/80]",
            "https does not ride on tcp/80, which is not enc",
        ),
        (
            FLOWS,
            "carrier: pubsub",
            "carrier: pubsub\n    services: [tcp/443]",
            "pubsub needs no way between the systems",
        ),
        (
            FLOWS,
            "data: [I, II]",
            "data: [I, II]\n    carrier: https",
            "a forbid takes no carrier, services or exception",
        ),
        (FLOWS, "data: [III, IV]", "data: III", "needs a list of importance classes: [III, IV]"),
        (FLOWS, "addresses: [10.254.1.20", "addresses: [10.2.0.1", "overlaps 10.2.0.0/16 of school"),
    ],
)
def test_a_file_that_is_refused(policies: PolicyFolder, name: str, old: str, new: str, expected: str) -> None:
    policies.edit(name, old, new)
    problems = policies.problems()
    assert any(expected in problem for problem in problems), problems


def test_a_forbid_of_half_of_what_one_connection_carries(policies: PolicyFolder) -> None:
    policies.edit(FLOWS, "data: [II]\n    direction: pull", "data: [II, III]\n    direction: pull")
    line = policies.append(
        FLOWS,
        "  - {id: new, effect: forbid, purpose: x, from: resident-register, to: attendance-gateway, data: [III]}\n",
    )
    (problem,) = policies.problems()
    assert problem.startswith(f"{FLOWS}:{line}: data: takes class III out of flow 'register-to-gateway' (")
    assert "https is one connection for all its classes" in problem


def test_an_expired_exception_is_in_force_on_its_last_day_and_not_after(policies: PolicyFolder) -> None:
    last = date(2027, 3, 31)
    on, after = policies.load(last), policies.load(date(2027, 4, 1))
    assert "computer-room-web" in {one.id for one in on.rules}
    assert "computer-room-web" not in {one.id for one in after.rules}
    assert [one.id for one in after.expired_rules] == ["computer-room-web"]
    assert ([one.id for one in on.expired_flows], [one.id for one in after.expired_flows]) == (
        [],
        ["grading-to-gateway"],
    )
    assert (on.policy_date, after.policy_date, on.digest == after.digest) == (last, date(2027, 4, 1), True)


def test_applications_on_one_address_must_agree_at_every_school(policies: PolicyFolder) -> None:
    """Outside the proxy, a scope on one of two applications that a switch cannot tell apart is refused."""
    policies.edit("access/prefixes/cbt.yaml", "198.51.100.96/27", "198.51.100.64/27")
    policies.edit("access/prefixes/cbt.yaml", "2001:db8:d003::/48", "2001:db8:d002::/48")
    # Pupils everywhere reach both; computer rooms and, at some schools, the staff reach only one.
    assert any("shares an address and port with 'drills'" in problem for problem in policies.problems())
    policies.append(RULES, rule("applications: [cbt], network: {from: [learning-legacy]}"))
    assert any("their network permits differ" in problem for problem in policies.problems())
    same = "applications: [cbt], schools: {groups: [drill-pilot]}, network: {from: [staff]}"
    policies.append(RULES, rule(same).replace("id: new", "id: newer"))
    assert policies.problems() == []


def test_every_day_of_the_calendar_has_one_kind(city: City) -> None:
    calendar = city.calendar
    assert calendar
    kinds = {day: calendar.find_day_kind(day) for day in calendar.list_days()}
    assert kinds[date(2026, 11, 24)] is DayKind.LESSON
    assert kinds[date(2026, 11, 23)] is DayKind.FREE
    assert kinds[date(2026, 11, 14)] is DayKind.LESSON
    assert kinds[date(2026, 11, 21)] is DayKind.FREE
    assert kinds[date(2026, 12, 3)] is DayKind.EXAM
    assert kinds[date(2026, 8, 3)] is DayKind.FREE
    assert calendar.find_day_kind(date(2026, 3, 31)) is None
    assert calendar.find_day_kind(date(2027, 4, 1)) is None
    covered = [
        day for kind in DayKind for first, last in calendar.find_runs(kind) for day in spanned(calendar, first, last)
    ]
    assert sorted(covered) == sorted(kinds)
    for kind in DayKind:
        assert all((later[0] - earlier[1]).days > 1 for earlier, later in pairwise(calendar.find_runs(kind)))


def spanned(calendar: CalendarFile, first: date, last: date) -> list[date]:
    return [day for day in calendar.list_days() if first <= day <= last]
