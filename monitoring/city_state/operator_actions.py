"""What people did about needs: acknowledged, noted, announced maintenance. Each expires, and is kept as it was done."""

from __future__ import annotations

from collections.abc import Iterable

from monitoring.city_state.needs import Need
from monitoring.timeseries.records import OperatorAction

_SAME_SECONDS = 1.0
"""A need that began within this of another's beginning is the same one."""


class OperatorActions:
    """The actions that may still hold. Belongs to one thread, the event loop's."""

    def __init__(self, actions: Iterable[OperatorAction] = ()) -> None:
        self._by_id: dict[str, OperatorAction] = {}
        self._ended: set[str] = set()
        for one in sorted(actions, key=lambda action: action.at):
            self.add(one)

    def add(self, action: OperatorAction) -> None:
        """Take an action; one that ends another takes effect at once."""
        self._by_id[action.id] = action
        if action.kind == "end":
            self._ended.add(action.ends)

    def find(self, identifier: str) -> OperatorAction | None:
        """An action that somebody may end; None where there is none."""
        found = self._by_id.get(identifier)
        return found if found is not None and found.kind != "end" and identifier not in self._ended else None

    def count_open(self, now: float) -> int:
        """How many hold now or later."""
        return sum(self._is_open(one, now) for one in self._by_id.values())

    def find_acknowledgement(self, need: Need, now: float) -> OperatorAction | None:
        """Who has acknowledged a need: this one, not an earlier one of the same place."""
        return self._find_newest("acknowledge", need, now)

    def find_maintenance(self, need: Need, now: float) -> OperatorAction | None:
        """The window of maintenance that a need falls into."""
        windows = (
            one
            for one in self._by_id.values()
            if one.kind == "maintenance"
            and one.school == need.school != ""
            and one.line in ("", need.line)
            and one.starts <= now
            and self._is_open(one, now)
        )
        return max(windows, key=lambda one: one.at, default=None)

    def list_notes(self, need: Need) -> list[OperatorAction]:
        """What was noted about a need, the oldest first."""
        return [
            one
            for one in self._by_id.values()
            if one.kind == "note" and one.id not in self._ended and _is_of(one, need)
        ]

    def _find_newest(self, kind: str, need: Need, now: float) -> OperatorAction | None:
        found = (
            one for one in self._by_id.values() if one.kind == kind and _is_of(one, need) and self._is_open(one, now)
        )
        return max(found, key=lambda one: one.at, default=None)

    def _is_open(self, action: OperatorAction, now: float) -> bool:
        return action.id not in self._ended and action.kind in ("acknowledge", "maintenance") and now < action.until


def _is_of(action: OperatorAction, need: Need) -> bool:
    return action.need == need.id and abs(action.since - (need.since or 0.0)) <= _SAME_SECONDS
