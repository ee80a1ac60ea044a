"""What came of the visits and of the attacks."""

from __future__ import annotations

from enum import StrEnum

from pydantic import computed_field

from controller.lab.iap.names import APPLICATION, SAYS
from controller.lab.state.layout import Frozen
from controller.lab.trials.people.browser import Page
from controller.lab.trials.people.visits import Visit
from controller.model.network.packets import Family

TITLE = "People at applications, by real HTTPS through a stand-in for the identity-aware proxy (it is not Google's)"
_OK, _FORBIDDEN = 200, 403
_IDENTITY_PARTS = ("binding", "condition")


class Verdict(StrEnum):
    """Whether a visit went as both parts of the policy say, and what is wrong where it did not."""

    AGREES = "agrees"
    OPEN = "the network lets through what it must not"
    CLOSED = "the network does not let through what it must"
    LET_IN = "let in but must be refused"
    REFUSED = "refused but must be let in"
    NOT_SIGNED_IN = "could not sign in"
    OTHER = "something else answered"


class Result(Frozen):
    """One visit: what was answered, by which part it was refused ("network" or the proxy's), and in which words."""

    visit: Visit
    status: int
    refused_by: str
    reason: str
    verdict: Verdict


class Attack(Frozen):
    """One attack. `must_work` marks the control: the same way, with nothing wrong, so a refusal means something."""

    name: str
    application: str
    address: str
    status: int
    reason: str
    let_in: bool
    must_work: bool = False


class FamilySummary(Frozen):
    """How many visits of one family there are, how many agree, and what the policy says of them."""

    family: Family
    visits: int
    agree: int
    let_in: int
    refused_by_network: int
    refused_by_identity: int


class People(Frozen):
    """The whole of it; `seconds` is how long it took."""

    title: str = TITLE
    results: tuple[Result, ...]
    attacks: tuple[Attack, ...]
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
        visits = bool(self.results) and all(one.verdict is Verdict.AGREES for one in self.results)
        controls = [one.let_in for one in self.attacks if one.must_work]
        return visits and self.attacks_let_in == 0 and bool(controls) and all(controls)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def summary(self) -> tuple[FamilySummary, ...]:
        """The counts, IPv4 and IPv6 apart."""
        return tuple(self._summary(family) for family in Family)

    def _summary(self, family: Family) -> FamilySummary:
        mine = [one for one in self.results if one.visit.family is family]
        by_network = sum(not one.visit.network for one in mine)
        let_in = sum(one.visit.permitted for one in mine)
        return FamilySummary(
            family=family,
            visits=len(mine),
            agree=sum(one.verdict is Verdict.AGREES for one in mine),
            let_in=let_in,
            refused_by_network=by_network,
            refused_by_identity=len(mine) - let_in - by_network,
        )


def result(visit: Visit, page: Page, email: str) -> Result:
    """The result of a visit that was tried; `email` is who they signed in as."""
    refused_by, reason = _refusal(page)
    return Result(
        visit=visit, status=page.status, refused_by=refused_by, reason=reason, verdict=_verdict(visit, page, email)
    )


def not_signed_in(visit: Visit, reason: str) -> Result:
    """The result of a visit by somebody whom the identity provider did not sign in."""
    return Result(visit=visit, status=0, refused_by="sign-in", reason=reason, verdict=Verdict.NOT_SIGNED_IN)


def _refusal(page: Page) -> tuple[str, str]:
    if not page.connected:
        return "network", page.problem
    if page.status == _OK:
        return "", ""
    return page.says("part"), page.says("refused") or page.problem


def _verdict(visit: Visit, page: Page, email: str) -> Verdict:
    if not visit.network or not page.connected:
        wrong = Verdict.OPEN if page.connected else Verdict.CLOSED
        return Verdict.AGREES if visit.network is page.connected else wrong
    headers = page.headers or {}
    right = headers.get(SAYS, "").endswith(f"; {visit.address}") and headers.get(APPLICATION) == visit.application
    if page.status == _OK:
        right = right and page.says("application") == visit.application and page.says("person") in {email, ""}
        agrees, wrong = visit.identity, Verdict.LET_IN
    else:
        # A refusal for any other reason (a dead application, a broken deployment) must not pass for the policy's.
        right = right and page.status == _FORBIDDEN and page.says("part") in _IDENTITY_PARTS
        agrees, wrong = not visit.identity, Verdict.REFUSED
    if not right:
        return Verdict.OTHER
    return Verdict.AGREES if agrees else wrong
