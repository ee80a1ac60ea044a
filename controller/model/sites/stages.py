"""The stages of integration (統合): how far a school's separate networks have become one.

- `separated`: the networks for school affairs (校務系), for the affairs' outside connections (校務外部接続系) and for
  learning (学習系) are apart.
- `coexist`: the old networks and the integrated one are both alive; printers and file servers are shared for a while.
- `integrated`: one network, and strong access control in place of the separation.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol, TypeVar


class Stage(StrEnum):
    """How far a school is integrated."""

    SEPARATED = "separated"
    COEXIST = "coexist"
    INTEGRATED = "integrated"


STAGES = tuple(Stage)
"""In the order in which a school goes through them."""
Stages = tuple[Stage, ...]
"""The stages that something is for; empty: every stage, and a city that names none."""


class Staged(Protocol):
    """Something that is there in some stages only."""

    @property
    def stages(self) -> Stages:
        """The stages; empty: every one."""


OfStages = TypeVar("OfStages", bound=Staged)


def is_in_stage(stages: Stages, stage: Stage | None) -> bool:
    """Tell if what is for some stages is there in a stage.

    >>> is_in_stage((), None), is_in_stage((Stage.COEXIST,), Stage.COEXIST), is_in_stage((Stage.COEXIST,), None)
    (True, True, False)
    """
    return not stages or stage in stages


def are_adjacent(stage: Stage, other: Stage) -> bool:
    """Tell if one stage follows the other, forward or back.

    >>> are_adjacent(Stage.SEPARATED, Stage.COEXIST), are_adjacent(Stage.SEPARATED, Stage.INTEGRATED)
    (True, False)
    """
    return abs(STAGES.index(stage) - STAGES.index(other)) == 1


def list_by_stage(items: Iterable[OfStages]) -> tuple[tuple[OfStages, ...], ...]:
    """What there is together in one stage or another; one list where nothing depends on the stage."""
    listed = tuple(items)
    found = (tuple(one for one in listed if is_in_stage(one.stages, stage)) for stage in STAGES)
    return tuple(dict.fromkeys(found))
