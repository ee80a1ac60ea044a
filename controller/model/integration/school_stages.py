"""What a school has in its stage of integration; each is looked up once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from controller.model.access.rules import Segment
from controller.model.integration.integrations import Integrations
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES, Stage, is_in_stage

Segments = Mapping[str, Segment]
"""Segments by their id."""


class SchoolStages:
    """The stages of a city's schools, and the segments that schools have in them."""

    def __init__(self, integrations: Integrations, segments: Segments) -> None:
        self._integrations = integrations
        self._segments = segments
        # By the object: a school that a test has changed, under the same id, is another one.
        self._stages: dict[str, tuple[School, Stage | None]] = {}
        self._own: dict[str, tuple[School, Segments]] = {}

    def find_stage(self, school: School) -> Stage | None:
        """Find the stage of a school; None where the city names no stages."""
        kept = self._stages.get(school.id)
        if kept is None or kept[0] is not school:
            kept = self._stages[school.id] = (school, self._integrations.find_stage(school))
        return kept[1]

    @cached_property
    def segments_by_stage(self) -> Mapping[Stage | None, Segments]:
        """By stage (None: the city names none): the segments that a school has in it."""
        staged = any(one.stages for one in self._segments.values())
        return {
            stage: {name: one for name, one in self._segments.items() if is_in_stage(one.stages, stage)}
            if staged
            else self._segments
            for stage in (None, *Stage)
        }

    @property
    def possible_stages(self) -> tuple[Stage | None, ...]:
        """The stages that a school can be in; only None where the city names no stages."""
        return STAGES if self._integrations.named else (None,)

    def has_segment(self, school: School, segment: Segment) -> bool:
        """Tell if a school has a segment in its stage."""
        return is_in_stage(segment.stages, self.find_stage(school))

    def list_segments(self, school: School) -> Segments:
        """The segments that a school has in its stage, each with the VLAN number that it has there."""
        there = self.segments_by_stage[self.find_stage(school)]
        numbers = {one.id: one.vlan for one in school.segments if one.vlan is not None and one.id in there}
        if not numbers:
            return there
        kept = self._own.get(school.id)
        if kept is None or kept[0] is not school:
            own = {
                name: one.model_copy(update={"vlan": numbers[name]}) if name in numbers else one
                for name, one in there.items()
            }
            kept = self._own[school.id] = (school, own)
        return kept[1]
