"""What is asked between the waves of a rollout, as the operators' file says it."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from controller.errors import Origin
from controller.model.yaml_source import LocatedItem

_DEFAULTS = Origin("the defaults", 1)


class GateKind(StrEnum):
    """What a gate asks after a wave.

    - management: the devices of the wave and the others of its schools answer over SSH;
    - policy-probes: connections of a sample are permitted and denied as the policy says;
    - services: what the schools measure since the wave (names, pages) is answered;
    - bandwidth: the medians since the wave are not much worse than those before it;
    - drift: the devices hold what the plan leads to, and others of the schools what they held before;
    - day-at-school: what people, printers and visitors do in a day is permitted and denied as the policy says.
    """

    MANAGEMENT = "management"
    POLICY_PROBES = "policy-probes"
    SERVICES = "services"
    BANDWIDTH = "bandwidth"
    DRIFT = "drift"
    DAY_AT_SCHOOL = "day-at-school"


class DayVisit(StrEnum):
    """Who does something at a school, and where: the parts of the gate day-at-school."""

    STAFF_ROOM = "staff-room"
    CLASSROOM = "classroom"
    HOME = "home"
    PUPIL = "pupil"
    PRINTER = "printer"
    VISITOR = "visitor"


class GateRule(LocatedItem):
    """A gate after a wave, and how it judges.

    `wait_minutes`: where it cannot be judged yet (nothing was measured since), it is asked again for so long. Of
    `policy-probes`: `sample` connections are tried. Of `bandwidth`: it fails where a median is worse by more than
    `worse_by_percent` than that of the `before_hours` before the wave. Of `day-at-school`: what is named in `leave_out`
    is not tried; where it is not, it must have been.
    """

    origin: Origin = _DEFAULTS
    kind: GateKind
    wait_minutes: int = Field(default=0, ge=0, le=24 * 60)
    sample: int | None = Field(default=None, ge=1, le=10_000)
    worse_by_percent: int | None = Field(default=None, ge=0, le=99)
    before_hours: int | None = Field(default=None, ge=1, le=24 * 60)
    leave_out: tuple[DayVisit, ...] | None = Field(default=None, max_length=len(DayVisit))

    @model_validator(mode="after")
    def _own_parameters(self) -> Self:
        for name, kind in _OWNERS.items():
            if getattr(self, name) is not None and self.kind is not kind:
                message = f"{name.replace('_', '-')!r} says something of the gate {kind!s} only, not of {self.kind!s}"
                raise ValueError(message)
        return self


_OWNERS = {
    "sample": GateKind.POLICY_PROBES,
    "worse_by_percent": GateKind.BANDWIDTH,
    "before_hours": GateKind.BANDWIDTH,
    "leave_out": GateKind.DAY_AT_SCHOOL,
}
SAMPLE = 20
WORSE_BY_PERCENT = 20
BEFORE_HOURS = 7 * 24
"""What holds of a gate where the operators say nothing of it."""
