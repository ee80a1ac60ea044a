"""What people do about needs, by the API: acknowledge, note, announce maintenance, end one of these; and the record.

Where a login is asked for, the record names who is logged in, whatever the request says. Who asks is not known to a
page on loopback, so there each says a name, and the record says which name was given. Only the monitor's own pages may
ask: a browser names the page that posts (`Origin`), and the body is JSON, which no other site's form can send.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from anyio.to_thread import run_sync
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from controller.inputs.character_classes import AnsweredFor
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import Identifier
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.needs_view import build_action_view
from monitoring.limits import LONGEST_ACTION, MOST_ACTION_BYTES, MOST_OPEN_ACTIONS
from monitoring.login.login_method import PERSON, Person
from monitoring.timeseries import queries
from monitoring.timeseries.records import OperatorAction
from monitoring.timeseries.store_writer import StoreBusy

ACTIONS_SHOWN = 500

_NeedId = Annotated[str, Field(pattern=r"^[a-z0-9:-]{1,120}$")]
_ActionId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class _Asked(BaseModel):
    """Who asks, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: AnsweredFor | None = None
    reason: AnsweredFor


class Acknowledgement(_Asked):
    """Somebody takes care of a need, until a time."""

    need: _NeedId
    until: AwareDatetime


class Note(_Asked):
    """Something to know about a need."""

    need: _NeedId


class Maintenance(_Asked):
    """Work at a school, on one of its lines or on the whole of it; it begins now where no time is given."""

    school: Identifier
    line: AccessLineName | Literal[""] = ""
    starts: AwareDatetime | None = None
    until: AwareDatetime


class Ending(_Asked):
    """An action is over before its time."""

    id: _ActionId


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, and who is logged in; None where nobody has to be."""

    body: bytes
    person: Person | None


_Body = TypeVar("_Body", bound=_Asked)


class ActionRefused(Exception):
    """Something that cannot be done, with the status that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def build_action_routes(monitor: Monitor) -> list[BaseRoute]:
    """The paths that change something, and the one that tells what was changed."""

    async def list_actions(_: Request) -> Response:
        try:
            found = await run_sync(queries.read_operator_actions, monitor.store, ACTIONS_SHOWN)
        except sqlite3.Error as error:
            monitor.note_store_fault(error)
            return _answer_error(503, f"the record cannot be read from the store ({error})")
        actions = [
            {**build_action_view(one), "need": one.need, "school": one.school, "line": one.line, "ends": one.ends}
            for one in found
        ]
        return JSONResponse({"actions": actions})

    def take(build: Callable[[Monitor, Sent, float], OperatorAction]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                _check_sender(request)
                sent = Sent(await _read_body(request), request.scope.get(PERSON))
                action = build(monitor, sent, time.time())
                await monitor.record_action(action)
            except ActionRefused as refused:
                return _answer_error(refused.status, str(refused))
            except (StoreBusy, sqlite3.Error):
                return _answer_error(503, "the store does not keep up or cannot be written; nothing was changed")
            except ClientDisconnect:
                return Response(status_code=400)
            return JSONResponse({"action": build_action_view(action)})

        return answer

    return [
        Route("/api/actions", list_actions),
        Route("/api/needs/acknowledge", take(_build_acknowledgement), methods=["POST"]),
        Route("/api/needs/note", take(_build_note), methods=["POST"]),
        Route("/api/maintenance", take(_build_maintenance), methods=["POST"]),
        Route("/api/actions/end", take(_build_ending), methods=["POST"]),
    ]


def _build_acknowledgement(monitor: Monitor, sent: Sent, now: float) -> OperatorAction:
    asked = _validate(Acknowledgement, sent)
    until = _check_until(asked.until, now, now)
    return _about_need(monitor, "acknowledge", (asked.need, _find_asker(asked, sent), asked.reason), now, until)


def _build_note(monitor: Monitor, sent: Sent, now: float) -> OperatorAction:
    asked = _validate(Note, sent)
    return _about_need(monitor, "note", (asked.need, _find_asker(asked, sent), asked.reason), now, 0.0)


def _about_need(
    monitor: Monitor, kind: Literal["acknowledge", "note"], said: tuple[str, str, str], now: float, until: float
) -> OperatorAction:
    """An action about a need; `said` are the need, who asks, and why."""
    need, by, reason = said
    found = monitor.find_need(need)
    if found is None:
        raise ActionRefused(404, "there is no such need (any more); look at the list again")
    _check_room(monitor, now)
    since = found.since or 0.0
    return OperatorAction(_new_id(), now, kind, by, reason, found.id, found.school, found.line, since, now, until)


def _build_maintenance(monitor: Monitor, sent: Sent, now: float) -> OperatorAction:
    asked = _validate(Maintenance, sent)
    school = monitor.city.school_by_id.get(asked.school)
    if school is None:
        raise ActionRefused(404, "the city has no such school")
    if asked.line and asked.line not in school.lines.by_name:
        raise ActionRefused(404, "the school has no such line")
    starts = now if asked.starts is None else asked.starts.timestamp()
    if starts < now - LONGEST_ACTION:
        raise ActionRefused(400, f"starts: lies more than {LONGEST_ACTION // 86_400} days back; give a later time")
    until = _check_until(asked.until, starts, now)
    _check_room(monitor, now)
    return OperatorAction(
        _new_id(),
        now,
        "maintenance",
        _find_asker(asked, sent),
        asked.reason,
        school=school.id,
        line=asked.line,
        starts=starts,
        until=until,
    )


def _build_ending(monitor: Monitor, sent: Sent, now: float) -> OperatorAction:
    asked = _validate(Ending, sent)
    found = monitor.actions.find(asked.id)
    if found is None:
        raise ActionRefused(404, "there is nothing of this id to end; it was ended already, or never was")
    by = _find_asker(asked, sent)
    return OperatorAction(_new_id(), now, "end", by, asked.reason, found.need, found.school, found.line, ends=found.id)


def _check_sender(request: Request) -> None:
    """Refuse what is not the monitor's own page; that a named origin is this one is checked for every request."""
    if not request.headers.get("origin"):
        raise ActionRefused(403, "only the monitor's own page may change something; a request names it in Origin")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ActionRefused(415, "send JSON as application/json")


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_ACTION_BYTES:
            raise ActionRefused(413, f"a request has at most {MOST_ACTION_BYTES} bytes")
    return bytes(body)


def _validate(kind: type[_Body], sent: Sent) -> _Body:
    try:
        return kind.model_validate(from_json(sent.body))
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise ActionRefused(400, "the body is no JSON") from None
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(one) for one in first["loc"]) or "the body"
        raise ActionRefused(400, f"{place}: {first['msg']}") from None


def _find_asker(asked: _Asked, sent: Sent) -> str:
    """Who asks: the person who is logged in; the name that was given where nobody has to be."""
    if sent.person is not None:
        return sent.person.email
    if asked.by is None:
        raise ActionRefused(400, "by: Field required")
    return asked.by


def _check_until(until: datetime, starts: float, now: float) -> float:
    """An end in seconds since 1970: later than the beginning and than now, and not for ever."""
    end = until.timestamp()
    if end <= max(starts, now):
        raise ActionRefused(400, "until: lies before now, or before the beginning; give a later time")
    if end > now + LONGEST_ACTION:
        raise ActionRefused(400, f"until: lies more than {LONGEST_ACTION // 86_400} days ahead; give an earlier time")
    return end


def _check_room(monitor: Monitor, now: float) -> None:
    if monitor.actions.count_open(now) >= MOST_OPEN_ACTIONS:
        raise ActionRefused(429, f"{MOST_OPEN_ACTIONS} acknowledgements and windows are open; end some first")


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


def _answer_error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
