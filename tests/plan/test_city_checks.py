"""Paths of a whole school: segments that nobody filters, forbids over what a network needs, what the cache must see."""

from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.network.wanted_device_state import compile_device, compile_device_filters
from controller.model.city import City
from controller.model.network.device_state import Entry
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol
from controller.model.sites.devices import Device
from controller.plan.proof.city_checks import ParsedDevice, check_paths, count_intent_paths
from controller.platforms.registry import load_platform
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
    return next(one for one in city.list_devices(city.school_by_id[SCHOOL]) if one.role == "core")


def differences(city: City) -> list[str]:
    device = core(city)
    intent = compile_device(city, device, load_platform(device.platform).capabilities)
    checks = check_paths(city, [ParsedDevice(device, intent.wanted, intent.delegated)])
    return [found for check in checks for found in check.differences]


def cores_carry(policies: PolicyFolder, segments: str) -> None:
    """The ports of every core carry these segments only; those of the floor switches are as they were."""
    place, inside, lines = policies.path / "city/blueprints.yaml", False, []
    for line in place.read_text(encoding="utf-8").splitlines():
        inside = "role: core" in line if "role:" in line else inside
        lines.append(line.replace("segments: all", f"segments: [{segments}], stages: [coexist]") if inside else line)
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
    intents, moved = compile_device_filters(city, device, load_platform(device.platform).capabilities)
    assert count_intent_paths(city, device, intents, moved) is None, "floors still carry every segment to the core"


@pytest.fixture
def two_cores(policies: PolicyFolder) -> list[ParsedDevice]:
    """A school with two cores: one carries the staff's segments and the management, the other all the rest."""
    city = policies.load()
    device = core(city)
    staff = {"staff", "staff-legacy", "management"}
    held = []
    for number, kept in ((1, staff), (2, set(city.segments) - staff)):
        ports = tuple(
            replace(port, segments=named)
            for port in device.ports
            if (named := tuple(one for one in port.segments if one in kept))
        )
        one = replace(device, id=f"{SCHOOL}-core{number}", ports=ports)
        intent = compile_device(city, one, load_platform(one.platform).capabilities)
        held.append(ParsedDevice(one, intent.wanted, intent.delegated))
    return held


def wrong(policies: PolicyFolder, held: list[ParsedDevice]) -> list[str]:
    return [found for check in check_paths(policies.load(), held) for found in check.differences]


def test_a_path_through_two_cores_of_a_school_is_put_together(
    policies: PolicyFolder, two_cores: list[ParsedDevice]
) -> None:
    """Each core lets through only what its own segments' ends may; together they let pupils to the teachers."""
    city, school = policies.load(), policies.load().school_by_id[SCHOOL]
    assert not wrong(policies, two_cores)
    pupils, staff = (
        city.addresses.segment_prefix(school, city.segments[name], Family.V4) for name in ("pupil", "staff")
    )
    entry = Entry(Effect.PERMIT, Match(Family.V4, Protocol.TCP, pupils, staff, destination_ports=(443, 443)), "77")

    def opened(one: ParsedDevice, segment: str, direction: Direction) -> ParsedDevice:
        key = (city.segments[segment].vlan, direction, Family.V4)
        filters = [
            replace(kept, entries=(entry, *kept.entries)) if kept.key == key else kept for kept in one.state.filters
        ]
        return replace(one, state=replace(one.state, filters=tuple(filters)))

    first, second = two_cores
    second = opened(second, "pupil", Direction.FROM)
    assert not wrong(policies, [first, second]), "the other end still refuses it"
    found = wrong(policies, [opened(first, "staff", Direction.TO), second])
    assert any(
        f"from pupil at {SCHOOL} to staff at {SCHOOL} passes: tcp 10.1.16.10" in said
        and f"{SCHOOL}-core2 TSN-20-from-4-" in said
        and f"{SCHOOL}-core1 TSN-10-to-4-" in said
        for said in found
    ), found
