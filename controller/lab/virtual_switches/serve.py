"""Serve virtual switches over SSH in a process of their own: `python -m controller.lab.virtual_switches.serve --help`.

One process serves many devices, each on its own port; a benchmark then counts this process' CPU apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh

from controller.lab.virtual_switches.catalyst import C3560, C9300, CatalystSwitch, Login
from controller.lab.virtual_switches.command_line import VirtualSwitch
from controller.lab.virtual_switches.ssh_server import Access, SwitchServer
from controller.lab.virtual_switches.terminal import DeviceSite

Factory = Callable[[str | None, str | None], VirtualSwitch]


def _make_catalyst_9300(startup: str | None, enable: str | None) -> VirtualSwitch:
    return CatalystSwitch(C9300, startup, login=Login(1 if enable else 15, enable))


def _make_catalyst_3560(startup: str | None, enable: str | None) -> VirtualSwitch:
    return CatalystSwitch(C3560, startup, login=Login(1 if enable else 15, enable))


MODELS: dict[str, Factory] = {"catalyst": _make_catalyst_9300, "catalyst-3560": _make_catalyst_3560}


def build_arguments() -> argparse.ArgumentParser:
    """Return what the program takes; secrets come by the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(MODELS), required=True)
    parser.add_argument("--count", type=int, default=1, help="how many devices")
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--first-port", type=int, default=0, help="0: any free ports")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--startup", type=Path, help="a startup configuration; {number} in it is the device's")
    parser.add_argument("--host-key", type=Path, help="a private key; without it one is made")
    parser.add_argument("--authorized-key", type=Path, help="a public key that may log in")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each line takes")
    parser.add_argument("--idle", type=float, default=0.0, help="seconds after which an idle session ends")
    return parser


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM, and print the ports, the host key and at the end the CPU seconds."""
    key = (
        asyncssh.read_private_key(str(arguments.host_key))
        if arguments.host_key
        else asyncssh.generate_private_key("ssh-ed25519")
    )
    keys = [asyncssh.read_public_key(str(arguments.authorized_key))] if arguments.authorized_key else []
    password = os.environ.get("VIRTUAL_SWITCH_PASSWORD")
    access = Access(arguments.user, password, keys, idle_seconds=arguments.idle)
    enable = os.environ.get("VIRTUAL_SWITCH_ENABLE")
    text = arguments.startup.read_text(encoding="utf-8") if arguments.startup else None
    servers, ports = [], []
    for number in range(arguments.count):
        startup = text.replace("{number}", str(number)) if text is not None else None
        site = DeviceSite(MODELS[arguments.model](startup, enable))
        server = SwitchServer(site, access, key, time.time, delay=arguments.delay)
        first = arguments.first_port
        ports.append(await server.start(arguments.listen, first + number if first else 0))
        servers.append(server)
    sys.stdout.write(f"host key {key.export_public_key().decode().strip()}\nports {' '.join(map(str, ports))}\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    for server in servers:
        await server.stop()
    used = os.times()
    sys.stdout.write(f"cpu {used.user + used.system:.2f}\n")


if __name__ == "__main__":
    asyncio.run(serve(build_arguments().parse_args()))
