from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from controller.lab.iap.access_decision import AccessEvaluator, DecidingPart, Principal, split_alternatives
from controller.lab.iap.deployed_access import DeployedAccess, DeployedBackend, DeployedBinding

PREFIX = "accessPolicies/1/accessLevels/"
MANAGED = f'"{PREFIX}managed" in request.auth.access_levels'
MFA = f'"{PREFIX}mfa" in request.auth.access_levels'
HOURS = 'request.time.getHours("Asia/Tokyo") < 22'
LEVELS = {
    f"{PREFIX}managed": "device.is_admin_approved_device == true",
    f"{PREFIX}mfa": "request.auth.claims.crd_str.mfa == true",
}
NOON = datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
NIGHT = NOON.replace(hour=23)
KNOWN: dict[str, object] = {"device.is_admin_approved_device": True, "request.auth.claims.crd_str.mfa": True}


def judge(levels: dict[str, str] | None = None) -> AccessEvaluator:
    return AccessEvaluator(DeployedAccess({}, LEVELS if levels is None else levels, frozenset()))


def backend(*bindings: DeployedBinding, guarded: bool = True) -> DeployedBackend:
    return DeployedBackend("b", "affairs", "/projects/1/global/backendServices/2", guarded, bindings)


def binding(condition: str, member: str = "group:teachers@s.example") -> DeployedBinding:
    return DeployedBinding("staff", frozenset({member}), condition)


def principal(known: dict[str, object] | None = None, group: str = "teachers@s.example") -> Principal:
    return Principal("1", "t@s.example", frozenset({group}), KNOWN if known is None else known)


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
