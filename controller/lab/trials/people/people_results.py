"""What came of the visits and of the attacks."""

from __future__ import annotations

from enum import StrEnum

from pydantic import computed_field

from controller.lab.iap.access_decision import APPLICATION_HEADER, STAND_IN_HEADER
from controller.lab.state.layout import Frozen
from controller.lab.trials.people.browser import BrowserPage
from controller.lab.trials.people.visits import Visit
from controller.model.network.packets import Family

TITLE = "People at applications, by real HTTPS through a stand-in for the identity-aware proxy (it is not Google's)"
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403
_IDENTITY_PARTS = ("binding", "condition")


class VisitVerdict(StrEnum):
    """Whether a visit went as both parts of the policy say, and what is wrong where it did not."""

    AGREES = "agrees"
    OPEN = "the network lets through what it must not"
    CLOSED = "the network does not let through what it must"
    LET_IN = "let in but must be refused"
    REFUSED = "refused but must be let in"
    NOT_SIGNED_IN = "could not sign in"
    OTHER = "something else answered"


class VisitResult(Frozen):
    """One visit: what was answered, by which part it was refused ("network" or the proxy's), and in which words."""

    visit: Visit
    status: int
    refused_by: str
    reason: str
    verdict: VisitVerdict


class AttackResult(Frozen):
    """One attack. `must_work` marks the control: the same way, with nothing wrong, so a refusal means something."""

    name: str
    application: str
    address: str
    status: int
    reason: str
    let_in: bool
    must_work: bool = False


class SessionResult(Frozen):
    """Somebody whom the policy lets in, that long after they signed in; `lasts`: the policy says that it still does."""

    application: str
    person: str
    session_seconds: int
    lasts: bool
    status: int
    refused_by: str
    reason: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Whether they came in while the session lasts, and were asked to sign in again after it."""
        if self.lasts:
            return self.status == _OK
        return self.status == _UNAUTHORIZED and self.refused_by == "session"


class VisitSummary(Frozen):
    """How many visits of one family there are, how many agree, and what the policy says of them."""

    family: Family
    visits: int
    agree: int
    let_in: int
    refused_by_network: int
    refused_by_identity: int


class PeopleResult(Frozen):
    """The whole of it; `seconds` is how long it took."""

    title: str = TITLE
    results: tuple[VisitResult, ...]
    attacks: tuple[AttackResult, ...]
    sessions: tuple[SessionResult, ...]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def attacks_let_in(self) -> int:
        """How many attacks came through; it must be none."""
        return sum(one.let_in for one in self.attacks if not one.must_work)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Whether everything is as the policy says; of nothing, it is not."""
        visits = bool(self.results) and all(one.verdict is VisitVerdict.AGREES for one in self.results)
        controls = [one.let_in for one in self.attacks if one.must_work]
        sessions = all(one.agrees for one in self.sessions)
        return visits and sessions and self.attacks_let_in == 0 and bool(controls) and all(controls)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def summary(self) -> tuple[VisitSummary, ...]:
        """The counts, IPv4 and IPv6 apart."""
        return tuple(self._summary(family) for family in Family)

    def _summary(self, family: Family) -> VisitSummary:
        mine = [one for one in self.results if one.visit.family is family]
        by_network = sum(not one.visit.network for one in mine)
        let_in = sum(one.visit.permitted for one in mine)
        return VisitSummary(
            family=family,
            visits=len(mine),
            agree=sum(one.verdict is VisitVerdict.AGREES for one in mine),
            let_in=let_in,
            refused_by_network=by_network,
            refused_by_identity=len(mine) - let_in - by_network,
        )


def judge_visit(visit: Visit, page: BrowserPage, email: str) -> VisitResult:
    """The result of a visit that was tried; `email` is who they signed in as."""
    refused_by, reason = _refusal(page)
    return VisitResult(
        visit=visit, status=page.status, refused_by=refused_by, reason=reason, verdict=_verdict(visit, page, email)
    )


def judge_session(visit: Visit, session_seconds: int, page: BrowserPage, *, lasts: bool) -> SessionResult:
    """The result of a visit that long after a sign-in."""
    refused_by, reason = _refusal(page)
    return SessionResult(
        application=visit.application,
        person=visit.person.label,
        session_seconds=session_seconds,
        lasts=lasts,
        status=page.status,
        refused_by=refused_by,
        reason=reason,
    )


def judge_failed_sign_in(visit: Visit, reason: str) -> VisitResult:
    """The result of a visit by somebody whom the identity provider did not sign in."""
    return VisitResult(visit=visit, status=0, refused_by="sign-in", reason=reason, verdict=VisitVerdict.NOT_SIGNED_IN)


def _refusal(page: BrowserPage) -> tuple[str, str]:
    if not page.connected:
        return "network", page.problem
    if page.status == _OK:
        return "", ""
    return page.says("part"), page.says("refused") or page.problem


def _verdict(visit: Visit, page: BrowserPage, email: str) -> VisitVerdict:
    if not visit.network or not page.connected:
        wrong = VisitVerdict.OPEN if page.connected else VisitVerdict.CLOSED
        return VisitVerdict.AGREES if visit.network is page.connected else wrong
    headers = page.headers or {}
    right = (
        headers.get(STAND_IN_HEADER, "").endswith(f"; {visit.address}")
        and headers.get(APPLICATION_HEADER) == visit.application
    )
    if page.status == _OK:
        right = right and page.says("application") == visit.application and page.says("person") in {email, ""}
        agrees, wrong = visit.identity, VisitVerdict.LET_IN
    else:
        # A refusal for any other reason (a dead application, a broken deployment) must not pass for the policy's.
        right = right and page.status == _FORBIDDEN and page.says("part") in _IDENTITY_PARTS
        agrees, wrong = not visit.identity, VisitVerdict.REFUSED
    if not right:
        return VisitVerdict.OTHER
    return VisitVerdict.AGREES if agrees else wrong
