"""Who may reach what, where no proxy stands: whom 802.1X admits, and a switch that nothing is known of."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.model.city import City
from controller.plan.explain.access import Explanation, Question, explain_access
from tests.policies import PolicyFolder

SCHOOL = "kw-s01"


def explained(city: City, segment: str, application: str) -> Explanation:
    return explain_access(city, Question(city.school_by_id[SCHOOL], segment, application, None))


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("guest", "802.1X admits nobody to segment 'guest'"),
        ("printers", "802.1X admits nobody to segment 'printers'"),
        ("quarantine", "802.1X puts whatever it does not know into segment 'quarantine'"),
        ("pupil", "802.1X: in segment 'pupil' are pupil ("),
        ("staff", "802.1X: in segment 'staff' are teacher, principal, clerk, board-staff, maintenance-vendor ("),
    ],
)
def test_whom_the_segment_holds_is_said_where_no_proxy_asks(city: City, segment: str, said: str) -> None:
    identity = explained(city, segment, "printing").identity
    assert identity.answer is None
    assert identity.enforcer.startswith(f"no proxy stands before it; {said}")


def test_a_switch_of_a_platform_that_is_not_built_is_said_to_be_unknown(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.plan.explain.access.is_supported", lambda _: False)
    for one in explained(city, "staff", "printing").network:
        assert one.enforced == ()
        assert one.note == f"{SCHOOL}-core1 should enforce it, but its platform 'cisco_ios' is not supported yet"


def test_the_way_out_of_the_school_has_lines_and_the_way_inside_has_none(city: City) -> None:
    assert explained(city, "staff", "printing").lines is None
    lines = explained(city, "staff", "internet").lines
    assert lines is not None
    assert lines.preferences


@pytest.mark.parametrize(
    ("segment", "application", "said"),
    [("moon", "printing", "there is no segment 'moon'"), ("staff", "moon", "there is no application 'moon'")],
)
def test_what_does_not_exist_is_refused(city: City, segment: str, application: str, said: str) -> None:
    with pytest.raises(TsunaguError, match=f"^{said}; there are: "):
        explained(city, segment, application)


def test_an_application_without_an_address_of_a_family_is_refused_there(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit(
        "access/applications.yaml", '[10.254.0.10, "2001:db8:80fe::10"]', "[10.254.0.10]", after="id: grading"
    )
    first, second = explained(policies.load(), "staff-legacy", "grading").network
    assert (first.family, first.destination, first.note) == (4, "10.254.0.10", "")
    assert first.answer.permitted
    assert first.enforced
    assert (second.family, second.destination, second.enforced) == (6, "none", ())
    assert (second.answer.permitted, second.answer.rules) == (False, ())
    assert second.note == "grading has no IPv6 address: nothing is permitted there"
