"""The guideline's clauses as checks; each of them with a policy that breaks it."""

import pytest

from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.prove.check import Check
from controller.prove.compliance.guideline import check_guideline
from tests.policies import PolicyFolder


def clause(city: City, number: str) -> Check:
    (found,) = [check for check in check_guideline(city) if check.name.startswith(f"{number} ")]
    return found


def test_the_shipped_policy_holds_with_evidence(city: City) -> None:
    checks = check_guideline(city)
    assert all(check.holds or check.not_judged for check in checks)
    assert all(check.evidence for check in checks if check.holds and not check.name.startswith("6.2(1)"))
    assert {check.name.split()[0] for check in checks if check.not_judged} == {
        "4.5",
        "6.1(2)",
        "6.1(3)",
        "6.1(9)",
        "9.2",
        "no",  # seat of pupils: of some seats nobody knows who sits there
    }


def test_every_clause_tells_how_much_was_examined(city: City) -> None:
    outside = [app for app in city.applications.values() if not app.segment]
    strict = [app.id for app in city.applications.values() if app.importance in {"I", "II"}]
    assert clause(city, "4.3").examined == 2 * len(city.schools) + len(outside) + len(city.systems)
    access = clause(city, "6.1(7)")
    places = len(city.schools_of_equal_scope) * len(Stage)
    assert access.examined == len(strict) * places
    assert {tuple(one.split(": ")[:2]) for one in access.evidence} == {
        (stage, one) for stage in Stage for one in strict
    }
    assert clause(city, "3.1").examined == len(city.flows)
    assert clause(city, "6.2(1)").examined == len(city.rules)
    assert clause(city, "6.2(3)").examined == len(city.admissions)


def test_a_class_two_application_on_a_public_cloud_without_the_proxy_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/applications.yaml", "importance: III", "importance: II", after="id: workspace")
    (said,) = clause(policies.load(), "3.2(5)").differences
    assert "workspace (class II) is on a public cloud without the proxy before it" in said
    assert "applications.yaml:" in said


def test_a_missing_second_factor_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "      mfa: true\n", "", after="id: staff-home")
    (one, other) = clause(policies.load(), "3.2(5)").differences
    assert "rule 'staff-home' lets people to affairs (class II) below without-sms" in one
    assert "file-exchange" in other


def test_a_way_out_of_the_separated_network_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "from: [staff, pupil, learning-legacy]", "from: [staff, pupil, staff-legacy]")
    said = clause(policies.load(), "6.1(7)").differences
    assert all(
        "rule 'workspace' lets staff-legacy out to workspace, and staff-legacy reaches grading" in one for one in said
    )
    assert {one.split(": ")[1] for one in said} == {"separated", "coexist"}, "there is no such segment when integrated"


def test_data_for_a_service_that_is_not_official_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/flows.yaml", "name: 学習データ分析基盤,", "name: 学習データ分析基盤, official: false,")
    said = clause(policies.load(), "3.2(7)").differences
    assert any("flow 'affairs-to-analytics' sends class III to learning-analytics" in one for one in said)


def test_an_admission_without_a_certificate_and_an_open_quarantine_are_found(policies: PolicyFolder) -> None:
    policies.edit("access/admission.yaml", "roles: [pupil], postures: [certificate]", "roles: [pupil]")
    policies.edit("access/rules.yaml", "from: [staff, pupil, learning-legacy]", "from: [staff, pupil, quarantine]")
    one, other = clause(policies.load(), "6.2(3)").differences
    assert "admission 'pupils' asks for no certificate" in one
    assert "rule 'workspace' lets quarantine to workspace" in other


def test_data_that_is_more_important_than_the_system_that_gets_it_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/flows.yaml", "data: [III]", "data: [II, III]", after="id: affairs-to-analytics")
    (said,) = clause(policies.load(), "3.1").differences
    assert "flow 'affairs-to-analytics': learning-analytics is of class III and receives data of class II" in said
    assert "flows.yaml:" in said


def test_data_that_is_sent_to_a_lower_class_without_a_reason_is_found(policies: PolicyFolder) -> None:
    check = clause(policies.load(), "3.1")
    assert check.holds
    assert any("affairs-to-analytics: class III to learning-analytics: 出欠と" in one for one in check.evidence)
    policies.edit("access/flows.yaml", "purpose: 出欠と学習の記録を分析する。氏名と成績は出さない", 'purpose: " "')
    (said,) = clause(policies.load(), "3.1").differences
    assert "'affairs-to-analytics' sends data of affairs (class II) to learning-analytics (class III), and its" in said


def test_a_connection_that_is_declared_as_nothing_is_found(policies: PolicyFolder) -> None:
    """A resolver on the internet, opened as something that every segment needs."""
    policies.append(
        "access/necessities.yaml",
        "  - {id: other-dns, why: x, family: 4, direction: from, protocol: udp, ports: [53, 53], source: [segment], "
        "destination: [192.0.2.253/32]}\n",
    )
    (said,) = clause(policies.load(), "4.3").differences
    assert "'other-dns' opens a connection between guest, learning-legacy, management, printers, pupil, quara" in said
    assert "and 192.0.2.253/32, which is neither the school's own nor declared" in said
    assert "necessities.yaml:" in said


@pytest.mark.parametrize(
    "opens",
    [
        "direction: to, protocol: udp, source-port: 53, source: [192.0.2.253/32], destination: [segment]",
        "direction: to, protocol: tcp, ports: [22, 22], source: [192.0.2.253/32], destination: [segment]",
        "direction: from, protocol: icmp, ports: [8, 8], source: [segment], destination: [192.0.2.253/32]",
    ],
)
def test_what_is_opened_from_outside_or_by_icmp_is_found_too(policies: PolicyFolder, opens: str) -> None:
    policies.append("access/necessities.yaml", f"  - {{id: other, why: x, family: 4, {opens}}}\n")
    (said,) = clause(policies.load(), "4.3").differences
    assert "'other' opens a connection between" in said
    assert "and 192.0.2.253/32, which is neither" in said


def test_errors_about_what_was_sent_come_from_anywhere(policies: PolicyFolder) -> None:
    opens = "direction: to, protocol: icmp, ports: [3, 3], source: [192.0.2.253/32], destination: [segment]"
    policies.append("access/necessities.yaml", f"  - {{id: other, why: x, family: 4, {opens}}}\n")
    assert clause(policies.load(), "4.3").holds


def test_a_line_of_which_nobody_knows_the_addresses_is_found(policies: PolicyFolder) -> None:
    old = 'primary: {kind: fixed-ip, mbps: 1000, egress: [192.0.2.2, "2001:db8:8002::/48"]}'
    policies.edit("city/schools/kawasaki.yaml", old, "primary: {kind: fixed-ip, mbps: 1000}")
    (said,) = clause(policies.load(), "4.3").differences
    assert "the primary line of kw-e02 has addresses of its own (fixed-ip), but no 'egress' says which" in said
    assert "kawasaki.yaml:" in said


def test_a_connection_between_systems_at_an_unknown_address_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/flows.yaml", "carrier: pubsub", "carrier: https", after="id: affairs-to-analytics")
    (said,) = clause(policies.load(), "4.3").differences
    assert "affairs opens tcp/443 to learning-analytics, and nobody says at which addresses" in said


def test_a_rule_that_is_broader_than_it_needs_is_found(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "      mfa: true\n      postures: [managed, encrypted]\n", "      mfa: true\n")
    assert clause(policies.load(), "6.2(1)").differences
