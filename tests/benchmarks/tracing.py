"""What traces cost a command: the same proof without an endpoint, with one that is away, and with one that takes all.

    python tests/benchmarks/tracing.py [--school kw-e01] [--times 5]

Each run is a process of its own, the three in turn. Printed are the medians and the ratio of CPU to the first. A phase
of a command that is not traced is timed beside them. Exit code 1 where that takes more than 5 us.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from controller.telemetry.traces.phases import ENDPOINT, trace_phase  # noqa: E402 the project is found above
from tests.telemetry.receivers import closed, keeping  # noqa: E402 see above

MOST_PHASE_SECONDS = 5e-6
PROGRAM = "from controller.cli.main import main; main()"


def run_proof(school: str, endpoint: str | None) -> tuple[float, float]:
    """Prove a school in a process of its own; gives its CPU seconds and how long it took."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    if endpoint is not None:
        environment[ENDPOINT] = endpoint
    words = ["prove", "--school", school, "--no-cache", "--policies", str(ROOT / "policies")]
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", PROGRAM, *words], cwd=ROOT, env=environment, check=True, capture_output=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, time.monotonic() - began


def time_phase(times: int = 200_000) -> float:
    """Seconds that a phase takes where nothing is traced."""
    began = time.process_time()
    for _ in range(times):
        with trace_phase("prove filters", detail=True, filters=3):
            pass
    return (time.process_time() - began) / times


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--school", default="kw-e01")
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"no endpoint": [], "endpoint away": [], "endpoint that takes": []}
    with keeping() as received:
        for _ in range(given.times):
            for name, endpoint in zip(found, (None, closed(), received.url), strict=True):
                found[name].append(run_proof(given.school, endpoint))
    first = median(cpu for cpu, _ in found["no endpoint"])
    for name, runs in found.items():
        cpu, clock = (median(one) for one in zip(*runs, strict=True))
        sys.stdout.write(f"{name:<20} {cpu:6.2f} s CPU, {clock:6.2f} s by the clock, ratio of CPU {cpu / first:.3f}\n")
    phase = time_phase()
    sys.stdout.write(f"a phase that is not traced: {phase * 1e6:.2f} us; load {os.getloadavg()[0]:.1f}\n")
    return int(phase > MOST_PHASE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
