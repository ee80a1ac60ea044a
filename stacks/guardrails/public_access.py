"""Public access: no way round the identity-aware proxy, nobody unnamed, no stray address (guideline 6.1(7), 6.2(1))."""

from __future__ import annotations

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations

PUBLIC = "public"
"""Setting: names of backends and services that may do without the proxy. None, unless the pack's settings say so."""
BACKENDS = ("compute.BackendService", "compute.RegionBackendService")
EVERYBODY = ("allUsers", "allAuthenticatedUsers")
ONE_PERSON = "user:"
EXTERNAL = ("EXTERNAL", "EXTERNAL_MANAGED")
MAY_BE_PUBLIC = ("compute.GlobalAddress", "compute.GlobalForwardingRule", "compute.RouterNat", "compute.HaVpnGateway")
"""Load balancer, NAT, VPN: the types that may have an address on the internet."""


def require_proxy(resource: CheckedResource) -> Violations:
    """Find backends without the identity-aware proxy, and ways round it to a service."""
    if resource.name in resource.settings.get(PUBLIC, ()):
        return
    if resource.kind in BACKENDS and resource.differs("iap.enabled", wanted=True):
        yield "has no identity-aware proxy: set iap.enabled"
    if resource.kind != "cloudrunv2.Service":
        return
    if resource.differs("ingress", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"):
        yield "can be reached past the load balancer: set ingress to INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    if resource.differs("defaultUriDisabled", wanted=True):
        yield "has an address of its own past the proxy: set defaultUriDisabled"
    if resource.get_input("invokerIamDisabled") is True:
        yield "lets anybody invoke it: only the proxy's service agent may"
    if resource.get_input("iapEnabled") is True:
        yield "has a proxy of its own as well as the load balancer's; Google takes only one of them"


def require_web_firewall(resource: CheckedResource) -> Violations:
    """Find backends on the internet that no web application firewall stands before, a public application's too."""
    outside = (resource.get_input("loadBalancingScheme") or "EXTERNAL_MANAGED") in EXTERNAL
    if resource.kind in BACKENDS and outside and not resource.get_input("securityPolicy"):
        yield "has no web application firewall: name a policy of Cloud Armor in securityPolicy"


def forbid_unnamed_members(resource: CheckedResource) -> Violations:
    """Find bindings to everybody, and to a single person."""
    if "IAM" not in resource.kind.upper():
        return
    members = resource.get_input("members")
    for member in (*(members if isinstance(members, list) else [members]), resource.get_input("member")):
        if member in EVERYBODY:
            yield f"is bound to {member}"
        if isinstance(member, str) and member.startswith(ONE_PERSON):
            yield f"is bound to the single person {member.removeprefix(ONE_PERSON)}; bind a group"


def forbid_public_addresses(resource: CheckedResource) -> Violations:
    """Find addresses on the internet outside the listed types."""
    if resource.kind in MAY_BE_PUBLIC:
        return
    if resource.kind == "compute.Address" and (resource.get_input("addressType") or "EXTERNAL") == "EXTERNAL":
        yield "is a public address; only the load balancer, NAT and VPN have one"
    if (
        resource.kind == "compute.ForwardingRule"
        and (resource.get_input("loadBalancingScheme") or "EXTERNAL") in EXTERNAL
    ):
        yield "is a public regional way in; people come by the global load balancer"
    if resource.kind == "compute.Instance":
        interfaces = resource.get_input("networkInterfaces")
        if isinstance(interfaces, list) and any(one is not UNKNOWN and one.get("accessConfigs") for one in interfaces):
            yield "has a public address (accessConfigs)"
    if resource.kind == "sql.DatabaseInstance" and resource.differs(
        "settings.ipConfiguration.ipv4Enabled", wanted=False
    ):
        yield "has a public address: set settings.ipConfiguration.ipv4Enabled to false"
    if resource.kind == "storage.Bucket" and resource.differs("publicAccessPrevention", "enforced"):
        yield "could be opened to everybody: set publicAccessPrevention to enforced"


def forbid_public_access(resource: CheckedResource) -> Violations:
    """Find what is open to everybody, by a binding or by an address."""
    yield from forbid_unnamed_members(resource)
    yield from forbid_public_addresses(resource)


WEB_FIREWALL = Guardrail(
    "web-firewall",
    "6.1(7), 要素技術",
    "Every backend stands behind the web application firewall.",
    require_web_firewall,
)
PROXY = Guardrail("proxy-everywhere", "6.1(7), 3.2(5)", "Every backend stands behind the proxy.", require_proxy)
CLOSED = Guardrail(
    "nothing-public", "6.2(1), 6.1(7)", "No anonymous binding, no stray public address.", forbid_public_access
)
