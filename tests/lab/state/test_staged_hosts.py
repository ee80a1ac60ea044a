"""Hosts of the virtual city whose segment depends on the stage of integration of their school."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from controller.errors import PolicyError
from controller.lab.state.layout_planning import plan_layout
from controller.model.network.device_state import PortRole
from controller.model.sites.stages import Stage
from tests.lab.integration.ward_scene import WardScene

PC, ROOM_PC, TEACHER = "affairs-pc", "room-pc", "teacher"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> WardScene:
    return WardScene(tmp_path_factory.mktemp("ward"))


def test_a_host_keeps_its_port_and_changes_its_segment_and_its_address(scene: WardScene) -> None:
    layouts = {stage: plan_layout(scene.load_stage(stage), len(scene.schools)) for stage in Stage}
    for number, school in enumerate(scene.schools):
        found = {stage: {host.id: host for host in layout.schools[number].hosts} for stage, layout in layouts.items()}
        assert [found[stage][PC].segment for stage in Stage] == ["staff-legacy", "staff-legacy", "staff"]
        assert [found[stage][TEACHER].segment for stage in Stage] == ["external-legacy", "staff", "staff"]
        for name in (PC, ROOM_PC, TEACHER):
            assert len({(one[name].port, one[name].namespace) for one in found.values()}) == 1
        assert found[Stage.SEPARATED][PC].interface != found[Stage.INTEGRATED][PC].interface
        for hosts in found.values():
            assert len({host.interface.address.v4 for host in hosts.values()}) == len(hosts), school


def test_the_lab_is_wired_for_every_stage(scene: WardScene) -> None:
    """What is built once fits all of them: gateways, the ports of an Open vSwitch, the wires of a virtual switch."""
    layouts = [plan_layout(scene.load_stage(stage), len(scene.schools)) for stage in Stage]
    for number, _ in enumerate(scene.schools):
        schools = [layout.schools[number] for layout in layouts]
        assert all(one.gateways == schools[0].gateways for one in schools)
        assert all(one.wires == schools[0].wires for one in schools)
        assert all({port.name for port in one.ports} == {port.name for port in schools[0].ports} for one in schools)


def test_the_ports_of_a_switch_are_those_of_its_schools_stage(scene: WardScene) -> None:
    carried = {}
    for stage in Stage:
        city = scene.load_stage(stage)
        for school in scene.schools:
            core = city.list_devices(city.school_by_id[school])[0]
            assert len({port.name for port in core.ports}) == len(core.ports)
            facing = [port.segments for port in core.ports if port.role is PortRole.HOST_FACING]
            uplinks = {name for port in core.ports if port.role is PortRole.UPLINK for name in port.segments}
            assert {name for segments in facing for name in segments} == uplinks
            carried[stage] = uplinks
    assert carried[Stage.SEPARATED] - carried[Stage.COEXIST] == {"external-legacy"}
    assert carried[Stage.COEXIST] - carried[Stage.INTEGRATED] == {"staff-legacy", "learning-legacy"}


def refuse(scene: WardScene, *hosts: Mapping[str, object]) -> str:
    path = scene.path / "city/lab.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(yaml.safe_dump({**yaml.safe_load(text), "hosts": [dict(host) for host in hosts]}), encoding="utf-8")
    try:
        with pytest.raises(PolicyError) as refused:
            scene.load()
    finally:
        path.write_text(text, encoding="utf-8")
    return str(refused.value)


def test_what_does_not_fit_the_stages_is_refused_with_its_line(scene: WardScene) -> None:
    apart = {"id": "old", "segment": "staff-legacy", "stages": ["separated", "coexist"]}
    said = refuse(scene, {"id": "pupil", "segment": "pupil"}, {"id": "old", "segment": "staff-legacy"})
    assert "city/lab.yaml:" in said
    assert "carries staff-legacy, which schools do not have when integrated" in said
    assert "host 'old' is in no segment when integrated" in refuse(scene, apart)
    twice = refuse(scene, apart, {"id": "old", "segment": "staff", "stages": ["coexist", "integrated"]})
    assert twice.count("'old'") == 1


def test_stages_of_hosts_need_a_city_with_stages(tmp_path: Path) -> None:
    lone = WardScene(tmp_path)
    (lone.path / "city/integration.yaml").unlink()
    with pytest.raises(PolicyError, match=r"lab.yaml:\d+: stages: the city names no stages"):
        lone.load()
