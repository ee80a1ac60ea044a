"""A slice of the chaos on the real lab, and proof that it can fail; all seeds: `make chaos`."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

from controller.lab.network import ovs_switches
from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.model.city import City
from controller.model.virtual_city import choose_virtual_city
from tests.chaos.lab_chaos import LabChaos, mount_small_disk
from tests.chaos.lab_devices import LabDevice
from tests.chaos.lab_run import play_seeds

pytestmark = pytest.mark.lab
SEED, PUSH = 25, 3
"""A seed whose process is killed inside a push, and inside which."""


def test_a_rollout_on_real_devices_ends_in_what_is_true_of_them(city: City, fresh_lab: Layout, tmp_path: Path) -> None:
    kills: list[int] = []
    assert dict(play_seeds(range(SEED, SEED + 1), city, fresh_lab, tmp_path, kills.append)) == {SEED: []}
    assert kills == [PUSH], "nothing was killed inside a push"
    _find_out_a_change_behind_its_back(city, fresh_lab, tmp_path)


def _find_out_a_change_behind_its_back(city: City, lab: Layout, folder: Path) -> None:
    """A flow of ours that comes after a good end, and a change of an old device, are told by the devices alone."""
    with mount_small_disk(folder / "planted") as disk:
        played = LabChaos(random.Random(0), choose_virtual_city(city), lab, disk, folder / "none")  # noqa: S311
        name, device = next(iter(played.devices.items()))
        played.good[name] = played.clock.now()
        assert list(played.find_untrue()) == []
        ours = _list_own_flows(device)
        try:
            _replace_own_flows(device, ours)
            found = list(played.find_untrue())
            assert len(found) == 1, found
            assert "has a flow of" in found[0]
            _replace_own_flows(device, [flow for flow in ours if "actions=drop" in flow])
            found = list(played.find_untrue())
            assert any("half made, and nothing is armed" in one for one in found), found
        finally:
            _replace_own_flows(device, ours)


def _list_own_flows(device: LabDevice) -> list[str]:
    """Return the flows of ours on a switch, as they are put in."""
    listed = ovs_switches.run_ovs_ofctl(
        device.school, paths.STATE, "--names", "--no-stats", "dump-flows", ovs_switches.BRIDGE
    )
    ours = [flow for flow in listed.splitlines() if "cookie=0x5453" in flow]
    assert ours
    return [flow.replace(" actions=", ",actions=").replace(" ", "") for flow in ours]


def _replace_own_flows(device: LabDevice, flows: list[str]) -> None:
    """Take the flows of ours out of a switch, and put these in."""
    ofctl = partial(ovs_switches.run_ovs_ofctl, device.school, paths.STATE)
    ofctl("del-flows", ovs_switches.BRIDGE, "cookie=0x5453000000000000/0xffff000000000000")
    for flow in flows:
        ofctl("--names", "add-flow", ovs_switches.BRIDGE, flow)
