"""Write a copy of `policies/` whose city has N times the schools, to see how the work grows.

Every copy of the city has the same draw as the shipped one, so N copies have exactly N times its devices. Only to be
compiled: its IPv4 blocks are of 240.0.0.0/4, which no network carries (RFC 1112), because 10.0.0.0/8 has no room, and
what the internet sees of its lines is of 198.18.0.0/15 (RFC 2544, benchmarking).

    python -m tools.scaled_city 8 FOLDER
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path

from controller.model.policy_files import SCHOOLS
from tools.make_city import SEED, WARDS, ContractedLine, School, draw_city

SHIPPED = Path(__file__).parents[1] / "policies"
MOST = 20
"""Copies: a school's number has at most 4,095."""
TAKEN = range(250, 256)
"""Numbers whose IPv6 blocks the offices, the data centre and the controllers have (city.yaml, applications.yaml)."""
EGRESS = IPv4Address("198.18.0.0")
ADDRESSING = (
    ("  ipv4: 10.0.0.0/8\n", "  ipv4: 240.0.0.0/4\n"),
    ("  ipv6: 2001:db8:8000::/40\n", "  ipv6: 2001:db8:8000::/36\n"),
)


def scaled_policies(place: Path, scale: int) -> Path:
    """A folder `policies` in `place` whose city has `scale` times the shipped schools.

    Raises:
        ValueError: the scale is none of 1 to 20, or city.yaml is not any more as this program knows it.
    """
    if not 1 <= scale <= MOST:
        message = f"a scale of {scale}: 1 to {MOST}, so that numbers of schools suffice"
        raise ValueError(message)
    folder = place / "policies"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "city/city.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in ADDRESSING:
        if old not in text:
            message = f"{file}: holds no line {old.strip()!r}, in place of which this program puts another"
            raise ValueError(message)
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    schools = list(scaled_schools(scale))
    for ward in WARDS:
        entries = "".join(map(_entry, (one for one in schools if one[0].ward is ward)))
        (folder / f"city/schools/{ward.id}.yaml").write_text(
            f"format: {SCHOOLS.format}\nschools:\n{entries}", encoding="utf-8"
        )
    return folder


def scaled_schools(scale: int) -> Iterator[tuple[School, str]]:
    """The schools of all copies, each with its id; those of the first copy keep theirs (the lab's are among them)."""
    numbers = (number for number in count(1) if number not in TAKEN)
    drawn = draw_city(SEED)
    for copy in range(1, scale + 1):
        for school in drawn:
            own = school.id if copy == 1 else f"{school.id}-copy{copy}"
            yield replace(school, number=next(numbers)), own


def _entry(numbered: tuple[School, str]) -> str:
    school, own = numbered
    lines = "".join(
        f"      {name}: {{kind: {line.kind}, mbps: {line.mbps}{_egress(school, line)}}}\n"
        for name, line in (("primary", school.primary), ("backup", school.backup))
    )
    return (
        f"  - id: {own}\n    number: {school.number}\n    name: {school.name}({own})\n    ward: {school.ward.id}\n"
        f"    kind: {school.kind.id}\n    pupils: {school.pupils}\n    lines:\n{lines}"
    )


def _egress(school: School, line: ContractedLine) -> str:
    if line.kind != "fixed-ip":
        return ""
    return f', egress: [{EGRESS + school.number}, "2001:db8:{0x8000 + school.number:x}::/48"]'


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scale", type=int, help=f"how many times the shipped schools, 1 to {MOST}")
    parser.add_argument("folder", type=Path, help="where the folder `policies` is put")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    try:
        made = scaled_policies(chosen.folder, chosen.scale)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
