"""Policies that nobody wrote: whatever the rules, the compiled conditions decide as the reference does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.errors import Origin, PolicyError, TsunaguError
from controller.model.access.rules import DAYS, Day, ExceptionTerms, Hours, IdentityPart, Rule, RuleFile, SchoolDays
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Effect
from controller.model.policy_files import RULES
from controller.model.reference_evaluator import Person, evaluate_identity
from controller.model.sites.scope import Scope
from controller.prove.identity.iap_bindings import IapEvaluator
from controller.prove.identity.synthetic_principals import (
    build_request,
    change_role,
    draw_synthetic_principals,
    list_boundary_moments,
    list_distinct_days,
    list_synthetic_principals,
)

ROLES = ("teacher", "pupil", "maintenance-vendor")
PLACES = ("own-school", "other-school", "board-office", "home", "abroad")
DEVICES = ("chromebook", "ipad", "windows-pc", "other")
KINDS: tuple[SchoolDays, ...] = ("school-days", "exam-days", "free-days")
POSTURES = ("managed", "encrypted", "certificate", "screen-lock")
APPLICATIONS = ("affairs", "staff-ai")


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    start, end = draw(st.tuples(st.integers(0, 95), st.integers(0, 95)).filter(lambda pair: pair[0] < pair[1]))
    week = st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: tuple(sorted(days)))
    days: tuple[Day, ...] | SchoolDays = draw(st.one_of(week, st.sampled_from(KINDS)))
    return Hours.model_construct(
        days=days,
        from_=time(*divmod(start * 15, 60)),
        until=time(*divmod(end * 15, 60)),
    )


@st.composite
def rule(draw: st.DrawFn) -> Rule:
    part = IdentityPart.model_construct(
        enforced_by=("proxy",),
        roles=tuple(sorted(draw(st.sets(st.sampled_from(ROLES))))),
        mfa=draw(st.booleans() | st.sampled_from(("without-sms", "phishing-resistant"))),
        postures=tuple(sorted(draw(st.sets(st.sampled_from(POSTURES), max_size=2)))),
        devices=tuple(sorted(draw(st.sets(st.sampled_from(DEVICES), max_size=2)))),
        places=tuple(sorted(draw(st.sets(st.sampled_from(PLACES))))),
        hours=draw(st.none() | hours()),
    )
    effect = draw(st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.FORBID)))
    expires = draw(st.none() | st.dates(date(2026, 11, 20), date(2027, 4, 10)))
    return Rule.model_construct(
        origin=Origin("generated", 1),
        id=draw(st.text("abcdefgh", min_size=8, max_size=8)),
        effect=effect,
        purpose="generated",
        applications=APPLICATIONS,
        schools=draw(st.none() | scope()),
        exception=ExceptionTerms(owner="x", reason="x", expires=expires)
        if expires and effect is Effect.PERMIT
        else None,
        network=None,
        identity=part,
    )


@st.composite
def scope(draw: st.DrawFn) -> Scope:
    wards = draw(st.sets(st.sampled_from(("asao", "tama", "kawasaki")), max_size=2))
    kinds = draw(st.sets(st.sampled_from(("elementary", "high")), min_size=0 if wards else 1))
    return Scope.model_validate({"wards": sorted(wards), "kinds": sorted(kinds)})


CITY = load_city(Path(__file__).parents[2] / "policies", on=date(2026, 11, 1))


@settings(max_examples=10, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(rule(), min_size=1, max_size=4, unique_by=lambda one: one.id), st.integers(0, 1_000_000))
def test_the_compiled_conditions_are_the_reference_decision(rules: list[Rule], seed: int) -> None:
    generated = CITY.replace_file(RULES, RuleFile(rules=tuple(rules)))
    people = [*list_synthetic_principals(generated), *draw_synthetic_principals(generated, 60, seed)]
    try:
        proxy = IapEvaluator(generated)
    except PolicyError as error:
        assert "needs MFA" in str(error)  # noqa: PT017 whether it had to is asked next
        assert too_weak(generated, people)
        return
    except TsunaguError as error:
        # More than Google takes is refused, never cut down.
        assert "bindings, Google takes 20; join rules" in str(error)  # noqa: PT017
        return
    for person in people:
        levels = proxy.find_levels(build_request(generated, person))
        for moment in list_boundary_moments(generated, person.at.date()):
            for role in ROLES:
                one = change_role(person, role, moment)
                for name in APPLICATIONS:
                    expected = evaluate_identity(generated, name, one).permitted
                    assert proxy.lets_in(name, role, levels, moment) == expected, (name, one)


def too_weak(city: City, people: list[Person]) -> bool:
    """Whether somebody gets at class II with less than its minimum, as far as these people show it."""
    weak = [person for person in people if person.mfa < Strength.WITHOUT_SMS]
    weak += [replace(person, device=one.id) for person in weak for one in city.people.device_classes]
    weak += [
        replace(p, at=datetime.combine(day, time(12), city.timezone))
        for p in weak
        for day in list_distinct_days(city)[::3]
    ]
    return any(
        evaluate_identity(city, "affairs", change_role(person, role, moment)).permitted
        for person in weak
        for moment in list_boundary_moments(city, person.at.date())
        for role in ROLES
    )
