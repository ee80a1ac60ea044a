"""Which schools a rule is for: by ward, kind, id or stage, or by a group that `policies/city/groups.yaml` names.

For the network part a scope is the school whose segment asks. For the identity part it is the school that the *device*
is registered at: that is what the identity-aware proxy can know; nobody tells it a person's school.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from controller.inputs.character_classes import Name
from controller.model.sites.school_kinds import SchoolKindId
from controller.model.sites.schools import Identifier, School
from controller.model.sites.stages import Stage, Stages, is_in_stage
from controller.model.yaml_source import LocatedItem, StrictModel


class SchoolGroup(LocatedItem):
    """Schools with a name. Each list that is given narrows: a school of the group is in all of them."""

    id: Identifier
    name: Name
    wards: tuple[Identifier, ...] = ()
    kinds: tuple[SchoolKindId, ...] = ()
    ids: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if not (self.wards or self.kinds or self.ids):
            message = "names no wards, kinds or ids; leave a rule's `schools` out to mean every school"
            raise ValueError(message)
        return self

    def contains(self, school: School) -> bool:
        """Whether a school is in the group."""
        return (
            _narrowed(self.wards, school.ward) and _narrowed(self.kinds, school.kind) and _narrowed(self.ids, school.id)
        )


class GroupFile(StrictModel):
    """`policies/city/groups.yaml`."""

    groups: tuple[SchoolGroup, ...]


class Scope(StrictModel):
    """The schools of a rule. Each list that is given narrows; of `groups`, one must hold the school."""

    wards: tuple[Identifier, ...] = ()
    kinds: tuple[SchoolKindId, ...] = ()
    ids: tuple[Identifier, ...] = ()
    groups: tuple[Identifier, ...] = ()
    stages: Stages = ()

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        if not (self.wards or self.kinds or self.ids or self.groups or self.stages):
            message = "names no wards, kinds, ids, groups or stages; leave `schools` out to mean every school"
            raise ValueError(message)
        return self

    def contains(self, school: School, groups: Mapping[str, SchoolGroup], stage: Stage | None) -> bool:
        """Whether a school, which is in a stage, is meant."""
        named = [groups[name] for name in self.groups]
        return (
            _narrowed(self.wards, school.ward)
            and _narrowed(self.kinds, school.kind)
            and _narrowed(self.ids, school.id)
            and is_in_stage(self.stages, stage)
            and (not named or any(group.contains(school) for group in named))
        )


def _narrowed(named: tuple[str, ...], value: str) -> bool:
    return not named or value in named
