"""What a monitor costs while a whole city changes once a second: CPU, memory, how late a page is told.

.venv/bin/python -m tests.benchmarks.monitor --schools 176 --seconds 45
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from controller.telemetry.registry import DEVICE_DRIFT
from tests.monitoring.feed import feed, metrics, post
from tests.monitoring.running import Running, listening, monitor

TICKS = os.sysconf("SC_CLK_TCK")
PAGES = 3


@dataclass
class Page:
    """A page that reads the stream; how late each change reached it, in seconds."""

    running: Running
    lateness: list[float] = field(default_factory=list)

    def read(self) -> None:
        with listening(self.running) as heard:
            for one in heard:
                if one.name == "tiles":
                    # The number of differing devices is the moment of the round, in tenths of a second.
                    self.lateness += [
                        time.time() - tile["drift"] / 10 for tile in one.data if tile["drift"] is not None
                    ]


def main() -> None:
    """Print a few lines of figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--schools", type=int, default=176)
    parser.add_argument("--seconds", type=int, default=45)
    wanted = parser.parse_args()
    source = feed(wanted.schools)
    with tempfile.TemporaryDirectory() as folder, monitor(Path(folder) / "monitor.db") as running:
        pages = [Page(running) for _ in range(PAGES)]
        readers = [Thread(target=page.read) for page in pages]
        for reader in readers:
            reader.start()
        points, acknowledged = 0, []
        cpu, began = cpu_seconds(running.process.pid), time.monotonic()
        for turn in range(wanted.seconds):
            moment = math.floor(time.time() * 10) / 10
            marks = [(DEVICE_DRIFT, round(moment * 10), {"school": school.id}) for school in source.schools]
            samples = [one for one in (*source.light(moment), *source.heavy(moment)) if one[0] is not DEVICE_DRIFT]
            request = metrics([*samples, *marks], moment)
            points += len(samples) + len(marks)
            sent = time.monotonic()
            post(running.url, request)
            acknowledged.append(time.monotonic() - sent)
            time.sleep(max(0.0, began + turn + 1 - time.monotonic()))
        seconds = time.monotonic() - began
        used = cpu_seconds(running.process.pid) - cpu
        memory = resident(running.process.pid)
        began = time.monotonic()
        scraped = len(running.ask("/metrics")[2])
        scrape = time.monotonic() - began
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        running.stop()
        for reader in readers:
            reader.join()
    late = sorted(value for page in pages for value in page.lateness)
    most, almost_all = late[-1], late[int(len(late) * 0.99)]
    rate, middle = points / seconds, statistics.median(acknowledged)
    sys.stdout.write(
        f"{len(source.schools)} schools, {rate:,.0f} values a second for {seconds:.0f} s, {PAGES} pages open\n"
        f"monitor: {100 * used / seconds:.1f}% of a core, {memory / 1e6:.0f} MB resident, store {size / 1e6:.1f} MB\n"
        f"acknowledged after {1000 * middle:.0f} ms (worst {1000 * max(acknowledged):.0f} ms)\n"
        f"a page is told after {statistics.median(late):.2f} s (99%: {almost_all:.2f} s, worst {most:.2f} s)\n"
        f"/metrics: {scraped / 1e6:.2f} MB in {1000 * scrape:.0f} ms\n"
    )


def cpu_seconds(process: int) -> float:
    """What a process has used of a core so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(process: int) -> int:
    """A process's memory in bytes."""
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
