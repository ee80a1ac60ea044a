"""How late and how fast the lab's delay relay is: its own delay, and what TCP carries through it.

Two namespaces are joined by the relay in a third. Needs root, iproute2 and iperf3:
`python tests/benchmarks/delay_relay.py [--delays 5 20 100]` (ms each way).
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from controller.lab.state.processes import wait_until  # noqa: E402 the path comes first

DELAYS = (5.0, 20.0, 100.0)
_MEDIAN = re.compile(r"time=([0-9.]{1,12}) ms")
_SECONDS, _STREAMS, _ECHOES = 4, 4, 40
_MOST_ERROR_MS = 3.0
"""Beyond this a line is not as late as it was said to be."""
_LEAST_MBPS = 400.0
"""The lab's fastest primary line that trials are made on."""


def run(*words: str, check: bool = True) -> str:
    """What a program printed."""
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


@contextmanager
def relayed_pair(milliseconds: float) -> Iterator[tuple[str, str]]:
    """Two namespaces whose packets to each other go through the relay; the far one serves iperf3."""
    near, middle, far = (f"relay{os.getpid()}{end}" for end in "nmf")
    with ExitStack() as undo:
        for name in (near, middle, far):
            run("ip", "netns", "add", name)
            undo.callback(run, "ip", "netns", "del", name, check=False)
            run("ip", "-n", name, "link", "set", "lo", "up")
        words = (sys.executable, "-m", "controller.lab.faults.delay_relay", "t0", "t1", f"{milliseconds:g}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        relay = subprocess.Popen(
            ("ip", "netns", "exec", middle, *words), stdout=subprocess.PIPE, text=True, env=environment, cwd="/"
        )
        undo.callback(end_process, relay)
        assert relay.stdout is not None
        assert relay.stdout.readline().strip().isdigit()
        for number, (end, address) in enumerate(((near, "192.0.2.1/30"), (far, "192.0.2.2/30"))):
            bridge, port, tap = f"b{number}", f"p{number}", f"t{number}"
            run("ip", "link", "add", port, "netns", middle, "type", "veth", "peer", "name", "eth0", "netns", end)
            run("ip", "-n", middle, "link", "add", bridge, "type", "bridge")
            for member in (port, tap):
                run("ip", "-n", middle, "link", "set", member, "master", bridge, "up")
            run("ip", "-n", middle, "link", "set", bridge, "up")
            run("ip", "-n", end, "addr", "add", address, "dev", "eth0")
            run("ip", "-n", end, "link", "set", "eth0", "up")
        server = subprocess.Popen(
            ("ip", "netns", "exec", far, "iperf3", "--server"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        undo.callback(end_process, server)
        if not wait_until(lambda: bool(run_in(far, "ss", "-Htln", "sport = 5201")), 10):
            sys.exit("iperf3 does not listen")
        yield near, far


def end_process(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """End a process of ours and wait for its end."""
    process.terminate()
    process.wait()


def run_in(namespace: str, *words: str) -> str:
    """What a program printed that ran in a namespace."""
    return run("ip", "netns", "exec", namespace, *words)


def main() -> None:
    """Measure each delay; exit code 1 where the relay is late or slow by itself."""
    parser = argparse.ArgumentParser(description="The lab's delay relay: its own delay and rate.")
    parser.add_argument("--delays", type=float, nargs="+", default=DELAYS, help="ms each way")
    failed = False
    for delay in parser.parse_args().delays:
        with relayed_pair(delay) as (near, _):
            times = sorted(
                map(float, _MEDIAN.findall(run_in(near, "ping", "-c", str(_ECHOES), "-i", "0.05", "192.0.2.2")))
            )
            error = times[len(times) // 2] - 2 * delay
            words = ("iperf3", "--json", "--client", "192.0.2.2", "--time", str(_SECONDS), "--parallel", str(_STREAMS))
            mbps = json.loads(run_in(near, *words))["end"]["sum_received"]["bits_per_second"] / 1e6
        failed |= error > _MOST_ERROR_MS or (delay == min(DELAYS) and mbps < _LEAST_MBPS)
        sys.stdout.write(
            f"{delay:5.0f} ms each way: round trip {error:+.1f} ms of what it should be, "
            f"lost {_ECHOES - len(times)} of {_ECHOES}, TCP {mbps:.0f} Mbit/s; load {os.getloadavg()[0]:.1f}\n"
        )
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
