"""The tasks of the operators for the whole city, when each last ended well and badly; and how the guideline stands."""

from __future__ import annotations

from typing import TypedDict

from controller.telemetry.registry import CLAUSE, GUIDELINE_CLAUSES, GUIDELINE_POLICY_HASH, TASK, TASK_LAST_END
from controller.telemetry.units import DIGEST_DIGITS, shorten_digest
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


class GuidelineView(TypedDict):
    """How many clauses of the guideline stand how; `policy` is the beginning of the digest of what was judged.

    `is_own_policy`: that is the policy which this monitor was started with. `stale`: it was told too long ago.
    """

    holds: int
    differs: int
    not_judged: int
    policy: str
    is_own_policy: bool
    heard_at: str | None
    stale: bool


def build_guideline_view(known: KnownValues, digest: str) -> GuidelineView | None:
    """How the guideline stands, as it was last told; None where nobody ever told all of it.

    Args:
        known: what is known.
        digest: that of the monitor's own policy.
    """
    clauses = {state: known.find(GUIDELINE_CLAUSES, state) for state in CLAUSE.values}
    found = [*clauses.values(), known.find(GUIDELINE_POLICY_HASH)]
    values = [one for one in found if one is not None]
    if len(values) < len(found):
        return None
    holds, differs, not_judged, policy = (int(one.value) for one in values)
    heard = min((one.heard for one in values if one.heard is not None), default=None)
    now = known.clock()
    return {
        "holds": holds,
        "differs": differs,
        "not_judged": not_judged,
        "policy": f"{policy:0{DIGEST_DIGITS}x}",
        "is_own_policy": policy == shorten_digest(digest),
        "heard_at": format_known_time(heard),
        "stale": not all(one.is_fresh(now) for one in values),
    }
