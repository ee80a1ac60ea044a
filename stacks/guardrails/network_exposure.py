"""What the internet can reach: addresses, firewall rules, ports and TLS (guideline 6.1(7), 6.2(1)).

Defaults are the provider's and Google's: a firewall rule without sources takes everybody, an SSL policy without a
version takes TLS 1.0, a network makes a subnetwork in every region of the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, get_value, say
from stacks.guardrails.public_access import EXTERNAL

Network = IPv4Network | IPv6Network
GOOGLES: Final = tuple(map(ip_network, ("35.191.0.0/16", "130.211.0.0/22", "35.235.240.0/20", "2600:2d00:1:b029::/64")))
"""Health checks and the proxy's TCP forwarding ("Firewall rules for health checks", "Using IAP for TCP forwarding")."""
_SHARED: Final = ip_network("100.64.0.0/10")
MOST_ADDRESSES: Final = {4: 2**16, 6: 2**96}
"""Public addresses that a rule may let in at most: more is not somebody, but the internet."""
MANAGEMENT_PORTS = (22, 3389, 5432, 3306, 1433, 6379, 9200, 27017)
"""Shells, screens and databases: from no public address, however few."""
_MOST_PORTS = 2**15
"""A rule that lets out to more ports than half of them lets everything out."""
_LONGEST_PORT = 9
"""Digits of what may be a port's number."""
POLICY_RULES = (
    "compute.FirewallPolicyRule",
    "compute.NetworkFirewallPolicyRule",
    "compute.RegionNetworkFirewallPolicyRule",
)
HTTPS_PROXIES = ("compute.RegionTargetHttpsProxy", "compute.TargetHttpsProxy")
TLS_VERSIONS = ("TLS_1_2", "TLS_1_3")
SSL_MODES = ("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED")
MAY_BE_PUBLIC = ("compute.GlobalAddress", "compute.RouterNat", "compute.HaVpnGateway", "compute.ExternalVpnGateway")
"""Load balancer, NAT, VPN: the types that may have an address on the internet."""


def forbid_public_addresses(resource: CheckedResource) -> Violations:
    """Find addresses on the internet outside the listed types."""
    match resource.kind:
        case "compute.Address" if (resource.get_input("addressType") or "EXTERNAL") == "EXTERNAL":
            yield say("address-public")
        case "compute.ForwardingRule" if (resource.get_input("loadBalancingScheme") or "EXTERNAL") in EXTERNAL:
            yield say("regional-entrance")
        case "compute.GlobalForwardingRule":
            yield from _check_global_rule(resource)
        case "compute.Instance":
            yield from _check_machine(resource)
        case "compute.Subnetwork" if resource.get_input("ipv6AccessType") == "EXTERNAL":
            yield say("subnet-public")
        case "compute.Network" if resource.differs("autoCreateSubnetworks", wanted=False):
            yield say("network-everywhere")
        case "organizations.Project" if resource.differs("autoCreateNetwork", wanted=False):
            yield say("project-default-network")
        case "storage.Bucket" if resource.differs("publicAccessPrevention", "enforced"):
            yield say("bucket-openable")
        case "alloydb.Instance" if resource.get_input("networkConfig.enablePublicIp") is True:
            yield say("database-public", path="networkConfig.enablePublicIp")


def _check_global_rule(resource: CheckedResource) -> Violations:
    """Only HTTPS comes in: one port, and a proxy that ends TLS. Rules to Google's own services take no port."""
    scheme = resource.get_input("loadBalancingScheme")
    if scheme == "":
        return
    ports, target = resource.get_input("portRange"), resource.get_input("target")
    if ports is not UNKNOWN and str(ports) not in ("443", "443-443"):
        yield say("only-port-443", ports=ports)
    if isinstance(target, str) and "/targetHttpProxies/" in target:
        yield say("only-https", kind="compute.TargetHttpProxy")


def _check_machine(resource: CheckedResource) -> Violations:
    interfaces = resource.get_input("networkInterfaces")
    for one in interfaces if isinstance(interfaces, list) else ():
        for name in ("accessConfigs", "ipv6AccessConfigs"):
            given = get_value(one, name)
            if given is not UNKNOWN and given:
                yield say("machine-public", path=name)
    if str(resource.get_input("metadata.serial-port-enable")).lower() in ("true", "1"):
        yield say("machine-serial")


def require_closed_database(resource: CheckedResource) -> Violations:
    """Find databases with an address on the internet, or connections in the clear."""
    if resource.kind == "redis.Instance" and resource.differs("transitEncryptionMode", "SERVER_AUTHENTICATION"):
        yield say("connection-plain", path="transitEncryptionMode", wanted="SERVER_AUTHENTICATION")
    if resource.kind == "redis.Instance" and resource.differs("authEnabled", wanted=True):
        yield say("connection-unasked", path="authEnabled")
    if resource.kind != "sql.DatabaseInstance":
        return
    at = "settings.ipConfiguration"
    if resource.differs(f"{at}.ipv4Enabled", wanted=False):
        yield say("database-public", path=f"{at}.ipv4Enabled")
    networks = resource.get_input(f"{at}.authorizedNetworks")
    if networks is not UNKNOWN and networks:
        yield say("database-networks")
    mode = resource.get_input(f"{at}.sslMode")
    if mode is not UNKNOWN and mode not in SSL_MODES:
        yield say("connection-plain", path=f"{at}.sslMode", wanted=SSL_MODES[0])


def require_tls(resource: CheckedResource) -> Violations:
    """Find HTTPS with versions that are broken, or that nobody has chosen."""
    if resource.kind in ("compute.SSLPolicy", "compute.RegionSslPolicy"):
        version, profile = resource.get_input("minTlsVersion"), resource.get_input("profile")
        if version is not UNKNOWN and version not in TLS_VERSIONS:
            yield say("tls-old", version=version or "TLS_1_0")
        if profile is not UNKNOWN and profile in (None, "COMPATIBLE"):
            yield say("tls-profile")
    if resource.kind in HTTPS_PROXIES and resource.get_input("sslPolicy") in (None, ""):
        yield say("tls-unchosen")
    if resource.kind == "compute.VPNTunnel" and resource.get_input("ikeVersion") in (1, 1.0, "1"):
        yield say("ike-old")


def forbid_open_firewall(resource: CheckedResource) -> Violations:
    """Find rules that let the internet in, let everything out, or close nothing."""
    if resource.kind == "compute.Firewall":
        yield from _check_firewall(resource)
    elif resource.kind in POLICY_RULES:
        yield from _check_policy_rule(resource)


def _check_firewall(resource: CheckedResource) -> Violations:
    disabled = resource.get_input("disabled") is True
    if disabled and resource.get_input("denies"):
        yield say("firewall-off")
    permits = resource.get_input("allows")
    if not isinstance(permits, list) or not permits or disabled:
        return
    direction = resource.get_input("direction")
    outward = direction == "EGRESS"
    given = resource.get_input("destinationRanges" if outward else "sourceRanges")
    if UNKNOWN in (given, direction):
        return
    if not outward and not given and (resource.get_input("sourceTags") or resource.get_input("sourceServiceAccounts")):
        return
    services = [(get_value(one, "protocol"), get_value(one, "ports")) for one in permits]
    yield from _check_ranges(given if isinstance(given, list) else [], services, outward=outward)


def _check_policy_rule(resource: CheckedResource) -> Violations:
    action, disabled = resource.get_input("action"), resource.get_input("disabled") is True
    if disabled and action == "deny":
        yield say("firewall-off")
    if action != "allow" or disabled:
        return
    direction = resource.get_input("direction")
    outward = direction == "EGRESS"
    given = resource.get_input("match.destIpRanges" if outward else "match.srcIpRanges")
    others = [name for name in _OTHER_SOURCES if resource.get_input(f"match.{name}")]
    if UNKNOWN in (given, direction) or (not given and others):
        return
    layers = resource.get_input("match.layer4Configs")
    services = [
        (get_value(one, "ipProtocol"), get_value(one, "ports")) for one in (layers if isinstance(layers, list) else ())
    ]
    yield from _check_ranges(given if isinstance(given, list) else [], services, outward=outward)


_OTHER_SOURCES = ("srcSecureTags", "srcAddressGroups", "srcNetworkScope", "srcNetworkContext", "destAddressGroups")


def _check_ranges(given: Sequence[Any], services: Sequence[tuple[Any, Any]], *, outward: bool) -> Violations:
    """Where no range is named, Google takes all addresses."""
    networks = [*_read_networks(given or ["0.0.0.0/0"])]
    public = [one for one in networks if not _is_private(one) and not any(_is_inside(one, own) for own in GOOGLES)]
    shown = ", ".join(map(str, public))
    if _is_internet(public):
        if not outward:
            yield say("firewall-open", ranges=shown)
        elif any(_fold(protocol) == "all" or _count_ports(ports) > _MOST_PORTS for protocol, ports in services):
            yield say("firewall-out", ranges=shown)
    elif public and not outward:
        ports = sorted({port for protocol, spans in services for port in _list_management_ports(protocol, spans)})
        if ports:
            yield say("firewall-management", ports=", ".join(map(str, ports)), ranges=shown)


def _read_networks(given: Iterable[Any]) -> Iterable[Network]:
    for one in given:
        try:
            # A bare number would be an address to Python, and is none to Google.
            yield ip_network(one if isinstance(one, str) else "", strict=False)
        except ValueError:
            # Unknown, or no range at all: Google refuses that.
            continue


def _is_internet(public: Sequence[Network]) -> bool:
    return any(
        sum(one.num_addresses for one in public if one.version == version) > most
        for version, most in MOST_ADDRESSES.items()
    )


def _is_private(network: Network) -> bool:
    """Whether nobody on the internet has such an address: private, or shared inside a provider (RFC 6598)."""
    return network.is_private or _is_inside(network, _SHARED)


def _is_inside(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]


def _fold(protocol: object) -> str:
    """A protocol in one spelling: the provider takes any case."""
    return str(protocol).lower()


def _list_management_ports(protocol: Any, ports: Any) -> list[int]:  # noqa: ANN401 any JSON
    if _fold(protocol) not in ("all", "tcp", "6"):
        return []
    if not isinstance(ports, list) or not ports:
        return [*MANAGEMENT_PORTS]
    spans = _read_spans(ports)
    return [port for first, last in spans for port in MANAGEMENT_PORTS if first <= port <= last]


def _count_ports(ports: object) -> int:
    """How many ports are named; none named are all of them."""
    if ports is UNKNOWN:
        return 0
    if not isinstance(ports, list) or not ports:
        return 2**16
    return sum(max(0, last - first + 1) for first, last in _read_spans(ports))


def _read_spans(ports: Sequence[Any]) -> list[tuple[int, int]]:
    """The first and last port of each span; what is no port is left out: Google refuses it."""
    ends = [str(span).partition("-")[::2] for span in ports]
    return [
        (int(first), int(last or first))
        for first, last in ends
        if all(one.isdecimal() and len(one) <= _LONGEST_PORT for one in (first, last or first))
    ]


def forbid_public_network(resource: CheckedResource) -> Violations:
    """Find what the internet can reach, or reaches in the clear."""
    yield from forbid_public_addresses(resource)
    yield from require_closed_database(resource)
    yield from require_tls(resource)
    yield from forbid_open_firewall(resource)


CLOSED = Guardrail("nothing-public", "6.2(1), 6.1(7)", forbid_public_network)
