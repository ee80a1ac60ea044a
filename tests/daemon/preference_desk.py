"""One school whose router is in memory, and the daemon's cycle that proposes moves of its line preference."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from controller.daemon.drift_cycle import CycleScene, DriftCycle
from controller.daemon.line_supply import LineSupplyBook
from controller.daemon.preference_cycle import FOLDER, PATCH, PreferenceCycle
from controller.daemon.proposed_plan import NAME
from controller.measure.assessment.assess import Bandwidth, LineState, assess_school
from controller.model.network.device_state import DeviceState
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.devices import Device
from controller.operations.daemon_settings import DaemonChanges
from controller.operations.operations import Operations
from controller.plan.derive import derive_change
from controller.plan.document import PlanFile, load_plan
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.resilience.line_parts import SchoolLine
from controller.rollout.durable.carry_out import use_rollouts
from controller.storage.audit.audit_trail import AuditTrail
from controller.telemetry.otlp import open_telemetry
from tests.emulators import frr
from tests.recovery.test_shell_device_restore import Frr
from tests.security.plan_scene import Scene, make_operations, read_public

SCHOOL = "kw-s01"  # its backup line can carry more than its primary one
AWAY = f"{SCHOOL} away from primary: a proved plan waits in "


@dataclass
class Desk:
    """One school whose router is as the policy says, in memory, and the daemon's cycle over it."""

    folder: Path
    keys: Callable[[str], Path]
    told: list[str] = field(default_factory=list)
    states: dict[SchoolLine, LineState] | None = None

    def __post_init__(self) -> None:
        self.scene = Scene(self.folder, 1)
        self.clock = self.scene.lab.clock
        self.city = self.scene.load()
        self.state = self.folder / "kept"
        self.daemon = self.state / "daemon"
        self.daemon.mkdir(parents=True)
        self.devices = [one for one in self.city.list_devices(self.city.school_by_id[SCHOOL]) if one.platform == "frr"]
        signers = self.folder / "allowed_signers"
        signers.write_text(f"robot {read_public(self.keys('robot'))}\n", encoding="ascii")
        self.approvals: dict[str, Any] = {"allowed-signers": signers, "programs": ["robot"], "require": []}
        self.allow()
        self.set_up()
        self.begun_with = DaemonChanges.AUTOMATIC

    @property
    def router(self) -> Device:
        return self.devices[0]

    def set_up(self) -> None:
        """Put a router there that runs and saved what the policy of now says."""
        change = derive_change(self.scene.load(), self.router, DeviceState())
        bindings = change.wanted.routing.bindings
        router = frr.Router(bindings[0].system, sorted({str(one.neighbour) for one in bindings}))
        for step in change.steps:
            for command in step.commands:
                router.configure(command.stdin or "")
        configuration = Frr(router)
        self.device = MemoryDevice(self.router.id, configuration, self.clock, startup=configuration.show())

    def allow(self, changes: str = "automatic", /, **daemon: Any) -> None:  # noqa: ANN401 as in the operators' file
        key = {} if changes == "report" else {"key": str(self.keys("robot"))}
        settings = {**key, "changes": changes, **daemon}
        self.operations: Operations = make_operations(self.folder, approvals=self.approvals, daemon=settings)

    def load(self) -> CycleScene:
        return CycleScene(
            self.scene.load(),
            self.devices,
            self.scene.policies.path,
            self.operations,
            MemoryTransport([self.device]),
            self.clock,
            AuditTrail(self.state),
            self.state,
            self.daemon,
        )

    def find_expected(self, line: AccessLineName) -> float:
        """What is expected of a line of the school, in Mbit/s."""
        city = self.scene.load()
        school = city.school_by_id[SCHOOL]
        recommended = city.measurement.recommended.recommend_bandwidth(school.pupils).mbps
        return min(school.lines.by_name[line].mbps * 1428 / 1514, recommended)

    def measure(self, share: float, times: int = 3) -> None:
        """Test throughput some times; each begins with what the tests before left on the disk."""
        city = self.scene.load()
        assessment = assess_school(city.school_by_id[SCHOOL], [], city.measurement)
        bandwidth = Bandwidth(share * self.find_expected("primary"), None)  # type: ignore[arg-type]
        measured = replace(assessment.assessed_line, assessed_bandwidth=bandwidth)
        for _ in range(times):
            with open_telemetry() as sent:
                tested = replace(assessment, assessed_line=measured)
                LineSupplyBook(self.daemon).apply_assessment(city, sent, tested, self.clock.now())

    def cycle(self) -> str:
        return PreferenceCycle(
            lambda: self.daemon,
            self.load,
            lambda scene: use_rollouts(scene.state, create=True),
            lambda move, words: self.told.append(f"{move}: {words}"),
            "tsunagu",
            self.begun_with,
            lambda: self.states,
        ).run(Event())

    def drift(self) -> str:
        return DriftCycle(
            self.load, lambda scene: use_rollouts(scene.state, create=True), lambda _: None, "tsunagu", self.begun_with
        ).run(Event())

    @property
    def plan(self) -> PlanFile:
        return load_plan(self.daemon / FOLDER / NAME)

    def take_in(self) -> None:
        """Do what the log says."""
        words = ["git", "-C", str(self.scene.policies.path), "apply", str(self.daemon / FOLDER / PATCH)]
        subprocess.run(words, check=True, capture_output=True)

    def list_changes(self) -> list[str]:
        entries = AuditTrail(self.state).read_entries()
        return [f"{one['change']} {one['way']}" for one in entries if one["kind"] == "daemon"]
