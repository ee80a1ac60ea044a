"""The campaign over a command line, with packets: after each end the wires say what the switch shows."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

from controller.lab.virtual_switches.forwarding import Forwarding
from controller.model.sites.devices import Device
from tests.lab.network.data_plane.switch_namespace import build_bench
from tests.rollout.cli_campaign import run_cli_seed
from tests.rollout.packet_scene import WIRES, Follower, build_switch

SEEDS = 10
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hasty_netmiko")]


@pytest.mark.parametrize("family", WIRES)
def test_packets_agree_with_what_the_switch_shows(family: str, model: Device, tmp_path: Path) -> None:
    found: dict[int, list[str]] = {}
    with build_bench(WIRES[family]) as bench:
        follower = Follower(bench, random.Random(family), family)  # noqa: S311 the same packets for the same family
        for seed in range(SEEDS):
            build = partial(build_switch, family=family)
            found[seed] = run_cli_seed(family, seed, model, tmp_path, build=build, look=follower.look)
        assert {seed: wrong for seed, wrong in found.items() if wrong} == {}
        # Lines changed something, packets passed and did not, and there were dumps that ours can read.
        assert follower.changes > SEEDS * 3
        assert 0 < follower.passed < follower.sent
        assert follower.read > SEEDS


@pytest.mark.parametrize("family", WIRES)
def test_a_data_plane_that_does_something_else_would_be_found(family: str, model: Device, tmp_path: Path) -> None:
    rng = random.Random(1)  # noqa: S311 no secrets
    drawn = (build_switch(rng, model, tmp_path, family) for _ in range(SEEDS))
    scene = next(one for one in drawn if one.wanted.bindings)
    with build_bench(WIRES[family]) as bench:
        follower = Follower(bench, rng, family)
        assert scene.apply().end.good
        assert follower.look(scene) == []
        follower.follow = lambda _: None  # type: ignore[method-assign, assignment] # the wires are left behind
        follower.forwarding = Forwarding()
        assert follower.look(scene) != []
