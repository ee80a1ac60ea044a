"""A durable rollout by 1, 2 and 4 workers that share a real PostgreSQL: how many devices a minute, and what it costs.

Twice: with devices whose two logins take a second each, and as many schools side by side for each worker (so that the
two cores are not what ends it), and with devices that answer at once (so that they are). The devices are small Open
vSwitches in memory, one a school; each worker is a process with all of them, and each device is changed by whoever
takes its school.

    python tests/benchmarks/many_workers.py [--workers 1 2 4] [--devices 96] [--schools-a-worker 4] [--latency 1.0]
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.model.loading.load_city import load_city
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.operations.operations import Operations
from controller.plan.document import PlanFile
from controller.plan.verify import VerifiedDevice
from controller.platforms.base import Session
from controller.platforms.transport.base import SystemClock, Transport
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.durable.carry_out import become_worker, carry_out, use_rollouts
from controller.rollout.durable.database import DatabaseServer
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_scene import GateScene, RolloutScene
from controller.rollout.durable.waves.wave_plan import build_waves
from controller.rollout.waves import Settings, build_changes
from tests.benchmarks.many_devices import clone_devices, make_plan, start_switch
from tests.chaos.planned_rollout import add_planned_rollout
from tests.conftest import POLICIES
from tests.lab.mixed_city import set_platforms
from tests.policies import NOON, TODAY
from tests.rollout.durable.city_scene import write_waves
from tests.rollout.durable.postgres_server import PostgresServer, run_postgres
from tests.rollout.memory_lab import derive_towards, switches
from tests.rollout.wave_campaign import CHANGE, OLD, OVS, RESTORE_SECONDS, WANTED
from tests.security.plan_scene import make_operations

HEAD = "| workers | schools at once | a login takes | devices | wall | devices a minute | CPU a device | by worker |"
AT_ONCE_TIMES = 4
"""So many times the devices where they answer at once."""


@dataclass(frozen=True)
class SlowTransport:
    """Reaches devices whose login takes so many seconds."""

    inner: Transport
    seconds: float

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        Event().wait(self.seconds if changing else 0.0)
        with self.inner.open_session(device, device_type, changing=changing) as session:
            yield session


@dataclass(frozen=True)
class Scene:
    """A rollout that workers share."""

    city: VirtualCity
    verified: list[VerifiedDevice]
    plan: PlanFile
    operations: Operations
    record: RolloutRecord
    server: DatabaseServer
    folder: Path

    def fork_worker(self, name: str, latency: float) -> int:
        """Begin a worker in a process of its own; it ends with 0 once the rollout is done."""
        child = os.fork()
        if child:
            return child
        try:
            devices = ManualClock(NOON)
            transport = SlowTransport(
                MemoryTransport(start_switch(one.device, devices) for one in self.verified), latency
            )
            clock = SystemClock()
            settings = Settings(RESTORE_SECONDS, self.folder / name, transport, clock, 1, derive_towards(WANTED))
            changes = {one.device.id: one for one in build_changes(self.city, self.plan, self.verified, settings)}
            scene = RolloutScene(self.record, self.city, self.operations, changes, clock, GateScene(transport, clock))
            with become_worker(self.folder / name, server=self.server, name=name) as (engine, store):
                status = carry_out(engine, store, scene, listeners=[], say=lambda _: None)
            os._exit(0 if status.state is RolloutState.DONE else 3)
        except BaseException:  # noqa: BLE001 a forked process must not come back
            traceback.print_exc()
            os._exit(4)


def build_scene(city: VirtualCity, devices: list[Device], together: int, server: DatabaseServer, folder: Path) -> Scene:
    """Return a rollout of one wave, kept in the database."""
    operations = make_operations(folder, **write_waves({"name": "all", "schools": "rest", "schools-at-once": together}))
    verified = [VerifiedDevice(one, OVS, OLD, CHANGE) for one in devices]
    plan = make_plan(city, verified)
    waves = build_waves(city, plan.canary, verified, operations.rollout)
    record = add_planned_rollout(folder, plan, waves, RESTORE_SECONDS, SystemClock().now(), server)
    return Scene(city, verified, plan, operations, record, server, folder)


def measure(postgres: PostgresServer, workers: int, count: int, together: int, latency: float) -> str:
    """Carry a rollout out; return what is said of it."""
    city = set_platforms(load_city(POLICIES, on=TODAY), {})
    [model] = switches(city, tuple(city.virtual_estate.schools)[:1])
    devices = clone_devices(model, count, 1)
    with TemporaryDirectory() as place:
        scene = build_scene(city, devices, together, postgres.create_database(), Path(place))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        running = [scene.fork_worker(f"worker-{number}", latency) for number in range(workers)]
        for child in running:
            if (ended := os.waitpid(child, 0)[1]) != 0:
                sys.exit(f"a worker ended with {ended}")
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        with use_rollouts(Path(place), server=scene.server) as store:
            runs = store.list_runs(scene.record.id)
    if len(runs) != count or not all(one.end is not None and one.end.good for one in runs):
        sys.exit("not every device was changed once")
    took = max(one.ended.timestamp() for one in runs if one.ended) - min(one.begun.timestamp() for one in runs)
    cpu = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    shares = sorted(Counter(one.worker for one in runs).values(), reverse=True)
    return (
        f"| {workers} | {together} | {latency:g} s | {count} | {took:.1f} s | {60 * count / took:,.0f} "
        f"| {1000 * cpu / count:.0f} ms | {', '.join(map(str, shares))} |"
    )


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="how many (default: 1 2 4)")
    parser.add_argument("--devices", type=int, default=96, help="devices of a rollout (default: 96)")
    parser.add_argument("--schools-a-worker", type=int, default=4, help="schools side by side (default: 4)")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds a login takes (default: 1)")
    given = parser.parse_args()
    sys.stdout.write(f"{HEAD}\n")
    began = time.monotonic()
    with run_postgres() as postgres:
        for latency, count in ((given.latency, given.devices), (0.0, AT_ONCE_TIMES * given.devices)):
            for workers in given.workers:
                together = workers * given.schools_a_worker
                line = measure(postgres, workers, count, together, latency)
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    took = time.monotonic() - began
    sys.stdout.write(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; {took:.0f} s in all\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
