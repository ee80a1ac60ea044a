"""Commands as a person types them at a virtual switch of the lab, over SSH: each waits for the next prompt."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

import asyncssh

from controller.lab.state import paths
from controller.lab.state.layout import Layout, SchoolLayout
from controller.platforms.transport import namespace

SECONDS = 30.0


def type_commands(layout: Layout, school: SchoolLayout, commands: Iterable[str]) -> str:
    """Type commands in privileged mode; a line that the switch rejects fails the test."""
    return asyncio.run(_type(layout, school, list(commands)))


async def _type(layout: Layout, school: SchoolLayout, commands: list[str]) -> str:
    address = school.management.address.first
    sock = namespace.open_connection(paths.CONTROLLER, address, layout.ssh_port, 5.0)
    sock.settimeout(0)
    prompt = re.compile(rf"{school.device}(?:\([a-z0-9-]+\))?[>#]|Password: |\]\? |\(y/n\): ")
    secret = (paths.STATE / paths.ENABLE_SECRET).read_text(encoding="ascii").strip()
    async with (
        asyncssh.connect(
            address,
            sock=sock,
            username=layout.user,
            client_keys=[str(paths.STATE / paths.CONTROLLER_KEY)],
            known_hosts=str(paths.STATE / paths.KNOWN_HOSTS),
            config=None,
        ) as connection,
        connection.create_process(term_type="vt100") as shell,
    ):
        said: str = await asyncio.wait_for(shell.stdout.readuntil(prompt), SECONDS)
        for command in ("enable", secret, "terminal length 0", *commands):
            shell.stdin.write(f"{command}\r")
            answer = await asyncio.wait_for(shell.stdout.readuntil(prompt), SECONDS)
            rejected = [line for line in answer.splitlines() if line.startswith("%")]
            assert not rejected, (command, rejected)
            said += answer
        return said
