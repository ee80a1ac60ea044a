from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

import pytest

from controller.lab.iap.access_decision import AccessEvaluator, DecidingPart, Principal, split_alternatives
from controller.lab.iap.deployed_access import DeployedAccess, DeployedBackend, DeployedBinding, DeployedSession

PREFIX = "accessPolicies/1/accessLevels/"
MANAGED = f'"{PREFIX}managed" in request.auth.access_levels'
MFA = f'"{PREFIX}mfa" in request.auth.access_levels'
HOURS = 'request.time.getHours("Asia/Tokyo") < 22'
LEVELS = {
    f"{PREFIX}managed": "device.is_admin_approved_device == true",
    f"{PREFIX}mfa": "request.auth.claims.crd_str.mfa == true",
}
NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NIGHT = NOON.replace(hour=23)
KNOWN: dict[str, object] = {"device.is_admin_approved_device": True, "request.auth.claims.crd_str.mfa": True}


def judge(levels: dict[str, str] | None = None) -> AccessEvaluator:
    return AccessEvaluator(DeployedAccess({}, LEVELS if levels is None else levels, frozenset()))


def backend(
    *bindings: DeployedBinding, guarded: bool = True, session: DeployedSession | None = None
) -> DeployedBackend:
    return DeployedBackend("b", "affairs", "/projects/1/global/backendServices/2", guarded, bindings, session)


def binding(condition: str, member: str = "group:teachers@s.example") -> DeployedBinding:
    return DeployedBinding("staff", frozenset({member}), condition)


def principal(
    known: dict[str, object] | None = None, group: str = "teachers@s.example", age: timedelta | None = MINUTE
) -> Principal:
    return Principal("1", "t@s.example", frozenset({group}), KNOWN if known is None else known, age)


def test_who_meets_the_condition_comes_in_with_the_levels_that_were_granted() -> None:
    found = judge().decide(backend(binding(f"{MANAGED} && {MFA}")), principal(), NOON)
    assert found.lets_in
    assert found.levels == (f"{PREFIX}managed", f"{PREFIX}mfa")


def test_nobody_signed_in() -> None:
    found = judge().decide(backend(binding("")), None, NOON)
    assert (found.status, found.part, found.reason) == (HTTPStatus.UNAUTHORIZED, DecidingPart.SIGN_IN, "not signed in")


def test_no_binding_names_the_group() -> None:
    found = judge().decide(backend(binding("")), principal(group="guardians@s.example"), NOON)
    assert (found.status, found.part) == (HTTPStatus.FORBIDDEN, DecidingPart.BINDING)
    assert found.reason == "no binding for role group: guardians@s.example"


def test_everybody_is_nobody_here() -> None:
    open_to_all = backend(binding("", "allUsers"), binding("", "allAuthenticatedUsers"))
    assert not judge().decide(open_to_all, principal(), NOON).lets_in


def test_an_unknown_attribute_denies() -> None:
    for lacking in KNOWN:
        known = {name: value for name, value in KNOWN.items() if name != lacking}
        found = judge().decide(backend(binding(f"{MANAGED} && {MFA}")), principal(known), NOON)
        assert found.part is DecidingPart.CONDITION
        assert "not met" in found.reason


def test_the_reason_is_what_the_nearest_alternative_lacks() -> None:
    condition = f"({MANAGED} && {MFA}) || ({MANAGED} && {HOURS})"
    known: dict[str, object] = {"device.is_admin_approved_device": True}
    found = judge().decide(backend(binding(condition)), principal(known), NIGHT)
    assert found.reason == "condition: access level mfa not met"
    hours = judge().decide(backend(binding(f"{MANAGED} && {HOURS}")), principal(known), NIGHT)
    assert hours.reason == "condition: outside its hours at 2026-11-25T23:00+09:00"


def test_any_binding_of_the_group_is_enough() -> None:
    assert judge().decide(backend(binding("false"), binding(MFA)), principal(), NOON).lets_in


def test_a_level_that_does_not_compile_lets_nobody_in() -> None:
    found = judge({**LEVELS, f"{PREFIX}odd": "device.no_such_thing == 1"}).decide(
        backend(binding("")), principal(), NOON
    )
    assert found.part is DecidingPart.DEPLOYMENT
    assert not found.lets_in


def test_a_condition_that_does_not_compile_lets_nobody_in() -> None:
    found = judge().decide(backend(binding("request.auth.claims == 1")), principal(), NOON)
    assert found.part is DecidingPart.DEPLOYMENT


def test_the_public_is_asked_nothing() -> None:
    assert judge().decide(backend(guarded=False), None, NOON).lets_in


def test_alternatives_are_split_at_the_top_only() -> None:
    assert split_alternatives('((a || b) && c) || d == "x || y"') == ["((a || b) && c)", 'd == "x || y"']


def asked_again(method: str, known: dict[str, object], age: timedelta | None) -> tuple[HTTPStatus, str]:
    found = judge().decide(backend(binding(""), session=DeployedSession(DAY, method)), principal(known, age=age), NOON)
    assert found.lets_in or found.part is DecidingPart.SESSION
    return found.status, found.reason.partition(": ")[2].partition(";")[0]


PASSWORD: dict[str, object] = {"request.auth.claims.crd_str.pwd": True, "request.auth.claims.crd_str.mfa": False}
SMS = PASSWORD | {"request.auth.claims.crd_str.mfa": True, "request.auth.claims.crd_str.sms": True}
SECURITY_KEY = SMS | {"request.auth.claims.crd_str.hwk": True}
LESS = "the sign-in was by less than the method asks"


@pytest.mark.parametrize("method", ["LOGIN", "ENROLLED_SECOND_FACTORS", "SECURE_KEY"])
def test_a_session_lasts_as_long_as_it_says_and_no_longer(method: str) -> None:
    assert asked_again(method, SECURITY_KEY, DAY)[0] is HTTPStatus.OK
    over = asked_again(method, SECURITY_KEY, DAY + timedelta(seconds=1))
    assert over == (HTTPStatus.UNAUTHORIZED, "signed in 1 day, 0:00:01 ago, and a session lasts 1 day, 0:00:00")
    # Whoever signs in again begins a new one.
    assert asked_again(method, SECURITY_KEY, timedelta())[0] is HTTPStatus.OK


@pytest.mark.parametrize(
    ("method", "known", "reason"),
    [
        ("LOGIN", PASSWORD, ""),
        ("ENROLLED_SECOND_FACTORS", PASSWORD, LESS),
        ("ENROLLED_SECOND_FACTORS", SMS, ""),
        ("SECURE_KEY", SMS, LESS),
        ("SECURE_KEY", SECURITY_KEY, ""),
        ("SECURE_KEY", {}, LESS),
        ("PASSWORD", SECURITY_KEY, "its method is none that this stand-in knows"),
    ],
)
def test_the_sign_in_is_by_the_method(method: str, known: dict[str, object], reason: str) -> None:
    status, said = asked_again(method, known, MINUTE)
    assert (status is HTTPStatus.OK) is (reason == "")
    assert reason == ("" if status is HTTPStatus.OK else said)


def test_who_does_not_say_when_they_signed_in_is_asked_again() -> None:
    assert asked_again("LOGIN", SECURITY_KEY, None) == (HTTPStatus.UNAUTHORIZED, "nobody knows since when")


def test_who_is_refused_anyway_is_not_asked_again() -> None:
    ended = backend(binding(MFA), session=DeployedSession(DAY, "LOGIN"))
    assert judge().decide(ended, principal(PASSWORD, age=2 * DAY), NOON).part is DecidingPart.CONDITION


def test_without_settings_nobody_is_asked_again_as_at_google() -> None:
    assert judge().decide(backend(binding("")), principal(age=365 * DAY), NOON).lets_in
