"""What a school's probe costs: memory, and processor time between tests and in them.

    python -m tests.benchmarks.probe_agent

A monitor and an iperf3 server run on this machine; the probe has eight paths to it and its own settings.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from controller.probe_agent.configuration import LightTests, ProbedPath, ThroughputTests
from tests.monitoring.running import monitor, until
from tests.probe_agent.scene import Installed, configure, enrol, find_children, find_free_port, row

IDLE_SECONDS = 30.0
ROUNDS = 20
_TICKS = os.sysconf("SC_CLK_TCK")
PATHS = tuple(
    ProbedPath(line, region, family, "127.0.0.1" if family == "ipv4" else "::1")
    for line in ("primary", "backup")
    for region in ("tokyo", "osaka")
    for family in ("ipv4", "ipv6")
)


def read_seconds(process: int) -> float:
    """Processor time of a process and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return sum(int(one) for one in fields[11:15]) / _TICKS


def read_memory(process: int) -> int:
    """The most memory that a process had, in kilobytes."""
    [line] = [one for one in Path(f"/proc/{process}/status").read_text("ascii").splitlines() if one[:6] == "VmHWM:"]
    return int(line.split()[1])


@contextmanager
def serve_throughput(port: int) -> Iterator[None]:
    words = ["iperf3", "--server", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.terminate()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, monitor(Path(folder) / "monitor.db") as running:
        installed = Installed(Path(folder))
        # The echoes of the product, in rounds that follow each other: an hour has sixty of them.
        light = LightTests(every_seconds=3, echo_every=0.2)
        installed.install(configure(running.port, enrol(), paths=PATHS, light=light))
        with installed.running() as process:
            until(lambda: row(running)["waiting"] != 0)
            [child] = find_children(process)
            began, before = time.monotonic(), read_seconds(child)
            time.sleep(ROUNDS * light.every_seconds)
            rounds = (time.monotonic() - began) / light.every_seconds
            each = (read_seconds(child) - before) / rounds
            say(f"a round of {len(PATHS)} paths: {each:.3f} CPU seconds, so {60 * each:.1f} in an hour")
            say(f"memory: supervisor {read_memory(process.pid)} kB, probe {read_memory(child)} kB")
        idle = replace(light, every_seconds=3_600)
        installed.install(configure(running.port, enrol(), paths=PATHS, light=idle))
        with installed.running() as process:
            until(lambda: row(running)["waiting"] != 0)
            [child] = find_children(process)
            before = read_seconds(child) + read_seconds(process.pid)
            time.sleep(IDLE_SECONDS)
            spent = read_seconds(child) + read_seconds(process.pid) - before
            say(f"between rounds: {spent:.2f} CPU seconds in {IDLE_SECONDS:.0f} s")
        port = find_free_port()
        tests = ThroughputTests(every_seconds=0.001, port=port)
        with serve_throughput(port):
            before = sum(os.times()[2:4])
            installed.install(configure(running.port, enrol(), paths=PATHS[:1], light=idle, throughput=tests))
            assert installed.run("check").returncode == 0
            say(f"a check with one path's throughput, both directions: {sum(os.times()[2:4]) - before:.2f} CPU seconds")


if __name__ == "__main__":
    main()
