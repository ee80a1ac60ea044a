"""What the VPC refuses of a network's parts by themselves: firewall rules, ranges, subnets, NAT, endpoint groups.

Sources: "VPC firewall rules" and the reference of `firewalls` (protocols, ports, one IP family a rule, which side a
direction has), "Subnets" (smallest and forbidden ranges), "Configure private services access" (an allocated range is
IPv4, of a network, a /8 to a /29), "Serverless network endpoint groups overview", the reference of `routers` (NAT).
"""

from __future__ import annotations

import ipaddress
import re

from controller.offline_google.models.rules.rule import (
    Complaints,
    Rule,
    Values,
    find_family,
    find_known,
    list_known_blocks,
    list_known_texts,
)

FIREWALLS = "https://cloud.google.com/firewall/docs/firewalls"
SUBNETS = "https://cloud.google.com/vpc/docs/subnets"
SERVICES_ACCESS = "https://cloud.google.com/vpc/docs/configure-private-services-access"
ADDRESSES = "https://cloud.google.com/compute/docs/reference/rest/v1/globalAddresses"
GROUPS = "https://cloud.google.com/load-balancing/docs/negs/serverless-neg-concepts"
NAT = "https://cloud.google.com/nat/docs/public-nat"
_PROTOCOLS = frozenset({"tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all"})
_WITH_PORTS = frozenset({"tcp", "udp", "sctp", "6", "17", "132"})
_HIGHEST_PROTOCOL, _HIGHEST_PORT = 255, 65_535
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_SMALLEST_SUBNET, _LARGEST_SUBNET = 29, 4
_FORBIDDEN = tuple(
    ipaddress.ip_network(one)
    for one in (
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "199.36.153.4/30",
        "199.36.153.8/30",
    )
)  # fmt: skip
"""Ranges that no subnet may have, as "Prohibited IPv4 subnet ranges" lists them."""


def explain_ports(text: str) -> str:
    """Return what is wrong with a port or a range of ports as Google writes them; empty where nothing is.

    >>> explain_ports("443"), explain_ports("1024-65535")
    ('', '')
    >>> explain_ports("5432-80")
    "'5432-80' ends before it begins"
    """
    found = _PORTS.fullmatch(text)
    if found is None:
        return f"{text!r} is no port and no range of ports"
    first, last = int(found[1]), int(found[2] or found[1])
    if last > _HIGHEST_PORT:
        return f"{text!r} has a port above {_HIGHEST_PORT}"
    return f"{text!r} ends before it begins" if last < first else ""


def _check_protocols(values: Values) -> Complaints:
    for side in ("allows", "denies"):
        for field, block in list_known_blocks(values, side):
            protocol = find_known(block, "protocol")
            if not isinstance(protocol, str):
                continue
            number = int(protocol) if re.fullmatch(r"\d{1,3}", protocol) else None
            if protocol not in _PROTOCOLS and (number is None or number > _HIGHEST_PROTOCOL):
                yield (
                    f"{field}.protocol",
                    f"{protocol!r} is no protocol that Google knows by name, and no number of one",
                )
            ports = list_known_texts(block, "ports")
            if ports and protocol not in _WITH_PORTS:
                yield f"{field}.ports", f"the protocol {protocol} has no ports"
            for place, text in ports:
                wrong = explain_ports(text)
                if wrong:
                    yield f"{field}.{place}", wrong


def _check_sides(values: Values) -> Complaints:
    outwards = find_known(values, "direction") == "EGRESS"
    if outwards:
        for name in ("sourceTags", "sourceServiceAccounts"):
            if find_known(values, name):
                yield name, "a rule of the direction EGRESS has no source of this kind"
    if find_known(values, "sourceServiceAccounts") or find_known(values, "targetServiceAccounts"):
        for name in ("sourceTags", "targetTags"):
            if find_known(values, name):
                yield name, "network tags and service accounts cannot stand in one rule"
    if find_known(values, "allows") and find_known(values, "denies"):
        yield "denies", "a rule allows or denies, not both"
    yield from _check_ranges(values, "destinationRanges" if outwards else "sourceRanges")


def _check_ranges(values: Values, side: str) -> Complaints:
    ranges = [*list_known_texts(values, "sourceRanges"), *list_known_texts(values, "destinationRanges")]
    for field, text in ranges:
        if not _is_range(text):
            yield field, f"{text!r} is no range of addresses (host bits must be zero)"
    families = {find_family(text) for _, text in ranges} - {None}
    if len(families) > 1:
        yield side, "IPv4 and IPv6 ranges cannot stand in one rule"


def _check_subnet_range(values: Values) -> Complaints:
    text = find_known(values, "ipCidrRange")
    if not isinstance(text, str):
        return
    if not _is_range(text) or find_family(text) != 4:  # noqa: PLR2004 the IP version
        yield "ipCidrRange", f"{text!r} is no IPv4 range (host bits must be zero)"
        return
    network = ipaddress.IPv4Network(text)
    if not _LARGEST_SUBNET <= network.prefixlen <= _SMALLEST_SUBNET:
        yield "ipCidrRange", f"{text!r} is not a /{_LARGEST_SUBNET} to a /{_SMALLEST_SUBNET}"
    forbidden = next((one for one in _FORBIDDEN if one.overlaps(network)), None)
    if forbidden is not None:
        yield "ipCidrRange", f"{text!r} overlaps {forbidden}, which no subnet may have"


def _check_flow_logs(values: Values) -> Complaints:
    rate = find_known(values, "logConfig.flowSampling")
    if isinstance(rate, int | float) and not 0 < rate <= 1:
        yield "logConfig.flowSampling", f"{rate} is not above 0 and at most 1"


def _check_global_address(values: Values) -> Complaints:
    inside, purpose = find_known(values, "addressType") == "INTERNAL", find_known(values, "purpose")
    address, prefix = find_known(values, "address"), find_known(values, "prefixLength")
    if inside and find_known(values, "ipVersion") == "IPV6":
        yield "ipVersion", "an internal address is an IPv4 one"
    if inside and purpose is None:
        yield "purpose", "an internal global address needs a purpose"
    if not inside:
        for name in ("purpose", "network", "prefixLength"):
            if find_known(values, name) is not None:
                yield name, "only an internal address has it"
    if purpose == "VPC_PEERING":
        yield from _check_allocated_range(values, address, prefix)
    elif prefix is not None:
        yield "prefixLength", "only a range of the purpose VPC_PEERING has a length"


def _check_allocated_range(values: Values, address: object, prefix: object) -> Complaints:
    if "network" not in values:
        yield "network", "a range of the purpose VPC_PEERING needs its network"
    if not isinstance(prefix, int):
        if "prefixLength" not in values:
            yield "prefixLength", "a range of the purpose VPC_PEERING needs its length"
        return
    if not 8 <= prefix <= _SMALLEST_SUBNET:  # noqa: PLR2004 the document's number
        yield "prefixLength", f"{prefix} is not 8 to {_SMALLEST_SUBNET}"
    elif isinstance(address, str) and not _is_range(f"{address}/{prefix}"):
        yield "address", f"{address!r} is not where a /{prefix} begins"


def _check_serverless_group(values: Values) -> Complaints:
    kind = find_known(values, "networkEndpointType") or "SERVERLESS"
    targets = ("cloudRun", "appEngine", "cloudFunction", "serverlessDeployment")
    given = [name for name in targets if name in values]
    if kind == "SERVERLESS" and len(given) != 1:
        yield "networkEndpointType", f"a serverless group points to one of {', '.join(targets)}; it has {len(given)}"
    if kind != "SERVERLESS" and given:
        yield given[0], f"a group of the type {kind} points to no service without servers"
    run = find_known(values, "cloudRun")
    if isinstance(run, dict) and not run.keys() & {"service", "urlMask"}:
        yield "cloudRun", "it needs a service or a URL mask"


def _check_nat(values: Values) -> Complaints:
    manual = find_known(values, "natIpAllocateOption") == "MANUAL_ONLY"
    addresses = "natIps" in values
    if manual and not addresses:
        yield "natIps", "MANUAL_ONLY needs them"
    if not manual and addresses:
        yield "natIps", "AUTO_ONLY takes addresses by itself"
    listed = find_known(values, "sourceSubnetworkIpRangesToNat") == "LIST_OF_SUBNETWORKS"
    if listed != ("subnetworks" in values):
        yield "subnetworks", "they are needed with LIST_OF_SUBNETWORKS, and allowed only with it"


def _is_range(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


FIREWALL_PROTOCOLS = Rule(FIREWALLS, _check_protocols)
FIREWALL_SIDES = Rule(FIREWALLS, _check_sides)
SUBNET_RANGE = Rule(SUBNETS, _check_subnet_range)
FLOW_LOGS = Rule("https://cloud.google.com/compute/docs/reference/rest/v1/subnetworks", _check_flow_logs)
GLOBAL_ADDRESS = Rule(f"{ADDRESSES} and {SERVICES_ACCESS}", _check_global_address)
SERVERLESS_GROUP = Rule(GROUPS, _check_serverless_group)
NAT_ADDRESSES = Rule(NAT, _check_nat)
