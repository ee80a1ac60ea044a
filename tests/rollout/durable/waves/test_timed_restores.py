"""Devices whose timers count in whole minutes, and whose controller was lost in their change, in a durable rollout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.model.sites.devices import Device
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.change import Change
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import DeviceRun, RunPlace
from controller.rollout.durable.waves.device_tries import DeviceTries
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.emulators.yamaha_rtx import RtxRouter
from tests.platforms.yamaha_rtx import test_rtx_operation as rtx
from tests.rollout.campaign import Killed, MortalTransport
from tests.rollout.cli_scene import CliScene
from tests.rollout.durable.city_scene import DurableScene
from tests.rollout.test_catalyst_step import ARCHIVE, OLD, WANTED, is_half_made

pytestmark = pytest.mark.usefixtures("hasty_netmiko")

COMMANDS = 45
"""After so many, a Catalyst stands in the middle of a step."""


@pytest.mark.parametrize("head", ["hostname core1\n" + ARCHIVE, "hostname core1\n"], ids=["revert", "reload"])
@pytest.mark.parametrize("restore_after", [60, 120])
def test_a_switch_whose_restore_the_first_try_prolonged_is_waited_for(
    model: Device, tmp_path: Path, head: str, restore_after: int
) -> None:
    clock = ManualClock()
    text = f"{head}vtp mode transparent\n{load_platform('cisco_ios').render(OLD)}end\n"
    switch = CatalystSwitch(startup=text, clock=lambda: clock.now().timestamp())
    switch.save("test")
    scene = CliScene("cisco_ios", switch, clock, OLD, WANTED, model, tmp_path / "catalyst")
    with pytest.raises(Killed):
        scene.apply(restore_after=restore_after, wrap=lambda inner: MortalTransport(inner, COMMANDS, after=True))
    assert is_half_made(scene)
    outcome, runs = try_lost(scene.build_change(scene.transport, restore_after), clock, tmp_path)
    assert "own restore is armed and brings the old state back" in runs[0].reason
    assert (outcome.end, len(runs)) == (End.APPLIED, 2), outcome.reason
    assert scene.running() == scene.saved() == WANTED


def test_a_router_that_refuses_every_login_until_its_timer_is_over_is_waited_for(model: Device, tmp_path: Path) -> None:
    clock = rtx.TickingClock()
    router = clock.router = RtxRouter(clock.monotonic, password=rtx.SECRET)
    change = rtx.make_change(router, clock, model, tmp_path / "router")
    with pytest.raises(Killed):
        rtx.apply(replace(change, transport=MortalTransport(change.transport, 12, after=True)))
    outcome, runs = try_lost(change, clock, tmp_path)
    assert "a rollback timer that was started on it from here runs until" in runs[0].reason
    assert (outcome.end, len(runs)) == (End.APPLIED, 2), outcome.reason
    assert rtx.read_state(router.show_running()) == rtx.WANTED


def try_lost(change: Change, clock: ManualClock, folder: Path) -> tuple[Outcome, list[DeviceRun]]:
    """Try a device whose controller was lost in its change; return how it ended, and all tries."""
    scene = DurableScene(folder, schools=1)
    started = scene.judge()
    record = scene.record(started)
    name = change.device.id
    prepared = replace(scene.prepare(record, started, scene.surround()), changes={name: change}, clock=clock)
    with use_rollouts(scene.state) as store, open_rollout_span("r", []) as span:
        tries = DeviceTries(store, prepared, span, "controller", lambda _place, _school: "", clock.sleep)
        place = RunPlace(record.id, 0, 0, change.school)
        store.begin_run(place, name, "the one that was lost", clock.now())
        outcome = tries.try_change(place, name)
        return outcome, store.list_runs(record.id)[1:]
