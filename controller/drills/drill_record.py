"""The record of a drill, `drill/1`: when, by whom, what was expected, what was measured, and whether it passed.

`docs/json/drill.schema.json` is its schema. A new kind of drill is a new word in `kind`: readers take any. What changes
the meaning of a field is a new format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controller.errors import DrillRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.character_classes import Name, Sentence
from controller.model.city import City
from controller.model.sites.schools import Identifier

MOST_BYTES = 8 << 20
"""As much as a record with the most of everything has."""
MOST_FINDINGS = 100
MOST_SECONDS = 1e9
"""Some thirty years."""
_Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
MOST_ROWS = 10_000
_RowNumber = Annotated[int, Field(ge=1, lt=2**53)]
_Words = Annotated[Sentence, Field(min_length=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExpectedRecovery(_Frozen):
    """The targets of an application, as the policy had them that day."""

    application: Identifier
    rto_seconds: _Seconds
    rpo_seconds: _Seconds


class MeasuredRecovery(_Frozen):
    """What was measured. `rto_seconds`: until it worked again; `rpo_seconds`: the age of what came back then.

    None: a drill of this kind does not measure it, or broke off before.
    """

    rto_seconds: _Seconds | None = None
    rpo_seconds: _Seconds | None = None


class MissedTarget(_Frozen):
    """A target that was not met."""

    application: Identifier
    target: Literal["rto", "rpo"]
    expected_seconds: _Seconds
    measured_seconds: _Seconds


class MeasuredPart(_Frozen):
    """A part of the time until it worked again; the parts of a drill add up to its RTO."""

    part: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,30}$")]
    seconds: _Seconds


class DrillRecord(_Frozen):
    """A drill. `subject` is what was lost on purpose, `findings` what was seen.

    `parts` are those of the RTO, `lost_rows` the numbers of the rows that were acknowledged and lost; both are empty in
    kinds of drills that have none.

    `failure` says why it broke off, or why what came back is not what it must be; "" where neither is so. `passed`: it
    went through, and no target was missed.
    """

    format: Literal["drill/1"] = "drill/1"
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,30}$")]
    at: AwareDatetime
    people: Annotated[tuple[Annotated[Name, Field(min_length=1)], ...], Field(min_length=1, max_length=50)]
    estate: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,30}$")]
    subject: _Words
    expected: Annotated[tuple[ExpectedRecovery, ...], Field(max_length=10_000)]
    measured: MeasuredRecovery
    missed: Annotated[tuple[MissedTarget, ...], Field(max_length=20_000)] = ()
    findings: Annotated[tuple[_Words, ...], Field(max_length=MOST_FINDINGS)] = ()
    parts: Annotated[tuple[MeasuredPart, ...], Field(max_length=20)] = ()
    lost_rows: Annotated[tuple[_RowNumber, ...], Field(max_length=MOST_ROWS)] = ()
    failure: Sentence = ""
    passed: bool

    def format_text(self) -> str:
        """Return the record as it is kept."""
        return self.model_dump_json(indent=1) + "\n"


def list_targets(city: City, applications: frozenset[str] | None = None) -> tuple[ExpectedRecovery, ...]:
    """Return the targets of every application that has some; of these applications alone where they are named."""
    return tuple(
        ExpectedRecovery(application=name, rto_seconds=one.recovery.rto_seconds, rpo_seconds=one.recovery.rpo_seconds)
        for name, one in sorted(city.applications.items())
        if one.recovery is not None and (applications is None or name in applications)
    )


def find_missed_targets(expected: Iterable[ExpectedRecovery], measured: MeasuredRecovery) -> tuple[MissedTarget, ...]:
    """Return the targets that what was measured does not meet.

    >>> expected = ExpectedRecovery(application="affairs", rto_seconds=60, rpo_seconds=3600)
    >>> [one.target for one in find_missed_targets([expected], MeasuredRecovery(rto_seconds=61, rpo_seconds=3600))]
    ['rto']
    """
    found = []
    for one in expected:
        pairs: tuple[tuple[Literal["rto", "rpo"], float, float | None], ...] = (
            ("rto", one.rto_seconds, measured.rto_seconds),
            ("rpo", one.rpo_seconds, measured.rpo_seconds),
        )
        for target, most, seconds in pairs:
            if seconds is not None and seconds > most:
                missed = {"expected_seconds": most, "measured_seconds": seconds}
                found.append(MissedTarget(application=one.application, target=target, **missed))
    return tuple(found)


def parse_drill_record(content: bytes, source: str) -> DrillRecord:
    """Return the record of a drill; `source` names its file in errors.

    Raises:
        DrillRefused: it is none, or of another format.
    """
    try:
        return DrillRecord.model_validate(parse_json(content, most_bytes=MOST_BYTES))
    except JsonRefused as error:
        message = f"{source}:{error.line}: is no record of a drill: {error.why}"
        raise DrillRefused(message) from None
    except ValidationError as error:
        message = f"{source}: is no record of a drill: {_describe_fault(error)}"
        raise DrillRefused(message) from None


def build_record(values: Mapping[str, object]) -> DrillRecord:
    """Return a record of what was done.

    Raises:
        DrillRefused: a record cannot hold one of the values; names it.
    """
    try:
        return DrillRecord.model_validate(values)
    except ValidationError as error:
        message = f"the record of a drill cannot hold this: {_describe_fault(error)}"
        raise DrillRefused(message) from None


def _describe_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])[:80]}: {first['msg']}"


def measure_age(then: datetime, now: datetime, source: str) -> float:
    """Return how old a backup is, in seconds; `source` names it in errors.

    Raises:
        DrillRefused: it is older than a record can hold.

    >>> measure_age(datetime(2026, 11, 1), datetime(2026, 11, 1, 1), "backup.tar")
    3600.0
    """
    age = max(0.0, (now - then).total_seconds())
    if age > MOST_SECONDS:
        message = f"{source}: says that it is of {then:%Y-%m-%d}: look at the clock of the machine that made it"
        raise DrillRefused(message)
    return age


def describe_age(then: datetime, now: datetime) -> str:
    """Return how long ago something was, as people say it.

    >>> describe_age(datetime(2026, 11, 1), datetime(2026, 11, 4, 12))
    '3 days ago'
    """
    hours = (now - then).total_seconds() / 3600
    if hours < 48:  # noqa: PLR2004 two days
        return f"{max(0, hours):.0f} hours ago"
    return f"{hours // 24:.0f} days ago"
