"""What OTLP's specification allows: understood, or refused by a reason that names it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire

from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    DEVICE_DRIFT,
    LINE_LATENCY,
    LINE_LOSS,
    LINE_THROUGHPUT,
    LINE_UP,
    METRICS,
    ROLLOUT_DEVICE_DURATION,
    ROLLOUT_DEVICES,
    EventKind,
    InstrumentKind,
    Metric,
    Writer,
)
from monitoring.city_state.known_names import list_known_names
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.timeseries.records import TelemetryBatch
from tests.monitoring.feed import Feed, event, feed, metrics, pairs, point
from tests.monitoring.running import CONTROLLER, PROTOBUF, Running, monitor

NOW = time.time()
SCHOOL = "as-e04"
PLACE = {
    "school": SCHOOL,
    "line": "primary",
    "region": "tokyo",
    "family": "ipv4",
    "direction": "download",
    "outcome": "applied",
}
CUMULATIVE = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
JSON = {**PROTOBUF, "Content-Type": "application/json; charset=utf-8"}
NAMES = list_known_names(feed(1).city)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


def place_of(metric: Metric) -> dict[str, str]:
    return {attribute.name: PLACE[attribute.name] for attribute in metric.attributes}


def request_of(metric: wire.Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(metric)
    return request


def gauge_of(metric: Metric, *points: wire.NumberDataPoint) -> ExportMetricsServiceRequest:
    return request_of(wire.Metric(name=metric.name, unit=metric.unit, gauge=wire.Gauge(data_points=points)))


def decoded(request: ExportMetricsServiceRequest, writer: Writer = Writer.PROBE) -> TelemetryBatch:
    return decode_request("metrics", request.SerializeToString(), Arrival(writer, NAMES, NOW))


def valueless(metric: Metric, flags: int) -> wire.NumberDataPoint:
    return wire.NumberDataPoint(time_unix_nano=int(NOW * 1e9), flags=flags, attributes=pairs(place_of(metric)))


# -- no value


def test_no_recorded_value_is_no_value_and_ends_the_series(running: Running) -> None:
    """A collector sends it whenever a scrape fails; read as 0 it was a line that is down."""
    send_and_end(running, LINE_UP, 1)
    send_and_end(running, DEVICE_DRIFT, 0)
    tile = running.tile(SCHOOL)
    assert (tile["lines"]["primary"], tile["drift"]) == ("unknown", None)
    text = running.ask("/metrics")[2].decode()
    assert f'{LINE_UP.prometheus}{{school="{SCHOOL}"' not in text
    assert f'{DEVICE_DRIFT.prometheus}{{school="{SCHOOL}"' not in text


def test_no_recorded_value_mends_nothing(running: Running) -> None:
    """A line that is down is not up, nor unknown, because a scrape of what told so failed."""
    send_and_end(running, LINE_UP, 0)
    send_and_end(running, DEVICE_DRIFT, 2)
    tile = running.tile(SCHOOL)
    assert (tile["lines"]["primary"], tile["drift"]) == ("down", 2)
    assert tile["line_times"]["primary"]["heard"] is not None
    assert f'{LINE_UP.prometheus}{{school="{SCHOOL}",line="primary"}} 0' in running.ask("/metrics")[2].decode()


def send_and_end(running: Running, metric: Metric, value: float) -> None:
    """Send a value, and then that there is none."""
    headers = PROTOBUF if Writer.PROBE in metric.writers else CONTROLLER
    for sent in (point(value, time.time(), place_of(metric)), valueless(metric, 1)):
        sent.time_unix_nano = int(time.time() * 1e9)
        body = gauge_of(metric, sent).SerializeToString()
        assert running.ask("/v1/metrics", "POST", body, headers)[::2] == (200, b"")


def test_a_point_without_a_value_is_refused() -> None:
    batch = decoded(gauge_of(LINE_UP, valueless(LINE_UP, 0)))
    assert (batch.values, dict(batch.refused)) == ([], {"tsunagu.line.up without a value": 1})


def test_a_total_that_has_no_recorded_value_stays_what_it_was() -> None:
    found = wire.Sum(data_points=[valueless(ROLLOUT_DEVICES, 1)], is_monotonic=True, aggregation_temporality=CUMULATIVE)
    batch = decoded(request_of(wire.Metric(name=ROLLOUT_DEVICES.name, sum=found)), Writer.CONTROLLER)
    assert (batch.totals, batch.ends, batch.refused.total()) == ([], [], 0)


# -- out of range


@pytest.mark.parametrize(
    ("metric", "value", "said"),
    [
        (LINE_UP, -1, "of -1, not 0 to 1"),
        (LINE_UP, 0.5, "of 0.5, not a whole number"),
        (LINE_LOSS, 7.5, "of 7.5, not 0 to 1"),
        (LINE_LATENCY, 86_401, "of 86401, not 0 to 86400"),
        (LINE_LATENCY, float("nan"), "that is no number"),
        (LINE_THROUGHPUT, 1e13, "of 1e+13, not 0 to 1e+12"),
        (LINE_THROUGHPUT, -1, "of -1, not 0 to 1e+12"),
        (BANDWIDTH_ASSESSMENT, 9, "of 9, not 0 to 3"),
        (LINE_UP, float("inf"), "that is no number"),
    ],
)
def test_what_was_never_measured_is_refused_with_its_range(metric: Metric, value: float, said: str) -> None:
    batch = decoded(gauge_of(metric, point(value, NOW, place_of(metric))))
    assert (batch.values, dict(batch.refused)) == ([], {f"{metric.name} {said}": 1})


def test_a_total_below_nothing_is_refused() -> None:
    found = wire.Sum(
        data_points=[point(-1, NOW, place_of(ROLLOUT_DEVICES))], is_monotonic=True, aggregation_temporality=CUMULATIVE
    )
    batch = decoded(request_of(wire.Metric(name=ROLLOUT_DEVICES.name, sum=found)), Writer.CONTROLLER)
    assert (batch.totals, dict(batch.refused)) == ([], {"tsunagu.rollout.devices that is no total": 1})


# -- other forms


def histogram(boundaries: tuple[float, ...], temporality: int = CUMULATIVE, **kept: Any) -> wire.Metric:  # noqa: ANN401 fields
    found = wire.HistogramDataPoint(
        attributes=pairs(place_of(ROLLOUT_DEVICE_DURATION)),
        time_unix_nano=int(NOW * 1e9),
        explicit_bounds=boundaries,
        **{"bucket_counts": [0] * (len(boundaries) + 1), "sum": 0, "count": 0, **kept},
    )
    points = wire.Histogram(data_points=[found], aggregation_temporality=temporality)  # type: ignore[arg-type]
    return wire.Metric(name=ROLLOUT_DEVICE_DURATION.name, unit="s", histogram=points)


OWN = ROLLOUT_DEVICE_DURATION.boundaries
DEFAULT = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
EXPONENTIAL = wire.ExponentialHistogram(data_points=[wire.ExponentialHistogramDataPoint()])
FORMS: Mapping[str, tuple[wire.Metric, str]] = {
    "default boundaries": (
        histogram(DEFAULT),
        "with other boundaries; its are 0.5, 1, 2, 5, 10, 20, 60, 120, 300 (a view of the SDK sets them)",
    ),
    "a delta histogram": (histogram(OWN, DELTA), "as a histogram (delta); send a cumulative histogram"),
    "an exponential histogram": (
        wire.Metric(name=ROLLOUT_DEVICE_DURATION.name, unit="s", exponential_histogram=EXPONENTIAL),
        "as an exponential histogram; send a cumulative histogram",
    ),
    "a summary": (
        wire.Metric(
            name=ROLLOUT_DEVICE_DURATION.name, unit="s", summary=wire.Summary(data_points=[wire.SummaryDataPoint()])
        ),
        "as a summary; send a cumulative histogram",
    ),
    "no sum": (histogram(OWN, sum=None), "without a sum"),
    "counts that do not add up": (histogram(OWN, count=3), "whose counts do not add up"),
    "too few counts": (histogram(OWN, bucket_counts=[0]), "with more or fewer counts than buckets"),
    "a delta sum": (
        wire.Metric(
            name=ROLLOUT_DEVICES.name,
            sum=wire.Sum(
                data_points=[point(1, NOW, place_of(ROLLOUT_DEVICES))], is_monotonic=True, aggregation_temporality=DELTA
            ),
        ),
        "as a sum that only rises (delta); send a cumulative sum that only rises",
    ),
    "a sum that falls": (
        wire.Metric(
            name=ROLLOUT_DEVICES.name,
            sum=wire.Sum(data_points=[point(1, NOW, place_of(ROLLOUT_DEVICES))], aggregation_temporality=CUMULATIVE),
        ),
        "as a sum that rises and falls (cumulative); send a cumulative sum that only rises",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_is_not_taken_is_named_with_the_one_that_is(form: str) -> None:
    metric, said = FORMS[form]
    batch = decoded(request_of(metric), Writer.CONTROLLER)
    assert (batch.totals, dict(batch.refused)) == ([], {f"{metric.name} {said}": 1})


# -- attributes


def test_other_attributes_count_for_nothing_and_make_no_series() -> None:
    points = [
        point(1, NOW, {**place_of(LINE_UP), "deployment.environment.name": "city", "pod": str(number)})
        for number in range(50)
    ]
    batch = decoded(gauge_of(LINE_UP, *points))
    assert (len(batch.values), batch.refused.total()) == (50, 0)
    assert {value.key for value in batch.values} == {(LINE_UP, tuple(place_of(LINE_UP).items()))}


def test_totals_that_other_attributes_tell_apart_add_up() -> None:
    points = [point(number, NOW, {**place_of(ROLLOUT_DEVICES), "wave": str(number)}) for number in (2, 3)]
    found = wire.Sum(data_points=points, is_monotonic=True, aggregation_temporality=CUMULATIVE)
    batch = decoded(request_of(wire.Metric(name=ROLLOUT_DEVICES.name, sum=found)), Writer.CONTROLLER)
    assert len({(one.key, one.process, one.began) for one in batch.totals}) == 2
    assert len({one.key for one in batch.totals}) == 1


def test_an_attribute_may_have_the_conventions_name() -> None:
    attributes = {name: value for name, value in place_of(LINE_LATENCY).items() if name != "family"}
    batch = decoded(gauge_of(LINE_LATENCY, point(0.02, NOW, {**attributes, "network.type": "ipv6"})))
    assert [dict(value.key[1])["family"] for value in batch.values] == ["ipv6"]


# -- other systems


def test_what_another_system_sends_is_counted_apart_and_is_no_fault(running: Running, six: Feed) -> None:
    now = time.time()
    request = metrics(six.light(now), now)
    request.MergeFrom(
        request_of(wire.Metric(name="system.cpu.time", gauge=wire.Gauge(data_points=[point(1, now, {})])))
    )
    before = count_refused(running)
    _, _, body = running.ask("/v1/metrics", "POST", request.SerializeToString(), PROTOBUF)
    answer = ExportMetricsServiceResponse.FromString(body).partial_success
    assert (answer.rejected_data_points, answer.error_message) == (1, "a metric of another system (1)")
    record = ExportLogsServiceRequest()
    record.resource_logs.add().scope_logs.add().log_records.add(event_name="k8s.pod.started")
    assert running.ask("/v1/logs", "POST", record.SerializeToString(), PROTOBUF)[0] == 200
    span = ExportTraceServiceRequest()
    span.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="GET /")
    assert running.ask("/v1/traces", "POST", span.SerializeToString(), CONTROLLER)[0] == 200
    after = count_refused(running)
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == {
        (signal, "foreign"): 1 for signal in ("metrics", "logs", "traces")
    }


def test_a_name_like_ours_that_the_registry_does_not_have_is_a_fault(running: Running) -> None:
    before = count_refused(running)
    gauge = wire.Gauge(data_points=[point(1, NOW, {})])
    body = request_of(wire.Metric(name="tsunagu.line.upp", gauge=gauge)).SerializeToString()
    running.ask("/v1/metrics", "POST", body, PROTOBUF)
    assert count_refused(running)["metrics", "unknown"] == before["metrics", "unknown"] + 1


def count_refused(running: Running) -> dict[tuple[str, str], int]:
    """How often the monitor refused what, by signal and reason."""
    found = {}
    for line in running.ask("/metrics")[2].decode().splitlines():
        if line.startswith("tsunagu_monitor_refused_total{"):
            _, signal, _, reason, _ = line.split('"')
            found[signal, reason] = int(line.split()[-1])
    return found


def test_an_event_is_known_by_its_name() -> None:
    request = event(EventKind.LINE_DOWN, "the line is down", NOW, school=SCHOOL, line="primary")
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    del record.attributes[:]
    record.attributes.extend(pairs({"school": SCHOOL, "line": "primary"}))
    record.event_name = "tsunagu.line-down"
    batch = decode_request("logs", request.SerializeToString(), Arrival(Writer.PROBE, NAMES, NOW))
    assert [(one.kind, one.school, one.line) for one in batch.events] == [("line-down", SCHOOL, "primary")]


def test_every_gauge_has_a_range() -> None:
    for metric in METRICS.values():
        if metric.kind is InstrumentKind.GAUGE and metric.writers and not metric.moment:
            names = place_of(metric) if {one.name for one in metric.attributes} <= PLACE.keys() else {}
            batch = decoded(gauge_of(metric, point(1e17, NOW, names)), next(iter(metric.writers)))
            assert (batch.values, batch.refused.total()) == ([], 1)


@pytest.mark.parametrize("name", ["other.system.metric", "tsunagu.nothing", LINE_UP.name])
def test_a_metric_without_points_is_nothing_that_was_refused(running: Running, name: str) -> None:
    """Counted as a refusal, it was an alert about a request of which nothing was left out."""

    def count() -> str:
        lines = running.ask("/metrics")[2].decode().splitlines()
        return "".join(line for line in lines if line.startswith("tsunagu_monitor_refused_total"))

    before = count()
    body = request_of(wire.Metric(name=name, unit="s", gauge=wire.Gauge())).SerializeToString()
    assert running.ask("/v1/metrics", "POST", body, PROTOBUF)[::2] == (200, b"")
    assert count() == before


def test_a_senders_name_is_shown_without_what_nobody_sees() -> None:
    request = gauge_of(LINE_UP, point(1, NOW, place_of(LINE_UP)))
    request.resource_metrics[0].resource.attributes.extend(pairs({"service.instance.id": "a\x00b\u202e\n\x1bc" * 20}))
    [sender] = decoded(request).skews
    assert sender == ("probe/" + "a\ufffdb\ufffd \ufffdc" * 20)[: len("probe/") + 64]


def test_a_line_that_its_school_does_not_have_is_refused_also_where_another_has_it() -> None:
    """It stood in `/metrics` and fired an alert, and was on no page."""
    place = {"school": SCHOOL, "line": "third"}
    arrival = Arrival(Writer.PROBE, replace(NAMES, lines=NAMES.lines | {"third"}), NOW)
    batch = decode_request("metrics", gauge_of(LINE_UP, point(0, NOW, place)).SerializeToString(), arrival)
    assert (batch.values, dict(batch.refused)) == ([], {"a line that the school does not have": 1})
    body = event(EventKind.LINE_DOWN, "down", NOW, **place).SerializeToString()
    batch = decode_request("logs", body, arrival)
    assert (batch.events, dict(batch.refused)) == ([], {"a line that the school does not have": 1})
