"""The adoption level of a school decides what is planned and judged; what it leaves out stays as it is and is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import BeyondCapability, PlanRefused
from controller.model.city import City
from controller.model.network.device_state import DeviceState, PortMode, PortState, Vlan, build_device_state
from controller.model.sites.adoption import AdoptionLevel, list_managed_parts, list_unmanaged_parts
from controller.model.sites.devices import Device
from controller.plan.build import build_plan, consider_device
from controller.plan.derive import derive_change
from controller.plan.observe import Observed
from controller.plan.proof.city_proof import CityProof
from controller.plan.proof.configuration_proof import prove_configuration
from controller.plan.select import find_device
from controller.platforms.base import Observation
from controller.prove.compliance.guideline import check_guideline
from tests.cli.running import here
from tests.policies import PolicyFolder

EMPTY = DeviceState()
FOREIGN = "hostname old\nvlan 10\n name STAFF\n!\ninterface Vlan10\n ip address 172.21.1.1 255.255.255.0\n!\nend\n"


def at_level(city: City, device: str, level: AdoptionLevel) -> Device:
    found = find_device(city, device)
    return replace(found, school=found.school.model_copy(update={"adoption": level}))


def see(device: Device, state: DeviceState = EMPTY) -> Observed:
    return Observed(device, f"{device.id}.cfg", Observation(state, (), 0, 0))


def test_the_parts_of_the_levels_are_all_parts() -> None:
    levels: tuple[AdoptionLevel, ...] = ("observe", "filters", "ports", "all")
    whole = list_managed_parts("all")
    assert [len(list_managed_parts(level)) for level in levels] == [0, 1, 3, 6]
    assert all((*list_managed_parts(level), *list_unmanaged_parts(level)) == whole for level in levels)


def test_filters_alone_change_nothing_but_filters_and_their_bindings(city: City) -> None:
    device = at_level(city, "kw-s01-core1", "filters")
    held = build_device_state([Vlan(10, "TSN-old")], [PortState("GigabitEthernet1/0/40", PortMode.ACCESS, (10,))])
    derived = derive_change(city, device, held)
    wanted = derive_change(city, find_device(city, "kw-s01-core1"), held).wanted
    assert (derived.wanted.vlans, derived.wanted.ports) == (held.vlans, held.ports)
    assert (derived.wanted.filters, derived.wanted.bindings) == (wanted.filters, wanted.bindings)
    assert derived.filters_proved == 32
    assert {step.title for step in derived.steps} == {"make access lists", "bind access lists"}
    assert derive_change(city, device, derived.wanted).steps == ()


def test_ports_come_before_interfaces_and_routes(city: City) -> None:
    device = at_level(city, "kw-s01-core1", "ports")
    derived = derive_change(city, device, EMPTY)
    assert derived.wanted.vlans
    assert derived.wanted.ports
    router = at_level(city, "kw-s01-rt1", "ports")
    with pytest.raises(PlanRefused, match=r"nothing is planned, because .* is at 'adoption: ports'"):
        derive_change(city, router, EMPTY)


@pytest.mark.parametrize("name", ["kw-s01-core1", "kw-s01-rt1", "kw-s01-floor1"])
def test_an_observed_school_is_no_part_of_a_plan(city: City, name: str) -> None:
    device = at_level(city, name, "observe")
    considered = consider_device(city, see(device))
    assert considered.left_out
    assert not considered.differs
    plan = build_plan(city, [considered])
    assert (plan.devices, plan.unplanned) == ((), ())
    with pytest.raises(PlanRefused):
        derive_change(city, device, EMPTY)


def test_a_running_configuration_that_boots_otherwise_is_not_saved_where_nothing_is_managed(city: City) -> None:
    device = at_level(city, "kw-s01-core1", "observe")
    seen = replace(see(device), saved=build_device_state([Vlan(10, "TSN-old")]), knows_saved=True)
    assert not consider_device(city, seen).differs


def test_filters_alone_need_ports_where_they_stand_at_ports(city: City) -> None:
    core = next(
        device
        for school in city.schools
        for device in city.list_devices(school)
        if device.role == "core" and device.platform == "allied_telesis_awplus"
    )
    device = at_level(city, core.id, "filters")
    with pytest.raises(BeyondCapability, match=r"no port of ours is in VLAN 10.*hand the ports over first"):
        derive_change(city, device, EMPTY)
    wanted = derive_change(city, core, EMPTY).wanted
    handed_over = replace(wanted, filters=(), bindings=())
    assert derive_change(city, device, handed_over).wanted == wanted


def test_what_a_level_leaves_out_is_no_difference(city: City) -> None:
    device = at_level(city, "kw-s01-core1", "filters")
    wanted = derive_change(city, device, EMPTY).wanted
    proved = prove_configuration(city, see(device, wanted))
    assert (proved.differences, proved.filters) == ((), 32)
    assert prove_configuration(city, see(device)).differences
    observed = prove_configuration(city, see(at_level(city, "kw-s01-core1", "observe")))
    assert (observed.refusal, observed.parsed, observed.filters, observed.differences) == (None, None, 0, ())


def test_a_school_that_is_adopted_in_part_is_not_managed_wholly(tmp_path: Path, city: City) -> None:
    name = "every school is managed wholly (adoption: all)"
    assert next(one for one in check_guideline(city) if one.name == name).holds
    policies = PolicyFolder(tmp_path)
    policies.edit("city/schools/kawasaki.yaml", "pupils: 180", "pupils: 180\n    adoption: ports", after="id: kw-s01")
    (check,) = (one for one in check_guideline(policies.load()) if one.name == name)
    assert not check.holds
    assert check.not_judged.endswith("仮・川崎第一支援学校 (ports)")


def test_an_unknown_level_is_refused_with_file_and_line(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    edit = policies.edit("city/schools/kawasaki.yaml", "pupils: 180", "pupils: 180\n    adoption: some", after="kw-s01")
    (problem,) = policies.problems()
    assert problem.startswith(f"city/schools/kawasaki.yaml:{edit.line + 1}: ")
    assert "observe" in problem


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with policies in which one school is only read, and a configuration of its core."""
    place = tmp_path_factory.mktemp("observed")
    policies = PolicyFolder(place)
    policies.edit("city/schools/kawasaki.yaml", "pupils: 180", "pupils: 180\n    adoption: observe", after="kw-s01")
    (place / "configs").mkdir()
    (place / "configs/kw-s01-core1.cfg").write_text(FOREIGN, encoding="utf-8")
    return place


LINE = (
    "! 仮・川崎第一支援学校 (kw-s01) is at 'adoption: observe': not judged: "
    "filters, VLANs, ports, interfaces, routes, wireless networks"
)


@pytest.mark.parametrize(
    "command", [("check",), ("prove", "--school", "kw-s01"), ("prove", "--school", "kw-s01", "--configs", "configs")]
)
def test_commands_say_in_one_line_what_is_not_judged(
    observed: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is said does not depend on the proof of the city, which takes long.
    monkeypatch.setattr("controller.cli.policy.prove.prove_city", lambda *_: CityProof())
    done = here(*command, "--policies", "policies", cwd=observed)
    assert done.code == 0, done.said
    assert done.said.splitlines().count(LINE) == 1
    document = json.loads(here(*command, "--policies", "policies", "--json", cwd=observed).said)
    assert document["adoption"] == [
        {
            "school": "kw-s01",
            "name": "仮・川崎第一支援学校",
            "adoption": "observe",
            "not_judged": ["filters", "VLANs", "ports", "interfaces", "routes", "wireless networks"],
        }
    ]


def test_a_plan_says_that_an_observed_school_was_only_read(observed: Path) -> None:
    command = ("plan", "--school", "kw-s01", "--configs", "configs", "--policies", "policies")
    done = here(*command, cwd=observed)
    lines = done.said.splitlines()
    assert LINE in lines
    assert "kw-s01-core1: nothing is planned, because 仮・川崎第一支援学校 is at 'adoption: observe'" in lines
    assert not any("would change:" in line or "conflict" in line for line in lines)
    document = json.loads(here(*command, "--json", cwd=observed).said)
    assert document["plan"]["devices"] == []
    assert document["adoption"][0]["adoption"] == "observe"
