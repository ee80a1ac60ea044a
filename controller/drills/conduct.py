"""Conducts a drill: carries it out, holds it against the targets, keeps its record, also where it broke off.

A kind of drill is a `Drill`: what it is about, and what carries it out and measures. Nothing else here knows kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.drills.drill_record import (
    MOST_FINDINGS,
    MOST_ROWS,
    DrillRecord,
    MeasuredPart,
    MeasuredRecovery,
    build_record,
    find_missed_targets,
    list_targets,
)
from controller.drills.drill_store import KeptDrill, keep_drill
from controller.errors import DrillRefused, Interrupted, TsunaguError
from controller.inputs.shown_text import escape_lines
from controller.model.city import City
from controller.platforms.transport.base import Clock
from controller.storage.audit.audit_trail import AuditKind, AuditTrail

_LONGEST = 500
_PLAIN = str.maketrans({"{": "(", "}": ")", "<": "(", ">": ")", "`": "'", "$": "?", "\\": "/"})
"""What stands in a record for signs that another language would read."""


@dataclass(frozen=True, slots=True)
class DrillResult:
    """What a drill measured, and what was seen; `failure` says why what came back is not what it must be.

    `parts` and `lost_rows` are as in the record. `write_report` makes a report for people of the record, by language.
    """

    measured: MeasuredRecovery
    findings: tuple[str, ...] = ()
    failure: str = ""
    parts: tuple[MeasuredPart, ...] = ()
    lost_rows: tuple[int, ...] = ()
    write_report: Callable[[DrillRecord], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill of a kind. `carry_out` loses something on purpose, brings it back and measures that.

    It is held against the targets of `applications`; None: of all that have some.
    """

    kind: str
    subject: str
    carry_out: Callable[[], DrillResult]
    applications: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class DrillOffice:
    """Where drills are kept, who takes part, and the city whose targets hold."""

    city: City
    state: Path
    trail: AuditTrail
    clock: Clock
    people: tuple[str, ...]


def _say_nothing(_record: DrillRecord, _kept: KeptDrill) -> None:
    """Say nothing."""


def conduct_drill(
    drill: Drill, office: DrillOffice, say: Callable[[DrillRecord, KeptDrill], None] = _say_nothing
) -> tuple[DrillRecord, KeptDrill]:
    """Carry a drill out and keep its record; one that breaks off did not pass, and its record says why.

    `say` says the end of one that did not break off, also where the audit trail cannot be written any more.

    Raises:
        DrillRefused: the record cannot be kept; who takes part or what it is about cannot stand in one: before that.
        AuditRefused: the audit trail cannot be written: before anything is lost on purpose, or behind `say`.
    """
    at = office.clock.now()
    _build(drill, office, DrillResult(MeasuredRecovery()), at)
    office.trail.record(AuditKind.DRILLED, drill=drill.kind, subject=drill.subject, end="begun")
    try:
        result = drill.carry_out()
    except TsunaguError as error:
        result = DrillResult(MeasuredRecovery(), failure=str(error))
    except BaseException as error:
        # Ctrl-C, or a fault of ours: it has a record all the same, and goes on its way.
        why = (
            f"it was broken off ({error.__class__.__name__}) {error if isinstance(error, Interrupted) else ''}".rstrip()
        )
        try:
            _record_end(office, *_keep(drill, office, DrillResult(MeasuredRecovery(), failure=why), at))
        except TsunaguError as unkept:
            if isinstance(error, KeyboardInterrupt):
                raise Interrupted(str(unkept)) from error
            error.add_note(str(unkept))
        raise
    record, kept = _keep(drill, office, result, at)
    try:
        _record_end(office, record, kept)
    finally:
        say(record, kept)
    return record, kept


def _record_end(office: DrillOffice, record: DrillRecord, kept: KeptDrill) -> None:
    about = {"drill": record.kind, "record": kept.path.name, "sha256": kept.sha256}
    office.trail.record(AuditKind.DRILLED, **about, end=_name_end(record))


def _keep(drill: Drill, office: DrillOffice, result: DrillResult, at: object) -> tuple[DrillRecord, KeptDrill]:
    record = _build(drill, office, result, at)
    try:
        reports = {} if result.write_report is None else result.write_report(record)
        return record, keep_drill(record, office.state, reports)
    except TsunaguError as error:
        # What was measured is not lost with it.
        measured = result.measured.model_dump(mode="json", exclude_none=True)
        seen = [f"{name} {value}" for name, value in measured.items()] + [result.failure] * bool(result.failure)
        message = f"{error}; the drill {_name_end(record)}: {', '.join(seen) or 'nothing was measured'}"
        raise DrillRefused(message) from None


def _name_end(record: DrillRecord) -> str:
    return "passed" if record.passed else "not passed"


def _build(drill: Drill, office: DrillOffice, result: DrillResult, at: object) -> DrillRecord:
    expected = list_targets(office.city, drill.applications)
    missed = find_missed_targets(expected, result.measured)
    findings = [words for words in map(_shorten, result.findings) if words]
    if len(findings) > MOST_FINDINGS:
        findings[MOST_FINDINGS - 1 :] = [f"and {len(findings) - MOST_FINDINGS + 1} more"]
    return build_record(
        {
            "kind": drill.kind,
            "at": at,
            "people": office.people,
            "estate": office.city.estate,
            "subject": _shorten(drill.subject),
            "expected": expected,
            "measured": result.measured,
            "missed": missed,
            "findings": tuple(findings),
            "parts": result.parts,
            "lost_rows": result.lost_rows[:MOST_ROWS],
            "failure": _shorten(result.failure),
            "passed": not (result.failure or missed),
        }
    )


def _shorten(text: str) -> str:
    """Return words on one line, as a record may hold them."""
    return escape_lines(" ".join(text.split())).translate(_PLAIN)[:_LONGEST]


def describe_targets(record: DrillRecord) -> Sequence[str]:
    """Return in words which targets were missed."""
    return [
        f"{one.application}: {one.target.upper()} {one.measured_seconds:,.1f} s, at most {one.expected_seconds:,.0f} s"
        for one in record.missed
    ]
