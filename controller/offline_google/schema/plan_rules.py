"""What the real provider refuses in a plan beyond its schema: rules of single resource types, read in its source.

The facts name them in words (`planErrors`); a test holds that every type the facts name has its rules here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from controller.offline_google.schema.input_checks import InputFailure
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value

Values = Mapping[str, Value]
_HEALTH_CHECKS = ("http", "https", "http2", "tcp", "ssl", "grpc", "grpcTls")
_MANAGED_ONLY = ("maxUtilization", "maxRate", "maxRatePerInstance", "maxRatePerEndpoint", "capacityScaler")


def find_plan_failures(token: str, inputs: Values) -> list[InputFailure]:
    """What a plan of this type breaks; an unknown value breaks nothing."""
    rule = RULES.get(token)
    return list(rule(inputs)) if rule else []


def find_value(values: Values, path: str) -> Value:
    """The value at a path of plain objects."""
    value: Value = values
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _firewall(inputs: Values) -> Iterator[InputFailure]:
    if inputs.get("logConfig") and inputs.get("enableLogging") is False:
        yield InputFailure("logConfig", "it cannot be given while enableLogging is false")
    sources = ("sourceTags", "sourceRanges", "sourceServiceAccounts")
    if inputs.get("direction") not in {"EGRESS", UNKNOWN} and not any(inputs.get(name) for name in sources):
        yield InputFailure("sourceRanges", f"an ingress rule needs one of {', '.join(sources)}")


def _health_check(inputs: Values) -> Iterator[InputFailure]:
    for name in (f"{protocol}HealthCheck" for protocol in _HEALTH_CHECKS):
        block = inputs.get(name)
        if not isinstance(block, Mapping):
            continue
        specification = block.get("portSpecification")
        if specification in {"USE_NAMED_PORT", "USE_SERVING_PORT"} and block.get("port"):
            yield InputFailure(f"{name}.port", f"it cannot be given with {specification}")
        if specification == "USE_NAMED_PORT" and not block.get("portName"):
            yield InputFailure(f"{name}.portName", "USE_NAMED_PORT needs it")
        if specification == "USE_SERVING_PORT" and block.get("portName"):
            yield InputFailure(f"{name}.portName", "it cannot be given with USE_SERVING_PORT")


def _region_backend_service(inputs: Values) -> Iterator[InputFailure]:
    scheme = inputs.get("loadBalancingScheme", "INTERNAL")
    backends = [entry for entry in inputs.get("backends") or () if isinstance(entry, Mapping)]
    passes_through = {"INTERNAL", "EXTERNAL", "INTERNAL_MANAGED"}
    if scheme not in passes_through and backends and all(entry.get("capacityScaler") == 0 for entry in backends):
        yield InputFailure("backends", f"with {scheme} at least one capacityScaler must be above 0")
    if scheme in {"INTERNAL", "EXTERNAL"}:
        for place, entry in enumerate(backends):
            for name in _MANAGED_ONLY:
                if entry.get(name) not in {None, UNKNOWN} and name not in entry.get("__defaults", ()):
                    yield InputFailure(f"backends[{place}].{name}", f"it cannot be given with {scheme}")


def _router(inputs: Values) -> Iterator[InputFailure]:
    if find_value(inputs, "bgp.advertiseMode") in {None, "DEFAULT"}:
        for name in ("advertisedGroups", "advertisedIpRanges"):
            if find_value(inputs, f"bgp.{name}"):
                yield InputFailure(f"bgp.{name}", "it needs advertiseMode CUSTOM")


def _router_nat(inputs: Values) -> Iterator[InputFailure]:
    drained, used = inputs.get("drainNatIps"), inputs.get("natIps")
    if isinstance(drained, list) and isinstance(used, list):
        both = [entry for entry in drained if entry in used and entry is not UNKNOWN]
        if both:
            yield InputFailure("drainNatIps", f"{both} are still in natIps")


def _ssl_policy(inputs: Values) -> Iterator[InputFailure]:
    custom = inputs.get("profile") == "CUSTOM"
    if inputs.get("profile") is not UNKNOWN and custom != bool(inputs.get("customFeatures")):
        yield InputFailure("customFeatures", "they are needed with profile CUSTOM, and only allowed with it")


def _security_policy(inputs: Values) -> Iterator[InputFailure]:
    rules = [rule for rule in inputs.get("rules") or () if isinstance(rule, Mapping)]
    counted = Counter(rule.get("priority") for rule in rules if rule.get("priority") is not UNKNOWN)
    for priority, number in counted.items():
        if number > 1:
            yield InputFailure("rules", f"{number} rules have the priority {priority}")


def _sink(inputs: Values) -> Iterator[InputFailure]:
    if inputs.get("bigqueryOptions") and inputs.get("uniqueWriterIdentity") is False:
        yield InputFailure("bigqueryOptions", "they need uniqueWriterIdentity")


def _notification_channel(inputs: Values) -> Iterator[InputFailure]:
    labels, hidden = inputs.get("labels"), inputs.get("sensitiveLabels")
    if isinstance(labels, Mapping) and isinstance(hidden, Mapping):
        names = {"authToken": "auth_token", "serviceKey": "service_key"}
        for name in hidden:
            if names.get(name, name) in labels:
                yield InputFailure(f"labels.{names.get(name, name)}", "it is given in sensitiveLabels, too")


def _database_instance(inputs: Values) -> Iterator[InputFailure]:
    version = inputs.get("databaseVersion")
    recovery = find_value(inputs, "settings.backupConfiguration.pointInTimeRecoveryEnabled")
    if recovery is True and isinstance(version, str) and not version.startswith(("POSTGRES", "SQLSERVER")):
        path = "settings.backupConfiguration.pointInTimeRecoveryEnabled"
        yield InputFailure(path, f"{version} has no point-in-time recovery of this kind; use binaryLogEnabled")
    directory = find_value(inputs, "settings.activeDirectoryConfig")
    if isinstance(directory, Mapping) and directory.get("mode") == "CUSTOMER_MANAGED_ACTIVE_DIRECTORY":
        for name in ("dnsServers", "adminCredentialSecretName", "organizationalUnit"):
            if not directory.get(name):
                yield InputFailure(f"settings.activeDirectoryConfig.{name}", "this mode needs it")


def _scheduled_job(inputs: Values) -> Iterator[InputFailure]:
    if all(find_value(inputs, f"httpTarget.{name}") for name in ("oauthToken", "oidcToken")):
        yield InputFailure("httpTarget.oauthToken", "a job has oauthToken or oidcToken, not both")


RULES: Mapping[str, Callable[[Values], Iterator[InputFailure]]] = {
    "gcp:cloudscheduler/job:Job": _scheduled_job,
    "gcp:compute/firewall:Firewall": _firewall,
    "gcp:compute/healthCheck:HealthCheck": _health_check,
    "gcp:compute/regionHealthCheck:RegionHealthCheck": _health_check,
    "gcp:compute/regionBackendService:RegionBackendService": _region_backend_service,
    "gcp:compute/router:Router": _router,
    "gcp:compute/routerNat:RouterNat": _router_nat,
    "gcp:compute/sSLPolicy:SSLPolicy": _ssl_policy,
    "gcp:compute/regionSslPolicy:RegionSslPolicy": _ssl_policy,
    "gcp:compute/securityPolicy:SecurityPolicy": _security_policy,
    "gcp:logging/projectSink:ProjectSink": _sink,
    "gcp:monitoring/notificationChannel:NotificationChannel": _notification_channel,
    "gcp:sql/databaseInstance:DatabaseInstance": _database_instance,
}
