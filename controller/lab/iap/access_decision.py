"""May this person come in? Decided by what was deployed and nothing else; what is not known is not granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus

from controller.errors import TsunaguError
from controller.lab.iap.deployed_access import DeployedAccess, DeployedBackend, DeployedBinding, DeployedSession
from controller.prove.engine.cel import CelRefused, IamCondition, LevelEvaluator, RequestAttributes

STAND_IN_HEADER = "tsunagu-lab-iap"
"""The header in which every answer says that this is not Google's; its value ends with the address that was asked."""
APPLICATION_HEADER = "tsunagu-lab-application"
"""The header that names the application that the deployed host rules lead to."""


_FULFILLED_BY: Mapping[str, tuple[str, ...]] = {
    "LOGIN": (),
    "ENROLLED_SECOND_FACTORS": ("mfa",),
    "SECURE_KEY": ("hwk", "swk"),
}
"""Methods of `ReauthSettings`, and the credential strengths one of which shows that a sign-in was by it."""


class DecidingPart(StrEnum):
    """The part that refused."""

    NOBODY = ""
    SIGN_IN = "sign-in"
    BINDING = "binding"
    CONDITION = "condition"
    SESSION = "session"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, by a token that was verified; `attributes` is what is known of the request and its device.

    `session_age` is how long ago they signed in; None where the token does not say.
    """

    subject: str
    email: str
    groups: frozenset[str]
    attributes: RequestAttributes
    session_age: timedelta | None


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """The answer: the HTTP status, which part refused, in words, and the access levels that were granted."""

    status: HTTPStatus
    part: DecidingPart
    reason: str
    levels: tuple[str, ...] = ()

    @property
    def lets_in(self) -> bool:
        """Whether the request goes on."""
        return self.status is HTTPStatus.OK


class AccessEvaluator:
    """Decides by one state of what was deployed; its expressions are compiled once."""

    def __init__(self, deployed: DeployedAccess) -> None:
        self._broken = ""
        self._full = {name.rpartition("/")[2]: name for name in deployed.levels}
        try:
            self._levels = LevelEvaluator({s: deployed.levels[full] for s, full in self._full.items()})
        except CelRefused as error:
            self._levels, self._broken = LevelEvaluator({}), str(error)

    def decide(self, backend: DeployedBackend, principal: Principal | None, at: datetime) -> AccessDecision:
        """Whether a principal (None: nobody has signed in) may use a backend at this time."""
        if not backend.guarded:
            return AccessDecision(HTTPStatus.OK, DecidingPart.NOBODY, "open to the public: the proxy asks nobody")
        if principal is None:
            return AccessDecision(HTTPStatus.UNAUTHORIZED, DecidingPart.SIGN_IN, "not signed in")
        if self._broken:
            return AccessDecision(HTTPStatus.FORBIDDEN, DecidingPart.DEPLOYMENT, self._broken)
        return self._of_visitor(backend, principal, at)

    def _of_visitor(self, backend: DeployedBackend, principal: Principal, at: datetime) -> AccessDecision:
        named = {*(f"group:{group}" for group in principal.groups), f"user:{principal.email}"}
        mine = [binding for binding in backend.bindings if binding.members & named]
        if not mine:
            asked = ", ".join(sorted(principal.groups)) or "no group at all"
            return AccessDecision(HTTPStatus.FORBIDDEN, DecidingPart.BINDING, f"no binding for role group: {asked}")
        granted = self._levels.find_granted({**principal.attributes, "request.time": at})
        levels = tuple(sorted(self._full[name] for name in granted))
        refused = []
        for binding in mine:
            try:
                if _condition(binding.condition).holds(levels, at):
                    return _ask_again(backend.session, principal, binding, levels)
            except CelRefused as error:
                return AccessDecision(HTTPStatus.FORBIDDEN, DecidingPart.DEPLOYMENT, str(error), levels)
            refused.append(_why(binding, levels, at))
        return AccessDecision(HTTPStatus.FORBIDDEN, DecidingPart.CONDITION, f"condition: {'; '.join(refused)}", levels)


def _ask_again(
    session: DeployedSession | None, principal: Principal, binding: DeployedBinding, levels: tuple[str, ...]
) -> AccessDecision:
    """Whoever the conditions let in comes in as long as the session lasts; then they are asked again.

    The sign-in that began it must have been by the method, too: whether Google's proxy asks for that much at the first
    sign-in is not documented, but nobody who lacks it could ever go on.
    """
    if session is not None:
        lack = _find_lack(session, principal)
        if lack:
            reason = f"session: {lack}; sign in again ({session.method})"
            return AccessDecision(HTTPStatus.UNAUTHORIZED, DecidingPart.SESSION, reason, levels)
    return AccessDecision(HTTPStatus.OK, DecidingPart.NOBODY, f"binding {binding.title!r}", levels)


def _find_lack(session: DeployedSession, principal: Principal) -> str:
    age, asked = principal.session_age, _FULFILLED_BY.get(session.method)
    if asked is None:
        return "its method is none that this stand-in knows"
    if age is None:
        return "nobody knows since when"
    if age > session.length:
        return f"signed in {age} ago, and a session lasts {session.length}"
    known = (principal.attributes.get(f"request.auth.claims.crd_str.{way}") for way in asked)
    return "" if not asked or any(one is True for one in known) else "the sign-in was by less than the method asks"


@lru_cache(maxsize=1024)
def _condition(expression: str) -> IamCondition:
    return IamCondition(expression)


def _why(binding: DeployedBinding, levels: tuple[str, ...], at: datetime) -> str:
    """What the alternative that lacks least still lacks."""
    lacking = min((_lacking(part, levels, at) for part in split_alternatives(binding.condition)), key=len)
    return " and ".join(lacking) or "not met"


def _lacking(alternative: str, levels: tuple[str, ...], at: datetime) -> list[str]:
    missing, times = [], False
    for term in _split(alternative, "&&"):
        try:
            if IamCondition(term).holds(levels, at):
                continue
        except TsunaguError:
            return [f"it cannot be read: {term}"]
        if '"' in term and "access_levels" in term:
            name = term.split('"')[1].rpartition("/")[2]
            missing.append(f"access level {name} not met")
        else:
            times = True
    return [*missing, *([f"outside its hours at {at.isoformat(timespec='minutes')}"] if times else [])]


def split_alternatives(condition: str) -> list[str]:
    """The parts of a condition that "or" joins at its top."""
    return _split(condition, "||")


def _split(text: str, operator: str) -> list[str]:
    text = _bare(text.strip())
    parts, depth, start, quoted, place = [], 0, 0, False, 0
    while place < len(text):
        character = text[place]
        if character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if depth == 0 and text.startswith(operator, place):
                parts.append(text[start:place])
                start = place = place + len(operator)
                continue
        place += 1
    return [part.strip() for part in [*parts, text[start:]]]


def _bare(text: str) -> str:
    """Without brackets round the whole."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return _bare(text[1:-1].strip())


def build_decision_document(
    decision: AccessDecision, backend: DeployedBackend, principal: Principal | None
) -> Mapping[str, object]:
    """A refusal as the proxy tells it."""
    return {
        "refused": decision.reason,
        "part": decision.part,
        "application": backend.application,
        "person": principal.email if principal else None,
        "access_levels": [name.rpartition("/")[2] for name in decision.levels],
        "iap": "the virtual city's stand-in for an identity-aware proxy; it is not Google's",
    }
