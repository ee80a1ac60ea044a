"""The keys of the workflows of a rollout, and the names of its queues."""

from __future__ import annotations

from controller.rollout.durable.records import RunPlace

LAST_ROUNDS = 1_000
"""The rounds through a wave that come after all waves are counted from here on."""
_UNDO = "/undo"


def name_workflow(rollout: str, generation: int) -> str:
    """Return the key of a rollout's workflow.

    >>> name_workflow("20261129-120300-1a2b3c4d", 0)
    '20261129-120300-1a2b3c4d.0'
    """
    return f"{rollout}.{generation}"


def name_queue(together: int) -> str:
    """Return the queue in which so many schools are changed side by side.

    >>> name_queue(8)
    'schools-8'
    """
    return f"schools-{together}"


def name_school_workflow(place: RunPlace) -> str:
    """Return the key of a school's workflow.

    >>> name_school_workflow(RunPlace("r", 0, 2, "as-e04"))
    'r.0/2/as-e04'
    >>> name_school_workflow(RunPlace("r", 0, 2, "as-e04", 1))
    'r.0/2.1/as-e04'
    """
    again = f".{place.round}" if place.round else ""
    return f"{name_workflow(place.rollout, place.generation)}/{place.wave}{again}/{place.school}"


def name_undo_workflow(place: RunPlace) -> str:
    """Return the key of the workflow that undoes a school's part of a wave.

    >>> name_undo_workflow(RunPlace("r", 0, 2, "as-e04"))
    'r.0/2/as-e04/undo'
    """
    return f"{name_school_workflow(place)}{_UNDO}"


def split_school_workflow(key: str) -> RunPlace:
    """Return what the key of a school's workflow says.

    >>> split_school_workflow("r.0/2.1/as-e04")
    RunPlace(rollout='r', generation=0, wave=2, school='as-e04', round=1)
    """
    workflow, turn, school = key.removesuffix(_UNDO).split("/")
    rollout, _, generation = workflow.rpartition(".")
    wave, _, again = turn.partition(".")
    return RunPlace(rollout, int(generation), int(wave), school, int(again or 0))
