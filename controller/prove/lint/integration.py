"""Cut-overs whose day has passed.

Such a policy still loads: it was right when it was written, and what cannot wait (a quarantine, a closed school) is
made of it on any day. Only `tsunagu check`, and what plans a change of stage, refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.prove.lint.finding import Finding, make_error

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
