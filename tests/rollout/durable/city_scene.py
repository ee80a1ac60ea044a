"""Schools of the virtual city with switches in memory, a plan, and a durable rollout of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.document import load_plan
from controller.plan.select import Selection, select_devices
from controller.platforms.base import Command
from controller.platforms.transport.base import Clock, Transport
from controller.platforms.transport.in_memory_device.configuration import Refused
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.durable.carry_out import (
    WORKER,
    StartOptions,
    become_worker,
    carry_out,
    find_database,
    record_rollout,
    use_rollouts,
)
from controller.rollout.durable.database import DatabaseServer
from controller.rollout.durable.records import DeviceRun, RolloutRecord, RolloutStatus
from controller.rollout.durable.rollout_scene import RolloutScene, Surroundings, prepare_scene, resume_scene
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.worker_lease import LEASE_SECONDS
from controller.rollout.durable.workflow_engine import WorkflowEngine
from controller.rollout.start import StartedRollout
from controller.telemetry.timeline import Listener
from tests.emulators import frr
from tests.rollout.memory_lab import RESTORE_SECONDS, MemoryLab, switches
from tests.security.plan_scene import Scene, make_operations

Wrap = Callable[[WorkflowEngine], WorkflowEngine]


def write_waves(*waves: dict[str, Any], **values: Any) -> dict[str, Any]:  # noqa: ANN401 as in the operators' file
    """Return what the operators' file says of rollouts."""
    return {"rollout": {"waves": waves, **values} if waves else values}


class RouterText:
    """What a router of FRR runs, as the configuration of a device in memory: it is read, and never changed."""

    def __init__(self) -> None:
        self._text = frr.Router(64_512, ()).running()

    def show(self) -> str:
        """What the router prints."""
        return self._text

    def load(self, text: str) -> None:
        """Become another text."""
        self._text = text

    def split(self, command: Command) -> tuple[Command, ...]:
        """The command itself."""
        return (command,)

    def execute(self, command: Command) -> str:
        """Refuse a change.

        Raises:
            Refused: always.
        """
        raise Refused(command.line)


@dataclass
class DurableScene:
    """Some schools, factory-new, and what a durable rollout needs beside them."""

    folder: Path
    schools: int = 3
    operators: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    server: DatabaseServer | None = None

    def __post_init__(self) -> None:
        self.scene = Scene(self.folder, 1, make_operations(self.folder, **self.operators))
        give_open_vswitches(self.scene, self.schools)
        city = self.scene.load()
        self.add_routers(city, tuple(city.virtual_estate.schools)[: self.schools])
        self.factory = self.scene.lab.of(self.scene.lab.switches[0]).running
        self.scene.plan()

    def add_routers(self, city: City, schools: Sequence[str]) -> None:
        """Add the routers of the schools: nothing is planned for them, and the gates look at them."""
        lab = self.scene.lab
        for one in select_devices(city, Selection(tuple(schools), ())):
            if one.platform == "frr":
                lab.devices[one.id] = MemoryDevice(one.id, RouterText(), lab.clock)
        lab.transport = MemoryTransport(lab.devices.values())

    @property
    def state(self) -> Path:
        return self.folder / "kept"

    @property
    def database(self) -> Path:
        return find_database(self.state)

    def judge(self) -> StartedRollout:
        """Judge the plan, as every start of a rollout does."""
        return self.scene.start()

    def record(self, started: StartedRollout, *, forced: str = "") -> RolloutRecord:
        """Keep the rollout, which has begun then."""
        options = StartOptions(RESTORE_SECONDS, forced, self.scene.lab.clock.now())
        with use_rollouts(self.state, create=True, server=self.server) as store:
            return record_rollout(store, started, self.scene.plan_path, options, lambda _: None)

    def surround(self, transport: Transport | None = None, clock: Clock | None = None) -> Surroundings:
        lab = self.scene.lab
        return Surroundings(transport or lab.transport, clock or lab.clock, self.folder / "run")

    def prepare(self, record: RolloutRecord, started: StartedRollout, around: Surroundings) -> RolloutScene:
        return prepare_scene(record, started.city, started.plan, started.verified, started.operations, around)

    def work(  # noqa: PLR0913 what a test may have otherwise
        self,
        scene: RolloutScene,
        *,
        wrap: Wrap = lambda engine: engine,
        on_worker: Callable[[RolloutWorker], None] = lambda _: None,
        listeners: Sequence[Listener] = (),
        name: str = WORKER,
        lease_seconds: float = LEASE_SECONDS,
    ) -> RolloutStatus:
        """Work on a rollout until it ends or stops."""
        with become_worker(self.state, server=self.server, name=name, seconds=lease_seconds) as (engine, store):
            said = self.said.append
            return carry_out(wrap(engine), store, scene, listeners=listeners, say=said, on_worker=on_worker)

    def roll_out(self, *, forced: str = "", on_worker: Callable[[RolloutWorker], None] = lambda _: None) -> str:
        """Start a rollout and work on it; return its id."""
        started = self.judge()
        record = self.record(started, forced=forced)
        self.work(self.prepare(record, started, self.surround()), on_worker=on_worker)
        return record.id

    def resume(self, rollout: str, **operators: Any) -> RolloutStatus:  # noqa: ANN401 as in the operators' file
        """Resume a rollout from its snapshot alone, with another operators' file where values are given."""
        operations = self.scene.operations
        assert operations is not None
        if operators:
            operations = make_operations(self.folder, **operators)
        with use_rollouts(self.state, server=self.server) as store:
            record, block = store.load_record(rollout), store.load_snapshot(rollout)
        return self.work(resume_scene(record, block, operations, self.surround()))

    def status(self, rollout: str) -> RolloutStatus:
        with use_rollouts(self.state, server=self.server) as store:
            return store.load_status(rollout)

    def runs(self, rollout: str) -> dict[str, DeviceRun]:
        with use_rollouts(self.state, server=self.server) as store:
            return dict(store.find_last_runs(rollout))

    def ends(self, rollout: str) -> list[str]:
        """The last end of each device, in the order of the plan."""
        runs = self.runs(rollout)
        return [str(runs[one.id].end) if one.id in runs else "none" for one in self.scene.lab.switches]

    def count_pushes(self, device: Device) -> int:
        """Count the commands by which a switch was changed."""
        return sum(one.verb == "push" for one in self.scene.lab.of(device).exchanges)

    def wanted(self, device: Device) -> str:
        """The digest of what the plan leads a switch to."""
        return next(one for one in load_plan(self.scene.plan_path).devices if one.device == device.id).states[-1]

    def is_whole(self, index: int) -> bool:
        """Whether a switch runs, and boots with, what the policy wants of it, and does nothing more by itself."""
        device = self.scene.lab.switches[index]
        memory = self.scene.lab.of(device)
        running = self.scene.lab.running(device).compute_digest()
        return running == self.wanted(device) and memory.startup == memory.running and not memory.restore_armed


def give_open_vswitches(scene: Scene, schools: int) -> None:
    """Give some schools of a scene switches in memory, which are Open vSwitches: so is each school's then."""
    lab = scene.policies.path / "city/lab.yaml"
    lines = lab.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("platforms:"))
    end = next(number for number in range(at + 1, len(lines)) if not lines[number].startswith(" "))
    lab.write_text("".join(lines[:at] + lines[end:]), encoding="utf-8")
    city = scene.load()
    chosen = tuple(city.virtual_estate.schools)[:schools]
    scene.lab = MemoryLab(chosen, switches(city, chosen), scene.folder / "run")


def with_operators(scene: RolloutScene, **values: Any) -> RolloutScene:  # noqa: ANN401 as Operations
    """The scene with other values of the operators."""
    return replace(scene, operations=scene.operations.model_copy(update=values))
