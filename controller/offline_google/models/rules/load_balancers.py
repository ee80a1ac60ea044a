"""What Cloud Load Balancing refuses of its parts by themselves.

Sources: the references of `backendServices`, `urlMaps`, `globalForwardingRules` and `sslPolicies`; "Enabling IAP for
Cloud Run" and "IAP overview" (no Cloud CDN beside IAP); "Serverless network endpoint groups overview" (what a
serverless backend does not have); "Custom headers" (form, reserved names); "Certificates overview" of Certificate
Manager.
"""

from __future__ import annotations

import re
from collections import Counter

from controller.offline_google.models.rules.dns import is_dns_name
from controller.offline_google.models.rules.networks import explain_ports
from controller.offline_google.models.rules.rule import (
    Complaints,
    Rule,
    Values,
    find_known,
    list_known_blocks,
    list_known_texts,
)
from controller.offline_google.schema.pulumi_values import UNKNOWN

REFERENCE = "https://cloud.google.com/compute/docs/reference/rest/v1"
BACKENDS = f"{REFERENCE}/backendServices"
HEADERS = "https://cloud.google.com/load-balancing/docs/https/custom-headers-global"
IAP = "https://cloud.google.com/iap/docs/concepts-overview"
CERTIFICATES = "https://cloud.google.com/certificate-manager/docs/overview"
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n]*)")
_RESERVED_HEADERS = ("x-google-", "x-goog-", "x-gfe-", "x-amz-")
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
     "upgrade"}
)  # fmt: skip
_MOST_HEADERS = 16
_LONGEST_INTERVAL = 315_576_000_000
_MOST_DOMAINS = 100


def _check_identity_proxy(values: Values) -> Complaints:
    """Google's answer to a CDN beside IAP is an error; IAP reads HTTP only."""
    if find_known(values, "iap.enabled") is not True:
        return
    if find_known(values, "enableCdn") is True:
        yield "enableCdn", "Cloud CDN and IAP cannot both be on"
    protocol = find_known(values, "protocol")
    if protocol in {"TCP", "SSL", "UDP", "UNSPECIFIED"}:
        yield "protocol", f"IAP does not stand before a backend that speaks {protocol}"


def _check_headers(values: Values) -> Complaints:
    for name in ("customRequestHeaders", "customResponseHeaders"):
        headers = list_known_texts(values, name)
        if len(headers) > _MOST_HEADERS:
            yield name, f"it has {len(headers)} headers; {_MOST_HEADERS} is the most"
        for field, text in headers:
            found = _HEADER.fullmatch(text)
            if found is None:
                yield field, f"{text!r} is no header: NAME: VALUE"
            elif found[1].lower() in _HOP_BY_HOP or found[1].lower().startswith(_RESERVED_HEADERS):
                yield field, f"the header {found[1]} is reserved"


def _check_sample_rate(values: Values) -> Complaints:
    rate = find_known(values, "logConfig.sampleRate")
    if isinstance(rate, int | float) and not 0 <= rate <= 1:
        yield "logConfig.sampleRate", f"{rate} is not 0 to 1"
    if rate is not None and find_known(values, "logConfig.enable") is False:
        yield "logConfig.sampleRate", "it says something only while logging is on"


def _check_outlier_detection(values: Values) -> Complaints:
    for name in ("baseEjectionTime", "interval"):
        seconds = find_known(values, f"outlierDetection.{name}.seconds")
        if isinstance(seconds, int) and not 0 <= seconds <= _LONGEST_INTERVAL:
            yield f"outlierDetection.{name}.seconds", f"{seconds} is not 0 to {_LONGEST_INTERVAL}"
    if find_known(values, "outlierDetection") and find_known(values, "loadBalancingScheme") == "EXTERNAL":
        yield "outlierDetection", "the scheme EXTERNAL has none"


def _check_url_map(values: Values) -> Complaints:
    matchers = [str(find_known(block, "name")) for _, block in list_known_blocks(values, "pathMatchers")]
    for name, count in Counter(matchers).items():
        if count > 1:
            yield "pathMatchers", f"{count} path matchers are called {name!r}"
    rules = list_known_blocks(values, "hostRules")
    asked = [(field, find_known(block, "pathMatcher")) for field, block in rules]
    for field, name in asked:
        if isinstance(name, str) and name not in matchers:
            yield f"{field}.pathMatcher", f"no path matcher is called {name!r}"
    for name in sorted({*matchers} - {name for _, name in asked}):
        yield "pathMatchers", f"no host rule leads to the path matcher {name!r}"
    hosts = [(f"{field}.{at}", host) for field, block in rules for at, host in list_known_texts(block, "hosts")]
    counted = Counter(host for _, host in hosts)
    for field, host in hosts:
        if counted[host] > 1:
            yield field, f"{host!r} stands in {counted[host]} host rules"
        if not _is_host(host):
            yield field, f"{host!r} is no host name: small letters, or '*' at its beginning"


def _is_host(host: str) -> bool:
    bare, _, port = host.partition(":")
    if port and explain_ports(port):
        return False
    return bare == "*" or (bare == bare.lower() and is_dns_name(f"{bare.removeprefix('*.')}."))


def _check_port_range(values: Values) -> Complaints:
    ports = find_known(values, "portRange")
    if not isinstance(ports, str):
        return
    wrong = explain_ports(ports)
    if wrong:
        yield "portRange", wrong
        return
    first, _, last = ports.partition("-")
    if last and first != last:
        yield "portRange", f"a rule of an application load balancer has one port, not {ports}"


def _check_tls(values: Values) -> Complaints:
    if find_known(values, "minTlsVersion") == "TLS_1_3" and find_known(values, "profile") != "RESTRICTED":
        yield "profile", "TLS_1_3 as the oldest version needs the profile RESTRICTED"


def _check_certificate(values: Values) -> Complaints:
    given = values.get("managed") or {}
    domains = list_known_texts(values, "managed.domains")
    if len(domains) > _MOST_DOMAINS:
        yield "managed.domains", f"it has {len(domains)} domains; {_MOST_DOMAINS} is the most"
    authorised = given is UNKNOWN or bool(given.get("dnsAuthorizations") or given.get("issuanceConfig"))
    for field, domain in domains:
        if not is_dns_name(f"{domain}.") or "." not in domain or domain.endswith("."):
            yield field, f"{domain!r} is no domain name"
        elif domain.startswith("*.") and not authorised:
            yield field, f"{domain!r} needs a DNS authorisation: without one a certificate has no wildcard"
    names = [domain for _, domain in domains]
    if len(set(names)) < len(names):
        yield "managed.domains", "a domain stands in it twice"


def _check_map_entry(values: Values) -> Complaints:
    host, matcher = find_known(values, "hostname"), find_known(values, "matcher")
    if isinstance(host, str) and (not is_dns_name(f"{host}.") or host.endswith(".")):
        yield "hostname", f"{host!r} is no host name, nor one with a wildcard at its beginning"
    if ("hostname" in values) == (matcher is not None):
        yield "hostname", "an entry has a host name or the matcher PRIMARY, one of them"
    certificates = values.get("certificates")
    if isinstance(certificates, list) and not 1 <= len(certificates) <= 4:  # noqa: PLR2004 the reference's number
        yield "certificates", f"an entry has 1 to 4 certificates; it has {len(certificates)}"


def _check_authorisation(values: Values) -> Complaints:
    domain = find_known(values, "domain")
    if isinstance(domain, str) and (not is_dns_name(f"{domain}.") or domain.startswith("*") or domain.endswith(".")):
        yield "domain", f"{domain!r} is no domain name; one authorisation covers a domain and its wildcard"


IDENTITY_PROXY = Rule(IAP, _check_identity_proxy)
CUSTOM_HEADERS = Rule(HEADERS, _check_headers)
SAMPLE_RATE = Rule(BACKENDS, _check_sample_rate)
OUTLIERS = Rule(BACKENDS, _check_outlier_detection)
URL_MAP = Rule(f"{REFERENCE}/urlMaps", _check_url_map)
PORT_RANGE = Rule(f"{REFERENCE}/globalForwardingRules", _check_port_range)
TLS = Rule("https://cloud.google.com/load-balancing/docs/ssl-policies-concepts", _check_tls)
CERTIFICATE_DOMAINS = Rule(CERTIFICATES, _check_certificate)
MAP_ENTRY = Rule("https://cloud.google.com/certificate-manager/docs/reference/certificate-manager/rest/v1/"
                 "projects.locations.certificateMaps.certificateMapEntries", _check_map_entry)  # fmt: skip
AUTHORISATION = Rule(f"{CERTIFICATES} (domain authorization)", _check_authorisation)
