"""Paths of a whole school: segments that nobody filters, forbids over what a network needs, what the cache must see."""

from pathlib import Path

import pytest

from controller.compile.campus import campus_intent, device_intents
from controller.model.city import City, Device
from controller.plan.city_checks import Held, path_checks, paths_of_intents
from controller.platforms.registry import platform
from tests.policies import PolicyFolder

SCHOOL = "kw-e01"
NEED = (
    "  - {id: city-dns, why: x, family: 4, direction: from, protocol: tcp, ports: [443, 443], "
    "source: [segment], destination: [10.254.0.10/32]}\n"
)
"""Packets to what grading lives on, as something that every segment needs."""
FORBID = "  - {id: no-guest, effect: forbid, purpose: x, applications: [grading], network: {from: [guest]}}\n"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def core(city: City) -> Device:
    return next(one for one in city.devices(city.school_by_id[SCHOOL]) if one.role == "core")


def differences(city: City) -> list[str]:
    device = core(city)
    intent = campus_intent(city, device, platform(device.platform).capabilities)
    checks = path_checks(city, [Held(device, intent.wanted, intent.moved)])
    return [found for check in checks for found in check.differences]


def cores_carry(policies: PolicyFolder, segments: str) -> None:
    """The ports of every core carry these segments only; those of the floor switches are as they were."""
    place, inside, lines = policies.path / "city/blueprints.yaml", False, []
    for line in place.read_text(encoding="utf-8").splitlines():
        inside = "role: core" in line if "role:" in line else inside
        lines.append(line.replace("segments: all", f"segments: [{segments}]") if inside else line)
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_segment_that_floors_carry_and_no_core_filters_is_found(policies: PolicyFolder) -> None:
    cores_carry(policies, "staff, staff-legacy, pupil, learning-legacy, printers, quarantine, management")
    said = differences(policies.load())
    assert said == [
        f"{SCHOOL}: nothing filters guest (VLAN 40) {direction} IPv{family}; all passes"
        for family in (4, 6)
        for direction in ("from", "to")
    ]


def test_a_management_that_no_core_carries_is_a_difference_and_no_traceback(policies: PolicyFolder) -> None:
    cores_carry(policies, "staff, pupil")
    assert any("nothing filters management (VLAN " in one for one in differences(policies.load()))


def test_a_forbid_wins_over_what_a_network_needs(policies: PolicyFolder) -> None:
    policies.append("access/necessities.yaml", NEED)
    policies.append("access/rules.yaml", FORBID)
    assert differences(policies.load()) == []


def test_what_other_devices_of_the_school_carry_counts(policies: PolicyFolder) -> None:
    """A floor switch that takes up another segment changes what the paths of the core have to show."""
    cores_carry(policies, "staff, staff-legacy, pupil, learning-legacy, printers, quarantine, management")
    policies.edit("city/blueprints.yaml", "[staff, pupil, guest, management]", "[staff, pupil, management]")
    city = policies.load()
    device = core(city)
    intents, moved = device_intents(city, device, platform(device.platform).capabilities)
    assert paths_of_intents(city, device, intents, moved) is None, "floors still carry every segment to the core"
