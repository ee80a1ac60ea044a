from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from controller.compile.identity.access_levels import AccessLevelCatalogue
from controller.compile.identity.iap_bindings import MOST_OPERATORS, compile_cloud_intent, count_operators
from controller.errors import PolicyError
from controller.model.access.rules import Application, ApplicationFile, ExceptionTerms, IdentityPart, Rule, RuleFile
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.policy_files import APPLICATIONS, RULES
from controller.model.reference_evaluator import Person, evaluate_identity
from controller.model.sites.calendar import ONE_DAY, DayKind
from controller.model.sites.scope import Scope
from controller.prove.engine.cel import LevelEvaluator
from controller.prove.identity.iap_bindings import IapEvaluator
from controller.prove.identity.synthetic_principals import (
    FACTS,
    SECOND_FACTORS,
    build_request,
    change_role,
    draw_synthetic_principals,
    drop_attributes,
    find_schools_with_egress,
    list_boundary_moments,
    list_synthetic_principals,
)
from tests.policies import PolicyFolder


@pytest.fixture(scope="module")
def proxy(city: City) -> IapEvaluator:
    return IapEvaluator(city)


def application(city: City, name: str, **changes: object) -> City:
    changed = city.applications[name].model_copy(update=changes)
    return city.replace_file(
        APPLICATIONS, ApplicationFile(applications=tuple({**city.applications, name: changed}.values()))
    )


def rule(city: City, name: str, **changes: object) -> City:
    rules = tuple(r.model_copy(update=changes) if r.id == name else r for r in city.rules)
    return city.replace_file(RULES, RuleFile(rules=rules))


def identity(city: City, name: str, **changes: object) -> City:
    found = next(r for r in city.rules if r.id == name)
    assert found.identity
    return rule(city, name, identity=found.identity.model_copy(update=changes))


def proxied(city: City) -> list[Application]:
    return [app for app in city.applications.values() if app.proxy]


def test_the_compiled_conditions_are_the_reference_decision_for_everybody(city: City, proxy: IapEvaluator) -> None:
    roles = [role.id for role in city.people.roles]
    asked = let_in = 0
    for person in [*list_synthetic_principals(city), *draw_synthetic_principals(city, 400)]:
        levels = proxy.find_levels(build_request(city, person))
        for moment in list_boundary_moments(city, person.at.date()):
            for role in roles:
                one = change_role(person, role, moment)
                for app in proxied(city):
                    expected = evaluate_identity(city, app.id, one).permitted
                    assert proxy.lets_in(app.id, role, levels, moment) == expected, (app.id, one)
                    asked, let_in = asked + 1, let_in + expected
    assert asked > 100_000
    assert let_in > 1_000


def test_the_levels_of_days_hold_exactly_on_the_days_of_the_calendar(city: City) -> None:
    assert city.calendar
    levels = AccessLevelCatalogue(city, FACTS).by_key
    kinds = {kind: kind.replace("-", "_") for kind in DayKind}
    evaluator = LevelEvaluator({key: levels[key].expression for key in kinds.values()})
    around = [city.calendar.from_ - ONE_DAY, *city.calendar.list_days(), city.calendar.until + ONE_DAY]
    for day in around:
        first = datetime.combine(day, time.min, city.timezone)
        for moment in (first, first + timedelta(days=1, seconds=-1)):
            held = evaluator.find_granted({"request.time": moment})
            assert held == {key for kind, key in kinds.items() if city.calendar.find_day_kind(day) is kind}, moment


def test_an_exception_expires_at_the_proxy_by_itself(city: City) -> None:
    """Deployed while it is in force, and never deployed again: the condition ends with its last day."""
    found = next(r for r in city.rules if r.id == "staff-ai")
    exception = ExceptionTerms(owner="x", reason="x", expires=date(2026, 12, 31))
    proxy = IapEvaluator(rule(city, "staff-ai", exception=exception))
    person = Person(
        "teacher", Strength.ANY, frozenset({"managed"}), "home", datetime(2026, 12, 31, tzinfo=city.timezone)
    )
    levels = proxy.find_levels(build_request(city, person))
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=city.timezone)
    assert found.exception is None
    assert proxy.lets_in("staff-ai", "teacher", levels, last)
    assert not proxy.lets_in("staff-ai", "teacher", levels, last + timedelta(seconds=1))


def test_an_unknown_attribute_lets_nobody_in_who_was_not(city: City, proxy: IapEvaluator) -> None:
    """Less knowledge never gives more levels that permits are made of."""
    for person in list_synthetic_principals(city):
        attributes = build_request(city, person)
        levels = proxy.find_levels(attributes)
        for unknown in ("origin.", "device.", "request.auth."):
            assert proxy.find_levels(drop_attributes(attributes, unknown)) <= levels, unknown


def test_who_sends_nothing_gets_nothing(proxy: IapEvaluator) -> None:
    assert proxy.find_levels({}) == frozenset()


@pytest.mark.parametrize("factor", SECOND_FACTORS)
def test_sms_is_no_second_factor_for_class_two(city: City, proxy: IapEvaluator, factor: str) -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=city.timezone)
    everything = frozenset(posture.id for posture in city.people.postures)
    own = find_schools_with_egress(city)[0].id
    person = Person("teacher", Strength.ANY, everything, "own-school", noon, registered=own)
    levels = proxy.find_levels(build_request(city, person, factor))
    assert proxy.lets_in("affairs", "teacher", levels, noon) == (factor != "sms")
    assert proxy.lets_in("staff-ai", "teacher", levels, noon)


def test_a_device_of_another_school_is_not_at_its_own(city: City, proxy: IapEvaluator) -> None:
    own = next(s for s in city.schools if s.lines.primary.egress)
    registered = {"origin.ip": str(own.lines.primary.egress[0].network_address), "origin.region_code": "JP"}
    vendor = {FACTS.vendor: {"data": {"school": "other"}}}
    here = {name.rpartition("_lab_")[2] for name in proxy.find_levels({**registered, "device.vendors": vendor})}
    assert {"school", "in_country"} <= here
    assert "own_school" not in here


def test_a_school_behind_a_shared_address_counts_as_home(city: City, proxy: IapEvaluator) -> None:
    shared = next(s for s in city.schools if s.lines.primary.kind in ("map-e", "ds-lite"))
    by_address = [level.expression for level in proxy.intent.access_levels if "origin.ip" in level.expression]
    assert by_address
    assert not any(shared.id in expression for expression in by_address)


def test_conditions_stay_inside_the_limits_of_iam(proxy: IapEvaluator) -> None:
    assert max(count_operators(binding.expression) for binding in proxy.intent.bindings) <= MOST_OPERATORS
    for level in proxy.intent.access_levels:
        assert len(level.name) <= 50, level.name


def test_more_than_a_condition_holds_is_asked_by_one_level(city: City) -> None:
    """Every condition that there is, at once: still one binding, and the reference's decision."""
    hours = next(r.identity.hours for r in city.rules if r.id == "exam-marking" and r.identity)
    everything = tuple(posture.id for posture in city.people.postures)
    more = {
        "postures": everything,
        "devices": ("windows-pc", "other"),
        "places": ("home", "board-office"),
        "hours": hours,
    }
    changed = identity(city, "staff-ai", **more)
    expiring = ExceptionTerms(owner="x", reason="x", expires=date(2026, 12, 31))
    changed = rule(changed, "staff-ai", exception=expiring, schools=Scope(groups=("exam-schools",)))
    proxy = IapEvaluator(changed)
    binding = next(b for b in proxy.intent.bindings if (b.application, b.role) == ("staff-ai", "teacher"))
    assert count_operators(binding.expression) <= MOST_OPERATORS
    assert "accessLevels/tsunagu_lab_all_" in binding.expression
    for person in [*list_synthetic_principals(changed), *draw_synthetic_principals(changed, 300)]:
        levels = proxy.find_levels(build_request(changed, person))
        for moment in list_boundary_moments(changed, person.at.date()):
            one = change_role(person, "teacher", moment)
            expected = evaluate_identity(changed, "staff-ai", one).permitted
            assert proxy.lets_in("staff-ai", "teacher", levels, moment) == expected, one
    marking = datetime(2026, 12, 3, 22, 15, tzinfo=city.timezone)
    somebody = Person("teacher", Strength.ANY, frozenset(everything), "home", marking, "other", "sw-h01")
    assert proxy.lets_in("staff-ai", "teacher", proxy.find_levels(build_request(changed, somebody)), marking)


def test_no_condition_negates_a_level(proxy: IapEvaluator) -> None:
    assert not any("!" in binding.expression for binding in proxy.intent.bindings)


def test_the_fronts_are_those_of_the_outputs_in_use(city: City, proxy: IapEvaluator) -> None:
    """Applications share a front exactly when the lab's outputs give them one address."""
    addresses = {name: placed.ipv4 for name, placed in city.outputs.applications.items()}
    for names in proxy.intent.frontends.values():
        assert len({addresses[name] for name in names}) == 1
    assert len(proxy.intent.frontends) == len(set(addresses.values()))


def refusals(city: City) -> Iterator[tuple[City, str]]:
    yield application(city, "affairs", audience="public"), "never open to the public"
    yield application(city, "staff-ai", proxy=False), "needs the identity-aware proxy"
    yield application(city, "staff-ai", audience="public"), "no proxy asks people there"
    yield identity(city, "staff-cloud", mfa=False), "needs MFA"
    yield identity(city, "staff-ai", places=("moon",)), "has no meaning at the proxy"
    yield identity(city, "staff-ai", postures=("shiny",)), "has no meaning at the proxy"


@pytest.mark.parametrize("index", range(6))
def test_what_the_proxy_could_not_enforce_is_refused(city: City, index: int) -> None:
    changed, message = list(refusals(city))[index]
    with pytest.raises(PolicyError, match=message) as refused:
        compile_cloud_intent(changed, FACTS)
    for problem in refused.value.problems:
        assert problem.origin.file.endswith(".yaml")
        assert problem.field


def test_a_rule_for_everybody_needs_no_condition(city: City) -> None:
    part = IdentityPart.model_validate({"enforced-by": ["proxy"]})
    bare = Rule.model_validate(
        {"id": "all", "effect": "permit", "purpose": "x", "applications": ["staff-ai"], "origin": city.rules[0].origin}
        | {"identity": part}
    )
    intent = compile_cloud_intent(
        city.replace_file(RULES, RuleFile(rules=(*(r for r in city.rules if r.id != "nobody-abroad"), bare))), FACTS
    )
    expressions = {b.role: b.expression for b in intent.bindings if b.application == "staff-ai"}
    assert set(expressions) == {role.id for role in city.people.roles}
    assert set(expressions.values()) == {""}


def test_who_is_admitted_to_a_segment_is_not_let_in_by_the_proxy(tmp_path: Path) -> None:
    """A permit that 802.1X enforces opens a way for a segment; at the proxy it says nothing of anybody."""
    policies = PolicyFolder(tmp_path)
    before = {(b.application, b.role) for b in compile_cloud_intent(policies.load(), FACTS).bindings}
    policies.append(
        "access/rules.yaml",
        "  - {id: by-segment, effect: permit, purpose: x, applications: [learning-dashboard], "
        "network: {from: [staff]}, identity: {enforced-by: [802.1x], postures: [certificate]}}\n",
    )
    after = {(b.application, b.role) for b in compile_cloud_intent(policies.load(), FACTS).bindings}
    assert ("learning-dashboard", "clerk") not in before
    assert after == before
