"""A wire between two namespaces that is late by some milliseconds each way: the lab's own relay in a third one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@contextmanager
def relayed_wire(interface: str, near: str, far: str, milliseconds: float) -> Iterator[None]:
    """An interface of the same name in both namespaces, down as yet, whose frames go through the relay."""
    middle = f"relay-{os.getpid()}"
    with ExitStack() as undo:
        ip("netns", "add", middle)
        undo.callback(ip, "netns", "del", middle, check=False)
        words = (sys.executable, "-m", "controller.lab.faults.delay_relay", "t0", "t1", f"{milliseconds:g}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        relay = subprocess.Popen(
            ("ip", "netns", "exec", middle, *words), stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
        )
        undo.callback(end_process, relay)
        assert relay.stdout is not None
        undo.callback(relay.stdout.close)
        assert relay.stdout.readline().strip().isdigit()
        for number, end in enumerate((near, far)):
            bridge, port, tap = f"b{number}", f"p{number}", f"t{number}"
            ip("link", "add", port, "netns", middle, "type", "veth", "peer", "name", interface, "netns", end)
            ip("-n", middle, "link", "add", bridge, "type", "bridge")
            for member in (port, tap):
                ip("-n", middle, "link", "set", member, "master", bridge, "up")
            ip("-n", middle, "link", "set", bridge, "up")
        yield


def end_process(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process of ours and wait for its end."""
    process.terminate()
    process.wait()
