"""Which checks there are, how all are asked, and how one is passed by its name and a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import escape_controls, shorten_value
from controller.integration.pre_checks.check import CheckName, CheckResult, CheckScene, PreCheck, leave_unjudged
from controller.integration.pre_checks.device_checks import (
    AdoptedCheck,
    BackedUpCheck,
    CapableCheck,
    NoDriftCheck,
    ReachableCheck,
    SocketsCheck,
)
from controller.integration.pre_checks.list_checks import IssuedCheck, PrintersCheck
from controller.integration.pre_checks.school_checks import CalendarCheck, LineCheck, NoRolloutCheck, NotCutOffCheck
from controller.rollout.durable.gates.gate import GateVerdict

PRE_CHECKS: Mapping[CheckName, PreCheck] = MappingProxyType(
    {
        CheckName.REACHABLE: ReachableCheck(),
        CheckName.CAPABLE: CapableCheck(),
        CheckName.ADOPTED: AdoptedCheck(),
        CheckName.BACKED_UP: BackedUpCheck(),
        CheckName.NO_DRIFT: NoDriftCheck(),
        CheckName.SOCKETS: SocketsCheck(),
        CheckName.LINE: LineCheck(),
        CheckName.CALENDAR: CalendarCheck(),
        CheckName.NOT_CUT_OFF: NotCutOffCheck(),
        CheckName.NO_ROLLOUT: NoRolloutCheck(),
        CheckName.PRINTERS: PrintersCheck(),
        CheckName.ISSUED: IssuedCheck(),
    }
)
"""In the order in which people read them."""
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class JudgedCheck:
    """A check and how it was judged; `reason` is why somebody passes it all the same, "" where nobody does.

    Only what nobody could judge is passed by its name. What was judged and failed is to be mended.
    """

    name: CheckName
    result: CheckResult
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Tell if nothing stands in the way: it passed, or somebody passed it by its name."""
        return self.result.verdict is GateVerdict.PASSED or self.passed_by_name

    @property
    def passed_by_name(self) -> bool:
        """Tell if nobody could judge it, and somebody passed it with a reason."""
        return self.result.verdict is GateVerdict.NOT_JUDGED and bool(self.reason)


def find_pass_reasons(given: Sequence[str]) -> Mapping[CheckName, str]:
    """Return which checks are passed by their name, each with its reason, as `CHECK=REASON` says.

    >>> find_pass_reasons(["printers=一覧は紙で確認した"])
    {<CheckName.PRINTERS: 'printers'>: '一覧は紙で確認した'}

    Raises:
        TsunaguError: there is no such check, it is named twice, or no reason is given.
    """
    found: dict[CheckName, str] = {}
    for text in given:
        word, _, reason = text.partition("=")
        if word not in set(CheckName):
            near = suggest_names(word, [*CheckName])
            message = f"--pass: there is no check {shorten_value(word)}; there are: {', '.join(CheckName)}{near}"
            raise TsunaguError(message)
        reason = " ".join(reason.split())
        if not reason or len(reason) > LONGEST_REASON or escape_controls(reason) != reason:
            message = f"--pass {word}: give a reason of 1 to {LONGEST_REASON} characters in one line: {word}=REASON"
            raise TsunaguError(message)
        if CheckName(word) in found:
            message = f"--pass {word}: is named twice; name it once"
            raise TsunaguError(message)
        found[CheckName(word)] = reason
    return found


def ask_checks(
    scene: CheckScene, reasons: Mapping[CheckName, str], checks: Mapping[CheckName, PreCheck] = PRE_CHECKS
) -> tuple[JudgedCheck, ...]:
    """Ask every check; what breaks one leaves it not judged."""
    return tuple(JudgedCheck(name, _ask(one, scene), reasons.get(name, "")) for name, one in checks.items())


def _ask(check: PreCheck, scene: CheckScene) -> CheckResult:
    try:
        return check.judge(scene)
    except TsunaguError as error:
        return leave_unjudged("check-refused", why=str(error))
