"""The cloud's firewall against the system-to-system flows; with mistakes planted in it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.compile.cloud_firewall import FirewallRule, compile_firewall_rules, find_frontends
from controller.model.city import City
from controller.model.network.packets import parse_prefix, parse_service
from controller.prove.compliance.firewall import prove_cloud_firewall
from tests.policies import PolicyFolder

FLOW = """  - id: affairs-to-aid
    effect: permit
    purpose: 就学援助の審査に在籍を送る
    from: affairs
    to: school-aid
    data: [II]
    carrier: https
"""


@pytest.fixture
def flowing(policies: PolicyFolder) -> City:
    """The city with a flow that an application of the cloud opens a connection for."""
    policies.append("access/flows.yaml", FLOW)
    return policies.load()


def opened(city: City) -> list[FirewallRule]:
    return [rule for rule in compile_firewall_rules(city) if rule.permits]


def test_every_family_is_closed_both_ways(city: City) -> None:
    closed = {rule.name: rule for rule in compile_firewall_rules(city) if not rule.permits}
    assert set(closed) == {f"no-other-{way}-v{family}" for way in ("ingress", "egress") for family in (4, 6)}
    assert prove_cloud_firewall(city).holds


def test_a_flow_opens_exactly_its_connection(flowing: City) -> None:
    four, six = opened(flowing)
    assert (four.target, [str(one) for one in four.peers], [str(one) for one in four.services]) == (
        "affairs",
        ["10.254.1.20/32"],
        ["tcp/443"],
    )
    assert six.name == "affairs-to-school-aid-v6"
    check = prove_cloud_firewall(flowing)
    assert check.holds
    assert any(one.startswith("affairs may open tcp/443 to 10.254.1.20/32") for one in check.evidence)


def test_a_forbid_takes_the_connection_back(policies: PolicyFolder) -> None:
    forbid = FLOW.replace("affairs-to-aid", "no-aid").replace("permit", "forbid").replace("    carrier: https\n", "")
    policies.append("access/flows.yaml", FLOW + forbid)
    city = policies.load()
    assert opened(city) == []
    assert prove_cloud_firewall(city).holds


def test_priorities_stay_where_a_stack_has_them(flowing: City) -> None:
    """Another priority is another rule at Google: each apply would close a connection that is in use."""
    rules = compile_firewall_rules(flowing)
    assert [rule.priority for rule in rules if rule.permits] == [1_000, 1_001]
    assert {rule.priority for rule in rules if not rule.permits} == {65_000}


def changed(rules: tuple[FirewallRule, ...], name: str, **changes: object) -> tuple[FirewallRule, ...]:
    """The rules with one of them changed."""
    return tuple(replace(one, **changes) if one.name == name else one for one in rules)  # type: ignore[arg-type] # by name


AID = "affairs-to-school-aid-v4"
CLOSED = "no-other-egress-v4"


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (
            lambda rules: changed(rules, AID, services=()),
            f"from affairs to 10.254.1.20 tcp/49152 is open by firewall rule {AID} (",
        ),
        (
            lambda rules: tuple(one for one in rules if not one.permits),
            f"from affairs to 10.254.1.20 tcp/443 is closed by firewall rule {CLOSED}, but the policy: permit by",
        ),
        (
            lambda rules: changed(rules, AID, services=(parse_service("tcp/400-500"),)),
            f"from affairs to 10.254.1.20 tcp/400 is open by firewall rule {AID} (",
        ),
        (
            lambda rules: changed(rules, AID, peers=(parse_prefix("10.254.1.20"), parse_prefix("198.51.100.7"))),
            f"from affairs to 198.51.100.7 tcp/443 is open by firewall rule {AID} (",
        ),
        (
            lambda rules: changed(rules, AID, peers=(parse_prefix("10.254.0.0/16"),)),
            f"from affairs to 10.254.0.10 tcp/443 is open by firewall rule {AID} (",
        ),
        (
            lambda rules: changed(rules, AID, target="forgotten"),
            f"from forgotten to 10.254.1.20 tcp/443 is open by firewall rule {AID} (",
        ),
        (
            lambda rules: changed(rules, AID, target=""),
            f"from a workload of no application to 10.254.1.20 tcp/443 is open by firewall rule {AID} (",
        ),
        (
            lambda rules: tuple(one for one in rules if one.name != CLOSED),
            "from affairs to 10.254.1.20 tcp/49152 is open by no firewall rule (what none names, Google lets out)",
        ),
        (
            lambda rules: changed(rules, CLOSED, peers=(parse_prefix("10.0.0.0/8"),)),
            "from affairs to 192.0.2.10 tcp/443 is open by no firewall rule (what none names, Google lets out)",
        ),
        (
            lambda rules: changed(rules, CLOSED, priority=1_000),
            f"from affairs to 10.254.1.20 tcp/443 is closed by firewall rule {CLOSED}",
        ),
        (
            lambda rules: (*rules, replace(rules[0], name="back-door", direction="ingress")),
            "firewall rule back-door: permits ingress, but no flow opens anything inwards",
        ),
    ],
)
def test_a_planted_mistake_is_found_and_named(
    flowing: City, plant: Callable[[tuple[FirewallRule, ...]], tuple[FirewallRule, ...]], expected: str
) -> None:
    said = prove_cloud_firewall(flowing, plant(compile_firewall_rules(flowing))).differences
    assert any(one.startswith(expected) for one in said), said


def test_what_the_policy_says_of_it_is_told(flowing: City) -> None:
    rules = compile_firewall_rules(flowing)
    closed, *_ = prove_cloud_firewall(flowing, tuple(one for one in rules if not one.permits)).differences
    assert "but the policy: permit by affairs-to-aid (" in closed
    assert "flows.yaml:" in closed
    open_, *_ = prove_cloud_firewall(flowing, changed(rules, AID, services=())).differences
    assert open_.endswith("but the policy: no flow says so (default deny)")


def test_front_doors_are_where_the_stack_put_them(city: City) -> None:
    doors = {door.application: door for door in find_frontends(city)}
    assert [str(one) for one in doors["affairs"].addresses.included] == ["203.0.113.10/32", "2001:db8:c000::10/128"]
    assert "grading" not in doors
