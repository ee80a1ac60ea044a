from __future__ import annotations

import logging
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from controller.errors import TsunaguError
from controller.telemetry.otlp import CLOSE_SECONDS, TIMEOUT, OtlpSender, open_telemetry
from controller.telemetry.outbox import Outbox
from controller.telemetry.registry import LINE_UP, ROLLOUT_DEVICES, SIGNAL, TELEMETRY_DROPPED, EventKind
from controller.telemetry.timeline import Level, open_rollout_span
from controller.telemetry.traces.phases import ENDPOINT
from controller.telemetry.traces.rollout_trace import open_trace
from tests.telemetry.receivers import closed, hanging, keeping

QUICK = 0.5


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, *(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT" for signal in SIGNAL.values)):
        monkeypatch.delenv(name, raising=False)


def test_values_and_events_arrive_under_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with open_telemetry() as sent:
            sent.record(LINE_UP, 0, school="s1", line="primary")
            sent.event(EventKind.LINE_DOWN, "the primary line is down", school="s1", line="primary")
    metrics = {metric.name: metric for metric in received.metrics()}
    [point] = metrics["tsunagu.line.up"].gauge.data_points
    assert {pair.key: pair.value.string_value for pair in point.attributes} == {"school": "s1", "line": "primary"}
    assert point.as_double == 0
    dropped = metrics["tsunagu.telemetry.dropped"].sum
    assert {point.attributes[0].value.string_value: point.as_int for point in dropped.data_points} == dict.fromkeys(
        SIGNAL.values, 0
    )
    [event] = received.events()
    assert event.body.string_value == "the primary line is down"
    assert {pair.key: pair.value.string_value for pair in event.attributes} == {
        "event": "line-down",
        "school": "s1",
        "line": "primary",
    }


def test_the_next_process_of_a_role_speaks_under_the_same_id_and_another_role_under_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[set[str]] = []
    for role in ("probe", "probe", "controller"):
        with keeping() as received:
            monkeypatch.setenv(ENDPOINT, received.url)
            with open_telemetry(token=tmp_path / role) as sent:
                sent.record(LINE_UP, 0, school="s1", line="primary")
        found.append(received.instances())
    probe, next_probe, controller = found
    assert len(probe) == 1
    assert probe == next_probe
    assert not probe & controller


def test_a_sender_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with open_telemetry() as sent:
            sent.record(LINE_UP, 0, school="s1", line="primary")
    said = received.read_resource()
    assert (said["service.namespace"], said["service.name"]) == ("tsunagu", "tsunagu")
    assert said["service.version"] == version("tsunagu")


def test_what_is_left_out_of_a_request_that_is_taken_is_lost_and_said_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = 1
    answer.partial_success.error_message = "a school that the city does not have (1)\x1b[2J"
    with keeping(answer.SerializeToString()) as received:
        for signal in ("TRACES", "METRICS"):
            monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", f"{received.url}/v1/{signal.lower()}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", f"{received.url}/v1/logs")
        with open_telemetry() as sent:
            sent.event(EventKind.DRIFT, "drift", school="nowhere")
    assert "1 logs" in caplog.text
    assert "(it says: a school that the city does not have (1)\\x1b[2J)" in caplog.text


@pytest.mark.parametrize("answer", [b"\xff", b"\x0a\x01", b"<html>", b"\x0a\x02\x08\x00"])
def test_an_answer_that_is_none_of_otlp_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    with keeping(answer) as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with open_telemetry() as sent:
            sent.event(EventKind.DRIFT, "drift", school="s1")
    assert "telemetry is lost" not in caplog.text


def test_a_gauge_is_sent_once_for_each_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with open_telemetry() as sent:
            sent.record(LINE_UP, 1, school="s1", line="primary")
            deadline = time.monotonic() + 15
            while len([path for path, _ in received.requests if path == "/v1/metrics"]) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    assert sum(metric.name == "tsunagu.line.up" for metric in received.metrics()) == 1


def test_a_rollout_sends_what_begins_and_counts_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with (
            open_trace(tmp_path / "timeline.jsonl") as listener,
            open_rollout_span("r", [listener]) as root,
            root.child(Level.DEVICE, "d") as device,
        ):
            device.outcome = "applied"
    assert [event.body.string_value for event in received.events()] == ["rollout r", "device d"]
    first, second = received.events()
    parent = {pair.key: pair.value.string_value for pair in second.attributes}["parent"]
    assert first.span_id.hex() == parent
    assert first.trace_id == second.trace_id
    [devices] = [metric for metric in received.metrics() if metric.name == ROLLOUT_DEVICES.name][-1].sum.data_points
    assert devices.as_double == 1 or devices.as_int == 1


def test_without_an_endpoint_nothing_is_sent_and_mistakes_are_still_found() -> None:
    with open_telemetry() as sent:
        sent.record(LINE_UP, 1, school="s1", line="primary")
        sent.event(EventKind.LINE_UP, "up")
        with pytest.raises(ValueError, match="takes the attributes"):
            sent.record(LINE_UP, 1, school="s1")


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv(TIMEOUT, text)
    with pytest.raises(TsunaguError, match=f"{TIMEOUT} is a number of seconds above 0, not '{text}'"), open_telemetry():
        pass


@pytest.mark.parametrize("endpoint", ["no address", "ftp://127.0.0.1", "http://[::", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_none_loses_telemetry_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, endpoint: str
) -> None:
    monkeypatch.setenv(ENDPOINT, endpoint)
    with open_telemetry() as sent:
        sent.event(EventKind.DRIFT, "lost")
    assert "telemetry is lost" in caplog.text
    assert "1 logs" in caplog.text


@pytest.mark.parametrize("address", ["http://name:secret@127.0.0.1:1/x", "name:secret@127.0.0.1:1/x"])
def test_a_loss_shows_no_password_of_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    monkeypatch.setenv(ENDPOINT, address)
    with open_telemetry() as sent:
        sent.event(EventKind.DRIFT, "lost")
    assert "127.0.0.1:1/x did not take it" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("kind", ["closed", "hanging"])
def test_a_monitor_that_is_away_or_hangs_stalls_nobody_and_the_loss_is_counted(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with hanging() as silent:
        monkeypatch.setenv(ENDPOINT, silent if kind == "hanging" else closed())
        taken: list[float] = []
        with open_trace(tmp_path / "timeline.jsonl") as listener, open_rollout_span("r", [listener]) as root:
            began = time.monotonic()
            for number in range(200):
                before = time.monotonic()
                with root.child(Level.DEVICE, f"d{number}") as device:
                    device.outcome = "applied"
                taken.append(time.monotonic() - before)
        seconds = time.monotonic() - began
    assert sorted(taken)[-5] < QUICK, "on a busy machine a few wait for the processor"
    assert seconds < CLOSE_SECONDS + 5, "on a busy machine, too"
    [warning] = [record for record in caplog.records if record.name == "tsunagu"]
    assert warning.levelno == logging.WARNING
    # 201 spans, 201 events of what began, and at least one round of data points.
    assert "201 traces" in warning.getMessage()
    assert "201 logs" in warning.getMessage()
    assert " metrics" in warning.getMessage()


def test_losses_of_the_past_are_reported_when_the_monitor_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", closed() + "/v1/logs")
        sending = OtlpSender("test", frozenset(SIGNAL.values))
        sending.telemetry.event(EventKind.DRIFT, "lost")
        deadline = time.monotonic() + 15
        while not _dropped(received.metrics()):
            assert time.monotonic() < deadline, "the loss was never reported"
            time.sleep(0.05)
        assert sending.close()["logs"] == 1


def _dropped(metrics: list[Metric]) -> bool:
    return any(
        point.as_int == 1 and point.attributes[0].value.string_value == "logs"
        for metric in metrics
        if metric.name == TELEMETRY_DROPPED.name
        for point in metric.sum.data_points
    )


def test_an_outbox_that_is_full_counts_and_does_not_wait() -> None:
    outbox = Outbox[int]("test", lambda _: True, room=0)
    outbox.put(1)
    outbox.put(2)
    assert outbox.dropped == 2
    outbox.close(time.monotonic() + 5)
    assert outbox.dropped == 2


def test_an_outbox_hands_over_everything_in_order() -> None:
    arrived: list[int] = []

    def send(batch: object) -> bool:
        assert isinstance(batch, list)
        arrived.extend(batch)
        return True

    outbox = Outbox[int]("test", send)
    for number in range(2_000):
        outbox.put(number)
    outbox.close(time.monotonic() + 10)
    assert arrived == list(range(2_000))
    assert outbox.dropped == 0
