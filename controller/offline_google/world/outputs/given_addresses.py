"""Addresses that the offline Google gives out: always from the ranges that are kept for documentation."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from controller.offline_google.schema.diff_suppress import strip_self_link
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_already_exists
from controller.offline_google.world.world_store import WorldStore

_GLOBAL_4 = ipaddress.ip_network("203.0.113.0/24")
_GLOBAL_6 = ipaddress.ip_network("2001:db8:c000::/36")
_REGIONAL_4 = ipaddress.ip_network("198.51.100.128/25")
_REGIONAL_6 = ipaddress.ip_network("2001:db8:d000::/36")
_PEERED = ipaddress.IPv4Network("10.224.0.0/11")
"""Google picks inside private ranges where a program asks for a length and no address."""


def allocate_address(store: WorldStore, token: str, identity: str, values: Mapping[str, Value]) -> str:
    """The address of a reserved address, or of a forwarding rule without one: the next free one of its range.

    Raises:
        Refused: the range is used up, or the address asked for is taken.
    """
    asked = values.get("address") or values.get("ipAddress")
    project = str(values.get("project"))
    if isinstance(asked, str) and asked:
        if values.get("addressType") != "INTERNAL" and values.get("loadBalancingScheme") != "INTERNAL_MANAGED":
            _take(store, asked, token, identity)
        return asked
    if values.get("purpose") == "VPC_PEERING":
        return _peered_range(store, token, identity, values)
    if values.get("addressType") == "INTERNAL" or str(values.get("loadBalancingScheme", "")).startswith("INTERNAL"):
        return _inside(store, token, identity, values, project)
    regional = bool(values.get("region"))
    six = values.get("ipVersion") == "IPV6"
    space = (_REGIONAL_6 if six else _REGIONAL_4) if regional else (_GLOBAL_6 if six else _GLOBAL_4)
    taken = store.addresses()
    for address in _candidates(space):
        if address not in taken:
            _take(store, address, token, identity)
            return address
    message = f"Quota 'STATIC_ADDRESSES' exceeded: no free address in {space}"
    raise GoogleRefusal(403, message, "quotaExceeded")


def allocate_private_address(store: WorldStore, token: str, identity: str, network: str) -> str:
    """An address out of the ranges peered with a network, for a service that Google runs (Cloud SQL).

    Raises:
        Refused: the network has no peered range: there is no private service access.
    """
    ranges = [
        f"{found.outputs['address']}/{found.outputs['prefixLength']}"
        for found in store.all("gcp:compute/globalAddress:GlobalAddress")
        if found.outputs.get("purpose") == "VPC_PEERING" and _same_network(found.outputs.get("network"), network)
    ]
    connected = any(
        _same_network(found.outputs.get("network"), network)
        for found in store.all("gcp:servicenetworking/connection:Connection")
    )
    if not ranges or not connected:
        message = (
            f"Failed to create subnetwork. Couldn't find Service Networking connection for {network}: "
            "set up private services access first"
        )
        raise GoogleRefusal(400, message, "NETWORK_NOT_PEERED")
    taken = store.addresses()
    for address in _candidates(ipaddress.ip_network(ranges[0]), skip=3):
        if address not in taken:
            _take(store, address, token, identity)
            return address
    message = f"the peered range {ranges[0]} is used up"
    raise GoogleRefusal(400, message, "invalid")


def _peered_range(store: WorldStore, token: str, identity: str, values: Mapping[str, Value]) -> str:
    length = int(values.get("prefixLength") or 24)
    taken = {ipaddress.ip_address(text) for text in store.addresses()}
    for space in _PEERED.subnets(new_prefix=length):
        if not any(address in space for address in taken):
            _take(store, str(space.network_address), token, identity)
            return str(space.network_address)
    message = "there is no free private range"
    raise GoogleRefusal(400, message, "invalid")


def _inside(store: WorldStore, token: str, identity: str, values: Mapping[str, Value], project: str) -> str:
    """The next free address of the subnetwork."""
    asked = str(values.get("subnetwork", ""))
    name = strip_self_link(asked) if "/" in asked else f"{project}|{asked}"
    subnet = store.called(name, ["gcp:compute/subnetwork:Subnetwork"])
    if subnet is None:
        message = "Invalid value for field 'subnetwork': an internal address needs one"
        raise GoogleRefusal(400, message, "invalid")
    taken = store.addresses()
    for address in _candidates(ipaddress.ip_network(subnet.outputs["ipCidrRange"]), skip=2):
        if address not in taken:
            _take(store, address, token, identity)
            return address
    message = f"the subnetwork '{subnet.id}' has no free address"
    raise GoogleRefusal(400, message, "invalid")


def _take(store: WorldStore, address: str, token: str, identity: str) -> None:
    if address in store.addresses():
        raise make_already_exists(address)
    store.allocate(address, token, identity)


def _candidates(space: ipaddress.IPv4Network | ipaddress.IPv6Network, skip: int = 0) -> Iterator[str]:
    """The addresses of a range in order. A load balancer's IPv6 address is the first of a /64, as Google gives them."""
    if isinstance(space, ipaddress.IPv6Network):
        yield from (str(part.network_address) for part in space.subnets(new_prefix=64))
        return
    for place, address in enumerate(space.hosts()):
        if place >= skip:
            yield str(address)


def _same_network(one: Value, other: str) -> bool:
    return isinstance(one, str) and strip_self_link(one).rpartition("/")[2] == strip_self_link(other).rpartition("/")[2]
