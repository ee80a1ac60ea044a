"""An SSH server as a device could be: it offers what it is told to, remembers what it is shown, answers as it likes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import paramiko

from tests.security.ssh_listener import listen_for_ssh

Answer = Callable[[paramiko.Channel, str], None]


def say_ok(channel: paramiko.Channel, line: str) -> None:
    """Answer every command with its own words."""
    channel.sendall(f"{line}\n".encode())
    channel.send_exit_status(0)


@dataclass
class FakeDevice(paramiko.ServerInterface):
    """What was shown and asked, in its order; `answer` runs for each command, `accepted` is the key that may log in."""

    answer: Answer = say_ok
    accepted: paramiko.PKey | None = None
    password: str = ""
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    host_key: paramiko.PKey = field(default_factory=paramiko.ECDSAKey.generate)
    shown_keys: list[str] = field(default_factory=list)
    shown_passwords: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        del username
        self.shown_keys.append(key.get_base64())
        good = self.accepted is not None and key.get_base64() == self.accepted.get_base64()
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

    def check_auth_password(self, username: str, password: str) -> int:
        del username
        self.shown_passwords.append(password)
        good = bool(self.password) and password == self.password
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del chanid
        self.kinds.append(kind)
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        del channel
        self.kinds.append("shell")
        return False

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        line = command.decode()
        self.commands.append(line)
        threading.Thread(target=self._carry_out, args=(channel, line), daemon=True).start()
        return True

    def _carry_out(self, channel: paramiko.Channel, line: str) -> None:
        try:
            while channel.recv(4096):
                continue  # the whole input: before it nobody waits for an answer
            self.answer(channel, line)
            channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            return  # the other side has closed the channel, as it should where an answer does not end


@contextmanager
def serve(device: FakeDevice) -> Iterator[int]:
    """Serve every connection to a port of this machine, which is given."""

    def prepare(transport: paramiko.Transport) -> FakeDevice:
        for kind, names in device.offers.items():
            setattr(transport, f"_preferred_{kind}", names)
        transport.add_server_key(device.host_key)
        return device

    with listen_for_ssh(prepare) as port:
        yield port
