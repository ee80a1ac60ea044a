"""The proof of sessions at the proxy: they end when the policy says, and nobody is asked for what they may lack.

What is compiled is held against the rules as sets of people (`people_sets`), which shares nothing with the compiler's
cubes; whoever is named as an example was confirmed by the reference evaluator before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from controller.compile.identity.iap_bindings import CloudIntent
from controller.compile.identity.iap_sessions import REAUTHENTICATION, ProxySession
from controller.errors import ProofFailed
from controller.model.access.rules import Application, Rule
from controller.model.access.second_factors import STRENGTHS, Strength
from controller.model.access.sessions import SignInMethod, choose_session_length, find_strictest_method
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.reference_evaluator import Person, evaluate_identity
from controller.prove.check import Check
from controller.prove.engine.diagram import Node
from controller.prove.identity.iap_bindings import describe_person
from controller.prove.identity.people_sets import PeopleSets

CHECK_NAME = "proxy sessions"


@dataclass(frozen=True, slots=True)
class AskedSession:
    """What the policy says of sessions at an application: how long, and how somebody is asked again.

    `method` is the strictest that everybody can fulfil who is let in, of whom `example` can fulfil no stricter one
    (None: nobody is let in). `loosest` differs where a rule needs less on days that no longer come.
    """

    length: timedelta
    method: SignInMethod
    loosest: SignInMethod
    example: Person | None


def find_asked_sessions(city: City) -> Mapping[str, AskedSession]:
    """Return the session of each application at which the proxy asks people who they are, by the rules alone.

    >>> str(find_asked_sessions(city)["affairs"].method)
    'second-factor'

    Raises:
        ProofFailed: the reference evaluator does not let an example in; that is a defect of this program.
    """
    people = PeopleSets(city)
    rules = [rule for rule in city.rules if rule.identity and "proxy" in rule.identity.enforced_by]
    let_in = people.select_permitted(city, rules)
    guarded = (app for app in city.applications.values() if app.proxy and app.audience != "public")
    return {app.id: _find_asked(people, let_in, rules, app) for app in guarded}


def _find_asked(people: PeopleSets, let_in: Node, rules: list[Rule], app: Application) -> AskedSession:
    (city,) = people.cities
    length = choose_session_length(app.session, city.people.sessions.get_longest(app.importance))
    example = _find_weakest(people, let_in, app)
    if example is None:
        least = city.people.mfa.get_minimum(app.importance)
        strength = STRENGTHS[least.strength] if least.required else Strength.NONE
    elif not evaluate_identity(city, app.id, example).permitted:
        message = f"{describe_person(example)} is let in at {app.id} by sets of people, but not by the reference"
        raise ProofFailed(message)
    else:
        strength = Strength.NONE if example.role in _list_elsewhere(city) else example.mfa
    asked = (rule for rule in rules if rule.effect is Effect.PERMIT and app.id in rule.applications)
    over = (rule for rule in asked if people.space.is_empty(people.select_rule_at(city, rule, app.id)))
    least_of_all = min((_find_least(city, rule, app) for rule in over), default=strength)
    loosest = find_strictest_method(min(strength, least_of_all))
    return AskedSession(length, find_strictest_method(strength), loosest, example)


def _find_weakest(people: PeopleSets, let_in: Node, app: Application) -> Person | None:
    """Somebody who can fulfil least of those who are let in: from another directory, else by the weakest factor."""
    number = people.applications.index(app.id)
    elsewhere = [people.roles.index(role) for role in sorted(_list_elsewhere(people.cities[0]))]
    wanted = [people.select_where(application=[number], role=elsewhere)] if elsewhere else []
    wanted += [people.select_where(application=[number], factor=[strength]) for strength in Strength]
    found = (people.space.intersection(let_in, one) for one in wanted)
    return next((people.find_example(one)[1] for one in found if not people.space.is_empty(one)), None)


def _find_least(city: City, rule: Rule, app: Application) -> Strength:
    assert rule.identity is not None  # noqa: S101 the caller looked
    named = set(rule.identity.roles) or {role.id for role in city.people.roles}
    return Strength.NONE if named & _list_elsewhere(city) else city.get_second_factor(rule.identity, app.id)


def _list_elsewhere(city: City) -> frozenset[str]:
    """The roles whose people sign in at another directory than Google's: it knows no second factor of theirs."""
    return frozenset(role.id for role in city.people.roles if role.principals)


def prove_iap_sessions(city: City, intent: CloudIntent) -> Check:
    """Prove that each application's compiled session is the policy's.

    >>> from controller.compile.identity.iap_bindings import compile_cloud_intent
    >>> from controller.prove.identity.synthetic_principals import FACTS
    >>> prove_iap_sessions(city, compile_cloud_intent(city, FACTS)).holds
    True

    Raises:
        ProofFailed: see `find_asked_sessions`.
    """
    asked = find_asked_sessions(city)
    compiled = {app.id: app.session for app in intent.applications if app.session is not None}
    strangers = [name for name in compiled if name not in asked]
    lacks = [
        *(f"{name}: the proxy asks people there, and no application of the policy says so" for name in strangers),
        *(
            lack
            for name, one in asked.items()
            for lack in _find_lacks(city.applications[name], one, compiled.get(name))
        ),
    ]
    evidence = tuple(f"{name}: {_say(one.length)}, then {one.method}" for name, one in asked.items())
    return Check(CHECK_NAME, len(asked), tuple(lacks), evidence)


def _find_lacks(app: Application, asked: AskedSession, compiled: ProxySession | None) -> Iterator[str]:
    where = f"{app.id} ({app.origin})"
    if compiled is None:
        yield f"{where}: nothing ends a session there; the policy says {_say(asked.length)}"
        return
    length = timedelta(seconds=compiled.seconds)
    if length != asked.length:
        yield f"{where}: a session lasts {_say(length)}; the policy says {_say(asked.length)}"
    method = {word: method for method, word in REAUTHENTICATION.items()}.get(compiled.method)
    if method is None or not asked.loosest <= method <= asked.method:
        why = "because nobody is let in" if asked.example is None else f"as it lets in {describe_person(asked.example)}"
        yield f"{where}: whose session ends is asked for {compiled.method}; the policy says {asked.method}, {why}"


def _say(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g} h"
