"""The segments of a school with their prefixes, and the addresses in them that no host can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address

from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.network.packets import Family, Prefix
from controller.model.sites.schools import School

Address = IPv4Address | IPv6Address


class SchoolNetworks:
    """The segments of a school in a city, and what has an address there already."""

    def __init__(self, city: City, school: str) -> None:
        self._city = city
        self._school: School = city.school_by_id[school]
        self._segments: Mapping[str, Segment] = city.list_segments(self._school)
        self.prefixes: dict[tuple[str, Family], Prefix] = {
            (name, family): city.addresses.segment_prefix(self._school, one, family)
            for name, one in self._segments.items()
            for family in city.families
        }

    def find_segment(self, address: Address) -> str | None:
        """Find the segment that an address is in; None where there is none."""
        return next((name for (name, _), prefix in self.prefixes.items() if address in prefix), None)

    def list_own_addresses(self) -> Iterator[Address]:
        """Yield the gateways of the segments, and the addresses of the school's devices."""
        for name, family in self.prefixes:
            gateway = self._city.addresses.gateway_address(self._school, self._segments[name], family)
            yield IPv4Address(gateway) if family is Family.V4 else IPv6Address(gateway)
        yield from (device.management for device in self._city.list_devices(self._school))

    def is_unusable(self, address: Address) -> bool:
        """Tell if no host can have an address: it is a network's own, its broadcast, a gateway's or a device's."""
        ends = any(address in one and not is_host_address(one, address) for one in self.prefixes.values())
        return ends or address in {*self.list_own_addresses()}


def is_host_address(prefix: Prefix, address: Address) -> bool:
    """Tell if a host can have an address of a prefix: neither the first, nor IPv4's last.

    >>> network = IPv4Network("10.1.2.0/24")
    >>> [is_host_address(network, network[number]) for number in (0, 1, 255)]
    [False, True, False]
    """
    last = prefix.num_addresses - (1 if isinstance(prefix, IPv4Network) else 0)
    return 0 < int(address) - int(prefix.network_address) < last
