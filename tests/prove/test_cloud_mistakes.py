"""The proxy's conditions with mistakes planted in them: each is found, by the person whom it lets in or keeps out."""

from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.identity.iap_bindings import CloudIntent, compile_cloud_intent
from controller.model.city import City
from controller.prove.identity.boundary_cases import PrincipalCase, list_boundary_cases
from controller.prove.identity.iap_bindings import IapEvaluator, find_wrong_decisions, prove_iap_bindings
from controller.prove.identity.iap_sessions import prove_iap_sessions
from controller.prove.identity.synthetic_principals import FACTS
from tests.policies import PolicyFolder

DAY = 'request.time.getDayOfYear("Asia/Tokyo")'
REGISTERED = 'device.vendors["0kawasaki-tsunagu"].data["school"]'


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The city with few schools of each ward."""
    return PolicyFolder(tmp_path_factory.mktemp("small")).load()


@pytest.fixture(scope="module")
def intent(small: City) -> CloudIntent:
    return compile_cloud_intent(small, FACTS)


@pytest.fixture(scope="module")
def people(small: City) -> list[PrincipalCase]:
    return list(list_boundary_cases(small))


def with_level(intent: CloudIntent, key: str, old: str, new: str) -> CloudIntent:
    """The intent with a text in one access level changed."""
    level = next(one for one in intent.access_levels if one.key == key)
    assert old in level.expression, level.expression
    changed = replace(level, expression=level.expression.replace(old, new, 1))
    return replace(intent, access_levels=tuple(changed if one is level else one for one in intent.access_levels))


@pytest.mark.parametrize(
    ("key", "old", "new", "expected"),
    [
        ("own_school_kawasaki", f'{REGISTERED} == "kw-e03"', f'{REGISTERED} == "kw-e02"', "at own-school"),
        ("own_school_kawasaki", '"2001:db8:8003::/48"', '"2001:db8:8002::/48"', "registered at kw-e03"),
        ("school_kawasaki", '"192.0.2.3/32"', '"192.0.2.0/29"', "at home"),
        ("school_kawasaki", '"2001:db8:8003::/48"', '"2001:db8:8003::/64"', "registered at kw-e03"),
        ("board-office", ', "2001:db8:80fd::/48"', "", "at board-office"),
        ("exam_day", f"{DAY} >= 174", f"{DAY} >= 175", "on Wed 2026-06-24"),
        ("lesson_day", f"{DAY} <= 99", f"{DAY} <= 100", "on Sat 2026-04-11"),
        ("mfa_key", "request.auth.claims.crd_str.swk", "request.auth.claims.crd_str.push", "a maintenance-vendor"),
        ("mfa_without_sms", " || request.auth.claims.crd_str.push == true", "", "is refused"),
    ],
)
def test_a_mistake_in_a_level_is_found(  # noqa: PLR0913, PLR0917 where, what, and what is said
    small: City, intent: CloudIntent, people: list[PrincipalCase], key: str, old: str, new: str, expected: str
) -> None:
    wrong = IapEvaluator(small, with_level(intent, key, old, new))
    assert any(expected in one for one in find_wrong_decisions(wrong, people))


def test_a_place_that_nobody_can_tell_and_nobody_asks_for_changes_nothing(tmp_path: Path, intent: CloudIntent) -> None:
    """Seen once: it loads, and compiling ended in a KeyError."""
    policies = PolicyFolder(tmp_path)
    policies.edit(
        "access/people.yaml", "  - {id: home,", "  - {id: library, name: 図書館, seen-by: [proxy]}\n  - {id: home,"
    )
    city = policies.load()
    compiled = compile_cloud_intent(city, FACTS)
    assert (compiled.bindings, compiled.access_levels) == (intent.bindings, intent.access_levels)
    assert prove_iap_bindings(city, compiled, parts=40).holds
    assert prove_iap_sessions(city, compiled).holds
