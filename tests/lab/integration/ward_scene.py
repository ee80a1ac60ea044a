"""A ward of the virtual city that goes through the stages of integration: a school with a core of each kind.

Each computer stays at its port, and the port changes its segment with the stage.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controller.model.loading.load_city import load_city
from controller.model.sites.stages import Stage
from controller.model.virtual_city import VirtualCity
from tests.cli.running import Done, here
from tests.lab.mixed_city import CATALYST, X530
from tests.policies import SHIPPED, TODAY

WARD = "kawasaki"
PLATFORMS = {"kw-s01": "ovs", "kw-e01": CATALYST, "kw-e02": X530}
"""The schools of the ward in the virtual city, the first of them the canary."""
BY = "教育DX推進課"
SEPARATED, COEXIST, INTEGRATED = Stage
PLACES: Mapping[str, Mapping[str, tuple[Stage, ...]]] = {
    "pupil": {"pupil": ()},
    "printer": {"printers": ()},
    "teacher": {"external-legacy": (SEPARATED,), "staff": (COEXIST, INTEGRATED)},
    "affairs-pc": {"staff-legacy": (SEPARATED, COEXIST), "staff": (INTEGRATED,)},
    "room-pc": {"learning-legacy": (SEPARATED, COEXIST), "pupil": (INTEGRATED,)},
}
"""By host: the segments that it is in, each with its stages; none: every one."""
RESTORE_SECONDS = 240
"""What a virtual x530, which goes back by a timer of whole minutes, needs."""


@dataclass
class WardScene:
    """A copy of the shipped policies; commands read it."""

    folder: Path
    platforms: Mapping[str, str] = field(default_factory=lambda: dict(PLATFORMS))
    stage: Stage = SEPARATED
    written: int = 0

    def __post_init__(self) -> None:
        """Copy the policies, with the ward in the virtual city, its networks apart."""
        shutil.copytree(SHIPPED, self.path, ignore=shutil.ignore_patterns("__pycache__"))
        path = self.path / "city/lab.yaml"
        lab = yaml.safe_load(path.read_text(encoding="utf-8"))
        lab["schools"], lab["canary"] = list(self.schools), self.schools[0]
        lab["rates"] = {school: {"primary": 400, "backup": 100} for school in self.schools}
        lab["platforms"] = {school: kind for school, kind in self.platforms.items() if kind != lab["platform"]}
        lab["hosts"] = [*list_hosts()]
        path.write_text(yaml.safe_dump(lab, allow_unicode=True, sort_keys=False), encoding="utf-8")
        self.set_stage(self.stage)

    @property
    def path(self) -> Path:
        """The folder of the policies."""
        return self.folder / "policies"

    @property
    def schools(self) -> tuple[str, ...]:
        """The schools of the ward that are in the virtual city."""
        return tuple(self.platforms)

    def set_stage(self, stage: Stage) -> None:
        """Write that the ward is in a stage; in every other one both networks are alive."""
        path = self.path / "city/integration.yaml"
        city = yaml.safe_load((self.path / "city/city.yaml").read_text(encoding="utf-8"))
        listed = [
            {"ward": ward["id"], "stage": str(stage if ward["id"] == WARD else COEXIST), "by": BY}
            for ward in city["wards"]
        ]
        text = yaml.safe_dump({"format": 1, "integrations": listed}, allow_unicode=True)
        # Each text is a new one: to apply an earlier one again would be an undo.
        self.written += 1
        path.write_text(f"{text}# change {self.written}\n", encoding="utf-8")
        self.stage = stage

    def load(self) -> VirtualCity:
        """Return the virtual city of the policies as they are now."""
        city = load_city(self.path, on=TODAY, estate=VirtualCity)
        assert isinstance(city, VirtualCity)
        return city

    def load_stage(self, stage: Stage) -> VirtualCity:
        """Return the virtual city with the ward in a stage; the policies stay as they are."""
        now = self.stage
        self.set_stage(stage)
        city = self.load()
        self.set_stage(now)
        return city

    def tsunagu(self, *words: str) -> Done:
        """Run a command on these policies."""
        return here(*words, "--policies", str(self.path), cwd=self.folder)

    def plan(self, name: str) -> Done:
        """Save the plan of the ward's devices."""
        chosen = (word for school in self.schools for word in ("--school", school))
        return self.tsunagu("plan", "--lab", *chosen, "-o", name)


def list_hosts() -> list[dict[str, Any]]:
    """Return the hosts as `lab.yaml` has them."""
    return [
        {"id": name, "segment": segment, **({"stages": [str(one) for one in stages]} if stages else {})}
        for name, places in PLACES.items()
        for segment, stages in places.items()
    ]
