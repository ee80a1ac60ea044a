"""Places by their meaning: the city's own words for them end where its policy is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.errors import Problem
from controller.model.access.admission import Admission
from controller.model.access.people import PeopleFile, Place, PlaceMeaning
from controller.model.access.rules import Rule
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.policy_files import ADMISSION, PEOPLE, RULES, PolicyValues

_MEANINGS = frozenset(map(str, PlaceMeaning))


def find_place_problems(policy: ReadPolicy) -> Iterator[Problem]:
    """Places that nobody could tell, and two words for one place."""
    people, asked = policy.find(PEOPLE), set(_list_asked(policy))
    given: dict[str, Place] = {}
    for place in people.places if people else ():
        # One that nobody asks for is told as unused.
        if place.meaning not in _MEANINGS:
            if place.id not in asked:
                continue
            known = ", ".join(map(str, PlaceMeaning))
            message = f"nothing says how the place {place.id!r} is told; write `means:` with one of {known}"
            yield Problem(place.origin, "means", message)
            continue
        other = given.setdefault(place.meaning, place)
        if other is not place:
            message = f"{place.meaning} has the word {other.id!r} already ({other.origin}); a place has one word"
            yield Problem(place.origin, "means", message)
    for place in people.places if people else ():
        meant = given.get(place.id)
        if meant is not None and meant.id != place.id:
            message = f"{place.id!r} is the meaning of {meant.id!r} ({meant.origin}); give the place another word"
            yield Problem(place.origin, "id", message)


def _list_asked(policy: ReadPolicy) -> Iterator[str]:
    rules, admissions = policy.find(RULES), policy.find(ADMISSION)
    for rule in rules.rules if rules else ():
        yield from rule.identity.places if rule.identity else ()
    for one in admissions.admissions if admissions else ():
        yield from one.places


def find_meanings(people: PeopleFile | None) -> dict[str, str]:
    """Return the meaning of each of the city's words for places."""
    return {place.id: place.meaning for place in people.places} if people else {}


def name_places_by_meaning(values: PolicyValues) -> PolicyValues:
    """Return a policy that was read without problems, whose rules and admissions name places by their meaning."""
    meanings = {word: meaning for word, meaning in find_meanings(values.find(PEOPLE)).items() if word != meaning}
    if not meanings:
        return values
    for file in values.get_all(RULES):
        rules = tuple(_name_in_rule(one, meanings) for one in file.rules)
        values = values.replace_file(RULES, file.model_copy(update={"rules": rules}))
    for admissions in values.get_all(ADMISSION):
        named = tuple(_name_in_admission(one, meanings) for one in admissions.admissions)
        values = values.replace_file(ADMISSION, admissions.model_copy(update={"admissions": named}))
    return values


def _name_in_rule(rule: Rule, meanings: Mapping[str, str]) -> Rule:
    if rule.identity is None or not rule.identity.places:
        return rule
    places = tuple(meanings.get(one, one) for one in rule.identity.places)
    return rule.model_copy(update={"identity": rule.identity.model_copy(update={"places": places})})


def _name_in_admission(admission: Admission, meanings: Mapping[str, str]) -> Admission:
    return admission.model_copy(update={"places": tuple(meanings.get(one, one) for one in admission.places)})
