"""The tasks of the operators for the whole city, and when each last ended well, and badly."""

from __future__ import annotations

from typing import TypedDict

from controller.telemetry.registry import TASK, TASK_LAST_END
from monitoring.city_state.known_values import KnownValues
from monitoring.city_state.school_tiles import format_known_time
from monitoring.timeseries.records import can_be_time


class TaskView(TypedDict):
    """A task. `good_at` and `bad_at` are None where nobody ever sent that it ended so; `command` is what sends it."""

    task: str
    command: str
    good_at: str | None
    bad_at: str | None


def list_task_ends(known: KnownValues) -> list[TaskView]:
    """Every task that the registry has, also those of which nothing was ever heard: silence is no good news."""
    return [
        {
            "task": task,
            "command": f"tsunagu {task.replace('-', ' ')}",
            "good_at": _find_end(known, task, "good"),
            "bad_at": _find_end(known, task, "bad"),
        }
        for task in TASK.values
    ]


def _find_end(known: KnownValues, task: str, result: str) -> str | None:
    found = known.find(TASK_LAST_END, task, result)
    return format_known_time(found.value) if found is not None and can_be_time(found.value) else None
