"""The virtual Catalyst as a switch that lines are typed into: a line that it does not take is an error."""

from __future__ import annotations

from collections.abc import Iterable

from controller.lab.virtual_switches.catalyst import CatalystModel, CatalystSwitch
from controller.lab.virtual_switches.catalyst.session import Session

MODEL = CatalystModel(
    ports=(*(f"GigabitEthernet1/0/{number}" for number in (*range(1, 4), 10, 24)), "TenGigabitEthernet1/1/1"),
    numbers_entries=False,
    needs_encapsulation=None,
    new_interfaces_are_down=True,
    lacp_partner=True,
    vtp_mode="transparent",
    version="15.2",
    newer_words=False,
)
"""A small one, whose new interfaces are down: what is entered must not count on the other."""
_TOLD = (
    "Enter configuration commands",
    "Creating a port-channel interface",
    "% Access VLAN does not exist",
    "Setting device",
)


class InvalidInput(Exception):
    """The switch does not take a line."""


class TypedCatalyst:
    """A Catalyst with a startup configuration, and one session that types."""

    def __init__(self, startup: str = "", model: CatalystModel = MODEL) -> None:
        self.device = CatalystSwitch(model, startup)
        assert not self.device.refused_at_boot, self.device.refused_at_boot
        self._session: Session = self.device.open_command_line("tests")

    @property
    def mode(self) -> str | None:
        return self._session.editor.mode if self._session.editor is not None else None

    def enter(self, commands: Iterable[str]) -> None:
        for command in commands:
            answer = self._session.enter(command)
            assert answer.question is None, answer
            if any(line.strip() and not line.startswith(_TOLD) for line in answer.lines):
                raise InvalidInput(command, *answer.lines)

    def running(self) -> str:
        return "".join(f"{line}\n" for line in self.device.list_running())

    def text(self) -> str:
        return self.running()
