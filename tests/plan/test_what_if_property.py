"""Policies and edits that nobody wrote: what-if says exactly what the reference evaluator answers differently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import product
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.errors import Origin
from controller.model.access.rules import (
    INTERNET,
    Day,
    ExceptionTerms,
    Hours,
    IdentityPart,
    NetworkPart,
    Rule,
    RuleFile,
    SchoolDays,
)
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Effect, Family, Protocol
from controller.model.policy_files import RULES
from controller.model.reference_evaluator import Flow, Person, evaluate_identity, evaluate_network
from controller.model.sites.scope import Scope
from controller.plan.what_if.changes import UNREGISTERED
from controller.plan.what_if.compare import compare_policies
from tests.soak import FACTOR

CITY = load_city(Path(__file__).parents[2] / "policies", on=date(2026, 11, 1))
SCHOOLS = ("as-e04", "as-j01", "tm-e01", "sw-h01", "kw-s01", "kw-e01")
SCOPES = (
    {"wards": ["asao"]},
    {"kinds": ["high", "junior-high"]},
    {"ids": ["as-e04", "kw-e01"]},
    {"groups": ["drill-pilot"]},
)
SEGMENTS = ("staff", "pupil", "guest")
NETWORK_APPLICATIONS = ("affairs", "file-exchange", "drills", "printing", INTERNET)
PEOPLE_APPLICATIONS = ("affairs", "staff-ai")
LAST = date(2027, 1, 31)
DAYS = (
    # Mondays, other weekdays and Saturdays; lessons, exams, free days and days of no calendar; before and after LAST.
    *((2026, 11, 2), (2026, 11, 3), (2026, 11, 4), (2026, 11, 7), (2026, 11, 14), (2026, 11, 23), (2026, 12, 2)),
    *((2027, 2, 1), (2027, 2, 2), (2027, 2, 6), (2027, 2, 11), (2027, 2, 24), (2027, 3, 29)),
    *((2027, 4, 5), (2027, 4, 6), (2027, 4, 10)),
)
QUICK = settings(max_examples=12 * FACTOR, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))

scopes = st.none() | st.sampled_from(SCOPES).map(Scope.model_validate)


def some(values: tuple[str, ...], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(values), min_size=least).map(lambda chosen: tuple(sorted(chosen)))


@st.composite
def network_rule(draw: st.DrawFn, among: tuple[str, ...] = NETWORK_APPLICATIONS) -> Rule:
    applications = draw(some(among, 1))
    ports = [{}, {"services": ["tcp/443"]}, {"services": ["tcp/80", "tcp/443"]}]
    chosen = draw(st.sampled_from(ports[1:] if applications == (INTERNET,) else ports[:1]))
    if INTERNET in applications and len(applications) > 1:
        applications = tuple(name for name in applications if name != INTERNET)
    part = NetworkPart.model_validate({"from": list(draw(some(SEGMENTS, 1))), **chosen})
    return made(draw, applications, part, None)


@st.composite
def identity_rule(draw: st.DrawFn) -> Rule:
    week: tuple[tuple[Day, ...], ...] = (("mon",), ("mon", "sat"))
    kinds: tuple[SchoolDays, ...] = ("school-days", "exam-days", "free-days")
    days: tuple[Day, ...] | SchoolDays = draw(st.sampled_from(week) | st.sampled_from(kinds))
    hours = Hours.model_construct(days=days, from_=time(9), until=draw(st.sampled_from((time(12), time(17)))))
    part = IdentityPart.model_construct(
        enforced_by=("proxy",),
        roles=draw(some(("teacher", "pupil"))),
        mfa=draw(st.sampled_from((False, True, "phishing-resistant"))),
        postures=draw(some(("managed",))),
        devices=draw(some(("ipad",))),
        places=draw(some(("own-school", "home"))),
        hours=draw(st.none() | st.just(hours)),
    )
    return made(draw, draw(some(PEOPLE_APPLICATIONS, 1)), None, part)


def made(
    draw: st.DrawFn, applications: tuple[str, ...], network: NetworkPart | None, identity: IdentityPart | None
) -> Rule:
    effect = draw(st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.FORBID)))
    lapses = effect is Effect.PERMIT and identity is not None and draw(st.booleans())
    return Rule.model_construct(
        origin=Origin("generated", 1),
        id=draw(st.text("abcdefgh", min_size=8, max_size=8)),
        effect=effect,
        purpose="generated",
        applications=applications,
        schools=draw(scopes),
        exception=ExceptionTerms(owner="x", reason="x", expires=LAST) if lapses else None,
        network=network,
        identity=identity,
    )


Rules = tuple[Rule, ...]


@st.composite
def edits(draw: st.DrawFn, rule: st.SearchStrategy[Rule]) -> tuple[Rules, Rules]:
    """A policy and an edit of it: rules left out, added, in another order, or none of that."""
    rules = draw(st.lists(rule, min_size=1, max_size=4))
    kept = [one for one in rules if draw(st.integers(0, 3))]
    added = draw(st.lists(rule, max_size=1))
    return tuple(rules), (*added, *reversed(kept))


def points(city: City, school: str, family: Family, application: str) -> Iterator[tuple[int, int]]:
    """Addresses and ports of an application: both ends of its first and last stretch, and what lies beside them."""
    intervals = (
        city.addresses.destination_addresses(application, city.school_by_id[school]).in_family(family).get_intervals()
    )
    for low, high in {intervals[0], intervals[-1]}:
        yield from product((low, high), (80, 443, 631, 9100, 444))


@QUICK
@given(edits(network_rule()))
def test_network_answers(rules: tuple[Rules, Rules]) -> None:
    cities = (CITY.replace_file(RULES, RuleFile(rules=rules[0])), CITY.replace_file(RULES, RuleFile(rules=rules[1])))
    expected = set()
    for name, segment, family in product(SCHOOLS, SEGMENTS, Family):
        for application in NETWORK_APPLICATIONS:
            for address, port in points(CITY, name, family, application):
                flow = Flow(CITY.school_by_id[name], segment, family, Protocol.TCP, address, port)
                old, new = (evaluate_network(city, flow).permitted for city in cities)
                if old != new:
                    expected.add((name, segment, application, "opens" if new else "closes"))
    changes = compare_policies(*cities)
    said = {
        (school, one.segment, one.application, one.way)
        for one in changes.network
        for school in one.schools
        if school in SCHOOLS
    }
    assert said == expected
    assert changes.nothing == (not expected) or {s for one in changes.network for s in one.schools}.isdisjoint(SCHOOLS)
    back = compare_policies(cities[1], cities[0])
    assert sizes(changes.network) == [(w, s, a, n) for w, s, a, n in swapped(sizes(back.network))]


@QUICK
@given(edits(identity_rule()))
def test_identity_answers(rules: tuple[Rules, Rules]) -> None:
    cities = (CITY.replace_file(RULES, RuleFile(rules=rules[0])), CITY.replace_file(RULES, RuleFile(rules=rules[1])))
    registered = ("as-e04", "sw-h01", "board-office", "")
    expected = set()
    for person in people(registered):
        for application in PEOPLE_APPLICATIONS:
            old, new = (evaluate_identity(city, application, person).permitted for city in cities)
            if old != new:
                where = person.registered or UNREGISTERED
                expected.add((where, person.role, application, "opens" if new else "closes"))
    changes = compare_policies(*cities)
    said = {
        (where, one.role, one.application, one.way)
        for one in changes.identity
        for where in one.registered
        if where in (*registered, UNREGISTERED) and one.role in {"teacher", "pupil"}
    }
    assert said == expected
    back = compare_policies(cities[1], cities[0])
    assert {(one.registered, one.role, one.application) for one in changes.identity if one.way == "opens"} == {
        (one.registered, one.role, one.application) for one in back.identity if one.way == "closes"
    }


def people(registered: tuple[str, ...]) -> Iterator[Person]:
    """Of the device classes one that rules name, one that none names, and none known (rules that forbid count it)."""
    strengths = (Strength.NONE, Strength.ANY, Strength.WITHOUT_SMS, Strength.PHISHING_RESISTANT)
    postures = (frozenset[str](), frozenset({"managed"}))
    hours = (time(8, 59), time(9), time(12), time(17))
    rest = product(("own-school", "home", "abroad"), ("ipad", "chromebook", ""), registered, DAYS, hours)
    for role, factor, has, (place, device, where, day, hour) in product(
        ("teacher", "pupil"), (strengths[0], strengths[1], strengths[3]), postures, list(rest)
    ):
        at = datetime.combine(date(*day), hour, CITY.timezone)
        yield Person(role, factor, has, place, at, device, where)


def sizes(changes: object) -> list[tuple[str, str, str, int]]:
    assert isinstance(changes, tuple)
    return sorted((one.way, one.segment, one.application, len(one.schools)) for one in changes)


def swapped(found: list[tuple[str, str, str, int]]) -> list[tuple[str, str, str, int]]:
    other = {"opens": "closes", "closes": "opens"}
    return sorted((other[way], segment, application, number) for way, segment, application, number in found)
