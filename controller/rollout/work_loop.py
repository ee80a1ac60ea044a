"""The loop of a worker: whatever rollout has not ended is worked on, until the worker is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event

from controller.errors import RolloutRefused, StoreRefused, TsunaguError
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.workflow_engine import WorkflowEngine

LOOK_SECONDS = 1.0
"""How often a worker without work looks for some."""
AGAIN_SECONDS = 5.0
"""How long it waits after the database, or a rollout, let it do nothing."""
_OPEN = (RolloutState.RUNNING, RolloutState.PAUSED)


@dataclass
class WorkLoop:
    """Works on rollouts one after the other.

    `open_worker` becomes a worker, `prepare` judges a rollout for this process, `carry_out` works on it until it ends
    or the worker has to stop, and `say` is told in words what keeps the worker from its work. Whoever sets `stop`
    ends the loop.
    """

    open_worker: Callable[[], AbstractContextManager[tuple[WorkflowEngine, RolloutStore]]]
    prepare: Callable[[RolloutStore, str], RolloutScene]
    carry_out: Callable[[WorkflowEngine, RolloutStore, RolloutScene], object]
    say: Callable[[str], None]
    stop: Event = field(default_factory=Event)
    _said: str = ""

    def run(self, *, once: bool = False) -> None:
        """Work until `stop` is set; with `once` until no rollout is left that this worker can work on.

        Raises:
            RolloutRefused: another process is this worker.
            StoreRefused: the database cannot be used, at the very beginning.
        """
        began = False
        while not self.stop.is_set():
            try:
                with self.open_worker() as (engine, store):
                    began = True
                    while not self.stop.is_set() and not (store.lease and store.lease.is_lost):
                        if not self._work(engine, store) and once:
                            return
            except StoreRefused as error:
                if not began:
                    raise
                self._say_once(str(error))
                self.stop.wait(AGAIN_SECONDS)

    def _work(self, engine: WorkflowEngine, store: RolloutStore) -> bool:
        """Work on the rollout that has not ended, or wait for one; tell if there was one that could be worked on."""
        active = store.find_active()
        if active is None or store.load_status(active).state not in _OPEN:
            self.stop.wait(LOOK_SECONDS)
            return False
        try:
            self.carry_out(engine, store, self.prepare(store, active))
        except StoreRefused:
            raise
        except TsunaguError as error:
            # Revoked approvers, another estate, a broken workflow: asked again, since the operators may change it.
            self._say_once(f"the rollout {active} is not worked on here: {error}")
            self.stop.wait(AGAIN_SECONDS)
            return False
        return True

    def _say_once(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self.say(words)


def refuse_other_estate(estate: str, other: str, rollout: str) -> None:
    """Refuse to work on a rollout of another estate: a worker has the policy files and credentials of one.

    Raises:
        RolloutRefused: it is of another.
    """
    if estate != other:
        message = f"the rollout {rollout} is of the estate {other}, and this worker works for {estate}"
        raise RolloutRefused(message)
