"""A workflow engine whose process is killed at the boundaries of its steps, each once; a file remembers which."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from threading import Lock

from controller.rollout.durable.workflow_engine import WorkflowBody, WorkflowEngine, WorkflowStatus

_WORKFLOW: ContextVar[str] = ContextVar("workflow")


class Boundaries:
    """Kills this process the first time that a boundary is met, and notes it before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = Lock()

    def list_met(self) -> list[str]:
        return self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []

    def meet(self, name: str) -> None:
        with self._lock:
            if name in self.list_met():
                return
            with self._file.open("a", encoding="utf-8") as file:
                file.write(name + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.kill(os.getpid(), signal.SIGKILL)


class KillingEngine:
    """Kills before a step is done, and after it was done and before its end is kept."""

    def __init__(self, inner: WorkflowEngine, boundaries: Boundaries) -> None:
        self._inner = inner
        self._boundaries = boundaries

    def launch(self, bodies: Mapping[str, WorkflowBody], queues: Mapping[str, int]) -> None:
        self._inner.launch({name: partial(self._name_workflow, body) for name, body in bodies.items()}, queues)

    def _name_workflow(self, body: WorkflowBody, key: str) -> None:
        _WORKFLOW.set(key)
        body(key)

    def start_workflow(self, name: str, key: str, queue: str = "") -> None:
        self._inner.start_workflow(name, key, queue)

    def run_step(self, name: str, work: Callable[[], str]) -> str:
        step = f"{_WORKFLOW.get()} {name}"

        def do() -> str:
            self._boundaries.meet(f"before {step}")
            found = work()
            self._boundaries.meet(f"after {step}")
            return found

        return self._inner.run_step(name, do)

    def find_status(self, key: str) -> WorkflowStatus | None:
        return self._inner.find_status(key)

    def explain_broken(self, key: str) -> str:
        return self._inner.explain_broken(key)

    def stop(self) -> None:
        self._inner.stop()
