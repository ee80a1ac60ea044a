"""A switch with a command line is read over SSH by netmiko: whole, unpaged, bounded, and never typed into otherwise."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest
from typing_extensions import get_protocol_members

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import CommandFailed, DeviceTextRefused, DeviceUnreachable
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.operations.device_access import DeviceAccess
from controller.plan import observe
from controller.plan.backup import back_up_device
from controller.plan.observe import NotSupported, read_devices
from controller.platforms.base import Command, Readable
from controller.platforms.device_text import device_text
from controller.platforms.registry import load_platform
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_session import open_session
from controller.platforms.transport.ssh_transport import SshTransport
from tests.platforms.command_line import CommandLine
from tests.security.fake_ssh_device import FakeDevice, serve

PASSWORD = "read-only-7"  # noqa: S105 of a stand-in


@pytest.fixture
def awplus(city: City) -> tuple[Device, CommandLine, DeviceState]:
    """An AlliedWare Plus core: the same commands, its own prompt."""
    every = (one for school in city.schools for one in city.list_devices(school))
    device = next(one for one in every if one.platform == "allied_telesis_awplus")
    system = load_platform(device.platform)
    state = compile_device(city, device, system.capabilities).wanted
    text = f"!\nservice password-encryption\n!\n{system.render(state)}end\n"
    shows = {"show running-config": text, "show startup-config": text}
    fake = CommandLine(password=PASSWORD, shows=shows, prompt="awplus#")
    return replace(device, management=IPv4Address("127.0.0.1")), fake, state


@pytest.fixture
def switch(city: City) -> tuple[Device, CommandLine, DeviceState]:
    """A Catalyst of a school, out of a rendered configuration, behind the header that IOS puts before it."""
    device = next(one for one in city.list_devices(city.school_by_id["kw-s01"]) if one.role == "floor")
    assert device.platform == "cisco_ios"
    system = load_platform("cisco_ios")
    state = compile_device(city, device, system.capabilities).wanted
    text = f"Building configuration...\n\nCurrent configuration : 9999 bytes\n!\n{system.render(state)}end\n"
    shows = {"show running-config": text, "show startup-config": f"Using 9999 out of 524288 bytes\n!\n{text}"}
    return replace(device, management=IPv4Address("127.0.0.1")), CommandLine(password=PASSWORD, shows=shows), state


def reach(folder: Path, fake: CommandLine, port: int) -> DeviceAccess:
    pins, password = folder / "known_hosts", folder / "password"
    pins.write_text(f"[127.0.0.1]:{port} {fake.host_key.get_name()} {fake.host_key.get_base64()}\n", encoding="ascii")
    password.touch(mode=0o600)
    password.write_text(PASSWORD, encoding="ascii")
    return DeviceAccess.model_validate(
        {"user": "net01", "known-hosts": str(pins), "port": port, "password": {"file": str(password)}}
    )


def test_a_switch_is_read_whole_and_nothing_else_is_typed(
    switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path
) -> None:
    device, fake, state = switch
    with serve(fake) as port:
        transport = SshTransport({device.access: reach(tmp_path, fake, port)})
        (seen,) = read_devices([device], transport, lambda _: None, only_read=True)
        backup = back_up_device(device, tmp_path / "backup", transport, SystemClock())
    assert seen.refusal is None
    assert seen.observation is not None
    assert seen.observation.state == state
    assert seen.saved == state
    assert seen.knows_saved
    assert set(fake.typed) == {
        *("terminal width 511", "terminal length 0", "show running-config", "show startup-config"),
    }
    assert backup.platform == "cisco_ios"
    kept = (tmp_path / f"backup/{device.id}.cfg").read_text(encoding="utf-8")
    assert load_platform("cisco_ios").parse(kept, "backup").state == state


def test_an_allied_telesis_switch_is_read_by_the_same_commands(
    awplus: tuple[Device, CommandLine, DeviceState], tmp_path: Path
) -> None:
    device, fake, state = awplus
    with serve(fake) as port:
        transport = SshTransport({device.access: reach(tmp_path, fake, port)})
        (seen,) = read_devices([device], transport, lambda _: None, only_read=True)
    assert seen.refusal is None
    assert seen.observation is not None
    assert seen.observation.state == state
    assert seen.saved == state
    assert {"show running-config", "show startup-config"} <= set(fake.typed)
    assert all(line.startswith(("show ", "terminal ")) for line in fake.typed)


def test_what_has_nothing_saved_says_so(switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path) -> None:
    device, fake, _ = switch
    fake.shows["show startup-config"] = "%% Non-volatile configuration memory invalid or not present\n"
    with serve(fake) as port:
        transport = SshTransport({device.access: reach(tmp_path, fake, port)})
        (seen,) = read_devices([device], transport, lambda _: None, only_read=True)
    assert seen.refusal is None
    assert seen.saved is None


def test_a_refused_command_and_one_with_an_input_are_failures(
    switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path
) -> None:
    device, fake, _ = switch
    with serve(fake) as port, open_session(device, reach(tmp_path, fake, port), "cisco_ios") as session:
        with pytest.raises(CommandFailed, match=r"the device refused it: .*Invalid input") as failed:
            session.run(Command("show vlan"))
        assert "show vlan" in str(failed.value)
        with pytest.raises(CommandFailed, match="nothing is typed into it"):
            session.run(Command("configure terminal", "hostname x\n"))
    assert "configure terminal" not in fake.typed


def test_a_switch_that_never_stops_is_cut_off_and_named(
    switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, fake, _ = switch
    fake.endless = True
    monkeypatch.setattr(device_text, "MAXIMUM_BYTES", 200_000)
    with (
        serve(fake) as port,
        open_session(device, reach(tmp_path, fake, port), "cisco_ios") as session,
        pytest.raises(DeviceTextRefused, match=device.id),
    ):
        session.run(Command("show running-config"))


def test_without_a_prompt_there_is_no_command_line(
    switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, fake, _ = switch
    monkeypatch.setattr(CommandLine, "check_channel_shell_request", FakeDevice.check_channel_shell_request)
    with (
        serve(fake) as port,
        pytest.raises(DeviceUnreachable, match="no command line with a prompt"),
        open_session(device, reach(tmp_path, fake, port), "cisco_ios"),
    ):
        pytest.fail("there was a session")


class Slow(CommandLine):
    """Stops for a moment behind a line that quotes its prompt."""

    def _answer(self, asked: str, *, paged: bool) -> str:
        text = super()._answer(asked, paged=paged)
        before, quoted, rest = text.partition(f"{self.prompt}show ip\r\n")
        if quoted:
            self.channel.sendall((before + self.prompt).encode())
            time.sleep(0.5)
        return quoted.removeprefix(self.prompt) + rest if quoted else text

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        self.channel = channel
        return super().check_channel_shell_request(channel)


def test_a_prompt_within_the_text_is_not_its_end(
    switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path
) -> None:
    device, whole, state = switch
    fake = Slow(password=PASSWORD, shows=whole.shows)
    text = fake.shows["show running-config"]
    fake.shows["show running-config"] = text.replace("!\n", "!\nip access-list OLD\n remark of core1#show ip\n", 1)
    with serve(fake) as port:
        transport = SshTransport({device.access: reach(tmp_path, fake, port)})
        (seen,) = read_devices([device], transport, lambda _: None, only_read=True)
    assert seen.refusal is None
    assert seen.observation is not None
    assert seen.observation.state == state


@pytest.mark.parametrize("left", [0, 3, -2], ids=["empty", "begin", "without its end"])
def test_a_part_of_a_configuration_is_no_configuration(
    switch: tuple[Device, CommandLine, DeviceState], tmp_path: Path, left: int
) -> None:
    device, fake, _ = switch
    for command, text in fake.shows.items():
        fake.shows[command] = "".join(text.splitlines(keepends=True)[:left])
    kept = tmp_path / "backup" / f"{device.id}.cfg"
    kept.parent.mkdir()
    kept.write_text("the good one\n", encoding="utf-8")
    with serve(fake) as port:
        transport = SshTransport({device.access: reach(tmp_path, fake, port)})
        (seen,) = read_devices([device], transport, lambda _: None, only_read=True)
        with pytest.raises(CommandFailed, match="a part of it is missing"):
            back_up_device(device, kept.parent, transport, SystemClock())
    assert isinstance(seen.refusal, CommandFailed)
    assert kept.read_text(encoding="utf-8") == "the good one\n"


def test_a_plan_to_be_applied_does_not_ask_what_cannot_be_changed(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every platform of the project can be changed; one of an installed package may be for reading only.
    whole = load_platform("cisco_ios")
    only_read = SimpleNamespace(**{name: getattr(whole, name) for name in get_protocol_members(Readable)})
    assert isinstance(only_read, Readable)
    monkeypatch.setattr(observe, "load_platform_of", lambda _: only_read)
    every = (one for school in city.schools for one in city.list_devices(school))
    device = next(one for one in every if one.platform == "cisco_ios")
    (seen,) = read_devices([device], SshTransport({}), lambda _: None)
    assert isinstance(seen.refusal, NotSupported)
    assert "cannot be changed over SSH yet; use --configs" in str(seen.refusal)
