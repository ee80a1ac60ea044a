"""Public access: no way round the identity-aware proxy, and a firewall of requests before it (guideline 6.1(7))."""

from __future__ import annotations

from typing import Any

from stacks.guardrails.guardrail import CheckedResource, Guardrail, Violations, get_value, say

PUBLIC = "public"
"""Setting: names of backends and services that may do without the proxy. None, unless the pack's settings say so."""
BACKENDS = ("compute.BackendService", "compute.RegionBackendService")
RUN_SERVICE = "cloudrunv2.Service"
EXTERNAL = ("EXTERNAL", "EXTERNAL_MANAGED")
ONLY_BY_LOAD_BALANCER = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
_UNPROTECTED = ("HTTP", "TCP", "UDP", "SSL", "GRPC", "H2C")
"""Protocols of a backend that are in the clear, or that the proxy does not look into."""
WAF_RULES = ("compute.SecurityPolicyRule", "compute.RegionSecurityPolicyRule")


def require_proxy(resource: CheckedResource) -> Violations:
    """Find backends without the identity-aware proxy, and ways round it to a service."""
    public = resource.name in resource.settings.get(PUBLIC, ())
    if resource.kind in BACKENDS:
        yield from _check_backend(resource, public=public)
    if resource.kind == RUN_SERVICE and not public:
        yield from _check_service(resource)


def _check_backend(resource: CheckedResource, *, public: bool) -> Violations:
    if not public and resource.differs("iap.enabled", wanted=True):
        yield say("no-proxy")
    if resource.get_input("enableCdn") is True and not public:
        yield say("cached-past-proxy")
    if resource.get_input("protocol") in _UNPROTECTED:
        yield say("backend-plain", protocol=resource.get_input("protocol"))


def _check_service(resource: CheckedResource) -> Violations:
    if resource.differs("ingress", ONLY_BY_LOAD_BALANCER):
        yield say("run-past-load-balancer")
    if resource.differs("defaultUriDisabled", wanted=True):
        yield say("run-own-address")
    if resource.get_input("invokerIamDisabled") is True:
        yield say("run-invoked-by-all")
    if resource.get_input("iapEnabled") is True:
        yield say("run-second-proxy")


def require_web_firewall(resource: CheckedResource) -> Violations:
    """Find backends on the internet that no web application firewall stands before, a public application's too.

    A rule of it that is only a preview looks as if it stopped something.
    """
    outside = (resource.get_input("loadBalancingScheme") or "EXTERNAL") in EXTERNAL
    if resource.kind in BACKENDS and outside and resource.get_input("securityPolicy") in (None, ""):
        yield say("no-waf")
    rules: list[Any] = [resource.inputs] if resource.kind in WAF_RULES else []
    if resource.kind in ("compute.SecurityPolicy", "compute.RegionSecurityPolicy"):
        given = resource.get_input("rules")
        rules = given if isinstance(given, list) else []
    for rule in rules:
        if get_value(rule, "preview") is True and str(get_value(rule, "action")).startswith("deny"):
            yield say("waf-preview", priority=get_value(rule, "priority"))


PROXY = Guardrail("proxy-everywhere", "6.1(7), 3.2(5)", require_proxy)
WEB_FIREWALL = Guardrail("web-firewall", "6.1(7), 要素技術", require_web_firewall)
