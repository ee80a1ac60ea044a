"""What a policy says although it should not: contradictions, dead and over-broad rules, lacks of the guideline."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from controller.errors import Origin
from controller.model.city import City
from controller.model.policy_files import OlderFile
from controller.prove.lint.check_policy import check_policy
from controller.prove.lint.finding import Severity, name_schools
from controller.prove.lint.formats import find_older_formats
from tests.policies import PolicyFolder

TODAY = date(2026, 12, 1)
APPLICATIONS = "access/applications.yaml"
RULES = "access/rules.yaml"
PROXY = "enforced-by: [proxy], roles: [teacher], mfa: true, postures: [managed]"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def found(policies: PolicyFolder, today: date = TODAY) -> list[str]:
    """The findings as `FILE:LINE: SEVERITY: KIND: MESSAGE`, files named from the folder on."""
    return [str(finding).replace(f"{policies.path}/", "") for finding in check_policy(policies.load(today))]


def add(policies: PolicyFolder, text: str) -> str:
    """A further rule; where it stands."""
    return f"{RULES}:{policies.append(RULES, f'  - {{id: new, purpose: 試験, {text}}}{chr(10)}')}"


def test_the_shipped_policy_has_no_findings(city: City) -> None:
    assert check_policy(city) == []


def test_a_permit_that_a_forbid_takes_back(policies: PolicyFolder) -> None:
    forbid = add(policies, "effect: forbid, applications: [cbt], network: {from: [pupil]}")
    findings = found(policies)
    rule = (policies.path / RULES).read_text(encoding="utf-8").splitlines().index("  - id: cbt") + 1
    dead = "rule 'cbt' permits nothing that others do not; taking it out changes no answer"
    void = f"rule 'cbt' permits pupil -> cbt, but 'new' ({forbid}) forbids all of it, and a forbid wins"
    assert findings == [
        f"{RULES}:{rule}: warning: dead rule: {dead}",
        f"{RULES}:{rule}: error: contradiction: {void}",
    ]


def test_a_forbid_of_a_part_is_no_contradiction(policies: PolicyFolder) -> None:
    add(policies, "effect: forbid, applications: [printing], network: {from: [staff], services: [tcp/9100]}")
    assert found(policies) == []


def test_one_way_of_many_that_a_forbid_takes_back(policies: PolicyFolder) -> None:
    """The rule permits more, so it is not dead; but what it says of one segment is void."""
    add(policies, "effect: forbid, applications: [workspace], network: {from: [learning-legacy]}")
    findings = found(policies)
    assert len(findings) == 1
    assert "error: contradiction: rule 'workspace' permits learning-legacy -> workspace, but 'new' (" in findings[0]


def test_people_who_are_permitted_and_forbidden(policies: PolicyFolder) -> None:
    place = add(
        policies,
        f"effect: permit, applications: [affairs], identity: {{{PROXY}, places: [abroad], roles: [clerk]}}".replace(
            "roles: [teacher], ", ""
        ),
    )
    findings = found(policies)
    assert [finding.split(": the")[0].split(": every")[0] for finding in findings if "contradiction" in finding] == [
        f"{place}: error: contradiction"
    ]
    assert "everything that rule 'new' lets people do is forbidden by 'nobody-abroad' (" in findings[0]


@pytest.mark.parametrize(
    "text",
    [
        "effect: permit, applications: [drills], network: {from: [pupil]}",
        "effect: permit, applications: [printing], network: {from: [staff], services: [tcp/631]}",
        "effect: permit, applications: [internet], network: {from: [guest], services: [tcp/443]}",
        f"effect: permit, applications: [learning-dashboard], network: {{from: [staff]}}, identity: {{{PROXY}}}",
    ],
)
def test_a_permit_of_what_others_permit_is_dead(policies: PolicyFolder, text: str) -> None:
    place = add(policies, text)
    expected = "warning: dead rule: rule 'new' permits nothing that others do not; taking it out changes no answer"
    assert f"{place}: {expected}" in found(policies)


def test_a_permit_inside_a_wider_range_of_ports_is_dead(policies: PolicyFolder) -> None:
    policies.edit(RULES, "services: [tcp/80, tcp/443]", "services: [tcp/80-90, tcp/443]")
    place = add(policies, "effect: permit, applications: [internet], network: {from: [guest], services: [tcp/85]}")
    assert [finding for finding in found(policies) if finding.startswith(f"{place}: warning: dead rule: ")]


@pytest.mark.parametrize(
    "text",
    [
        "effect: forbid, applications: [grading], network: {from: [guest]}",
        "effect: forbid, applications: [internet], network: {from: [printers], services: [tcp/443]}",
        "effect: forbid, applications: [learning-dashboard], identity: {enforced-by: [proxy], roles: [guardian]}",
    ],
)
def test_a_forbid_of_what_nobody_permits_is_dead(policies: PolicyFolder, text: str) -> None:
    place = add(policies, text)
    assert found(policies) == [
        f"{place}: warning: dead rule: rule 'new' forbids nothing permitted; taking it out changes no answer"
    ]


def test_too_many_ports_at_once(policies: PolicyFolder) -> None:
    place = add(
        policies, "effect: permit, applications: [internet], network: {from: [staff], services: [udp/1000-1100]}"
    )
    assert found(policies) == [
        f"{place}: warning: over-broad: rule 'new' opens udp/1000-1100: more than 100 ports at once"
    ]


@pytest.mark.parametrize("segment", ["pupil", "guest", "printers", "quarantine"])
def test_a_staff_application_open_to_a_segment_without_staff(policies: PolicyFolder, segment: str) -> None:
    place = add(policies, f"effect: permit, applications: [printing], network: {{from: [{segment}]}}")
    expected = f"rule 'new' opens printing (audience staff) to segment '{segment}', which 802.1X admits no staff to"
    assert found(policies) == [f"{place}: warning: over-broad: {expected}"]


def test_a_rule_that_asks_nothing_of_the_person_or_the_device(policies: PolicyFolder) -> None:
    place = add(
        policies, "effect: permit, applications: [learning-dashboard], identity: {enforced-by: [proxy], mfa: true}"
    )
    findings = found(policies)
    assert f"{place}: warning: over-broad: rule 'new' names no role: whoever signs in is meant" in findings
    expected = "rule 'new' asks nothing of the device; name a posture, e.g. managed"
    assert f"{place}: warning: over-broad: {expected}" in findings


def test_an_important_application_without_mfa(policies: PolicyFolder) -> None:
    edit = policies.edit(RULES, "      mfa: true\n", "")
    findings = found(policies)
    assert len(findings) == 1
    expected = "error: guideline: rule 'staff-cloud' lets people reach affairs, file-exchange without MFA; "
    assert findings[0].startswith(f"{RULES}:{edit.item}: {expected}")


def test_importance_decides_about_mfa(policies: PolicyFolder) -> None:
    policies.edit(APPLICATIONS, "importance: III", "importance: II", after="id: learning-dashboard")
    findings = found(policies)
    said, lacking = [finding for finding in findings if ": error: " in finding]
    assert "audience: learning-dashboard (class II) is for pupil: affairs data is for the staff" in said
    assert "guideline: rule 'dashboard-pupils' lets people reach learning-dashboard without MFA" in lacking


def test_an_application_that_nobody_may_use(policies: PolicyFolder) -> None:
    line = policies.append(
        APPLICATIONS,
        "  - {id: lonely, name: 試験, hosting: on-premises, audience: staff, importance: IV, services: [tcp/443], "
        "addresses: [10.254.0.99]}\n",
    )
    assert found(policies) == [
        f"{APPLICATIONS}:{line}: warning: unused: no rule permits application 'lonely' to anybody"
    ]


def test_an_application_that_belongs_to_the_internet_opens_all_of_it(policies: PolicyFolder) -> None:
    policies.edit(APPLICATIONS, "prefixes: drills", "belongs-to: internet")
    findings = found(policies)
    # Pupils have the web anyhow; the old computer rooms have not.
    (finding,) = [one for one in findings if "over-broad" in one]
    assert finding.endswith(
        "over-broad: rule 'drills' opens drills to segment 'learning-legacy', and drills belongs to the internet: "
        "a switch opens every public address on tcp/443"
    )


def test_a_forbid_of_the_internet_takes_back_what_belongs_to_it(policies: PolicyFolder) -> None:
    policies.edit(APPLICATIONS, "prefixes: cbt", "belongs-to: internet")
    add(policies, "effect: forbid, applications: [internet], network: {from: [pupil], services: [tcp/443]}")
    assert any("contradiction: rule 'cbt' permits pupil -> cbt, but 'new'" in finding for finding in found(policies))


@pytest.mark.parametrize(("days", "old"), [(date(2027, 5, 22), False), (date(2027, 5, 23), True)])
def test_a_prefix_list_read_half_a_year_ago(policies: PolicyFolder, days: date, old: bool) -> None:  # noqa: FBT001
    findings = found(policies, days)
    aged = [finding for finding in findings if "old prefix list" in finding]
    assert len(aged) == (4 if old else 0)
    if old:
        assert aged[0] == (
            "access/prefixes/cbt.yaml:1: warning: old prefix list: prefix list 'cbt' was read 181 days ago "
            "(synthetic, for the virtual city); read it again"
        )


def test_findings_stand_in_the_order_of_the_files(policies: PolicyFolder) -> None:
    add(policies, "effect: permit, applications: [printing], network: {from: [pupil]}")
    policies.edit(RULES, "      mfa: true\n", "")
    findings = check_policy(policies.load())
    assert [finding.origin for finding in findings] == sorted(finding.origin for finding in findings)
    assert {finding.severity for finding in findings} == {Severity.ERROR, Severity.WARNING}


def test_a_finding_names_four_schools_and_says_how_many_there_are() -> None:
    schools = tuple(f"as-e0{number}" for number in range(1, 7))
    assert name_schools(schools[:3]) == "3 schools (as-e01, as-e02, as-e03)"
    assert name_schools(schools[:4]) == "4 schools (as-e01, as-e02, as-e03, as-e04)"
    assert name_schools(schools) == "6 schools (as-e01, as-e02, as-e03, as-e04, ...)"


def test_a_file_of_an_older_format_says_what_to_do(city: City) -> None:
    older = tuple(OlderFile(Origin(f"{number}.yaml", 1), found=number, current=3) for number in (1, 2))
    messages = [one.message for one in find_older_formats(replace(city, files=replace(city.files, older=older)))]
    assert messages == [f"is of format {n}, today's is 3; run: tsunagu migrate --write" for n in (1, 2)]
