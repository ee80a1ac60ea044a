"""Policies that nobody wrote: whatever the rules, the compiled conditions decide as the reference does."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import Origin, PolicyError
from controller.model.access import DAYS, Hours, IdentityPart, Rule
from controller.model.city import City
from controller.model.flow import Effect
from controller.model.load import load_city
from controller.model.reference import identity_answer
from tests.compile.cloud_people import Proxy, at, everybody, moments, request

ROLES = ("teacher", "pupil", "maintenance-vendor")
PLACES = ("own-school", "other-school", "home", "abroad")
POSTURES = ("managed", "encrypted", "certificate", "screen-lock")
APPLICATIONS = ("affairs", "staff-ai")


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    start, end = draw(st.tuples(st.integers(0, 95), st.integers(0, 95)).filter(lambda pair: pair[0] < pair[1]))
    days = draw(st.sets(st.sampled_from(DAYS), min_size=1))
    return Hours.model_construct(
        days=tuple(sorted(days)),
        from_=time(*divmod(start * 15, 60)),
        until=time(*divmod(end * 15, 60)),
    )


@st.composite
def rule(draw: st.DrawFn) -> Rule:
    part = IdentityPart.model_construct(
        enforced_by=("proxy",),
        roles=tuple(sorted(draw(st.sets(st.sampled_from(ROLES))))),
        mfa=draw(st.booleans()),
        postures=tuple(sorted(draw(st.sets(st.sampled_from(POSTURES), max_size=3)))),
        places=tuple(sorted(draw(st.sets(st.sampled_from(PLACES))))),
        hours=draw(st.none() | hours()),
    )
    return Rule.model_construct(
        origin=Origin("generated", 1),
        id=draw(st.text("abcdefgh", min_size=8, max_size=8)),
        effect=draw(st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.FORBID))),
        purpose="generated",
        applications=APPLICATIONS,
        network=None,
        identity=part,
    )


CITY = load_city(Path(__file__).parents[2] / "policies")


@settings(max_examples=25, deadline=None)
@given(st.lists(rule(), min_size=1, max_size=4, unique_by=lambda one: one.id), st.integers(0, 6))
def test_the_compiled_conditions_are_the_reference_decision(rules: list[Rule], weekday: int) -> None:
    generated = replace(CITY, rules=tuple(rules))
    times = [moment for moment in moments(generated) if moment.weekday() == weekday]
    try:
        proxy = Proxy(generated)
    except PolicyError as error:
        assert "needs MFA" in str(error)  # noqa: PT017 whether it had to is asked next
        assert someone_without_mfa(generated)
        return
    for person in everybody(generated):
        levels = proxy.levels(request(generated, person))
        for moment in times:
            for role in ROLES:
                one = at(person, role, moment)
                for name in APPLICATIONS:
                    expected = identity_answer(generated, name, one).permitted
                    assert proxy.lets_in(name, role, levels, moment) == expected, (name, one)


def someone_without_mfa(city: City) -> bool:
    people = [person for person in everybody(city) if not person.mfa]
    return any(
        identity_answer(city, "affairs", at(person, role.id, moment)).permitted
        for moment in moments(city)
        for person in people
        for role in city.people.roles
    )
