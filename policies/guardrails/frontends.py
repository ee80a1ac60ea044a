"""Who gets in: nobody without the proxy (guideline 6.1(7)), nobody unnamed, no address but the listed ones (6.2(1))."""

from __future__ import annotations

from policies.guardrails.found import UNKNOWN, Found, Guardrail, Violations

PUBLIC = "public"
"""Setting: names of backends and services that may do without the proxy. None, unless the pack's settings say so."""
BACKENDS = ("compute.BackendService", "compute.RegionBackendService")
EVERYBODY = ("allUsers", "allAuthenticatedUsers")
ONE_PERSON = "user:"
EXTERNAL = ("EXTERNAL", "EXTERNAL_MANAGED")
MAY_BE_PUBLIC = ("compute.GlobalAddress", "compute.GlobalForwardingRule", "compute.RouterNat", "compute.HaVpnGateway")
"""Load balancer, NAT, VPN: the types that may have an address on the internet."""


def behind_the_proxy(found: Found) -> Violations:
    """IAP on every backend; no way round it to a service."""
    if found.name in found.settings.get(PUBLIC, ()):
        return
    if found.kind in BACKENDS and found.is_not("iap.enabled", wanted=True):
        yield "has no identity-aware proxy: set iap.enabled"
    if found.kind != "cloudrunv2.Service":
        return
    if found.is_not("ingress", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"):
        yield "can be reached past the load balancer: set ingress to INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    if found.is_not("defaultUriDisabled", wanted=True):
        yield "has an address of its own past the proxy: set defaultUriDisabled"
    if found.at("invokerIamDisabled") is True:
        yield "lets anybody invoke it: only the proxy's service agent may"
    if found.at("iapEnabled") is True:
        yield "has a proxy of its own as well as the load balancer's; Google takes only one of them"


def nobody_unnamed(found: Found) -> Violations:
    """No binding to everybody, and none of the proxy's to a single person."""
    if "IAM" not in found.kind.upper():
        return
    members = found.at("members")
    for member in (*(members if isinstance(members, list) else [members]), found.at("member")):
        if member in EVERYBODY:
            yield f"is bound to {member}"
        if isinstance(member, str) and member.startswith(ONE_PERSON):
            yield f"is bound to the single person {member.removeprefix(ONE_PERSON)}; bind a group"


def no_public_address(found: Found) -> Violations:
    """No address on the internet outside the listed types."""
    if found.kind in MAY_BE_PUBLIC:
        return
    if found.kind == "compute.Address" and (found.at("addressType") or "EXTERNAL") == "EXTERNAL":
        yield "is a public address; only the load balancer, NAT and VPN have one"
    if found.kind == "compute.ForwardingRule" and (found.at("loadBalancingScheme") or "EXTERNAL") in EXTERNAL:
        yield "is a public regional way in; people come by the global load balancer"
    if found.kind == "compute.Instance":
        interfaces = found.at("networkInterfaces")
        if isinstance(interfaces, list) and any(one is not UNKNOWN and one.get("accessConfigs") for one in interfaces):
            yield "has a public address (accessConfigs)"
    if found.kind == "sql.DatabaseInstance" and found.is_not("settings.ipConfiguration.ipv4Enabled", wanted=False):
        yield "has a public address: set settings.ipConfiguration.ipv4Enabled to false"
    if found.kind == "storage.Bucket" and found.is_not("publicAccessPrevention", "enforced"):
        yield "could be opened to everybody: set publicAccessPrevention to enforced"


def closed(found: Found) -> Violations:
    """Nobody unnamed and no public address, as one guardrail."""
    yield from nobody_unnamed(found)
    yield from no_public_address(found)


PROXY = Guardrail("proxy-everywhere", "6.1(7), 3.2(5)", "Every backend stands behind the proxy.", behind_the_proxy)
CLOSED = Guardrail("nothing-public", "6.2(1), 6.1(7)", "No anonymous binding, no stray public address.", closed)
