"""How long the start of a rollout takes: a plan's policy copied and loaded, all of it derived and proved anew.

    python tests/benchmarks/plan_start.py [--whole-city]

The virtual city's devices in CPU seconds, from factory-new ones; with --whole-city every device of all schools, too, as
far as deriving and proving goes (most of their platforms exist as text only, so no plan of them can be applied).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from controller.model.city import City  # noqa: E402 the project is found by the line above
from controller.model.loading.load_city import load_city  # noqa: E402
from controller.model.network.device_state import DeviceState  # noqa: E402
from controller.model.policy_bounds import PolicyBounds  # noqa: E402
from controller.model.virtual_city import VirtualCity  # noqa: E402
from controller.plan.build import build_plan, consider_device  # noqa: E402
from controller.plan.derive import derive_change, prove_wanted_paths  # noqa: E402
from controller.plan.document import load_plan, save_plan  # noqa: E402
from controller.plan.observe import Observed  # noqa: E402
from controller.plan.provenance.policy_copies import copy_policy, keep_policy  # noqa: E402
from controller.plan.select import Selection, select_devices  # noqa: E402
from controller.plan.verify import verify_plan  # noqa: E402
from controller.platforms.base import Observation  # noqa: E402
from controller.platforms.registry import is_supported  # noqa: E402

POLICIES = ROOT / "policies"


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how many CPU seconds something took."""
    began = time.process_time()
    yield
    sys.stdout.write(f"{what:<60} {time.process_time() - began:7.2f} s\n")


def measure_virtual_city(folder: Path) -> None:
    """The start of a rollout to every switch of the virtual city, factory-new."""
    city = load_city(POLICIES, estate=VirtualCity)
    switches = [one for one in select_devices(city, Selection()) if one.role == "core"]
    empty = Observation(DeviceState(), (), 0, 0)
    with timed(f"plan: {len(switches)} switches considered and proved"):
        plan = build_plan(city, [consider_device(city, Observed(one, one.id, empty)) for one in switches])
    path = folder / "plan.json"
    save_plan(plan, path)
    sys.stdout.write(f"{'the plan has':<60} {path.stat().st_size / 1e6:7.2f} MB\n")
    with timed("apply: read the plan"):
        plan = load_plan(path)
    with (
        timed("apply: copy the policy, load it, keep it"),
        copy_policy(POLICIES, VirtualCity, PolicyBounds()) as (city, copy),
    ):
        keep_policy(city, copy, folder / "state")
    with timed(f"apply: {len(switches)} switches derived, proved and compared"):
        verify_plan(city, plan)


def measure_whole_city() -> None:
    """What deriving and proving costs for every device of all schools."""
    city: City = load_city(POLICIES)
    devices = [one for one in select_devices(city, Selection()) if is_supported(one.platform)]
    with timed(f"the whole city: {len(devices)} devices derived and proved"):
        derived = [derive_change(city, one, DeviceState()) for one in devices]
        prove_wanted_paths(city, (one.intent for one in derived if one.intent is not None))


def main() -> None:
    """Measure, and say on which day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole-city", action="store_true")
    chosen = parser.parse_args()
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n")
    with TemporaryDirectory() as name:
        measure_virtual_city(Path(name))
    if chosen.whole_city:
        measure_whole_city()


if __name__ == "__main__":
    main()
