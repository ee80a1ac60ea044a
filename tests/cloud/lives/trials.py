"""Each failure in each state of each stack: what was wrong afterwards, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.injected_faults import FaultRule
from tests.cloud.lives.stack_life import DO, KEPT, PlannedStep, StackLife
from tests.cloud.lives.states import KEY, STATES, StackState

KILL = "kill -9"
FAILURES: Mapping[str, str] = {
    "none": "",
    "409": "conflict",
    "429": "rate",
    "503": "unavailable",
    "partial creation": "partial",
    KILL: "hang",
}
"""How a person calls a failure, and the offline Google's word for it."""
INJECTED = "injected"
STAYS_BEHIND = frozenset({SERVICE, KEY, "gcp:kms/keyRing:KeyRing"})
"""What Google never forgets, or what is left switched on, after the lab was destroyed."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One cell of the table."""

    stack: str
    state: str
    failure: str

    def __str__(self) -> str:
        return f"{self.stack}, {self.state}, {self.failure}"


def list_trials() -> list[Trial]:
    """Return the whole table; where Google brings a state about alone, or all goes away, nothing can be half made."""
    return [
        Trial(stack, name, failure)
        for name, state in STATES.items()
        for stack in state.stacks
        for failure, fault in FAILURES.items()
        if not (fault == "partial" and (state.is_googles or state.only_removes))
    ]


def prepare(stack: str, state: StackState, folder: Path) -> StackLife:
    """Deploy what comes before a state; each deployment must end in an empty preview.

    Raises:
        AssertionError: one did not.
    """
    life = StackLife(stack, folder)
    for move in state.before:
        move(life)
        wrong = [*find_undeployed(life)]
        assert not wrong, wrong
    return life


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where each trial of a state begins: all that leads into the state is changed, and nothing of it is deployed.

    `kept` is what held data before, `steps` what a preview says.
    """

    life: StackLife
    kept: frozenset[tuple[str, str]]
    steps: Sequence[PlannedStep]

    def find_taken_away(self) -> Iterator[str]:
        """Yield what the preview would delete or replace although it holds data."""
        return find_taken_away(self.steps)


def lead_into(stack: str, state: StackState, folder: Path) -> Beginning:
    """Deploy what comes before a state, and change what leads into it.

    Raises:
        AssertionError: a deployment did not end in an empty preview, or the last change is refused.
    """
    life = prepare(stack, state, folder)
    kept = frozenset(life.list_kept())
    state.last(life)
    return Beginning(life, kept, life.preview())


def play_trial(beginning: Beginning, trial: Trial, rng: Random, folder: Path) -> Iterator[str]:
    """Yield what is wrong after a state was reached through a failure."""
    state, fault = STATES[trial.state], FAILURES[trial.failure]
    life = beginning.life.copy(folder)
    command = "refresh" if state.is_googles else "up"
    if fault:
        yield from _fail(life, command, _choose_call(beginning.steps, state, fault, rng))
    yield from find_undeployed(life, command)
    if not life.lost:
        yield from find_changes_after_refresh(life)
    elif life.count_faults().get("lost"):
        yield f"{life.count_faults()['lost']} calls were made to the lost region"
    gone = beginning.kept - life.list_kept()
    if gone:
        yield f"gone: {sorted(gone)}"
    if not life.lost:
        yield from _find_left_or_destroyed(life)


def find_taken_away(steps: Iterable[PlannedStep]) -> Iterator[str]:
    """Yield what a preview would delete or replace although it holds data."""
    yield from (
        f"the preview would {one.call} {one.type} {one.name}" for one in steps if one.takes_away and one.type in KEPT
    )


def find_undeployed(life: StackLife, command: str = "up") -> Iterator[str]:
    """Deploy; yield why that, or an empty preview after it, failed."""
    deployed = life.run(command, *DO)
    if deployed.returncode:
        yield f"{command}: {deployed.stdout[-3000:]}"
        return
    yield from _find_changes(life)


def find_changes_after_refresh(life: StackLife) -> Iterator[str]:
    """Refresh; yield why that, or an empty preview after it, failed."""
    refreshed = life.run("refresh", *DO)
    if refreshed.returncode:
        yield f"refresh: {refreshed.stdout[-3000:]}"
        return
    yield from _find_changes(life)


def _find_changes(life: StackLife) -> Iterator[str]:
    shown = life.run("preview", "--diff", "--expect-no-changes")
    if shown.returncode:
        yield f"the preview is not empty: {shown.stdout[-3000:]}"


def _find_left_or_destroyed(life: StackLife) -> Iterator[str]:
    """The lab is destroyed; of the others nothing is, and that is said."""
    before = life.list_resources()
    if life.name == "lab":
        destroyed = life.run("destroy", *DO)
        left = {token for token, _, _ in life.list_resources()} - STAYS_BEHIND
        if destroyed.returncode or left:
            yield f"destroy left {sorted(left)}: {destroyed.stdout[-3000:]}"
        return
    refused = life.run("destroy", "--yes")
    if not refused.returncode or life.list_resources() != before:
        yield f"destroy was not refused, or removed something: {refused.stdout[-3000:]}"


def _choose_call(planned: Iterable[PlannedStep], state: StackState, fault: str, rng: Random) -> FaultRule:
    """Return a rule that meets one of the calls which the way into the state makes."""
    if state.is_googles:
        return FaultRule(INJECTED, fault, call="read", type=KEY, times=1)
    calls = ("create", "update") if fault == "partial" else ("create", "update", "delete")
    steps = [
        (call, step)
        for step in planned
        for call in ([step.call] if step.call != "replace" else ["create", "delete"])
        if call in calls
    ]
    call, step = rng.choice(steps)
    return FaultRule(INJECTED, fault, call=call, type=step.type, resource=step.name, times=1)


def _fail(life: StackLife, command: str, rule: FaultRule) -> Iterator[str]:
    """Run into a failure; the engine must say it, and a killed one's next start must repair what it left."""
    if rule.fault == "hang":
        if not life.kill(command, rule):
            yield f"the engine ended before it came to {rule}"
        life.repair()
        return
    failed = life.run(command, *DO, fault=rule)
    if not failed.returncode or f"(injected: {INJECTED})" not in failed.stdout:
        yield f"{rule} was not said: {failed.stdout[-3000:]}"
