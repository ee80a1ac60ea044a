"""`tsunagu explain --flow`: data between systems, and what enforces it; `--device` and `--factor` of a person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.cli.output import Exit
from tests.cli.running import ROOT, here

DAY = ("--on", "2026-12-01")


def asked(*words: str) -> dict[str, Any]:
    done = here("explain", *words, *DAY, "--json", cwd=ROOT)
    assert done.code == Exit.GOOD, done.errors
    found: dict[str, Any] = json.loads(done.said)
    return found


def test_a_channel() -> None:
    found = asked("--flow", "affairs", "--to", "learning-analytics")
    said = {one["class"]: (one["permitted"], [rule["id"] for rule in one["rules"]]) for one in found["classes"]}
    assert said == {
        "I": (False, ["no-affairs-to-learning"]),
        "II": (False, ["no-affairs-to-learning"]),
        "III": (True, ["affairs-to-analytics"]),
        "IV": (False, []),
    }
    assert found["channels"] == [
        {"carrier": "pubsub", "sender": "affairs", "class": "III", "receivers": ["learning-analytics"]}
    ]
    assert found["connections"] == []


def test_a_connection_is_opened_by_whoever_pulls() -> None:
    found = asked("--flow", "resident-register", "--to", "attendance-gateway", "--data", "II")
    assert [one["permitted"] for one in found["classes"]] == [True]
    ends = {(one["caller"], one["called"], one["family"], one["service"]) for one in found["connections"]}
    assert ends == {("attendance-gateway", "resident-register", family, "tcp/443") for family in (4, 6)}


def test_what_is_said_in_words() -> None:
    done = here("explain", "--flow", "grading", "--to", "attendance-gateway", *DAY, cwd=ROOT)
    assert "class II: permitted  permit grading-to-gateway (policies/access/flows.yaml:" in done.said
    assert ", until 2027-03-31)" in done.said
    assert "enforced by a firewall, IPv4: grading (10.254.0.10/32) opens tcp/22 to attendance-gateway" in done.said
    later = here("explain", "--flow", "grading", "--to", "attendance-gateway", "--on", "2027-04-01", cwd=ROOT)
    assert "class II: DENIED  no flow names it: default deny" in later.said


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("--to", "affairs"), Exit.USAGE, "name who asks: --from SCHOOL/SEGMENT, or --flow SYSTEM"),
        (("--flow", "affairs", "--from", "kw-e01/staff", "--to", "x"), Exit.USAGE, "name who asks"),
        (("--flow", "moon", "--to", "affairs"), Exit.FAILED, "there is no system or application 'moon'"),
        (("--flow", "affairs", "--to", "school-aid", "--data", "V"), Exit.FAILED, "there is no importance class 'V'"),
        (("--from", "kw-e01/staff", "--to", "affairs", "--on", "tomorrow"), Exit.USAGE, "--on"),
    ],
)
def test_wrong_use(words: tuple[str, ...], code: int, expected: str) -> None:
    done = here("explain", *words, cwd=ROOT)
    assert done.code == code
    assert expected in done.errors.replace("\n", " ")


PUPIL = ("--from", "kw-e01/pupil", "--to", "learning-dashboard", "--role", "pupil", "--no-mfa", "--posture", "managed")
VENDOR = ("--role", "maintenance-vendor", "--posture", "managed", "--posture", "encrypted", "--posture", "certificate")
OFFICE = ("--from", "kw-e01/staff", "--to", "affairs", *VENDOR, "--place", "board-office", "--at", "2026-11-25T10:00")


@pytest.mark.parametrize(
    ("words", "permitted"),
    [
        ((*PUPIL, "--place", "home", "--device", "chromebook"), True),
        ((*PUPIL, "--place", "home"), False),
        ((*OFFICE, "--device", "windows-pc", "--registered", "board-office"), True),
        ((*OFFICE, "--device", "windows-pc", "--factor", "without-sms"), False),
        ((*OFFICE, "--device", "other"), False),
    ],
)
def test_people(words: tuple[str, ...], permitted: bool) -> None:  # noqa: FBT001 a row of the table
    assert asked(*words)["identity"]["permitted"] is permitted


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--device", "toaster"), "there is no device class 'toaster'"),
        (("--registered", "moon"), "no device can be registered at 'moon'"),
        (("--factor", "magic"), "there is no second factor 'magic'"),
    ],
)
def test_people_who_cannot_be(words: tuple[str, ...], expected: str) -> None:
    done = here("explain", *PUPIL, *words, cwd=ROOT)
    assert done.code == Exit.FAILED
    assert expected in done.errors
