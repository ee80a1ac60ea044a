"""A large city through the shipped chain: does every round go in, how fast is it acknowledged, what does it cost?

    python -m tests.benchmarks.collector_chain --schools 1000 --minutes 10

Two lines a school, a point a line and second, to the Collector; behind it the monitor, beside it Prometheus with all
rules. "In" is what the monitor has acknowledged, which is what is on its disk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from controller.model.loading.load_city import load_city
from controller.telemetry.registry import LINE_UP
from tests.benchmarks.monitor import cpu_seconds, resident
from tests.monitoring.chain.chain import Chain, running_chain
from tests.monitoring.feed import LINES, Sample, metrics
from tests.monitoring.running import PROTOBUF, until
from tools.scaled_city import scaled_policies

COPIES = 6
"""Of the city's 176 schools: 1,056."""
OWN_FIGURES = "otelcol_exporter_sent_metric_points"


@dataclass
class Cost:
    """What a process has used: seconds of a core since the start, and its memory at each look, in bytes."""

    process: int
    before: float
    memory: list[int] = field(default_factory=list)
    used: float = 0.0

    def look(self) -> None:
        """Take it down as it is now."""
        self.memory.append(resident(self.process))
        self.used = cpu_seconds(self.process) - self.before


def read_figure(chain: Chain, name: str, exporter: str) -> float:
    """One of the Collector's own figures, of an exporter; 0 where it has none yet."""
    with urllib.request.urlopen(f"{chain.url(8888)}/metrics", timeout=10) as answer:  # noqa: S310 http on loopback
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name) and f'"{exporter}"' in line)


def main() -> int:
    """Print a few lines of figures; 1 when a round did not go in."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--schools", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        policies = scaled_policies(Path(name), COPIES)
        schools = [school.id for school in load_city(policies).schools[: wanted.schools]]
        folder = Path(name) / "chain"
        folder.mkdir()
        with running_chain(folder, faster=1, policies=policies) as (chain, behind):
            processes = {**chain.processes, "monitor": behind.process.pid}
            costs = {one: Cost(number, cpu_seconds(number)) for one, number in processes.items()}
            waits, began = send_rounds(chain, schools, int(wanted.minutes * 60), costs), time.monotonic()
            points = len(schools) * len(LINES) * len(waits)
            until(lambda: read_figure(chain, OWN_FIGURES, "otlp_http/probe") >= points, 120)
            behind_by = time.monotonic() - began
            refused = chain.value("sum(tsunagu_monitor_refused_total)") or 0.0
            series = chain.value("prometheus_tsdb_head_series") or 0.0
            took_in = read_figure(chain, OWN_FIGURES, "otlp_http/probe")
    whole = took_in == points and refused == 0
    sys.stdout.write(
        f"{len(schools)} schools, {len(waits)} rounds, {points:,} points; in: {took_in:,.0f}, refused: {refused:.0f}\n"
        f"acknowledged by the Collector after {1000 * statistics.median(waits):.0f} ms"
        f" (worst {1000 * max(waits):.0f} ms); the last one was in {behind_by:.1f} s after it was sent\n"
        + "".join(format_cost(one, cost, len(waits)) for one, cost in costs.items())
        + f"Prometheus: {series:,.0f} series; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
    )
    return 0 if whole else 1


def send_rounds(chain: Chain, schools: list[str], rounds: int, costs: dict[str, Cost]) -> list[float]:
    """Send a round a second; gives how long each waited to be acknowledged."""
    waits: list[float] = []
    began = time.monotonic()
    for turn in range(rounds):
        now = time.time()
        samples: list[Sample] = [
            (LINE_UP, 1.0, {"school": school, "line": line}) for school in schools for line in LINES
        ]
        body = metrics(samples, now).SerializeToString()
        sent = time.monotonic()
        chain.post(4318, "/v1/metrics", body, PROTOBUF)
        waits.append(time.monotonic() - sent)
        for cost in costs.values():
            cost.look()
        time.sleep(max(0.0, began + turn + 1 - time.monotonic()))
    return waits


def format_cost(name: str, cost: Cost, seconds: int) -> str:
    """What a process used; its memory after two minutes (or a fifth of the run) and at the end."""
    settled = min(120, len(cost.memory) // 5)
    first, last = cost.memory[settled] / 1e6, cost.memory[-1] / 1e6
    share = 100 * cost.used / seconds
    return f"{name}: {share:.1f}% of a core, {first:.0f} MB after {settled} s, {last:.0f} MB at the end\n"


if __name__ == "__main__":
    sys.exit(main())
