"""What Cloud Armor refuses of a security policy, and what of it is not known here.

Sources (Google Cloud documentation, by page name): "Cloud Armor preconfigured WAF rules overview" (the names of the
sets), "Tune Cloud Armor preconfigured WAF rules" (sensitivity 0 to 4), "Rate limiting overview" and the reference of
`securityPolicies` (thresholds, intervals, the options of a throttling rule), "Create and view security policy rules"
(priorities 0 to 2,147,483,647), "Cloud Armor best practices" (a description of 64 characters).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]

SECURITY_POLICY = "gcp:compute/securityPolicy:SecurityPolicy"
LAST = 2_147_483_647
_SETS = (
    *("sqli", "xss", "lfi", "rfi", "rce", "methodenforcement", "scannerdetection", "protocolattack"),
    *("php", "sessionfixation", "java", "nodejs"),
)
_WAF = re.compile(r"evaluatePreconfiguredWaf\('([a-z]+)-v33-(stable|canary)'(?:, \{'sensitivity': (\d+)\})?\)")
_MOST_SENSITIVE = 4
_DENIALS = frozenset({"deny(403)", "deny(404)", "deny(502)"})
_THROTTLE = "throttle"
_INTERVALS = frozenset({10, 30, 60, 120, 180, 240, 300, 600, 900, 1200, 1800, 2700, 3600})
_MOST_REQUESTS = 1_000_000
_LONGEST_DESCRIPTION = 64
_NOT_MODELLED = ("adaptiveProtectionConfig", "recaptchaOptionsConfig")
_NOT_MODELLED_OF_A_RULE = ("headerAction", "preconfiguredWafConfig", "redirectOptions")


def check_security_policy(_store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a policy that Cloud Armor would refuse, and one of which it is not known here what it would do.

    Raises:
        GoogleRefusal: as said.
    """
    kind = values.get("type") or "CLOUD_ARMOR"
    asked = [name for name in _NOT_MODELLED if values.get(name)] + ([f"type {kind}"] if kind != "CLOUD_ARMOR" else [])
    rules = [rule for rule in values.get("rules") or () if isinstance(rule, Mapping)]
    for rule in rules:
        asked += _list_unknown(rule)
    if asked:
        message = f"the offline Google does not model {', '.join(asked)} of compute.SecurityPolicy"
        raise GoogleRefusal(501, message, "notImplemented")
    for field, wrong in _check_rules(rules):
        raise make_invalid(field, wrong)


def _list_unknown(rule: Values) -> Iterator[str]:
    yield from (f"rules.{name}" for name in _NOT_MODELLED_OF_A_RULE if rule.get(name))
    expression = _find_expression(rule)
    if expression is not None and not _WAF.fullmatch(expression):
        yield f"the expression {expression[:120]!r}"
    if rule.get("action") == "rate_based_ban":
        yield "the action rate_based_ban"


def _find_expression(rule: Values) -> str | None:
    match = rule.get("match")
    expression = (match.get("expr") or {}).get("expression") if isinstance(match, Mapping) else None
    return None if expression is None else str(expression)


def _check_rules(rules: list[Values]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        for field, wrong in (*_check_rule(rule), *_check_match(rule), *_check_rate(rule)):
            yield f"rules[priority {rule.get('priority')}].{field}", wrong
    if rules and not any(rule.get("priority") == LAST for rule in rules):
        yield "rules", f"the rule of priority {LAST}, which matches everybody, is missing"


def _check_rule(rule: Values) -> Iterator[tuple[str, str]]:
    priority, action, description = rule.get("priority"), rule.get("action"), rule.get("description")
    if isinstance(priority, int | float) and not 0 <= priority <= LAST:
        yield "priority", f"{priority:g} is outside 0 to {LAST}"
    if isinstance(description, str) and len(description) > _LONGEST_DESCRIPTION:
        yield "description", f"it has {len(description)} characters, and at most {_LONGEST_DESCRIPTION} are allowed"
    if action not in {"allow", _THROTTLE, *_DENIALS}:
        yield "action", f"'{action}'. There is no such action"


def _check_match(rule: Values) -> Iterator[tuple[str, str]]:
    match = rule.get("match")
    match = match if isinstance(match, Mapping) else {}
    expression = _find_expression(rule)
    if (expression is None) == (match.get("versionedExpr") in {None, ""}):
        yield "match", "it needs either expr, or versionedExpr with config"
    elif expression is None:
        if not (match.get("config") or {}).get("srcIpRanges"):
            yield "match.config.srcIpRanges", "SRC_IPS_V1 needs 1 to 10 of them"
    elif found := _WAF.fullmatch(expression):
        if found[1] not in _SETS:
            yield "match.expr", f"'{found[1]}-v33-{found[2]}'. There is no such preconfigured expression set"
        if found[3] is not None and int(found[3]) > _MOST_SENSITIVE:
            yield "match.expr", f"the sensitivity {found[3]} is outside 0 to {_MOST_SENSITIVE}"
    if rule.get("priority") == LAST and (match.get("config") or {}).get("srcIpRanges") != ["*"]:
        yield "match", "the last rule matches everybody: '*'"


def _check_rate(rule: Values) -> Iterator[tuple[str, str]]:
    options = rule.get("rateLimitOptions")
    if (rule.get("action") == _THROTTLE) != isinstance(options, Mapping):
        yield "rateLimitOptions", f"they are needed with the action {_THROTTLE}, and only allowed with it"
        return
    if not isinstance(options, Mapping):
        return
    for name in ("banDurationSec", "banThreshold"):
        if options.get(name):
            yield f"rateLimitOptions.{name}", "it needs the action rate_based_ban"
    for name in ("conformAction", "exceedAction"):
        if not options.get(name):
            yield f"rateLimitOptions.{name}", "it is needed"
    threshold = options.get("rateLimitThreshold")
    threshold = threshold if isinstance(threshold, Mapping) else {}
    count, interval = threshold.get("count"), threshold.get("intervalSec")
    if not isinstance(count, int | float) or not 1 <= count <= _MOST_REQUESTS:
        yield "rateLimitOptions.rateLimitThreshold.count", f"{count} is outside 1 to {_MOST_REQUESTS}"
    if interval not in _INTERVALS:
        yield "rateLimitOptions.rateLimitThreshold.intervalSec", f"{interval} is none of {sorted(_INTERVALS)}"
