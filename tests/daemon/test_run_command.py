"""`tsunagu run` as a service runs it: it begins, reads, rolls out, and ends within a second at a device's boundary."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Timer
from time import monotonic
from typing import Any

import pytest

from controller.daemon.daemon_lock import become_daemon
from controller.errors import StoreRefused
from controller.operations.operations import Operations
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.carry_out import use_rollouts
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from tests.cli.running import Done, here
from tests.own_signal import send_own_signal, send_when_heard
from tests.security.audit_samples import refuse_entries
from tests.security.plan_scene import Scene, make_operations, read_public

PATIENCE = 40.0


class Service:
    """The daemon's command over switches in memory, and somebody who looks at it meanwhile."""

    def __init__(self, folder: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        signers = folder / "allowed_signers"
        signers.write_text(f"robot {read_public(key)}\n", encoding="ascii")
        self.values: dict[str, Any] = {
            "approvals": {"allowed-signers": signers, "programs": ["robot"], "require": []},
            "rollout": {"schools-at-once": 1},
        }
        self.key, self.folder = key, folder
        self.work = folder / "work"  # what was done to real devices is kept outside of it
        self.work.mkdir()
        self.scene = Scene(folder, 2, make_operations(folder, **self.values), now=datetime.now(UTC))
        self.lines: list[str] = []
        monkeypatch.setattr("controller.cli.daemon.duties.SshTransport", lambda _: self.scene.lab.transport)
        monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: self.scene.lab.transport)
        monkeypatch.setattr("controller.cli.daemon.duties.list_reachable_devices", lambda *_: self.scene.lab.switches)
        monkeypatch.setattr("controller.cli.daemon.measure_duty.MeasureDuty.measure_due", lambda *_: "")
        operations = "controller.cli.rollouts.estate_rollouts.load_operations_of"
        monkeypatch.setattr(operations, lambda *_: self.scene.operations)

    def allow(self, **daemon: Any) -> None:  # noqa: ANN401 as in the operators' file
        values = {**self.values, "daemon": {"key": str(self.key), **daemon}}
        self.scene.operations = make_operations(self.folder, **values)

    def run(
        self, meanwhile: Callable[[], object], number: int = signal.SIGTERM, of: tuple[str, ...] = ("--lab",)
    ) -> tuple[Done, float]:
        """Run the command, do something meanwhile, then send a signal; return its end and how long that took."""
        words = (*of, "--policies", str(self.scene.policies.path), "--health-port", "0")
        with send_when_heard(number, meanwhile) as sent:
            done = here("run", *words, cwd=self.work)
            ended = monotonic()
        assert sent, f"it ended before it was told to: {done.errors}"
        return done, ended - sent[0]

    @property
    def state(self) -> Path:
        return self.work / ".tsunagu"


@pytest.fixture
def service(tmp_path: Path, keys: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(tmp_path, keys("robot"), monkeypatch)


def wait_until(condition: Callable[[], object]) -> None:
    deadline, pause = monotonic() + PATIENCE, Event()
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.02)


@contextmanager
def watch_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the daemon says, while it says it."""
    said: list[str] = []
    monkeypatch.setattr("controller.cli.daemon.run.print_line", said.append)
    yield said


def ask_health(line: str) -> int:
    found = re.search(r"health: (http://127\.0\.0\.1:\d+/health)", line)
    assert found is not None
    try:
        with urllib.request.urlopen(found[1], timeout=10) as answer:  # noqa: S310 our own
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_reads_says_that_it_is_well_and_ends_within_a_second(
    service: Service, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    codes: list[int] = []
    before = [one.running for one in service.scene.lab.devices.values()]
    with watch_log(monkeypatch) as said:

        def meanwhile() -> None:
            wait_until(lambda: any("drift: 2 devices, 2 differ" in one for one in said))
            codes.append(ask_health(said[0]))

        done, seconds = service.run(meanwhile, number)
    assert done.code == 0, done.errors
    assert codes == [200]
    assert seconds < 1.0, "no device had begun"
    assert said[-2:] == [
        said[-2][:20] + f"{number.name}: ends; devices that have begun are brought to their ends",
        said[-1][:20] + "ended",
    ]
    entries = [one for one in AuditTrail(service.state).read_entries() if one["kind"] == "daemon"]
    assert [(one["change"]) for one in entries] == ["begun", "ended"]
    assert entries[0]["changes"] == "report"
    assert [one.running for one in service.scene.lab.devices.values()] == before


def test_a_broken_cycle_is_told_recorded_and_ends_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> None:
        message = "the store is damaged"
        raise StoreRefused(message)

    monkeypatch.setattr("controller.cli.daemon.duties.DaemonDuties._load_scene", break_off)
    codes: list[int] = []
    with watch_log(monkeypatch) as said:

        def meanwhile() -> None:
            wait_until(lambda: any(one.endswith("drift: broke off: the store is damaged") for one in said))
            codes.append(ask_health(said[0]))

        done, _ = service.run(meanwhile)
    assert (done.code, codes) == (0, [503])
    [entry] = [one for one in AuditTrail(service.state).read_entries() if one.get("duty")]
    assert (entry["duty"], entry["fault"]) == ("drift", "the store is damaged")


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (("--monitor-store", "lost.db"), "line preference: broke off: lost.db: no such file", 503),
        ((), "no store of a monitor is here (--monitor-store), so no brown-out can be seen", 200),
    ],
)
def test_at_real_schools_it_reads_the_monitor_s_store_where_one_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str, code: int
) -> None:
    codes: list[int] = []
    with watch_log(monkeypatch) as log:

        def meanwhile() -> None:
            wait_until(lambda: any(said in one for one in log))
            codes.append(ask_health(log[0]))

        done, _ = service.run(meanwhile, of=words)
    assert (done.code, codes) == (0, [code])


def test_drift_is_rolled_out_and_a_signal_ends_it_at_a_devices_boundary(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.allow(changes="automatic", **{"most-schools": 2})
    monkeypatch.setattr("controller.cli.daemon.duties.WORK_EVERY_SECONDS", 0.2)
    pushed, go_on = Event(), Event()

    def hold(verb: str) -> Fault:
        if verb == "push":
            pushed.set()
            assert go_on.wait(PATIENCE)
        return NO_FAULT

    devices = service.scene.lab.devices.values()
    for one in devices:
        one.draw_fault = hold

    def meanwhile() -> None:
        assert pushed.wait(PATIENCE)
        Timer(0.5, go_on.set).start()

    done, seconds = service.run(meanwhile)
    assert done.code == 0, done.errors
    assert pushed.is_set(), done.said
    assert seconds < 0.5 + 1.5, "the device that had begun took half a second more"
    assert [one["applier"] for one in AuditTrail(service.state).read_entries() if one["kind"] == "applied"]
    # One device is as planned and saved, the other was not begun; the next daemon goes on.
    assert sorted(one.running == one.startup and one.logins > 2 for one in devices) == [False, True]
    with use_rollouts(service.state) as store:
        name = store.find_active()
        assert name is not None
    for one in devices:
        one.draw_fault = lambda _: NO_FAULT
    with watch_log(monkeypatch) as said:
        done, _ = service.run(lambda: wait_until(lambda: any(f"{name} is done" in one for one in said)))
    assert done.code == 0
    with use_rollouts(service.state) as store:
        ends = {str(run.end) for run in store.find_last_runs(name).values()}
    assert ends == {"applied"}


def test_a_file_narrowed_to_report_ends_rollouts_at_a_devices_boundary(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.allow(changes="automatic", **{"most-schools": 2})
    monkeypatch.setattr("controller.cli.daemon.duties.WORK_EVERY_SECONDS", 0.2)
    looks: list[int] = []

    def load_operations_of(*_: object) -> Operations | None:
        looks.append(len(said))
        return service.scene.operations

    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", load_operations_of)
    pushed: set[str] = set()
    begun, go_on = Event(), Event()

    def hold(device: str, verb: str) -> Fault:
        if verb == "push":
            pushed.add(device)
            begun.set()
            assert go_on.wait(PATIENCE)
        return NO_FAULT

    for name, one in service.scene.lab.devices.items():
        one.draw_fault = partial(hold, name)
    with watch_log(monkeypatch) as said:

        def meanwhile() -> None:
            assert begun.wait(PATIENCE)
            service.allow(changes="report")
            try:
                wait_until(lambda: any("changes: report: the rollout is left alone" in one for one in said))
            finally:
                go_on.set()
            wait_until(lambda: any(one.endswith(" is running") for one in said))
            # So often the duties have looked since, and begun nothing.
            enough = len(looks) + 6
            wait_until(lambda: len(looks) >= enough)

        done, _ = service.run(meanwhile)
    assert done.code == 0, done.errors
    assert len(pushed) == 1
    assert sum(one.endswith(" is carried out") for one in said) == 1, said
    with use_rollouts(service.state) as store:
        assert store.find_active() is not None


def test_a_signal_while_it_starts_ends_it_in_order(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def press(folder: Path) -> Iterator[None]:
        with become_daemon(folder):
            send_own_signal(signal.SIGINT)
            yield

    monkeypatch.setattr("controller.cli.daemon.run.become_daemon", press)
    done = here("run", "--lab", "--policies", str(service.scene.policies.path), "--health-port", "0", cwd=service.work)
    assert done.code == 0, done
    entries = [one for one in AuditTrail(service.state).read_entries() if one["kind"] == "daemon"]
    assert [one["change"] for one in entries] == ["begun", "ended"]
    assert not any(one.logins for one in service.scene.lab.devices.values()), "no duty was begun"


def test_a_trail_that_cannot_be_written_at_the_end_hides_no_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_entries(monkeypatch, AuditKind.DAEMON)
    with watch_log(monkeypatch) as said:
        done, _ = service.run(lambda: wait_until(lambda: said))
    assert (done.code, said[-1].endswith(" ended")) == (1, True), said
    assert "the disk is full" in done.errors


def test_a_second_daemon_is_refused_by_name(service: Service) -> None:
    words = ("run", "--lab", "--policies", str(service.scene.policies.path), "--health-port", "0")
    with become_daemon(service.state):
        done = here(*words, cwd=service.work)
    assert done.code == 1
    assert f"process {os.getpid()} is the daemon of .tsunagu already" in done.errors


def test_a_program_reads_the_log_as_json(service: Service) -> None:
    words = ("run", "--lab", "--policies", str(service.scene.policies.path), "--health-port", "0", "--json")
    with send_when_heard(signal.SIGTERM):
        done = here(*words, cwd=service.work)
    assert done.code == 0
    documents = [json.loads(one) for one in done.said.splitlines()]
    assert {one["format"] for one in documents} == {"run-event/1"}
    assert documents[-1]["said"] == "ended"
