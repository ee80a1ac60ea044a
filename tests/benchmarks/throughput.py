"""How far measured throughput is from what a line really carries: known rates, both families, both directions.

Truth is the shaped rate times what TCP carries of a full Ethernet frame: 1448/1514 over IPv4, 1428/1514 over IPv6.
`--method https` measures with a school's probe and a region's endpoint, which is a process of its own. `--delay 10`
puts the lab's relay into the line (ms each way); its own delay and rate are checked first. Needs root and iperf3:
`python -m tests.benchmarks.throughput [--method https] [--rates 50 100 ...] [--delay 10]`.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from controller.measure.measurement import MBPS, MeasurementKind
from controller.measure.probes.throughput_limit import find_throughput_limit
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from controller.probe_agent.probing.https_throughput import measure_https_rate
from controller.probe_agent.throughput_protocol.proofs import hash_token
from tests.benchmarks.delay_relay import check_relay
from tests.measure.two_lines import ADDRESSES, PORT, TRUTH, TwoLines, two_lines
from tests.policies import SHIPPED
from tests.probe_agent.endpoint_scene import SCHOOL, TOKEN, region_endpoint

RATES, DELAYED_RATES = (50, 100, 200, 400, 600, 800), (50, 100, 200)
PROMISED, PROMISED_AT_A_DELAY = 0.03, 0.10
"""Of the truth: from 50 to 800 Mbit/s without a delay, and from 50 to 200 with 20 ms of round trip."""
DIRECTIONS = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)
Measure = Callable[[Family, MeasurementKind], tuple[float, str]]
"""The Mbit/s of the primary line, and what held the test back beside the line."""


@contextmanager
def measure_by_iperf3(lines: TwoLines, folder: Path, idle_ms: float) -> Iterator[Measure]:
    """As `tsunagu measure` does."""
    method = load_city(SHIPPED).measurement.method
    probe = ThroughputProbe(method, PORT, folder)

    def measure(family: Family, kind: MeasurementKind) -> tuple[float, str]:
        found = probe.measure(lines.route("primary", family), kind, idle_ms)
        if MBPS not in found.figures:
            sys.exit(f"not measured: {found.reason}")
        return found.figures[MBPS], str(find_throughput_limit(found.figures, method.seconds) or "line")

    yield measure


@contextmanager
def measure_by_https(lines: TwoLines, folder: Path, idle_ms: float) -> Iterator[Measure]:
    """As a school's probe does, which finds the idle round trip itself."""
    assert idle_ms >= 0
    with region_endpoint(lines.region, folder, ADDRESSES["primary", Family.V4][1]) as first:

        def measure(family: Family, kind: MeasurementKind) -> tuple[float, str]:
            route = lines.route("primary", family)
            found = measure_https_rate(
                lambda: route.open_bound_socket(socket.SOCK_STREAM),
                SCHOOL,
                hash_token(TOKEN),
                str(kind),
                replace(first, address=route.target),
            )
            return found.rate / 1e6, str(found.limit or "line")

        yield measure


def measure_errors(rate: int, measure: Measure) -> Iterator[float]:
    """A line of the result for each family and direction; gives the relative errors."""
    for family in Family:
        truth = rate * TRUTH[family]
        for kind in DIRECTIONS:
            mbps, limit = measure(family, kind)
            yield mbps / truth - 1
            sys.stdout.write(
                f"{rate:4d} Mbit/s  IPv{int(family)} {kind:8s}  truth {truth:6.1f}  measured {mbps:6.1f}  "
                f"{100 * (mbps / truth - 1):+5.1f}%  limited by: {limit}\n"
            )


def main() -> None:
    """Measure and compare; exit code 1 where a figure misses the truth by more than is promised."""
    parser = argparse.ArgumentParser(description="The error of the measured throughput on lines of known rates.")
    parser.add_argument("--method", choices=("iperf3", "https"), default="iperf3")
    parser.add_argument("--rates", type=int, nargs="+", help="Mbit/s of Ethernet frames")
    parser.add_argument("--delay", type=float, default=0.0, help="ms each way")
    wanted = parser.parse_args()
    if wanted.delay and not check_relay(wanted.delay):
        sys.exit("the relay is not what it is said to be: nothing is measured through it")
    begin = measure_by_https if wanted.method == "https" else measure_by_iperf3
    errors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for rate in wanted.rates or (DELAYED_RATES if wanted.delay else RATES):
            with two_lines(rate, 50, wanted.delay) as lines, begin(lines, Path(folder), 2 * wanted.delay) as measure:
                errors += measure_errors(rate, measure)
    worst, promised = max(map(abs, errors)), PROMISED_AT_A_DELAY if wanted.delay else PROMISED
    sys.stdout.write(
        f"{wanted.method}, {len(errors)} tests: worst {100 * worst:.1f}% of the truth, promised {100 * promised:.0f}%; "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    sys.exit(0 if worst <= promised else 1)


if __name__ == "__main__":
    main()
