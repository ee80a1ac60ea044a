"""What `check` says of scopes, time, devices, second factors and flows: each with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.prove.lint.check_policy import check_policy
from tests.policies import TODAY, PolicyFolder

RULES, FLOWS, PEOPLE, APPLICATIONS = (
    "access/rules.yaml",
    "access/flows.yaml",
    "access/people.yaml",
    "access/applications.yaml",
)


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def found(policies: PolicyFolder, today: date = TODAY) -> list[str]:
    return [str(finding).replace(f"{policies.path}/", "") for finding in check_policy(policies.load(today))]


def line_of(policies: PolicyFolder, name: str, text: str) -> int:
    lines = (policies.path / name).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def add(policies: PolicyFolder, text: str, name: str = RULES) -> str:
    return f"{name}:{policies.append(name, f'  - {{id: new, purpose: 試験, {text}}}{chr(10)}')}"


def test_a_permit_that_is_taken_back_at_some_schools(policies: PolicyFolder) -> None:
    forbid = add(
        policies, "effect: forbid, applications: [cbt], schools: {kinds: [special-needs]}, network: {from: [pupil]}"
    )
    city = policies.load()
    schools = [school.id for school in city.schools if school.kind == "special-needs"]
    (finding,) = found(policies)
    assert finding.startswith(f"{RULES}:{line_of(policies, RULES, 'id: cbt')}: error: contradiction: ")
    assert (
        f"but 'new' ({forbid}) forbids all of it at {len(schools)} schools ({', '.join(sorted(schools)[:4])}" in finding
    )


def test_a_scoped_rule_that_says_nothing_new(policies: PolicyFolder) -> None:
    place = add(policies, "effect: permit, applications: [drills], schools: {wards: [asao]}, network: {from: [pupil]}")
    assert found(policies) == [
        f"{place}: warning: dead rule: rule 'new' permits nothing that others do not; taking it out changes no answer"
    ]


def test_a_scoped_rule_that_says_nothing_new_at_some_schools(policies: PolicyFolder) -> None:
    place = add(
        policies, "effect: permit, applications: [drills], schools: {wards: [asao, saiwai]}, network: {from: [staff]}"
    )
    city = policies.load()
    both = sorted(s.id for s in city.schools if s.ward == "asao" and s.kind == "elementary")
    dead = [finding for finding in found(policies) if finding.startswith(place)]
    shown = ", ".join(both[:4]) + (", ..." if len(both) > 4 else "")
    assert dead == [
        (
            f"{place}: warning: dead rule: rule 'new' permits nothing that others do not "
            f"at {len(both)} schools ({shown}); narrow its `schools`"
        )
    ]


def test_an_identity_part_that_is_dead_at_some_schools(policies: PolicyFolder) -> None:
    """The same hours on exam days, for more schools: only the new ones are new."""
    start = (policies.path / RULES).read_text(encoding="utf-8").split("  - id: exam-marking\n")[1].split("  - id: ")[0]
    text = "  - id: new\n" + start.replace("groups: [exam-schools]", "kinds: [high, special-needs]")
    place = f"{RULES}:{policies.append(RULES, text)}"
    city = policies.load()
    high = [school.id for school in city.schools if school.kind == "high"]
    assert [one for one in found(policies) if one.startswith(place)] == [
        (
            f"{place}: warning: dead rule: rule 'new' permits nothing that others do not at {len(high)} schools "
            f"({', '.join(sorted(high)[:4])}{', ...' if len(high) > 4 else ''}); narrow its `schools`"
        )
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "applications: [drills], schools: {wards: [asao], ids: [kw-e01]}, network: {from: [staff]}",
            "no school is in its `schools`",
        ),
        (
            (
                "applications: [affairs], schools: {ids: [as-e04]}, identity: {enforced-by: [proxy], roles: [clerk], "
                "mfa: true, postures: [managed], places: [own-school]}"
            ),
            "no address proves own-school: no `egress` there",
        ),
    ],
)
def test_a_rule_that_never_matches(policies: PolicyFolder, text: str, why: str) -> None:
    place = add(policies, f"effect: permit, {text}")
    assert f"{place}: warning: never matches: rule 'new' never matches: {why}" in found(policies)


def test_a_place_that_no_address_proves(policies: PolicyFolder) -> None:
    policies.edit("city/city.yaml", ', egress: [192.0.2.220, "2001:db8:80fd::/48"]', "")
    never = [finding for finding in found(policies) if "never matches" in finding]
    assert [finding.split("rule '")[1].split("'")[0] for finding in never] == ["board-office", "vendor-at-office"]
    assert all(finding.endswith("no address proves board-office: no `egress` there") for finding in never)


@pytest.mark.parametrize(
    ("today", "kinds"),
    [
        (date(2027, 2, 23), set()),
        (date(2027, 2, 28), {"never matches"}),
        (date(2027, 3, 1), {"expiring exception", "calendar", "never matches"}),
        (date(2027, 3, 31), {"expiring exception", "calendar", "never matches"}),
        (date(2027, 4, 1), {"expired exception", "calendar", "never matches"}),
    ],
)
def test_what_time_does(policies: PolicyFolder, today: date, kinds: set[str]) -> None:
    findings = [finding for finding in check_policy(policies.load(today)) if finding.kind != "old prefix list"]
    said = {finding.kind for finding in findings}
    assert said == kinds
    expiring = [str(f).replace(f"{policies.path}/", "") for f in findings if "exception" in f.kind]
    if expiring:
        assert [one.partition(": ")[0] for one in expiring] == [
            f"{FLOWS}:{line_of(policies, FLOWS, 'id: grading-to-gateway')}",
            f"{RULES}:{line_of(policies, RULES, 'id: computer-room-web')}",
        ]
        assert all("教育DX推進課" in one and "2027-03-31" in one for one in expiring)


def test_an_exception_of_years(policies: PolicyFolder) -> None:
    policies.edit(RULES, "expires: 2027-03-31", "expires: 2029-03-31")
    (finding,) = found(policies)
    assert finding.endswith(
        "long exception: rule 'computer-room-web' lasts until 2029-03-31, more than a year: is it a rule?"
    )


CAMERAS = "  - {id: cameras, name: x, vlan: 31, ipv4: {offset: 0.0.11.0, length: 25}, ipv6-subnet: 31}\n"


def test_a_group_and_a_segment_that_nothing_uses(policies: PolicyFolder) -> None:
    group = policies.append("city/groups.yaml", "  - {id: idle, name: x, wards: [asao]}\n")
    policies.edit("access/segments.yaml", "offset: 0.0.10.0, length: 23", "offset: 0.0.10.0, length: 24")
    segment = policies.append("access/segments.yaml", CAMERAS)
    findings = found(policies)
    assert f"city/groups.yaml:{group}: warning: unused: no rule's `schools` name the group 'idle'" in findings
    expected = "no rule, application, admission or port names the segment 'cameras'"
    assert f"access/segments.yaml:{segment}: warning: unused: {expected}" in findings


def test_systems_and_places_and_lists_that_nothing_uses(policies: PolicyFolder) -> None:
    system = policies.edit(FLOWS, "flows:\n", "  - {id: idle, name: x, operator: city, importance: IV}\nflows:\n")
    place = policies.edit(PEOPLE, "  - {id: home,", "  - {id: library, name: 図書館, seen-by: [proxy]}\n  - {id: home,")
    policies.write(
        "access/prefixes/idle.yaml",
        "format: 1\nid: idle\nsource: x\nretrieved: 2026-11-23\nprefixes: [192.0.2.240/28]\n",
    )
    assert set(found(policies)) == {
        f"{FLOWS}:{system.line}: warning: unused: no flow goes to or from the system 'idle'",
        f"{PEOPLE}:{place.line}: warning: unused: no rule or admission asks for the place 'library'",
        "access/prefixes/idle.yaml:1: warning: unused: no application has the prefix list 'idle'",
    }


def test_a_place_that_only_an_admission_asks_for_is_used(policies: PolicyFolder) -> None:
    rules = (policies.path / RULES).read_text(encoding="utf-8")
    policies.write(RULES, rules.replace("places: [own-school, other-school]", "places: [home]"))
    unused = "no rule or admission asks for the place 'other-school'"
    assert any(one.endswith(unused) for one in found(policies))
    where = "certificate: pupil-device,"
    policies.edit("access/admission.yaml", where, f"{where} places: [other-school],")
    assert not any("asks for the place" in one for one in found(policies))


def test_a_guardian_at_a_staff_application(policies: PolicyFolder) -> None:
    part = "identity: {enforced-by: [proxy], roles: [guardian], mfa: true, postures: [managed], places: [home]}"
    place = add(policies, f"effect: permit, applications: [staff-ai], {part}")
    assert f"{place}: warning: over-broad: rule 'new' lets guardian in to staff-ai (audience staff)" in found(policies)


def test_class_two_from_everywhere(policies: PolicyFolder) -> None:
    part = "identity: {enforced-by: [proxy], roles: [clerk], mfa: true, postures: [managed]}"
    add(policies, f"effect: permit, applications: [affairs], {part}")
    assert not [finding for finding in found(policies) if "may be used from every place" in finding]
    policies.edit(RULES, "applications: [affairs, file-exchange, staff-ai]", "applications: [staff-ai]")
    (finding,) = [finding for finding in found(policies) if "may be used from every place" in finding]
    place = line_of(policies, APPLICATIONS, "id: affairs")
    assert finding.startswith(
        f"{APPLICATIONS}:{place}: warning: over-broad: affairs (class II) may be used from every place"
    )


def test_less_than_the_class_asks(policies: PolicyFolder) -> None:
    """A class that asks for a key, and rules that would do with less: the class decides, not the rule."""
    policies.edit(
        PEOPLE, "II: {strength: without-sms, required: true}", "II: {strength: phishing-resistant, required: true}"
    )
    assert found(policies) == []
    policies.edit(PEOPLE, "III: {strength: any, required: false}", "III: {strength: any, required: true}")
    lacking = {finding.split("rule '")[1].split("'")[0] for finding in found(policies) if "without MFA" in finding}
    assert lacking == {"dashboard-pupils"}


@pytest.mark.parametrize(
    ("after", "old", "new", "expected"),
    [
        (
            "affairs-to-analytics",
            "data: [III]",
            "data: [II, III]",
            "error: data class: flow 'affairs-to-analytics': learning-analytics is of class III and receives data of",
        ),
        (
            "dashboard-to-analytics",
            "data: [III, IV]",
            "data: [I]",
            "error: data class: flow 'dashboard-to-analytics': learning-dashboard is of class III and sends data of",
        ),
        (
            "gateway-to-school-aid",
            "carrier: https",
            "carrier: plain\n    services: [tcp/80]",
            "error: guideline: flow 'gateway-to-school-aid' sends class II without encryption (guideline 3.2(7))",
        ),
        (
            "school-aid",
            "operator: city, importance: II",
            "operator: vendor, official: false, importance: II",
            "error: guideline: flow 'gateway-to-school-aid': school-aid (",
        ),
        (
            "no-affairs-to-learning",
            "data: [I, II]",
            "data: [I, II, III]",
            "error: contradiction: flow 'affairs-to-analytics' permits what 'no-affairs-to-learning' (",
        ),
    ],
)
def test_flows(policies: PolicyFolder, after: str, old: str, new: str, expected: str) -> None:
    policies.edit(FLOWS, old, new, after=f"id: {after}")
    findings = found(policies)
    assert any(finding.startswith(f"{FLOWS}:") and expected in finding for finding in findings), findings


def test_flows_that_say_nothing(policies: PolicyFolder) -> None:
    twice = add(policies, "effect: permit, from: affairs, to: learning-analytics, data: [III], carrier: pubsub", FLOWS)
    assert [f for f in found(policies) if f.startswith(f"{twice}: warning: dead rule: flow 'new' permits nothing that")]
    text = "  - {id: idle, effect: forbid, purpose: x, from: school-aid, to: affairs, data: [I]}\n"
    line = policies.append(FLOWS, text)
    assert (
        f"{FLOWS}:{line}: warning: dead rule: flow 'idle' forbids nothing permitted; taking it out changes no answer"
        in found(policies)
    )
