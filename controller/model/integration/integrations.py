"""Integration (統合) of schools: the stage that each school, ward or group is in, and what comes next.

An entry that names a school holds for it before one that names a group of it, and that one before its ward's. A stage
is changed by an edit of this file that `tsunagu integrate plan` makes, never by a date that passes: a cut-over is
carried out by a rollout, and a policy must mean the same on the day after as on the day before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import AnsweredFor
from controller.model.sites.calendar import CalendarDay
from controller.model.sites.schools import Identifier, School
from controller.model.sites.scope import SchoolGroup
from controller.model.sites.stages import STAGES, Stage, are_adjacent
from controller.model.yaml_source import LocatedItem, StrictModel


class NextStage(StrictModel):
    """The stage that comes next, and the day of its cut-over."""

    stage: Stage
    cutover: CalendarDay


class Integration(LocatedItem):
    """The stage of a school, of the schools of a ward, or of a group.

    `since` is the day of the last cut-over, `by` who answers for the stage. `came_from` is the stage before that day:
    until then the change is written, and not carried out. It stays until `tsunagu integrate confirm` has
    looked. `retire_by` is the day until which the computers of the old networks are to be gone.
    """

    school: Identifier | None = None
    ward: Identifier | None = None
    group: Identifier | None = None
    stage: Stage
    by: AnsweredFor
    since: CalendarDay | None = None
    came_from: Stage | None = None
    next: NextStage | None = None
    retire_by: CalendarDay | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if sum(one is not None for one in (self.school, self.ward, self.group)) != 1:
            message = "name exactly one of: school, ward, group"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _skips_no_stage(self) -> Self:
        following = self.next.stage if self.next else None
        if following is self.stage:
            message = f"next: the stage is {self.stage} already; leave 'next' out, or name another stage"
            raise ValueError(message)
        if following is not None and not are_adjacent(self.stage, following):
            message = f"next: from {self.stage} to {following} skips a stage; the order is {' -> '.join(STAGES)}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since is not None and self.next is not None and self.next.cutover <= self.since:
            message = f"next: the cut-over ({self.next.cutover}) is not after the last one ({self.since})"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _came_from_beside(self) -> Self:
        if self.came_from is not None and (self.since is None or not are_adjacent(self.came_from, self.stage)):
            message = f"came-from: names the stage beside {self.stage} that ended on the day 'since'; give both"
            raise ValueError(message)
        return self

    def is_waiting(self, today: date) -> bool:
        """Tell if the change to this stage is written, and its day is still to come."""
        return self.came_from is not None and self.since is not None and self.since > today

    def is_unconfirmed(self, today: date) -> bool:
        """Tell if the day of the change to this stage has come, and nobody has said so far that the devices hold it."""
        return self.came_from is not None and self.since is not None and self.since <= today

    def get_as_of(self, today: date) -> Integration:
        """Return the entry as it stands today: of a change that waits the stage before, with this one as the next."""
        if self.came_from is None or self.since is None or not self.is_waiting(today):
            return self
        coming = NextStage(stage=self.stage, cutover=self.since)
        return self.model_copy(update={"stage": self.came_from, "since": None, "came_from": None, "next": coming})

    @property
    def subject(self) -> tuple[str, str]:
        """What it is for: `school`, `ward` or `group`, and the id."""
        for noun, name in (("school", self.school), ("group", self.group), ("ward", self.ward)):
            if name is not None:
                return noun, name
        message = f"{self.origin}: names nothing"
        raise LookupError(message)


class SharedSegment(LocatedItem):
    """A segment that the schools of a ward share as one network: they change their stage together."""

    segment: Identifier
    ward: Identifier
    reason: AnsweredFor


class IntegrationFile(StrictModel):
    """`policies/city/integration.yaml`. A city without the file names no stages anywhere."""

    integrations: tuple[Integration, ...] = Field(min_length=1)
    shared: tuple[SharedSegment, ...] = ()


class Integrations:
    """The entry of the file that holds for each school."""

    def __init__(self, file: IntegrationFile | None, groups: Mapping[str, SchoolGroup]) -> None:
        self._groups = groups
        self._listed = file.integrations if file else ()
        self.named = file is not None
        """Whether the city names stages at all."""

    @cached_property
    def _by_subject(self) -> Mapping[tuple[str, str], Integration]:
        return {one.subject: one for one in self._listed}

    def find_entry(self, school: School) -> Integration | None:
        """Find the entry that holds for a school: its own, that of a group of it, or that of its ward."""
        own = self._by_subject.get(("school", school.id))
        of_group = self.list_of_groups(school)
        return own or (of_group[0] if of_group else self._by_subject.get(("ward", school.ward)))

    def list_of_groups(self, school: School) -> tuple[Integration, ...]:
        """The entries of the groups that a school is in; of more than one of them none could be meant."""
        named = ((one, self._groups.get(one.group)) for one in self._listed if one.group is not None)
        return tuple(one for one, group in named if group is not None and group.contains(school))

    def find_stage(self, school: School) -> Stage | None:
        """Find the stage of a school; None where the city names no stages."""
        entry = self.find_entry(school)
        return entry.stage if entry else None
