"""Wireless networks in the policy: what would let somebody past 802.1X, or nobody in, is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.network.wireless import Protection
from tests.policies import PolicyFolder

BLUEPRINTS = "city/blueprints.yaml"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def test_what_is_not_said_is_the_strictest(policies: PolicyFolder) -> None:
    city = policies.load()
    devices = city.list_devices(city.school_by_id["as-e04"])
    point = next(one for one in devices if one.role == "access-point")
    assert [(one.ssid, one.protection) for one in point.networks] == [
        ("school-staff", Protection.WPA3_ENTERPRISE),
        ("school-pupil", Protection.WPA3_ENTERPRISE),
        ("school-guest", Protection.ENHANCED_OPEN),
    ]
    assert not any(one.networks for one in devices if one.role != "access-point")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{ssid: school-staff, segment: staff,",
            "{ssid: school-staff, segment: staff, protection: enhanced-open,",
            "segment: 'school-staff' lets everybody in, unasked (enhanced-open), and admission 'staff' (",
        ),
        (
            "segment: guest, protection",
            "segment: management, protection",
            "segment: 'school-guest' lets everybody in, unasked (enhanced-open), and management is where devices",
        ),
        (
            "segment: guest, protection",
            "segment: printers, protection",
            "segment: 'school-guest' lets everybody in, unasked (enhanced-open), and segment printers (",
        ),
        (
            "segment: guest, protection: enhanced-open}",
            "segment: guest}",
            "segment: nobody could enter 'school-guest': no admission of access/admission.yaml leads to guest",
        ),
        ("ssid: school-pupil", "ssid: school-staff", "ssid: 'school-staff' is already given at "),
        ("ssid: school-pupil", "ssid: 'a '", "ssid: an SSID is 1 to 32 ASCII letters"),
        ("protection: enhanced-open", "protection: open", "protection: write one of: wpa3-enterprise, enh"),
    ],
)
def test_a_network_that_may_not_be(policies: PolicyFolder, old: str, new: str, expected: str) -> None:
    edit = policies.edit(BLUEPRINTS, old, new)
    found = [problem for problem in policies.problems() if f"{BLUEPRINTS}:{edit.line}: " in problem]
    assert any(expected in problem for problem in found), policies.problems()


def test_an_enterprise_network_into_quarantine_may_be(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "segment: guest, protection: enhanced-open}", "segment: quarantine}")
    assert policies.problems() == []


def test_networks_that_ask_need_somebody_to_ask(policies: PolicyFolder) -> None:
    edit = policies.edit("access/admission.yaml", "servers: [10.254.3.10, 10.254.3.11]", "servers: []")
    (problem,) = policies.problems()
    assert problem.startswith(f"access/admission.yaml:{edit.line}: servers: networks of the blueprints ask admission")


def test_an_admission_server_has_an_address_of_its_own(policies: PolicyFolder) -> None:
    policies.edit("access/admission.yaml", "10.254.3.11]", "10.254.0.10]")
    (problem,) = policies.problems()
    assert "an admission server" in problem
    assert "application grading" in problem
