"""What a durable rollout costs beside bare DBOS steps that do the same to the same devices, on SQLite, in one run.

Both change factory-new switches in memory, school after school: the rollout with its waves, its queue, its records of
every try and its signs of life; the bare workflow with one DBOS step a device and nothing else. CPU seconds of the
whole process, in turns. Exit code 1 where the median ratio is over `--most`.

    python tests/benchmarks/durable_step.py [--schools 6] [--turns 5] [--most 1.3]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.durable.database import close_database, connect_database
from controller.rollout.durable.dbos_engine import DbosEngine
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.workflow_engine import WorkflowStatus
from controller.telemetry.timeline import open_rollout_span
from tests.rollout.durable.city_scene import DurableScene, write_waves

WAVES = write_waves({"name": "all", "schools": "rest", "schools-at-once": 1})
POLL_SECONDS = 0.2
BARE = "bare"


def run_durable(scene: DurableScene) -> Callable[[], None]:
    """Prepare a rollout; what it returns carries it out."""
    started = scene.judge()
    record = scene.record(started)
    prepared = scene.prepare(record, started, scene.surround())

    def run() -> None:
        assert scene.work(prepared).state is RolloutState.DONE

    return run


def run_bare(scene: DurableScene) -> Callable[[], None]:
    """Prepare the same changes; what it returns makes them, each in a DBOS step."""
    started = scene.judge()
    record = scene.record(started)
    changes = scene.prepare(record, started, scene.surround()).changes
    database = connect_database(scene.folder / "bare.sqlite")
    engine = DbosEngine(database, BARE)

    def run() -> None:
        with open_rollout_span(BARE, []) as span:

            def tell_end(change: Change) -> str:
                return str(change_device(change, span).end)

            def body(key: str) -> None:
                del key
                for change in changes.values():
                    engine.run_step(change.device.id, partial(tell_end, change))

            engine.launch({BARE: body}, {})
            engine.start_workflow(BARE, BARE)
            while engine.find_status(BARE) is WorkflowStatus.PENDING:
                Event().wait(POLL_SECONDS)
            assert engine.find_status(BARE) is WorkflowStatus.DONE
            engine.stop()
        close_database(database)

    return run


def measure(prepare: Callable[[DurableScene], Callable[[], None]], schools: int) -> float:
    """CPU seconds of this process a device."""
    with TemporaryDirectory() as folder:
        scene = DurableScene(Path(folder), schools=schools, operators=WAVES)
        run = prepare(scene)
        began = time.process_time()
        run()
        taken = time.process_time() - began
        assert all(scene.is_whole(index) for index in range(schools))
        return taken / schools


def main() -> int:
    """Measure in turns, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schools", type=int, default=6, help="schools of the virtual city (default: 6)")
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--most", type=float, default=1.3, help="the largest ratio that is good (default: 1.3)")
    given = parser.parse_args()
    for prepare in (run_bare, run_durable):
        measure(prepare, 1)  # what is loaded once is loaded now
    bare, durable = [], []
    for _ in range(given.turns):
        bare.append(measure(run_bare, given.schools))
        durable.append(measure(run_durable, given.schools))
    ratio = median(durable) / median(bare)
    sys.stdout.write(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, dbos {version('dbos')}\n")
    for name, taken in ((BARE, bare), ("durable", durable)):
        shown = [f"{1000 * one:.0f}" for one in (median(taken), min(taken), max(taken))]
        sys.stdout.write(f"{name:8s} {shown[0]} ms CPU a device (min {shown[1]}, max {shown[2]})\n")
    sys.stdout.write(f"ratio of the medians: {ratio:.2f}\n")
    return 1 if ratio > given.most else 0


if __name__ == "__main__":
    sys.exit(main())
