"""The loop of a worker: whatever rollout has not ended is worked on, until the worker is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event

from controller.errors import RolloutRefused, StoreRefused, TsunaguError
from controller.platforms.transport.base import Clock, SystemClock
from controller.rollout.durable.carry_out import WORKER
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.workflow_engine import WorkflowEngine

LOOK_SECONDS = 1.0
"""How often a worker without work looks for some."""
AGAIN_SECONDS = 5.0
"""How long it waits after the database, or a rollout, let it do nothing; twice as long each further time."""
MOST_AGAIN_SECONDS = 60.0


@dataclass
class WorkLoop:
    """Works on rollouts one after the other.

    `open_store` opens the rollouts to look at them, `open_worker` becomes a worker, `prepare` judges a rollout for this
    process, `carry_out` works on it until it ends or the worker has to stop, and `say` is told in words what keeps the
    worker from its work. Whoever sets `stop` ends the loop.

    `shares_work`: many work on a rollout side by side, so each is one all the time. Else only one process can be the
    worker, and is it while it works: whoever starts a rollout meanwhile finds nobody in its way.
    """

    open_store: Callable[[], AbstractContextManager[RolloutStore]]
    open_worker: Callable[[], AbstractContextManager[tuple[WorkflowEngine, RolloutStore]]]
    prepare: Callable[[RolloutStore, str], RolloutScene]
    carry_out: Callable[[WorkflowEngine, RolloutStore, RolloutScene], object]
    say: Callable[[str], None]
    shares_work: bool = False
    clock: Clock = field(default_factory=SystemClock)
    stop: Event = field(default_factory=Event)
    worked_on: list[str] = field(default_factory=list)
    """The rollouts that it has worked on, or was to and could not, the oldest first."""
    _said: str = ""
    _began: bool = False
    _refused: int = 0
    """How often the same rollout was not worked on, one time after the other."""

    def work_until_stopped(self, *, once: bool = False) -> None:
        """Work until `stop` is set; with `once` until no rollout is left that this worker can work on.

        Raises:
            RolloutRefused: another process is this worker.
            StoreRefused: the database cannot be used, at the very beginning; with `once` at any time.
        """
        while not self.stop.is_set():
            try:
                if self._take_turns(once=once):
                    return
            except StoreRefused as error:
                if once or not self._began:
                    raise
                self._say_once(str(error))
                self.stop.wait(AGAIN_SECONDS)

    def _take_turns(self, *, once: bool) -> bool:
        """Work on one rollout after the other; tell if that was all of them."""
        if not self.shares_work:
            with self.open_store() as store:
                self._began = True
                while not self.stop.is_set():
                    if (rollout := find_open_rollout(store)) is not None and self._work_alone(rollout, once=once):
                        continue
                    if once:
                        return True
                    self._pause(rollout)
            return False
        with self.open_worker() as (engine, store):
            self._began = True
            while not self.stop.is_set() and not (store.lease and store.lease.is_lost):
                if (rollout := find_open_rollout(store)) is not None and self._work(engine, store, rollout):
                    continue
                if once:
                    return True
                self._pause(rollout)
        return False

    def _pause(self, rollout: str | None) -> None:
        """Wait until rollouts are looked at again: the longer, the more often the last one was not worked on."""
        self.stop.wait(LOOK_SECONDS if rollout is None else find_pause_after(self._refused))

    def _work_alone(self, rollout: str, *, once: bool) -> bool:
        """Become the worker, work on a rollout, and be it no longer; tell if it could be worked on."""
        try:
            with self.open_worker() as (engine, store):
                # Whoever was the worker until now may have ended it.
                return find_open_rollout(store) != rollout or self._work(engine, store, rollout)
        except RolloutRefused as error:
            if once:
                raise
            self._say_once(str(error))
            return False

    def _work(self, engine: WorkflowEngine, store: RolloutStore, rollout: str) -> bool:
        """Work on a rollout; tell if it could be worked on."""
        if rollout != (self.worked_on or [""])[-1]:
            self._refused = 0
        if rollout not in self.worked_on:
            self.worked_on.append(rollout)
        try:
            self.carry_out(engine, store, self.prepare(store, rollout))
        except StoreRefused:
            raise
        except TsunaguError as error:
            # Revoked approvers, another estate, a broken workflow: asked again, since the operators may change it.
            self._say_once(f"the rollout {rollout} is not worked on here: {error}")
            self._refused += 1
            worker = store.lease.name if store.lease else WORKER
            HeartbeatStore(store).note_refusal(rollout, worker, str(error), self.clock.now())
            return False
        self._refused = 0
        return True

    def _say_once(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self.say(words)


def find_pause_after(refusals: int) -> float:
    """Return how many seconds a rollout is left alone after it could not be worked on so often, one after the other.

    >>> [find_pause_after(refusals) for refusals in (1, 2, 3, 50)]
    [5.0, 10.0, 20.0, 60.0]
    """
    return min(MOST_AGAIN_SECONDS, AGAIN_SECONDS * 2.0 ** max(0, min(refusals, 10) - 1))


def find_open_rollout(store: RolloutStore) -> str | None:
    """Return the rollout that can be worked on now; None where all have ended, or the one that has not is stopped."""
    active = store.find_active()
    return active if active is not None and store.load_status(active).state.goes_on else None


def refuse_other_estate(estate: str, other: str, rollout: str) -> None:
    """Refuse to work on a rollout of another estate: a worker has the policy files and credentials of one.

    Raises:
        RolloutRefused: it is of another.
    """
    if estate != other:
        message = f"the rollout {rollout} is of the estate {other}, and this worker works for {estate}"
        raise RolloutRefused(message)
