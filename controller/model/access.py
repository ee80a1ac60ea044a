"""The access policy: segments, roles, postures, places, applications, rules, admission.

A rule has a network part (segment x destination x service; switches and routers enforce it) and an identity
part (role, MFA, posture, place, hours; the identity-aware proxy or 802.1X enforces it). They are judged apart.
"""

from __future__ import annotations

import re
from datetime import date, time
from ipaddress import IPv4Address
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.model.flow import ANY_PORTS, Direction, Effect, Family, Prefix, Service, service
from controller.model.schools import Identifier, PrefixField, parse_prefix
from controller.model.source import Placed, Strict

INTERNET = "internet"
"""The destination of every public address that nothing else in the policy names."""
CONTROLLER = "controller"
"""The source of Tsunagu's own SSH sessions; `controllers` in city.yaml holds its addresses."""

Enforcer = Literal["proxy", "802.1x"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}")


def _parse_service(value: object) -> object:
    return service(value) if isinstance(value, str) else value


def _parse_clock(value: object) -> object:
    # YAML reads 17:00 without quotes as 17 * 60, and pydantic would take that for seconds.
    if not isinstance(value, time) and not (isinstance(value, str) and _CLOCK.fullmatch(value)):
        message = 'write the time as "HH:MM", in quotes'
        raise ValueError(message)
    return value


ServiceField = Annotated[Service, BeforeValidator(_parse_service)]
ClockField = Annotated[time, BeforeValidator(_parse_clock)]


class SegmentIpv4(Strict):
    """The segment's part of the school's IPv4 block: an offset such as 0.0.16.0 and a prefix length."""

    offset: IPv4Address
    length: int = Field(ge=16, le=30)


class Segment(Placed):
    """A network segment that every school has: a VLAN with an IPv4 subnet and an IPv6 /64.

    The IPv6 /64 is the `ipv6_subnet`-th of the school's block. `isolated`: hosts on access ports of one switch do not
    reach one another.
    """

    id: Identifier
    name: str
    vlan: int = Field(ge=2, le=4094)
    ipv4: SegmentIpv4
    ipv6_subnet: int = Field(ge=0, le=0xFFFF)
    isolated: bool = False


class SegmentFile(Strict):
    """`policies/access/segments.yaml`."""

    segments: tuple[Segment, ...]


class Role(Placed):
    """What a person is to the schools."""

    id: Identifier
    name: str


class Posture(Placed):
    """A property of a device, and the enforcers that can see it."""

    id: Identifier
    name: str
    seen_by: tuple[Enforcer, ...]


class Place(Placed):
    """Where a person is, and the enforcers that can tell."""

    id: Identifier
    name: str
    seen_by: tuple[Enforcer, ...]


class PeopleFile(Strict):
    """`policies/access/people.yaml`."""

    roles: tuple[Role, ...]
    postures: tuple[Posture, ...]
    places: tuple[Place, ...]


class Application(Placed):
    """Something people use. Where it lives depends on `hosting`.

    - `cloud-run`: addresses come from the stack's outputs;
    - `saas`: a list of published prefixes, or `belongs_to: internet`;
    - `on-premises`: `addresses`, in the city's own data centre;
    - `school`: a segment of the school of whoever asks.

    `proxy` says that the identity-aware proxy stands before it. `importance` is the guideline's class (3.1).
    """

    id: Identifier
    name: str
    hosting: Literal["cloud-run", "saas", "on-premises", "school"]
    audience: Literal["staff", "pupil", "public"]
    importance: Literal["I", "II", "III", "IV"]
    services: tuple[ServiceField, ...] = Field(min_length=1)
    proxy: bool = False
    prefixes: Identifier | None = None
    belongs_to: Literal["internet"] | None = None
    addresses: tuple[PrefixField, ...] = ()
    segment: Identifier | None = None

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
        return self


def _hint(hosting: str) -> str:
    if hosting == "cloud-run":
        return "; the address of a cloud-hosted application comes from the stack's outputs, never from policy"
    return ""


class ApplicationFile(Strict):
    """`policies/access/applications.yaml`."""

    applications: tuple[Application, ...]


class PrefixListFile(Strict):
    """`policies/access/prefixes/*.yaml`: what a SaaS vendor published, where, and the day it was read."""

    id: Identifier
    source: str
    retrieved: date
    prefixes: tuple[PrefixField, ...] = Field(min_length=1)


class Hours(Strict):
    """Local time of the city; `until` is exclusive and later than `from`."""

    days: tuple[Day, ...] = Field(min_length=1)
    from_: ClockField = Field(alias="from")
    until: ClockField

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.until:
            message = "'from' must stand before 'until'; write two rules for a span over midnight"
            raise ValueError(message)
        return self


class NetworkPart(Strict):
    """Which segments send to the rule's applications; `services` narrows (or, for the internet, names) the ports."""

    from_: tuple[str, ...] = Field(alias="from", min_length=1)
    services: tuple[ServiceField, ...] = ()


class IdentityPart(Strict):
    """Who, on what, from where and when; a condition left out is not asked. All conditions must hold."""

    enforced_by: tuple[Enforcer, ...] = Field(min_length=1)
    roles: tuple[Identifier, ...] = ()
    mfa: bool = False
    postures: tuple[Identifier, ...] = ()
    places: tuple[Identifier, ...] = ()
    hours: Hours | None = None


class Rule(Placed):
    """A member of the permit set or of the forbid set; order means nothing, a forbid wins, nothing named is denied."""

    id: Identifier
    effect: Effect
    purpose: str
    applications: tuple[str, ...] = Field(min_length=1)
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
        return self


class RuleFile(Strict):
    """`policies/access/rules.yaml`."""

    rules: tuple[Rule, ...]


class Admission(Placed):
    """802.1X: which segment a device of a person with one of these roles is put into.

    What no admission names goes to the segment `otherwise` of the file.
    """

    id: Identifier
    roles: tuple[Identifier, ...] = Field(min_length=1)
    postures: tuple[Identifier, ...] = ()
    places: tuple[Identifier, ...] = ()
    segment: Identifier


class AdmissionFile(Strict):
    """`policies/access/admission.yaml`."""

    admissions: tuple[Admission, ...]
    otherwise: Identifier


def _end(value: object) -> object:
    if value in (SEGMENT, GATEWAY):
        return value
    return parse_prefix(value)


SEGMENT = "segment"
GATEWAY = "gateway"
EndPoint = Annotated[Literal["segment", "gateway"] | Prefix, BeforeValidator(_end)]


class Necessity(Placed):
    """Packets without which a network does not live (ARP is not IP and always passes).

    `source` and `destination`: `segment` is the segment's own prefix, `gateway` its first address; or a prefix.
    ICMP types ride in `ports`.
    """

    id: Identifier
    why: str
    family: Literal[4, 6]
    direction: Direction
    protocol: Literal["icmp", "icmpv6", "tcp", "udp"]
    source_port: int | None = Field(default=None, ge=0, le=65535)
    ports: tuple[int, int] = ANY_PORTS
    established: bool = False
    source: tuple[EndPoint, ...] = Field(min_length=1)
    destination: tuple[EndPoint, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_family(self) -> Self:
        for end in (*self.source, *self.destination):
            if not isinstance(end, str) and end.version != self.family:
                message = f"{end} is not of family {self.family}"
                raise ValueError(message)
        if self.protocol == ("icmp" if Family(self.family) is Family.V6 else "icmpv6"):
            message = f"{self.protocol} does not exist in family {self.family}"
            raise ValueError(message)
        if self.established and self.protocol != "tcp":
            message = "only tcp can be established"
            raise ValueError(message)
        return self


class NecessityFile(Strict):
    """`policies/access/necessities.yaml`."""

    necessities: tuple[Necessity, ...]


class StackApplication(Strict):
    """Where a stack put an application; `token_audience` is what the proxy's signed assertions are made out to."""

    host: str
    ipv4: tuple[PrefixField, ...] = Field(min_length=1)
    ipv6: tuple[PrefixField, ...] = Field(min_length=1)
    token_audience: str | None = None


class StackRegion(Strict):
    """What a region does for the stack: `primary` holds the writable database, `standby` follows it."""

    name: str
    role: Literal["primary", "standby"]
    serving: bool


class StackProbe(Strict):
    """What to ask to measure the way to an application; the proxy answers whoever has not signed in, too."""

    host: str
    port: int = Field(ge=1, le=65535)
    path: str


class StackProxy(Strict):
    """What Google knows the city by at the identity-aware proxy (see `controller.compile.levels.ProxyFacts`)."""

    access_policy: str
    prefix: str
    device_authority: str
    vendor: str


class StackOutputs(Strict):
    """`policies/stack-outputs/*.json`: written by a stack, never by hand."""

    stack: str
    version: int
    applications: dict[Identifier, StackApplication]
    regions: dict[Identifier, StackRegion] = Field(default_factory=dict)
    probes: dict[Identifier, StackProbe] = Field(default_factory=dict)
    proxy: StackProxy | None = None
