"""One `apply` and one drift read of many devices through the in-memory transport: CPU and memory, and how they grow.

Each size runs in a process of its own. The devices are small Open vSwitches in memory, 28 a school, eight schools at
once; each is locked, read, armed, changed, read back, confirmed and saved by the procedure of `apply`, then all are
read again and compared with what they should hold. The slope is that of the line through the logarithms of the sizes
and of what was used beyond the empty process: 1 is in proportion. Exit code 1 where it is over `--most`, or the largest
size takes more than `--megabytes`.

    python tests/benchmarks/many_devices.py [--sizes 500 5000] [--most 1.1] [--megabytes 500]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.model.loading.load_city import load_city
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.build import build_device_plan
from controller.plan.document import PlanFile
from controller.plan.observe import read_devices
from controller.plan.verify import VerifiedDevice
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.device import MemoryDevice, ObservedCommand
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.waves import Settings, roll_out
from tests.benchmarks.growth import slope
from tests.conftest import POLICIES
from tests.lab.mixed_city import set_platforms
from tests.policies import NOON, TODAY
from tests.rollout.memory_lab import derive_towards, switches
from tests.rollout.ovs_switch import Switch
from tests.rollout.wave_campaign import CHANGE, OLD, OVS, PORTS, RESTORE_SECONDS, WANTED

DEVICES_A_SCHOOL = 28
SCHOOLS_AT_ONCE = 8


@dataclass(frozen=True)
class Used:
    """What a size took: CPU seconds of each part, and the peak of memory beyond the empty process and in all."""

    devices: int
    apply: float
    drift: float
    grown_megabytes: float
    megabytes: float


class _Nothing(list[ObservedCommand]):
    """What a device in memory keeps of its commands here."""

    def append(self, _one: ObservedCommand, /) -> None:
        """Keep nothing: this is the tests' memory, not the controller's."""


def clone_devices(model: Device, count: int, a_school: int) -> list[Device]:
    """Return so many switches like one, in schools of their own with so many each."""
    schools = [model.school.model_copy(update={"id": f"school{number}"}) for number in range(-(-count // a_school))]
    return [replace(model, id=f"switch{number}", school=schools[number // a_school]) for number in range(count)]


def start_switch(device: Device, clock: ManualClock) -> MemoryDevice:
    """Return a switch in memory that runs, and boots with, the old state."""
    configuration = Switch(PORTS)
    configuration.load(OVS.render(OLD))
    switch = MemoryDevice(device.id, configuration, clock, startup=configuration.show())
    switch.exchanges = _Nothing()
    return switch


def make_plan(city: VirtualCity, verified: list[VerifiedDevice]) -> PlanFile:
    """Return a plan that leads each switch to the new state."""
    made = datetime.now(UTC)
    return PlanFile(
        city=city.id,
        policy=city.digest,
        on=city.policy_date,
        estate="virtual",
        made=made,
        expires=made + timedelta(hours=1),
        canary=verified[0].device.school.id,
        devices=tuple(build_device_plan(one.device, one.seen, one.derived, saved=True) for one in verified),
        unplanned=(),
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(count: int) -> Used:
    """Apply and read so many devices in this process."""
    city = set_platforms(load_city(POLICIES, on=TODAY), {})
    [model] = switches(city, tuple(city.virtual_estate.schools)[:1])
    empty = _peak()
    clock = ManualClock(NOON)
    devices = clone_devices(model, count, DEVICES_A_SCHOOL)
    transport = MemoryTransport(start_switch(one, clock) for one in devices)
    verified = [VerifiedDevice(one, OVS, OLD, CHANGE) for one in devices]
    plan = make_plan(city, verified)
    with TemporaryDirectory() as folder:
        settings = Settings(
            RESTORE_SECONDS, Path(folder), transport, clock, SCHOOLS_AT_ONCE, derive=derive_towards(WANTED)
        )
        began = time.process_time()
        outcomes = roll_out(city, plan, verified, settings, [])
        applied = time.process_time()
    if not all(one.end.good for one in outcomes):
        sys.exit(f"not every device ended well: {next(one for one in outcomes if not one.end.good)}")
    read = read_devices(devices, transport, lambda _: None)
    drifted = sum(one.observation is None or one.observation.state != WANTED for one in read)
    ended = time.process_time()
    if drifted:
        sys.exit(f"{drifted} devices do not hold what they should")
    return Used(count, applied - began, ended - applied, _peak() - empty, _peak())


def main() -> int:
    """Measure each size in a process of its own, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 5000], help="devices (default: 500 5000)")
    parser.add_argument("--most", type=float, default=1.1, help="the largest slope that is good (default: 1.1)")
    parser.add_argument("--megabytes", type=float, default=500.0, help="the most memory that is good (default: 500)")
    parser.add_argument("--one", type=int, help="this size only, as JSON")
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(asdict(measure(given.one))))
        return 0
    sizes = []
    for count in sorted(set(given.sizes)):
        done = subprocess.run([sys.executable, __file__, "--one", str(count)], stdout=subprocess.PIPE, check=True)
        sizes.append(Used(**json.loads(done.stdout)))
    sys.stdout.write(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}\n")
    for one in sizes:
        sys.stdout.write(
            f"{one.devices:,} devices: apply {one.apply:.1f} s, drift {one.drift:.1f} s of CPU; "
            f"{one.megabytes:.0f} MB, {one.grown_megabytes:.0f} of them beyond the empty process\n"
        )
    slopes = {
        "CPU of apply": slope([(one.devices, one.apply) for one in sizes]),
        "CPU of the drift read": slope([(one.devices, one.drift) for one in sizes]),
        "memory": slope([(one.devices, one.grown_megabytes) for one in sizes]),
    }
    sys.stdout.write("slopes: " + ", ".join(f"{name} {found:.2f}" for name, found in slopes.items()) + "\n")
    return 1 if max(slopes.values()) > given.most or sizes[-1].megabytes > given.megabytes else 0


if __name__ == "__main__":
    sys.exit(main())
