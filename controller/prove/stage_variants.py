"""The city with every school in one stage of integration, so that a policy is judged before a school goes there."""

from __future__ import annotations

from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.model.sites.stages import STAGES, Stage


def list_stage_variants(city: City) -> dict[Stage | None, City]:
    """Return the city in each stage, all schools in it; the city itself under None where it names no stages.

    >>> [str(stage) for stage in list_stage_variants(city)]
    ['separated', 'coexist', 'integrated']
    """
    file = city.files.find(INTEGRATION)
    if file is None:
        return {None: city}
    found: dict[Stage | None, City] = {}
    for stage in STAGES:
        entries = tuple(one.model_copy(update={"stage": stage, "next": None}) for one in file.integrations)
        found[stage] = city.replace_file(INTEGRATION, file.model_copy(update={"integrations": entries}))
    return found
