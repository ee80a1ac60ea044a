"""A durable rollout under chaos: processes that are killed, frozen, asked to end, or cannot write; then the truth.

The devices live here and outlive every process. After each one they are asked for their own truth; then the database
may be put back to a copy, or be cut off and put back; the clock goes on, or jumps. In the end all goes well again.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.operations import Operations
from controller.plan.verify import VerifiedDevice
from controller.rollout.durable.carry_out import find_database, resume_rollout, use_rollouts
from controller.rollout.durable.records import DeviceRun, RolloutState
from controller.rollout.durable.rollout_scene import GateScene, RolloutScene
from controller.rollout.durable.waves.wave_plan import build_waves
from controller.rollout.outcome import End
from controller.rollout.waves import Settings, build_changes
from tests.chaos.chaos_city import JUMPS, LONG, ChaosCity
from tests.chaos.durable_process import BROKEN, ENDED, REFUSED, ChaosProcess, draw_process
from tests.chaos.planned_rollout import add_planned_rollout
from tests.rollout.durable.city_scene import write_waves
from tests.rollout.durable.remote_devices import DeviceServer, RemoteClock, RemoteTransport
from tests.rollout.durable.test_copied_database import back_up, restore
from tests.rollout.memory_lab import derive_towards
from tests.rollout.wave_campaign import CHANGE, OLD, OVS, RESTORE_SECONDS, WANTED, plan_change
from tests.security.plan_scene import make_operations

MOST_ROUNDS = 4
"""So often a rollout that stopped is resumed in the end, with nothing going wrong any more."""

WAIT_HOURS = 4
"""So long a rollout waits for a device that does not answer, or that only an operator can bring back."""


def draw_operations(rng: random.Random, folder: Path) -> Operations:
    """Draw how the operators have their waves carried out."""
    failures, together = rng.choice((0, 0, 1, 9)), rng.choice((1, 2))
    waves = (
        {"name": "canary", "schools": "canary", "maximum-failures": failures},
        {"name": "rest", "schools": "rest", "maximum-failures": failures, "schools-at-once": together},
    )
    retry = {"first-minutes": 1, "longest-minutes": 60, "until-hours": WAIT_HOURS}
    return make_operations(folder, **write_waves(*waves, retry=retry))


@dataclass
class DurableChaos:
    """A seed's devices, rollout and database."""

    rng: random.Random
    city: City
    models: list[Device]
    folder: Path
    address: str = ""
    """Where the devices are served."""

    def __post_init__(self) -> None:
        self.chaos = ChaosCity(self.models)
        self.operations = draw_operations(self.rng, self.folder)
        self.verified = [VerifiedDevice(one, OVS, OLD, CHANGE) for one in self.models]
        self.plan = plan_change(self.city, self.verified, self.rng.choice(self.models).school.id)
        self.state, self.copy = self.folder / "state", self.folder / "copy.sqlite"
        waves = build_waves(self.city, self.plan.canary, self.verified, self.operations.rollout)
        self.record = add_planned_rollout(self.state, self.plan, waves, RESTORE_SECONDS, self.chaos.clock.now())
        self.began = self.chaos.clock.monotonic()
        """When the rollout began; no jump of the time of day changes that."""
        self.process_began = self.began
        self.tries: dict[tuple[str, datetime], float] = {}
        """When the process began that a try was first seen after, by device and by when it says that it began."""

    def run_process(self, process: ChaosProcess, address: str) -> int:
        """Run a process to its end; one that freezes goes on, or is killed, once every restore has run."""
        transport, clock = RemoteTransport(address, lambda *_: None), RemoteClock(address)
        settings = Settings(RESTORE_SECONDS, self.folder / "run", transport, clock, 1, derive_towards(WANTED))
        changes = {one.device.id: one for one in build_changes(self.city, self.plan, self.verified, settings)}
        scene = RolloutScene(self.record, self.city, self.operations, changes, clock, GateScene(transport, clock))
        self.process_began = self.chaos.clock.monotonic()
        child = process.run(scene, self.state)
        while True:
            _, ended = os.waitpid(child, os.WUNTRACED)
            if not os.WIFSTOPPED(ended):
                return ended
            self.chaos.clock.sleep(self.rng.choice((0.5, 1.5)) * RESTORE_SECONDS)
            os.kill(child, self.rng.choice((signal.SIGCONT, signal.SIGCONT, signal.SIGKILL)))

    def list_runs(self) -> dict[str, DeviceRun]:
        """Return the last try at each device, as the database has it."""
        with use_rollouts(self.state) as store:
            return dict(store.find_last_runs(self.record.id))

    def find_state(self) -> RolloutState:
        """Return how far the rollout is."""
        with use_rollouts(self.state) as store:
            return store.load_status(self.record.id).state

    def resume(self) -> None:
        """Let the rollout go on where it has stopped."""
        if self.find_state() is RolloutState.STOPPED:
            with use_rollouts(self.state) as store:
                resume_rollout(store, self.record.id, "chaos", self.chaos.clock.now())

    def find_untrue(self) -> Iterator[str]:
        """Yield what the devices are in and must not be, and what the database says of them and is not so."""
        yield from self.chaos.find_violations()
        with use_rollouts(self.state) as store:
            for run in store.list_runs(self.record.id):
                self.tries.setdefault((run.device, run.begun), self.process_began)
        for name, run in self.list_runs().items():
            if run.end is not None and run.attempted:
                yield from self.chaos.find_lies(name, run.end, run.reason)
            if run.end is End.UNKNOWN and not run.unreached and not self._has_armed(run):
                yield f"{name} told unknown ({run.reason}): no change of it has begun"

    def _has_armed(self, run: DeviceRun) -> bool:
        """Tell if a restore was armed since the process began whose try it is: an older try's arm excuses nothing."""
        since = self.tries[run.device, run.begun]
        return any(one.verb == "arm" and one.at >= since for one in self.chaos.devices[run.device].exchanges)

    def damage(self) -> Iterator[str]:
        """Put the database back to a copy, or cut it off, let a process meet that, and put back what it was."""
        database = find_database(self.state)
        if self.copy.exists() and self.rng.random() < 0.5:
            restore(database, self.copy)
        elif self.rng.random() < 0.2:
            whole = self.folder / "whole.sqlite"
            whole.unlink(missing_ok=True)
            back_up(database, whole)
            restore(database, whole)
            length = self.rng.randint(0, whole.stat().st_size // 4096 - 1) * 4096
            os.truncate(database, length)
            ended = self.run_process(ChaosProcess("", 0, self.copy), self.address)
            if not os.WIFEXITED(ended) or os.WEXITSTATUS(ended) != REFUSED:
                yield f"a database that was cut off after {length} bytes led to {ended}"
            if database.stat().st_size != length:
                yield "a database that was cut off was not left as it is"
            restore(database, whole)


def play_durable(seed: int, city: City, models: list[Device], folder: Path) -> Iterator[str]:
    """Play a seed; yield what was told and is not true, or was true and must never be."""
    rng = random.Random(f"durable/{seed}")  # noqa: S311 the same chaos for the same seed
    played = DurableChaos(rng, city, models, folder)
    server = DeviceServer(played.chaos, folder / "devices")
    played.address = server.address
    try:
        yield from play_faults(played)
        yield from play_calm(played)
    finally:
        server.close()


def play_faults(played: DurableChaos) -> Iterator[str]:
    """Play processes that something happens to; yield what is not true after each."""
    rng, chaos = played.rng, played.chaos
    for _ in range(rng.choice((1, 1, 2, 3))):
        chaos.begin_process(rng, calm=False)
        process = draw_process(rng, played.copy)
        ended = played.run_process(process, played.address)
        at = f"{process.act or 'nothing'} at {process.moment}: "
        if os.WIFEXITED(ended) and os.WEXITSTATUS(ended) == BROKEN:
            yield f"{at}a traceback"
        if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) != signal.SIGKILL:
            yield f"{at}ended by {signal.Signals(os.WTERMSIG(ended)).name}"
        yield from (f"{at}{found}" for found in played.find_untrue())
        yield from (f"{at}{found}" for found in played.damage())
        chaos.clock.sleep(rng.choice((0.0, 1.0, 30.0, 90.0)))
        yield from (f"{at}{found}" for found in chaos.find_violations())
        if rng.random() < 0.2:
            chaos.clock.jumped = timedelta(seconds=rng.choice(JUMPS))


def play_calm(played: DurableChaos) -> Iterator[str]:
    """Let all go well until the rollout has ended; yield what is not true, or not done, then."""
    chaos = played.chaos
    chaos.clock.sleep(LONG)
    chaos.repair_devices()
    for _ in range(MOST_ROUNDS):
        played.resume()
        chaos.begin_process(played.rng, calm=True)
        process = ChaosProcess("", 0, played.copy)
        process.words.unlink(missing_ok=True)
        ended = played.run_process(process, played.address)
        if ended != ENDED:
            why = process.words.read_text("utf-8") if process.words.exists() else "and left no words"
            yield f"in the calm a process ended with {ended}: {why}"
            return
        yield from (f"in the calm: {found}" for found in played.find_untrue())
        if played.find_state().is_final:
            break
    chaos.clock.sleep(LONG)
    yield from chaos.find_unsettled()
    yield from _find_lost(played)


def _find_lost(played: DurableChaos) -> Iterator[str]:
    """Yield which devices the rollout has left otherwise than it says."""
    state, runs = played.find_state(), played.list_runs()
    if not state.is_final:
        yield f"it is {state}, and nothing goes wrong any more"
    for name in played.chaos.devices:
        end = runs[name].end if name in runs else None
        if end is None and state is not RolloutState.CANCELLED:
            yield f"{name} is lost: nothing says how it ended"
        late = played.chaos.clock.monotonic() - played.began > WAIT_HOURS * 3600
        if end is End.UNKNOWN and state is not RolloutState.CANCELLED and not late:
            yield f"{name} is unknown, though it answers"
    allowed = played.operations.rollout.waves[0].maximum_failures
    if state is RolloutState.DONE and not allowed:
        yield from played.chaos.find_unfinished({name: run.end for name, run in runs.items() if run.end is not None})
