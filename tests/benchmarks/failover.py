"""The failover gap: how long a pupil reaches nothing when a line is cut, goes silent, or a region is lost.

A virtual city of its own is built. Before every cut, everything is whole and the school goes out by its primary line to
the first region. A pupil tries a TCP connection to the internet every 20 ms in each family; a gap is the time from the
first lost one to the next that is answered, and the longer one of the two families counts. Needs root, and no lab up.
Exit code 1 when a gap is longer than the second that is promised.

    python tests/benchmarks/failover.py [--cuts 20] [--schools 2] [--policies DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

from controller.errors import LabError, TsunaguError
from controller.lab import lifecycle
from controller.lab.faults import fault_injection
from controller.lab.network import connectivity
from controller.lab.network.frr_configuration import BFD_MILLISECONDS, BFD_MISSES
from controller.lab.state import paths
from controller.lab.state.lab_faults import FaultKind, LabFault
from controller.lab.state.layout import HostLayout, Layout, SchoolLayout
from controller.lab.state.processes import wait_until
from controller.lab.trials.outage_probe import OutageProbe
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import choose_virtual_city

PROMISED_SECONDS = 1.0
_PATIENCE = 60.0


@dataclass(frozen=True)
class Gaps:
    """The gaps of one kind of fault, in seconds, in the order of the cuts; `back` are those while mending."""

    fault: str
    cuts: tuple[float, ...]
    back: tuple[float, ...]

    def line(self) -> str:
        """A row of the table."""
        figures = (median(self.cuts), max(self.cuts), median(self.back), max(self.back))
        return f"{self.fault:14}" + "".join(f"{1000 * seconds:11.0f}" for seconds in figures)


def measured(layout: Layout, kind: FaultKind, cuts: int) -> Gaps:
    """So many cuts of one kind, at the first school."""
    school = layout.schools[0]
    where = layout.regions[0].id if kind is FaultKind.REGION else school.id
    pupil = next(host for host in school.hosts if host.segment == "pupil")
    found = [one_cut(layout, school, pupil, LabFault(where=where, kind=kind)) for _ in range(cuts)]
    return Gaps(str(kind), tuple(cut for cut, _ in found), tuple(back for _, back in found))


def one_cut(layout: Layout, school: SchoolLayout, pupil: HostLayout, fault: LabFault) -> tuple[float, float]:
    """The gap while something breaks, and the gap while it is mended.

    Raises:
        LabError: traffic does not come through again, or the city does not become whole.
    """
    _wait(lambda: not connectivity.list_missing_connectivity(layout, paths.STATE) and _usual(layout, school), "whole")
    with OutageProbe.to_the_internet(layout, pupil) as breaking_gap:
        fault_injection.inject_fault(fault)
        _wait_for_answers(breaking_gap)
    with OutageProbe.to_the_internet(layout, pupil) as mending_gap:
        fault_injection.repair_fault(fault)
        _wait(lambda: _usual(layout, school), "back on its usual way")
        _wait_for_answers(mending_gap)
    return breaking_gap.longest_outage, mending_gap.longest_outage


def _wait_for_answers(probe: OutageProbe) -> None:
    """Wait until what broke has been noticed, and traffic comes through again for a while."""
    moment = time.monotonic() + 2 * PROMISED_SECONDS
    _wait(lambda: probe.answered_since(moment), "reached again")


def _usual(layout: Layout, school: SchoolLayout) -> bool:
    return connectivity.list_exits(layout, school, paths.STATE) == {("primary", layout.regions[0].id)}


def _wait(condition: Callable[[], bool], what: str) -> None:
    if not wait_until(condition, _PATIENCE, every=0.1):
        message = f"after {_PATIENCE:.0f} s the city is not {what}"
        raise LabError(message)


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--schools", type=int, default=2)
    parser.add_argument("--policies", type=Path, default=Path(__file__).parents[2] / "policies")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        layout = lifecycle.build_virtual_city(
            choose_virtual_city(load_city(asked.policies)), asked.schools, lambda _: None
        )
        try:
            found = [
                measured(layout, kind, asked.cuts)
                for kind in (FaultKind.PRIMARY, FaultKind.BLACKHOLE, FaultKind.REGION)
            ]
        finally:
            lifecycle.remove_virtual_city(lambda _: None)
    except TsunaguError as error:
        sys.exit(f"failover: {error}")
    report(found, asked.cuts, asked.schools, as_json=asked.json)
    return int(max(cut for gaps in found for cut in gaps.cuts) > PROMISED_SECONDS)


def report(found: list[Gaps], cuts: int, schools: int, *, as_json: bool) -> None:
    """Print the figures."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    load = os.getloadavg()[0]
    if as_json:
        figures = {"at": at, "load": load, "schools": schools, "gaps": [asdict(gaps) for gaps in found]}
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        return
    bfd = f"BFD {BFD_MILLISECONDS} ms x {BFD_MISSES}"
    heads = ("median", "worst", "mend med.", "mend worst")
    lines = [
        f"{cuts} cuts of each kind, {schools} schools, {bfd}; {at}, load {load:.1f}",
        f"{'gap in ms':14}" + "".join(f"{head:>11}" for head in heads),
        *(gaps.line() for gaps in found),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
