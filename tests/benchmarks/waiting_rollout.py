"""What a rollout costs that waits for its window: CPU, and statements to its SQLite, of this process.

python tests/benchmarks/waiting_rollout.py [--schools-at-once 4] [--seconds 30]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlalchemy as sa
from sqlalchemy import event

from controller.platforms.transport.base import SystemClock
from tests.policies import NOON
from tests.rollout.durable.city_scene import DurableScene, write_waves

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SETTLED_SECONDS = 12.0
"""After so long the pauses have grown."""


class StoppedDay(SystemClock):
    """This machine's clock, but for the time of day, which stands still before the window opens."""

    def now(self) -> datetime:
        """Return the same moment each time."""
        return NOON


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schools-at-once", type=int, default=4, help="schools that wait (default: 4)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long it is measured (default: 30)")
    given = parser.parse_args()
    statements = [0]

    def count(*_given: object) -> None:
        statements[0] += 1

    event.listen(sa.Engine, "before_cursor_execute", count)
    wave = {"name": "all", "schools": "rest", "schools-at-once": given.schools_at_once}
    window = {"days": DAYS, "from": "23:00", "until": "23:45"}
    with TemporaryDirectory() as folder:
        scene = DurableScene(Path(folder), schools=6, operators=write_waves(wave, windows=[window]))
        started = scene.judge()
        prepared = scene.prepare(scene.record(started), started, scene.surround(clock=StoppedDay()))
        stops: list[Event] = []
        thread = Thread(target=lambda: scene.work(prepared, on_worker=lambda worker: stops.append(worker.stop)))
        thread.start()
        Event().wait(SETTLED_SECONDS)
        asked, used, began = statements[0], time.process_time(), time.monotonic()
        Event().wait(given.seconds)
        took = time.monotonic() - began
        used, asked = time.process_time() - used, statements[0] - asked
        stops[0].set()
        thread.join()
        waiting = sum("waits" in line for line in scene.said)
    sys.stdout.write(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {waiting} schools wait\n")
    sys.stdout.write(f"{100 * used / took:.1f} % of a core, {asked / took:.1f} statements a second\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
