"""The reference evaluator, row by row, against what a reader of the shipped policy expects."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Family, Protocol, parse_prefix
from controller.model.reference_evaluator import Flow, Person, evaluate_identity, evaluate_network

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=TOKYO)
SATURDAY = datetime(2026, 11, 28, 10, 0, tzinfo=TOKYO)
MANAGED = frozenset({"managed", "encrypted", "certificate"})


def who(role: str, mfa: str, postures: frozenset[str], place: str, at: datetime) -> Person:
    strength = Strength.PHISHING_RESISTANT if mfa == "mfa" else Strength.NONE
    return Person(role, strength, postures, place, at, registered="as-e02")


def address(text: str) -> int:
    return int(parse_prefix(text).network_address)


@pytest.mark.parametrize(
    ("source", "family", "destination", "service", "rules", "permitted"),
    [
        ("staff", 4, "203.0.113.10", "tcp/443", ["staff-cloud"], True),
        ("staff", 6, "2001:db8:c000::10", "tcp/443", ["staff-cloud"], True),
        ("staff", 4, "203.0.113.10", "tcp/80", [], False),
        ("staff", 4, "203.0.113.10", "udp/443", [], False),
        ("pupil", 4, "203.0.113.10", "tcp/443", [], False),
        ("pupil", 4, "203.0.113.20", "tcp/443", ["dashboard-pupils"], True),
        ("staff", 4, "203.0.113.20", "tcp/443", ["dashboard-staff"], True),
        ("guest", 4, "203.0.113.20", "tcp/443", [], False),
        ("pupil", 4, "198.51.100.10", "tcp/443", ["workspace"], True),
        ("guest", 4, "198.51.100.10", "tcp/443", [], False),
        # The internet is what nothing else names.
        ("guest", 4, "192.0.2.1", "tcp/443", ["web"], True),
        ("guest", 6, "2001:db8:f000::1", "tcp/443", ["web"], True),
        ("guest", 4, "192.0.2.1", "udp/443", [], False),
        ("guest", 4, "10.1.0.1", "tcp/443", [], False),
        ("guest", 4, "192.168.0.1", "tcp/443", [], False),
        ("guest", 6, "fd00::1", "tcp/443", [], False),
        ("guest", 4, "10.255.0.10", "tcp/443", [], False),
        # A forbid wins.
        ("staff", 4, "192.0.2.1", "tcp/80", ["web"], True),
        ("pupil", 4, "192.0.2.1", "tcp/80", ["pupils-no-plain-web"], False),
        ("pupil", 4, "192.0.2.1", "tcp/443", ["web"], True),
        # The school's own printers, and no other school's. The school is number 1.
        ("staff", 4, "10.1.8.20", "tcp/9100", ["printing"], True),
        ("staff-legacy", 6, "2001:db8:8001:1e::20", "tcp/631", ["printing"], True),
        ("staff", 4, "10.2.8.20", "tcp/9100", [], False),
        ("pupil", 4, "10.1.8.20", "tcp/9100", [], False),
        ("staff", 4, "10.1.8.20", "tcp/22", [], False),
        ("staff-legacy", 4, "10.254.0.10", "tcp/443", ["grading"], True),
        ("staff", 4, "10.254.0.10", "tcp/443", [], False),
        ("controller", 4, "10.1.10.10", "tcp/22", ["controller-ssh"], True),
        ("staff", 4, "10.1.10.10", "tcp/22", [], False),
        ("quarantine", 4, "192.0.2.1", "tcp/443", [], False),
        ("printers", 4, "192.0.2.1", "tcp/443", [], False),
    ],
)
def test_network_part(  # noqa: PLR0913, PLR0917 a row of the table
    city: City,
    source: str,
    family: int,
    destination: str,
    service: str,
    rules: list[str],
    permitted: bool,  # noqa: FBT001
) -> None:
    school = next(school for school in city.schools if school.number == 1)
    name, _, port = service.partition("/")
    flow = Flow(school, source, Family(family), Protocol[name.upper()], address(destination), int(port))
    answer = evaluate_network(city, flow)
    assert ([rule.id for rule in answer.rules], answer.permitted) == (rules, permitted)


@pytest.mark.parametrize(
    ("application", "person", "rules", "permitted"),
    [
        ("affairs", who("teacher", "mfa", MANAGED, "own-school", MONDAY), ["staff-cloud"], True),
        ("affairs", who("teacher", "mfa", MANAGED, "other-school", SATURDAY), ["staff-cloud"], True),
        ("affairs", who("teacher", "no mfa", MANAGED, "own-school", MONDAY), [], False),
        ("affairs", who("teacher", "mfa", frozenset({"managed"}), "own-school", MONDAY), [], False),
        ("affairs", who("teacher", "mfa", MANAGED, "home", MONDAY), ["staff-home"], True),
        ("affairs", who("teacher", "mfa", frozenset({"managed", "encrypted"}), "home", MONDAY), [], False),
        ("affairs", who("teacher", "mfa", MANAGED, "abroad", MONDAY), ["nobody-abroad"], False),
        ("affairs", who("pupil", "mfa", MANAGED, "home", MONDAY), [], False),
        ("affairs", who("pupil", "mfa", MANAGED, "abroad", MONDAY), ["nobody-abroad"], False),
        ("affairs", who("guardian", "mfa", MANAGED, "home", MONDAY), [], False),
        ("affairs", who("maintenance-vendor", "mfa", MANAGED, "own-school", MONDAY), ["vendor-maintenance"], True),
        ("affairs", who("maintenance-vendor", "mfa", MANAGED, "own-school", SATURDAY), [], False),
        ("affairs", who("maintenance-vendor", "mfa", MANAGED, "home", MONDAY), [], False),
        ("file-exchange", who("maintenance-vendor", "mfa", MANAGED, "own-school", MONDAY), [], False),
        # The class of the device is not known here, and the rule asks for it.
        ("learning-dashboard", who("pupil", "no mfa", frozenset({"managed"}), "home", MONDAY), [], False),
        ("learning-dashboard", who("pupil", "no mfa", frozenset(), "home", MONDAY), [], False),
        ("learning-dashboard", who("pupil", "mfa", MANAGED, "abroad", MONDAY), [], False),
        ("learning-dashboard", who("guardian", "mfa", MANAGED, "home", MONDAY), [], False),
        # No rule of staff-ai speaks of places, so only the forbid does.
        ("staff-ai", who("clerk", "mfa", frozenset({"managed"}), "home", MONDAY), ["staff-ai"], True),
        ("staff-ai", who("clerk", "mfa", frozenset({"managed"}), "abroad", MONDAY), ["nobody-abroad"], False),
        # Rules without an identity part say nothing of people.
        ("workspace", who("pupil", "mfa", MANAGED, "own-school", MONDAY), [], False),
    ],
)
def test_identity_part(city: City, application: str, person: Person, rules: list[str], permitted: bool) -> None:  # noqa: FBT001
    answer = evaluate_identity(city, application, person)
    assert ([rule.id for rule in answer.rules], answer.permitted) == (rules, permitted)


@pytest.mark.parametrize(
    ("role", "place", "at", "permitted"),
    [
        # staff-home: every day from 05:00 until 22:00 in Tokyo, which is 20:00 to 13:00 in UTC.
        ("teacher", "home", datetime(2026, 11, 22, 19, 59, 59, tzinfo=UTC), False),
        ("teacher", "home", datetime(2026, 11, 22, 20, 0, 0, tzinfo=UTC), True),
        ("teacher", "home", datetime(2026, 11, 23, 12, 59, 59, 999999, tzinfo=UTC), True),
        ("teacher", "home", datetime(2026, 11, 23, 13, 0, 0, tzinfo=UTC), False),
        # vendor-maintenance: weekdays from 09:00 until 17:00. A Sunday in UTC can be a Monday in Tokyo.
        ("maintenance-vendor", "own-school", datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), False),
        ("maintenance-vendor", "own-school", datetime(2026, 11, 23, 0, 0, 0, tzinfo=UTC), True),
        ("maintenance-vendor", "own-school", datetime(2026, 11, 27, 7, 59, 59, tzinfo=UTC), True),
        ("maintenance-vendor", "own-school", datetime(2026, 11, 27, 8, 0, 0, tzinfo=UTC), False),
        ("maintenance-vendor", "own-school", datetime(2026, 11, 28, 0, 0, 0, tzinfo=UTC), False),
        (
            "maintenance-vendor",
            "own-school",
            datetime(2026, 11, 22, 19, 0, 0, tzinfo=ZoneInfo("America/New_York")),
            True,
        ),
    ],
)
def test_the_borders_of_hours(city: City, role: str, place: str, at: datetime, permitted: bool) -> None:  # noqa: FBT001
    assert evaluate_identity(city, "affairs", who(role, "mfa", MANAGED, place, at)).permitted == permitted
