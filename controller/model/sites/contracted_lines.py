"""A school's lines as contracted: one, two or three, each perhaps through a tunnel, each with its way of routing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from controller.inputs.exact_values import AddressText
from controller.model.network.packets import Prefix
from controller.model.sites.addressing import PrefixField
from controller.model.yaml_source import StrictModel

AccessLineName = Literal["primary", "backup", "third"]
ACCESS_LINE_NAMES: tuple[AccessLineName, ...] = ("primary", "backup", "third")
AccessLineKind = Literal["fixed-ip", "map-e", "ds-lite", "closed-vpn", "lte"]
TunnelKind = Literal["ipsec", "gre", "ipip6"]
LineRouting = Literal["bgp", "static"]
IPV6_MINIMUM_MTU = 1280
"""What every link of IPv6 must carry in one packet (RFC 8200)."""
OVERHEADS: dict[TunnelKind, int] = {"gre": 24, "ipip6": 40, "ipsec": 50}
"""Octets that a tunnel adds at least: GRE over IPv4 (RFC 2784), IPv4 in IPv6 (RFC 2473), ESP in tunnel mode."""
ETHERNET_MTU = 1500


class Tunnel(StrictModel):
    """A tunnel that a line's packets go through; `peer` is its far end, `mtu` the largest packet inside it.

    `ipip6` is IPv4 in IPv6 (RFC 2473), so its far end has an IPv6 address.
    """

    kind: TunnelKind
    peer: Annotated[IPv4Address | IPv6Address, AddressText]
    mtu: int = Field(ge=576, le=9000)

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if self.kind == "ipip6" and not isinstance(self.peer, IPv6Address):
            message = f"peer: the far end of ipip6 (IPv4 in IPv6) has an IPv6 address, and {self.peer} is IPv4"
            raise ValueError(message)
        most = ETHERNET_MTU - OVERHEADS[self.kind]
        if self.mtu > most:
            message = (
                f"mtu: {self.kind} leaves at most {most} of the {ETHERNET_MTU} octets of a line; {self.mtu} is more"
            )
            raise ValueError(message)
        if self.peer.is_multicast or self.peer.is_unspecified or self.peer.is_loopback:
            message = f"peer: {self.peer} is no address of another router"
            raise ValueError(message)
        return self

    def __str__(self) -> str:
        return f"{self.kind} to {self.peer}"


class AccessLine(StrictModel):
    """A school's line as contracted; `mbps` is the contract figure, never a measured one.

    `egress`: what the internet sees as this school's sources, and nobody else's. It proves a place, so only a line with
    addresses of its own has it; behind MAP-E, DS-Lite or LTE many customers share an IPv4 address. `routing` says if
    the school's router learns routes over it (`bgp`) or has them written down (`static`).
    """

    kind: AccessLineKind
    mbps: int = Field(gt=0, le=100_000)
    egress: tuple[PrefixField, ...] = ()
    tunnel: Tunnel | None = None
    routing: LineRouting = "bgp"

    @model_validator(mode="after")
    def _own_addresses(self) -> Self:
        if self.egress and self.kind != "fixed-ip":
            message = f"a line of kind {self.kind!r} has no addresses of its own; only fixed-ip takes 'egress'"
            raise ValueError(message)
        return self


class AccessLines(StrictModel):
    """The lines of a school: a primary one, perhaps a backup, perhaps a third."""

    primary: AccessLine
    backup: AccessLine | None = None
    third: AccessLine | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.third is not None and self.backup is None:
            message = "there is a third line and no backup; call it 'backup'"
            raise ValueError(message)
        return self

    @property
    def by_name(self) -> dict[AccessLineName, AccessLine]:
        """The lines that there are, by their names, the primary first."""
        given = (self.primary, self.backup, self.third)
        return {name: line for name, line in zip(ACCESS_LINE_NAMES, given, strict=True) if line is not None}

    @property
    def egress(self) -> tuple[Prefix, ...]:
        """The addresses of all lines that nobody else comes from, each once."""
        return tuple(dict.fromkeys(prefix for line in self.by_name.values() for prefix in line.egress))
