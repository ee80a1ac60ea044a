"""A change of the stage of a school, of a group or of a ward, in a city that is loaded: nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from controller.errors import Origin
from controller.model.city import City
from controller.model.integration.integrations import Integration, IntegrationFile
from controller.model.policy_files import INTEGRATION, find_file_start, require_file
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage


@dataclass(frozen=True, slots=True)
class StageSubject:
    """What changes its stage: `noun` is `school`, `group` or `ward`, as an entry of `city/integration.yaml` says."""

    noun: str
    name: str


def require_stages(city: City) -> IntegrationFile:
    """Return the file that says the stage of each ward.

    Raises:
        TsunaguError: there is none, so that the city names no stages.
    """
    advice = f"{city.called} names no stages: write that of each ward there (docs/integration.md)"
    return require_file(city.files, city.directory, INTEGRATION, advice)


def list_subject_schools(city: City, subject: StageSubject) -> tuple[School, ...]:
    """The schools whose stage an entry of a subject decides, or would decide: none with a closer entry of its own."""
    moved = change_stage(city, subject, Stage.COEXIST, by="", since=None)
    found = moved.integrations
    return tuple(one for one in city.schools if (entry := found.find_entry(one)) and entry.subject == _key(subject))


def change_stage(city: City, subject: StageSubject, stage: Stage, *, by: str, since: date | None) -> City:
    """The same city with a subject in another stage, from `since` on, and with no next stage planned for it."""
    file = city.files.find(INTEGRATION)
    listed = list(file.integrations) if file else []
    at = next((number for number, one in enumerate(listed) if one.subject == _key(subject)), None)
    if at is None:
        listed.append(_build_entry(city, subject, stage, by, since))
    else:
        listed[at] = listed[at].model_copy(
            update={"stage": stage, "by": by, "since": since, "came_from": None, "next": None}
        )
    shared = file.shared if file else ()
    return city.replace_file(INTEGRATION, IntegrationFile(integrations=tuple(listed), shared=shared))


def _key(subject: StageSubject) -> tuple[str, str]:
    return subject.noun, subject.name


def _build_entry(city: City, subject: StageSubject, stage: Stage, by: str, since: date | None) -> Integration:
    origin: Origin = find_file_start(city.directory, INTEGRATION)
    school, group, ward = (subject.name if subject.noun == noun else None for noun in ("school", "group", "ward"))
    return Integration.model_construct(
        origin=origin, school=school, group=group, ward=ward, stage=stage, by=by, since=since
    )
