"""The JSON document of `tsunagu integrate plan`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from typing_extensions import TypedDict

from controller.cli.integration.brought_lists import RowsOfOthers
from controller.cli.output import get_words
from controller.integration.effects import StageEffects
from controller.integration.interruption import RULES, Interruption, MeasuredInterruptions
from controller.integration.pre_checks.registry import JudgedCheck
from controller.integration.pre_checks.stage_claims import StageClaims
from controller.integration.stage_policy import StagePolicy
from controller.integration.way_back import WayBack
from controller.plan.document import PlanFile


class CheckedDocument(TypedDict):
    """A check before a change of stage: passed, failed or not judged; `reason` is why somebody passed it by name."""

    name: str
    verdict: str
    passed: bool
    seen: str
    reason: str


class StayingDocument(TypedDict):
    """A school of the subject that stays in its stage, and the entry that decides so."""

    school: str
    stage: str
    entry: str


class SeatMoveDocument(TypedDict):
    """Sockets (`places`) or a wireless network that change their segment."""

    role: str
    network: str
    places: str
    before: str
    after: str
    devices: int
    schools: int


class WayDocument(TypedDict):
    """A way from a segment to an application that opens or closes."""

    way: str
    segment: str
    application: str
    services: list[str]
    schools: list[str]


class LostDocument(TypedDict):
    """An application of the staff that no segment reaches any more, at which schools."""

    application: str
    schools: list[str]


class InterruptionDocument(TypedDict):
    """A device in the order of the rollout, and for how long it interrupts somebody at most."""

    device: str
    steps: list[str]
    causes: list[str]
    seconds: int
    minutes: int


class InterruptionRuleDocument(TypedDict):
    """The rule that a bound comes from; `measured_seconds` is the lab's figure, None where there is none."""

    cause: str
    seconds: int
    source: str
    measured_seconds: float | None


class WayBackDocument(TypedDict):
    """From how many states the way back was planned and proved, and what is wrong in any."""

    states: int
    between: int
    faults: list[str]


class StageClaimsDocument(TypedDict):
    """By which branch of the guideline's 6.1(7) each stage holds, and what is wrong with the one that comes."""

    before: list[str]
    after: list[str]
    faults: list[str]


class RowsOfOthersDocument(TypedDict):
    """Rows of a list of schools that do not change, by school; `kept`: written again as they are, but for `dropped`."""

    file: str
    schools: dict[str, int]
    kept: bool
    dropped: list[str]


class IntegratePlanDocument(TypedDict):
    """The JSON document of `integrate plan`; `plan` is None where nothing was planned.

    `expires_before_cutover`: the plan is to be made again on the day, by the same command.
    """

    subject: dict[str, str]
    before: str
    after: str
    cutover: str
    by: str
    schools: list[str]
    staying: list[StayingDocument]
    checks: list[CheckedDocument]
    rows_of_others: list[RowsOfOthersDocument]
    moves: list[SeatMoveDocument]
    ways: list[WayDocument]
    lost: list[LostDocument]
    interruptions: list[InterruptionDocument]
    rules: list[InterruptionRuleDocument]
    way_back: WayBackDocument
    claims: StageClaimsDocument
    written: list[str]
    expires_before_cutover: bool
    plan: PlanFile | None


def build_plan_document(
    policy: StagePolicy,
    checks: tuple[JudgedCheck, ...],
    found: tuple[StageEffects, tuple[Interruption, ...], WayBack, StageClaims],
    ended: tuple[list[str], PlanFile | None],
    more: tuple[MeasuredInterruptions | None, tuple[RowsOfOthers, ...]],
) -> Mapping[str, object]:
    """Return the document; `ended` are the files that were written, and the plan."""
    measured, rows = more
    effects, interruptions, way_back, claims = found
    return {
        "subject": {policy.subject.noun: policy.subject.name},
        "before": str(policy.stage_before),
        "after": str(policy.stage),
        "cutover": str(policy.cutover),
        "by": policy.by,
        "schools": list(policy.schools),
        "staying": [{"school": one.school, "stage": str(one.stage), "entry": str(one.entry)} for one in policy.staying],
        "checks": [_describe_check(one) for one in checks],
        "rows_of_others": [
            {"file": str(one.file), "schools": dict(one.schools), "kept": one.kept, "dropped": list(one.dropped)}
            for one in rows
        ],
        "moves": [asdict(one) for one in effects.moves],
        "ways": [
            {
                "way": one.way,
                "segment": one.segment,
                "application": one.application,
                "services": list(one.services),
                "schools": list(one.schools),
            }
            for one in effects.ways
        ],
        "lost": [{"application": one.application, "schools": list(one.schools)} for one in effects.lost],
        "interruptions": [
            {
                "device": one.device,
                "steps": list(one.steps),
                "causes": list(one.causes),
                "seconds": one.seconds,
                "minutes": one.minutes,
            }
            for one in interruptions
        ],
        "rules": [
            {
                "cause": str(cause),
                "seconds": rule.seconds,
                "source": rule.source,
                "measured_seconds": measured.seconds.get(cause) if measured else None,
            }
            for cause, rule in RULES.items()
        ],
        "way_back": {
            "states": way_back.states,
            "between": way_back.between,
            "faults": [str(one) for one in way_back.faults],
        },
        "claims": {
            "before": list(claims.branches[0]),
            "after": list(claims.branches[1]),
            "faults": list(claims.differences),
        },
        "written": ended[0],
        "expires_before_cutover": ended[1] is not None and expires_too_early(policy, ended[1]),
        "plan": ended[1].model_dump(mode="json") if ended[1] is not None else None,
    }


def expires_too_early(policy: StagePolicy, plan: PlanFile) -> bool:
    """Tell if a plan expires before the day of its cut-over: then it is made again on that day."""
    return plan.expires.astimezone(policy.after.timezone).date() < policy.cutover


def describe_seen(one: JudgedCheck) -> str:
    """Say what a check saw, in the language of this run."""
    return get_words().say(one.result.key, **one.result.marks)


def _describe_check(one: JudgedCheck) -> CheckedDocument:
    return {
        "name": str(one.name),
        "verdict": str(one.result.verdict),
        "passed": one.passed,
        "seen": describe_seen(one),
        "reason": one.reason if one.passed_by_name else "",
    }
