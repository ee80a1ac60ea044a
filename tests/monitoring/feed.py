"""Telemetry of a city as its probes would send it: for tests, for looking at the page, and for benchmarks.

    python -m tests.monitoring.feed --url http://127.0.0.1:8600 --schools 176 --seconds 60

Values follow from the school, the line and the moment alone, so a test can say what to expect.
"""

from __future__ import annotations

import argparse
import gzip
import math
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, NumberDataPoint

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import Assessment
from controller.model.sites.schools import School
from controller.telemetry import registry
from controller.telemetry.registry import EventKind, Metric, Writer
from controller.telemetry.units import bits_from_mbps, seconds_from_ms
from tests.monitoring.running import bearer

POLICIES = Path(__file__).resolve().parents[2] / "policies"
REGIONS = ("tokyo", "osaka")
LINES = ("primary", "backup")
HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
ERROR = 0.05
"""The method's error in what the feed assesses."""

Sample = tuple[Metric, float, Mapping[str, str]]
Request = ExportMetricsServiceRequest | ExportLogsServiceRequest | ExportTraceServiceRequest
PATHS: Mapping[type, str] = {
    ExportMetricsServiceRequest: "/v1/metrics",
    ExportLogsServiceRequest: "/v1/logs",
    ExportTraceServiceRequest: "/v1/traces",
}


@dataclass
class Feed:
    """The probes of some schools. `down` holds (school, line) that do not answer; `drift` counts devices by school."""

    city: City
    schools: tuple[School, ...]
    down: set[tuple[str, str]] = field(default_factory=set)
    drift: dict[str, int] = field(default_factory=dict)

    def light(self, moment: float) -> Iterator[Sample]:
        """What is measured about once a second: whether lines answer, round trips and loss."""
        for school in self.schools:
            yield registry.PROBE_LAST_SUCCESS, moment, {"school": school.id}
            for line in LINES:
                up = (school.id, line) not in self.down
                yield registry.LINE_UP, float(up), {"school": school.id, "line": line}
                for region, family in product(REGIONS, registry.FAMILY.values):
                    path = {"school": school.id, "line": line, "region": region, "family": family}
                    yield registry.LINE_LOSS, 0.0 if up else 1.0, path
                    if up:
                        swing = math.sin(moment / 7 + school.number)
                        latency = (8 if line == "primary" else 23) + (6 if region == "osaka" else 0) + swing
                        yield registry.LINE_LATENCY, seconds_from_ms(round(latency, 3)), path
                        yield registry.LINE_JITTER, seconds_from_ms(round(abs(swing) / 4, 3)), path

    def heavy(self, moment: float) -> Iterator[Sample]:
        """What is measured at an interval: throughput, and what follows from it."""
        for school in self.schools:
            recommended = self.city.measurement.recommended.recommend_bandwidth(school.pupils).mbps
            measured = self.measured(school, moment)
            yield registry.BANDWIDTH_MEASURED, bits_from_mbps(measured), {"school": school.id}
            yield registry.BANDWIDTH_RECOMMENDED, bits_from_mbps(recommended), {"school": school.id}
            yield registry.BANDWIDTH_ASSESSMENT, assess_feed(measured, recommended).number, {"school": school.id}
            yield registry.DEVICE_DRIFT, self.drift.get(school.id, 0), {"school": school.id}
            for line, direction in product(LINES, registry.DIRECTION.values):
                part = (1.0 if line == "primary" else 0.4) * (1.0 if direction == "download" else 0.6)
                path = {"school": school.id, "line": line, "region": "tokyo", "family": "ipv4", "direction": direction}
                yield registry.LINE_THROUGHPUT, bits_from_mbps(round(measured * part, 2)), path

    def measured(self, school: School, moment: float) -> float:
        """A school's bandwidth in Mbit/s: about a fifth of the schools have what is recommended."""
        recommended = self.city.measurement.recommended.recommend_bandwidth(school.pupils).mbps
        part = (0.35, 0.6, 0.8, 0.99, 1.3)[school.number % 5]
        return round(recommended * part * (1 + 0.01 * math.sin(moment / 11 + school.number)), 2)


def assess_feed(measured: float, recommended: float) -> Assessment:
    """How the feed assesses; the real assessment is `controller.measure`."""
    if abs(measured - recommended) <= ERROR * recommended:
        return Assessment.WITHIN_ERROR
    return Assessment.MEETS if measured > recommended else Assessment.BELOW


def feed(schools: int = 176) -> Feed:
    """The first so many schools of the city."""
    city = load_city(POLICIES)
    return Feed(city, city.schools[:schools])


def metrics(samples: Iterable[Sample], moment: float) -> ExportMetricsServiceRequest:
    """Samples as a request."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    found: dict[str, Gauge] = {}
    for metric, value, attributes in samples:
        if metric.name not in found:
            found[metric.name] = scope.metrics.add(name=metric.name, unit=metric.unit).gauge
        found[metric.name].data_points.append(point(value, moment, metric.checked(attributes)))
    return request


def point(value: float, moment: float, attributes: Mapping[str, str]) -> NumberDataPoint:
    """A data point."""
    return NumberDataPoint(as_double=value, time_unix_nano=int(moment * 1e9), attributes=pairs(attributes))


def pairs(attributes: Mapping[str, str]) -> list[KeyValue]:
    """Attributes as they are sent."""
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in attributes.items()]


def event(kind: EventKind, text: str, moment: float, **attributes: str) -> ExportLogsServiceRequest:
    """An event as a request."""
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=int(moment * 1e9))
    record.body.string_value = text
    record.attributes.extend(pairs({"event": str(kind), **attributes}))
    return request


def post(url: str, request: Request) -> None:
    """Send a request, each part with the token of whoever sends such; fails unless it is acknowledged whole."""
    for writer, part in split_by_writer(request):
        sent = urllib.request.Request(  # noqa: S310 http on loopback
            url.rstrip("/") + PATHS[type(part)],
            gzip.compress(part.SerializeToString(), compresslevel=1),
            {**HEADERS, **bearer(writer)},
        )
        with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310 see above
            refused = answer.read()
        assert refused == b"", refused


def split_by_writer(request: Request) -> Iterator[tuple[Writer, Request]]:
    """A request as its parts, by who sends such."""
    if isinstance(request, ExportMetricsServiceRequest):
        for writer in Writer:
            part = ExportMetricsServiceRequest()
            scope = part.resource_metrics.add().scope_metrics.add()
            found = [metric for group in request.resource_metrics[0].scope_metrics for metric in group.metrics]
            scope.metrics.extend(one for one in found if next(iter(registry.METRICS[one.name].writers)) == writer)
            if scope.metrics:
                yield writer, part
    elif isinstance(request, ExportLogsServiceRequest):
        attributes = request.resource_logs[0].scope_logs[0].log_records[0].attributes
        kind = EventKind(next(pair.value.string_value for pair in attributes if pair.key == "event"))
        yield next(iter(registry.EVENT_WRITERS[kind])), request
    else:
        yield Writer.CONTROLLER, request


def main() -> None:
    """Feed a monitor for a while, a round a second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="http://127.0.0.1:8600")
    parser.add_argument("--schools", type=int, default=176)
    parser.add_argument("--seconds", type=int, default=60)
    wanted = parser.parse_args()
    source = feed(wanted.schools)
    for _ in range(wanted.seconds):
        began = time.time()
        post(wanted.url, metrics([*source.light(began), *source.heavy(began)], began))
        time.sleep(max(0.0, began + 1 - time.time()))


if __name__ == "__main__":
    main()
