"""Blueprints: the devices of schools by kind and size, with their ports and wireless networks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.inputs.character_classes import PlatformName, PortPattern, SsidName
from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.lags import LagMode
from controller.model.network.router_link import KeepsState
from controller.model.network.wireless import Protection
from controller.model.sites.school_kinds import SchoolKindId
from controller.model.sites.schools import DeviceRole, Identifier, School
from controller.model.sites.stages import STAGES, Stage, Stages, is_in_stage
from controller.model.yaml_source import LocatedItem, StrictModel

LONGEST_SSID = 32
"""Octets of a network's name (IEEE 802.11)."""
TrunkEncapsulation = Literal["dot1q"]
"""What a switch must be told of its trunks where it knows another encapsulation beside that of IEEE 802.1Q."""
MOST_PORTS = 1_024
"""The highest number of a port of one switch, with its stack."""


def _explain_port_pattern(value: object) -> object:
    if isinstance(value, str) and (value.count("{n}") != 1 or value.count("{") != 1 or value.count("}") != 1):
        message = "needs exactly one mark {n}, where the port's number goes, e.g. GigabitEthernet1/0/{n}"
        raise ValueError(message)
    return value


ExplainedPortPattern = Annotated[PortPattern, BeforeValidator(_explain_port_pattern)]

_MARKUP = frozenset('"$<>\\`{|}')


def _explain_ssid(value: object) -> object:
    if isinstance(value, str) and not (
        value.isascii()
        and value.isprintable()
        and not _MARKUP & set(value)
        and 0 < len(value.strip(" ")) == len(value) <= LONGEST_SSID
    ):
        message = (
            f"an SSID is 1 to {LONGEST_SSID} ASCII letters, digits and signs, without {' '.join(sorted(_MARKUP))} and "
            "without a space at its ends, e.g. school-pupil; a Japanese name stands in the segment's 'name'"
        )
        raise ValueError(message)
    return value


ExplainedSsid = Annotated[SsidName, BeforeValidator(_explain_ssid)]


class PupilRange(StrictModel):
    """An inclusive range of pupil numbers."""

    at_least: int = Field(default=0, ge=0, le=1_000_000)
    at_most: int = Field(default=1_000_000, ge=0, le=1_000_000)


class PortLag(StrictModel):
    """The LAG that ports make together: its number on the switch, and how its two ends agree."""

    number: int = Field(ge=1, le=256)
    mode: LagMode = LagMode.LACP


class PortGroup(LocatedItem):
    """Consecutive ports set alike. `segments` "all" means every segment of the school.

    `pattern` names the n-th of them where that is not what `port_names` says of the platform: the ports of the second
    switch of a stack, or the ones for uplinks. `lag`: they are one port to everything else; groups with the same number
    make one LAG together. `stages`: it is so in these stages of integration only.
    """

    first: int = Field(ge=1, le=MOST_PORTS)
    last: int = Field(le=MOST_PORTS)
    mode: PortMode
    segments: Literal["all"] | tuple[Identifier, ...]
    faces: PortRole = PortRole.HOST_FACING
    pattern: ExplainedPortPattern | None = None
    lag: PortLag | None = None
    stages: Stages = ()

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.last < self.first:
            message = f"last port {self.last} stands before first port {self.first}"
            raise ValueError(message)
        if self.mode is PortMode.ACCESS and (self.segments == "all" or len(self.segments) != 1):
            message = "an access port carries exactly one segment"
            raise ValueError(message)
        return self


class Ssid(LocatedItem):
    """A wireless network of an access point, the segment its clients land in, and how it lets them in.

    `stages`: it is there in these stages of integration only.
    """

    ssid: ExplainedSsid
    segment: Identifier
    protection: Protection = Protection.WPA3_ENTERPRISE
    stages: Stages = ()


class DeviceGroup(LocatedItem):
    """Devices of one role in a blueprint. `platform` maps a procurement lot to a platform name.

    `count` "listed": as many as the inventory lists at the school. `stack`: the switches are one device to everybody
    else, with one configuration and one management address.
    `keeps_state` names the lots whose routers keep the state of TCP, for switches that cannot match its flags,
    `trunk_encapsulation` those whose switches must be told the encapsulation of their trunks.
    """

    role: DeviceRole
    count: Annotated[int, Field(ge=1, le=200)] | Literal["listed"]
    stack: bool = False
    platform: dict[Identifier, PlatformName] = Field(default_factory=dict)
    keeps_state: dict[Identifier, KeepsState] = Field(default_factory=dict)
    trunk_encapsulation: dict[Identifier, TrunkEncapsulation] = Field(default_factory=dict)
    ports: tuple[PortGroup, ...] = ()
    ssids: tuple[Ssid, ...] = ()

    @model_validator(mode="after")
    def _only_routers_keep_state(self) -> Self:
        if self.keeps_state and self.role != "router":
            message = "only a router can be said to keep the state of TCP"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _only_switches_have_trunks(self) -> Self:
        if self.trunk_encapsulation and self.role not in ("core", "floor"):
            message = "only a switch (core, floor) is told the encapsulation of its trunks"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _each_port_once(self) -> Self:
        # An access point's port to the switch is its first.
        refuse_repeated_ports(self.ports, {1} if self.ssids else set())
        return self

    @model_validator(mode="after")
    def _only_switches_stack(self) -> Self:
        if self.stack and self.role not in ("core", "floor"):
            message = "only switches (core, floor) make a stack"
            raise ValueError(message)
        return self

    @property
    def managed(self) -> int:
        """How many devices the formula makes of it: one of a stack, none where the inventory lists them."""
        if self.count == "listed":
            return 0
        return 1 if self.stack else self.count


class Blueprint(LocatedItem):
    """The devices of a school of these kinds, this size and these stages of integration, or of those that name it.

    `provider_router` names, by lot, who answers for a router that is not ours and keeps the state of TCP.
    """

    id: Identifier
    kinds: tuple[SchoolKindId, ...] = ()
    pupils: PupilRange = PupilRange()
    stages: Stages = ()
    devices: tuple[DeviceGroup, ...]
    provider_router: dict[Identifier, KeepsState] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_router(self) -> Self:
        if self.provider_router and any(group.role == "router" for group in self.devices):
            message = "the router is among the devices; say 'keeps-state' there, or take it out of them"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _has_core(self) -> Self:
        if not any(group.role == "core" for group in self.devices):
            message = "needs a device of the role core: it holds the filters of its school"
            raise ValueError(message)
        return self

    def matches(self, school: School, stage: Stage | None) -> bool:
        """Whether it is for this school: the one that the school names, or else one for schools like this."""
        if school.blueprint is not None:
            return self.id == school.blueprint
        fits = school.kind in self.kinds and is_in_stage(self.stages, stage)
        return fits and self.pupils.at_least <= school.pupils <= self.pupils.at_most


class BlueprintFile(StrictModel):
    """`policies/city/blueprints.yaml`. `port_names` holds, per platform, a pattern with `{n}`."""

    port_names: dict[PlatformName, ExplainedPortPattern]
    blueprints: tuple[Blueprint, ...]


def refuse_repeated_ports(groups: tuple[PortGroup, ...], taken: set[int]) -> None:
    """Refuse two groups with one port in one stage; `taken` are numbers that are given already.

    Raises:
        ValueError: with the first such port.
    """
    for stage in STAGES:
        given: dict[str, set[int]] = {"": {*taken}}
        for group in (one for one in groups if is_in_stage(one.stages, stage)):
            numbers = set(range(group.first, group.last + 1))
            others = given.setdefault(group.pattern or "", set())
            if numbers & others:
                message = f"port {min(numbers & others)} is given twice"
                raise ValueError(message)
            others |= numbers
