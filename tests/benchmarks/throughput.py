"""How far measured throughput is from what a line really carries: known rates, both families, both directions.

Truth is the shaped rate times what TCP carries of a full Ethernet frame: 1448/1514 over IPv4, 1428/1514 over IPv6.
Needs root, iproute2 and iperf3: `python tests/benchmarks/throughput.py [--rates 50 100 ...]`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from controller.measure.measurement import MBPS, MeasurementKind  # noqa: E402 the path comes first
from controller.measure.probes.throughput_probe import ThroughputProbe  # noqa: E402
from controller.model.loading.load_city import load_city  # noqa: E402
from controller.model.measurement import Method  # noqa: E402
from controller.model.network.packets import Family  # noqa: E402
from tests.measure.two_lines import PORT, TRUTH, TwoLines, two_lines  # noqa: E402

RATES = (50, 100, 200, 400, 600, 800)
DIRECTIONS = (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)


def errors_at(rate: int, lines: TwoLines, probe: ThroughputProbe) -> list[float]:
    """A line of the result for each family and direction; gives the relative errors."""
    found: list[float] = []
    for family in Family:
        truth = rate * TRUTH[family]
        for kind in DIRECTIONS:
            measured = probe.measure(lines.route("primary", family), kind)
            mbps = measured.figures.get(MBPS)
            if mbps is None:
                sys.exit(f"not measured: {measured.reason}")
            error = mbps / truth - 1
            found.append(error)
            sys.stdout.write(
                f"{rate:4d} Mbit/s  IPv{int(family)} {kind:8s}  truth {truth:6.1f}  measured {mbps:6.1f}  "
                f"{100 * error:+5.1f}%  (promised {100 * probe.method.relative_error(truth):.1f}%)\n"
            )
    return found


def verdict(errors: dict[int, list[float]], method: Method) -> int:
    """The worst error up to 200 Mbit/s and above; the exit code."""
    slow = [abs(error) for rate, some in errors.items() if rate <= method.error[0].mbps for error in some]
    fast = [abs(error) for rate, some in errors.items() if rate > method.error[0].mbps for error in some]
    for name, some in (("up to 200 Mbit/s", slow), ("above", fast)):
        if some:
            sys.stdout.write(f"worst {name}: {100 * max(some):.1f}%\n")
    kept = all(
        abs(error) <= method.relative_error(rate * TRUTH[Family.V6]) for rate, some in errors.items() for error in some
    )
    return 0 if kept else 1


def main() -> None:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description="The error of the measured throughput on lines of known rates.")
    parser.add_argument("--rates", type=int, nargs="+", default=RATES, help="Mbit/s of Ethernet frames")
    rates = parser.parse_args().rates
    method = load_city(ROOT / "policies").measurement.method
    errors: dict[int, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        probe = ThroughputProbe(method, PORT, Path(folder))
        for rate in rates:
            with two_lines(rate, 50) as lines:
                errors[rate] = errors_at(rate, lines, probe)
    sys.exit(verdict(errors, method))


if __name__ == "__main__":
    main()
