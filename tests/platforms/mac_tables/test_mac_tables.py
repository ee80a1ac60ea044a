"""The tables of MAC addresses: what each platform reads of them, and that a line it does not know is never left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.errors import CommandFailed
from controller.lab.virtual_switches.catalyst import CatalystSwitch
from controller.lab.virtual_switches.command_line import CommandLineDevice
from controller.lab.virtual_switches.forwarding import LearntHost
from controller.lab.virtual_switches.x530.device import X530
from controller.model.city import City
from controller.platforms.base import Command, Session
from controller.platforms.common.mac_table import LearntAddress, ReadsLearntAddresses
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import list_platforms, load_platform
from tests.emulators.alaxala import AlaxalaSwitch
from tests.platforms.in_process import InProcessTransport

FOLDER = Path(__file__).parent
PORTS = {
    "cisco_ios": ("GigabitEthernet1/0/11", "GigabitEthernet1/0/12", "Port-channel1"),
    "allied_telesis_awplus": ("port1.0.11", "port1.0.12", "sa1"),
    "alaxala": ("0/11", "0/12", "0/49-50"),
    "ovs": ("h1", "h-2", "up1"),
}
MACS = ("02:54:00:ab:00:01", "02:54:00:ab:00:02", "02:54:00:ab:00:fe")


@dataclass(frozen=True)
class Answering:
    """A session with a device that answers one command."""

    text: str
    device: str = "as-e01-core1"

    def run(self, command: Command) -> DeviceText:
        assert command.line in {"show mac address-table", "show mac-address-table", "learnt"}
        return DeviceText(self.text, self.device)


def read(platform: str, text: str) -> tuple[LearntAddress, ...]:
    system = load_platform(platform)
    assert isinstance(system, ReadsLearntAddresses)
    return system.read_learnt_addresses(Answering(text))


def read_golden(platform: str) -> str:
    return (FOLDER / f"{platform}.txt").read_text(encoding="utf-8")


def test_the_platforms_that_forward_between_hosts_show_their_table_and_no_other() -> None:
    found = {name for name in list_platforms() if isinstance(load_platform(name), ReadsLearntAddresses)}
    assert found == set(PORTS)


@pytest.mark.parametrize("platform", PORTS)
def test_a_table_is_read_with_ports_by_their_names(platform: str) -> None:
    found = [one for one in read(platform, read_golden(platform)) if one.vlan == 11]
    assert found == [LearntAddress(11, mac, port) for mac, port in zip(MACS, PORTS[platform], strict=True)]


@pytest.mark.parametrize("platform", PORTS)
@pytest.mark.parametrize("wrong", ["  11    0254.00ab.00", "% Authorization failed", "11 4095 0254.00ab.0004"])
def test_a_line_that_is_not_known_is_refused_by_device_command_and_line(platform: str, wrong: str) -> None:
    lines = read_golden(platform).splitlines()
    lines.insert(len(lines) - 1, wrong)
    with pytest.raises(
        CommandFailed, match=rf"as-e01-core1: line {len(lines) - 1} of its MAC .*command: (show|learnt)"
    ):
        read(platform, "\n".join(lines))


@pytest.mark.parametrize("platform", PORTS)
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_answer_without_a_table_is_no_empty_table(platform: str, text: str) -> None:
    with pytest.raises(CommandFailed, match="shows no table of MAC addresses"):
        read(platform, text)


def test_a_table_that_breaks_off_is_refused_by_its_own_total() -> None:
    lines = [line for line in read_golden("cisco_ios").splitlines() if "0254.00ab.0002" not in line]
    with pytest.raises(CommandFailed, match="says that its table has 7 entries, and shows 6"):
        read("cisco_ios", "\n".join(lines))


@pytest.mark.parametrize("lost", ["Total Mac", "  90 "])
def test_a_table_whose_end_is_missing_is_refused(lost: str) -> None:
    with pytest.raises(CommandFailed, match="counts them, is missing"):
        read("cisco_ios", read_golden("cisco_ios").partition(lost)[0])


def test_what_stands_behind_the_total_is_no_part_of_the_table() -> None:
    text = read_golden("cisco_ios")
    with pytest.raises(CommandFailed, match="line 14 of its MAC address table is not known"):
        read("cisco_ios", f"{text}Total Mac Addresses for this criterion: 7\n")


def test_a_switch_that_breaks_off_before_its_table_has_no_empty_one() -> None:
    with pytest.raises(CommandFailed, match="shows no table of MAC addresses"):
        read("ovs", read_golden("ovs").partition(" port  VLAN")[0])


@pytest.mark.parametrize(
    ("platform", "port"),
    [
        ("cisco_ios", "CPU"),
        ("cisco_ios", "Vl11"),
        ("allied_telesis_awplus", "CPU"),
        ("allied_telesis_awplus", "unknown"),
    ],
)
def test_an_address_of_the_switch_itself_is_no_host(platform: str, port: str) -> None:
    shown = {"cisco_ios": "Po1", "allied_telesis_awplus": "sa1"}[platform]
    found = read(platform, read_golden(platform).replace(shown, port))
    assert [one.mac for one in found if one.vlan == 11] == list(MACS[:2])


@pytest.mark.parametrize("kept", ["0", "0/", "0/49-", "0/49-50,", "0/49-50,1"])
def test_a_list_of_ports_that_breaks_off_is_no_port(kept: str) -> None:
    with pytest.raises(CommandFailed, match="line 6 of its MAC address table is not known"):
        read("alaxala", read_golden("alaxala").replace("0/49-50", kept))


@pytest.mark.parametrize("port", ["1/0/11", "0/1-2,0/49-50", "1/0/1,2/0/1"])
def test_the_ports_of_a_stack_and_of_a_channel_group_are_one_list(port: str) -> None:
    assert read("alaxala", read_golden("alaxala").replace("0/49-50", port))[-1].port == port


def test_an_alaxala_without_entries_says_so_in_words() -> None:
    assert read("alaxala", "Date 2026/12/01 12:00:00 JST\nNo mac-address-table entry.\n") == ()


def test_a_vlan_that_cannot_be_is_refused() -> None:
    with pytest.raises(CommandFailed, match="line 8 of its MAC address table is not known"):
        read("cisco_ios", read_golden("cisco_ios").replace("  11    0254.00ab.0001", "4095    0254.00ab.0001"))


@contextmanager
def open_session(city: City, switch: CommandLineDevice, device_type: str) -> Iterator[Session]:
    with InProcessTransport(switch).open_session(city.list_devices(city.schools[0])[0], device_type) as session:
        yield session


@pytest.mark.usefixtures("hasty_netmiko")
@pytest.mark.parametrize(
    ("platform", "switch"), [("cisco_ios", CatalystSwitch()), ("allied_telesis_awplus", X530())], ids=["ios", "awplus"]
)
def test_a_virtual_switch_shows_what_its_data_plane_has_learnt(
    city: City, platform: str, switch: CatalystSwitch | X530
) -> None:
    system = load_platform(platform)
    assert isinstance(system, ReadsLearntAddresses)
    ports = PORTS[platform]
    learnt = [LearntHost(11, mac, port) for mac, port in zip(MACS[:2], ports[:2], strict=True)]
    with open_session(city, switch, system.device_type) as session:
        assert system.read_learnt_addresses(session) == ()
        switch.list_learnt = lambda: learnt
        found = system.read_learnt_addresses(session)
    assert found == tuple(LearntAddress(11, mac, port) for mac, port in zip(MACS[:2], ports[:2], strict=True))


@pytest.mark.usefixtures("hasty_netmiko")
def test_an_alaxala_is_asked_by_its_command_line(city: City) -> None:
    switch = AlaxalaSwitch(learnt=read_golden("alaxala"))
    system = load_platform("alaxala")
    assert isinstance(system, ReadsLearntAddresses)
    with open_session(city, switch, system.device_type) as session:
        assert [one.mac for one in system.read_learnt_addresses(session)] == list(MACS)
