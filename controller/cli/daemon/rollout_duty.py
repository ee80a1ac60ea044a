"""The daemon's duty to carry out rollouts: as a worker does, as long as the operators' file of today allows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event

from controller.cli.rollouts.estate_rollouts import EstateRollouts
from controller.cli.rollouts.worker import carry_out_here, choose_worker_name, prepare_resumption
from controller.errors import DaemonRefused
from controller.model.sites.devices import EstateName
from controller.operations.daemon_settings import DaemonChanges
from controller.platforms.transport.base import Clock, SystemClock
from controller.rollout.durable.carry_out import become_worker, is_worked_on, use_rollouts
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.rollout_worker import RolloutWorker
from controller.rollout.durable.workflow_engine import WorkflowEngine
from controller.rollout.work_loop import WorkLoop, find_open_rollout, find_pause_after, refuse_other_estate

_LONGEST_HOST = 56


@dataclass
class RolloutDuty:
    """Carries out whatever rollout has not ended.

    `find_place` says where rollouts stand, by the operators' file of today; `say` is the log.
    """

    estate: EstateName
    find_place: Callable[[], EstateRollouts]
    say: Callable[[str], None]
    clock: Clock = field(default_factory=SystemClock)
    _halt: Event = field(default_factory=Event)
    _worker: RolloutWorker | None = None
    _refused: str = ""
    """The rollout that could not be worked on the last time; why, how often, and when it is tried again."""
    _why: str = ""
    _times: int = 0
    _again: float = 0.0

    def work(self, stop: Event) -> str:
        """Carry out what there is, as `tsunagu rollout worker --once` does.

        Raises:
            DaemonRefused: a rollout cannot be worked on; says why.
        """
        self._halt.clear()
        # Asked after that: whoever wants the end says it to the one or to the other.
        place = self.find_place()
        if stop.is_set() or place.operations.daemon.changes is DaemonChanges.REPORT:
            return ""
        with _open_store(place) as store:
            rollout = find_open_rollout(store)
            others = not store.is_shared and is_worked_on(store, place.folder)
        if rollout is None or others:
            return ""
        if rollout == self._refused and self.clock.monotonic() < self._again:
            raise DaemonRefused(self._why)
        self._note(rollout, self._take_turn(place))
        return ""

    def heed_changes(self, stop: Event) -> str:
        """Let no further device begin where the operators' file of today allows reports only; say so."""
        del stop
        if self.find_place().operations.daemon.changes is not DaemonChanges.REPORT or self._worker is None:
            return ""
        self.stop_worker()
        return "report: the rollout is left alone; devices that have begun are brought to their ends"

    def stop_worker(self) -> None:
        """Let no further device begin; those that have begun are brought to their ends."""
        self._halt.set()
        if (worker := self._worker) is not None:
            worker.stop.set()

    def _take_turn(self, place: EstateRollouts) -> str:
        """Work until nothing is left or something keeps this process from it; return what, "" for nothing."""
        said = list[str]()

        def prepare(store: RolloutStore, rollout: str) -> RolloutScene:
            refuse_other_estate(self.estate, store.load_record(rollout).estate, rollout)
            scene = prepare_resumption(store, rollout, self.find_place())
            self.say(f"rollouts: {rollout} is carried out")
            return scene

        def give_up(words: str) -> None:
            said.append(words)
            self._halt.set()  # the schedule tries it again, and tells it until then

        loop = WorkLoop(
            lambda: _open_store(place),
            lambda: _open_worker(place),
            prepare,
            lambda engine, store, scene: self._carry_out(engine, store, scene, place),
            give_up,
            shares_work=place.server is not None,
            clock=self.clock,
            stop=self._halt,
        )
        loop.work_until_stopped(once=True)
        return said[-1] if said else ""

    def _carry_out(
        self, engine: WorkflowEngine, store: RolloutStore, scene: RolloutScene, place: EstateRollouts
    ) -> None:
        try:
            carry_out_here(engine, store, scene, place, self.clock.now(), self._take_worker)
        finally:
            self._worker = None
        status = store.load_status(scene.record.id)
        self.say(f"rollouts: {scene.record.id} is {status.state} {status.reason}".rstrip())

    def _take_worker(self, worker: RolloutWorker) -> None:
        self._worker = worker
        if self._halt.is_set():
            worker.stop.set()

    def _note(self, rollout: str, why: str) -> None:
        """Remember that a rollout could not be worked on: it is tried again later, the later the more often that was.

        Raises:
            DaemonRefused: it could not.
        """
        if not why:
            self._refused, self._why, self._times = "", "", 0
            return
        self._times = self._times + 1 if rollout == self._refused else 1
        self._refused, self._why = rollout, why
        self._again = self.clock.monotonic() + find_pause_after(self._times)
        raise DaemonRefused(why)


def choose_daemon_worker_name(place: EstateRollouts) -> str:
    """Return the name that the daemon works under: on a shared database its own, beside the machine's other worker."""
    name = choose_worker_name(place)
    return name if place.server is None else f"{name[:_LONGEST_HOST].strip('-')}-daemon"


def _open_store(place: EstateRollouts) -> AbstractContextManager[RolloutStore]:
    return use_rollouts(place.folder, create=True, server=place.server)


def _open_worker(place: EstateRollouts) -> AbstractContextManager[tuple[WorkflowEngine, RolloutStore]]:
    return become_worker(place.folder, server=place.server, name=choose_daemon_worker_name(place))
