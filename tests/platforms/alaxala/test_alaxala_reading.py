"""An AlaxalA switch is read by its command line; on an emulated switch, without a socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import CommandFailed, LoginRefused
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.platforms.alaxala.driver import Alaxala
from controller.platforms.base import Command, Reply
from tests.emulators.alaxala import AlaxalaSwitch
from tests.platforms.in_process import InProcessTransport

pytestmark = pytest.mark.usefixtures("hasty_netmiko")

AX = Alaxala()
SECRET = "mori-7"  # noqa: S105 of a stand-in
PORTS = ("gigabitethernet 1/0/1", "gigabitethernet 1/0/2", "port-channel 1")
GOLDEN = (Path(__file__).parent / "golden" / "alaxala.txt").read_text(encoding="utf-8")
WANTED = AX.parse(GOLDEN, "golden").state


@pytest.fixture
def model(city: City) -> Device:
    """Any device of the city: only its id is used."""
    return city.list_devices(city.schools[0])[0]


@pytest.fixture
def switch() -> AlaxalaSwitch:
    made = AlaxalaSwitch(PORTS, enable_password=SECRET)
    line = made.open_command_line("x")
    for words in ("enable", SECRET):
        line.enter(words)
    for step in AX.plan_steps(AX.parse(made.show_running(), "x").state, WANTED):
        for command in step.commands:
            line.enter(command.line)
    return made


def test_it_is_read_whole_saved_or_not(switch: AlaxalaSwitch, model: Device) -> None:
    with InProcessTransport(switch, SECRET).open_session(model, AX.device_type) as session:
        assert AX.parse(AX.read(session).reveal(), "x").state == WANTED
        assert AX.read_saved(session).reveal() == "", "nothing was saved"
        session.run(Command("configure terminal"))
        session.run(Command("write"))
        session.run(Command("end"))
        assert AX.parse(AX.read_saved(session).reveal(), "x").state == WANTED


def test_the_mark_of_unsaved_changes_before_the_prompt_is_known(switch: AlaxalaSwitch, model: Device) -> None:
    switch.is_changed = False
    with InProcessTransport(switch, SECRET).open_session(model, AX.device_type) as session:
        session.run(Command("configure terminal"))
        session.run(Command("vlan 77"))
        session.run(Command("end", replies=(Reply(r"\(y/n\)", "y"),)))
        assert "vlan 77" in AX.read(session).reveal()


def test_an_unexpected_question_is_not_answered(switch: AlaxalaSwitch, model: Device) -> None:
    with InProcessTransport(switch, SECRET).open_session(model, AX.device_type) as session:
        session.run(Command("configure terminal"))
        with pytest.raises(CommandFailed, match="answered by nobody blindly"):
            session.run(Command("end"))


@pytest.mark.parametrize("line", ["no vlan 78", "frobnicate"])
def test_a_refused_command_is_told(switch: AlaxalaSwitch, model: Device, line: str) -> None:
    with InProcessTransport(switch, SECRET).open_session(model, AX.device_type) as session:
        session.run(Command("configure terminal"))
        with pytest.raises(CommandFailed, match="the device refused it"):
            session.run(Command(line))


def test_without_the_secret_of_enable_nothing_is_read(switch: AlaxalaSwitch, model: Device) -> None:
    transport = InProcessTransport(switch)
    with pytest.raises(LoginRefused, match="privileged mode"), transport.open_session(model, AX.device_type):
        pytest.fail("there was a session")


def test_a_part_of_a_configuration_is_none(switch: AlaxalaSwitch, model: Device) -> None:
    whole = switch.show_running()
    switch.show_running = lambda: whole[: whole.rindex("  10 ")]  # type: ignore[method-assign]
    with (
        InProcessTransport(switch, SECRET).open_session(model, AX.device_type) as session,
        pytest.raises(CommandFailed, match="a part of it is missing"),
    ):
        AX.read(session)
