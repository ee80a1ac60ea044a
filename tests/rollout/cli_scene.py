"""A plan for a virtual switch with a vendor's command line, and the device step that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

from controller.lab.virtual_switches.command_line import CommandLineDevice
from controller.lab.virtual_switches.faults import Faults
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Observation, Step
from controller.platforms.registry import load_platform
from controller.platforms.transport.base import Transport
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import Outcome
from controller.telemetry.timeline import Listener, open_rollout_span
from tests.rollout.virtual_devices import VirtualTransport

NAME = "d1"


@lru_cache(maxsize=64)
def _read_state(platform: str, text: str) -> DeviceState:
    """What of ours a dump holds; a campaign asks for the same dump many times."""
    return load_platform(platform).parse(text, NAME).state


@dataclass
class CliScene:
    """A virtual switch, and a plan from one state of it to another."""

    platform: str
    switch: CommandLineDevice
    clock: ManualClock
    old: DeviceState
    wanted: DeviceState
    model: Device
    folder: Path
    secret: str | None = None
    runs: int = 0
    site: DeviceSite = field(init=False)

    def __post_init__(self) -> None:
        self.site = DeviceSite(self.switch)
        self.transport = VirtualTransport({NAME: self.site}, self.secret)

    @property
    def known(self) -> tuple[DeviceState, ...]:
        """Every state that the plan leads through."""
        system = load_platform(self.platform)
        return (self.old, *(step.result for step in system.plan_steps(self.old, self.wanted)))

    def running(self) -> DeviceState:
        """What of ours it runs, by its own dump."""
        self.switch.run_timers()
        return _read_state(self.platform, self.switch.show_running())

    def saved(self) -> DeviceState | None:
        """What of ours it would boot with, by its own dump."""
        text = self.switch.show_startup()
        return _read_state(self.platform, text) if text else None

    def derive(self, seen: Observation) -> tuple[Step, ...]:
        """Derive the steps from what was seen."""
        return load_platform(self.platform).plan_steps(seen.state, self.wanted)

    def apply(
        self,
        faults: Faults | None = None,
        *,
        restore_after: int = 300,
        wrap: Callable[[Transport], Transport] | None = None,
        plan: str = "plan",
        listeners: Sequence[Listener] = (),
    ) -> Outcome:
        """Carry the plan out, in a run of its own."""
        self.site.faults = faults
        change = self.build_change(self.transport if wrap is None else wrap(self.transport), restore_after, plan)
        with open_rollout_span("a switch with a command line", listeners) as span:
            return change_device(change, span)

    def build_change(self, transport: Transport, restore_after: int, plan: str = "plan") -> Change:
        """Return the change of a run of its own."""
        self.runs += 1
        system = load_platform(self.platform)
        return Change(
            device=replace(self.model, id=NAME, platform=self.platform),
            system=system,  # type: ignore[arg-type] # it can be changed: the contract says so
            seen=self.old,
            wanted=self.wanted,
            known=frozenset(state.compute_digest() for state in self.known),
            derive=partial(type(self).derive, self),
            plan_digest=plan,
            run=f"run{self.runs}",
            restore_after=restore_after,
            state_folder=self.folder,
            refuse_expired=lambda: None,
            transport=transport,
            clock=self.clock,
        )
