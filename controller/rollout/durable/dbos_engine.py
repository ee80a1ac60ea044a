"""The workflow engine by DBOS, which keeps workflows in the database of rollouts. One in a process.

DBOS sends nothing anywhere here: no key of its hosted service, no telemetry, no log; it opens no port.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, _dbos
from dbos._queue import queue_thread
from dbos._serialization import DefaultSerializer
from sqlalchemy.exc import SQLAlchemyError

from controller.inputs.bounded_json import parse_json
from controller.rollout.durable.database import explain_database_error
from controller.rollout.durable.workflow_engine import WorkflowBody, WorkflowStatus

APPLICATION = "tsunagu"
VERSION = "4"
"""The version of the workflows: DBOS carries on only those of the same one. Raise it where their steps change."""
POLL_SECONDS = 0.25
"""How often a queue is looked at: a school begins so much later than it could, and each look costs a statement."""
_LISTEN_SECONDS = 0.1
"""How often the library looks for messages between workflows, in memory; ours send none, and its end waits for this."""
_ERROR = "error of a workflow"
_NEVER_SECONDS = 86_400.0
_STATES = {"SUCCESS": WorkflowStatus.DONE}
_ALIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})


class DbosEngine:
    """DBOS behind `WorkflowEngine`; `worker` names this process, the same after it was started anew."""

    def __init__(self, database: sa.Engine, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._workflows: dict[str, Callable[[str], None]] = {}
        self._launched = False
        self._launching = Lock()

    def launch(self, bodies: Mapping[str, WorkflowBody], queues: Mapping[str, int]) -> None:
        """See `WorkflowEngine.launch`."""
        _silence_logs()
        refuse_pickles()
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_engine": self._database,
            "system_database_url": self._database.url.render_as_string(hide_password=True),
            "application_version": VERSION,
            "executor_id": self._worker,
            "serializer": JsonSerializer(),
            "enable_otlp": False,
            "use_listen_notify": False,
            "log_level": "CRITICAL",
            "notification_listener_polling_interval_sec": _LISTEN_SECONDS,
            "scheduler_polling_interval_sec": _NEVER_SECONDS,
        }
        DBOS(config=config)
        for name, body in bodies.items():
            self._workflows[name] = DBOS.workflow(name=name)(_as_function(body))
        with _in_our_words(), _look_for_queues_afterwards():
            DBOS.launch()
            for queue, together in queues.items():
                DBOS.register_queue(
                    queue,
                    worker_concurrency=together,
                    global_concurrency=together,
                    polling_interval_sec=POLL_SECONDS,
                    on_conflict="always_update",
                )
        with self._launching:
            self._launched = True

    def take_over(self, alive: Collection[str]) -> None:
        """Put what workers that are not alive have left in the middle back into its queue, for whoever takes it."""
        with self._launching, _in_our_words():
            if not self._launched:
                return
            left = DBOS.list_workflows(status="PENDING", app_version=VERSION, load_input=False, load_output=False)
            dead = sorted({one.executor_id for one in left if one.executor_id} - {*alive, self._worker})
            if dead:
                # Not `resume_workflow`: that would begin anew also what another worker has just taken over. This one
                # leaves alone whatever is not with a dead worker any more, in one statement.
                DBOS._recover_pending_workflows(dead)  # noqa: SLF001 the library has no public name for it

    def start_workflow(self, name: str, key: str, queue: str = "") -> None:
        """See `WorkflowEngine.start_workflow`."""
        with _in_our_words(), SetWorkflowID(key):
            if queue:
                DBOS.enqueue_workflow(queue, self._workflows[name], key)
            else:
                DBOS.start_workflow(self._workflows[name], key)

    def run_step(self, name: str, work: Callable[[], str]) -> str:
        """See `WorkflowEngine.run_step`."""
        with _in_our_words():
            return DBOS.run_step({"name": name}, work)

    def find_status(self, key: str) -> WorkflowStatus | None:
        """See `WorkflowEngine.find_status`."""
        with _in_our_words():
            found = DBOS.get_workflow_status(key)
        if found is None:
            return None
        if found.app_version not in (None, VERSION):
            # Of another version of Tsunagu, whose steps are not these: it is not carried on, and left as it is.
            return _STATES.get(found.status, WorkflowStatus.BROKEN)
        if found.status in _ALIVE:
            return WorkflowStatus.PENDING
        return _STATES.get(found.status, WorkflowStatus.BROKEN)

    def explain_broken(self, key: str) -> str:
        """See `WorkflowEngine.explain_broken`."""
        with _in_our_words():
            found = DBOS.get_workflow_status(key)
        return "" if found is None or found.error is None else str(found.error)

    def stop(self) -> None:
        """See `WorkflowEngine.stop`."""
        with self._launching:
            self._launched = False
        DBOS.destroy(destroy_registry=True)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise explain_database_error(error) from None


@contextmanager
def _look_for_queues_afterwards() -> Iterator[None]:
    """Let DBOS look for queues only once the block has registered them.

    It looks when it is launched, and then once a second: the first rollout of a database would begin so much later.
    """
    registered = Event()

    def look(stop: Event, dbos: DBOS) -> None:
        registered.wait()
        queue_thread(stop, dbos)

    vars(_dbos)["queue_thread"] = look
    try:
        yield
    finally:
        vars(_dbos)["queue_thread"] = queue_thread
        registered.set()


def _as_function(body: WorkflowBody) -> Callable[[str], None]:
    """Return a plain function: DBOS takes a method for one of a class that it must know."""

    def run(key: str) -> None:
        body(key)

    return run


def _silence_logs() -> None:
    """Keep the library's log from the terminal: what it says may hold values of ours, and points to a service."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = False


class JsonSerializer(Serializer):
    """Writes plain values as JSON; an error as its words."""

    def serialize(self, data: Any) -> str:  # noqa: ANN401 the library's own signature
        """Return a value as JSON."""
        if isinstance(data, BaseException):
            data = {_ERROR: f"{type(data).__name__}: {data}"}
        return json.dumps(data, ensure_ascii=False)

    def deserialize(self, serialized_data: str) -> Any:  # noqa: ANN401 the library's own signature
        """Return the value; an error of a workflow as a RuntimeError."""
        value = parse_json(serialized_data.encode())
        if isinstance(value, dict) and set(value) == {_ERROR}:
            return RuntimeError(value[_ERROR])
        return value

    def name(self) -> str:
        """Return what stands beside each value in the database."""
        return "tsunagu_json"


def refuse_pickles() -> None:
    """Let nothing in the database be unpickled: the library would, wherever a row says that it is a pickle."""

    def refuse(cls: DefaultSerializer, serialized_data: str) -> Any:  # noqa: ANN401 the library's own signature
        del cls, serialized_data
        message = "a value in the database of rollouts is a pickle, and Tsunagu writes none: it is not read"
        raise TypeError(message)

    DefaultSerializer.deserialize = refuse  # type: ignore[method-assign]
