"""The port to a durable workflow engine: what a rollout asks of it, and nothing more.

A workflow is a function that is begun once under a key and is carried on after a crash until it returns. What it does
to the world it does in steps. The result of a step that has ended is kept: when the workflow is carried on, the step is
not done again. A step that was broken off is done again, so it must read first (at least once, never "exactly once").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

WorkflowBody = Callable[[str], None]
"""What a workflow does; it is given its own key."""


class WorkflowStatus(StrEnum):
    """How far a workflow is."""

    PENDING = "pending"
    DONE = "done"
    BROKEN = "broken"


class WorkerStopped(BaseException):
    """This process stops working on workflows; whoever raises it in a step leaves the step to the next process.

    No `Exception`: nothing on the way may take it for the end of the step.
    """


class WorkflowEngine(Protocol):
    """A durable workflow engine."""

    def launch(self, bodies: Mapping[str, WorkflowBody], queues: Mapping[str, int]) -> None:
        """Begin to work, and carry on what this worker was broken off in.

        `bodies` are the workflows by their name, `queues` how many workflows of a queue run side by side.
        """

    def start_workflow(self, name: str, key: str, queue: str = "") -> None:
        """Begin a workflow, in a queue where one is named; where one of this key was begun before, nothing is done."""

    def run_step(self, name: str, work: Callable[[], str]) -> str:
        """Return what a step of a workflow has led to, doing it if it has not ended before."""

    def find_status(self, key: str) -> WorkflowStatus | None:
        """Return how far a workflow is; None where none was begun under this key."""

    def explain_broken(self, key: str) -> str:
        """Return what broke a workflow, in words; "" where nothing is known of it."""

    def stop(self) -> None:
        """Work no more; what has not ended is carried on by the next process."""
