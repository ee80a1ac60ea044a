"""The sessions part of what-if: applications at which people are asked again sooner, later, or by another method."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.plan.what_if.changes import IMPORTANT, SessionChange, SessionState
from controller.prove.identity.iap_sessions import AskedSession, find_asked_sessions


def find_session_changes(before: City, after: City) -> Iterator[SessionChange]:
    """Every application of both policies at which the proxy ends sessions otherwise than before.

    Raises:
        ProofFailed: the reference evaluator does not confirm who is let in; that is a defect of this program.
    """
    old, new = find_asked_sessions(before), find_asked_sessions(after)
    for name, app in after.applications.items():
        was, now = old.get(name), new.get(name)
        if name in before.applications and _describe(was) != _describe(now):
            looser = was is not None and (now is None or now.length > was.length or now.method < was.method)
            surprises = (IMPORTANT,) if looser and app.importance in STRICT_CLASSES else ()
            yield SessionChange(name, _describe(was), _describe(now), surprises)


def _describe(session: AskedSession | None) -> SessionState | None:
    return None if session is None else SessionState(int(session.length.total_seconds()), str(session.method))
