"""A drill of a region as one of the drills that are kept: its targets, its findings, its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from controller.drills.conduct import Drill, DrillResult
from controller.drills.drill_record import MeasuredPart, MeasuredRecovery
from controller.errors import TsunaguError
from controller.lab.trials.region.drill_report import write_reports
from controller.lab.trials.region.region_drill import RegionDrill
from controller.lab.trials.region.region_evidence import RegionEvidence
from stacks.settings.database_pair import OperationKind

NOT_TRIED = "nothing was tried on Google, where the promotion and the quota of Cloud SQL take longer"


def build_region_drill(drill: RegionDrill, steps: Sequence[OperationKind]) -> Drill:
    """Return the drill of a region as it is conducted; it is held against the targets of its application alone."""
    evidence = drill.evidence
    run = carry_out(lambda: drill.run(steps), evidence)
    return Drill("region", f"the region {evidence.region}", run, frozenset({evidence.application}))


def carry_out(run: Callable[[], object], evidence: RegionEvidence) -> Callable[[], DrillResult]:
    """Return what runs a drill and says what it measured, also where it broke off behind that."""

    def work() -> DrillResult:
        failure = ""
        try:
            run()
        except TsunaguError as error:
            failure = str(error)
        return describe_result(evidence, "; ".join(filter(None, (failure, evidence.find_failure()))))

    return work


def describe_result(evidence: RegionEvidence, failure: str) -> DrillResult:
    """Return what a drill measured and saw, as its record holds it."""
    return DrillResult(
        measured=MeasuredRecovery(rto_seconds=evidence.rto_seconds, rpo_seconds=evidence.rpo_seconds),
        findings=tuple(_list_findings(evidence)),
        failure=failure,
        parts=tuple(MeasuredPart(part=name, seconds=seconds) for name, seconds in evidence.parts),
        lost_rows=tuple(one.number for one in evidence.lost),
        write_report=lambda record: write_reports(evidence, record),
    )


def say_switched_back(region: str, lost: int) -> str:
    """Return how the finding about the switchover back begins; who judges a record looks for it.

    >>> say_switched_back("tokyo", 0)
    'switchover back to tokyo: 0 rows lost'
    """
    return f"switchover back to {region}: {lost} rows lost"


def _list_findings(evidence: RegionEvidence) -> Iterator[str]:
    yield f"{evidence.acknowledged} rows of {evidence.person or 'nobody'} were acknowledged through the proxy"
    if evidence.rto_seconds is not None:
        parts = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in evidence.parts)
        yield f"RTO {evidence.rto_seconds:.2f} s, from the first failure to the first success: {parts}"
    if evidence.calls_to_the_lost is not None:
        yield f"the failover made {evidence.calls_to_the_lost} calls to {evidence.region}, where Google answered 503"
    for one in evidence.lost:
        age = 0.0 if evidence.cut is None else evidence.cut - one.ended
        # An answer that was on its way comes in a moment later.
        before = f"{abs(age):.3f} s {'before' if age >= 0 else 'after'} the cut"
        old = {
            "there": "still in the old database",
            "gone": "in no database",
            "unknown": "the old database was not read",
        }
        yield f"lost: row {one.number}, acknowledged {before}, {old[evidence.describe_old(one.number)]}"
    if evidence.unacknowledged:
        rows = ", ".join(map(str, evidence.unacknowledged))
        yield f"kept though never acknowledged, and not counted as lost: rows {rows}"
    if evidence.rebuilt_seconds is not None:
        yield f"rebuild: a new copy in {evidence.region} followed after {evidence.rebuilt_seconds:.1f} s"
    if evidence.turned_lost is not None:
        still = 0.0 if evidence.turned is None else evidence.turned.seconds
        yield f"{say_switched_back(evidence.region, len(evidence.turned_lost))}, no write for {still:.2f} s"
    yield NOT_TRIED
