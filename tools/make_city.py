"""Draw the schools of the virtual city and write them to `policies/city/schools/`, one file a ward.

Everything about these schools is invented, but their sums are not: how many schools of each kind there are and how
many pupils they have together are published figures of a real city. One seed gives the same bytes on every machine
and Python: of `random` only `random()` is used, whose sequence Python promises to keep.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import sqrt
from pathlib import Path
from random import Random

from controller.model.policy_files import SCHOOLS

SEED = 20260401
OUTPUT = Path("policies/city/schools")


@dataclass(frozen=True, slots=True)
class Ward:
    """A ward; `schools` holds its number of schools for each of `KINDS`, in that order."""

    id: str
    code: str
    name: str
    schools: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SchoolKind:
    """A kind of school, and the pupils of all its schools together.

    Sizes are drawn from a triangle between `smallest` and `largest` with its peak at `usual`; `fixed` sizes are given
    to one school each instead, so that the city has a school at every anchor of the recommended-bandwidth table.
    """

    id: str
    letter: str
    name: str
    english: str
    pupils: int
    smallest: int
    usual: int
    largest: int
    fixed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ContractedLine:
    """A line as contracted."""

    kind: str
    mbps: int


@dataclass(frozen=True, slots=True)
class School:
    """A school as it is written into its ward's file; it is the `place`-th of its kind in its ward."""

    number: int
    ward: Ward
    kind: SchoolKind
    place: int
    pupils: int
    primary: ContractedLine
    backup: ContractedLine

    @property
    def id(self) -> str:
        """Such as `kw-e01`."""
        return f"{self.ward.code}-{self.kind.letter}{self.place:02}"

    @property
    def name(self) -> str:
        """A name that no real school has: 仮 means provisional."""
        return f"仮・{self.ward.name}第{write_kanji(self.place)}{self.kind.name}"

    @property
    def english(self) -> str:
        """The same in English, such as `Provisional Asao No. 1 Elementary School`."""
        return f"Provisional {self.ward.id.capitalize()} No. {self.place} {self.kind.english} School"


# Totals of pupils by kind: published for 2017 [V]. Sizes and their spread: invented.
KINDS = (
    SchoolKind("elementary", "e", "小学校", "Elementary", 72_951, 250, 440, 1_200, (280, 560, 770, 1_050)),
    SchoolKind("junior-high", "j", "中学校", "Junior High", 29_265, 180, 410, 1_100, ()),
    SchoolKind("high", "h", "高等学校", "High", 4_662, 500, 850, 1_100, (1_400,)),
    SchoolKind("special-needs", "s", "支援学校", "Special-Needs", 591, 50, 200, 350, (60, 120, 180)),
)

# Sums 115, 52, 5, 4: published [V]. The share of each ward: roughly by the wards' real sizes, otherwise invented.
WARDS = (
    Ward("kawasaki", "kw", "川崎", (20, 11, 1, 1)),
    Ward("saiwai", "sw", "幸", (13, 5, 1, 0)),
    Ward("nakahara", "nh", "中原", (19, 8, 1, 1)),
    Ward("takatsu", "tk", "高津", (16, 6, 1, 1)),
    Ward("miyamae", "my", "宮前", (17, 8, 0, 0)),
    Ward("tama", "tm", "多摩", (15, 7, 1, 0)),
    Ward("asao", "as", "麻生", (15, 7, 0, 1)),
)

# Lines and how often they are drawn: invented. Some are old ones that cannot carry what their school needs.
PRIMARY = (
    (ContractedLine("fixed-ip", 10_000), 5),
    (ContractedLine("fixed-ip", 1_000), 38),
    (ContractedLine("map-e", 1_000), 22),
    (ContractedLine("ds-lite", 1_000), 14),
    (ContractedLine("closed-vpn", 1_000), 6),
    (ContractedLine("closed-vpn", 200), 8),
    (ContractedLine("closed-vpn", 100), 4),
    (ContractedLine("fixed-ip", 200), 3),
)
BACKUP = (
    (ContractedLine("lte", 150), 30),
    (ContractedLine("lte", 100), 15),
    (ContractedLine("lte", 50), 15),
    (ContractedLine("map-e", 1_000), 16),
    (ContractedLine("ds-lite", 1_000), 16),
    (ContractedLine("closed-vpn", 100), 8),
)


def draw_city(seed: int) -> tuple[School, ...]:
    """The schools of the city, ward by ward, numbered from 1."""
    random = Random(seed)  # noqa: S311 synthetic data must be repeatable, not secret
    sizes = {kind: iter(_shuffled(random, _sizes(random, kind, _schools_of(kind)))) for kind in KINDS}
    numbers = count(1)
    return tuple(
        School(next(numbers), ward, kind, place, next(sizes[kind]), *_lines(random))
        for ward in WARDS
        for kind, schools in zip(KINDS, ward.schools, strict=True)
        for place in range(1, schools + 1)
    )


def _lines(random: Random) -> tuple[ContractedLine, ContractedLine]:
    """A primary line, and a backup that is never of the same kind."""
    primary = _chosen(random, PRIMARY)
    return primary, _chosen(random, [(line, weight) for line, weight in BACKUP if line.kind != primary.kind])


def _schools_of(kind: SchoolKind) -> int:
    return sum(ward.schools[KINDS.index(kind)] for ward in WARDS)


def _sizes(random: Random, kind: SchoolKind, schools: int) -> list[int]:
    """The pupils of each school of a kind; their sum is exactly the kind's."""
    sizes = [_triangular(random, kind) for _ in range(schools - len(kind.fixed))]
    while missing := kind.pupils - sum(kind.fixed) - sum(sizes):
        place = int(random.random() * len(sizes))
        sizes[place] = min(max(sizes[place] + (1 if missing > 0 else -1), kind.smallest), kind.largest)
    return [*kind.fixed, *sizes]


def _triangular(random: Random, kind: SchoolKind) -> int:
    width, rise = kind.largest - kind.smallest, kind.usual - kind.smallest
    share = random.random()
    if share * width < rise:
        return round(kind.smallest + sqrt(share * width * rise))
    return round(kind.largest - sqrt((1 - share) * width * (width - rise)))


def _shuffled(random: Random, sizes: Sequence[int]) -> list[int]:
    return [size for _, size in sorted((random.random(), size) for size in sizes)]


def _chosen(random: Random, weighted: Sequence[tuple[ContractedLine, int]]) -> ContractedLine:
    mark = random.random() * sum(weight for _, weight in weighted)
    for line, weight in weighted:
        mark -= weight
        if mark < 0:
            return line
    return weighted[-1][0]


def write_kanji(number: int) -> str:
    """A number from 1 to 99 as Japanese writes it in names."""
    tens, ones = divmod(number, 10)
    return ("" if tens <= 1 else _DIGITS[tens]) + ("十" if tens else "") + _DIGITS[ones]


_DIGITS = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九")


def ward_files(seed: int) -> dict[str, str]:
    """The text of each file, by its name."""
    schools = draw_city(seed)
    return {
        f"{ward.id}.yaml": "\n".join([_header(seed, ward), *(_entry(s) for s in schools if s.ward is ward)])
        for ward in WARDS
    }


def _header(seed: int, ward: Ward) -> str:
    return f"""\
# yaml-language-server: $schema=../../schema/schools.json
# Synthetic schools of {ward.name}区. No school, name, size or line here is a real one; only the city's totals of
# schools and of pupils by kind are published figures [V]. Generated, do not edit:
#   python tools/make_city.py --seed {seed}
# `number` decides the school's addresses (see addressing in city.yaml). `mbps` is what the line's contract says,
# never what was measured. `egress` is what the internet sees of a line with addresses of its own (RFC 5737, RFC 3849).
format: {SCHOOLS.format}
schools:"""


def _entry(school: School) -> str:
    return f"""\
  - id: {school.id}
    number: {school.number}
    name: {school.name}
    ward: {school.ward.id}
    kind: {school.kind.id}
    pupils: {school.pupils}
    lines:
      primary: {{kind: {school.primary.kind}, mbps: {school.primary.mbps}{_egress(school, school.primary)}}}
      backup: {{kind: {school.backup.kind}, mbps: {school.backup.mbps}{_egress(school, school.backup)}}}
    english: {school.english}
"""


def _egress(school: School, line: ContractedLine) -> str:
    """The addresses that only this school comes from: an invented IPv4 one, and its IPv6 block."""
    if line.kind != "fixed-ip":
        return ""
    last = school.number + (school.number >= _INTERNET_HOST)
    return f', egress: [192.0.2.{last}, "2001:db8:{0x8000 + school.number:x}::/48"]'


_INTERNET_HOST = 80
"""192.0.2.80 stands for the rest of the internet in the virtual city (lab/state/application_addresses.py)."""


def format_summary(schools: Sequence[School]) -> Iterator[str]:
    """What was drawn, a line for each kind."""
    for kind in KINDS:
        sizes = [school.pupils for school in schools if school.kind is kind]
        yield f"{kind.id}: {len(sizes)} schools, {sum(sizes):,} pupils, {min(sizes)} to {max(sizes)} each"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files and say what was drawn."""
    parser = argparse.ArgumentParser(description="Draw the schools of the virtual city.")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="the same seed gives the same city (default %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder to write to (default %(default)s)")
    chosen = parser.parse_args(arguments)
    chosen.output.mkdir(parents=True, exist_ok=True)
    for name, text in ward_files(chosen.seed).items():
        (chosen.output / name).write_text(text, encoding="utf-8")
    sys.stdout.write("\n".join(format_summary(draw_city(chosen.seed))) + "\n")


if __name__ == "__main__":
    main()
