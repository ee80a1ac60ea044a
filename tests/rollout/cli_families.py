"""The families of command lines that a campaign plays on: how one is drawn, and what is special to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.command_line import CommandLineDevice
from controller.lab.virtual_switches.x530.device import X530
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from tests.emulators.alaxala import AlaxalaSwitch
from tests.platforms.states import example
from tests.rollout.cli_scene import CliScene
from tests.rollout.unrestored_scenes import WANTED as UNRESTORED
from tests.rollout.unrestored_scenes import build_unrestored, halve, take_away
from tests.rollout.virtual_devices import QUICK

PORTS = tuple(f"GigabitEthernet1/0/{number}" for number in (1, 2, 3))
WANTED = example(*PORTS, port_roles=False, vlan_database=True)
ARCHIVE = "archive\n path flash:saved\n maximum 5\n!\n"
LARGE_FLASH = 1 << 26


@dataclass(frozen=True)
class Family:
    """A family: how a switch is drawn, and in its words the faults that differ.

    `refusal` is what it says to a line, `noise` what it says by itself; `others` are lines of another user that
    change nothing of ours, `renaming` the one that changes its name, where that is modelled. `unlike` begins the lines
    by which two dumps differ that are alike.
    """

    build: Callable[[random.Random, Device, Path], CliScene]
    refusal: tuple[str, ...]
    noise: str
    others: tuple[str, ...]
    renaming: str | None = None
    unlike: tuple[str, ...] = ()


def draw_ends(rng: random.Random, wanted: DeviceState) -> tuple[DeviceState, DeviceState]:
    """Return the states that a plan leads between."""
    old, half = take_away(wanted), halve(wanted)
    return rng.choice(((old, wanted), (wanted, old), (half, wanted), (old, half), (wanted, wanted)))


def build_catalyst(rng: random.Random, model: Device, folder: Path) -> CliScene:
    """Return a Catalyst as a plan may find it: with the revert timer, or with a reload only."""
    old, wanted = draw_ends(rng, WANTED)
    clock = ManualClock()
    archive = ARCHIVE if rng.random() < 0.7 else ""
    head = f"hostname core1\n{archive}vtp mode transparent\n"
    switch = CatalystSwitch(
        startup=f"{head}{load_platform('cisco_ios').render(old)}end\n", clock=lambda: clock.now().timestamp()
    )
    assert switch.refused_at_boot == []
    switch.save("test")
    return hurry(CliScene("cisco_ios", switch, clock, old, wanted, model, folder))


def _build_unrestored(family: str) -> Callable[[random.Random, Device, Path], CliScene]:
    def build(rng: random.Random, model: Device, folder: Path) -> CliScene:
        old, wanted = draw_ends(rng, UNRESTORED[family])
        return hurry(build_unrestored(family, model, folder, old=old, wanted=wanted))

    return build


def hurry(scene: CliScene) -> CliScene:
    """Return the scene, in which nothing is waited for long."""
    scene.transport.patience = replace(QUICK, line=0.05, show=0.05)
    return scene


FAMILIES = {
    "cisco_ios": Family(
        build_catalyst,
        ("        ^", "% Invalid input detected at '^' marker.", ""),
        "*Apr  1 00:00:01.000: %LINEPROTO-5-UPDOWN: Line protocol on Interface Vlan20, changed state to up",
        ("interface GigabitEthernet1/0/9", "description printer"),
        "hostname other",
    ),
    "allied_telesis_awplus": Family(
        _build_unrestored("allied_telesis_awplus"),
        ("        ^", "% Invalid input detected at '^' marker."),
        "01:02:03 core1 user.notice Interface port1.0.2: UP",
        ("ntp server 192.0.2.1",),
        "hostname other",
        ("hostname ", "ntp server "),
    ),
    "alaxala": Family(
        _build_unrestored("alaxala"),
        ("something that nobody listed",),
        "01/21 01:32:35 E3 VLAN 20110002 0700:000000000000 STP (vlan 20) : Topology change detected.",
        ("vlan 300",),
        None,
        ("vlan 300",),
    ),
}
"""A switch of each family of command lines."""


def fill_flash(switch: CommandLineDevice, *, full: bool) -> None:
    """Let no more be saved, or let it be again."""
    if isinstance(switch, CatalystSwitch):
        switch.storage.full = full
    elif isinstance(switch, AlaxalaSwitch):
        switch.is_full = full
    elif isinstance(switch, X530):
        switch.model = replace(switch.model, flash_bytes=1 if full else LARGE_FLASH)


def shift_clock(switch: CommandLineDevice, seconds: float) -> None:
    """Let the device's time of day jump; an AlaxalA switch does nothing by the time."""
    if isinstance(switch, CatalystSwitch):
        usual = switch.clock
        switch.clock = lambda: usual() + seconds
    elif isinstance(switch, X530):
        switch.shift_clock(seconds)


def is_armed(switch: CommandLineDevice) -> bool:
    """Tell if a restore is armed."""
    if isinstance(switch, CatalystSwitch):
        return switch.pending_revert is not None or switch.reload is not None
    return False


def restores(scene: CliScene) -> bool:
    """Tell if the device puts its old state back by itself."""
    return load_platform(scene.platform).capabilities.restores_itself


def normalise(scene: CliScene, text: str) -> tuple[str, ...]:
    """Return a dump without the lines that the other users of a campaign type."""
    unlike = FAMILIES[scene.platform].unlike
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line.strip("!") and not line.startswith(("#", *unlike)))


def list_prefixes(scene: CliScene, before: DeviceState) -> Iterator[tuple[str, ...]]:
    """Yield the dumps of a twin of the device after each line of the plan from its present state."""
    twin = _copy(scene)
    yield normalise(scene, twin.show_running())
    line = twin.open_command_line("twin")
    line.enter("enable")
    for step in load_platform(scene.platform).plan_steps(before, scene.wanted):
        for command in step.commands:
            line.enter(command.line)
            yield normalise(scene, twin.show_running())
    line.hang_up()


def _copy(scene: CliScene) -> CommandLineDevice:
    switch = scene.switch
    if isinstance(switch, AlaxalaSwitch):
        twin = AlaxalaSwitch(switch.ports, hostname=switch.hostname)
        twin.blocks = {header: list(lines) for header, lines in switch.blocks.items()}
        return twin
    return X530(switch.show_running())


def configure_as_another(switch: CommandLineDevice, *lines: str) -> None:
    """Type lines in configuration mode, as another user."""
    other = switch.open_command_line("somebody")
    for line in ("enable", "configure terminal", *lines, "end"):
        said = other.enter(line)
        while said.question is not None:
            said = other.enter("y")
    other.hang_up()
