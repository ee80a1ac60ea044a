"""The proof of the cloud: the compiled bindings and access levels let in exactly whom the policy lets in.

CEL's own implementation evaluates what would be deployed, over synthetic principals on both sides of everything that
some condition tells apart (`synthetic_principals`, `boundary_cases`), and the reference evaluator says what the policy
says. An attribute that is unknown must never let anybody in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice

from controller.compile.identity.iap_bindings import CloudIntent, IapBinding, compile_cloud_intent
from controller.model.access.rules import Application
from controller.model.city import City
from controller.model.reference_evaluator import Person, evaluate_identity
from controller.prove.check import Check
from controller.prove.engine.cel import IamCondition, LevelEvaluator, RequestAttributes
from controller.prove.identity.boundary_cases import PrincipalCase, list_boundary_cases
from controller.prove.identity.synthetic_principals import (
    FACTS,
    build_request,
    change_role,
    list_boundary_moments,
    list_synthetic_principals,
)

CHECK_NAME = "proxy conditions (CEL)"
MOST_SHOWN = 8
_LEVEL = re.compile(r"accessLevels/(\w+)\"")


class IapEvaluator:
    """The compiled intent, evaluated as the proxy would."""

    def __init__(self, city: City, intent: CloudIntent | None = None) -> None:
        self.city = city
        self.intent = compile_cloud_intent(city, FACTS) if intent is None else intent
        self._levels = LevelEvaluator({level.name: level.expression for level in self.intent.access_levels})
        self._conditions: dict[tuple[str, str], list[IamCondition]] = {}
        compiled = {b.expression: IamCondition(b.expression) for b in self.intent.bindings}
        for binding in self.intent.bindings:
            for member in list_members(binding):
                mine = self._conditions.setdefault((binding.application, member), [])
                mine.append(compiled[binding.expression])
        self.members = {role.id: role.principals or (_name_group(role.id),) for role in city.people.roles}

    def find_levels(self, attributes: RequestAttributes) -> frozenset[str]:
        """Full names of the granted levels."""
        return _full(self._levels.find_granted(attributes))

    def find_levels_at(
        self, attributes: RequestAttributes, moments: Iterable[datetime]
    ) -> Iterator[tuple[datetime, frozenset[str]]]:
        """Full names of the levels that one request is granted at each of some times."""
        before: frozenset[str] | None = None
        for moment in moments:
            before = self._levels.find_granted({**attributes, "request.time": moment}, before)
            yield moment, _full(before)

    def lets_in(self, application: str, role: str, levels: frozenset[str], at: datetime) -> bool:
        """Tell whether some binding grants the application to everybody who has the role."""
        return self.decide(application, role, levels, at) == {True}

    def decide(self, application: str, role: str, levels: frozenset[str], at: datetime) -> set[bool]:
        """Return the answers that people of a role get: one, or both where its principals are bound differently."""
        return {
            any(condition.holds(levels, at) for condition in self._conditions.get((application, member), ()))
            for member in self.members[role]
        }


def list_members(binding: IapBinding) -> tuple[str, ...]:
    """Return whom a binding names: principals of a workforce identity pool, or the group of its role.

    >>> list_members(IapBinding("affairs", "teacher", 1, "", ()))
    ('the group of teacher',)
    """
    return binding.members or (_name_group(binding.role),)


def _name_group(role: str) -> str:
    return f"the group of {role}"


@cache
def _full(names: frozenset[str]) -> frozenset[str]:
    prefix = f"accessPolicies/{FACTS.access_policy}/accessLevels/"
    return frozenset(prefix + name for name in names)


def prove_iap_bindings(city: City, intent: CloudIntent | None = None, part: int = 0, parts: int = 1) -> Check:
    """Prove that the conditions (those that the policy compiles to, or given ones) decide as the reference does.

    `part` of `parts` takes every so-many-th of the people; all parts together take everybody.

    >>> prove_iap_bindings(city, part=0, parts=500).holds
    True

    Raises:
        CelRefused: an expression is none that Google's proxy would take.
    """
    proxy = IapEvaluator(city, intent)
    guarded = [app for app in city.applications.values() if app.proxy]
    coming = islice(list_principal_cases(city), part, None, parts)
    asked = 0

    def counted() -> Iterator[PrincipalCase]:
        nonlocal asked
        for one in coming:
            asked += len(guarded) * len(one.moments) * len(one.roles)
            yield one

    found = [*_find_unknown_members(proxy), *_mistakes(proxy, counted())]
    evidence = (
        f"{len(proxy.intent.bindings)} bindings, {len(proxy.intent.access_levels)} access levels, {asked} decisions",
    )
    return Check(CHECK_NAME, asked, tuple(_shortened(found)), evidence)


def list_principal_cases(city: City) -> Iterator[PrincipalCase]:
    """Everybody that the conditions are asked about.

    >>> case = next(list_principal_cases(city))
    >>> case.person.mfa, case.roles[0]
    (<Strength.NONE: 0>, 'teacher')
    """
    roles = tuple(role.id for role in city.people.roles)
    for person in list_synthetic_principals(city):
        yield PrincipalCase(
            person, build_request(city, person), tuple(list_boundary_moments(city, person.at.date())), roles
        )
    yield from list_boundary_cases(city)


@dataclass(frozen=True, slots=True)
class _Mistake:
    """A wrong decision in words. Of people who are `alike` (role, place, application) the first says enough."""

    alike: tuple[str, str, str]
    words: str


def _find_unknown_members(proxy: IapEvaluator) -> Iterator[_Mistake]:
    """Yield each member of a binding that has no role of the policy: nobody decided that they may come in."""
    known = {member for members in proxy.members.values() for member in members}
    for binding in proxy.intent.bindings:
        for member in list_members(binding):
            if member not in known:
                name = f"{binding.application}-{binding.role}-{binding.number}"
                words = f"{member} is let in at {binding.application} by {name}, but no role of the policy names it"
                yield _Mistake((member, "", binding.application), words)


def find_wrong_decisions(proxy: IapEvaluator, people: Iterable[PrincipalCase]) -> Iterator[str]:
    """Each decision about these people that the reference takes otherwise.

    >>> people = islice(list_principal_cases(city), 3)
    >>> list(find_wrong_decisions(IapEvaluator(city), people))
    []
    """
    return (one.words for one in _mistakes(proxy, people))


def _mistakes(proxy: IapEvaluator, people: Iterable[PrincipalCase]) -> Iterator[_Mistake]:
    guarded = [app for app in proxy.city.applications.values() if app.proxy]
    for person, levels in _coming(proxy, people):
        yield from (lack for app in guarded if (lack := _wrong(proxy, app, person, levels)))


def _coming(proxy: IapEvaluator, people: Iterable[PrincipalCase]) -> Iterator[tuple[Person, frozenset[str]]]:
    """People in each of their roles at each of their times, with the levels that they are granted."""
    for one in people:
        for moment, levels in proxy.find_levels_at(one.attributes, one.moments):
            for role in one.roles:
                yield change_role(one.person, role, moment), levels


def _wrong(proxy: IapEvaluator, app: Application, person: Person, levels: frozenset[str]) -> _Mistake | None:
    answer = evaluate_identity(proxy.city, app.id, person)
    if proxy.decide(app.id, person.role, levels, person.at) == {answer.permitted}:
        return None
    deed = "is refused" if answer.permitted else "is let in"
    rules = ", ".join(f"{rule.id} ({rule.origin})" for rule in answer.rules) or "no rule names them (default deny)"
    mine = set(proxy.members[person.role])
    bindings = [one for one in proxy.intent.bindings if one.application == app.id and mine & {*list_members(one)}]
    made = ", ".join(_asking(one, levels) for one in bindings) or "no binding"
    says = "permit" if answer.permitted else "deny"
    words = f"{describe_person(person)} {deed} at {app.id} by {made}, but the policy: {says} by {rules}"
    return _Mistake((person.role, person.place, app.id), words)


def _asking(binding: IapBinding, granted: frozenset[str]) -> str:
    """A binding by its name, with the access levels that it asks: a wrong answer comes from one of these."""
    asked = dict.fromkeys(_LEVEL.findall(binding.expression))
    said = [f"{one} {'granted' if _full(frozenset([one])) <= granted else 'not granted'}" for one in asked]
    name = f"{binding.application}-{binding.role}-{binding.number}"
    return f"{name} (access levels {', '.join(said)})" if said else name


def describe_person(person: Person) -> str:
    r"""A person in words.

    >>> print(describe_person(next(list_principal_cases(city)).person).replace(" (", "\n("))
    a teacher at own-school on Mon 2026-11-23 12:00:00
    (unknown device, no posture, registered at as-e02; second factor none)
    """
    device = f"{person.device or 'unknown device'}, {', '.join(sorted(person.postures)) or 'no posture'}"
    registered = f", registered at {person.registered}" if person.registered else ""
    when = f"{person.at:%a %Y-%m-%d %H:%M:%S}"
    return f"a {person.role} at {person.place} on {when} ({device}{registered}; second factor {person.mfa})"


def _shortened(found: Sequence[_Mistake]) -> Iterator[str]:
    """One of each kind first: a hundred times of day of one pupil say no more than one."""
    first: dict[tuple[str, str, str], _Mistake] = {}
    for one in found:
        first.setdefault(one.alike, one)
    shown = list(first.values())[:MOST_SHOWN]
    yield from (one.words for one in shown)
    if len(found) > len(shown):
        yield f"... and {len(found) - len(shown)} more decisions, in all about people of {len(first)} kinds"
