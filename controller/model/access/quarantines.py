"""What is cut off: ports and schools in quarantine for some days, and schools that are closed for good.

A port in quarantine is an access port of the segment that 802.1X puts the unknown into (`otherwise` in
`admission.yaml`), whatever its blueprint says. A school in quarantine, and one that is closed, is permitted nothing but
what its devices and the controller need, and the rules that the quarantine keeps. Forbids hold as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import AnsweredFor
from controller.model.access.rules import CONTROLLER, Rule
from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.packets import Effect
from controller.model.sites.calendar import CalendarDay
from controller.model.sites.devices import Device
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel

LONGEST_QUARANTINE = 366
"""Days; what shall last longer is a rule, another blueprint, or a closed school."""
PortName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9 ./:_-]{0,60}$")]


class Quarantine(LocatedItem):
    """A school, or a port of a device, that is cut off from a day until another, both included.

    `reason` and `by`: why, and who answers for it. `keeps`: rules that go on permitting at a school what they permit.
    """

    school: Identifier | None = None
    device: Identifier | None = None
    port: PortName | None = None
    since: CalendarDay
    until: CalendarDay
    reason: AnsweredFor
    by: AnsweredFor
    keeps: tuple[Identifier, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if (self.device is None) != (self.port is None) or (self.school is None) == (self.device is None):
            message = "name either a school, or a device and its port"
            raise ValueError(message)
        if self.keeps and self.school is None:
            message = "'keeps' is for schools; a port in quarantine has what rules permit its segment"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until < self.since:
            message = f"ends ({self.until}) before it begins ({self.since})"
            raise ValueError(message)
        if (self.until - self.since).days >= LONGEST_QUARANTINE:
            message = (
                f"lasts more than {LONGEST_QUARANTINE} days ({self.since} to {self.until}); name an earlier last day"
            )
            raise ValueError(message)
        return self

    @property
    def subject(self) -> str:
        """What is cut off, in words: `school kw-e01` or `port GigabitEthernet1/0/5 of kw-e01-floor1`."""
        return f"school {self.school}" if self.school else f"port {self.port} of {self.device}"

    @property
    def target(self) -> tuple[str, ...]:
        """What is cut off: a school, or a device and its port."""
        return (self.school,) if self.school else (self.device or "", self.port or "")

    def holds_on(self, day: date) -> bool:
        """Tell if it is in force on a day."""
        return self.since <= day <= self.until


class ClosedSchool(LocatedItem):
    """A school that is out of service from a day on. Its filters stay on its devices, and let nothing pass."""

    school: Identifier
    since: CalendarDay
    reason: AnsweredFor
    by: AnsweredFor

    def holds_on(self, day: date) -> bool:
        """Tell if the school is closed on a day."""
        return self.since <= day


class QuarantineFile(StrictModel):
    """`policies/access/quarantines.yaml`: what is cut off for some days, and the schools that are closed for good."""

    quarantines: tuple[Quarantine, ...] = ()
    closed: tuple[ClosedSchool, ...] = ()


class CutOffs:
    """What the file cuts off on a day."""

    def __init__(self, file: QuarantineFile, day: date) -> None:
        self.in_force = tuple(one for one in file.quarantines if one.holds_on(day))
        self.closed = frozenset(one.school for one in file.closed if one.holds_on(day))
        """The schools that are closed."""

    @cached_property
    def kept_rules(self) -> Mapping[str, frozenset[str]]:
        """The rules that go on permitting, by each school that is cut off; a closed one keeps none."""
        kept = {one.school: frozenset(one.keeps) for one in self.in_force if one.school is not None}
        return kept | {name: frozenset[str]() for name in self.closed}

    @cached_property
    def ports(self) -> Mapping[str, frozenset[str]]:
        """The names of the ports that are cut off, by device."""
        found: dict[str, frozenset[str]] = {}
        for one in self.in_force:
            if one.device is not None and one.port is not None:
                found[one.device] = found.get(one.device, frozenset()) | {one.port}
        return found

    def list_askers(self, rule: Rule, school: str, management: str) -> tuple[str, ...]:
        """The segments (and the controller) that the network part of a rule lets ask at a school that it is for."""
        asking = rule.network.from_ if rule.network else ()
        kept = self.kept_rules.get(school)
        if kept is None or rule.id in kept or rule.effect is Effect.FORBID:
            return asking
        return tuple(name for name in asking if name in (CONTROLLER, management))

    def close_ports(self, device: Device, segment: str) -> Device:
        """The device with its ports in quarantine as access ports of the segment of the unknown."""
        names = self.ports.get(device.id)
        if names is None:
            return device
        ports = (
            replace(one, mode=PortMode.ACCESS, segments=(segment,), role=PortRole.HOST_FACING)
            if one.name in names
            else one
            for one in device.ports
        )
        return replace(device, ports=tuple(ports))

    def touches(self, device: Device) -> bool:
        """Tell if a device's school or a port of it is cut off."""
        return device.school.id in self.kept_rules or device.id in self.ports

    def describe(self, school: str) -> str:
        """What is cut off of a school as a whole, as a text that two schools share only if it is the same of both."""
        kept = self.kept_rules.get(school)
        return "" if kept is None else f"cut off but for: {', '.join(sorted(kept))}"
