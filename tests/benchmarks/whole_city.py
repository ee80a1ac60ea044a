"""The whole city as text, from cold: load, check, compile, render, parse back, and prove every device.

What a stage takes is given twice: wall-clock time, and CPU time of all processes. Devices whose platform is not built
yet are counted and named. Exit code 1 when a proof fails.

    python tests/benchmarks/whole_city.py [--processes N] [--schools N] [--policies DIR] [--paths] [--json]

`--schools` takes only so many, evenly spread; how the work grows with the city is told by `growth.py`. `--paths` proves
the paths through every school, too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform as machine
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.proof.city_checks import count_intent_paths
from controller.plan.proof.rendered_device import find_filter_differences, find_route_differences
from controller.plan.select import Selection, select_devices
from controller.platforms.registry import is_supported, load_platform
from controller.prove.compliance.wireless import find_wireless_differences
from controller.prove.lint.check_policy import check_policy

ROOT = Path(__file__).parents[2]
STAGES = ("start Python", "load", "find", "compile", "render", "parse back", "prove", "paths")
Result = TypeVar("Result")


@dataclass
class Measured:
    """What was done and what it took; seconds of CPU include those of other processes."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    cpu: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    findings: int = 0
    devices: int = 0
    filters: int = 0
    entries: int = 0
    policies: int = 0
    networks: int = 0
    lines: int = 0
    differences: list[str] = field(default_factory=list)
    supported: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)

    def stage(self, name: str, work: Callable[[], Result]) -> Result:
        """Do a part of the work and note what it took."""
        began, cpu = perf_counter(), process_time()
        result = work()
        self.seconds[name] += perf_counter() - began
        self.cpu[name] += process_time() - cpu
        return result

    def add(self, other: Measured) -> None:
        """What another process did; its seconds stand beside ours and are shared out by the caller."""
        for name in STAGES:
            self.cpu[name] += other.cpu[name]
        self.filters += other.filters
        self.entries += other.entries
        self.policies += other.policies
        self.networks += other.networks
        self.lines += other.lines
        self.devices += other.devices
        self.differences += other.differences


def one_device(city: City, device: Device, measured: Measured, *, paths: bool) -> None:
    """All that is done for a device before anything could be sent to it."""
    system = load_platform(device.platform)
    intent: DeviceIntent = measured.stage("compile", lambda: compile_device(city, device, system.capabilities))
    text = measured.stage("render", lambda: system.render(intent.wanted))
    parsed = measured.stage("parse back", lambda: system.parse(text, device.id).state)
    if parsed != intent.wanted:
        measured.differences.append(f"{device.id}: what is rendered does not parse back to the same state")
    measured.differences += measured.stage("prove", lambda: list(_differences(intent, parsed)))
    if paths and intent.intents:
        ways = measured.stage("paths", lambda: count_intent_paths(city, device, intent.intents, intent.delegated))
        if ways is None:
            measured.differences.append(f"{device.id}: its paths are not what the policy says ('tsunagu prove')")
    measured.devices += 1
    measured.filters += len(intent.wanted.filters)
    measured.entries += sum(len(one.entries) for one in intent.wanted.filters)
    measured.policies += len(intent.wanted.routing.bindings)
    measured.networks += len(intent.wanted.networks)
    measured.lines += text.count("\n")


def _differences(intent: DeviceIntent, parsed: DeviceState) -> Iterator[str]:
    yield from find_filter_differences(intent, parsed)
    yield from find_route_differences(intent, parsed)
    yield from find_wireless_differences(intent.device.id, intent.networks, parsed)


_CITY: list[tuple[City, bool]] = []


def _begin(policies: Path, paths: bool) -> None:  # noqa: FBT001 a process's start
    _CITY.append((load_city(policies), paths))


def _share(names: Sequence[str]) -> Measured:
    """The part of another process."""
    measured = Measured()
    city, paths = _CITY[0]
    wanted = set(names)
    for device in select_devices(city, Selection()):
        if device.id in wanted:
            one_device(city, device, measured, paths=paths)
    return measured


def measure(policies: Path, processes: int, schools: int, *, paths: bool) -> Measured:
    """Everything, in one process or in many."""
    measured = Measured()
    # Starting waits for nothing but the CPU, and no clock of ours ran before it.
    measured.seconds["start Python"] = measured.cpu["start Python"] = process_time()
    city = measured.stage("load", lambda: load_city(policies))
    measured.findings = len(measured.stage("find", lambda: check_policy(city)))
    devices = measured.stage("compile", lambda: select_devices(city, Selection()))
    chosen = {school.id for school in city.schools[:: max(1, len(city.schools) // schools)][:schools]}
    devices = tuple(device for device in devices if device.school.id in chosen)
    for device in devices:
        (measured.supported if is_supported(device.platform) else measured.unsupported)[device.platform] += 1
    todo = [device for device in devices if is_supported(device.platform)]
    gc.freeze()  # as `tsunagu prove` does
    if processes == 1:
        for device in todo:
            one_device(city, device, measured, paths=paths)
        return measured
    began = perf_counter()
    names = [device.id for device in todo]
    with ExitStack() as stack:
        pool = stack.enter_context(
            ProcessPoolExecutor(
                processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(policies, paths)
            )
        )
        for part in pool.map(_share, [names[at::processes] for at in range(processes)]):
            measured.add(part)
    # The stages run at the same time, so their wall-clock time is shared out by their CPU time.
    wall = perf_counter() - began
    shared = STAGES[3:]
    cpu = sum(measured.cpu[name] for name in shared)
    for name in shared:
        measured.seconds[name] = wall * measured.cpu[name] / cpu
    return measured


def megabytes(who: int) -> float:
    """Peak memory (Linux counts it in kibibytes)."""
    return getrusage(who).ru_maxrss * 1024 / 1e6


def table(measured: Measured, processes: int) -> str:
    """What was measured, for people."""
    supported_, missing = (
        ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
        for counted in (measured.supported, measured.unsupported)
    )
    others = f", and {megabytes(RUSAGE_CHILDREN):.0f} MB in the largest other process" if processes > 1 else ""
    lines = [
        f"Python {machine.python_version()}, {os.cpu_count()} CPUs, {processes} process(es)",
        f"{'stage':<14}{'seconds':>9}{'CPU s':>9}",
        *(f"{name:<14}{measured.seconds[name]:>9.2f}{measured.cpu[name]:>9.2f}" for name in STAGES),
        f"{'all':<14}{sum(measured.seconds.values()):>9.2f}{sum(measured.cpu.values()):>9.2f}",
        f"devices: {measured.devices} of {measured.devices + measured.unsupported.total()}",
        f"written: {measured.filters:,} filters, {measured.entries:,} entries, {measured.lines:,} lines",
        f"and {measured.policies:,} route policies, {measured.networks:,} wireless networks",
        f"supported: {supported_}",
        f"not supported: {missing or 'none'}",
        f"peak memory: {megabytes(RUSAGE_SELF):.0f} MB{others}",
        f"findings: {measured.findings}; proof: {len(measured.differences)} differences",
        *(f"  {difference}" for difference in measured.differences[:10]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=1, help="how many processes compile and prove")
    parser.add_argument("--schools", type=int, default=10**6, help="how many schools (default: all)")
    parser.add_argument("--policies", type=Path, default=ROOT / "policies")
    parser.add_argument("--paths", action="store_true", help="prove the paths through every school, too")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    given = parser.parse_args()
    if given.processes < 1:
        parser.error("--processes: at least 1")
    if given.schools < 1:
        parser.error("--schools: at least 1")
    try:
        measured = measure(given.policies, given.processes, given.schools, paths=given.paths)
    except TsunaguError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if given.json:
        peak = {"self": megabytes(RUSAGE_SELF), "largest_other": megabytes(RUSAGE_CHILDREN)}
        shown = json.dumps({"processes": given.processes, **vars(measured), "megabytes": peak}, indent=1)
    else:
        shown = table(measured, given.processes)
    sys.stdout.write(f"{shown}\n")
    return 1 if measured.differences else 0


if __name__ == "__main__":
    sys.exit(main())
