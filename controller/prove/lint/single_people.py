"""Roles that are bound to one person by name: who leaves the board keeps them until a file changes."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access.workforce import SINGLE_PERSON
from controller.model.city import City
from controller.prove.lint.finding import Finding, make_warning


def find_single_people(city: City) -> Iterator[Finding]:
    """Yield a warning for each person whom a role names instead of a group.

    >>> list(find_single_people(city))
    []
    """
    for role in city.people.roles:
        for one in role.principals:
            if one.startswith(SINGLE_PERSON):
                message = (
                    f"role {role.id!r} names the single person {one.rpartition('/')[2]!r} of a workforce pool; "
                    "name a group, so that people change in one place"
                )
                yield make_warning("single person", role.origin, message)
