"""Every condition of a rule is enforced by an enforcer that the rule names, or the rule is refused."""

from __future__ import annotations

import pytest

from tests.policies import PolicyFolder

APPLICATIONS = "access/applications.yaml"
RULES = "access/rules.yaml"


def rule(text: str) -> str:
    return f"  - {{id: new, purpose: 試験, {text}}}\n"


def identity(text: str, by: str = "802.1x") -> str:
    return f"identity: {{enforced-by: [{by}], {text}}}"


GRADING = "effect: permit, applications: [grading], network: {from: [staff-legacy]}"
GRADING_ROLES = "roles: [teacher, principal, clerk]"
HOURS = ', hours: {days: [mon], from: "09:00", until: "17:00"}'
BY_8021X = "identity.enforced-by"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "effect: permit, applications: [drills]",
            ": a rule needs a network part, an identity part, or (a permit) both",
        ),
        (
            "effect: forbid, applications: [affairs], network: {from: [staff]}, "
            + identity("roles: [pupil]", by="proxy"),
            ": a forbid with a network and an identity part cannot be enforced: the switch does not know the person",
        ),
        (
            "effect: permit, applications: [internet], network: {from: [printers]}",
            "network.services: the internet has no services of its own; name them",
        ),
        (
            "effect: permit, applications: [printing], network: {from: [staff], services: [tcp/22]}",
            "network.services: 'printing' offers no tcp/22; allowed: tcp/631, tcp/9100",
        ),
        (
            f"{GRADING}, {identity(GRADING_ROLES + ', mfa: true')}",
            f"{BY_8021X}: mfa cannot be enforced by 802.1x; it can by: proxy",
        ),
        (
            f"{GRADING}, {identity(GRADING_ROLES + HOURS)}",
            f"{BY_8021X}: hours cannot be enforced by 802.1x; it can by: proxy",
        ),
        (
            f"{GRADING}, {identity(GRADING_ROLES + ', postures: [managed]')}",
            f"{BY_8021X}: postures 'managed' cannot be enforced by 802.1x; it can by: proxy",
        ),
        (
            f"{GRADING}, {identity(GRADING_ROLES + ', places: [home]')}",
            f"{BY_8021X}: places 'home' cannot be enforced by 802.1x; it can by: proxy",
        ),
        (
            f"{GRADING}, {identity(GRADING_ROLES, by='proxy')}",
            f"{BY_8021X}: the proxy does not stand before 'grading'; name 802.1x, or put the application behind it",
        ),
        (
            "effect: permit, applications: [internet], network: {from: [staff], services: [tcp/443]}, "
            + identity("mfa: true", by="proxy"),
            f"{BY_8021X}: the proxy does not stand before 'internet'; name 802.1x, or put the application behind it",
        ),
        (
            f"{GRADING}, {identity('roles: [teacher]')}",
            "identity: 802.1X admits role principal, clerk to segment 'staff-legacy' too",
        ),
        (
            "effect: permit, applications: [parents], network: {from: [pupil]}, " + identity("postures: [certificate]"),
            None,
        ),
        (
            "effect: permit, applications: [parents], network: {from: [staff]}, " + identity("places: [own-school]"),
            "identity: 802.1X admits people at other places to segment 'staff' too",
        ),
        (
            "effect: permit, applications: [parents], network: {from: [quarantine]}, " + identity("roles: [teacher]"),
            f"{BY_8021X}: 802.1X does not decide who is in segment 'quarantine'",
        ),
        (
            "effect: permit, applications: [parents], network: {from: [printers]}, " + identity("roles: [teacher]"),
            f"{BY_8021X}: 802.1X does not decide who is in segment 'printers'",
        ),
        (
            f"effect: permit, applications: [grading], {identity('roles: [teacher]')}",
            f"{BY_8021X}: 802.1X answers with a segment; name it in network.from",
        ),
        (
            f"effect: forbid, applications: [grading], {identity('roles: [clerk]')}",
            f"{BY_8021X}: 802.1X admits a device once, to everything its segment may reach; forbid the segment instead",
        ),
        (
            "effect: permit, applications: [device-management], network: {from: [controller]}, "
            + identity("roles: [board-staff]"),
            "identity: the controller is no person; leave the identity part out",
        ),
        (
            "effect: permit, applications: [affairs], network: {from: [staff]}, "
            + identity("mfa: true, places: [home]", by="proxy, 802.1x"),
            None,
        ),
    ],
)
def test_a_rule_that_nobody_could_enforce(policies: PolicyFolder, text: str, expected: str | None) -> None:
    line = policies.append(RULES, rule(text))
    problems = policies.problems()
    if expected is None:
        assert problems == []
    else:
        assert any(p.startswith(f"{RULES}:{line}: ") and expected in p for p in problems), problems
        assert all(p.startswith(f"{RULES}:{line}: ") for p in problems), problems


def test_802_1x_that_admits_without_the_posture(policies: PolicyFolder) -> None:
    policies.edit("access/admission.yaml", "    postures: [certificate]\n", "", after="id: staff-legacy")
    problems = policies.problems()
    assert len(problems) == 1
    assert "identity: 802.1X admits devices without posture 'certificate' to segment 'staff-legacy' too" in problems[0]


CAMERA = """\
  - id: camera
    name: 監視カメラ
    hosting: {hosting}
    audience: staff
    importance: III
    services: {services}
    {where}
"""


def test_two_applications_on_one_address_with_different_permits(policies: PolicyFolder) -> None:
    where = 'addresses: [10.254.0.10, "2001:db8:80fe::10"]'
    line = policies.append(APPLICATIONS, CAMERA.format(hosting="on-premises", services="[tcp/443]", where=where))
    policies.append(RULES, rule("effect: permit, applications: [camera], network: {from: [staff]}"))
    problems = policies.problems()
    assert len(problems) == 1
    assert problems[0].startswith(f"{APPLICATIONS}:{line}: id: shares an address and port with 'grading' (")
    assert problems[0].endswith(
        "but their network permits differ; a switch cannot tell them apart: put both behind the proxy, "
        "or let the same segments reach both"
    )


def test_two_applications_in_one_segment_with_different_permits(policies: PolicyFolder) -> None:
    """A switch sees the printers' segment and a port, not which of two applications there is meant."""
    policies.append(APPLICATIONS, CAMERA.format(hosting="school", services="[tcp/631]", where="segment: printers"))
    policies.append(RULES, rule("effect: permit, applications: [camera], network: {from: [pupil]}"))
    problems = policies.problems()
    assert len(problems) == 1
    assert "id: shares an address and port with 'printing' (" in problems[0]


def test_applications_on_one_address_that_agree_where_they_meet(policies: PolicyFolder) -> None:
    where = 'addresses: [10.254.0.10, "2001:db8:80fe::10"]'
    policies.append(APPLICATIONS, CAMERA.format(hosting="on-premises", services="[tcp/443, tcp/8443]", where=where))
    policies.append(RULES, rule("effect: permit, applications: [camera], network: {from: [staff-legacy]}"))
    assert policies.problems() == []


def test_applications_on_one_address_and_other_ports(policies: PolicyFolder) -> None:
    where = "addresses: [10.254.0.10]"
    policies.append(APPLICATIONS, CAMERA.format(hosting="on-premises", services="[tcp/8443]", where=where))
    policies.append(RULES, rule("effect: permit, applications: [camera], network: {from: [staff]}"))
    assert policies.problems() == []


def test_behind_the_proxy_permits_may_differ_but_forbids_may_not(policies: PolicyFolder) -> None:
    # affairs and file-exchange share an address.
    permit = policies.append(RULES, rule("effect: permit, applications: [affairs], network: {from: [guest]}"))
    assert permit
    assert policies.problems() == []
    policies.append(
        RULES, "  - {id: not, purpose: 試験, effect: forbid, applications: [affairs], network: {from: [pupil]}}\n"
    )
    problems = policies.problems()
    assert len(problems) == 1
    assert "shares an address and port with 'affairs'" in problems[0]
    assert problems[0].endswith("but their network forbids differ; a switch cannot tell them apart")


def test_a_partly_shared_prefix_counts_as_shared(policies: PolicyFolder) -> None:
    policies.edit("access/prefixes/cbt.yaml", "198.51.100.96/27", "198.51.100.64/26")
    problems = policies.problems()
    assert len(problems) == 1
    assert "shares an address and port with 'drills'" in problems[0]


def test_two_applications_of_the_internet_with_different_permits(policies: PolicyFolder) -> None:
    policies.edit(APPLICATIONS, "prefixes: workspace", "belongs-to: internet")
    edit = policies.edit(APPLICATIONS, "prefixes: drills", "belongs-to: internet")
    (problem,) = policies.problems()
    assert problem.startswith(f"{APPLICATIONS}:{edit.item}: id: shares an address and port with 'workspace'")
    assert "their network permits differ" in problem


def test_a_forbid_that_would_cut_the_answers_of_a_permit(policies: PolicyFolder) -> None:
    application = """  - id: class-control
    name: x
    hosting: school
    audience: staff
    importance: IV
    services: [tcp/5900]
    segment: pupil
  - id: staff-hosts
    name: x
    hosting: school
    audience: staff
    importance: IV
    services: [tcp/1-65535]
    segment: staff
"""
    policies.append(APPLICATIONS, application)
    added = """  - {id: look, effect: permit, purpose: x, applications: [class-control], network: {from: [staff]}}
  - {id: leave, effect: forbid, purpose: x, applications: [staff-hosts], network: {from: [pupil]}}
"""
    policies.append(RULES, added)
    (problem,) = policies.problems()
    assert "forbids pupil -> staff, and rule 'look'" in problem
    assert "would cut its answers" in problem
