"""Cut-overs whose day has passed, seats of pupils that become the staff's, and affairs data that is not for the staff.

A policy with a missed cut-over still loads: it was right when it was written, and what cannot wait (a quarantine, a
closed school) is made of it on any day. Only `tsunagu check`, and what plans a change of stage, refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.prove.identity.seats import find_seat_turns
from controller.prove.identity.segment_people import WRONG_AUDIENCE
from controller.prove.lint.finding import Finding, make_error, make_warning
from controller.prove.stage_variants import list_stage_variants

KIND = "integration"


def find_missed_cutovers(city: City) -> Iterator[Finding]:
    """Yield an error for each cut-over before the day that the city was loaded for, and each stage since a later one.

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
