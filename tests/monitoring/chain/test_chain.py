"""The documented chain, run: what people are told of a line, a school, a dead feeder and a foreign metric."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from controller.cli.conventions.traced_command import describe_end
from controller.telemetry.naming import OVERFLOW
from controller.telemetry.otlp import open_telemetry
from controller.telemetry.registry import FOREIGN, LINE_UP, MONITOR_REFUSED
from controller.telemetry.traces.command_trace import trace_command
from controller.telemetry.traces.phases import ENDPOINT, trace_phase
from monitoring.alerts.recordings import name_kept
from tests.monitoring.chain.chain import Chain, running_chain
from tests.monitoring.feed import pairs, point
from tests.monitoring.running import PROTOBUF, TOKENS, until
from tests.telemetry.spans import read_spans

SCHOOLS = ("as-e01", "as-e02", "as-e03", "as-e04")
LINES = ("primary", "backup")
KEPT = name_kept(LINE_UP)


@contextmanager
def probing(chain: Chain, monkeypatch: pytest.MonkeyPatch, down: set[tuple[str, str]]) -> Iterator[None]:
    """A probe of the schools that goes on saying which lines answer, by our own exporter, until it ends."""
    monkeypatch.setenv(ENDPOINT, chain.url(4318))
    ended = Event()

    def run() -> None:
        with open_telemetry(token=TOKENS / "probe") as sent:
            while not ended.wait(0.2):
                for school in SCHOOLS:
                    for line in LINES:
                        sent.record(LINE_UP, float((school, line) not in down), school=school, line=line)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def foreign() -> bytes:
    """What another system sends through the same collector: names that are not ours, one of them Prometheus' own."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(pairs({"service.name": "tsunagu-monitor", "service.instance.id": "7"}))
    scope = resource.scope_metrics.add()
    for name in ("up", "shop.orders", "http.server.active_requests"):
        gauge = scope.metrics.add(name=name).gauge
        gauge.data_points.append(point(0.0, time.time(), {"school": "as-e01", OVERFLOW: "true"}))
    return request.SerializeToString()


def test_people_are_told_the_truth_by_the_chain_as_it_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down: set[tuple[str, str]] = set()
    with running_chain(tmp_path) as (chain, behind):
        with probing(chain, monkeypatch, down):
            until(lambda: chain.value(f"count({KEPT} == 1)") == len(SCHOOLS) * len(LINES), 30)
            until(lambda: chain.firing() == set(), 30)

            down.add(("as-e01", "primary"))
            [alert] = chain.wait_for("TsunaguLineDown", "firing")["alerts"]
            assert (alert["labels"]["school"], alert["labels"]["line"]) == ("as-e01", "primary")
            with urllib.request.urlopen(alert["annotations"]["runbook_url"], timeout=10) as page:  # noqa: S310 loopback
                assert "TsunaguLineDown" in page.read().decode()
            assert not any(name.startswith("tsunagu_") for name in alert["labels"])

        # The next process says "up": what its predecessor said is gone.
        down.clear()
        with probing(chain, monkeypatch, down):
            chain.wait_for("TsunaguLineDown", "resolved")
            assert chain.value(f'count({LINE_UP.prometheus}{{job!="tsunagu-monitor"}})') == len(SCHOOLS) * len(LINES)

            chain.post(4318, "/v1/metrics", foreign(), PROTOBUF)
            until(lambda: chain.value(f'sum({MONITOR_REFUSED.prometheus}{{reason="{FOREIGN}"}})') == 1, 30)
            until(
                lambda: (chain.value("max_over_time(scrape_samples_scraped{job='tsunagu-collector'}[1m])") or 0) > 8, 30
            )
            assert chain.value('up{job="tsunagu-monitor"} == 0') is None
            assert chain.firing() <= {"TsunaguProbeSilent", "TsunaguTelemetryStopped"}

            # Commands' traces reach the store of traces from both senders, and the monitor calls none of them wrong.
            for command, port, token in (("plan", 4319, "controller"), ("measure", 4318, "probe")):
                monkeypatch.setenv(ENDPOINT, chain.url(port))
                with trace_command(command, describe_end, TOKENS / token), trace_phase("load policy"):
                    pass
            until(lambda: {one.name for one in read_spans(chain.traces)} >= {"tsunagu plan", "tsunagu measure"}, 30)
            monkeypatch.setenv(ENDPOINT, chain.url(4318))
            assert chain.value(f'sum({MONITOR_REFUSED.prometheus}{{reason!="{FOREIGN}"}}) > 0') is None

            # Both lines: the school is cut off, and nobody is told of its lines.
            down |= {("as-e02", line) for line in LINES}
            [alert] = chain.wait_for("TsunaguSchoolCutOff", "firing")["alerts"]
            assert (alert["labels"]["school"], alert["labels"]["severity"]) == ("as-e02", "critical")
            until(lambda: chain.standing("TsunaguLineDown", "suppressed") == len(LINES))
            chain.read_messages()
            chain.heard.clear()

        # The feeder is dead: that is one alert, and what was known to be down stays so.
        chain.wait_for("TsunaguTelemetryStopped", "firing")
        until(lambda: chain.value(f"count({LINE_UP.prometheus}{{job!='tsunagu-monitor'}})") is None, 30)
        until(lambda: chain.standing("TsunaguProbeSilent", "suppressed") == len(SCHOOLS), 30)
        assert chain.standing("TsunaguSchoolCutOff", "active") == 1
        assert chain.firing() == {
            f"Tsunagu{one}" for one in ("TelemetryStopped", "ProbeSilent", "SchoolCutOff", "LineDown")
        }
        chain.read_messages()
        assert {name for name, _ in chain.heard} == {"TsunaguTelemetryStopped"}

        behind.stop()
        chain.wait_for("TsunaguMonitorAbsent", "firing")
