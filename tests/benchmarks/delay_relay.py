"""How late and how fast the lab's delay relay is: its own delay, and what TCP carries through it.

Two namespaces are joined by the relay in a third. Needs root, iproute2 and iperf3:
`python -m tests.benchmarks.delay_relay [--delays 5 20 100]` (ms each way).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from controller.lab.state.processes import wait_until
from tests.measure.relayed_wire import end_process, ip, relayed_wire

DELAYS = (5.0, 20.0, 100.0)
_MEDIAN = re.compile(r"time=([0-9.]{1,12}) ms")
_SECONDS, _STREAMS, _ECHOES = 4, 4, 40
_MOST_ERROR_MS = 3.0
"""Beyond this a line is not as late as it was said to be."""
_LEAST_MBPS = 400.0
"""The lab's fastest primary line that trials are made on."""
_NEAR_MS = 10.0
"""Up to this delay TCP's own beginning leaves time to show how fast the relay is."""


@contextmanager
def relayed_pair(milliseconds: float) -> Iterator[tuple[str, str]]:
    """Two namespaces whose packets to each other go through the relay; the far one serves iperf3."""
    near, far = (f"relayed-{os.getpid()}-{end}" for end in "nf")
    with ExitStack() as undo:
        for name in (near, far):
            ip("netns", "add", name)
            undo.callback(ip, "netns", "del", name, check=False)
            ip("-n", name, "link", "set", "lo", "up")
        undo.enter_context(relayed_wire("eth0", near, far, milliseconds))
        for end, address in ((near, "192.0.2.1/30"), (far, "192.0.2.2/30")):
            ip("-n", end, "addr", "add", address, "dev", "eth0")
            ip("-n", end, "link", "set", "eth0", "up")
        server = subprocess.Popen(
            ("ip", "netns", "exec", far, "iperf3", "--server"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        undo.callback(end_process, server)
        if not wait_until(lambda: bool(run_in(far, "ss", "-Htln", "sport = 5201")), 10):
            sys.exit("iperf3 does not listen")
        yield near, far


def run_in(namespace: str, *words: str) -> str:
    """What a program printed that ran in a namespace."""
    entered = ("ip", "netns", "exec", namespace, *words)
    return subprocess.run(entered, check=True, capture_output=True, text=True).stdout


def check_relay(delay: float) -> bool:
    """Say how late and how fast the relay is by itself; whether it is what it is said to be."""
    with relayed_pair(delay) as (near, _):
        times = sorted(map(float, _MEDIAN.findall(run_in(near, "ping", "-c", str(_ECHOES), "-i", "0.05", "192.0.2.2"))))
        error = times[len(times) // 2] - 2 * delay
        words = ("iperf3", "--json", "--client", "192.0.2.2", "--time", str(_SECONDS), "--parallel", str(_STREAMS))
        mbps = json.loads(run_in(near, *words))["end"]["sum_received"]["bits_per_second"] / 1e6
    sys.stdout.write(
        f"{delay:5.0f} ms each way: round trip {error:+.1f} ms of what it should be, "
        f"lost {_ECHOES - len(times)} of {_ECHOES}, TCP {mbps:.0f} Mbit/s; load {os.getloadavg()[0]:.1f}\n"
    )
    return error <= _MOST_ERROR_MS and (delay > _NEAR_MS or mbps >= _LEAST_MBPS)


def main() -> None:
    """Measure each delay; exit code 1 where the relay is late or slow by itself."""
    parser = argparse.ArgumentParser(description="The lab's delay relay: its own delay and rate.")
    parser.add_argument("--delays", type=float, nargs="+", default=DELAYS, help="ms each way")
    found = [check_relay(delay) for delay in parser.parse_args().delays]
    sys.exit(0 if all(found) else 1)


if __name__ == "__main__":
    main()
