"""A virtual switch under the clients that real ones have: netmiko over a channel without a socket, and over SSH."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import pytest
from netmiko import ConnectHandler
from netmiko.cisco.cisco_ios import CiscoIosSSH

from controller.lab.virtual_switches.catalyst import CatalystSwitch, Login
from controller.lab.virtual_switches.faults import Fault, MatchingFaults, NumberedFaults
from controller.lab.virtual_switches.in_process import InProcessChannel, InProcessClient
from controller.lab.virtual_switches.ssh_server import Access, SwitchServer
from controller.lab.virtual_switches.terminal import DeviceSite

WORD = "of-a-test"
LONG = "a-hostname-of-more-than-twenty"


class InProcess(CiscoIosSSH):
    """netmiko's class of the system, on a session without a socket."""

    site: DeviceSite

    def _build_ssh_client(self) -> Any:  # noqa: ANN401 it is as good as a client
        client = InProcessClient(self.site)
        client.connect = lambda **_: None  # type: ignore[attr-defined]
        return client


def connect(site: DeviceSite, secret: str = "") -> CiscoIosSSH:
    kind = type("Connection", (InProcess,), {"site": site})
    opened: CiscoIosSSH = kind(host="x", device_type="cisco_ios", secret=secret, read_timeout_override=3)
    return opened


def type_keys(site: DeviceSite, keys: str) -> str:
    channel = InProcessChannel(site, "admin")
    channel.send(keys)
    seen = b""
    while channel.recv_ready():
        seen += channel.recv(65536)
        if channel.closed and not channel._chunks:  # noqa: SLF001
            break
    return seen.decode().replace("\r", "")


def test_netmiko_configures_and_saves_without_a_socket() -> None:
    device = CatalystSwitch(startup=f"hostname {LONG}\n", login=Login(1, "s3cret"))
    connection = connect(DeviceSite(device), "s3cret")
    assert connection.find_prompt() == f"{LONG}>"
    connection.enable()
    said = connection.send_config_set(["vlan 20", "name staff", "interface gi1/0/1", "switchport access vlan 20"])
    assert f"{LONG[:20]}(config-if)#" in said
    with pytest.raises(Exception, match="Invalid input"):
        connection.send_config_set(["interface gi1/0/1", "switchport axess vlan 20"], error_pattern="% Invalid")
    connection.exit_config_mode()
    assert "[OK]" in connection.save_config()
    assert "switchport access vlan 20" in str(connection.send_command("show running-config"))
    connection.disconnect()
    assert device.show_startup() is not None
    assert not device.sessions


@contextmanager
def served(device: CatalystSwitch, access: Access, delay: float = 0.0) -> Iterator[tuple[int, asyncssh.SSHKey]]:
    """Serve a device on a port of this machine."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    server = SwitchServer(DeviceSite(device), access, key, device.clock, delay=delay)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop).result(10)
    try:
        yield port, key
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_over_ssh_by_password_with_a_delay() -> None:
    device = CatalystSwitch(startup="hostname core1\nbanner motd ^C\nthe board of education\n^C\n")
    with served(device, Access("admin", WORD), delay=0.02) as (port, _):
        given = {"device_type": "cisco_ios", "host": "127.0.0.1", "port": port, "username": "admin"}
        connection = ConnectHandler(**given, password=WORD)
        said = connection.send_config_set(["interface gi1/0/2", "description PC room"])
        assert "core1(config-if)#" in said
        connection.disconnect()
        with pytest.raises(Exception, match=r"(?i)auth"):
            ConnectHandler(**given, password=WORD[1:])
    assert device.configuration.interfaces["GigabitEthernet1/0/2"].description == "PC room"


def test_over_ssh_by_key_and_exec_is_refused(tmp_path: Path) -> None:
    mine = asyncssh.generate_private_key("ssh-ed25519")
    mine.write_private_key(str(tmp_path / "key"))
    with served(CatalystSwitch(), Access("admin", None, [mine.convert_to_public()])) as (port, key):
        client = paramiko.SSHClient()
        host = paramiko.Ed25519Key(data=key.public_data)
        client.get_host_keys().add(f"[127.0.0.1]:{port}", "ssh-ed25519", host)
        client.connect(
            "127.0.0.1", port, "admin", key_filename=str(tmp_path / "key"), allow_agent=False, look_for_keys=False
        )
        with pytest.raises(paramiko.SSHException):
            client.exec_command("show running-config")
        assert client.invoke_shell().recv(64).strip().endswith(b"Switch#")
        client.close()


def test_keys_are_edited_and_quoted() -> None:
    seen = type_keys(
        DeviceSite(CatalystSwitch()), "shpw\b\b\x7f how\x15terminal lengtj\bh 0\r\nconf t\ninterface gi1/0/1\n"
    )
    assert "% Invalid" not in seen
    device = CatalystSwitch()
    seen = type_keys(DeviceSite(device), "conf t\nint gi1/0/1\ndescription why\x16?\x1b[A no\x1a")
    assert device.configuration.interfaces["GigabitEthernet1/0/1"].description == "why? no"
    assert seen.endswith("Switch#")
    seen = type_keys(DeviceSite(device), "show ?")
    assert "Not modelled by the virtual switch: help" in seen
    assert seen.endswith("Switch#show ")


def test_the_pager_turns_pages_lines_and_ends() -> None:
    site = DeviceSite(CatalystSwitch())
    assert type_keys(site, "show running-config\n").endswith(" --More-- ")
    assert (
        len(type_keys(site, "show running-config\n\r").splitlines())
        == len(type_keys(site, "show running-config\n").splitlines()) + 1
    )
    whole = type_keys(site, "show running-config\n" + " " * 20)
    plain = type_keys(site, "terminal length 0\nshow running-config\n")
    shown = re.sub(r" --More-- \x08+ +\x08+", "", whole)
    assert "interface TenGigabitEthernet1/1/4" in shown
    assert (
        shown.split("show running-config\n")[1].split("\n")[:-1]
        == (plain.split("show running-config\n")[1].split("\n")[:-1])
    )
    assert type_keys(site, "show running-config\nq").endswith("Switch#")


def test_a_channel_without_a_socket_ends_and_waits_as_one_with() -> None:
    channel = InProcessChannel(DeviceSite(CatalystSwitch()), "admin")
    channel.settimeout(0.01)
    assert channel.recv(5) == b"\r\nSwi"
    assert channel.recv(100) == b"tch#"
    with pytest.raises(TimeoutError):
        channel.recv(1)
    channel.send("exit\n")
    assert channel.recv(100) == b"exit\r\n"
    assert channel.recv_ready()
    assert channel.recv(1) == b""
    with pytest.raises(OSError, match="closed"):
        channel.send("x")


def test_faults_happen_at_their_line() -> None:
    device = CatalystSwitch()
    refused = NumberedFaults({1: Fault(refused=("% Invalid input detected at '^' marker.",))})
    assert "% Invalid input" in type_keys(DeviceSite(device, faults=refused), "conf t\nvlan 20\nend\n")
    assert 20 not in device.database.vlans
    before = MatchingFaults("vlan", Fault(dropped="before"))
    type_keys(DeviceSite(device, faults=before), "conf t\nvlan 20\nend\n")
    assert 20 not in device.database.vlans
    after = MatchingFaults("vlan", Fault(dropped="after"))
    type_keys(DeviceSite(device, faults=after), "conf t\nvlan 20\nend\n")
    assert 20 in device.database.vlans
    reboots = MatchingFaults("vlan", Fault(happens=device.reboot))
    type_keys(DeviceSite(device, faults=reboots), "conf t\nvlan 30\nend\n")
    assert device.boots == 2
    assert not device.sessions
    silent = MatchingFaults("hostname", Fault(silent=True))
    seen = type_keys(DeviceSite(device, faults=silent), "conf t\nhostname x\n")
    assert seen.endswith("hostname x\n")
    noisy = MatchingFaults("conf", Fault(noise=("%LINK-3-UPDOWN: Interface Gi1/0/1, changed state to up",)))
    assert "%LINK-3-UPDOWN" in type_keys(DeviceSite(device, faults=noisy), "conf t\n")
    slow = NumberedFaults({0: Fault(piece=3)})
    channel = InProcessChannel(DeviceSite(device, faults=slow), "admin")
    channel.send("show clock\n")
    gaps = sum(not channel.recv_ready() or not channel.recv(100) for _ in range(40))
    assert gaps > 10
