"""Devices asked over a transport: what they hold, what cannot be asked, and the copies that are kept of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.network.device_state import Vlan
from controller.model.sites.devices import Device
from controller.model.virtual_city import choose_virtual_city
from controller.plan.backup import back_up_device, describe_backup
from controller.plan.build import PlanOrigin
from controller.plan.observe import NotSupported, Observed, read_devices
from controller.plan.playbook_tasks.policy_plan import HostPlanEnd, make_policy_plan
from controller.plan.select import find_device
from controller.platforms.base import Observation
from controller.platforms.common.cli_reading import CliReading
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform, load_platform_of
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from tests.platforms.third_party.invented import InventedSwitch
from tests.policies import NOON
from tests.rollout.line_system import LineSystem
from tests.rollout.ovs_switch import Switch

CLOCK = ManualClock(NOON)


class ReadAlone(CliReading, InventedSwitch):
    """A system that can be read over SSH, and changed as text."""

    device_type = "cisco_ios"


@pytest.fixture
def core(city: City) -> Device:
    """A switch of the lab, which can be asked."""
    return find_device(choose_virtual_city(city), "kw-s01-core1")


@pytest.fixture
def switch(core: Device) -> MemoryDevice:
    return MemoryDevice(core.id, Switch(port.name for port in core.ports), CLOCK)


def test_each_device_is_told_as_it_comes_and_returned_in_order(
    core: Device, device: Device, switch: MemoryDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = load_platform_of
    monkeypatch.setattr(
        "controller.plan.observe.load_platform_of", lambda one: ReadAlone() if one.platform == "alaxala" else usual(one)
    )
    asked = [core, replace(device, platform="alaxala"), replace(device, platform="nec_ix")]
    told: list[Observed] = []
    found = read_devices(asked, MemoryTransport([switch]), told.append)
    assert [one.device for one in found] == asked
    assert {id(one) for one in told} == {id(one) for one in found}
    read, *others = found
    assert read.observation is not None
    assert read.observation.state == load_platform("ovs").parse(switch.running, core.id).state
    assert (read.source, read.knows_saved, read.refusal) == (core.id, True, None)
    assert [str(one.refusal) for one in others] == [
        "kw-s01-core1: not supported: platform 'alaxala' cannot be changed over SSH yet; use --configs",
        "kw-s01-core1: not supported: platform 'nec_ix' is not built yet",
    ]
    assert all(isinstance(one.refusal, NotSupported) and one.observation is None for one in others)


def test_a_device_that_does_not_answer_is_a_refusal_of_its_own(core: Device) -> None:
    (found,) = read_devices([core], MemoryTransport([]), lambda _: None)
    assert found.refusal is not None
    assert found.observation is None
    assert str(found.refusal).startswith(f"{core.id}: ")


def test_a_backup_is_two_files_for_the_owner_alone_and_may_be_made_again(
    core: Device, switch: MemoryDevice, tmp_path: Path
) -> None:
    folder = tmp_path / "kept" / "today"
    for _ in range(2):
        kept = back_up_device(core, folder, MemoryTransport([switch]), CLOCK)
    text = (folder / f"{core.id}.cfg").read_text(encoding="utf-8")
    assert text == switch.running
    assert kept.sha256 == sha256(text.encode()).hexdigest()
    assert json.loads((folder / f"{core.id}.json").read_text(encoding="utf-8")) == asdict(kept)
    assert (kept.device, kept.school, kept.platform, kept.redacted) == (core.id, "kw-s01", "ovs", 0)
    assert kept.read_at == "2026-12-01T12:00:00+00:00"
    assert kept.state == load_platform("ovs").parse(text, core.id).state.compute_digest()
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        f"{core.id}.cfg": 0o600,
        f"{core.id}.json": 0o600,
    }


def test_a_device_that_is_known_as_text_only_is_not_asked(device: Device, tmp_path: Path) -> None:
    for one in (replace(device, platform="aruba_ap"), replace(device, platform="juniper_junos")):
        with pytest.raises(NotSupported, match=r"^kw-s01-core1: .* cannot be read over SSH yet$"):
            back_up_device(one, tmp_path, MemoryTransport([]), CLOCK)
    assert not list(tmp_path.iterdir())


def test_a_backup_that_cannot_be_written_says_where_and_why(core: Device, switch: MemoryDevice, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("", encoding="utf-8")
    with pytest.raises(TsunaguError) as refused:
        back_up_device(core, place, MemoryTransport([switch]), CLOCK)
    assert str(refused.value) == f"{core.id}: the backup cannot be written: {place}: File exists"


def test_the_secrets_of_others_are_taken_out_and_counted(device: Device) -> None:
    system = load_platform("cisco_ios")
    text = "hostname a\nenable secret 9 hidden\nvlan 20\n name TSN-staff\nend\n"
    kept = describe_backup(device, system, DeviceText(text), NOON)
    assert (kept.lines, kept.ours, kept.redacted) == (5, 2, 1)
    assert kept.sha256 == sha256(text.replace("9 hidden", "<redacted>").encode()).hexdigest()
    assert system.parse(text, "x").state.vlans == (Vlan(20, "TSN-staff"),)
    assert kept.state == system.parse(text, "x").state.compute_digest()


@pytest.mark.parametrize("text", ["", "\n", "!\n!\n"])
def test_a_text_without_a_line_is_no_backup(device: Device, text: str) -> None:
    with pytest.raises(TsunaguError, match="no whole running configuration; nothing was read from it"):
        describe_backup(device, load_platform("cisco_ios"), DeviceText(text), NOON)


class NamesAreLong(LineSystem):
    """Reads a line of others whose value a redaction takes out."""

    def parse(self, text: str, source: str) -> Observation:
        seen = super().parse(text, source)
        return replace(seen, lines=len(text))


def test_a_text_that_would_mean_another_state_without_its_secrets_is_refused(device: Device) -> None:
    with pytest.raises(TsunaguError, match="without its secrets the configuration would mean another state"):
        describe_backup(device, NamesAreLong(), DeviceText("enable secret hidden\n"), NOON)


def test_a_host_that_cannot_be_changed_is_not_attempted_in_the_plan_of_a_playbook(city: City, device: Device) -> None:
    asked = [replace(device, platform="nec_ix")]
    (left,) = make_policy_plan(city, asked, MemoryTransport([]), PlanOrigin()).hosts
    assert (left.end, "not supported: platform 'nec_ix' is not built yet" in left.reason) == (
        HostPlanEnd.LEFT_OUT,
        True,
    )
