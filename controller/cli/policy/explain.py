"""`tsunagu explain`: may these reach that, and why."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from controller.cli.conventions.json_documents import ExplainedDocument
from controller.cli.estates import load_estate_city
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Lang, On, Policies, choose_day, speak
from controller.cli.output import get_words, name_first, print_data, print_line, print_message, say_json
from controller.cli.policy.explain_data_flow import explain_flow
from controller.compile.identity.iap_sessions import ProxySession
from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.model.access.rules import INTERNET, Rule
from controller.model.access.second_factors import STRENGTHS, Strength
from controller.model.city import City
from controller.model.reference_evaluator import Person
from controller.model.sites.access_lines import PathPreference
from controller.plan.explain.access import (
    Explanation,
    IdentityExplanation,
    LinesExplanation,
    NetworkExplanation,
    Question,
    explain_access,
)
from controller.plan.select import Selection, find_named, select_schools

LONGEST_SHOWN = 300

From = Annotated[str | None, typer.Option("--from", help="SCHOOL/SEGMENT that asks, e.g. kw-e01/staff.")]
FlowOf = Annotated[str | None, typer.Option("--flow", help="Instead of --from: the system that sends data to --to.")]
Data = Annotated[
    str | None, typer.Option("--data", help="With --flow: the importance class of the data; all if left out.")
]
To = Annotated[str, typer.Option("--to", help="The application, the system, or: internet.")]
Role = Annotated[str | None, typer.Option("--role", help="Ask about a person of this role, too.")]
Mfa = Annotated[bool, typer.Option("--mfa/--no-mfa", help="The person has signed in with MFA.")]
Factor = Annotated[str, typer.Option("--factor", help=f"How good the second factor is: {', '.join(STRENGTHS)}.")]
DeviceClass = Annotated[str, typer.Option("--device", help="The class of the person's device; unknown if left out.")]
Registered = Annotated[
    str | None,
    typer.Option("--registered", help="Where the device is registered; at the school of --from if left out."),
]
Postures = Annotated[list[str] | None, typer.Option("--posture", help="The person's device is... (may be repeated).")]
PlaceName = Annotated[
    str | None,
    typer.Option("--place", help="Where the person is; own-school if left out, or home where no place is it."),
]
At = Annotated[str | None, typer.Option("--at", help="When, city time: 2026-11-24T10:00; now if left out.")]


def explain_command(  # noqa: PLR0913 the command's options
    *,
    application: To,
    source: From = None,
    flow: FlowOf = None,
    data: Data = None,
    policies: Policies = DEFAULT_POLICIES,
    role: Role = None,
    mfa: Mfa = True,
    factor: Factor = "phishing-resistant",
    device: DeviceClass = "",
    registered: Registered = None,
    postures: Postures = None,
    place: PlaceName = None,
    at: At = None,
    on: On = None,
    lab: Lab = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Say whether a segment of a school reaches an application, and whether a person may use it: two answers, apart."""
    speak(lang)
    if (source is None) == (flow is None):
        message = "name who asks: --from SCHOOL/SEGMENT, or --flow SYSTEM for data between systems"
        raise typer.BadParameter(message)
    city = load_estate_city(policies, lab=lab, on=choose_day(on))
    if flow is not None or source is None:
        ends = _name_applications(city) | {one.id: one.name for one in city.systems.values()}
        sender, receiver = (find_named("system or application", one, ends) for one in (str(flow), application))
        explain_flow(city, (sender, receiver), data, as_json=as_json)
        return
    school_name, slash, segment = source.partition("/")
    if not slash:
        message = f"--from {source!r}: write SCHOOL/SEGMENT, e.g. {_suggest_place(city, source)}"
        raise TsunaguError(message)
    school = select_schools(city, Selection((school_name,)))[0]
    segment = find_named("segment", segment, {one.id: one.name for one in city.segments.values()})
    application = find_named("application", application, _name_applications(city) | {INTERNET: ""})
    if role:
        role = find_named("role", role, {one.id: one.name for one in city.people.roles})
    strength = _strength(factor)
    said = Person(
        role=role or "",
        mfa=strength if mfa else Strength.NONE,
        postures=frozenset(postures or []),
        place=_assume_place(city) if place is None else _find_place(city, place),
        at=_moment(city, at),
        device=device,
        registered=school.id if registered is None else registered,
    )
    found = explain_access(city, Question(school, segment, application, _known(city, said) if role else None))
    if as_json:
        say_json(_document(found))
    else:
        _say(found, city)


def _name_applications(city: City) -> dict[str, str]:
    return {one.id: one.name for one in city.applications.values()}


def _suggest_place(city: City, source: str) -> str:
    """Return what was most likely meant: a school and a segment parted by another sign, or a school alone."""
    school = next((one.id for one in city.estate_schools if source.startswith(one.id)), city.estate_schools[0].id)
    segment = source.removeprefix(school).strip("-_.:, \\")
    return f"{school}/{segment if segment in city.segments else next(iter(city.segments))}"


def _known(city: City, person: Person) -> Person:
    """The person, if the policy has all the words that describe them."""
    people = city.people
    for noun, names, known in (
        ("role", [person.role], [one.id for one in people.roles]),
        ("posture", person.postures, [one.id for one in people.postures]),
        ("place", [person.place] if person.place else [], [one.meaning for one in people.places]),
        ("device class", [person.device] if person.device else [], [one.id for one in people.device_classes]),
    ):
        for name in names:
            if name not in known:
                near = suggest_names(name, known)
                message = f"there is no {noun} {name!r}; there are: {', '.join(known)}{near}"
                raise TsunaguError(message)
    if person.registered and person.registered not in city.registrations:
        message = f"no device can be registered at {person.registered!r}; name a school or an office, or '' for nowhere"
        raise TsunaguError(message)
    return person


def _assume_place(city: City) -> str:
    """Return where a person is of whom nothing else is said: at their own school, where anybody can tell that."""
    known = [one.meaning for one in city.people.places]
    return next((one for one in ("own-school", "home") if one in known), known[0] if known else "")


def _find_place(city: City, word: str) -> str:
    """Return the meaning of a place that the city has this word for.

    Raises:
        TsunaguError: the city has no such place.
    """
    found = city.people.find_place(word)
    if word and found is None:
        known = [one.id for one in city.people.places]
        message = f"there is no place {word!r}; there are: {', '.join(known)}{suggest_names(word, known)}"
        raise TsunaguError(message)
    return found.meaning if found else ""


def _strength(factor: str) -> Strength:
    found = next((strength for name, strength in STRENGTHS.items() if name == factor), None)
    if found is None:
        message = f"there is no second factor {factor!r}; there are: {', '.join(STRENGTHS)}"
        raise TsunaguError(message)
    return found


def _moment(city: City, at: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat(at) if at else datetime.now(city.timezone)
    except ValueError:
        message = f"--at {at!r}: write a time like 2026-11-24T10:00"
        raise TsunaguError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=city.timezone)


def _say(found: Explanation, city: City) -> None:
    words = get_words()
    asked = found.question
    place = f"{name_first(asked.school.id, asked.school.name)}/"
    place += name_first(asked.segment, city.segments[asked.segment].name)
    named = city.applications.get(asked.application)
    target = name_first(asked.application, "" if named is None else named.name)
    print_message("explain.title", "bold", source=place, target=target)
    if found.stage is not None:
        print_message("explain.stage", stage=words[f"explain.{found.stage}"])
    print_message("explain.network-part")
    for one in found.network:
        _say_network(one)
    _say_lines(found.lines)
    identity = found.identity
    enforcer = words.translate("explanations", identity.enforcer)
    print_message("explain.identity-part", enforcer=enforcer)
    if identity.answer is not None:
        verdict = _word(permitted=identity.answer.permitted)
        print_message("explain.verdict", verdict=verdict, rules=_rules(identity.answer.rules))
        _say_bindings(identity)
    elif identity.rules:
        print_message("explain.not-asked", rules=_rules(identity.rules))
    else:
        print_message("explain.no-people")
    if identity.session is not None:
        _say_session(identity.session)


def _say_lines(lines: LinesExplanation | None) -> None:
    if lines is None:
        return
    words = get_words()
    told = (words.say("explain.preference", way=_preference(way), origin=way.origin) for way in lines.preferences)
    ordered = words["explain.then"].join(told)
    print_message("explain.lines", lines=ordered)
    if lines.override is not None:
        own = lines.override
        print_message("explain.own-order", origin=own.origin, owner=own.owner, reason=own.reason)


def _preference(way: PathPreference) -> str:
    return get_words().translate("explanations", str(way))


def _say_session(session: ProxySession) -> None:
    words = get_words()
    who = "explain.session-of" if session.role else "explain.session-of-nobody"
    print_message(
        "explain.session",
        minutes=f"{session.seconds // 60:,}",
        method=words[f"explain.{session.method}"],
        why=words.say(who, role=session.role, rules=", ".join(session.rules)),
    )


def _say_bindings(identity: IdentityExplanation) -> None:
    words = get_words()
    if identity.note:
        print_line(f"    {words.translate('explanations', identity.note)}", "yellow")
    for one in identity.bindings:
        print_message(
            "explain.binding",
            number=one.number,
            role=one.role,
            rules=", ".join(one.rules),
            expression=one.expression or words["explain.always"],
        )
    for level in identity.levels:
        expression = _short(level.expression)
        print_message("explain.level", name=level.name, relies=level.relies_on, expression=expression)


def _short(expression: str) -> str:
    return expression if len(expression) <= LONGEST_SHOWN else f"{expression[:LONGEST_SHOWN]} ..."


def _say_network(one: NetworkExplanation) -> None:
    words = get_words()
    needed = "; ".join(words.say("explain.necessity", name=need.id, origin=need.origin) for need in one.necessities)
    print_message(
        "explain.answer",
        family=int(one.family),
        service=one.service,
        destination=one.destination,
        verdict=_word(permitted=one.permitted),
        by=needed or _rules(one.answer.rules),
    )
    for place in one.enforced:
        print_data(f"    {place.filter}, {place.line}: {place.entry}")
    if one.note:
        print_line(f"    {words.translate('explanations', one.note)}", "yellow")


def _word(*, permitted: bool) -> str:
    return get_words()["explain.permitted" if permitted else "explain.denied"]


def _rules(rules: tuple[Rule, ...]) -> str:
    words = get_words()
    said = (
        words.say("explain.rule", effect=words[f"explain.{rule.effect}"], name=rule.id, origin=rule.origin)
        for rule in rules
    )
    return "; ".join(said) or words["explain.no-rule"]


def _document(found: Explanation) -> ExplainedDocument:
    answer = found.identity.answer
    return {
        "from": f"{found.question.school.id}/{found.question.segment}",
        "to": found.question.application,
        "stage": None if found.stage is None else str(found.stage),
        "network": [
            {
                "family": int(one.family),
                "service": str(one.service),
                "destination": one.destination,
                "permitted": one.permitted,
                "necessities": [{"id": need.id, "origin": str(need.origin)} for need in one.necessities],
                "rules": [{"id": rule.id, "origin": str(rule.origin)} for rule in one.answer.rules],
                "enforced": [
                    {"device": at.device, "filter": at.filter, "line": at.line, "entry": at.entry}
                    for at in one.enforced
                ],
                "note": one.note,
            }
            for one in found.network
        ],
        "lines": _lines_document(found.lines),
        "identity": {
            "enforcer": found.identity.enforcer,
            "permitted": None if answer is None else answer.permitted,
            "rules": [
                {"id": r.id, "origin": str(r.origin)} for r in (answer.rules if answer else found.identity.rules)
            ],
            "bindings": [asdict(binding) for binding in found.identity.bindings],
            "access-levels": [asdict(level) for level in found.identity.levels],
            "session": None if found.identity.session is None else asdict(found.identity.session),
        },
    }


def _lines_document(lines: LinesExplanation | None) -> dict[str, object] | None:
    if lines is None:
        return None
    own = lines.override
    return {
        "ways": [{"line": way.line, "region": way.region, "origin": str(way.origin)} for way in lines.preferences],
        "override": None if own is None else {"owner": own.owner, "reason": own.reason, "origin": str(own.origin)},
    }
