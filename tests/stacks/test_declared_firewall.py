"""The VPC's firewall as the stacks declare it: what the policy compiles to, the named necessities, nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from controller.compile.cloud_firewall import (
    CLOSING_PRIORITY,
    FirewallRule,
    compile_firewall_rules,
    find_system_addresses,
)
from controller.model.city import City
from controller.model.network.packets import Prefix, get_bounds
from controller.prove.compliance.firewall import prove_cloud_firewall
from stacks.network.firewall import list_baseline_rules
from stacks.network.private_access import PRIVATE_ACCESS
from stacks.settings.naming import LONGEST_NAME, make_google_name, make_network_tag
from tests.policies import PolicyFolder
from tests.stacks.declared import STACKS, Declared, Recorder, configured, declare
from tests.stacks.test_declared import SAAS, complaints, hosted, with_two_databases

FLOW = """  - id: affairs-to-aid
    effect: permit
    purpose: 就学援助の審査に在籍を送る
    from: affairs
    to: school-aid
    data: [II]
    carrier: https
"""
Meaning = tuple[str, str, int, tuple[str, ...], frozenset[str], frozenset[str]]
"""Direction, effect, priority, tags, ranges, services."""


def declared_meaning(one: Declared) -> Meaning:
    """What a declared rule does, read back from Google's words."""
    inputs = one.inputs
    effect = "allows" if "allows" in inputs else "denies"
    ranges = "sourceRanges" if inputs["direction"] == "INGRESS" else "destinationRanges"
    services = {
        f"{entry['protocol']}/{port}" if port else entry["protocol"]
        for entry in inputs[effect]
        for port in entry.get("ports", [""])
    }
    tags = tuple(inputs.get("targetTags", ()))
    return inputs["direction"], effect, inputs["priority"], tags, frozenset(inputs[ranges]), frozenset(services)


def compiled_meaning(rule: FirewallRule) -> Meaning:
    """What a compiled rule does."""
    return (
        rule.direction.upper(),
        "allows" if rule.permits else "denies",
        rule.priority,
        (f"app-{rule.target}",) if rule.target else (),
        frozenset(map(str, rule.peers)),
        frozenset(map(str, rule.services)) or frozenset({"all"}),
    )


def firewall(recorder: Recorder) -> dict[str, Declared]:
    rules = {one.name: one for one in recorder.declared if one.type == "gcp:compute/firewall:Firewall"}
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) and len(name) <= 55 for name in rules)
    return rules


def by_name(declared: list[Declared]) -> dict[tuple[str, str], str]:
    """All inputs as text, without the addresses and numbers that the recorder counts out in the order of arrival."""
    counted = re.compile(r"203\.0\.113\.\d+|2001:db8::\d+|(?<=compute/services/)\d+")
    return {(one.type, one.name): counted.sub("counted", json.dumps(one.inputs, sort_keys=True)) for one in declared}


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


@pytest.fixture
def flowing(policies: PolicyFolder) -> City:
    """The city with a flow that an application of the cloud opens a connection for."""
    policies.append("access/flows.yaml", FLOW)
    return policies.load()


@pytest.mark.parametrize("stack", STACKS)
def test_the_firewall_is_what_is_compiled_and_the_named_necessities(flowing: City, stack: str) -> None:
    settings = configured(stack)
    rules = firewall(declare(flowing, settings)[0])
    google, database = rules.pop("allow-google-services"), rules.pop("allow-affairs-to-database")
    priority = google.inputs["priority"]
    private = frozenset({"199.36.153.8/30"})
    assert declared_meaning(google) == ("EGRESS", "allows", priority, (), private, frozenset({"tcp/443"}))
    services, ports = frozenset({str(settings.network.services)}), frozenset({"tcp/3307", "tcp/5432"})
    assert declared_meaning(database) == ("EGRESS", "allows", priority, ("app-affairs",), services, ports)
    assert priority < CLOSING_PRIORITY
    compiled = compile_firewall_rules(flowing)
    # Counted, not sorted: sets have no order of their own, and rules arrive in any.
    assert Counter(map(declared_meaning, rules.values())) == Counter(map(compiled_meaning, compiled))
    assert len(rules) == len(compiled) == 6
    assert all(one.inputs["logConfig"]["metadata"] for one in rules.values())


def test_a_flow_added_to_the_policy_opens_its_connection_and_changes_nothing_else(
    policies: PolicyFolder, flowing: City
) -> None:
    policies.edit("access/flows.yaml", FLOW, "")
    before = by_name(declare(policies.load(), configured("lab"))[0].declared)
    recorder, _ = declare(flowing, configured("lab"))
    after = by_name(recorder.declared)
    added = {name for _, name in after.keys() - before.keys()}
    assert added == {"allow-affairs-to-school-aid-v4", "allow-affairs-to-school-aid-v6"}
    assert {key: after[key] for key in before} == before
    rule = firewall(recorder)["allow-affairs-to-school-aid-v4"]
    opened = ("EGRESS", "allows", 1000, ("app-affairs",), frozenset({"10.254.1.20/32"}), frozenset({"tcp/443"}))
    assert declared_meaning(rule) == opened
    assert rule.inputs["description"] == "就学援助の審査に在籍を送る (flows.yaml)"
    assert complaints(recorder.declared) == []


def test_workloads_carry_the_tag_that_rules_name_and_send_all_by_the_vpc(flowing: City) -> None:
    recorder, _ = declare(flowing, configured("production"))
    services = [one for one in recorder.declared if one.type == "gcp:cloudrunv2/service:Service"]
    carried = set()
    for service in services:
        access = service.inputs["template"]["vpcAccess"]
        assert access["egress"] == "ALL_TRAFFIC"
        (interface,) = access["networkInterfaces"]
        assert interface["tags"] == [f"app-{service.inputs['labels']['part']}"]
        carried |= set(interface["tags"])
    named = {tag for rule in firewall(recorder).values() for tag in rule.inputs.get("targetTags", ())}
    assert named == {"app-affairs"}
    assert named < carried
    assert len(carried) == 4


def test_the_necessities_open_nothing_between_systems(flowing: City) -> None:
    """What they open lies at Google and in the services' own range, never where a system of the city is."""
    needed = list_baseline_rules(configured("production").network.services, ["affairs"])
    named = (*flowing.systems, *flowing.applications)
    addresses = [address for name in named for address in find_system_addresses(flowing, name)]
    opened = [peer for rule in needed for peer in rule.peers]
    assert addresses
    assert opened
    assert not [(peer, address) for peer in opened for address in addresses if meet(peer, address)]
    # Over every packet, nothing differs from the flows but what the necessities open.
    differences = prove_cloud_firewall(flowing, (*compile_firewall_rules(flowing), *needed)).differences
    assert differences
    assert all(any(f"firewall rule {rule.name}" in one for rule in needed) for one in differences), differences


def meet(one: Prefix, other: Prefix) -> bool:
    """Whether two prefixes have an address in common."""
    (low, high), (first, last) = get_bounds(one), get_bounds(other)
    return one.version == other.version and low <= last and first <= high


def test_each_database_is_opened_for_its_own_application_alone(city: City) -> None:
    rules = firewall(declare(city, with_two_databases("lab"))[0])
    opened = {name: rule.inputs["targetTags"] for name, rule in rules.items() if name.endswith("-to-database")}
    assert opened == {
        "allow-affairs-to-database": ["app-affairs"],
        "allow-file-exchange-to-database": ["app-file-exchange"],
    }


def test_a_database_that_is_elsewhere_is_not_opened(city: City) -> None:
    assert "allow-affairs-to-database" not in firewall(declare(city, hosted("staging", SAAS))[0])


def test_names_of_google_stand_for_what_the_firewall_opens(city: City) -> None:
    recorder, _ = declare(city, configured("lab"))
    zones = {one.name: one.inputs for one in recorder.of("ManagedZone") if one.inputs.get("visibility") == "private"}
    assert {zone["dnsName"] for zone in zones.values()} == {"googleapis.com.", "gstatic.com."}
    records = {one.inputs["name"]: one.inputs for one in recorder.of("RecordSet") if one.inputs["managedZone"] in zones}
    assert records["*.googleapis.com."]["rrdatas"] == ["private.googleapis.com."]
    assert records["*.gstatic.com."]["rrdatas"] == ["gstatic.com."]
    for name in ("private.googleapis.com.", "gstatic.com."):
        assert records[name]["rrdatas"] == list(map(str, PRIVATE_ACCESS))


@pytest.mark.parametrize("application", ["a", "1st", "ends-in-", "x" * 39, "9" * 39])
def test_every_application_has_a_valid_tag_of_its_own(application: str) -> None:
    tag = make_network_tag(application)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", tag)
    assert len(tag) <= LONGEST_NAME
    assert tag != make_network_tag(application.rstrip("-") + "0")


def test_long_names_stay_apart() -> None:
    ends = {make_google_name(f"allow-{'a' * 39}-to-{'b' * 39}-v{family}", 55) for family in (4, 6)}
    assert len(ends) == 2
    assert {len(name) for name in ends} == {55}
