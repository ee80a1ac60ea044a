"""The addresses of a city by formula: its own prefixes, and how large a school's block is in each family."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.model.network.packets import Family, Prefix, parse_prefix
from controller.model.yaml_source import StrictModel

LONGEST_PREFIX = 49
"""Characters of an IPv6 address that ends in an IPv4 one, and its length."""


def read_prefix_field(value: object) -> object:
    """Text as a prefix; a bare number is refused, because `ip_network` takes it for an address.

    Raises:
        ValueError: it is no prefix.
    """
    if isinstance(value, int | float) or (isinstance(value, str) and len(value) > LONGEST_PREFIX):
        message = "write a prefix, e.g. 10.0.0.0/8 or 2001:db8::/32"
        raise ValueError(message)
    return parse_prefix(value) if isinstance(value, str) else value


PrefixField = Annotated[Prefix, BeforeValidator(read_prefix_field)]
Ipv4Field = Annotated[IPv4Network, BeforeValidator(read_prefix_field)]
Ipv6Field = Annotated[IPv6Network, BeforeValidator(read_prefix_field)]


class Addressing(StrictModel):
    """School number n takes the n-th block of each family out of the city's own prefix.

    A family that is left out is not used: the city has no addresses of it, and nothing of it is compiled.
    """

    ipv4: Ipv4Field | None = None
    ipv6: Ipv6Field | None = None
    school_ipv4_length: int | None = Field(default=None, ge=8, le=24)
    school_ipv6_length: int | None = Field(default=None, ge=16, le=56)

    @model_validator(mode="after")
    def _blocks_fit(self) -> Self:
        for family in Family:
            name, length_name = f"ipv{int(family)}", f"school-ipv{int(family)}-length"
            own, length = self._get_given(family)
            if (own is None) != (length is None):
                lacking = name if own is None else length_name
                message = f"{name} and {length_name} belong together; write {lacking}, or leave out both: not used"
                raise ValueError(message)
            if own is not None and length is not None and length < own.prefixlen:
                message = f"a school block of /{length} is larger than the city's {own}"
                raise ValueError(message)
        if not self.families:
            message = "write ipv4 with school-ipv4-length, ipv6 with school-ipv6-length, or both families"
            raise ValueError(message)
        return self

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of addresses that the city uses."""
        return tuple(family for family in Family if self._get_given(family)[0] is not None)

    def get_block(self, family: Family) -> tuple[Prefix, int]:
        """Return the city's own prefix in one family, and the length of a school's block there.

        Raises:
            ValueError: the city does not use the family.
        """
        own, length = self._get_given(family)
        if own is None or length is None:
            message = f"the city does not use IPv{int(family)} (addressing in city.yaml)"
            raise ValueError(message)
        return own, length

    def _get_given(self, family: Family) -> tuple[Prefix | None, int | None]:
        if family is Family.V4:
            return self.ipv4, self.school_ipv4_length
        return self.ipv6, self.school_ipv6_length
