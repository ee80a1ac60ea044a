"""Does to the real databases what the deployment says of them, as Cloud SQL would: in a thread of its own.

It looks at the world that the engine changed, and at nothing else. A region that is cut is left alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from controller.errors import LabError
from controller.lab.iap.deployed_access import DeploymentWatcher
from controller.lab.state.processes import wait_until
from controller.lab.trials.region.databases.deployed_pair import DeployedInstance, DeployedPair, find_deployed_pair

_LOOK_SECONDS = 0.1


class PairHands(Protocol):
    """What is done to real databases; names are those of the deployment's instances."""

    def exists(self, name: str) -> bool:
        """Whether there is a real one."""

    def is_standby(self, name: str) -> bool:
        """Whether it follows another one."""

    def create_primary(self, one: DeployedInstance) -> None:
        """Make one that is written to, empty."""

    def create_standby(self, one: DeployedInstance) -> None:
        """Copy its master, and let it follow."""

    def promote(self, name: str) -> None:
        """Let a standby be written to, whatever has become of its master."""

    def switch_over(self, old: str, new: str) -> None:
        """Turn a pair round, with nothing lost."""


class PairFollower:
    """Follows the deployment for the length of a `with` block; `moments` says when what was asked, and done."""

    def __init__(self, world: Path, application: str, hands: PairHands) -> None:
        self._world, self._application, self._hands = world, application, hands
        self._lost: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._fault: Exception | None = None
        self._settled = False
        self._pair: DeployedPair | None = None
        self.moments: dict[tuple[str, str], float] = {}
        self._thread = threading.Thread(target=self._run, name="pair follower", daemon=True)

    def __enter__(self) -> Self:
        """Begin to follow."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what is being done is waited for."""
        self._ended.set()
        self._thread.join()

    def lose(self, *locations: str) -> None:
        """Say which locations are cut: nothing is done there; none ends that."""
        with self._lock:
            self._lost = frozenset(locations)

    def wait_until_settled(self, expected: Callable[[DeployedPair], bool], seconds: float) -> DeployedPair:
        """Wait until the deployment is as expected and the real databases are as it says; return it.

        Raises:
            LabError: they are not in that time, or something could not be done to them.
        """

        def is_settled() -> bool:
            self._raise_fault()
            with self._lock:
                return self._settled and self._pair is not None and expected(self._pair)

        if not wait_until(is_settled, seconds) or self._pair is None:
            message = f"the databases of {self._application} are not as the deployment says after {seconds:.0f} s"
            raise LabError(message)
        return self._pair

    def get_moment(self, what: str, name: str) -> float:
        """Return when something was `asked` of an instance, or `done`.

        Raises:
            LabError: it was not.
        """
        self._raise_fault()
        if (what, name) not in self.moments:
            message = f"the deployment has never asked for a promotion of {name}"
            raise LabError(message)
        return self.moments[what, name]

    def _raise_fault(self) -> None:
        if self._fault is not None:
            message = f"the databases cannot be made what the deployment says: {self._fault}"
            raise LabError(message)

    def _run(self) -> None:
        try:
            watch = DeploymentWatcher(self._world, lambda world: find_deployed_pair(world, self._application))
            while not self._ended.is_set():
                pair = watch.now()[1]
                with self._lock:
                    lost = self._lost
                settled = not self._take_step(pair, lost)
                with self._lock:
                    self._pair, self._settled = pair, settled
                self._ended.wait(_LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 told in the thread that asks
            self._fault = error

    def _take_step(self, pair: DeployedPair, lost: frozenset[str]) -> bool:
        """Do one thing that is not yet as the deployment says; whether there was any."""
        step = choose_step(pair, lost, self._hands)
        if step is None:
            return False
        kind, one = step
        self.moments["asked", one.name] = time.monotonic()
        match kind:
            case "create":
                self._hands.create_primary(one)
            case "copy":
                self._hands.create_standby(one)
            case "promote":
                self._hands.promote(one.name)
            case _:
                self._hands.switch_over(find_former_primary(pair, one), one.name)
        self.moments["done", one.name] = time.monotonic()
        return True


def choose_step(pair: DeployedPair, lost: frozenset[str], hands: PairHands) -> tuple[str, DeployedInstance] | None:
    """Return the next thing to do, and to which instance: create, copy, promote, or switch over; None: all is done."""
    reached = {name: one for name, one in pair.instances.items() if one.location not in lost}
    for one in reached.values():
        if one.is_primary and not hands.exists(one.name):
            return "create", one
    for one in reached.values():
        if one.is_primary and hands.is_standby(one.name):
            return ("switch-over" if find_former_primary(pair, one) else "promote"), one
    for one in reached.values():
        if not one.is_primary and not hands.exists(one.name) and one.master in reached:
            return "copy", one
    return None


def find_former_primary(pair: DeployedPair, one: DeployedInstance) -> str:
    """Return the instance that follows this one from now on; "" where none does, so that it was promoted alone."""
    followers: Mapping[str, DeployedInstance] = pair.instances
    return next((name for name, other in followers.items() if other.master == one.name), "")
