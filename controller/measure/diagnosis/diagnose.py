"""From a school's evidence to its diagnosis: a pure function, with no probe, no store and no clock.

Nothing is named without a fault, and where two parts could be at fault both are told: a wrong name sends somebody to
the wrong place.
"""

from __future__ import annotations

from dataclasses import replace

from controller.measure.diagnosis.capacity import find_slowness, is_throughput_hidden
from controller.measure.diagnosis.causes import Cause, Diagnosis, Fact, Finding, Proof
from controller.measure.diagnosis.evidence import SchoolEvidence
from controller.measure.diagnosis.path_faults import find_path_faults
from controller.measure.diagnosis.school_side import find_inside_faults, find_router_faults, find_small_contract
from controller.measure.diagnosis.services import find_service_faults
from controller.measure.diagnosis.silence import find_silence

_LOSES = frozenset({Cause.LINE_LOSS, Cause.ROUTER_LOSS, Cause.UPSTREAM_LOSS})
_LATE = frozenset({Cause.LINE_DELAY, Cause.UPSTREAM_DELAY})


def diagnose_school(school: SchoolEvidence) -> Diagnosis:
    """What is wrong at a school, the worst first.

    >>> slow = Reading(Answer.ANSWERED, 20.0)
    >>> backup = PathEvidence("backup", "tokyo", Family.V4, download=Reading(Answer.ANSWERED, 90.0))
    >>> seen = (PathEvidence("primary", "tokyo", Family.V4, download=slow, upload=slow), backup)
    >>> lines = {"primary": 200.0, "backup": 100.0}
    >>> (found,) = diagnose_school(SchoolEvidence("a", "primary", 150, lines, lines, lines, seen)).findings
    >>> str(found.named)
    'line-slow'
    >>> (found,) = diagnose_school(SchoolEvidence("a", "primary", 150, lines, lines, lines, seen[:1])).findings
    >>> [str(cause) for cause in found.causes]  # nothing else came through this router, or from this region
    ['line-slow', 'router-slow', 'upstream-slow']
    """
    silence = tuple(find_silence(school))
    paths = tuple(find_path_faults(school))
    hiding = next((one for one in paths if _hides_throughput(one, school)), None)
    if hiding is not None and is_throughput_hidden(school):
        said = replace(hiding, proofs=(*hiding.proofs, Proof(Fact.CAPACITY_UNKNOWN, {})))
        paths = tuple(said if one is hiding else one for one in paths)
    found = (
        *silence,
        *paths,
        *find_slowness(school, hidden_by=hiding),
        *find_service_faults(
            school,
            loses=any(_LOSES & set(one.causes) for one in paths),
            swallows=any(Cause.PATH_MTU in one.causes for one in paths),
        ),
        *find_router_faults(school),
        *find_inside_faults(school),
        *(find_small_contract(school) if hiding is None else ()),
    )
    told: dict[tuple[tuple[Cause, ...], str], Finding] = {}
    for one in found:
        told.setdefault((one.causes, one.about), one)  # two lines may show the same fault of what they share
    return Diagnosis(school.school, tuple(told.values()), school.groups)


def _hides_throughput(found: Finding, school: SchoolEvidence) -> bool:
    """Whether TCP cannot fill the assessed line because of this."""
    mine = found.about in (school.assessed_line, "") or found.about not in school.lines
    return mine and bool((_LOSES | _LATE | {Cause.PATH_MTU}) & set(found.causes))
