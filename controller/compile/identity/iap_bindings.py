"""The identity part of the policy, for the cloud: applications, their frontends, access levels and bindings.

A binding gives a role (a group of people) one application under a condition. Conditions are made of access levels and
times that must hold; nothing is negated, so what the proxy does not know is never granted (see `people_cubes` and
`access_levels`).
Limits are those of Google's page "Quotas and limits" of IAM: 12 logic operators in a condition, 20 bindings of one role
and principal that differ in their condition. What needs more operators becomes several bindings: any of them grants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import product

from controller.compile.identity.access_levels import (
    NOT,
    PLACES,
    SECOND_FACTOR,
    AccessLevel,
    AccessLevelCatalogue,
    ProxyFacts,
    choose_place_levels,
    find_level_problems,
)
from controller.compile.identity.hours import write_time_conditions
from controller.compile.identity.iap_sessions import ProxySession, compile_session, find_session_problems
from controller.compile.identity.people_cubes import (
    EVER,
    UNKNOWN,
    CubeSpace,
    PeopleCube,
    Values,
    find_permitted_people,
)
from controller.errors import Origin, PolicyError, Problem
from controller.model.access.people import Role
from controller.model.access.rules import Application, Rule
from controller.model.access.second_factors import STRENGTHS, STRICT_CLASSES, Strength
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.sites.calendar import ONE_DAY

MOST_OPERATORS = 12
MOST_BINDINGS = 20
REFUSED = "The policies cannot be compiled for the cloud:"


@dataclass(frozen=True, slots=True)
class CloudApplication:
    """An application behind the load balancer. `frontend` names the addresses it lives on.

    `session` is None where the proxy asks nobody.
    """

    id: str
    name: str
    audience: str
    importance: str
    frontend: str
    session: ProxySession | None

    @property
    def iap(self) -> bool:
        """Whether the identity-aware proxy asks people who they are."""
        return self.session is not None


@dataclass(frozen=True, slots=True)
class IapBinding:
    """A role may use an application while the condition holds; an empty condition always does.

    `number` counts the bindings of one application and role from 1; `rules` are the policy's rules that made it.
    `members` are the principals of a workforce identity pool that have the role; without any it is the role's group.
    """

    application: str
    role: str
    number: int
    expression: str
    rules: tuple[str, ...]
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloudIntent:
    """All that the stacks deploy of the access policy, as it is on a day (`on`).

    `frontends`: applications by the addresses that they share. `roles`: those that are a group of the stack's own.
    """

    on: date
    applications: tuple[CloudApplication, ...]
    frontends: dict[str, tuple[str, ...]]
    roles: tuple[str, ...]
    access_levels: tuple[AccessLevel, ...]
    bindings: tuple[IapBinding, ...]


def compile_cloud_intent(city: City, facts: ProxyFacts) -> CloudIntent:
    """Compile the identity part for the cloud.

    >>> facts = ProxyFacts("1", "demo", "fingerprint", "0customer-tsunagu")
    >>> binding = compile_cloud_intent(city, facts).bindings[0]
    >>> binding.application, binding.role, binding.rules
    ('affairs', 'teacher', ('exam-marking',))

    Raises:
        PolicyError: something that the proxy could not enforce, or a class that needs more than its rules ask.
    """
    problems = find_cloud_problems(city)
    if problems:
        raise PolicyError(REFUSED, problems)
    chosen = _choose_applications(city)
    frontends = _group_by_frontend(city, chosen)
    frontend_of = {name: frontend for frontend, names in frontends.items() for name in names}
    compiler = _Compiler(city, facts)
    bindings = tuple(compiler.bindings(app for app in chosen if app.audience != "public"))
    return CloudIntent(
        on=city.policy_date,
        applications=tuple(
            CloudApplication(
                id=a.id,
                name=a.name,
                audience=a.audience,
                importance=a.importance,
                frontend=frontend_of[a.id],
                session=compile_session(city, a) if a.audience != "public" else None,
            )
            for a in chosen
        ),
        frontends=frontends,
        roles=tuple(role.id for role in city.people.roles if not role.principals),
        access_levels=compiler.access_levels(),
        bindings=bindings,
    )


def find_cloud_problems(city: City) -> list[Problem]:
    """Return what the proxy could not enforce, and each class that needs more than its rules ask.

    >>> find_cloud_problems(city)
    []
    """
    asked = (problem for app in _choose_applications(city) for problem in _problems(city, app))
    return [*_unknown_words(city), *asked]


def _choose_applications(city: City) -> list[Application]:
    return [app for app in city.applications.values() if app.hosting == "cloud-run" or app.proxy]


def _unknown_words(city: City) -> Iterator[Problem]:
    """Places and postures that rules ask for and that have no meaning at the proxy."""
    postures = {"managed", "encrypted", "screen-lock", "certificate"}
    for rule in city.rules:
        if rule.identity and "proxy" in rule.identity.enforced_by:
            for field, names, known in (
                ("places", rule.identity.places, set(PLACES)),
                ("postures", rule.identity.postures, postures),
            ):
                for name in names:
                    if name not in known:
                        message = (
                            f"{name!r} has no meaning at the proxy; known: {', '.join(sorted(known))} "
                            "(the id is the proxy's word, `name` is yours)"
                        )
                        yield Problem(rule.origin, f"identity.{field}", message)


def _problems(city: City, app: Application) -> Iterator[Problem]:
    if app.audience == "public":
        if app.importance in STRICT_CLASSES:
            message = f"class {app.importance} is never open to the public (guideline 6.1(7)); name another audience"
            yield Problem(app.origin, "audience", message)
        for rule in _identity_rules(city, app.id):
            message = f"{app.id!r} is public: no proxy asks people there, so this condition would not be enforced"
            yield Problem(rule.origin, "identity", message)
        return
    if not app.proxy:
        message = f"audience {app.audience!r} in the cloud needs the identity-aware proxy: add `proxy: true`"
        yield Problem(app.origin, "proxy", message)
    yield from find_session_problems(city, app)
    least = city.people.mfa.get_minimum(app.importance)
    if least.required:
        for role in city.people.roles:
            for cube in find_permitted_people(city, app.id, role.id)[1]:
                if _weakest(cube) < STRENGTHS[least.strength]:
                    message = (
                        f"class {app.importance} needs MFA (guideline 3.2(5)), but {', '.join(sorted(cube.rules))} let "
                        f"role {role.id!r} in with less than {least.strength}: add `mfa: true`"
                    )
                    yield Problem(app.origin, "importance", message)


def _weakest(cube: PeopleCube) -> Strength:
    return min(one for one in cube.factors if isinstance(one, Strength))


def _identity_rules(city: City, application: str) -> list[Rule]:
    return [rule for rule in city.rules if rule.identity and application in rule.applications]


def _group_by_frontend(city: City, applications: Iterable[Application]) -> dict[str, tuple[str, ...]]:
    """Applications that a switch need not tell apart share addresses; a frontend has the name of its first application.

    They do when audience, importance class and the network parts that speak of them are the same. Class, too, so that
    what a switch may one day open for class III never opens class II.
    """
    grouped: dict[object, list[str]] = {}
    for app in applications:
        flows = (frozenset(_network_flows(city, app.id, effect)) for effect in (Effect.PERMIT, Effect.FORBID))
        grouped.setdefault((app.audience, app.importance, *flows), []).append(app.id)
    return {names[0]: tuple(names) for names in grouped.values()}


def _network_flows(city: City, application: str, effect: Effect) -> Iterator[object]:
    for rule in city.rules:
        if rule.network and rule.effect is effect and application in rule.applications:
            there = city.scopes.list_places(rule)
            yield from product(rule.network.from_, city.get_permitted_services(rule, application), there)


class _Compiler:
    def __init__(self, city: City, facts: ProxyFacts) -> None:
        self._city, self._facts = city, facts
        self._catalogue = AccessLevelCatalogue(city, facts)
        # A posture of the policy is a level even while no rule asks for it: people can test with it first.
        self._used = {p.id for p in city.people.postures if p.id in self._catalogue.by_key and "proxy" in p.seen_by}

    def access_levels(self) -> tuple[AccessLevel, ...]:
        levels = self._catalogue.list_with_needs(self._used)
        problems = list(find_level_problems(self._city, levels))
        if problems:
            raise PolicyError(REFUSED, problems)
        return levels

    def bindings(self, applications: Iterable[Application]) -> Iterator[IapBinding]:
        for app in applications:
            for role in self._city.people.roles:
                space, cubes = find_permitted_people(self._city, app.id, role.id)
                yield from self._of_role(app, role, space, cubes)

    def _of_role(
        self, app: Application, role: Role, space: CubeSpace, cubes: Iterable[PeopleCube]
    ) -> Iterator[IapBinding]:
        terms = [(term, cube.rules) for cube in cubes for term in self._terms(space, cube)]
        for term, made_by in terms:
            if count_operators(term) > MOST_OPERATORS:
                message = (
                    f"asks role {role.id!r} at {app.id!r} more at once than the {MOST_OPERATORS} operators that an IAM "
                    f"condition can hold ({', '.join(sorted(made_by))}); ask less in one rule: {term}"
                )
                raise PolicyError(REFUSED, [Problem(_find_origin(self._city, made_by), "identity", message)])
        packed = list(_pack(terms))
        if len(packed) > MOST_BINDINGS:
            message = (
                f"role {role.id!r} needs {len(packed)} bindings here, and Google takes {MOST_BINDINGS} of one role and "
                "principal; join rules that differ in little"
            )
            raise PolicyError(REFUSED, [Problem(app.origin, "", message)])
        for number, (expression, rules) in enumerate(packed, start=1):
            yield IapBinding(app.id, role.id, number, expression, tuple(sorted(rules)), role.principals)

    def _terms(self, space: CubeSpace, cube: PeopleCube) -> Iterator[str]:
        """Conjunctions one of which holds exactly for the people of the cube; an empty one always holds."""
        every = space.everything
        asked = [
            [key if True in values else NOT + key]
            for key, values in zip(space.postures, cube.postures, strict=True)
            if len(values) == 1
        ]
        if cube.devices != every.devices:
            asked.append([f"device_{one}" for one in _known(cube.devices)])
        if cube.registered != every.registered:
            asked.append([self._catalogue.require_registration(frozenset(_known(cube.registered)))])
        if cube.kinds != every.kinds:
            asked.append([kind.replace("-", "_") for kind in _known(cube.kinds)])
        if cube.places != every.places:
            asked.append(list(choose_place_levels(frozenset(_known(cube.places)))))
        times = [self._before(cube.periods)] if cube.periods != every.periods else []
        slots = [slot for slot in cube.slots if isinstance(slot, tuple)]
        for factors in _runs(cube.factors):
            for window in write_time_conditions(slots, self._city.settings.timezone):
                yield self._term([*([key] for key in factors), *asked], [*times, *([window] if window else [])])

    def _term(self, asked: list[list[str]], times: list[str]) -> str:
        """One of each of these levels, and these times. More than a condition holds is asked by one level for all."""
        term = " && ".join([*(_either(map(self._level, keys)) for keys in asked), *times])
        if count_operators(term) > MOST_OPERATORS:
            term = " && ".join([self._level(self._catalogue.require_all(asked)), *times])
        return term

    def _before(self, periods: Values) -> str:
        """Until the end of the last of these periods; an exception expires, so there is never a hole before it."""
        last = max(end for end in periods if isinstance(end, date))
        assert last != EVER  # noqa: S101 only what expires is less than everything
        end = datetime.combine(last + ONE_DAY, time.min, self._city.timezone).astimezone(UTC)
        return f'request.time < timestamp("{end:%Y-%m-%dT%H:%M:%SZ}")'

    def _level(self, key: str) -> str:
        self._used.add(key)
        return f'"{self._facts.full_name(key)}" in request.auth.access_levels'


def _known(values: Values) -> list[str]:
    """The values in order; what only a forbid leaves out is never asked for by its absence."""
    assert UNKNOWN not in values  # noqa: S101 a set that holds the unknown is everything
    return sorted(map(str, values))


def _either(levels: Iterable[str]) -> str:
    asked = list(levels)
    return asked[0] if len(asked) == 1 else f"({' || '.join(asked)})"


def _runs(factors: Values) -> Iterator[list[str]]:
    """The levels of each run of strengths: at least its weakest, and less than what follows its strongest."""
    for first in Strength:
        if first in factors and first - 1 not in factors:
            end = next((one for one in Strength if one > first and one not in factors), None)
            yield [
                *([SECOND_FACTOR[first]] if first is not Strength.NONE else []),
                *([NOT + SECOND_FACTOR[end]] if end is not None else []),
            ]


def _find_origin(city: City, rules: frozenset[str]) -> Origin:
    return next(rule.origin for rule in city.rules if rule.id in rules)


def _pack(terms: Iterable[tuple[str, frozenset[str]]]) -> Iterator[tuple[str, frozenset[str]]]:
    """Terms joined by "or", as many as a condition may hold."""
    joined, rules = "", frozenset[str]()
    started = False
    for term, made_by in terms:
        if not term:
            # Whoever is in the group may, whatever else the rules say.
            yield "", made_by
            return
        wrapped = f"({term})" if count_operators(term) else term
        more = f"{joined} || {wrapped}" if started else wrapped
        if started and count_operators(more) > MOST_OPERATORS:
            yield _bare(joined), rules
            more, rules = wrapped, frozenset()
        joined, rules, started = more, rules | made_by, True
    if started:
        yield _bare(joined), rules


def count_operators(expression: str) -> int:
    """The logic operators of an expression as Google counts them.

    >>> count_operators("a && (b || c)")
    2
    """
    return expression.count("&&") + expression.count("||")


def _bare(expression: str) -> str:
    """Without brackets round the whole."""
    if not (expression.startswith("(") and expression.endswith(")")):
        return expression
    depth = 0
    for position, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0 and position < len(expression) - 1:
            return expression
    return expression[1:-1]
