"""The monitor knows who speaks: by a token, within what that sender may say, of what the city has, and of now."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as wire

from controller.errors import MonitorError
from controller.telemetry.registry import (
    EVENT_WRITERS,
    LINE_LATENCY,
    LINE_UP,
    METRICS,
    PROBE_LAST_SUCCESS,
    EventKind,
    InstrumentKind,
    Metric,
    Writer,
)
from controller.telemetry.writer_tokens import read_token
from monitoring.city_state.monitor import Monitor
from monitoring.ingest.sender_tokens import Sender, SenderTokens
from monitoring.timeseries.records import GaugeValue, SpanRecord, TelemetryBatch
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.monitoring.feed import Feed, event, feed, metrics, pairs, point, post
from tests.monitoring.running import PROTOBUF, TOKENS, Running, bearer, monitor, read_store
from tests.soak import examples

SHARED = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCHOOL = "as-e04"
TYPE = {"Content-Type": "application/x-protobuf"}
CUMULATIVE = wire.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


@pytest.fixture(scope="module")
def one() -> Feed:
    return feed(1)


def up(value: float, moment: float, school: str = SCHOOL, line: str = "primary") -> ExportMetricsServiceRequest:
    return metrics([(LINE_UP, value, {"school": school, "line": line})], moment)


def send(running: Running, request: ExportMetricsServiceRequest, headers: dict[str, str] = PROTOBUF) -> int:
    """Send data points; gives how many were refused."""
    status, _, body = running.ask("/v1/metrics", "POST", request.SerializeToString(), headers)
    assert status == 200, body
    return ExportMetricsServiceResponse.FromString(body).partial_success.rejected_data_points


# -- who sends


TOKEN = read_token(TOKENS / Writer.PROBE)
FORGED = {
    "no token": [],
    "an empty one": ["Bearer "],
    "a word": ["Bearer"],
    "another": ["Bearer " + "A" * len(TOKEN)],
    "a part": ["Bearer " + TOKEN[:-1]],
    "more than it": ["Bearer " + TOKEN + "A"],
    "another case": ["Bearer " + TOKEN.swapcase()],
    "another scheme": ["Basic " + TOKEN],
    "no scheme": [TOKEN],
    "two": ["Bearer " + TOKEN, "Bearer other"],
    "not ASCII": ["Bearer " + TOKEN[:-1] + "é"],
}


@pytest.mark.parametrize("shown", FORGED.values(), ids=FORGED)
def test_without_a_token_nothing_is_taken(running: Running, shown: Sequence[str]) -> None:
    request = up(1, time.time(), school="kw-s01").SerializeToString()
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as connection:
        connection.putrequest("POST", "/v1/metrics")
        for name, value in (*TYPE.items(), ("Content-Length", str(len(request)))):
            connection.putheader(name, value)
        for value in shown:
            connection.putheader("Authorization", value.encode("latin-1"))
        connection.endheaders(request)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        answer.read()
    assert running.tile("kw-s01")["lines"]["primary"] == "unknown"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=200))
def test_no_other_text_is_a_token(text: str) -> None:
    tokens = SenderTokens({Writer.PROBE: TOKEN, Writer.CONTROLLER: "c" * 43})
    expected = {TOKEN: Sender(Writer.PROBE), "c" * 43: Sender(Writer.CONTROLLER)}.get(text)
    assert tokens.find_sender([f"Bearer {text}"]) == expected
    assert tokens.find_sender([text]) is None
    assert tokens.find_sender([f"Bearer {TOKEN}"]) == Sender(Writer.PROBE)


def test_refused_senders_are_counted(running: Running) -> None:
    running.ask("/v1/logs", "POST", b"", TYPE)
    text = running.ask("/metrics")[2].decode()
    [line] = [one for one in text.splitlines() if 'signal="logs",reason="no-token"' in one]
    assert int(line.split()[-1]) >= 1


def test_a_token_stands_in_no_process_list_and_no_environment(running: Running) -> None:
    for part in ("cmdline", "environ"):
        content = Path(f"/proc/{running.process.pid}/{part}").read_bytes()
        assert TOKEN.encode() not in content
        assert read_token(TOKENS / Writer.CONTROLLER).encode() not in content


def test_readers_need_no_token(running: Running) -> None:
    assert running.ask("/api/city")[0] == running.ask("/metrics")[0] == running.ask("/")[0] == 200


# -- what each may say


def example_of(metric: Metric, moment: float) -> ExportMetricsServiceRequest:
    """A request with one right value of a metric."""
    known = {"school": SCHOOL, "region": "tokyo", "sender": "probe/1"}
    attributes = {one.name: one.values[0] if one.values else known[one.name] for one in metric.attributes}
    request = ExportMetricsServiceRequest()
    found = request.resource_metrics.add().scope_metrics.add().metrics.add(name=metric.name, unit=metric.unit)
    match metric.kind:
        case InstrumentKind.GAUGE:
            found.gauge.data_points.append(point(1, moment, attributes))
        case InstrumentKind.COUNTER:
            found.sum.is_monotonic, found.sum.aggregation_temporality = True, CUMULATIVE
            found.sum.data_points.append(point(1, moment, attributes))
        case InstrumentKind.HISTOGRAM:
            found.histogram.aggregation_temporality = CUMULATIVE
            found.histogram.data_points.append(
                wire.HistogramDataPoint(
                    attributes=pairs(attributes),
                    time_unix_nano=int(moment * 1e9),
                    explicit_bounds=metric.boundaries,
                    bucket_counts=[0] * (len(metric.boundaries) + 1),
                    sum=0,
                )
            )
    return request


@pytest.mark.parametrize("writer", Writer)
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_is_taken_from_its_own_senders_only(running: Running, metric: Metric, writer: Writer) -> None:
    refused = send(running, example_of(metric, time.time()), TYPE | bearer(writer))
    assert refused == (0 if writer in metric.writers else 1)


@pytest.mark.parametrize("writer", Writer)
@pytest.mark.parametrize("kind", EventKind)
def test_an_event_is_taken_from_its_own_senders_only(running: Running, kind: EventKind, writer: Writer) -> None:
    request = event(kind, "device x", time.time(), school=SCHOOL, **{"tsunagu.level": "step"})
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.trace_id, record.span_id = os.urandom(16), os.urandom(8)
    _, _, body = running.ask("/v1/logs", "POST", request.SerializeToString(), TYPE | bearer(writer))
    refused = ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records
    assert refused == (0 if writer in EVENT_WRITERS[kind] else 1)


# -- of what the city has


@pytest.mark.parametrize(
    "attributes",
    [
        {"school": "nowhere"},
        {"school": "AS-E04"},
        {"school": "as-e04 "},
        {"school": "as-e04\n"},
        {"school": ""},
        {"line": "third"},
        {"region": "paris"},
        {"region": "Tokyo"},
        {"family": "ipv5"},
    ],
)
def test_what_the_city_does_not_have_is_refused(running: Running, attributes: dict[str, str]) -> None:
    right = {"school": SCHOOL, "line": "primary", "region": "tokyo", "family": "ipv4"}
    request = ExportMetricsServiceRequest()
    found = request.resource_metrics.add().scope_metrics.add().metrics.add(name=LINE_LATENCY.name, unit="s").gauge
    found.data_points.append(point(1, time.time(), right | attributes))
    assert send(running, request) == 1


@pytest.mark.parametrize("place", [{"school": "nowhere"}, {"school": SCHOOL, "line": "third"}, {"line": "tertiary"}])
def test_an_event_of_no_place_of_the_city_is_refused(running: Running, place: dict[str, str]) -> None:
    request = event(EventKind.LINE_DOWN, "the line is down", time.time(), **place)
    _, _, body = running.ask("/v1/logs", "POST", request.SerializeToString(), PROTOBUF)
    assert ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records == 1


def test_an_event_cannot_hide_what_it_says(running: Running) -> None:
    post(running.url, event(EventKind.LINE_DOWN, "down\x1b[2K\r\u202egnp.exe\nup", time.time(), school="tm-j06"))
    text = running.json("/api/schools/tm-j06")["events"][-1]["text"]
    assert text == "down\ufffd[2K\ufffd\ufffdgnp.exe up"


def test_invented_schools_take_nothing_from_real_ones(running: Running, one: Feed) -> None:
    now = time.time()
    invented = [(LINE_UP, 1.0, {"school": f"x{number}", "line": "primary"}) for number in range(2_100)]
    assert send(running, metrics(invented, now)) == 2_100
    post(running.url, metrics(one.light(now), now))
    assert running.tile(one.schools[0].id)["lines"] == {"primary": "up", "backup": "up"}
    assert b'school="x' not in running.ask("/metrics")[2]
    assert read_store(running, "SELECT COUNT(*) FROM series WHERE school LIKE 'x%'") == [(0,)]


def test_a_store_that_was_poisoned_before_is_made_clean(tmp_path: Path, one: Feed) -> None:
    now, school = time.time(), one.schools[0].id
    key = (LINE_UP, (("school", school), ("line", "primary")))
    invented = [GaugeValue((LINE_UP, (("school", f"x{n}"), ("line", "primary"))), now, 1) for n in range(LINE_UP.limit)]
    future = SpanRecord("t" * 32, "1", "", "rollout", "blinds", now + 1e9)
    with TimeSeriesStore(tmp_path / "monitor.db") as store:
        store.write([TelemetryBatch(values=[GaugeValue(key, now + 298, 1), *invented], spans=[future])])
        found = Monitor(one.city, store)
        try:
            assert len(found.gone) == LINE_UP.limit - 1
            assert set(found.present.values) == {key}
            assert found.present.values[key].at <= time.time()
            assert found.rollouts.build_view() is None
            assert store.rows("SELECT COUNT(*) FROM series") == [(1,)]
        finally:
            found.close()


def test_the_store_of_another_city_is_not_emptied(tmp_path: Path, one: Feed) -> None:
    value = GaugeValue((LINE_UP, (("school", "elsewhere"), ("line", "primary"))), time.time(), 1)
    with TimeSeriesStore(tmp_path / "monitor.db") as store:
        store.write([TelemetryBatch(values=[value])])
        with pytest.raises(MonitorError, match="holds other schools than these policies"):
            Monitor(one.city, store)
        assert store.rows("SELECT COUNT(*) FROM latest") == [(1,)]


# -- of now


def line(running: Running, school: str = SCHOOL) -> str:
    return str(running.tile(school)["lines"]["primary"])


@SHARED
@given(st.floats(0.0, 299.0), st.booleans())
def test_a_value_from_the_future_does_not_beat_a_later_true_one(running: Running, ahead: float, forged: bool) -> None:  # noqa: FBT001 drawn
    running.ask("/v1/metrics", "POST", up(float(forged), time.time() + ahead).SerializeToString(), PROTOBUF)
    post(running.url, up(float(not forged), time.time()))
    assert line(running) == ("down" if forged else "up")


@SHARED
@given(st.floats(2.0, 299.0))
def test_a_value_from_the_future_does_not_replace_what_a_right_clock_said(running: Running, ahead: float) -> None:
    post(running.url, up(0, time.time()))
    assert send(running, up(1, time.time() + ahead)) == 1
    assert line(running) == "down"


def test_a_sender_whose_clock_is_ahead_is_believed_where_nobody_else_speaks(running: Running) -> None:
    for value, state in ((1.0, "up"), (0.0, "down")):
        assert send(running, up(value, time.time() + 60, school="tk-e12")) == 0
        assert line(running, "tk-e12") == state
    [(at,)] = read_store(running, "SELECT at FROM latest JOIN series ON id = series WHERE school = 'tk-e12'")
    assert at <= time.time()


@SHARED
@given(st.one_of(st.floats(301, 1e9), st.floats(-1e9, -3_700), st.just(-time.time())))
def test_a_value_of_another_time_is_refused(running: Running, away: float) -> None:
    assert send(running, up(1, max(0.0, time.time() + away))) == 1


def test_a_probe_cannot_say_that_it_got_through_tomorrow(running: Running) -> None:
    now = time.time()
    for moment in (now + 1e9, now + 400, -1.0, 0.0):
        assert send(running, metrics([(PROBE_LAST_SUCCESS, moment, {"school": SCHOOL})], now)) == 1
    assert send(running, metrics([(PROBE_LAST_SUCCESS, now + 100, {"school": SCHOOL})], now)) == 0
    text = running.ask("/metrics")[2].decode()
    [shown] = [
        one for one in text.splitlines() if one.startswith(f'tsunagu_probe_last_success_seconds{{school="{SCHOOL}"')
    ]
    assert float(shown.split()[-1]) <= time.time()
