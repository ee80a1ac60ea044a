"""The guideline's clauses as checks; each of them with a policy that breaks it."""

from controller.model.city import City
from controller.prove.check import Check
from controller.prove.guideline import guideline_checks
from tests.policies import PolicyFolder


def clause(city: City, number: str) -> Check:
    (found,) = [check for check in guideline_checks(city) if check.name.startswith(f"{number} ")]
    return found


def test_the_shipped_policy_holds_with_evidence(city: City) -> None:
    checks = guideline_checks(city)
    assert all(check.holds or check.not_judged for check in checks)
    assert all(check.evidence for check in checks if check.holds and not check.name.startswith("6.2(1)"))
    assert {check.name.split()[0] for check in checks if check.not_judged} == {
        "4.5",
        "6.1(2)",
        "6.1(3)",
        "6.1(9)",
        "9.2",
    }


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
    (said,) = clause(policies.load(), "6.1(7)").differences
    assert "rule 'workspace' lets staff-legacy out to workspace, and staff-legacy reaches grading (class I)" in said


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
