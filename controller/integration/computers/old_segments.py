"""The segments of the old networks: those that schools have before they are integrated, and not any more then."""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage, is_in_stage


def list_old_segments(city: City) -> Mapping[str, Segment]:
    """List the segments that end before `integrated`, by their id; none where the policy ends none."""
    return {one.id: one for one in city.segments.values() if not is_in_stage(one.stages, Stage.INTEGRATED)}


def list_old_vlans(city: City, school: School) -> Mapping[int, str]:
    """List the old segments that a school has in its stage, by their VLAN there."""
    old = list_old_segments(city)
    return {one.vlan: name for name, one in city.list_segments(school).items() if name in old}
