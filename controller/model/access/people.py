"""Who people are, what their devices are, where they sit, what a second factor must be, and when it is asked again."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import Name
from controller.model.access.second_factors import SecondFactorMinimums
from controller.model.access.sessions import SessionLengths
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


class PlaceMeaning(StrEnum):
    """How it is told where a person is; the city has words of its own for the places."""

    OWN_SCHOOL = "own-school"
    OTHER_SCHOOL = "other-school"
    BOARD_OFFICE = "board-office"
    HOME = "home"
    ABROAD = "abroad"


class Place(LocatedItem):
    """Where a person is, and the enforcers that can tell.

    `means` says how it is told; left out where the id is the word of a meaning. Once a city is loaded, its rules and
    admissions name places by their meaning.
    """

    id: Identifier
    name: Name
    seen_by: tuple[Enforcer, ...]
    means: PlaceMeaning | None = None

    @property
    def meaning(self) -> str:
        """The word of the meaning; the id where nothing is known of it."""
        return str(self.means or self.id)


class PeopleFile(StrictModel):
    """`policies/access/people.yaml`.

    By importance class, `mfa` says what a second factor must be, and `sessions` when it is asked for again.
    """

    roles: tuple[Role, ...]
    postures: tuple[Posture, ...]
    places: tuple[Place, ...]
    device_classes: tuple[DeviceClass, ...] = ()
    mfa: SecondFactorMinimums = SecondFactorMinimums()
    sessions: SessionLengths = SessionLengths()

    def find_place(self, word: str) -> Place | None:
        """Return the place that a word of the city, or the word of a meaning, names."""
        return next((one for one in self.places if word in {one.id, one.meaning}), None)

    @property
    def told_places(self) -> tuple[str, ...]:
        """The meanings of the places that somebody can tell; one of no meaning is asked for by nobody (`check`)."""
        return tuple(place.meaning for place in self.places if place.meaning in set(PlaceMeaning))

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
