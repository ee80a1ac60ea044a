"""A platform that is wholly described by data: a switch of `dialect.switch`."""

from __future__ import annotations

from functools import partial

from controller.model.network.device_state import Capabilities, DeviceState
from controller.platforms.base import Observation, Step
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.dialect.steps import change_switch, plan_steps
from controller.platforms.dialect.switch import SwitchGrammar, render_switch
from controller.platforms.dialect.switch_parse import parse_switch


class SwitchPlatform:
    """A `controller.platforms.base.Platform`; a class of a system gives `name`, `capabilities` and `grammar`."""

    name: str
    capabilities: Capabilities
    grammar: SwitchGrammar

    def render(self, state: DeviceState) -> str:
        """Return our part of `show running-config`.

        Raises:
            ValueError: the system cannot hold the state.
        """
        refuse_unsupported(state, self.capabilities, self.grammar.title)
        return render_switch(self.grammar, state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running configuration; what is ours in it is told in `dialect.switch`.

        Raises:
            ConfigRefused: see `controller.platforms.base.Platform`.
        """
        return parse_switch(self.grammar, text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the ordered steps; see `dialect.steps` for the order.

        Raises:
            ValueError: the system cannot hold the wanted state.
        """
        self.render(wanted)
        return plan_steps(now, wanted, partial(change_switch, self.grammar))
