"""`tsunagu run`: the daemon that reads drift, measures, and rolls out within the operators' limits."""

from __future__ import annotations

from contextlib import suppress
from threading import Event
from typing import Annotated

import typer
from typing_extensions import TypedDict

from controller.cli.audit import open_audit_trail, record_end
from controller.cli.daemon.duties import DaemonDuties
from controller.cli.estates import find_user_name
from controller.cli.measurement.probe_measurements import DEFAULT_MONITOR_STORE, MonitorStore
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies, State, choose_estate_class
from controller.cli.output import print_line, say_json_line
from controller.daemon.daemon_lock import become_daemon
from controller.daemon.health_endpoint import HOST, PATH, serve_health
from controller.daemon.scheduler import Scheduler
from controller.platforms.transport.base import SystemClock
from controller.rollout.ending_signals import hear_signals
from controller.storage.audit.audit_trail import AuditKind

HealthPort = Annotated[
    int,
    typer.Option("--health-port", min=0, max=65535, help="Port of the health endpoint on 127.0.0.1; 0: a free one."),
]
DEFAULT_HEALTH_PORT = 8601


class RunEvent(TypedDict):
    """A line of the daemon's log."""

    at: str
    said: str


def run(  # noqa: PLR0913 the options of a command
    *,
    policies: Policies = DEFAULT_POLICIES,
    state: State = None,
    lab: Lab = False,
    monitor_store: MonitorStore = DEFAULT_MONITOR_STORE,
    health_port: HealthPort = DEFAULT_HEALTH_PORT,
    as_json: Json = False,
) -> None:
    """Run the daemon: read drift and measure again and again, and roll out what the operators' file allows.

    Without `daemon: {changes: ...}` in the operators' file it reports and changes nothing. Ctrl-C, SIGTERM and SIGHUP
    end it: devices that have begun are brought to their ends. With --json a line for each event.
    """
    clock, user = SystemClock(), find_user_name()

    def say(words: str) -> None:
        """Say a line of the log; a terminal that was closed hears nothing, and stops nothing."""
        with suppress(OSError):
            if as_json:
                event: RunEvent = {"at": clock.now().isoformat(timespec="seconds"), "said": words}
                say_json_line({**event}, form="run-event")
            else:
                print_line(f"{clock.now():%Y-%m-%d %H:%M:%S} {words}")

    named = None if monitor_store == DEFAULT_MONITOR_STORE else monitor_store
    duties = DaemonDuties(choose_estate_class(lab=lab).estate, policies, state, say, clock, named)
    stop = Event()

    def end_daemon(name: str) -> None:
        say(f"{name}: ends; devices that have begun are brought to their ends")
        stop.set()
        duties.stop_workers()

    # From before the beginning until behind the end is recorded: a signal at any moment between ends it in order.
    with hear_signals(end_daemon):
        place = duties.find_place()
        trail = open_audit_trail(place.folder, place.operations)

        def keep_fault(duty: str, fault: str) -> None:
            trail.record(AuditKind.DAEMON, duty=duty, fault=fault, by=user)

        with become_daemon(place.folder):
            changes = place.operations.daemon.changes
            scheduler = Scheduler(duties.list_duties(place.operations), clock, say, keep_fault, stop)
            trail.record(AuditKind.DAEMON, change="begun", changes=changes, by=user)
            with serve_health(health_port, lambda: not scheduler.find_faults()) as port:
                say(f"begun; changes: {changes}; health: http://{HOST}:{port}{PATH.decode()}")
                scheduler.run()
            with record_end(trail, AuditKind.DAEMON, change="ended", by=user):
                say("ended")
