"""Access levels and bindings within Google's published limits, for many schools; else refused with file and line."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from controller.compile.identity import access_levels, iap_bindings
from controller.compile.identity.access_levels import (
    LONGEST_LEVEL,
    LONGEST_LIST,
    LONGEST_NAME,
    MOST_LEVELS,
    AccessLevelCatalogue,
)
from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.errors import PolicyError
from controller.model.access.rules import Hours, IdentityPart, RuleFile
from controller.model.city import City
from controller.model.policy_files import RULES, SCHOOLS
from controller.model.sites.schools import School, SchoolFile
from controller.model.sites.scope import Scope
from controller.prove.engine.cel import LevelEvaluator
from controller.prove.identity.synthetic_principals import FACTS
from controller.prove.lint.check_policy import check_policy
from tests.policies import PolicyFolder

MANY = 1_056


def grow(city: City, ward: str = "") -> tuple[City, list[School]]:
    """A prefecture's worth of schools, each with addresses of its own; of every ward, or all of one."""
    known = [school for school in city.schools if school.lines.egress]
    schools = []
    for number in range(MANY):
        school = known[number % len(known)]
        egress = (ip_network(f"100.{64 + number // 256}.{number % 256}.0/28"), ip_network(f"2001:db8:{number:x}::/48"))
        primary = school.lines.primary.model_copy(update={"egress": egress})
        changes = {"id": f"school-{number:04}", "lines": school.lines.model_copy(update={"primary": primary})}
        schools.append(school.model_copy(update=changes | ({"ward": ward} if ward else {})))
    return city.replace_file(SCHOOLS, SchoolFile(schools=tuple(schools))), schools


@pytest.mark.parametrize("ward", ["", "kawasaki"], ids=["in all wards", "in one ward"])
def test_the_levels_of_many_schools_are_such_as_google_takes(city: City, ward: str) -> None:
    grown, schools = grow(city, ward)
    everywhere = frozenset(school.id for school in schools)
    catalogue = AccessLevelCatalogue(grown, FACTS)
    catalogue.require_registration(everywhere - {schools[0].id})
    levels = list(catalogue.by_key.values())
    lists = [text.count(",") + 1 for one in levels for text in re.findall(r"(?:in|ip,) \[([^\]]*)\]", one.expression)]
    assert max(lists) == LONGEST_LIST
    assert max(len(one.name) for one in levels) <= LONGEST_NAME
    assert len({one.name for one in levels}) == len(levels) <= MOST_LEVELS
    assert LONGEST_LEVEL / 2 < max(len(one.expression) for one in levels) <= LONGEST_LEVEL
    assert any("__2" in one.key for one in levels)
    assert len(compile_cloud_intent(grown, FACTS).access_levels) <= MOST_LEVELS

    evaluator = LevelEvaluator({one.name: one.expression for one in levels})
    for place in (0, 1, MANY // 2, MANY - 1):
        school, other = schools[place], schools[place - 1]
        for registered, own in ((school.id, True), (other.id, False)):
            for prefix in school.lines.egress:
                device = {"device.vendors": {FACTS.vendor: {"data": {"school": registered}}}}
                granted = evaluator.find_granted({"origin.ip": str(prefix[1]), "origin.region_code": "JP", **device})
                expected = {"school", "registered-school", "own-school" if own else "other-school"}
                found = {key for key in ("own-school", "other-school", "home", *expected) if FACTS.name(key) in granted}
                assert found == expected, (school.id, registered, prefix)


def test_a_level_that_fits_is_one(city: City) -> None:
    """The city's own levels keep their names: what is deployed is not made anew."""
    assert not [key for key in AccessLevelCatalogue(city, FACTS).by_key if "__" in key]


@pytest.mark.parametrize("name", ["offices", "school"])
def test_two_levels_of_one_name_are_refused_at_the_ward(tmp_path: Path, name: str) -> None:
    policies = PolicyFolder(tmp_path)
    for path in [*policies.path.rglob("*.yaml")]:
        text = path.read_text(encoding="utf-8")
        changed = re.sub(r"\btakatsu\b", name, text)
        path.write_text(changed, encoding="utf-8")
    found = policies.load()
    ward = next(one for one in found.wards if one.id == name)
    with pytest.raises(PolicyError) as refused:
        compile_cloud_intent(found, FACTS)
    (problem,) = refused.value.problems
    assert (problem.origin, problem.field) == (ward.origin, "id")
    assert f"would be one access level, tsunagu_lab_registered_{name}; give the ward another id" in problem.message


@pytest.mark.parametrize(
    ("limit", "said"), [("MOST_LEVELS", "access levels are needed"), ("LONGEST_LEVEL", "characters, more than")]
)
def test_more_than_google_takes_is_refused_with_file_and_line(
    city: City, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    monkeypatch.setattr(access_levels, limit, 20)
    with pytest.raises(PolicyError) as refused:
        compile_cloud_intent(city, FACTS)
    assert all(said in str(one) for one in refused.value.problems)
    assert all(re.search(r"city/city\.yaml:\d+:", str(one)) for one in refused.value.problems)


def test_more_bindings_than_google_takes_are_refused_at_the_application(city: City) -> None:
    """A hundred rules, each for one school in one quarter of an hour, are no few conditions."""
    like = next(one for one in city.rules if one.id == "staff-ai")
    rules = []
    for number, school in enumerate(city.schools[:90]):
        clock = [f"{at // 60:02}:{at % 60:02}" for at in (number * 15, number * 15 + 15)]
        hours = Hours.model_validate({"days": ["mon"], "from": clock[0], "until": clock[1]})
        asked = IdentityPart.model_validate({"enforced-by": ["proxy"], "roles": ["clerk"], "mfa": True, "hours": hours})
        scope = Scope(ids=(school.id,))
        rules.append(like.model_copy(update={"id": f"r{number}", "identity": asked, "schools": scope, "network": None}))
    crowded = city.replace_file(RULES, RuleFile(rules=tuple(rules)))
    with pytest.raises(PolicyError) as refused:
        compile_cloud_intent(crowded, FACTS)
    (problem,) = refused.value.problems
    assert problem.origin == city.applications["staff-ai"].origin
    assert problem.message in {one.message for one in check_policy(crowded) if one.kind == "proxy"}
    assert re.search(r"role 'clerk' needs \d+ bindings here, and Google takes 20", problem.message)


def test_a_rule_that_asks_too_much_at_once_is_refused_at_its_line(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iap_bindings, "MOST_OPERATORS", 1)
    with pytest.raises(PolicyError) as refused:
        compile_cloud_intent(city, FACTS)
    (problem,) = refused.value.problems
    assert problem.field == "identity"
    assert problem.origin in {rule.origin for rule in city.rules}
    assert "more at once than the 1 operators that an IAM condition can hold" in problem.message
