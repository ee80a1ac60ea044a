"""The access policy: segments, applications and rules.

A rule has a network part (segment x destination x service; switches and routers enforce it) and an identity part
(role, MFA, posture, device class, place, hours; the identity-aware proxy or 802.1X enforces it). They are judged apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Address
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.inputs.character_classes import AnsweredFor, Name, Sentence
from controller.inputs.exact_values import AddressText
from controller.model.access.people import Audience, Enforcer
from controller.model.access.recovery_targets import RecoveryTargets
from controller.model.access.second_factors import Importance, StrengthName
from controller.model.access.sessions import SessionLength
from controller.model.network.packets import Effect, Service, parse_service
from controller.model.sites.addressing import PrefixField
from controller.model.sites.calendar import CalendarDay, ClockField, DayKind
from controller.model.sites.schools import Identifier
from controller.model.sites.scope import Scope
from controller.model.sites.stages import Stages
from controller.model.yaml_source import LocatedItem, StrictModel

INTERNET = "internet"
"""The destination of every public address that nothing else in the policy names."""
CONTROLLER = "controller"
"""The source of Tsunagu's own SSH sessions; `controllers` in city.yaml holds its addresses."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SchoolDays = Literal["school-days", "exam-days", "free-days"]
_KINDS: Mapping[SchoolDays, frozenset[DayKind]] = {
    "school-days": frozenset({DayKind.LESSON, DayKind.EXAM}),
    "exam-days": frozenset({DayKind.EXAM}),
    "free-days": frozenset({DayKind.FREE}),
}


def _parse_service(value: object) -> object:
    if isinstance(value, Service):
        return value
    if not isinstance(value, str):
        message = "write a service as tcp/PORT, udp/PORT or tcp/FIRST-LAST"
        raise ValueError(message)  # noqa: TRY004 pydantic's own
    return parse_service(value)


ServiceField = Annotated[Service, BeforeValidator(_parse_service)]


class SegmentIpv4(StrictModel):
    """The segment's part of the school's IPv4 block: an offset such as 0.0.16.0 and a prefix length."""

    offset: Annotated[IPv4Address, AddressText]
    length: int = Field(ge=16, le=30)


class Segment(LocatedItem):
    """A network segment that schools have: a VLAN with a subnet in each family that the city uses.

    The IPv6 /64 is the `ipv6_subnet`-th of the school's block. `isolated`: hosts on access ports of one switch do not
    reach one another. `stages`: schools have it in these stages of integration only.
    """

    id: Identifier
    name: Name
    vlan: int = Field(ge=2, le=4094)
    ipv4: SegmentIpv4 | None = None
    ipv6_subnet: int | None = Field(default=None, ge=0, le=0xFFFF)
    isolated: bool = False
    stages: Stages = ()


class SegmentFile(StrictModel):
    """`policies/access/segments.yaml`."""

    segments: tuple[Segment, ...]


class Application(LocatedItem):
    """Something people use. Where it lives depends on `hosting`.

    - `cloud-run`: addresses come from the stack's outputs;
    - `saas`: a list of published prefixes, or `belongs_to: internet`;
    - `on-premises`: `addresses`, in the city's own data centre;
    - `school`: a segment of the school of whoever asks.

    `proxy` says that the identity-aware proxy stands before it. `importance` is the guideline's class (3.1).
    `session` is how long it lasts there until somebody is asked again; without it, as long as the class says.
    `recovery` is what drills are held against. `taken_over_by` is another application of the staff, which people use
    instead where a stage of integration leaves this one no way.
    """

    id: Identifier
    name: Name
    hosting: Literal["cloud-run", "saas", "on-premises", "school"]
    audience: Audience
    importance: Importance
    services: tuple[ServiceField, ...] = Field(min_length=1)
    proxy: bool = False
    session: SessionLength | None = None
    prefixes: Identifier | None = None
    belongs_to: Literal["internet"] | None = None
    addresses: tuple[PrefixField, ...] = ()
    segment: Identifier | None = None
    recovery: RecoveryTargets | None = None
    taken_over_by: Identifier | None = None

    @model_validator(mode="after")
    def _fits_hosting(self) -> Self:
        given = {
            "prefixes": self.prefixes is not None,
            "belongs-to": self.belongs_to is not None,
            "addresses": bool(self.addresses),
            "segment": self.segment is not None,
        }
        allowed = {
            "cloud-run": (),
            "saas": ("prefixes", "belongs-to"),
            "on-premises": ("addresses",),
            "school": ("segment",),
        }[self.hosting]
        for name, is_given in given.items():
            if is_given and name not in allowed:
                message = f"hosting {self.hosting!r} takes no {name!r}" + _hint(self.hosting)
                raise ValueError(message)
        if allowed and sum(given.values()) != 1:
            message = f"hosting {self.hosting!r} needs exactly one of: {', '.join(allowed)}"
            raise ValueError(message)
        if self.proxy and self.hosting not in ("cloud-run", "on-premises"):
            message = "the proxy can stand only before hosting cloud-run or on-premises"
            raise ValueError(message)
        if self.session is not None and (not self.proxy or self.audience == "public"):
            message = "'session' is asked by the identity-aware proxy, and none asks anybody here; leave it out"
            raise ValueError(message)
        return self


def _hint(hosting: str) -> str:
    if hosting == "cloud-run":
        return "; the address of a cloud-hosted application comes from the stack's outputs, never from policy"
    return ""


class ApplicationFile(StrictModel):
    """`policies/access/applications.yaml`."""

    applications: tuple[Application, ...]


class PrefixListFile(StrictModel):
    """`policies/access/prefixes/*.yaml`: what a SaaS vendor published, where, and the day it was read."""

    id: Identifier
    source: Sentence
    retrieved: CalendarDay
    prefixes: tuple[PrefixField, ...] = Field(min_length=1)


def _some_days(value: object) -> object:
    if isinstance(value, str) and value in _KINDS:
        return value
    if isinstance(value, list | tuple) and value and all(day in DAYS for day in value):
        return value
    message = f"write a list of days, [{', '.join(DAYS)}], or one of: {', '.join(_KINDS)}"
    raise ValueError(message)


class Hours(StrictModel):
    """Local time of the city; `until` is exclusive and later than `from`.

    `days` are days of the week, or the days of a kind in the school calendar (`city/calendar.yaml`).
    """

    days: Annotated[tuple[Day, ...] | SchoolDays, BeforeValidator(_some_days)]
    from_: ClockField = Field(alias="from")
    until: ClockField

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.until:
            message = "'from' must stand before 'until'; write two rules for a span over midnight"
            raise ValueError(message)
        return self

    def list_named_days(self) -> tuple[Day, ...] | tuple[SchoolDays]:
        """The days as they are written: days of the week, or one kind of days."""
        return (self.days,) if isinstance(self.days, str) else self.days

    @property
    def weekdays(self) -> tuple[Day, ...]:
        """The days of the week that can be meant."""
        return DAYS if isinstance(self.days, str) else self.days

    @property
    def day_kinds(self) -> frozenset[DayKind] | None:
        """The kinds of days that are meant; None where the calendar is not asked."""
        return _KINDS[self.days] if isinstance(self.days, str) else None


class NetworkPart(StrictModel):
    """Which segments send to the rule's applications; `services` narrows (or, for the internet, names) the ports."""

    from_: tuple[Identifier, ...] = Field(alias="from", min_length=1)
    services: tuple[ServiceField, ...] = ()


class IdentityPart(StrictModel):
    """Who, on what, from where and when; a condition left out is not asked. All conditions must hold.

    `mfa: true` asks for what the application's importance class asks (people.yaml); a name asks for at least that.
    `devices` are device classes.
    """

    enforced_by: tuple[Enforcer, ...] = Field(min_length=1)
    roles: tuple[Identifier, ...] = ()
    mfa: bool | StrengthName = False
    postures: tuple[Identifier, ...] = ()
    devices: tuple[Identifier, ...] = ()
    places: tuple[Identifier, ...] = ()
    hours: Hours | None = None


class ExceptionTerms(StrictModel):
    """What makes a permit an exception: who answers for it, why it is there, and the last day that it holds on."""

    owner: AnsweredFor
    reason: AnsweredFor
    expires: CalendarDay


class Rule(LocatedItem):
    """A member of the permit set or of the forbid set; order means nothing, a forbid wins, nothing named is denied.

    `schools` left out means every school. With `exception` the rule permits until the end of its last day, and never
    after: a compiler of a later day does not see it, and the proxy's condition expires by itself.
    """

    id: Identifier
    effect: Effect
    purpose: Sentence
    applications: tuple[Identifier, ...] = Field(min_length=1)
    schools: Scope | None = None
    exception: ExceptionTerms | None = None
    network: NetworkPart | None = None
    identity: IdentityPart | None = None

    @model_validator(mode="after")
    def _parts(self) -> Self:
        if self.network is None and self.identity is None:
            message = "a rule needs a network part, an identity part, or (a permit) both"
            raise ValueError(message)
        if self.effect is Effect.FORBID and self.network and self.identity:
            message = (
                "a forbid with a network and an identity part cannot be enforced: the switch does not know the "
                "person and the proxy does not know the segment; write two forbids"
            )
            raise ValueError(message)
        if self.effect is Effect.FORBID and self.exception:
            message = "an exception is a permit; a forbid that expires would open something without anybody deciding it"
            raise ValueError(message)
        return self

    def holds_on(self, day: date) -> bool:
        """Whether the rule is in force on a day; only an exception ever is not."""
        return self.exception is None or day <= self.exception.expires


class RuleFile(StrictModel):
    """`policies/access/rules.yaml`."""

    rules: tuple[Rule, ...]
