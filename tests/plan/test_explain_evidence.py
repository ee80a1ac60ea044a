"""explain reads its own evidence: no answer stands beside an entry that says otherwise; and it names the stage."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.errors import ProofFailed
from controller.integration.stage_change import StageSubject, change_stage
from controller.model.city import City
from controller.model.reference_evaluator import Decision
from controller.model.sites.stages import Stage
from controller.plan.explain import access
from controller.plan.explain.access import Explanation, Question, explain_access
from tests.policies import PolicyFolder

SCHOOL = "as-e04"
WIDE = (
    "  - {{id: wide, why: x, family: 4, direction: from, protocol: tcp, ports: [1, 65535], segments: [{0}], "
    "source: [segment], destination: [{1}]}}\n"
)


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def asked(city: City, segment: str, application: str) -> Explanation:
    return explain_access(city, Question(city.school_by_id[SCHOOL], segment, application, None))


@pytest.mark.parametrize(
    ("segment", "place", "application"),
    [
        ("pupil", "0.0.0.0/0", "affairs"),
        ("pupil", "203.0.113.0/24", "affairs"),
        ("pupil", "10.157.8.0/24", "printing"),
        ("guest", "0.0.0.0/0", "internet"),
        ("management", "10.254.0.0/16", "grading"),
    ],
)
def test_a_wide_necessity_is_told_as_what_it_opens(
    policies: PolicyFolder, segment: str, place: str, application: str
) -> None:
    policies.append("access/necessities.yaml", WIDE.format(segment, place))
    found = asked(policies.load(), segment, application)
    for one in found.network:
        assert one.enforced
        leaves = all(entry.permits for entry in one.enforced)
        assert leaves == one.permitted, one
    opened = [one for one in found.network if one.necessities]
    assert application == "printing" or opened
    assert all(need.id == "wide" for one in opened for need in one.necessities)


@pytest.mark.parametrize("segment", ["pupil", "staff"])
def test_an_answer_against_its_evidence_is_refused(city: City, monkeypatch: pytest.MonkeyPatch, segment: str) -> None:
    permitted = segment == "pupil"
    monkeypatch.setattr(access, "evaluate_network", lambda _city, _flow: Decision(permitted=permitted, rules=()))
    with pytest.raises(ProofFailed, match="and what the policy compiles to says otherwise"):
        asked(city, segment, "affairs")


def test_the_stage_is_named_and_a_segment_that_is_not_there_is_said(city: City) -> None:
    assert asked(city, "staff", "affairs").stage is Stage.COEXIST
    subject = StageSubject("school", SCHOOL)
    integrated = change_stage(city, subject, Stage.INTEGRATED, by="x", since=date(2026, 12, 26))
    found = asked(integrated, "staff-legacy", "grading")
    assert found.stage is Stage.INTEGRATED
    assert {(one.permitted, one.enforced, one.note) for one in found.network} == {
        (False, (), "as-e04 is integrated: it has no segment staff-legacy, so nobody asks from there")
    }
    assert "802.1X admits nobody to segment 'staff-legacy'" in found.identity.enforcer
