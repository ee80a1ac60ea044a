"""The city with a school in a stage: `staff-legacy` ends before `integrated`, and its ports become those of `staff`.

It is changed in memory, so that it is the same whatever stages the shipped policies name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.integration.stage_change import StageSubject, change_stage
from controller.model.city import City
from controller.model.policy_files import BLUEPRINTS, SEGMENTS
from controller.model.sites.blueprints import DeviceGroup, PortGroup
from controller.model.sites.stages import Stage

SCHOOL = "as-e01"
OLD = "staff-legacy"
_BEFORE = (Stage.SEPARATED, Stage.COEXIST)


def put_in_stage(city: City, stage: Stage, school: str = SCHOOL) -> City:
    """Return the city with a school in a stage; every other segment is there in all stages."""
    segments = city.files.get(SEGMENTS)
    staged = [one.model_copy(update={"stages": _BEFORE if one.id == OLD else ()}) for one in segments.segments]
    blueprints = city.blueprints
    changed = [
        one.model_copy(update={"devices": tuple(map(_change_ports, one.devices))}) for one in blueprints.blueprints
    ]
    city = city.replace_file(SEGMENTS, segments.model_copy(update={"segments": tuple(staged)}))
    city = city.replace_file(BLUEPRINTS, blueprints.model_copy(update={"blueprints": tuple(changed)}))
    return change_stage(city, StageSubject("school", school), stage, by="教育DX推進課", since=None)


def _change_ports(group: DeviceGroup) -> DeviceGroup:
    return group.model_copy(update={"ports": tuple(_list_ports(group.ports or ()))})


def _list_ports(ports: Sequence[PortGroup]) -> Iterator[PortGroup]:
    old = {one.first for one in ports if one.segments == (OLD,)}
    for one in ports:
        if one.segments == (OLD,):
            yield one.model_copy(update={"stages": _BEFORE})
            yield one.model_copy(update={"segments": ("staff",), "stages": (Stage.INTEGRATED,)})
        elif one.first not in old:
            yield one
