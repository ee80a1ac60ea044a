"""How the whole proof grows: cities of 1, 2, 4 and 8 times the schools, each by `whole_city.py` in its own process.

The cities are those of `tools/scaled_city.py`: N copies of the shipped one. What does not grow (starting Python) is
left out. The slope is that of the least-squares line through log(CPU seconds) over log(times): 1 is in proportion.
Exit code 1 when a proof fails, or the slope of all stages together is over `--most`.

    python tests/benchmarks/growth.py [--times 1 2 4 8] [--paths] [--most 1.1] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from tools.scaled_city import scaled_policies

WHOLE_CITY = Path(__file__).with_name("whole_city.py")
CONSTANT = "start Python"


@dataclass(frozen=True)
class Size:
    """What one city took; `cpu` is in seconds, by stage."""

    times: int
    devices: int
    cpu: dict[str, float]
    megabytes: float
    differences: int

    @property
    def all(self) -> float:
        """Every stage together."""
        return sum(self.cpu.values())


def measure(times: int, *, paths: bool) -> Size:
    """A city of so many times the schools, from cold, in one process."""
    with TemporaryDirectory() as place:
        policies = scaled_policies(Path(place), times)
        words = [
            sys.executable,
            str(WHOLE_CITY),
            "--policies",
            str(policies),
            "--json",
            *(["--paths"] if paths else []),
        ]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(f"whole_city.py ended with {done.returncode} and said nothing")
    found = json.loads(done.stdout)
    cpu = {name: seconds for name, seconds in found["cpu"].items() if name != CONSTANT and seconds}
    return Size(times, found["devices"], cpu, found["megabytes"]["self"], len(found["differences"]))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through the logarithms."""
    logs = [(log(x), log(y)) for x, y in points]
    middle_x = sum(x for x, _ in logs) / len(logs)
    middle_y = sum(y for _, y in logs) / len(logs)
    above = sum((x - middle_x) * (y - middle_y) for x, y in logs)
    return above / sum((x - middle_x) * (x - middle_x) for x, _ in logs)


def table(sizes: Sequence[Size]) -> str:
    """What was measured, for people: seconds of the smallest, times of it for the others, and the slope."""
    first = sizes[0]
    columns = "".join(f"{f'{one.times}x':>9}" for one in sizes[1:])
    lines = [
        f"{os.cpu_count()} CPUs, one process; load {os.getloadavg()[0]:.1f}",
        f"{'stage':<14}{f'{first.times}x, CPU s':>12}{columns}{'slope':>9}",
    ]
    for name in (*first.cpu, "all"):
        taken = [one.all if name == "all" else one.cpu[name] for one in sizes]
        ratios = "".join(f"{seconds / taken[0]:>9.2f}" for seconds in taken[1:])
        grown = slope([(one.times, seconds) for one, seconds in zip(sizes, taken, strict=True)])
        lines.append(f"{name:<14}{taken[0]:>12.2f}{ratios}{grown:>9.2f}")
    lines.append(f"{'devices':<14}{first.devices:>12,}" + "".join(f"{one.devices:>9,}" for one in sizes[1:]))
    lines.append(f"{'MB':<14}{first.megabytes:>12.0f}" + "".join(f"{one.megabytes:>9.0f}" for one in sizes[1:]))
    lines.append(f"proof: {sum(one.differences for one in sizes)} differences")
    return "\n".join(lines)


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--times", type=int, nargs="+", default=[1, 2, 4, 8], help="times the schools (default: 1 2 4 8)"
    )
    parser.add_argument("--paths", action="store_true", help="the paths through every school, too")
    parser.add_argument("--most", type=float, default=1.1, help="the largest slope that is good (default: 1.1)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    given = parser.parse_args()
    if len(set(given.times)) < 2 or min(given.times) < 1:
        parser.error("--times: at least two different ones, from 1 on")
    sizes = [measure(times, paths=given.paths) for times in sorted(set(given.times))]
    grown = slope([(one.times, one.all) for one in sizes])
    if given.json:
        sys.stdout.write(json.dumps({"sizes": [asdict(one) for one in sizes], "slope": grown}, indent=1) + "\n")
    else:
        sys.stdout.write(f"{table(sizes)}\n")
    return 1 if grown > given.most or any(one.differences for one in sizes) else 0


if __name__ == "__main__":
    sys.exit(main())
