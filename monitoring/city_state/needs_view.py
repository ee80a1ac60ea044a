"""The list of needs as the API gives it: times as texts, the next step in words, and what people did about each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from controller.messages import LANGUAGES, load_catalogue
from monitoring.city_state.needs import URGENCY, Need, NeedKind
from monitoring.city_state.operator_actions import OperatorActions
from monitoring.city_state.school_tiles import format_known_time, format_time
from monitoring.city_state.shared_patterns import PatternKind
from monitoring.timeseries.records import OperatorAction


class ActionView(TypedDict):
    """What somebody did about a need. `until` is None where it does not expire."""

    id: str
    kind: str
    at: str
    by: str
    reason: str
    starts: str | None
    until: str | None


class PatternView(TypedDict):
    """`count` troubled lines of the `total` that share this; `name`: the id of a ward or region, a kind of access."""

    kind: PatternKind
    name: str
    count: int
    total: int


class NeedView(TypedDict):
    """A need. `urgency`: 0 is the most urgent kind.

    `school`, `line`, `region`, `rollout`, `certificate` are None where it is of none; `ends` is when a certificate
    ends.

    `runbook`: the path of its page on this monitor; None where it has none.
    `quiet`: somebody has acknowledged it, or it falls into a window of maintenance; such ones stand after the others.
    """

    id: str
    kind: NeedKind
    urgency: int
    school: str | None
    line: str | None
    region: str | None
    rollout: str | None
    certificate: str | None
    ends: str | None
    count: int
    since: str | None
    heard: str | None
    stale: bool
    causes: list[str]
    patterns: list[PatternView]
    step: dict[str, str]
    command: str
    runbook: str | None
    quiet: bool
    acknowledged: ActionView | None
    maintenance: ActionView | None
    notes: list[ActionView]


def build_needs_view(needs: Iterable[Need], actions: OperatorActions, now: float) -> list[NeedView]:
    """The list, in its order; what is acknowledged or announced stands last."""
    views = [_build_need(one, actions, now) for one in needs]
    return sorted(views, key=lambda one: one["quiet"])


def build_action_view(action: OperatorAction) -> ActionView:
    """An action as the API gives it."""
    return {
        "id": action.id,
        "kind": action.kind,
        "at": format_time(action.at),
        "by": action.by,
        "reason": action.reason,
        "starts": format_known_time(action.starts or None),
        "until": format_known_time(action.until or None),
    }


def _build_need(need: Need, actions: OperatorActions, now: float) -> NeedView:
    acknowledged = actions.find_acknowledgement(need, now)
    maintenance = actions.find_maintenance(need, now)
    return {
        "id": need.id,
        "kind": need.kind,
        "urgency": URGENCY.index(need.kind),
        "school": need.school or None,
        "line": need.line or None,
        "region": need.region or None,
        "rollout": need.rollout or None,
        "certificate": need.certificate or None,
        "ends": format_known_time(need.ends),
        "count": need.count,
        "since": format_known_time(need.since),
        "heard": format_known_time(need.heard),
        "stale": need.stale,
        "causes": [str(one) for one in need.causes],
        "patterns": [
            {"kind": one.kind, "name": one.name, "count": one.count, "total": one.total} for one in need.patterns
        ],
        "step": {language: load_catalogue(language)[f"needs.step-{need.kind}"] for language in LANGUAGES},
        "command": need.command,
        "runbook": None if need.runbook is None else f"/runbooks/{need.runbook}",
        "quiet": acknowledged is not None or maintenance is not None,
        "acknowledged": build_action_view(acknowledged) if acknowledged else None,
        "maintenance": build_action_view(maintenance) if maintenance else None,
        "notes": [build_action_view(one) for one in actions.list_notes(need)],
    }
