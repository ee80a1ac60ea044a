"""Every rule of Check: one input that breaks it, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.operations import check_resource
from controller.offline_google.schema.defaults import AutomaticNaming, fill_defaults
from controller.offline_google.schema.facts import find_resource_type, list_known_types
from controller.offline_google.schema.input_checks import DEFAULTS, check_inputs
from controller.offline_google.schema.plan_rules import RULES, find_plan_failures
from controller.offline_google.schema.pulumi_values import UNKNOWN, read_properties, write_properties
from tests.offline_google.worlds import (
    BACKEND,
    BUCKET,
    DATABASE,
    FIREWALL,
    GLOBAL_ADDRESS,
    KEY,
    LEVEL,
    NETWORK,
    PROJECT_MEMBER,
    ROUTER,
    SUBNETWORK,
    USER,
    database,
)

MEMBERSHIP = "gcp:cloudidentity/groupMembership:GroupMembership"
SERVICE = "gcp:projects/service:Service"
CERTIFICATE = "gcp:compute/managedSslCertificate:ManagedSslCertificate"
HEALTH = "gcp:compute/healthCheck:HealthCheck"
ROLES = {"group": "groups/1", "roles": [{"name": "MEMBER"}]}
ONE, TWO = {"id": "a@x"}, {"id": "b@x"}


BROKEN: list[tuple[str, dict[str, Any], str, str]] = [
    (NETWORK, {"autoCreateSubnetwork": False}, "autoCreateSubnetwork", "did you mean 'autoCreateSubnetworks'"),
    (DATABASE, database(settings={"tier": "t", "teir": 1}), "settings.teir", "no such field"),
    (
        DATABASE,
        database(settings={"tier": "t", "ipConfiguration": {"ipv4_enabled": False}}),
        "settings.ipConfiguration.ipv4_enabled",
        "did you mean 'ipv4Enabled'",
    ),
    (SUBNETWORK, {"ipCidrRange": "10.0.0.0/20"}, "network", "required"),
    (DATABASE, database(settings={"diskSize": 10}), "settings.tier", "required"),
    (NETWORK, {"selfLink": "x"}, "selfLink", "Google computes"),
    (MEMBERSHIP, ROLES, "memberKey", "one of memberKey, preferredMemberKey must be given"),
    (MEMBERSHIP, ROLES | {"memberKey": ONE, "preferredMemberKey": TWO}, "memberKey", "only one of"),
    (BACKEND, {"cdnPolicy": {"cacheKeyPolicy": {}}}, "cdnPolicy.cacheKeyPolicy.includeHost", "at least one of"),
    (USER, {"instance": "i", "passwordWo": "x"}, "passwordWo", "requires passwordWoVersion"),
    (
        USER,
        {"instance": "i", "password": "x", "passwordWo": "y", "passwordWoVersion": 1},
        "password",
        "conflicts with passwordWo",
    ),
    (FIREWALL, {"network": "n", "priority": "1000"}, "priority", "expected int; got str"),
    (FIREWALL, {"network": "n", "priority": True}, "priority", "expected int; got bool"),
    (FIREWALL, {"network": "n", "sourceRanges": "10.0.0.0/8"}, "sourceRanges", "expected list<string>"),
    (FIREWALL, {"network": "n", "sourceRanges": [1]}, "sourceRanges[0]", "expected string"),
    (FIREWALL, {"network": "n", "direction": "IN"}, "direction", "expected one of 'INGRESS', 'EGRESS'"),
    (FIREWALL, {"network": "n", "priority": 65536}, "priority", "expected 0 to 65535"),
    (PROJECT_MEMBER, {"project": "p", "role": "r", "member": "anna"}, "member", "does not match the pattern"),
    (PROJECT_MEMBER, {"project": "p", "role": "r", "member": "deleted:user:a@b"}, "member", "is not allowed"),
    (ROUTER, {"network": "n", "bgp": {"asn": 1}}, "bgp.asn", "expected 64512 to 65534 or"),
    (KEY, {"keyRing": "k", "rotationPeriod": "86399s"}, "rotationPeriod", "at least 86400 seconds"),
    (SERVICE, {"service": "compute"}, "service", "does not match"),
    (SERVICE, {"service": "bigquery-json.googleapis.com"}, "service", "is not allowed"),
    (CERTIFICATE, {"managed": {"domains": ["x.example"] * 101}}, "managed.domains", "at most 100 items"),
    (LEVEL, {"parent": "p", "title": "t", "basic": {"conditions": []}}, "basic.conditions", "at least 1 items"),
    (
        LEVEL,
        {
            "parent": "p",
            "title": "t",
            "basic": {"conditions": [{"devicePolicy": {"allowedEncryptionStatuses": ["YES"]}}]},
        },
        "basic.conditions[0].devicePolicy.allowedEncryptionStatuses[0]",
        "expected one of",
    ),
    (BUCKET, {"location": "ASIA", "labels": {"Bad Key": "x"}}, "labels", "do not match the pattern"),
    ("gcp:serviceaccount/account:Account", {"accountId": "a"}, "accountId", "bytes"),
    ("gcp:monitoring/dashboard:Dashboard", {"dashboardJson": "{"}, "dashboardJson", "not of the format json"),
]


@pytest.mark.parametrize(("token", "inputs", "path", "reason"), BROKEN, ids=[f"{row[2]}-{row[3]}" for row in BROKEN])
def test_each_rule_names_the_field_and_the_reason(token: str, inputs: dict[str, Any], path: str, reason: str) -> None:
    found = {failure.path: failure.reason for failure in check_inputs(find_resource_type(token), inputs)}
    assert reason in found.get(path, f"nothing at {path}: {found}")


PLANS: list[tuple[str, dict[str, Any], str]] = [
    (FIREWALL, {"network": "n"}, "sourceRanges"),
    (FIREWALL, {"network": "n", "sourceRanges": ["::/0"], "logConfig": {}, "enableLogging": False}, ""),
    (FIREWALL, {"sourceTags": ["a"], "logConfig": {"metadata": "x"}, "enableLogging": False}, "logConfig"),
    (HEALTH, {"httpHealthCheck": {"port": 80, "portSpecification": "USE_SERVING_PORT"}}, "httpHealthCheck.port"),
    (HEALTH, {"httpHealthCheck": {"portSpecification": "USE_NAMED_PORT"}}, "httpHealthCheck.portName"),
    (ROUTER, {"network": "n", "bgp": {"asn": 64512, "advertisedGroups": ["ALL_SUBNETS"]}}, "bgp.advertisedGroups"),
    ("gcp:compute/routerNat:RouterNat", {"natIps": ["a"], "drainNatIps": ["a"]}, "drainNatIps"),
    ("gcp:compute/sSLPolicy:SSLPolicy", {"profile": "CUSTOM"}, "customFeatures"),
    ("gcp:compute/securityPolicy:SecurityPolicy", {"rules": [{"priority": 1}, {"priority": 1}]}, "rules"),
    (
        "gcp:compute/regionBackendService:RegionBackendService",
        {"loadBalancingScheme": "INTERNAL", "backends": [{"group": "g", "maxRate": 1}]},
        "backends[0].maxRate",
    ),
    (
        "gcp:logging/projectSink:ProjectSink",
        {"bigqueryOptions": {"a": 1}, "uniqueWriterIdentity": False},
        "bigqueryOptions",
    ),
    (
        "gcp:monitoring/notificationChannel:NotificationChannel",
        {"labels": {"auth_token": "x"}, "sensitiveLabels": {"authToken": "y"}},
        "labels.auth_token",
    ),
    (
        DATABASE,
        database(databaseVersion="MYSQL_8_0", settings={"backupConfiguration": {"pointInTimeRecoveryEnabled": True}}),
        "settings.backupConfiguration.pointInTimeRecoveryEnabled",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "path"), PLANS)
def test_a_rule_of_a_single_type(token: str, inputs: dict[str, Any], path: str) -> None:
    assert [failure.path for failure in find_plan_failures(token, inputs)] == ([path] if path else [])


def test_every_type_with_rules_of_its_own_has_them_here() -> None:
    assert {token for token in list_known_types() if "planErrors" in find_resource_type(token).facts} == RULES.keys()


def test_an_unknown_value_passes_where_it_could_be_right() -> None:
    kind = find_resource_type(SUBNETWORK)
    inputs = {"network": UNKNOWN, "ipCidrRange": UNKNOWN, "region": UNKNOWN, "name": UNKNOWN}
    assert check_inputs(kind, inputs) == []


def test_an_unknown_member_keeps_an_empty_group_from_failing() -> None:
    kind = find_resource_type(MEMBERSHIP)
    assert check_inputs(kind, ROLES | {"memberKey": UNKNOWN}) == []


def test_an_unknown_partner_is_no_conflict_and_fulfils_a_requirement() -> None:
    inputs = {"instance": "i", "passwordWo": "x", "passwordWoVersion": UNKNOWN, "password": UNKNOWN}
    assert check_inputs(find_resource_type(USER), inputs) == []


def test_an_empty_text_counts_as_unset_where_the_provider_takes_it() -> None:
    assert (
        check_inputs(find_resource_type(FIREWALL), {"network": "n", "direction": "", "allows": [{"protocol": "tcp"}]})
        == []
    )


def test_the_wanted_inputs_of_a_whole_database_pass() -> None:
    assert check_inputs(find_resource_type(DATABASE), database()) == []


def test_defaults_are_filled_also_in_blocks_and_noted() -> None:
    inputs, failures = fill_defaults(find_resource_type(DATABASE), database(), {}, AutomaticNaming("db"))
    assert failures == []
    assert inputs["settings"]["activationPolicy"] == "ALWAYS"
    assert "activationPolicy" in inputs["settings"][DEFAULTS]


def test_a_default_does_not_bring_in_what_conflicts() -> None:
    kind = find_resource_type(GLOBAL_ADDRESS)
    inputs, _ = fill_defaults(kind, {}, {}, AutomaticNaming("front"))
    assert inputs["addressType"] == "EXTERNAL"


def test_an_automatic_name_follows_the_seed_and_stays() -> None:
    kind = find_resource_type(NETWORK)
    first, _ = fill_defaults(kind, {}, {}, AutomaticNaming("Main", b"seed"))
    again, _ = fill_defaults(kind, {}, {}, AutomaticNaming("Main", b"seed"))
    other, _ = fill_defaults(kind, {}, {}, AutomaticNaming("Main", b"another"))
    kept, _ = fill_defaults(kind, {}, first, AutomaticNaming("Main", b"another"))
    assert first["name"] == again["name"] == kept["name"]
    assert other["name"] != first["name"]
    assert len(first["name"]) == len("Main-") + 7


def test_an_automatic_name_that_is_too_long_is_refused() -> None:
    _, failures = fill_defaults(
        find_resource_type("gcp:serviceaccount/account:Account"), {}, {}, AutomaticNaming("a" * 30)
    )
    assert failures[0].path == "accountId"


def test_the_engines_own_naming_is_followed() -> None:
    kind = find_resource_type(NETWORK)
    assert fill_defaults(kind, {}, {}, AutomaticNaming("main", proposed="city-main"))[0]["name"] == "city-main"
    assert fill_defaults(kind, {}, {}, AutomaticNaming("main", off=True))[1][0].path == "name"


def test_a_type_that_nobody_knows_is_an_error() -> None:
    request = provider_pb2.CheckRequest(type="gcp:bigtable/instance:Instance", name="x", news=write_properties({}))
    assert "does not know the resource type" in check_resource(request).failures[0].reason


def test_the_answer_to_the_engine_holds_inputs_and_failures() -> None:
    request = provider_pb2.CheckRequest(type=GLOBAL_ADDRESS, name="vpn", news=write_properties({"ipVersion": "IPV4"}))
    answer = check_resource(request)
    assert not answer.failures
    assert read_properties(answer.inputs)["addressType"] == "EXTERNAL"
