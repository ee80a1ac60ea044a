"""A school's own probe, the real monitor and the daemon of real schools: three poor tests lead to a proved plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from controller.cli.daemon.duties import DaemonDuties
from controller.measure.lesson_hours import is_lesson_time
from controller.model.city import City
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.telemetry.registry import (
    FAMILY,
    LINE_THROUGHPUT,
    LINE_THROUGHPUT_LIMIT,
    LINE_UP,
    PATH_UP,
    Metric,
)
from controller.telemetry.units import bits_from_mbps
from tests.daemon.preference_desk import AWAY, SCHOOL, Desk
from tests.monitoring.feed import metrics
from tests.monitoring.ingest.test_school_probes import enrol, send
from tests.monitoring.running import OPERATORS, Running, monitor, until

AHEAD = 5_000.0
"""The probe's clock, in seconds before the monitor's."""


class Probe:
    """A school's probe that was offline, with a clock that is wrong."""

    def __init__(self, running: Running, city: City) -> None:
        self.running, self.city, self.token = running, city, enrol(SCHOOL)

    def send(self, at: datetime, metric: Metric, value: float, **place: str) -> None:
        body = metrics([(metric, value, {"school": SCHOOL, **place})], at.timestamp() + AHEAD).SerializeToString()
        assert send(self.running, self.token, body, Tsunagu_Sent=f"{time.time() + AHEAD:.3f}") == (200, 0)

    def send_test(self, at: datetime, mbps: float) -> None:
        for family in FAMILY.values:
            path = {"line": "primary", "region": "tokyo", "family": family, "direction": "download"}
            self.send(at, LINE_THROUGHPUT, bits_from_mbps(mbps), **path)
            self.send(at, LINE_THROUGHPUT_LIMIT, 0.0, **path)

    def send_state(self, *, backup: bool) -> None:
        now = datetime.now(UTC)
        self.send(now, PATH_UP, 1.0, line="primary", region="tokyo", family="ipv4")
        self.send(now, LINE_UP, 1.0, line="primary")
        self.send(now, LINE_UP, float(backup), line="backup")

    def list_quiet_hours(self) -> Iterator[datetime]:
        """Moments without lessons, the newest first, whatever day it is."""
        school, at = self.city.school_by_id[SCHOOL], datetime.now(UTC) - timedelta(hours=1)
        while True:
            if not is_lesson_time(at, self.city, school):
                yield at
            at -= timedelta(minutes=40)


@pytest.fixture
def desk(tmp_path: Path, keys: Callable[[str], Path]) -> Desk:
    return Desk(tmp_path, keys)


def test_late_tests_of_a_probe_lead_to_a_plan_and_page_and_log_say_the_same(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.state = desk.operations.state
    desk.daemon = desk.state / "daemon"
    desk.daemon.mkdir(parents=True)
    monkeypatch.setattr("controller.cli.daemon.duties.SshTransport", lambda _: MemoryTransport([desk.device]))
    monkeypatch.setattr("controller.cli.daemon.duties.list_reachable_devices", lambda *_: desk.devices)
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: desk.operations)
    for name, value in OPERATORS.items():
        monkeypatch.setenv(name, value)
    store, policies = tmp_path / "monitor.db", desk.scene.policies.path
    with monitor(store) as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        duties = DaemonDuties("real", policies, None, lambda _: None, desk.clock, store)  # type: ignore[arg-type]
        [duty] = [one for one in duties.list_duties(desk.operations) if one.name == "line preference"]

        def list_needs() -> list[tuple[str, list[str]]]:
            needs = running.json("/api/needs")["needs"]
            return [
                (one["kind"], one["causes"]) for one in needs if (one["school"], one["line"]) == (SCHOOL, "primary")
            ]

        def run_now() -> str:
            desk.clock.start = datetime.now(UTC)
            return duty.run(Event())

        assert "the monitor has not heard of any line" in run_now()
        probe = Probe(running, desk.scene.load())
        hours = probe.list_quiet_hours()
        probe.send_state(backup=False)
        for _ in range(3):
            probe.send_test(next(hours), 0.3 * desk.find_expected("primary"))
        assert (
            duty.run(Event()) == f"in a brown-out: {SCHOOL} primary"
        )  # the backup line is down: nobody is moved there
        until(lambda: list_needs() == [("brown-out", ["capacity"])])
        probe.send_state(backup=True)
        said = run_now()
        assert said.startswith(f"in a brown-out: {SCHOOL} primary; {AWAY}")
        assert desk.plan.devices[0].device == desk.router.id
        assert desk.list_changes() == ["line-move-proposed away"]
    # A monitor that has ended says nothing new: what stands proposed stays, and is not said to be over.
    desk.clock.sleep(3_600)
    assert duty.run(Event()).startswith(f"in a brown-out: {SCHOOL} primary; nothing was heard of any line lately")
    assert desk.plan.devices[0].device == desk.router.id
