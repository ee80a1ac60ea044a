"""What commands say of schools that are not wholly adopted: what of them is neither managed nor judged."""

from __future__ import annotations

from collections.abc import Iterable

from controller.cli.conventions.json_documents import AdoptionDocument
from controller.cli.output import get_words, print_message
from controller.model.sites.adoption import AdoptionLevel, list_unmanaged_parts
from controller.model.sites.schools import School

_MOST_LINES = 3
"""Schools of one level that have a line each, and that are named where more are told together."""


def list_adopted_in_part(schools: Iterable[School]) -> list[School]:
    """Return those of the schools whose adoption level leaves something out, each once."""
    return [school for school in {one.id: one for one in schools}.values() if school.adoption != "all"]


def say_adoption_levels(schools: Iterable[School]) -> None:
    """Say of each school that is adopted in part, in one line, what of it is not managed and not judged.

    Many schools of one level are one line, with the first of them and their number.
    """
    by_level: dict[AdoptionLevel, list[School]] = {}
    for school in list_adopted_in_part(schools):
        by_level.setdefault(school.adoption, []).append(school)
    for level, alike in by_level.items():
        parts = ", ".join(get_words().translate("proofs", one) for one in list_unmanaged_parts(level))
        if len(alike) <= _MOST_LINES:
            for school in alike:
                print_message("plan.level", "magenta", school=school.name, id=school.id, level=level, parts=parts)
            continue
        shown = ", ".join(f"{school.name} ({school.id})" for school in alike[:_MOST_LINES])
        print_message("plan.levels", "magenta", count=len(alike), schools=shown, level=level, parts=parts)


def build_level_documents(schools: Iterable[School]) -> list[AdoptionDocument]:
    """Return the same for the JSON document of a command."""
    return [
        {
            "school": school.id,
            "name": school.name,
            "adoption": school.adoption,
            "not_judged": list(list_unmanaged_parts(school.adoption)),
        }
        for school in list_adopted_in_part(schools)
    ]
