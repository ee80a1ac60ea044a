"""A device step over a command line under seeded faults: the end that is told, and the switch's own dump, agree."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.x530.device import X530
from controller.model.sites.devices import Device
from controller.plan.backup import describe_backup
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from controller.platforms.transport.base import SystemClock
from controller.rollout.outcome import End, Outcome
from tests.rollout.cli_campaign import ENDS, FAULTS, Moment, find_violations, run_cli_seed
from tests.rollout.cli_families import FAMILIES, configure_as_another
from tests.rollout.cli_scene import NAME
from tests.soak import FACTOR

SEEDS = 100 if FACTOR == 1 else 1000
PART = 50
FAILED_BEFORE: dict[str, tuple[int, ...]] = {**dict.fromkeys(FAMILIES, ()), "cisco_ios": (173,)}
"""Every seed that ever found something; it stays."""
KINDS = 12


pytestmark = pytest.mark.usefixtures("hasty_netmiko")


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_told_is_what_the_switch_shows(family: str, first: int, model: Device, tmp_path: Path) -> None:
    seeds = range(first, first + PART)
    found = {seed: wrong for seed in seeds if (wrong := run_cli_seed(family, seed, model, tmp_path))}
    assert found == {}
    if first == 0:
        # The faults of the first seeds lead to every end, and to controllers that are gone. That nothing at all was
        # changed when a change broke off is rare where nothing restores it.
        rare = set() if load_platform(family).capabilities.restores_itself else {End.REVERTED}
        assert {*ENDS[family]} | rare == {*End, None}, ENDS
        assert len(FAULTS[family]) >= KINDS, FAULTS


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_that_ever_failed_stays_good(family: str, model: Device, tmp_path: Path) -> None:
    found = {seed: wrong for seed in FAILED_BEFORE[family] if (wrong := run_cli_seed(family, seed, model, tmp_path))}
    assert found == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_switch_shows_can_be_kept_without_its_secrets(family: str, model: Device, tmp_path: Path) -> None:
    """Before each change it is kept: what cannot be read again without its secrets would let nothing be changed."""
    for seed in range(4):
        scene = FAMILIES[family].build(random.Random(seed), model, tmp_path)  # noqa: S311 no secrets
        for _ in range(2):
            text = DeviceText(scene.switch.show_running(), NAME)
            kept = describe_backup(model, load_platform(family), text, SystemClock().now())
            assert kept.state == scene.running().compute_digest()
            scene.apply()


def test_a_lie_would_be_found(model: Device, tmp_path: Path) -> None:
    scene = FAMILIES["cisco_ios"].build(random.Random(1), model, tmp_path)  # noqa: S311 no secrets
    before = Moment(scene.running(), scene.saved())
    outcome = scene.apply()
    assert outcome.end is End.APPLIED
    assert list(find_violations(scene, before, outcome, last=False)) == []
    assert isinstance(scene.switch, CatalystSwitch)
    scene.switch.storage.startup = None
    assert list(find_violations(scene, before, outcome, last=False)) != []
    for end in (End.REVERTED, End.FAILED):
        assert list(find_violations(scene, before, Outcome("d1", "", end, "x"), last=False)) != []
    line = scene.switch.open_command_line("somebody")
    for typed in ("configure terminal", "vlan 10", "name LAB", "end"):
        line.enter(typed)
    assert any("none of the states" in one for one in find_violations(scene, before, None, last=False))


def test_a_line_that_no_plan_has_would_be_found(model: Device, tmp_path: Path) -> None:
    scene = FAMILIES["allied_telesis_awplus"].build(random.Random(1), model, tmp_path)  # noqa: S311 no secrets
    assert isinstance(scene.switch, X530)
    before = Moment(scene.running(), scene.saved(), {tuple(scene.switch.show_running().split())})
    configure_as_another(scene.switch, "vlan database", "vlan 77 name LAB")
    assert "it is where no line of the plan leads" in list(find_violations(scene, before, None, last=False))
