"""A school with a switch in memory, policies on disk and a plan file: what an attacker of plans finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.operations.operations import Operations
from controller.plan.build import PlanOrigin, build_plan
from controller.plan.document import PlanFile, save_plan
from controller.plan.provenance.made_here import record_made_plan
from controller.rollout.outcome import Outcome
from controller.rollout.start import StartedRollout, StartRequest, judge_start, record_start
from controller.rollout.waves import roll_out
from controller.telemetry.timeline import Listener
from tests.policies import NOON, PolicyFolder
from tests.rollout.memory_lab import MemoryLab, switches

PEOPLE = ("hanako", "taro", "jiro", "yuki")

Document = dict[str, Any]
Edit = Callable[[Document], object]


def dump(document: Document) -> str:
    """A plan's document in the form that plans have: what a script that forges plans writes."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


@dataclass
class Scene:
    """One or more schools of the virtual city, with policies of their own; nobody needs to approve."""

    folder: Path
    schools: int = 1
    operations: Operations | None = None
    now: datetime = NOON
    lab: MemoryLab = field(init=False)

    def __post_init__(self) -> None:
        self.policies = PolicyFolder(self.folder)
        if self.operations is None:
            self.operations = make_operations(self.folder)
        city = self.load()
        schools = tuple(city.virtual_estate.schools)[: self.schools]
        self.lab = MemoryLab(schools, switches(city, schools), self.folder / "run")

    @property
    def plan_path(self) -> Path:
        return self.folder / "plan.json"

    @property
    def device(self) -> Device:
        """The first switch."""
        return self.lab.switches[0]

    def load(self) -> VirtualCity:
        city = load_city(self.policies.path, on=self.now.date(), estate=VirtualCity)
        assert isinstance(city, VirtualCity)
        return city

    def plan(self, *, city: City | None = None, **origin: Any) -> PlanFile:  # noqa: ANN401 as PlanOrigin
        """Make a plan from what the switches hold now, and save it."""
        city = city or self.load()
        made = build_plan(city, self.lab.consider(city), PlanOrigin("hanako", **origin), self.now)
        save_plan(made, self.plan_path)
        record_made_plan(self.plan_path.read_bytes(), self.plan_path)
        return made

    def edit(self, edit: Edit) -> None:
        """Change the saved plan as a script would."""
        document = json.loads(self.plan_path.read_text(encoding="utf-8"))
        edit(document)
        self.plan_path.write_text(dump(document), encoding="utf-8")

    def start(
        self, *, after: timedelta = timedelta(), undo: bool = False, made_elsewhere: bool = False
    ) -> StartedRollout:
        """Begin a rollout, some time after noon."""
        assert self.operations is not None
        operations = self.operations
        request = StartRequest(
            self.plan_path,
            self.policies.path,
            lambda _: operations,
            "jiro",
            undo=undo,
            made_elsewhere=made_elsewhere,
        )
        started = judge_start(request, self.now + after)
        record_start(started, self.now + after)
        return started

    def apply(self, *listeners: Listener, undo: bool = False) -> list[Outcome]:
        """Begin a rollout and carry it out."""
        return self.carry_out(self.start(undo=undo), *listeners)

    def carry_out(self, started: StartedRollout, *listeners: Listener) -> list[Outcome]:
        return roll_out(started.city, started.plan, started.verified, self.lab.settings(), listeners, started.answers)

    def running(self) -> DeviceState:
        """What the first switch runs in truth."""
        return self.lab.running(self.device)

    @property
    def logins(self) -> int:
        return sum(one.logins for one in self.lab.devices.values())


def make_operations(folder: Path, **values: Any) -> Operations:  # noqa: ANN401 as Operations
    """The operators of a virtual city: nobody needs to approve, and no anchors are kept."""
    return Operations.model_validate(
        {"approvals": {"require": ()}, "anchors": "not-kept", "state": folder / "operators", **values}
    )


def read_public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text(encoding="ascii").strip()
