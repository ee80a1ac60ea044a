"""A switch's command line as Cisco IOS has it: a stand-in for `show` commands.

It echoes what is typed, pages after 24 lines until `terminal length 0`, and refuses what it does not model with IOS's
own words: Cisco IOS Configuration Fundamentals Configuration Guide, "Using the Cisco IOS Command-Line Interface". It
shows nothing of how a real switch behaves beyond that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import paramiko

from tests.security.fake_ssh_device import FakeDevice

INVALID = "               ^\r\n% Invalid input detected at '^' marker.\r\n"
PAGE = 24


@dataclass
class CommandLine(FakeDevice):
    """A switch that is read by typing; `shows` is what its commands show."""

    shows: dict[str, str] = field(default_factory=dict)
    prompt: str = "core1#"
    endless: bool = False
    typed: list[str] = field(default_factory=list)

    def check_channel_pty_request(self, channel: paramiko.Channel, *_: object) -> bool:
        del channel
        self.kinds.append("pty")
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        self.kinds.append("shell")
        threading.Thread(target=self._talk, args=(channel,), daemon=True).start()
        return True

    def _talk(self, channel: paramiko.Channel) -> None:
        paged, line = True, ""
        try:
            channel.sendall(f"\r\n{self.prompt}".encode())
            while part := channel.recv(256).decode():
                for character in part:
                    channel.sendall(b"\r\n" if character == "\n" else character.encode())
                    if character != "\n":
                        line += character
                        continue
                    asked, line = line.strip(), ""
                    if asked in {"exit", "logout"}:
                        channel.close()
                        return
                    paged = paged and asked != "terminal length 0"
                    channel.sendall(self._answer(asked, paged=paged).encode())
                    while self.endless and asked.startswith("show"):
                        channel.sendall(b"interface GigabitEthernet1/0/1\r\n" * 1000)
                    channel.sendall(self.prompt.encode())
        except (OSError, EOFError, paramiko.SSHException):
            return  # the other side has gone

    def _answer(self, asked: str, *, paged: bool) -> str:
        if not asked:
            return ""
        self.typed.append(asked)
        if asked in {"terminal length 0", "terminal width 511"}:
            return ""
        if asked not in self.shows:
            return INVALID
        lines = self.shows[asked].splitlines()
        if paged and len(lines) > PAGE:
            lines = [*lines[:PAGE], " --More-- "]
        return "".join(f"{line}\r\n" for line in lines)
