"""The router of a school, as its core switch knows it: the link between them, and what is believed of the router."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated

from pydantic import Field

from controller.inputs.character_classes import AnsweredFor
from controller.inputs.exact_values import AddressText
from controller.model.network.packets import Family, Prefix, build_prefix, get_bounds
from controller.model.yaml_source import StrictModel

ROUTER, CORE = 1, 2
"""Whose is which address of the link, counted from the subnet's own."""


class TransitLink(StrictModel):
    """A VLAN of its own in every school, with a part of the school's block in each family, as segments have.

    It carries no hosts. A core switch that only switches has no use for it: there the router is in every segment.
    """

    vlan: int = Field(ge=2, le=4094)
    ipv4_offset: Annotated[IPv4Address, AddressText]
    ipv4_length: int = Field(ge=16, le=30)
    ipv6_subnet: int = Field(ge=0, le=0xFFFF)

    def compute_prefix(self, own: Prefix) -> Prefix:
        """The link's subnet inside a school's own block.

        Raises:
            ValueError: the offset does not fit the length.
        """
        first = get_bounds(own)[0]
        if Family(own.version) is Family.V4:
            return build_prefix(Family.V4, first + int(self.ipv4_offset), self.ipv4_length)
        return build_prefix(Family.V6, first + (self.ipv6_subnet << 64), 64)

    def compute_address(self, own: Prefix, whose: int) -> str:
        """An address of the link with its length: the router's, or the core's."""
        subnet = self.compute_prefix(own)
        return f"{Family(own.version).format_address(get_bounds(subnet)[0] + whose)}/{subnet.prefixlen}"


class KeepsState(StrictModel):
    """Who answers for it that a router keeps the state of TCP, and why it is believed: Tsunagu does not see it.

    Such a router lets no TCP packet without ACK or RST to a host but those that the policy permits.
    """

    owner: AnsweredFor
    reason: AnsweredFor
