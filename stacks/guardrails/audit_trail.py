"""Who did what stays on record, and what the organisation forbids stays forbidden (guideline 6.1(3), 6.2(1)).

`_Default` lies in `global`, so the stack keeps the logs elsewhere and lets nothing into it; that one exclusion is
known by its name. Forms of policies: Google, "Create and manage organization policies" (v2) and the older v1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, get_value, say
from stacks.guardrails.locations import SINKS
from stacks.settings.configuration import HALF_A_YEAR
from stacks.settings.google_locations import COUNTRIES

EXCLUDED_ELSEWHERE = ("logs-default",)
"""Exclusions of the project that may take everything: a sink of the stack has taken it before (`project_logs`)."""
EXCLUSIONS = ("logging.FolderExclusion", "logging.OrganizationExclusion", "logging.ProjectExclusion")
AUDIT_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
AUDIT_CONFIGS = ("folder.IamAuditConfig", "organizations.IamAuditConfig", "projects.IAMAuditConfig")
OLD_POLICIES = ("folder.OrganizationPolicy", "organizations.Policy", "projects.OrganizationPolicy")
_AUDIT_LOG = re.compile(r"cloudaudit\.googleapis\.com", re.IGNORECASE)
_EVERYTHING = re.compile(
    r"\s*|true|\*|severity\s*(>=\s*(DEFAULT|0|\"DEFAULT\")|!=\s*\"?\w+\"?)|(logName|timestamp|insertId)\s*:\s*(\*|\"\")|"
    r"(logName|resource\.type)\s*(:|=~)\s*\"?(\*|\.\*|projects/?)\"?",
    re.IGNORECASE,
)
"""Filters that every entry fits."""
LOCATIONS = "gcp.resourceLocations"
_GROUPS: Mapping[str, tuple[str, ...]] = {"JP": ("japan", "jp")}


def require_logs(resource: CheckedResource) -> Violations:
    """Find logs that are not written, not taken, or kept for less than half a year."""
    kind = resource.kind
    if kind in SINKS:
        yield from _check_sink(resource)
    if kind in EXCLUSIONS and resource.name not in EXCLUDED_ELSEWHERE:
        yield from _check_exclusion(resource.inputs, "filter")
    if kind == "logging.ProjectBucketConfig":
        days = resource.get_input("retentionDays")
        if days is not UNKNOWN and (not isinstance(days, int | float) or days < HALF_A_YEAR):
            yield say("logs-short", days=days or 30, wanted=HALF_A_YEAR)
    if kind in AUDIT_CONFIGS:
        yield from _check_audit_config(resource)
    if kind in ("monitoring.AlertPolicy", "monitoring.NotificationChannel") and resource.get_input("enabled") is False:
        yield say("alert-off")
    if kind in ("compute.BackendService", "compute.RegionBackendService"):
        yield from _check_request_logs(resource)


def _check_sink(resource: CheckedResource) -> Violations:
    if resource.get_input("disabled") is True:
        yield say("sink-off")
    exclusions = resource.get_input("exclusions")
    for one in exclusions if isinstance(exclusions, list) else ():
        yield from _check_exclusion(one, "exclusions.filter")


def _check_exclusion(exclusion: Any, path: str) -> Violations:  # noqa: ANN401 any JSON
    """An exclusion takes what fits its filter away: everything, or the audit logs, it may not take."""
    text = get_value(exclusion, "filter")
    if text is UNKNOWN or get_value(exclusion, "disabled") is True:
        return
    if _EVERYTHING.fullmatch(_strip_brackets(str(text or ""))):
        yield say("excludes-everything", path=path, filter=text or "")
    elif _AUDIT_LOG.search(str(text)) and not re.search(r"\bNOT\b|!=|-log", str(text)):
        yield say("excludes-audit", path=path, filter=text)


def _strip_brackets(text: str) -> str:
    stripped = text.strip()
    while stripped.startswith("(") and stripped.endswith(")"):
        stripped = stripped[1:-1].strip()
    return stripped


def _check_audit_config(resource: CheckedResource) -> Violations:
    configs = resource.get_input("auditLogConfigs")
    listed = configs if isinstance(configs, list) else []
    for one in listed:
        exempted = get_value(one, "exemptedMembers")
        if exempted is not UNKNOWN and exempted:
            yield say("audit-exempted", members=", ".join(map(str, exempted)))
    types = [get_value(one, "logType") for one in listed]
    if resource.get_input("service") == "allServices" and configs is not UNKNOWN and UNKNOWN not in types:
        missing = [one for one in AUDIT_TYPES if one not in types]
        if missing:
            yield say("audit-missing", types=", ".join(missing))


def _check_request_logs(resource: CheckedResource) -> Violations:
    rate = resource.get_input("logConfig.sampleRate")
    if resource.get_input("logConfig.enable") is False or (isinstance(rate, int | float) and rate == 0):
        yield say("requests-unlogged")


def forbid_weaker_policies(resource: CheckedResource) -> Violations:
    """Find organisation policies that open what they are there to close."""
    if resource.kind == "orgpolicy.Policy":
        yield from _check_policy(resource)
    if resource.kind in OLD_POLICIES:
        yield from _check_old_policy(resource)


def _check_policy(resource: CheckedResource) -> Violations:
    """A rule with a condition is an exception for something that is named; one without holds for everything."""
    constraint = str(resource.get_input("name") or "").rpartition("/")[2]
    if resource.get_input("spec.reset") is True:
        yield say("policy-reset", constraint=constraint)
    for rule in _list_rules(resource.get_input("spec.rules")):
        values = get_value(rule, "values.allowedValues")
        if constraint == LOCATIONS:
            yield from _check_locations(resource, values)
        if get_value(rule, "condition.expression"):
            continue
        if _is_said(rule, "allowAll", "TRUE") or _is_said(rule, "enforce", "FALSE"):
            yield say("policy-opens", constraint=constraint)
    if resource.get_input("spec") is None and resource.get_input("dryRunSpec") is None:
        yield say("policy-opens", constraint=constraint)


def _check_locations(resource: CheckedResource, values: Any) -> Violations:  # noqa: ANN401 any JSON
    """Values are locations or groups: `in:asia-northeast1-locations` (Google: "Restricting resource locations").

    Whether there is a group of the stack's country is for Google to say; it would hold no other one.
    """
    countries = {COUNTRIES.get(region, "") for region in resource.regions.locations}
    allowed = (*resource.regions.locations, resource.regions.shared, *_GROUPS.get("".join(countries), ()))
    for value in values if isinstance(values, list) else ():
        place = str(value).removeprefix("in:").removeprefix("is:").removesuffix("-locations")
        if value is not UNKNOWN and place not in allowed:
            yield say("policy-abroad", value=value, where=resource.regions.describe())


def _check_old_policy(resource: CheckedResource) -> Violations:
    constraint = str(resource.get_input("constraint") or "").rpartition("/")[2]
    if resource.get_input("booleanPolicy.enforced") is False or resource.get_input("listPolicy.allow.all") is True:
        yield say("policy-opens", constraint=constraint)
    if resource.get_input("restorePolicy.default") is True:
        yield say("policy-reset", constraint=constraint)
    if constraint == LOCATIONS:
        yield from _check_locations(resource, resource.get_input("listPolicy.allow.values"))


def _list_rules(rules: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 any JSON
    yield from (one for one in (rules if isinstance(rules, list) else ()) if isinstance(one, Mapping))


def _is_said(rule: Mapping[str, Any], name: str, word: str) -> bool:
    return str(rule.get(name)).upper() == word


def require_audit_trail(resource: CheckedResource) -> Violations:
    """Find what would leave no trace, or loosen what the organisation forbids."""
    yield from require_logs(resource)
    yield from forbid_weaker_policies(resource)


LOGGED = Guardrail("logs-are-kept", "6.1(3), 6.2(1)", require_audit_trail)
