"""What the VPC and the load balancer refuse because of what is there: ranges, NAT, backends, entries of a map.

Sources: "Configure private services access" (an allocated range overlaps no subnet, and is what a connection names),
"Public NAT" (one subnet range has one gateway), "Serverless network endpoint groups overview" (what a serverless
backend does not have, one group a region), "Backend services overview" (health checks), "Certificate maps" (a host
name once).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping

from controller.offline_google.schema.diff_suppress import strip_self_link, take_link_name
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, refuse_value
from controller.offline_google.world.world_store import StoredResource, WorldStore

Values = Mapping[str, Value]
ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
NAT = "gcp:compute/routerNat:RouterNat"
ROUTER = "gcp:compute/router:Router"
SERVERLESS = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup"
INTERNET = "gcp:compute/globalNetworkEndpointGroup:GlobalNetworkEndpointGroup"
ZONAL = "gcp:compute/networkEndpointGroup:NetworkEndpointGroup"
MAP_ENTRY = "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry"
_PEERING = "VPC_PEERING"
_OF_MACHINES = ("balancingMode", "maxRate", "maxRatePerEndpoint", "maxUtilization", "maxConnections")


def check_allocated_range(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a range for Google's services that overlaps a subnet, or another such range, of its network.

    Raises:
        GoogleRefusal: it does.
    """
    mine = _find_range(values)
    if mine is None:
        return
    for other, theirs in _list_ranges(store, values):
        if other.id != identity and mine.overlaps(theirs):
            refuse_value("resource.address", f"'{mine}'. It conflicts with '{other.name}' ({theirs})")


def check_allocated_range_free(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a subnet that overlaps a range for Google's services in its network.

    Raises:
        GoogleRefusal: it does.
    """
    mine = ipaddress.IPv4Network(values["ipCidrRange"], strict=False)
    for other, theirs in _list_ranges(store, values):
        if other.token == ADDRESS and other.id != identity and mine.overlaps(theirs):
            refuse_value("resource.ipCidrRange", f"'{mine}'. It conflicts with '{other.name}' ({theirs})")


def check_connection_ranges(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a connection by ranges that are not allocated for it.

    Raises:
        GoogleRefusal: a range is none for peering, or of another network.
    """
    del identity
    network = take_link_name(str(values.get("network")))
    for name in values.get("reservedPeeringRanges") or ():
        found = store.called(f"{values.get('project')}|{name}", [ADDRESS])
        found = found or next((one for one in store.all(ADDRESS) if one.name == name), None)
        if found is None:
            continue
        fits = found.outputs.get("purpose") == _PEERING
        if not fits or take_link_name(str(found.outputs.get("network"))) != network:
            message = f"'{name}'. It is no range of the purpose {_PEERING} in the network {network}"
            refuse_value("reservedPeeringRanges", message)


def check_nat_alone(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a second gateway for every subnet of a network in a region.

    Raises:
        GoogleRefusal: there is one.
    """
    if values.get("sourceSubnetworkIpRangesToNat") == "LIST_OF_SUBNETWORKS":
        return
    network = _find_router_network(store, values)
    for other in store.all(NAT):
        same = other.outputs.get("region") == values.get("region")
        if other.id != identity and same and network and _find_router_network(store, other.outputs) == network:
            message = f"NAT '{values.get('name')}' covers the subnets of '{other.name}' in {values.get('region')} again"
            refuse_value("resource.nats", message)


def check_backends(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse backends that do not go with one another, or settings that their kind does not have.

    Raises:
        GoogleRefusal: one of them.
    """
    del identity
    groups = [(block, _find_group(store, block)) for block in values.get("backends") or ()]
    kinds = {found.token for _, found in groups if found is not None}
    if len(kinds) > 1:
        refuse_value("resource.backends", "endpoint groups of different kinds cannot serve together")
    checks = bool(values.get("healthChecks"))
    if kinds <= {ZONAL} and kinds and not checks:
        refuse_value("resource.healthChecks", "a backend of machines or addresses needs a health check")
    if not kinds & {SERVERLESS, INTERNET}:
        return
    if checks:
        refuse_value("resource.healthChecks", "serverless and internet backends have no health check")
    if kinds == {SERVERLESS}:
        _check_serverless(groups, values)


def _check_serverless(groups: list[tuple[Values, StoredResource | None]], values: Values) -> None:
    for place, (block, _) in enumerate(groups):
        given = [
            name for name in _OF_MACHINES if block.get(name) is not None and name not in block.get("__defaults", ())
        ]
        if given:
            refuse_value(f"resource.backends[{place}].{given[0]}", "a serverless backend has none")
    if values.get("portName") and "portName" not in values.get("__defaults", ()):
        refuse_value("resource.portName", "serverless backends have none")
    regions = Counter(str(found.outputs.get("region")) for _, found in groups if found is not None)
    for region, count in regions.items():
        if count > 1:
            refuse_value("resource.backends", f"{count} serverless groups in {region}; one is the most")


def check_host_once(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a second entry for a host name in one certificate map.

    Raises:
        GoogleRefusal: there is one.
    """
    for other in store.all(MAP_ENTRY):
        same = take_link_name(str(other.outputs.get("map"))) == take_link_name(str(values.get("map")))
        if other.id != identity and same and other.outputs.get("hostname") == values.get("hostname"):
            message = f"The map has an entry for {values.get('hostname')} already: '{other.name}'"
            raise GoogleRefusal(409, message, "alreadyExists")


def _find_range(values: Values) -> ipaddress.IPv4Network | None:
    address, prefix = values.get("address"), values.get("prefixLength")
    if values.get("purpose") != _PEERING or not address or prefix is None:
        return None
    return ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)


def _list_ranges(store: WorldStore, values: Values) -> Iterator[tuple[StoredResource, ipaddress.IPv4Network]]:
    """Every subnet and allocated range of the network."""
    network = take_link_name(str(values.get("network")))
    for one in (*store.all(SUBNETWORK), *store.all(ADDRESS)):
        if take_link_name(str(one.outputs.get("network"))) == network:
            block = one.outputs.get("ipCidrRange")
            found = ipaddress.IPv4Network(block) if block else _find_range(one.outputs)
            if found is not None:
                yield one, found


def _find_router_network(store: WorldStore, values: Values) -> str | None:
    name, region = take_link_name(str(values.get("router"))), values.get("region")
    routers = (one for one in store.all(ROUTER) if one.name == name and one.outputs.get("region") == region)
    found = next(routers, None)
    return None if found is None else take_link_name(str(found.outputs.get("network")))


def _find_group(store: WorldStore, block: Values) -> StoredResource | None:
    return store.called(strip_self_link(str(block.get("group"))), (SERVERLESS, INTERNET, ZONAL))
