from __future__ import annotations

import gzip
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    Sum,
)

from controller.telemetry.naming import OVERFLOW
from controller.telemetry.otlp import open_telemetry
from controller.telemetry.registry import (
    LINE_UP,
    ROLLOUT_DEVICE_DURATION,
    ROLLOUT_DEVICES,
    TELEMETRY_DROPPED,
    EventKind,
    Writer,
)
from controller.telemetry.timeline import Level, open_rollout_span
from controller.telemetry.traces.phases import COMMAND_SCOPE, ENDPOINT
from controller.telemetry.traces.rollout_trace import open_trace
from monitoring.city_state.known_names import list_known_names
from monitoring.ingest.answers import Status
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.limits import MOST_SENT, MOST_UNPACKED
from monitoring.timeseries.records import OVERFLOWN, CumulativeTotal, GaugeValue, MalformedRequest
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.monitoring.feed import Feed, event, feed, metrics, pairs, point, post
from tests.monitoring.running import (
    CONTROLLER,
    PROTOBUF,
    TOKENS,
    Running,
    bearer,
    listening,
    monitor,
    until,
)
from tests.soak import examples

GZIP = {**PROTOBUF, "Content-Encoding": "gzip"}
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("headers", "body", "status", "said"),
    [
        (PROTOBUF, b"\xff\xff\xff", 400, b"no OTLP protobuf request"),
        (GZIP, b"not gzip at all", 400, b"the body is no gzip"),
        (GZIP, gzip.compress(b"")[:-4], 400, b"no whole gzip"),
        (GZIP, gzip.compress(b"") + b"more", 400, b"no whole gzip"),
        ({**PROTOBUF, "Content-Type": "text/plain"}, b"{}", 415, b"application/x-protobuf or application/json"),
        (bearer(Writer.CONTROLLER), b"", 415, b"without a content type"),
        ({**PROTOBUF, "Content-Encoding": "br"}, b"", 415, b"gzip and identity"),
        (PROTOBUF, b"\0" * (MOST_SENT + 1), 413, b"at most"),
        (GZIP, gzip.compress(b"\0" * (MOST_UNPACKED + 1)), 413, b"at most"),
    ],
    ids=["garbage", "no gzip", "half gzip", "more than gzip", "text", "no type", "brotli", "too large", "gzip bomb"],
)
def test_what_is_no_otlp_is_refused_clearly(  # noqa: PLR0913, PLR0917 a table
    running: Running, path: str, headers: Mapping[str, str], body: bytes, status: int, said: bytes
) -> None:
    found, _, answer = running.ask(path, "POST", body, headers)
    assert found == status
    assert said in answer
    assert MessageToDict(Status.FromString(answer))["message"].find(said.decode()) >= 0


def test_other_paths_and_methods_are_refused(running: Running) -> None:
    assert running.ask("/v1/profiles", "POST", b"", PROTOBUF)[0] == 404
    assert running.ask("/v1/metrics")[0] == 405


def test_refusals_are_counted_under_their_name(running: Running) -> None:
    running.ask("/v1/traces", "POST", b"\xff", PROTOBUF)
    text = running.ask("/metrics")[2].decode()
    assert 'tsunagu_monitor_refused_total{signal="traces",reason="malformed"}' in text


def test_an_empty_request_of_each_signal_is_acknowledged(running: Running) -> None:
    for path in PATHS:
        assert running.ask(path, "POST", b"", PROTOBUF)[0] == 200


def one(metric: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(metric)
    return request


UP = {"school": "as-e04", "line": "primary"}
NOW = time.time()
NAMES = list_known_names(feed(1).city)
WRONG = {
    "unknown metric": Metric(name="other.metric", gauge=Gauge(data_points=[point(1, NOW, UP)])),
    "a missing attribute": Metric(name=LINE_UP.name, gauge=Gauge(data_points=[point(1, NOW, {"school": "as-e04"})])),
    "a value outside the list": Metric(
        name=LINE_UP.name, gauge=Gauge(data_points=[point(1, NOW, UP | {"line": "fourth"})])
    ),
    "a very long id": Metric(name=LINE_UP.name, gauge=Gauge(data_points=[point(1, NOW, UP | {"school": "s" * 99})])),
    "no number": Metric(name=LINE_UP.name, gauge=Gauge(data_points=[point(float("nan"), NOW, UP)])),
    "the future": Metric(name=LINE_UP.name, gauge=Gauge(data_points=[point(1, NOW + 86_400, UP)])),
    "another kind": Metric(name=LINE_UP.name, sum=Sum(data_points=[point(1, NOW, UP)])),
    "a delta": Metric(
        name=TELEMETRY_DROPPED.name,
        sum=Sum(data_points=[point(1, NOW, {"signal": "logs"})], is_monotonic=True, aggregation_temporality=DELTA),
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_the_registry_does_not_know_is_told_back_and_the_rest_is_kept(
    running: Running, six: Feed, wrong: Metric
) -> None:
    now = time.time()
    request = metrics(six.light(now), now)
    request.MergeFrom(one(wrong))
    status, _, body = running.ask("/v1/metrics", "POST", request.SerializeToString(), PROTOBUF)
    answer = ExportMetricsServiceResponse.FromString(body).partial_success
    assert status == 200
    assert answer.rejected_data_points == 1
    assert answer.error_message
    assert running.tile(six.schools[0].id)["lines"]["primary"] == "up"


def test_an_overflow_of_the_sdk_is_kept_as_one() -> None:
    gauge = Gauge(data_points=[point(1, NOW, {OVERFLOW: "true"})])
    body = one(Metric(name=LINE_UP.name, gauge=gauge)).SerializeToString()
    [value] = decode_request("metrics", body, Arrival(Writer.PROBE, NAMES, time.time())).values
    assert value.key == (LINE_UP, OVERFLOWN)


def ended(began: int = 0) -> Metric:
    points = [point(2, NOW, {"outcome": "failed"})]
    points[0].start_time_unix_nano = began
    return Metric(
        name=ROLLOUT_DEVICES.name, sum=Sum(data_points=points, is_monotonic=True, aggregation_temporality=CUMULATIVE)
    )


def durations() -> Metric:
    boundaries = ROLLOUT_DEVICE_DURATION.boundaries
    found = HistogramDataPoint(
        attributes=pairs({"outcome": "applied"}),
        time_unix_nano=int(NOW * 1e9),
        sum=1.5,
        count=1,
        explicit_bounds=boundaries,
        bucket_counts=[0, 1, *(0 for _ in boundaries[1:])],
    )
    return Metric(
        name=ROLLOUT_DEVICE_DURATION.name,
        unit=ROLLOUT_DEVICE_DURATION.unit,
        histogram=Histogram(data_points=[found], aggregation_temporality=CUMULATIVE),
    )


def a_span() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="step x")
    span.start_time_unix_nano = span.end_time_unix_nano = int(NOW * 1e9)
    span.attributes.extend(pairs({"tsunagu.level": "step"}))
    return request


@pytest.mark.parametrize("writer", [Writer.CONTROLLER, Writer.PROBE])
def test_spans_of_commands_are_passed_over_and_called_nothing_wrong(writer: Writer) -> None:
    request = a_span()
    request.resource_spans[0].scope_spans[0].scope.name = COMMAND_SCOPE
    found = decode_request("traces", request.SerializeToString(), Arrival(writer, NAMES, time.time()))
    assert (list(found.spans), found.refused.total(), found.foreign.total()) == ([], 0, 0)


VALID = [
    (
        Writer.PROBE,
        "metrics",
        one(Metric(name=LINE_UP.name, gauge=Gauge(data_points=[point(1, NOW, UP)]))).SerializeToString(),
    ),
    (Writer.CONTROLLER, "metrics", one(ended()).SerializeToString()),
    (Writer.CONTROLLER, "metrics", one(durations()).SerializeToString()),
    (Writer.CONTROLLER, "logs", event(EventKind.DRIFT, "text", NOW, school="as-e04").SerializeToString()),
    (Writer.CONTROLLER, "traces", a_span().SerializeToString()),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeSeriesStore]:
    with TimeSeriesStore(tmp_path_factory.mktemp("store") / "fuzz.db") as opened:
        opened.rows("SELECT 1")
        yield opened


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(VALID), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4))
def test_a_damaged_request_is_refused_or_kept_and_breaks_nothing(
    store: TimeSeriesStore, valid: tuple[Writer, str, bytes], changes: list[tuple[int, int]]
) -> None:
    writer, signal, body = *valid[:2], bytearray(valid[2])
    for place, value in changes:
        body[place % len(body)] = value
    batch = None
    with suppress(MalformedRequest):
        batch = decode_request(signal, bytes(body), Arrival(writer, NAMES, NOW))
    if batch is None:
        assert changes
        return
    kept = [*batch.values, *batch.totals, *batch.events, *batch.spans]
    assert len(kept) == 1 or changes
    store.write([batch])
    numbers: list[GaugeValue | CumulativeTotal] = [*batch.values, *batch.totals]
    for found in numbers:
        assert found.key[0].checked(dict(found.key[1])) == dict(found.key[1])
        assert math.isfinite(found.value)
        assert 0 < found.at < NOW + 86_400


def test_a_total_that_began_in_the_far_future_is_told_back_and_the_next_request_is_kept(running: Running) -> None:
    request = one(ended(2**64 - 1)).SerializeToString()
    status, _, body = running.ask("/v1/metrics", "POST", request, CONTROLLER)
    assert status == 200
    assert ExportMetricsServiceResponse.FromString(body).partial_success.rejected_data_points == 1
    assert running.ask("/v1/metrics", "POST", one(ended()).SerializeToString(), CONTROLLER)[0] == 200


def test_the_controller_s_own_telemetry_arrives_whole(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, running.url)
    with open_telemetry(token=TOKENS / "probe") as sent:
        sent.record(LINE_UP, 0, school="kw-e01", line="backup")
    with open_telemetry(token=TOKENS / "controller") as sent:
        sent.record(ROLLOUT_DEVICES, 3, outcome="applied")
        sent.event(EventKind.DRIFT, "2 devices differ", school="kw-e01")
    assert running.tile("kw-e01")["lines"]["backup"] == "down"
    assert running.json("/api/schools/kw-e01")["events"][-1]["text"] == "2 devices differ"
    text = running.ask("/metrics")[2].decode()
    assert 'tsunagu_rollout_devices_total{outcome="applied"} 3' in text
    assert 'tsunagu_telemetry_dropped_total{signal="metrics"} 0' in text


def test_counters_of_several_processes_add_up(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, running.url)
    for _ in range(2):
        with open_telemetry(token=TOKENS / "controller") as sent:
            sent.record(ROLLOUT_DEVICES, 2, outcome="reverted")
    assert 'tsunagu_rollout_devices_total{outcome="reverted"} 4' in running.ask("/metrics")[2].decode()


def test_a_rollout_is_seen_while_it_runs(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, running.url)
    waves = json.dumps({"canary": {"as-e04": ["as-e04-core1"]}, "rest": {"kw-s01": ["kw-s01-core1"]}})

    def shown() -> dict[str, Any]:
        found: dict[str, Any] | None = running.json("/api/rollout")
        return found if found is not None and found["name"] == "live" else {"waves": [{"devices": [{"step": None}]}]}

    with (
        open_trace(tmp_path / "timeline.jsonl", token=TOKENS / "controller") as listener,
        open_rollout_span("live", [listener], waves=waves) as root,
        listening(running) as heard,
    ):
        with root.child(Level.SCHOOL, "as-e04") as school:
            with school.child(Level.DEVICE, "as-e04-core1", school="as-e04") as device:
                with device.child(Level.STEP, "push"):
                    until(lambda: shown()["waves"][0]["devices"][0]["step"] == "push")
                    view = shown()
                assert view["ended"] is None
                assert [wave["name"] for wave in view["waves"]] == ["canary", "rest"]
                assert view["waves"][0]["devices"][0]["outcome"] is None
                assert view["waves"][1]["devices"] == [
                    {
                        "id": "kw-s01-core1",
                        "school": "kw-s01",
                        "outcome": None,
                        "step": None,
                        "seconds": None,
                        "error": None,
                    }
                ]
                device.outcome = "applied"
            told = next(
                one
                for one in heard
                if one.name == "rollout"
                and any(device["outcome"] == "applied" for wave in one.data["waves"] for device in wave["devices"])
            )
        assert told.data["ended"] is None
    after = running.json("/api/rollout")
    assert after["ended"] is not None
    assert {span["level"] for span in after["spans"]} == {"rollout", "school", "device", "step"}
    listed = [one["id"] for one in running.json("/api/rollouts")["rollouts"] if one["name"] == "live"]
    assert listed == [after["id"]]
    older = running.json("/api/rollouts")["rollouts"][-1]["id"]
    assert running.json(f"/api/rollout?id={older}")["id"] == older
    assert running.ask("/api/rollout?id=none")[0] == 404


def test_a_whole_city_overflows_nothing_and_an_overflow_is_seen(tmp_path: Path) -> None:
    city, now = feed(176), time.time()
    with monitor(tmp_path / "monitor.db") as alone:
        post(alone.url, metrics([*city.light(now), *city.heavy(now)], now))
        text = alone.ask("/metrics")[2].decode()
        assert text.count("tsunagu_line_loss_ratio{") == 176 * 8
        assert "overflow" not in text
        post(alone.url, one(Metric(name=LINE_UP.name, gauge=Gauge(data_points=[point(1, now, {OVERFLOW: "true"})]))))
        assert 'tsunagu_line_up{otel_metric_overflow="true"} 1' in alone.ask("/metrics")[2].decode()
