"""Platforms with one fault each: the contract tests must find it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

from controller.errors import ConfigRefused
from controller.model.network.device_state import DeviceState
from controller.platforms.base import Observation, Step
from controller.platforms.dialect.switch import render_switch
from tests.platforms.samples import Sample, TypedDevice

from .invented import InventedSwitch
from .samples import BARE, PORTS, InventedDevice, small_school, states


class Lax(InventedSwitch):
    """Skips the lines that it does not understand."""

    name = "faulty_lax"

    def parse(self, text: str, source: str) -> Observation:
        """Read again without what was refused."""
        try:
            return super().parse(text, source)
        except ConfigRefused as refused:
            bad = {problem.origin.line for problem in refused.problems}
            lines = ["!" if number in bad else line for number, line in enumerate(text.splitlines(), start=1)]
            return super().parse("\n".join(lines), source)


class Weak(InventedSwitch):
    """Leaves out what it cannot express."""

    name = "faulty_weak"

    def render(self, state: DeviceState) -> str:
        """Write what is known, and ask no capability."""
        return render_switch(self.grammar, replace(state, networks=(), routing=type(state.routing)()))


class Hasty(InventedSwitch):
    """Promises more than its commands do."""

    name = "faulty_hasty"

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Leave out the last command of each step that does something."""
        steps = super().plan_steps(now, wanted)
        return tuple(replace(step, commands=(*step.commands[:-2], step.commands[-1])) for step in steps)


class Careless(InventedSwitch):
    """Takes lists of any length."""

    name = "faulty_careless"
    grammar = replace(InventedSwitch.grammar, maximum_entries=100_000)


SAMPLE = Sample(states(), small_school, lambda: nullcontext(TypedDevice(InventedDevice(BARE))), PORTS[0])
