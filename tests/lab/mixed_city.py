"""The virtual city with other switches at its schools: of one kind, or of all three kinds at the first three."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_files import LAB
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from tests.cli.running import Done, here
from tests.policies import SHIPPED

CATALYST, X530 = "cisco_ios", "allied_telesis_awplus"
KINDS = ("ovs", CATALYST, X530)


def set_platforms(city: City, platforms: Mapping[str, str]) -> VirtualCity:
    """Return the virtual city with these platforms of schools' switches; others have the usual one."""
    file = choose_virtual_city(city).virtual_estate
    return choose_virtual_city(city.replace_file(LAB, file.model_copy(update={"platforms": dict(platforms)})))


@dataclass
class MixedPolicy:
    """A copy of the shipped policies for commands to read; its first three schools have a switch of each kind."""

    folder: Path
    written: int = 0

    def __post_init__(self) -> None:
        """Copy the shipped policies."""
        shutil.copytree(SHIPPED, self.path, ignore=shutil.ignore_patterns("__pycache__"))
        whole = yaml.safe_load((self.path / "city/lab.yaml").read_text(encoding="utf-8"))
        schools = (whole["canary"], *(name for name in whole["schools"] if name != whole["canary"]))
        whole["platforms"] = dict(zip(schools[1:], KINDS[1:], strict=False))
        (self.path / "city/lab.yaml").write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
        self.whole_rules = self.rules.read_text(encoding="utf-8")

    @property
    def path(self) -> Path:
        """The folder of the policies."""
        return self.folder / "policies"

    @property
    def rules(self) -> Path:
        """The file of the rules."""
        return self.path / "access/rules.yaml"

    def load(self) -> VirtualCity:
        """Return the virtual city of the policies as they are now."""
        city = load_city(self.path, estate=VirtualCity)
        assert isinstance(city, VirtualCity)
        return city

    def write_rules(self, *, without: str = "") -> None:
        """Write the shipped rules, or all but one; each text is a new one: an earlier one would be an undo."""
        text = self.whole_rules
        if without:
            head, rest = text.split(f"  - id: {without}\n", 1)
            text = head + rest[rest.index("  - id: ") :]
        self.written += 1
        self.rules.write_text(f"{text}# change {self.written}\n", encoding="utf-8")

    def tsunagu(self, *words: str) -> Done:
        """Run a command on these policies."""
        return here(*words, "--policies", str(self.path), cwd=self.folder)

    def plan(self, school: str) -> None:
        """Save the plan of a school's devices."""
        planned = self.tsunagu("plan", "--lab", "--school", school, "-o", "plan.json")
        assert planned.code == 0, planned

    def apply(self) -> None:
        """Apply the saved plan."""
        applied = self.tsunagu(
            "apply", "plan.json", "--accept-no-restore", "--restore-after", "240", "--state", str(self.folder / "state")
        )
        assert applied.code == 0, applied

    def find_drift(self, school: str) -> int:
        """Return the exit code of drift at a school."""
        return self.tsunagu("drift", "--lab", "--school", school).code


def mix(city: City) -> VirtualCity:
    """Return the virtual city whose first three schools have a switch of each kind, the canary the usual one."""
    file = choose_virtual_city(city).virtual_estate
    schools = (file.canary, *(name for name in file.schools if name != file.canary))
    kinds = {name: KINDS[number % len(KINDS)] for number, name in enumerate(schools)}
    return set_platforms(city, {name: kind for name, kind in kinds.items() if kind != file.platform})
