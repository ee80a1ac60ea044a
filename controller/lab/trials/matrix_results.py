"""What came out of the matrix, pair by pair."""

from __future__ import annotations

from enum import StrEnum

from pydantic import computed_field

from controller.lab.state.layout import Frozen
from controller.lab.trials.matrix_pairs import MatrixPair
from controller.model.network.packets import Family

TITLE = "Network part of the policy, by real TCP connections (it does not judge the identity part)"


class PairVerdict(StrEnum):
    """Whether a pair is as the policy says, and what is wrong where it is not."""

    AGREES = "agrees"
    OPEN = "open but must be closed"
    CLOSED = "closed but must be open"
    DENIED_BY_OTHER = "denied by something else"
    CONTROL_FAILED = "control failed"


class PairResult(Frozen):
    """One pair. `counted`: its filter's deny counter rose. `control`: it connects with the filters off.

    Both are None where they were not asked: for a permitted pair, or without the control.
    """

    pair: MatrixPair
    connected: bool
    counted: bool | None = None
    control: bool | None = None
    detail: str = ""
    verdict: PairVerdict


class PairSummary(Frozen):
    """How many pairs of one family there are, how many agree, and how many of them the policy permits and denies."""

    family: Family
    pairs: int
    agree: int
    permitted: int
    denied: int


class MatrixResult(Frozen):
    """The whole matrix. `untested` are applications without a TCP service; `seconds` is how long it took."""

    title: str = TITLE
    with_control: bool
    results: tuple[PairResult, ...]
    untested: tuple[str, ...]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def agrees(self) -> bool:
        """Whether every pair is as the policy says; a matrix of nothing is not."""
        return bool(self.results) and all(one.verdict is PairVerdict.AGREES for one in self.results)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def summary(self) -> tuple[PairSummary, ...]:
        """The counts, IPv4 and IPv6 apart; of what was tried."""
        tried = {one.pair.target.family for one in self.results}
        return tuple(self._summary(family) for family in Family if family in tried)

    def _summary(self, family: Family) -> PairSummary:
        of_family = [one for one in self.results if one.pair.target.family is family]
        permitted = sum(one.pair.permitted for one in of_family)
        return PairSummary(
            family=family,
            pairs=len(of_family),
            agree=sum(one.verdict is PairVerdict.AGREES for one in of_family),
            permitted=permitted,
            denied=len(of_family) - permitted,
        )


def judge_permitted_pair(pair: MatrixPair, *, connected: bool, detail: str) -> PairResult:
    """The verdict on a pair that must be open."""
    verdict = PairVerdict.AGREES if connected else PairVerdict.CLOSED
    return PairResult(pair=pair, connected=connected, detail=detail, verdict=verdict)


def judge_denied_pair(
    pair: MatrixPair, *, connected: bool, counted: bool, control: bool | None, detail: str
) -> PairResult:
    """The verdict on a pair that must be closed: by that filter, and by nothing else."""
    if connected:
        verdict = PairVerdict.OPEN
    elif control is False:
        verdict = PairVerdict.CONTROL_FAILED
    elif not counted:
        verdict = PairVerdict.DENIED_BY_OTHER
    else:
        verdict = PairVerdict.AGREES
    return PairResult(pair=pair, connected=connected, counted=counted, control=control, detail=detail, verdict=verdict)
