"""What Cloud DNS refuses of a zone or a record set by itself.

Sources: "Records overview" (data of each type; a CNAME stands alone and has one target), "Resource record sets" of the
API (name of at most 253 letters, a TTL of seconds), "Zones overview" and "Manage zones" (a DNS name ends with a dot and
is no top-level domain; DNSSEC is of public zones, networks are of private ones).
"""

from __future__ import annotations

import ipaddress
import re

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_texts

RECORDS = "https://cloud.google.com/dns/docs/records-overview"
ZONES = "https://cloud.google.com/dns/docs/zones"
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(\*\.)?({_LABEL}\.)+")
_MAIL = re.compile(rf"\d{{1,5}} ({_LABEL}\.)+")
_QUOTED = re.compile(r'("[^"]{0,255}"\s*)+')
_LONGEST_NAME = 253


def is_dns_name(text: str) -> bool:
    """Whether a text is an absolute DNS name, its labels in small letters, the first one perhaps a wildcard.

    >>> is_dns_name("www.example."), is_dns_name("*.example."), is_dns_name("www.example"), is_dns_name("a..b.")
    (True, True, False, False)
    """
    return len(text) - 1 <= _LONGEST_NAME and _NAME.fullmatch(text.lower()) is not None


def _check_record_data(values: Values) -> Complaints:
    kind, name = find_known(values, "type"), find_known(values, "name")
    if isinstance(name, str) and not is_dns_name(name):
        yield "name", f"{name!r} is no DNS name: labels of 1 to 63 letters, digits and '-', and a dot at the end"
    data = list_known_texts(values, "rrdatas")
    for field, text in data:
        wrong = _explain_data(kind, text)
        if wrong:
            yield field, wrong
    if kind == "CNAME" and len(data) > 1:
        yield "rrdatas", f"a CNAME record has one target; it has {len(data)}"
    texts = [text for _, text in data]
    if len(set(texts)) < len(texts):
        yield "rrdatas", "a value stands in it twice"


def _explain_data(kind: object, text: str) -> str:
    match kind:
        case "A":
            return "" if _is_address(text, 4) else f"{text!r} is no IPv4 address, which a record of the type A holds"
        case "AAAA":
            return "" if _is_address(text, 6) else f"{text!r} is no IPv6 address, which a record of the type AAAA holds"
        case "CNAME" | "NS" | "PTR":
            fits = is_dns_name(text) and not text.startswith("*")
            return "" if fits else f"{text!r} is no DNS name with a dot at its end, which a {kind} record holds"
        case "MX":
            return (
                ""
                if _MAIL.fullmatch(text.lower())
                else f"{text!r} is no preference and name, such as '10 mail.example.'"
            )
        case "TXT" | "SPF":
            bare = '"' not in text and not any(letter.isspace() for letter in text)
            return (
                ""
                if bare or _QUOTED.fullmatch(text)
                else f"{text!r} has white space or quotes, and is not quoted whole"
            )
    return ""


def _check_zone(values: Values) -> Complaints:
    name, visibility = find_known(values, "dnsName"), find_known(values, "visibility")
    if isinstance(name, str):
        if not is_dns_name(name) or name.startswith("*"):
            yield "dnsName", f"{name!r} is no DNS name with a dot at its end"
        elif visibility != "private" and name.count(".") == 1:
            yield "dnsName", f"{name!r} is a top-level domain, which no public zone may be of"
    networks = find_known(values, "privateVisibilityConfig")
    if networks is not None and visibility != "private":
        yield "privateVisibilityConfig", "only a private zone is seen by networks"
    if visibility == "private" and find_known(values, "dnssecConfig.state") in {"on", "transfer"}:
        yield "dnssecConfig.state", "a private zone has no DNSSEC"


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


RECORD_DATA = Rule(RECORDS, _check_record_data)
ZONE = Rule(ZONES, _check_zone)
