"""The findings of `tsunagu what-if`: answers that change from one policy to another, each kind by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["opens", "closes"]
Believed = Literal["controllers", "office", "school"]
"""What addresses are taken for."""

IMPORTANT, STRANGERS, OUTSIDE, WIDE, EVERYWHERE = (
    "class II+",
    "pupils, guests or guardians",
    "from outside",
    "wide",
    "used by all",
)
SKIPS = "skips a stage"
UNREGISTERED = "unregistered"
"""Stands for devices that are registered at no school or office, or at one that nobody knows."""
SURPRISES: dict[str, int] = {SKIPS: 32, IMPORTANT: 16, STRANGERS: 8, OUTSIDE: 4, WIDE: 2, EVERYWHERE: 1}
"""What deserves a second look, and how much it weighs; the heaviest change stands first."""


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """A segment's way to an application that opens or closes, at schools where it does so alike.

    `partly`: only for some of the application's addresses and ports. `packet` is one that changes; `rules` permit it
    where it is permitted, or forbid it where it is forbidden.
    """

    way: Way
    schools: tuple[str, ...]
    segment: str
    application: str
    services: tuple[str, ...]
    families: tuple[int, ...]
    partly: bool
    packet: str
    rules: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """Return how many (school, segment, application) answers change."""
        return len(self.schools)


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """People of a role who are let in to an application, or no more; `registered` is where their devices are.

    `registered` counts schools, offices, and "unregistered". `person` is one whose answer changes, in words; `places`
    are all from where it does, `factors` and `postures` the least with which it does.
    """

    way: Way
    registered: tuple[str, ...]
    role: str
    application: str
    places: tuple[str, ...]
    least_factor: str
    postures: tuple[str, ...]
    person: str
    rules: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """Return how many (registration, role, application) answers change."""
        return len(self.registered)


@dataclass(frozen=True, slots=True)
class AdmissionChange:
    """People of a role with a device like this at a place, whom 802.1X puts elsewhere.

    `role` is `certificate CLASS` for devices that hold such a certificate, whoever they are.
    """

    role: str
    postures: tuple[str, ...]
    place: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """One (role, device, place)."""
        return 1


@dataclass(frozen=True, slots=True)
class DataFlowChange:
    """Data of some classes that one system may send to another, or no more; `connection` where the network changes."""

    way: Way
    sender: str
    receiver: str
    data: tuple[str, ...]
    connection: str
    rules: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """Return how many (sender, receiver, class) answers change; a connection is one."""
        return len(self.data) or 1


@dataclass(frozen=True, slots=True)
class SeatChange:
    """Ports, or the access points of a network, that put whoever is there into another segment than before.

    `network` is the SSID; "" for ports. `before` and `after` are how they carry what, in words; () where there is none.
    `seats` counts ports, or access points, of all `schools`.
    """

    network: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    seats: int
    schools: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """Return how many ports or access points change."""
        return self.seats


@dataclass(frozen=True, slots=True)
class SourceChange:
    """Addresses that are taken for something from now on, or no more: `of` says for what, `where` for which one.

    The controllers may log in to every device; who comes from a school's or office's egress is there.
    """

    way: Way
    of: Believed
    where: str
    prefixes: tuple[str, ...]
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """Return how many prefixes change."""
        return len(self.prefixes)


@dataclass(frozen=True, slots=True)
class PlatformChange:
    """Devices that are taken for another platform than before; "" where there is no such device."""

    before: str
    after: str
    devices: tuple[str, ...]
    surprises: tuple[str, ...] = ()

    @property
    def answers(self) -> int:
        """Return how many devices change."""
        return len(self.devices)


@dataclass(frozen=True, slots=True)
class WaitingStage:
    """The stage in which schools stay until the day of a change that is written: no rollout carries it out before."""

    stage: str
    until: str


@dataclass(frozen=True, slots=True)
class StageChange:
    """Schools that come from one stage of integration to another, or for whose stage another day is written.

    `before` and `after` are "" where a policy names no stages. `waited` and `waits`: what they stay in before the day
    of their stage, by the policy before and by the one after; None where no day is to come.
    """

    before: str
    after: str
    schools: tuple[str, ...]
    surprises: tuple[str, ...] = ()
    waited: WaitingStage | None = None
    waits: WaitingStage | None = None

    @property
    def answers(self) -> int:
        """Return how many schools change."""
        return len(self.schools)


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session at the proxy: how long it lasts, and how somebody is asked when it ends."""

    seconds: int
    method: str


@dataclass(frozen=True, slots=True)
class SessionChange:
    """An application at which the proxy asks people again otherwise than before; None where it asks nobody."""

    application: str
    before: SessionState | None
    after: SessionState | None
    surprises: tuple[str, ...]

    @property
    def answers(self) -> int:
        """One application."""
        return 1


StagedChange = NetworkChange | IdentityChange | SeatChange


@dataclass(frozen=True, slots=True)
class LaterChange:
    """A change of what schools have once they are in a stage."""

    stage: str
    change: StagedChange

    @property
    def surprises(self) -> tuple[str, ...]:
        """Those of the change."""
        return self.change.surprises

    @property
    def answers(self) -> int:
        """Return how many answers change in the stage."""
        return self.change.answers


EquipmentChange = SeatChange | SourceChange | PlatformChange
Change = (
    NetworkChange
    | IdentityChange
    | SessionChange
    | AdmissionChange
    | DataFlowChange
    | EquipmentChange
    | StageChange
    | LaterChange
)


@dataclass(frozen=True, slots=True)
class Changes:
    """All of them; each list with the most surprising first. `before` and `after` name the policies, `on` the day.

    `stages` are schools that change their stage or its day, `later` what is so in a stage only that schools may come
    to. `unjudged` are the fields that differ and are neither judged here nor known to have no effect.
    """

    before: str
    after: str
    on: str
    network: tuple[NetworkChange, ...]
    identity: tuple[IdentityChange, ...]
    admission: tuple[AdmissionChange, ...]
    data_flows: tuple[DataFlowChange, ...]
    equipment: tuple[EquipmentChange, ...] = ()
    unjudged: tuple[str, ...] = ()
    stages: tuple[StageChange, ...] = ()
    later: tuple[LaterChange, ...] = ()
    sessions: tuple[SessionChange, ...] = ()

    @property
    def nothing(self) -> bool:
        """Tell if no answer changes; what was not judged is no answer."""
        today = self.network or self.identity or self.admission or self.data_flows or self.equipment
        return not (today or self.sessions or self.stages or self.later)


def weigh_change(change: Change) -> tuple[int, int, str]:
    """Return the sorting key of a change: surprising ones first, then those of many answers."""
    return -sum(SURPRISES[one] for one in change.surprises), -change.answers, repr(change)
