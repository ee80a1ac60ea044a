"""Conditions that ask for something: of the proxy's bindings, of access levels, of identity pools (guideline 3.2(5)).

A condition is asked with a stranger: somebody of whom nothing is known but an address, at several hours. What lets him
in at all of them is no condition, however it is written. CEL is evaluated by its own C++ implementation.

Claims of a token: GitHub, "OpenID Connect reference". Of any other issuer's claims a stranger has some value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed

from controller.inputs.bounded_json import JsonRefused
from stacks.guardrails.granted_access import is_known, list_grants
from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, get_value, say

PROXY_GRANT = re.compile(r"iap\.Web(Region)?(BackendService|CloudRunService)I[aA][mM].*")
LEVELS = ("accesscontextmanager.AccessLevel", "accesscontextmanager.AccessLevelCondition")
PROVIDER = "iam.WorkloadIdentityPoolProvider"
PERIMETERS = ("accesscontextmanager.ServicePerimeter",)
_ADDRESSES = ("9.9.9.9", "193.0.14.129", "2620:fe::9")
"""Of strangers: in both halves of the IPv4 internet, and in IPv6."""
_TIMES = tuple(
    datetime(year, month, day, hour, tzinfo=UTC)
    for year, month, day, hour in ((2026, 6, 10, 2), (2026, 12, 26, 15), (2027, 8, 15, 20), (2031, 1, 1, 9))
)
"""A school day, a Saturday night, the holidays, and some years on."""
_FLAGS = ("is_admin_approved_device", "is_corp_owned_device", "is_secured_with_screenlock", "verified_chrome_os")
_WAYS = ("pwd", "push", "sms", "swk", "hwk", "otp", "mfa")
_DEVICE: Final[dict[str, Any]] = {
    **dict.fromkeys(_FLAGS, False),
    "encryption_status": 0,
    "os_type": 0,
    "os_version": "",
    "model": "",
    "certificates": [],
    "vendors": {},
}
_DYN = cel.Type.DYN
_VARIABLES: Final = {
    **dict.fromkeys(("assertion", "attribute", "device", "destination", "google", "levels"), _DYN),
    **dict.fromkeys(("resource", "OsType", "DeviceEncryptionStatus", "request.auth.claims", "request.host"), _DYN),
    "origin.ip": cel.Type.STRING,
    "origin.region_code": cel.Type.STRING,
    "request.path": _DYN,
    "request.time": cel.Type.TIMESTAMP,
    "request.auth.access_levels": cel.Type.List(cel.Type.STRING),
}
_SYSTEMS = ("DESKTOP_MAC", "DESKTOP_WINDOWS", "DESKTOP_LINUX", "DESKTOP_CHROME_OS", "ANDROID", "IOS")
_KNOWN: Final[dict[str, Any]] = {
    "device": _DEVICE,
    "request.auth.claims": {"crd_str": dict.fromkeys(_WAYS, False)},
    "request.auth.access_levels": [],
    "OsType": {"OS_UNSPECIFIED": 0, **{name: number for number, name in enumerate(_SYSTEMS, 1)}},
    "DeviceEncryptionStatus": {"ENCRYPTION_UNSPECIFIED": 0, "UNENCRYPTED": 2, "ENCRYPTED": 3},
}
_STRANGERS_CLAIMS: Final[dict[str, Any]] = {
    "event_name": "push",
    "iss": "https://token.actions.githubusercontent.com",
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "repository": "stranger/none",
    "repository_owner": "stranger",
    "repository_visibility": "private",
    "runner_environment": "github-hosted",
    "sub": "repo:stranger/none:ref:refs/heads/main",
}
"""Of a job in somebody else's repository: what he can choose himself is as he needs it."""
_CLAIMS = ("assertion", "attribute", "google")
_MEMBER_OF = r"\b{name}\s*(?:\.\s*(\w+)|\[\s*[\"']([^\"']+)[\"']\s*\])"
"""A part of a map in CEL, in both spellings: `levels.a` and `levels["a"]`."""
_REQUEST: Final[dict[str, Any]] = {
    "destination": {"ip": "203.0.113.9", "port": 443},
    "request.host": "host.example",
    "request.path": "/",
    "resource": {"name": "name", "service": "iap.googleapis.com", "type": "iap.googleapis.com/WebBackendService"},
}
"""What is asked for is no matter of who asks."""
_ANYBODY = frozenset(["ANY_IDENTITY", "ANY_USER_ACCOUNT"])
BASIC_FIELDS = ("devicePolicy", "ipSubnetworks", "members", "regions", "requiredAccessLevels", "vpcNetworkSources")


def admits_stranger(expression: str) -> bool | None:
    """Say if a condition lets somebody in of whom nothing is known; None where it is not CEL that can be judged.

    >>> admits_stranger("1 == 1 || device.is_corp_owned_device"), admits_stranger('origin.region_code == "JP"')
    (True, False)
    """
    try:
        compiled = _get_environment().compile(expression)
    except RuntimeError:
        return None
    for about in _describe_strangers(expression):
        for address in _ADDRESSES:
            known = {**_KNOWN, **_REQUEST, **about, "origin.ip": address, "origin.region_code": "ZZ"}
            if all(compiled.eval(data={**known, "request.time": at}).value() is True for at in _TIMES):
                return True
    return False


def _describe_strangers(expression: str) -> Iterator[Mapping[str, Any]]:
    """Yield what is held of a stranger: he has every claim that is asked for, with values of his own; or none."""
    levels = dict.fromkeys(_list_members("levels", expression), False)
    for claims in (_STRANGERS_CLAIMS, {}):
        about: dict[str, Any] = {"levels": levels}
        for name in _CLAIMS:
            asked = dict.fromkeys(_list_members(name, expression), "stranger")
            about[name] = {**asked, **claims, "subject": claims["sub"]} if claims else {}
        yield about


def _list_members(name: str, expression: str) -> list[str]:
    found = re.findall(_MEMBER_OF.format(name=name), expression)
    return [dotted or quoted for dotted, quoted in found]


@cache
def _get_environment() -> cel.Env:
    overload = cel.Overload(
        "in_ip_range",
        cel.Type.BOOL,
        [cel.Type.STRING, cel.Type.List(cel.Type.STRING)],
        is_member=False,
        impl=_is_in_ranges,
    )
    return cel.NewEnv(variables=_VARIABLES, functions=[cel.FunctionDecl("inIpRange", [overload])])


def _is_in_ranges(address: str, ranges: list[str]) -> bool:
    return any(ip_address(address) in ip_network(one, strict=False) for one in ranges)


def require_conditions(resource: CheckedResource) -> Violations:
    """Find bindings, access levels and identity pools that ask for nothing."""
    if PROXY_GRANT.fullmatch(resource.kind):
        yield from _check_bindings(resource)
    if resource.kind in LEVELS:
        yield from _check_level(resource)
    if resource.kind == PROVIDER:
        yield from _check_expression(resource.get_input("attributeCondition"), "attributeCondition", "pool-open")
    if resource.kind in PERIMETERS:
        yield from _check_perimeter(resource)
    if resource.kind == "iap.Settings" and resource.get_input("accessSettings.corsSettings.allowHttpOptions") is True:
        yield say("proxy-options")


def _check_bindings(resource: CheckedResource) -> Violations:
    try:
        grants = [*list_grants(resource)]
    except JsonRefused:
        # Said by the rule on members.
        return
    for grant in grants:
        if grant.condition is not UNKNOWN:
            expression = get_value(grant.condition, "expression")
            yield from _check_expression(expression, "condition.expression", "binding-unconditional")


def _check_expression(expression: object, path: str, message: str) -> Violations:
    if expression is UNKNOWN:
        return
    if not isinstance(expression, str) or not expression.strip():
        yield say(message, path=path)
        return
    admits = admits_stranger(expression)
    if admits:
        yield say("always-true", path=path, expression=expression)
    elif admits is None:
        yield say("not-judged", path=path, expression=expression)


def _check_level(resource: CheckedResource) -> Violations:
    """A level is custom (CEL) or basic: a list of conditions, each with at least something that it asks for."""
    custom, basic = resource.get_input("custom"), resource.get_input("basic")
    if is_known(custom):
        yield from _check_expression(resource.get_input("custom.expr.expression"), "custom.expr.expression", "no-level")
    conditions: Any = None
    if resource.kind.endswith("Condition"):
        conditions = [resource.inputs]
    elif is_known(basic):
        conditions = resource.get_input("basic.conditions")
    elif custom is None and basic is None:
        yield say("no-level", path="custom, basic")
    if is_known(basic) and conditions == []:
        yield say("no-level", path="basic.conditions")
    for one in conditions if isinstance(conditions, list) else ():
        yield from _check_basic_condition(one)


def _check_basic_condition(condition: Any) -> Violations:  # noqa: ANN401 any JSON
    if not isinstance(condition, Mapping):
        return
    if condition.get("negate") is True:
        yield say("level-negated")
    asked = {name: condition.get(name) for name in BASIC_FIELDS}
    if any(value is UNKNOWN for value in asked.values()):
        return
    given = asked["ipSubnetworks"]
    ranges = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    if any(_contains_strangers(one) for one in ranges):
        yield say("level-everywhere", ranges=", ".join(ranges))
    if not any(_asks_something(value) for value in asked.values()):
        yield say("no-level", path="basic.conditions")


def _asks_something(value: Any) -> bool:  # noqa: ANN401 any JSON
    return any(value.values()) if isinstance(value, Mapping) else bool(value)


def _contains_strangers(text: str) -> bool:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return False
    return any(ip_address(one) in network for one in _ADDRESSES)


def _check_perimeter(resource: CheckedResource) -> Violations:
    """A perimeter with a way in for anybody from anywhere is none; one that is only rehearsed closes nothing."""
    status = resource.get_input("status")
    bridge = resource.get_input("perimeterType") == "PERIMETER_TYPE_BRIDGE"
    if status is None and not resource.get_input("useExplicitDryRunSpec"):
        yield say("perimeter-empty", path="status")
    if isinstance(status, Mapping) and not bridge and status.get("restrictedServices") in (None, []):
        yield say("perimeter-empty", path="status.restrictedServices")
    for way in ("ingressPolicies", "egressPolicies"):
        for policy in (one for part in ("status", "spec") for one in _list_items(resource, f"{part}.{way}")):
            if _is_open_way(policy, way):
                yield say("perimeter-open", path=way)


def _list_items(resource: CheckedResource, path: str) -> list[Any]:
    given = resource.get_input(path)
    return given if isinstance(given, list) else []


def _is_open_way(policy: Any, way: str) -> bool:  # noqa: ANN401 any JSON
    """In: any identity from anywhere. Out: any identity to every project."""
    source, target = ("ingressFrom", "ingressTo") if way == "ingressPolicies" else ("egressFrom", "egressTo")
    identities = get_value(policy, f"{source}.identityType")
    if not isinstance(identities, str) or identities not in _ANYBODY:
        return False
    if way == "egressPolicies":
        resources = get_value(policy, f"{target}.resources")
        return isinstance(resources, list) and "*" in resources
    sources = get_value(policy, f"{source}.sources")
    if sources is UNKNOWN:
        return False
    if not isinstance(sources, list) or not sources:
        return True
    return any(get_value(one, "accessLevel") == "*" for one in sources)


CONDITIONS = Guardrail("conditional-access", "3.2(5), 6.1(7)", require_conditions)
