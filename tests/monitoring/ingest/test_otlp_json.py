"""OTLP/JSON: the same as in protobuf, and what is none is refused by the place of its fault."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.telemetry.registry import LINE_UP, EventKind, Writer
from monitoring.city_state.known_names import list_known_names
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.json_request import parse_json_request
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.limits import MOST_MESSAGES
from monitoring.timeseries.records import MalformedRequest
from tests.monitoring.feed import Feed, event, feed, metrics, pairs
from tests.monitoring.otlp_json import write_json
from tests.monitoring.running import PROTOBUF, Running, monitor
from tests.soak import examples

NOW = time.time()
SCHOOL = "as-e04"
UP = {"school": SCHOOL, "line": "primary"}
JSON = {**PROTOBUF, "Content-Type": "application/json; charset=utf-8"}
NAMES = list_known_names(feed(1).city)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


def whole_city() -> ExportMetricsServiceRequest:
    fed = feed(2)
    return metrics([*fed.light(NOW), *(one for one in fed.heavy(NOW) if Writer.PROBE in one[0].writers)], NOW)


def test_json_says_the_same_as_protobuf(running: Running, six: Feed) -> None:
    request = whole_city()
    assert parse_json_request(write_json(request), ExportMetricsServiceRequest, MOST_MESSAGES) == request
    arrival = Arrival(Writer.PROBE, NAMES, NOW)
    as_json = decode_request("metrics", write_json(request), arrival, is_json=True)
    assert as_json == decode_request("metrics", request.SerializeToString(), arrival)
    now = time.time()
    cut = replace(six, down={(six.schools[0].id, "backup")})
    status, headers, body = running.ask("/v1/metrics", "POST", write_json(metrics(cut.light(now), now)), JSON)
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {})
    assert running.tile(six.schools[0].id)["lines"] == {"primary": "up", "backup": "down"}


def test_spans_and_events_in_json_have_their_ids_in_hexadecimal() -> None:
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=bytes(range(16)),
            span_id=bytes(range(8)),
            name="step x",
            attributes=pairs({"tsunagu.level": "step"}),
        )
    )
    span.start_time_unix_nano = span.end_time_unix_nano = int(NOW * 1e9)
    [found] = decode_request("traces", write_json(request), Arrival(Writer.CONTROLLER, NAMES, NOW), is_json=True).spans
    assert (found.trace, found.id) == (bytes(range(16)).hex(), bytes(range(8)).hex())
    request_of_event = event(EventKind.LINE_UP, "up", NOW, school=SCHOOL)
    batch = decode_request("logs", write_json(request_of_event), Arrival(Writer.PROBE, NAMES, NOW), is_json=True)
    assert [one.kind for one in batch.events] == ["line-up"]


def point_with(**fields: object) -> bytes:
    """A request in JSON with one point that has these fields."""
    attributes = [{"key": name, "value": {"stringValue": value}} for name, value in UP.items()]
    shown = {"attributes": attributes, "timeUnixNano": str(int(NOW * 1e9)), **fields}
    metric = {"name": LINE_UP.name, "gauge": {"dataPoints": [shown]}}
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"asInt": "1"},
        {"asInt": 1},
        {"asDouble": 1.0},
        {"asDouble": "1e0"},
        {"asDouble": 1, "asInt": None},
        {"asDouble": 1, "whatComesLater": [{"a": 1}]},
        {"asDouble": 1, "as_int": 0},
    ],
)
def test_numbers_in_json_are_taken_in_each_form_and_unknown_keys_are_passed_over(fields: dict[str, object]) -> None:
    batch = decode_request("metrics", point_with(**fields), Arrival(Writer.PROBE, NAMES, NOW), is_json=True)
    assert ([one.value for one in batch.values], batch.refused.total()) == ([1], 0)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_no_number_in_json_is_refused_by_its_point_alone(text: str) -> None:
    batch = decode_request("metrics", point_with(asDouble=text), Arrival(Writer.PROBE, NAMES, NOW), is_json=True)
    assert (batch.values, dict(batch.refused)) == ([], {"tsunagu.line.up that is no number": 1})


POINT = "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0]"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "line 1: is no JSON"),
        (b"[]", "the whole must be an object, not a list"),
        (b"{}}", "line 1: is no JSON"),
        (b'{"resourceMetrics": {}}', "resourceMetrics must be a list, not an object"),
        (b'{"resourceMetrics": [null]}', "resourceMetrics[0] must be an object, not null"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"[" * 100, "nests deeper than"),
        (point_with(asDouble="one"), f"{POINT}.asDouble must be a number, not 'one'"),
        (point_with(asDouble=True), f"{POINT}.asDouble must be a number, not True"),
        (point_with(asInt=1.5), f"{POINT}.asInt must be a whole number, not 1.5"),
        (point_with(asInt=str(2**63)), f"{POINT}.asInt must be a number in the field's range"),
        (point_with(asInt="1", asDouble=1), f"{POINT}.asDouble stands beside another value"),
        (point_with(timeUnixNano=-1), f"{POINT}.timeUnixNano must be a number in the field's range"),
        (point_with(flags="DATA_POINT_FLAGS"), f"{POINT}.flags must be a whole number"),
        (point_with(exemplars=[{"traceId": "zz"}]), f"{POINT}.exemplars[0].traceId must be an id in hexadecimal"),
        (point_with(exemplars=[{"spanId": "0 0 "}]), f"{POINT}.exemplars[0].spanId must be an id in hexadecimal"),
        (
            point_with(attributes=[{"key": "a", "value": {"bytesValue": "a"}}]),
            f"{POINT}.attributes[0].value.bytesValue must be base64",
        ),
    ],
)
def test_what_is_no_otlp_in_json_is_refused_by_the_place_of_the_fault(body: bytes, said: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        decode_request("metrics", body, Arrival(Writer.PROBE, NAMES, NOW), is_json=True)
    assert str(refused.value).startswith("the body is no OTLP JSON request: ")
    assert said in str(refused.value)


def test_a_refusal_is_a_status_in_the_form_of_the_request(running: Running) -> None:
    status, headers, body = running.ask("/v1/metrics", "POST", b"[]", JSON)
    assert (status, headers["content-type"]) == (400, "application/json")
    said = "the body is no OTLP JSON request: the whole must be an object, not a list"
    assert json.loads(body) == {"code": 3, "message": said}
    status, headers, body = running.ask("/v1/metrics", "POST", b"\xff", PROTOBUF)
    assert (status, headers["content-type"], read_official(body)["code"]) == (400, "application/x-protobuf", 3)
    status, headers, body = running.ask("/v1/metrics", "POST", b"", {"Content-Type": "application/x-protobuf"})
    said = "show the token of a controller or a probe"
    assert (status, read_official(body)) == (401, {"code": 16, "message": said})
    assert headers["www-authenticate"] == "Bearer"


def read_official(body: bytes) -> dict[str, object]:
    """A status as Google's own class reads it; in a process of its own, for Pulumi's copy may be in this one."""
    program = (
        "import sys, json; from google.rpc.status_pb2 import Status;"
        "from google.protobuf.json_format import MessageToDict;"
        "print(json.dumps(MessageToDict(Status.FromString(sys.stdin.buffer.read()))))"
    )
    done = subprocess.run([sys.executable, "-c", program], input=body, capture_output=True, check=True, timeout=60)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_values_in_json_are_counted_before_they_are_made() -> None:
    body = b'{"resourceMetrics": [' + b"{}," * MOST_MESSAGES + b"{}]}"
    with pytest.raises(MalformedRequest, match="at most 600000 values"):
        decode_request("metrics", body, Arrival(Writer.PROBE, NAMES, NOW), is_json=True)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4))
def test_damaged_json_is_refused_or_kept_and_breaks_nothing(changes: list[tuple[int, int]]) -> None:
    body = bytearray(point_with(asDouble=1))
    for at, value in changes:
        body[at % len(body)] = value
    try:
        batch = decode_request("metrics", bytes(body), Arrival(Writer.PROBE, NAMES, NOW), is_json=True)
    except MalformedRequest:
        assert changes
    else:
        assert len(batch) == 1 or changes
