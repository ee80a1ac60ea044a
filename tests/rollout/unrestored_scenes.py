"""Devices without a restore of their own, each with a plan: a virtual x530, and an emulated AlaxalA switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from controller.lab.virtual_switches.x530.device import X530
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.sites.devices import Device
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from tests.emulators.alaxala import AlaxalaSwitch
from tests.platforms.alaxala.alaxala_states import ALAXALA_PORTS
from tests.platforms.states import trunk_example
from tests.rollout.cli_scene import CliScene

AWPLUS_WANTED = trunk_example("port1.0.1", "port1.0.2", "port1.0.24")
AWPLUS_HEAD = "hostname core1\nvlan database\n vlan 4093 name OTHERS\ninterface port1.0.23\n static-channel-group 1\n"
_GOLDEN = Path(__file__).parents[1] / "platforms/alaxala/golden/alaxala.txt"
ALAXALA_WANTED = load_platform("alaxala").parse(_GOLDEN.read_text(encoding="utf-8"), "golden").state
FAMILIES = ("allied_telesis_awplus", "alaxala")
WANTED = {"allied_telesis_awplus": AWPLUS_WANTED, "alaxala": ALAXALA_WANTED}


def take_away(wanted: DeviceState) -> DeviceState:
    """Return a state with a VLAN of the wanted one and nothing else."""
    return build_device_state(vlans=wanted.vlans[:1])


def halve(wanted: DeviceState) -> DeviceState:
    """Return a state with the VLANs and one port of the wanted one."""
    return replace(wanted, ports=wanted.ports[:1], bindings=(), filters=(), interfaces=())


def build_unrestored(  # noqa: PLR0913 a scene has as many parts
    family: str,
    model: Device,
    folder: Path,
    *,
    old: DeviceState | None = None,
    wanted: DeviceState | None = None,
    secret: str = "",
    hostname: str = "core1",
) -> CliScene:
    """Return a switch of a family that runs the old state and would boot with it, and a plan to the wanted one."""
    clock = ManualClock()
    wanted = WANTED[family] if wanted is None else wanted
    old = take_away(wanted) if old is None else old
    switch: X530 | AlaxalaSwitch
    if family == "alaxala":
        switch = AlaxalaSwitch(ALAXALA_PORTS, hostname=hostname, enable_password=secret)
        line = switch.open_command_line("installer")
        for typed in ("enable", *([secret] if secret else [])):
            line.enter(typed)
        for step in load_platform(family).plan_steps(build_device_state(), old):
            for command in step.commands:
                line.enter(command.line)
        switch.save()
    else:
        text = AWPLUS_HEAD.replace("core1", hostname) + load_platform(family).render(old)
        switch = X530(text, clock=lambda: clock.now().timestamp())
        assert not switch.rejected, switch.rejected
        switch.model = replace(switch.model, enable_password=secret)
        switch.save()
    return CliScene(family, switch, clock, old, wanted, model, folder, secret=secret or None)


def fill_flash(scene: CliScene, *, full: bool = True) -> Callable[[], None]:
    """Return what lets no more be saved, or again."""

    def fill() -> None:
        switch = scene.switch
        if isinstance(switch, AlaxalaSwitch):
            switch.is_full = full
        else:
            assert isinstance(switch, X530)
            switch.model = replace(switch.model, flash_bytes=1 if full else 1 << 26)

    return fill


def configure_as_another(scene: CliScene, *lines: str, secret: str = "") -> Callable[[], None]:
    """Return what lets another user type lines in configuration mode."""

    def typing() -> None:
        other = scene.switch.open_command_line("somebody")
        for line in ("enable", *([secret] if secret else []), "configure terminal", *lines, "end"):
            said = other.enter(line)
            while said.question is not None:
                said = other.enter("y")
        other.hang_up()

    return typing


def write_unrelated(scene: CliScene) -> tuple[str, ...]:
    """Return lines of others that change nothing of ours."""
    return ("vlan 300",) if scene.platform == "alaxala" else ("interface port1.0.9", "description printer")
