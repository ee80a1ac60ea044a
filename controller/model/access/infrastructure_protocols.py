"""Packets without which a network does not live: `policies/access/necessities.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.inputs.character_classes import Sentence
from controller.model.network.packets import ANY_PORTS, Direction, Family, Prefix, Protocol, parse_prefix
from controller.model.sites.schools import Identifier, read_prefix_field
from controller.model.yaml_source import LocatedItem, StrictModel


def _end(value: object) -> object:
    if value in (SEGMENT, GATEWAY, ADMISSION):
        return value
    return read_prefix_field(value)


SEGMENT = "segment"
GATEWAY = "gateway"
ADMISSION = "admission"
_LINK_SCOPE = (
    *(parse_prefix(one) for one in ("0.0.0.0/32", "255.255.255.255/32", "169.254.0.0/16", "224.0.0.0/24")),
    *(parse_prefix(one) for one in ("::/128", "fe80::/10", "ff01::/16", "ff02::/16")),
)
"""No router forwards these: no address yet, the broadcast, link-local addresses, multicast of the link's scope."""
_ERRORS = {"icmp": frozenset({3, 11, 12}), "icmpv6": frozenset(range(1, 5))}
"""ICMP types that tell a host of a packet that it sent (RFC 792, RFC 4443); whoever is on the way may send them."""
PortNumber = Annotated[int, Field(ge=0, le=65535)]
EndPoint = Annotated[Literal["segment", "gateway", "admission"] | Prefix, BeforeValidator(_end)]


def is_of_link_scope(prefix: Prefix) -> bool:
    """Tell whether all of a prefix stays on the link.

    >>> is_of_link_scope(parse_prefix("ff02::1/128")), is_of_link_scope(parse_prefix("ff0e::1/128"))
    (True, False)
    """
    return any(
        int(link.network_address) <= int(prefix.network_address)
        and int(prefix.broadcast_address) <= int(link.broadcast_address)
        for link in _LINK_SCOPE
        if link.version == prefix.version
    )


class InfrastructureProtocol(LocatedItem):
    """Packets without which a network does not live (ARP is not IP and always passes).

    `source` and `destination`: `segment` is the segment's own prefix, `gateway` its first address, `admission` the
    servers of admission.yaml; or a prefix. ICMP types ride in `ports`. `segments`: where it is needed; left out, in
    every segment.
    """

    id: Identifier
    why: Sentence
    family: Literal[4, 6]
    direction: Direction
    segments: tuple[Identifier, ...] = ()
    protocol: Literal["icmp", "icmpv6", "tcp", "udp"]
    source_port: int | None = Field(default=None, ge=0, le=65535)
    ports: tuple[PortNumber, PortNumber] = ANY_PORTS
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
        if self.ports[0] > self.ports[1]:
            message = f"ports end ({self.ports[1]}) before they begin ({self.ports[0]})"
            raise ValueError(message)
        if self.established and self.protocol != "tcp":
            message = "only tcp can be established"
            raise ValueError(message)
        return self

    def is_needed_in(self, segment: str) -> bool:
        """Whether a segment needs it."""
        return not self.segments or segment in self.segments

    def opens_towards(self, segment: str, family: Family, protocol: Protocol) -> bool:
        """Tell whether it lets hosts of a segment begin conversations of a protocol."""
        return (
            self.direction is Direction.FROM
            and not self.established
            and self.is_needed_in(segment)
            and (self.family, self.protocol.upper()) == (family, protocol.name)
        )

    def list_places_beyond(self, servers: Iterable[IPv4Address | IPv6Address] = ()) -> tuple[Prefix, ...]:
        """Return the addresses that lead beyond the link: neither a word, nor of the link's scope, nor such a server.

        Errors that come from the way of a host's own packets have none.
        """
        if self.direction is Direction.TO and set(range(self.ports[0], self.ports[1] + 1)) <= _ERRORS.get(
            self.protocol, frozenset()
        ):
            return ()
        own = {parse_prefix(str(one)) for one in servers}
        ends = [one for one in (*self.source, *self.destination) if not isinstance(one, str) and one not in own]
        return tuple(dict.fromkeys(one for one in ends if not is_of_link_scope(one)))

    def resolve_admission(self, servers: Iterable[IPv4Address | IPv6Address]) -> InfrastructureProtocol | None:
        """With the addresses of the admission servers in place of their word; None where its family has none.

        A family without addresses never becomes "any": such a necessity falls away.
        """
        own = tuple(parse_prefix(str(one)) for one in servers if one.version == self.family)
        ends = [
            tuple(one for end in named for one in (own if end == ADMISSION else (end,)))
            for named in (self.source, self.destination)
        ]
        return self.model_copy(update={"source": ends[0], "destination": ends[1]}) if all(ends) else None


class InfrastructureProtocolFile(StrictModel):
    """`policies/access/necessities.yaml`."""

    necessities: tuple[InfrastructureProtocol, ...]
