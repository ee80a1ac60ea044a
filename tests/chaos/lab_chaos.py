"""A durable rollout under chaos on the real lab: Open vSwitch and FRR behind SSH, a full tmpfs, processes that die.

A seed draws what the rollout's processes meet. After each of them the devices are asked for their own truth, past SSH
and our records; in the end nothing goes wrong any more, and the rollout has to come to its own end.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from controller.errors import TsunaguError
from controller.lab.lab_operations import build_lab_operations
from controller.lab.state.layout import Layout
from controller.lab.state.processes import wait_until
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.operations.rollout_settings import RolloutSettings
from controller.plan.build import build_plan, consider_device
from controller.plan.verify import verify_plan
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import SystemClock, Transport
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.durable.carry_out import find_database, resume_rollout, use_rollouts
from controller.rollout.durable.records import DeviceRun, RolloutState
from controller.rollout.durable.rollout_scene import GateScene, RolloutScene
from controller.rollout.durable.waves.wave_plan import build_waves
from controller.rollout.outcome import End
from controller.rollout.waves import Settings, build_changes
from tests.chaos.durable_process import BROKEN, ENDED, FILLER, ChaosProcess
from tests.chaos.lab_devices import LabDevice, list_lab_devices
from tests.chaos.planned_rollout import add_planned_rollout
from tests.policies import NOON
from tests.rollout.durable.city_scene import write_waves

ACTS = ("kill", "kill", "freeze", "hang-up", "full-disk", "lock")
"""What a process meets that is not killed inside a push."""
RESTORE_SECONDS = 10
LONGEST_MOMENT = 150
LAST_PUSH, LONGEST_PUSH = 6, 0.3
"""A kill inside a push comes in one of the first so many, at most so many seconds after it was sent."""
MOST_ROUNDS = 4
DISK_BYTES = 8 << 20
SETTLES_SECONDS = RESTORE_SECONDS + 20.0


OnKill = Callable[[int], None]


class LabClock(SystemClock):
    """This machine's clock, set to the day that the policies of tests are loaded for."""

    ahead = NOON - SystemClock().now()

    def now(self) -> datetime:
        """The present moment, as it is there."""
        return super().now() + self.ahead


@dataclass(frozen=True)
class JournalTransport:
    """Reaches devices; writes down each push before it is sent: when, and to whom."""

    inner: Transport
    journal: Path
    clock: LabClock

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        """Log in to a device."""
        with self.inner.open_session(device, device_type, changing=changing) as session:
            yield _JournalSession(session, self)

    def list_pushes(self, device: str) -> list[datetime]:
        """Return when a device was sent what changes it."""
        lines = self.journal.read_text(encoding="ascii").splitlines() if self.journal.exists() else []
        return [datetime.fromisoformat(when) for when, name in map(str.split, lines) if name == device]


@dataclass(frozen=True)
class _JournalSession:
    inner: Session
    to: JournalTransport

    @property
    def device(self) -> str:
        return self.inner.device

    def run(self, command: Command) -> DeviceText:
        if command.line.startswith("push "):
            with self.to.journal.open("a", encoding="ascii") as file:
                file.write(f"{self.to.clock.now().isoformat()} {self.device}\n")
        return self.inner.run(command)


@contextmanager
def mount_small_disk(folder: Path) -> Iterator[Path]:
    """Yield a folder that is a tmpfs of its own, which is gone afterwards whatever happened."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass
class LabChaos:
    """A seed's rollout on the lab's devices: from what they run to what `wanted` wants of them."""

    rng: random.Random
    wanted: VirtualCity
    layout: Layout
    disk: Path
    """Where the controller keeps its state: a small disk."""
    journal: Path
    good: dict[str, datetime] = field(default_factory=dict)
    """When each device ended well, the first time."""
    on_kill: OnKill = lambda _: None
    """Is told of each process that was killed inside a push: of which."""

    def __post_init__(self) -> None:
        self.clock = LabClock()
        self.devices = list_lab_devices(self.wanted, self.layout)
        self.transport = JournalTransport(SshTransport(build_lab_operations().access), self.journal, self.clock)
        plan = build_plan(self.wanted, [consider_device(self.wanted, one.observe()) for one in self.devices.values()])
        assert not plan.unplanned, plan.unplanned
        self.plan, self.verified = plan, verify_plan(self.wanted, plan)
        self.old: dict[str, DeviceState] = {one.device.id: one.seen for one in self.verified}
        self.new: dict[str, DeviceState] = {one.device.id: one.derived.wanted for one in self.verified}
        waves = (
            {"name": "canary", "schools": "canary"},
            {"name": "rest", "schools": "rest", "maximum-failures": self.rng.choice((0, 9))},
        )
        settings = RolloutSettings.model_validate({**write_waves(*waves)["rollout"], "canary": plan.canary})
        self.operations = build_lab_operations().model_copy(update={"rollout": settings})
        self.state, self.copy = self.disk / "state", self.disk / "copy.sqlite"
        ordered = build_waves(self.wanted, self.plan.canary, self.verified, self.operations.rollout)
        self.record = add_planned_rollout(self.state, self.plan, ordered, RESTORE_SECONDS, self.clock.now())

    def run_process(self, process: ChaosProcess) -> int:
        """Run a process to its end; one that freezes goes on, or is killed, before or after the restores have run."""
        settings = Settings(RESTORE_SECONDS, self.disk / "run", self.transport, self.clock, 2)
        changes = {one.device.id: one for one in build_changes(self.wanted, self.plan, self.verified, settings)}
        gates = GateScene(self.transport, self.clock)
        scene = RolloutScene(self.record, self.wanted, self.operations, changes, self.clock, gates)
        child = process.run(scene, self.state)
        while True:
            _, ended = os.waitpid(child, os.WUNTRACED)
            if not os.WIFSTOPPED(ended):
                return ended
            if self.rng.random() < 0.5:
                wait_until(lambda: not self.list_armed(), SETTLES_SECONDS)
            os.kill(child, self.rng.choice((signal.SIGCONT, signal.SIGCONT, signal.SIGKILL)))

    def list_armed(self) -> list[str]:
        """Return the devices that may still put an old state back by themselves."""
        return [name for name, one in self.devices.items() if one.is_armed()]

    def list_runs(self) -> Mapping[str, DeviceRun]:
        """Return the last try at each device, as the database has it."""
        with use_rollouts(self.state) as store:
            return store.find_last_runs(self.record.id)

    def find_state(self) -> RolloutState:
        """Return how far the rollout is."""
        with use_rollouts(self.state) as store:
            return store.load_status(self.record.id).state

    def make_room(self) -> None:
        """Take away what fills the disk."""
        (find_database(self.state).parent / FILLER).unlink(missing_ok=True)

    def resume(self) -> None:
        """Let the rollout go on where it has stopped."""
        if self.find_state() is RolloutState.STOPPED:
            with use_rollouts(self.state) as store:
                resume_rollout(store, self.record.id, "chaos", self.clock.now())

    # --- what must be true ---

    def find_untrue(self) -> Iterator[str]:
        """Yield what the devices are in and must not be, and what the database says of them and is not so."""
        runs = self.list_runs()
        for name, one in self.devices.items():
            armed = one.is_armed()
            running = one.read_state()
            if running not in (self.old[name], self.new[name]) and not (armed or one.is_armed()):
                yield f"{name} is half made, and nothing is armed"
            run = runs.get(name)
            if run is not None and run.end is not None and run.attempted:
                if run.end.good:
                    self.good.setdefault(name, run.ended or self.clock.now())
                yield from find_lies(run, one, running, self.old[name], self.new[name])
            yield from self._find_second_changes(one)

    def _find_second_changes(self, one: LabDevice) -> Iterator[str]:
        """Yield what changed a device after it had ended well: a push that was sent, or flows that are younger."""
        ended = self.good.get(one.device.id)
        if ended is None:
            return
        late = [f"{when:%T.%f}" for when in self.transport.list_pushes(one.device.id) if when > ended]
        if late:
            yield f"{one.device.id} ended well at {ended:%T.%f}, and was sent a push at {late}"
        age = one.measure_youngest_flow()
        made = None if age is None else self.clock.now() - timedelta(seconds=age)
        if made is not None and made > ended:
            yield f"{one.device.id} ended well at {ended:%T.%f}, and has a flow of {made:%T.%f}"

    def find_lost(self) -> Iterator[str]:
        """Yield what is not as it must be once the rollout was carried on to its end."""
        state, runs = self.find_state(), self.list_runs()
        if state is not RolloutState.DONE:
            yield f"it is {state}, and nothing goes wrong any more"
        for name, one in self.devices.items():
            end = runs[name].end if name in runs else None
            if end is None or not end.good:
                yield f"{name} ended {end}, and nothing goes wrong any more"
            if one.read_state() != self.new[name] or one.read_boot_state() != self.new[name]:
                yield f"{name} does not run, or boot with, what is wanted"
            if one.is_armed() or one.is_locked():
                yield f"{name} is still armed, or held"


class TellsTruth(Protocol):
    """A device that is asked past all that the controller keeps."""

    def read_boot_state(self) -> DeviceState:
        """Return what it would boot with."""

    def is_armed(self) -> bool:
        """Whether it may still put an old state back by itself."""


def find_lies(
    run: DeviceRun, one: TellsTruth, running: DeviceState | None, old: DeviceState, new: DeviceState
) -> Iterator[str]:
    """Yield what was told of how a try ended and is not so, by what the device runs."""
    told = f"{run.device} told {run.end} ({run.reason}): "
    if run.end is not None and run.end.good:
        if running != new or one.read_boot_state() != new or one.is_armed():
            yield f"{told}it does not run, or boot with, what is wanted, or not for good"
    elif run.end is End.REVERTED and (running != old or one.is_armed()):
        yield f"{told}it is not in its old state, or not for good"
    elif run.end is End.FAILED and "not saved" in run.reason:
        if running != new or one.is_armed():
            yield f"{told}the change does not run, or not for good"
    elif run.end is End.FAILED and running != old:
        yield f"{told}something was changed"
    elif run.end is End.UNKNOWN and not run.reason:
        yield f"{told}it does not say why"


def draw_process(rng: random.Random, copy: Path) -> ChaosProcess:
    """Draw what a process meets: half of them are killed inside a push."""
    if rng.random() < 0.5:
        return ChaosProcess("kill", rng.randint(1, LAST_PUSH), copy, inside=rng.uniform(0, LONGEST_PUSH))
    return ChaosProcess(rng.choice(ACTS), rng.randint(1, LONGEST_MOMENT), copy)


def play_lab(
    seed: int, wanted: VirtualCity, layout: Layout, folder: Path, on_kill: OnKill = lambda _: None
) -> Iterator[str]:
    """Play a seed; yield what was told and is not true, or was true and must never be."""
    rng = random.Random(f"lab/{seed}")  # noqa: S311 the same chaos for the same seed
    with mount_small_disk(folder / "disk") as disk:
        try:
            played = LabChaos(rng, wanted, layout, disk, folder / "pushes", on_kill=on_kill)
            yield from _play_faults(played)
            yield from _play_calm(played)
        except TsunaguError as error:
            yield f"{error.__class__.__name__}: {error}"


def _play_faults(played: LabChaos) -> Iterator[str]:
    rng = played.rng
    for _ in range(rng.choice((1, 2, 2, 3))):
        process = draw_process(rng, played.copy)
        ended = played.run_process(process)
        inside = "" if process.inside is None else f" {process.inside:.3f} s after it was sent"
        at = f"{process.act} at {'moment' if process.inside is None else 'push'} {process.moment}{inside}: "
        played.make_room()
        if os.WIFEXITED(ended) and os.WEXITSTATUS(ended) == BROKEN:
            yield f"{at}a traceback"
        killed = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
        if killed and process.inside is not None:
            played.on_kill(process.moment)
        if os.WIFSIGNALED(ended) and not killed:
            yield f"{at}ended by {signal.Signals(os.WTERMSIG(ended)).name}"
        yield from (f"{at}{found}" for found in played.find_untrue())
        if rng.random() < 0.3:
            wait_until(lambda: not played.list_armed(), SETTLES_SECONDS)
            yield from (f"{at}once its restores have run, {found}" for found in played.find_untrue())


def _play_calm(played: LabChaos) -> Iterator[str]:
    for _ in range(MOST_ROUNDS):
        played.resume()
        ended = played.run_process(ChaosProcess("", 0, played.copy))
        if ended != ENDED:
            yield f"in the calm a process ended with {ended}"
            return
        yield from (f"in the calm: {found}" for found in played.find_untrue())
        if played.find_state().is_final:
            break
    yield from played.find_lost()
