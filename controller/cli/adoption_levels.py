"""What commands say of schools that are not wholly adopted: what of them is neither managed nor judged."""

from __future__ import annotations

from collections.abc import Iterable

from controller.cli.conventions.json_documents import AdoptionDocument
from controller.cli.output import get_words, print_message
from controller.model.sites.adoption import list_unmanaged_parts
from controller.model.sites.schools import School


def list_adopted_in_part(schools: Iterable[School]) -> list[School]:
    """Return those of the schools whose adoption level leaves something out, each once."""
    return [school for school in {one.id: one for one in schools}.values() if school.adoption != "all"]


def say_adoption_levels(schools: Iterable[School]) -> None:
    """Say of each school that is adopted in part, in one line, what of it is not managed and not judged."""
    for school in list_adopted_in_part(schools):
        parts = ", ".join(get_words().translate("proofs", one) for one in list_unmanaged_parts(school.adoption))
        print_message("plan.level", "magenta", school=school.name, id=school.id, level=school.adoption, parts=parts)


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
