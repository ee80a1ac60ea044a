"""Who people are, what their devices are, where they sit, and what a second factor must be."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import Name
from controller.model.access.second_factors import SecondFactorMinimums
from controller.model.access.workforce import WorkforcePrincipal
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel

Enforcer = Literal["proxy", "802.1x"]
Audience = Literal["staff", "pupil", "public"]
OperatingSystem = Literal["chrome-os", "ios", "windows", "mac", "linux", "android"]


class Role(LocatedItem):
    """What a person is to the schools; `audience` is whom an application would count them among.

    `principals` are the groups and people of a workforce identity pool that have the role. Without any it is the Google
    group of the role that a stack makes.
    """

    id: Identifier
    name: Name
    audience: Audience = "staff"
    principals: tuple[WorkforcePrincipal, ...] = Field(default=(), max_length=50)


class Posture(LocatedItem):
    """A property of a device, and the enforcers that can see it."""

    id: Identifier
    name: Name
    seen_by: tuple[Enforcer, ...]


class DeviceClass(LocatedItem):
    """A kind of device, by its operating system; only the identity-aware proxy can see it."""

    id: Identifier
    name: Name
    systems: tuple[OperatingSystem, ...] = Field(min_length=1)


class Place(LocatedItem):
    """Where a person is, and the enforcers that can tell."""

    id: Identifier
    name: Name
    seen_by: tuple[Enforcer, ...]


class PeopleFile(StrictModel):
    """`policies/access/people.yaml`. `mfa` says what a second factor must be, by importance class."""

    roles: tuple[Role, ...]
    postures: tuple[Posture, ...]
    places: tuple[Place, ...]
    device_classes: tuple[DeviceClass, ...] = ()
    mfa: SecondFactorMinimums = SecondFactorMinimums()

    @model_validator(mode="after")
    def _one_class(self) -> Self:
        given: dict[OperatingSystem, str] = {}
        for one in self.device_classes:
            for system in one.systems:
                if system in given:
                    message = f"the system {system!r} is of the device class {given[system]!r} and of {one.id!r}"
                    raise ValueError(message)
                given[system] = one.id
        return self
