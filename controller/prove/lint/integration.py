"""Cut-overs whose day has passed, and applications that the staff reaches from nowhere after a change of stage.

And seats of pupils that become the staff's, and affairs data that is said to be for others than the staff.

A policy with a cut-over that was missed still loads: it was right when it was written, and what cannot wait (a
quarantine, a closed school) is made of it on any day. Only `tsunagu check`, and plans of a change of stage, refuse it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from controller.model.access.rules import CONTROLLER
from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.policy_files import INTEGRATION
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES
from controller.prove.identity.seats import find_seat_turns
from controller.prove.identity.segment_people import WRONG_AUDIENCE
from controller.prove.lint.finding import Finding, make_error, make_warning, name_schools
from controller.prove.reachability.reaching_segments import find_ways
from controller.prove.stage_variants import list_stage_variants

KIND, LAST_WAY = "integration", "last way"


def find_missed_cutovers(city: City) -> Iterator[Finding]:
    """Yield an error for each cut-over before the day that the city was loaded for, and each stage since a later one.

    And a warning for each change that was written for a day that is past, and that nobody has confirmed.

    >>> list(find_missed_cutovers(city))
    []
    """
    file = city.files.find(INTEGRATION)
    for one in file.integrations if file else ():
        if one.since is not None and one.since > city.policy_date and one.came_from is None:
            noun, name = one.subject
            message = (
                f"{noun} {name} is said to be {one.stage} since {one.since}, a day to come; write what it is today, "
                "with 'next', and let tsunagu integrate plan change it"
            )
            yield make_error(KIND, one.origin, message)
        if one.is_unconfirmed(city.policy_date) and one.since is not None and one.since < city.policy_date:
            noun, name = one.subject
            message = (
                f"{noun} {name} was to be {one.stage} on {one.since}, and nobody has confirmed it; look at its "
                f"devices: tsunagu integrate confirm {noun}:{name} --write"
            )
            yield make_warning(KIND, one.origin, message)
        if one.next is not None and one.next.cutover < city.policy_date:
            noun, name = one.subject
            message = (
                f"the cut-over of {noun} {name} to {one.next.stage} was to be on {one.next.cutover}, which has passed; "
                "name another day, or take 'next' out"
            )
            yield make_error(KIND, one.origin, message)


def find_turned_seats(city: City) -> Iterator[Finding]:
    """Yield a warning for each seat of pupils or visitors that is the staff's in the stage before or after.

    >>> list(find_turned_seats(city))
    []
    """
    if not city.integrations.named:
        return
    for one in find_seat_turns(city, list_stage_variants(city)):
        yield make_warning(KIND, one.origin, f"{one}; who sits there stays there: give the staff other seats")


def find_wrong_audiences(city: City) -> Iterator[Finding]:
    """Yield an error for each application of class I or II that is said to be for others than the staff.

    >>> list(find_wrong_audiences(city))
    []
    """
    for one in city.applications.values():
        if one.importance in STRICT_CLASSES and one.audience != "staff":
            message = f"{one.id} (class {one.importance}) is for {one.audience}: {WRONG_AUDIENCE}"
            yield make_error("audience", one.origin, message)


@dataclass(frozen=True, slots=True)
class LostApplication:
    """An application of the staff that no segment reaches any more, and at which schools one did."""

    application: str
    schools: tuple[str, ...]


def find_lost_last_ways(city: City) -> Iterator[Finding]:
    """Yield a warning for each application that people at a school reach in one stage, and in the next from nowhere.

    Only the way forward is judged: a school that goes back has again what it had.

    >>> list(find_lost_last_ways(city))
    []
    """
    variants = list_stage_variants(city)
    if None in variants:
        return
    for before, after in pairwise(STAGES):
        for lost in list_lost_applications((variants[before], variants[after]), city.schools):
            known = city.applications[lost.application]
            message = (
                f"{known.id} (class {known.importance}) loses its last network way of the staff at "
                f"{name_schools(lost.schools)} when they go on to {after}; open it to a segment that is there then, or "
                "write what takes its place, and is reached then: taken-over-by"
            )
            yield make_warning(LAST_WAY, known.origin, message)


def list_lost_applications(cities: tuple[City, City], schools: Iterable[School]) -> tuple[LostApplication, ...]:
    """List what some schools reach from a segment in the first city, and from none in the second.

    What is taken over by another application is not lost where that one is reached.

    >>> list_lost_applications((city, city), city.schools)
    ()
    """
    scopes = [{one.id: at for at, alike in enumerate(city.schools_of_equal_scope) for one in alike} for city in cities]
    judged: dict[object, list[str]] = {}
    found: dict[str, list[str]] = {}
    for school in schools:
        alike = tuple(
            (scope[school.id], c.cut_offs.describe(school.id)) for scope, c in zip(scopes, cities, strict=True)
        )
        if alike not in judged:
            judged[alike] = _list_lost(cities, school)
        for name in judged[alike]:
            found.setdefault(name, []).append(school.id)
    return tuple(LostApplication(name, tuple(own)) for name, own in found.items())


def _list_lost(cities: tuple[City, City], school: School) -> list[str]:
    before, after = cities
    reached = _list_reached(before, before.school_by_id[school.id])
    kept = _list_reached(after, after.school_by_id[school.id])
    return [one for one in reached if one not in kept and after.applications[one].taken_over_by not in kept]


def _list_reached(city: City, school: School) -> dict[str, None]:
    """The applications of the staff that people reach from a segment of a school, by what is open after all."""
    permitted = {
        name: None
        for rule in city.rules
        if rule.effect is Effect.PERMIT and {*city.list_askers(rule, school)} - {CONTROLLER}
        for name in rule.applications
    }
    staffed = [city.applications[name] for name in permitted if name in city.applications]
    return {one.id: None for one in staffed if one.audience == "staff" and find_ways(city, school, one)}
