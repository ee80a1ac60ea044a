"""The router of a school, as its core switch knows it: the link between them, and what is believed of the router."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Self

from pydantic import Field, model_validator

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
    ipv4_offset: Annotated[IPv4Address, AddressText] | None = None
    ipv4_length: int | None = Field(default=None, ge=16, le=30)
    ipv6_subnet: int | None = Field(default=None, ge=0, le=0xFFFF)

    @model_validator(mode="after")
    def _offset_has_length(self) -> Self:
        if (self.ipv4_offset is None) != (self.ipv4_length is None):
            message = "ipv4-offset and ipv4-length belong together: write both, or neither"
            raise ValueError(message)
        return self

    def compute_prefix(self, own: Prefix) -> Prefix:
        """The link's subnet inside a school's own block.

        Raises:
            ValueError: the offset does not fit the length, or the link has no part of this family.
        """
        first = get_bounds(own)[0]
        if Family(own.version) is Family.V4 and self.ipv4_offset is not None and self.ipv4_length is not None:
            return build_prefix(Family.V4, first + int(self.ipv4_offset), self.ipv4_length)
        if Family(own.version) is Family.V6 and self.ipv6_subnet is not None:
            return build_prefix(Family.V6, first + (self.ipv6_subnet << 64), 64)
        message = f"the link to the router has no part of IPv{own.version}"
        raise ValueError(message)

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
