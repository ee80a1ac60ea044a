"""A copy of the shipped policies, with fewer schools, that a test may spoil, and what loading then says."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from controller.errors import PolicyError
from controller.model.city import City
from controller.model.loading.load_city import load_city

TODAY = date(2026, 12, 1)
NOON = datetime.combine(TODAY, time(12), UTC)
"""The day that tests load policies for, so that no exception expires while nobody looks."""
SHIPPED = Path(__file__).parents[1] / "policies"


KEPT = 3
"""Schools kept of each ward, beside those of the lab: enough to be wrong with, and quick to load."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Where an edit was made: its line, and the line of the list item around it."""

    line: int
    item: int


class PolicyFolder:
    """A copy of `policies/`."""

    def __init__(self, place: Path) -> None:
        self.path = place / "policies"
        shutil.copytree(SHIPPED, self.path, ignore=shutil.ignore_patterns("__pycache__"))
        for path in sorted((self.path / "city/schools").glob("*.yaml")):
            _thin_out(path)

    def edit(self, name: str, old: str, new: str, *, after: str = "") -> Edit:
        """Replace the first `old` behind `after` in a file."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        start = text.index(old, text.index(after))
        path.write_text(text[:start] + new + text[start + len(old) :], encoding="utf-8")
        above = (text[:start] + new).splitlines()
        line = text.count("\n", 0, start) + 1
        items = [number for number, shown in enumerate(above, 1) if shown.startswith("  - ") and number <= line]
        return Edit(line, items[-1] if items else line)

    def append(self, name: str, text: str) -> int:
        """Put text at the end of a file; the line that it starts on."""
        path = self.path / name
        before = path.read_text(encoding="utf-8")
        path.write_text(before + text, encoding="utf-8")
        return before.count("\n") + 1

    def write(self, name: str, text: str) -> None:
        """Replace a whole file."""
        (self.path / name).write_text(text, encoding="utf-8")

    def unbuilt(self) -> None:
        """Put routers on `nec_ix` and access points on `aruba_ap`, which are no platforms of this release."""
        name = "city/blueprints.yaml"
        self.edit(name, "  frr: eth{n}\n", "  frr: eth{n}\n  nec_ix: lan{n}\n  aruba_ap: eth{n}\n")
        self.edit(name, "{lot-1: frr, lot-2: frr}", "{lot-1: nec_ix, lot-2: nec_ix}")
        self.edit(name, "{lot-1: hostapd, lot-2: hostapd}", "{lot-1: aruba_ap, lot-2: aruba_ap}")

    def load(self, on: date = TODAY) -> City:
        """The city on a day, if it can be loaded."""
        return load_city(self.path, on=on)

    def problems(self) -> list[str]:
        """What loading refuses, each as `FILE:LINE: FIELD: MESSAGE` with files named from the folder on."""
        try:
            self.load()
        except PolicyError as error:
            return [str(problem).replace(f"{self.path}/", "") for problem in error.problems]
        return []


def _thin_out(path: Path) -> None:
    head, *schools = re.split(r"^(?=  - id: )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lab = (SHIPPED / "city/lab.yaml").read_text(encoding="utf-8")
    kept = [text for index, text in enumerate(schools) if index < KEPT or f"  - {text.split()[2]} " in lab]
    path.write_text(head + "".join(kept), encoding="utf-8")
