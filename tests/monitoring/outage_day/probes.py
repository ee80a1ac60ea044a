"""The schools' probes and the controller on the scripted day: how the city is, and what they send of it."""

from __future__ import annotations

import gzip
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from controller.model.city import City
from controller.model.measurement import Assessment
from controller.telemetry import registry
from controller.telemetry.registry import FAMILY, Writer
from controller.telemetry.units import bits_from_mbps
from tests.monitoring.feed import HEADERS, LINES, REGIONS, Sample, metrics
from tests.monitoring.outage_day.script import Change
from tests.monitoring.running import bearer

TIMEOUT = 30


@dataclass
class Probes:
    """The probes of some schools of a city, and what is wrong there."""

    city: City
    schools: Collection[str]
    roles: Mapping[str, str]
    down: set[tuple[str, str]] = field(default_factory=set)
    flapping: set[tuple[str, str]] = field(default_factory=set)
    dns_dead: set[tuple[str, str]] = field(default_factory=set)
    lost_regions: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    clocks: dict[str, float] = field(default_factory=dict)
    ticks: int = 0

    def change(self, change: Change) -> None:
        """What happens at the beginning of a step."""
        self.down = (self.down | self._places(change.down)) - self._places(change.up)
        self.flapping = (self.flapping | self._places(change.flapping)) - self._places(change.steady)
        self.dns_dead = (self.dns_dead | self._places(change.dns_dead)) - self._places(change.dns_back)
        self.lost_regions = (self.lost_regions | {change.region_lost} - {""}) - {change.region_back}
        self.silent = (self.silent | self._schools(change.silent)) - self._schools(change.heard)
        self.clocks.update({self.roles[role]: seconds for role, seconds in change.clocks.items()})

    def _places(self, named: Collection[str]) -> set[tuple[str, str]]:
        return {(self.roles[role], line) for role, line in (one.split() for one in named)}

    def _schools(self, named: Collection[str]) -> set[str]:
        return set(self.schools) if "all" in named else {self.roles[role] for role in named}

    def list_heard(self) -> list[str]:
        """The schools whose probes speak."""
        return [one for one in self.schools if one not in self.silent]

    def send(self, url: str, now: float) -> None:
        """Let every probe say what it measures: each its own resource, dated by its own clock, in one request."""
        self.ticks += 1
        together = ExportMetricsServiceRequest()
        for school in self.list_heard():
            ahead = self.clocks.get(school, 0.0)
            one = metrics(self.measure(school, now + ahead), now + ahead).resource_metrics[0]
            name = KeyValue(key="service.instance.id", value=AnyValue(string_value=name_probe(school)))
            one.resource.attributes.append(name)
            together.resource_metrics.append(one)
        if together.resource_metrics:
            post_metrics(url, together)

    def measure(self, school: str, now: float) -> Iterator[Sample]:
        """What a probe measures of its school."""
        place = {"school": school}
        recommended = bits_from_mbps(
            self.city.measurement.recommended.recommend_bandwidth(self.city.school_by_id[school].pupils).mbps
        )
        yield registry.BANDWIDTH_RECOMMENDED, recommended, place
        yield registry.BANDWIDTH_MEASURED, 1.3 * recommended, place
        yield registry.BANDWIDTH_ASSESSMENT, Assessment.MEETS.number, place
        for line in LINES:
            yield from self._measure_line({"school": school, "line": line})
        if any((school, line) not in self.down for line in LINES):
            yield registry.PROBE_LAST_SUCCESS, now, place

    def _measure_line(self, place: dict[str, str]) -> Iterator[Sample]:
        line = place["school"], place["line"]
        is_flapping = line in self.flapping
        yield registry.LINE_UP, float(line not in self.down), place
        yield registry.LINE_FLAPPING, float(is_flapping), place
        yield registry.LINE_SLOW, 0.0, place
        gone = line in self.down or (is_flapping and self.ticks % 2 == 0)
        for region, family in product(REGIONS, FAMILY.values):
            dead = line in self.down or region in self.lost_regions
            path = {**place, "region": region, "family": family}
            yield registry.PATH_UP, float(not dead), path
            yield registry.LINE_LOSS, 1.0 if dead else 0.0, path
            if not dead and not gone:
                yield registry.LINE_LATENCY, 0.008 + 0.006 * (region == "osaka"), path
        if line not in self.down:
            for family in FAMILY.values:
                yield registry.DNS_UP, float(line not in self.dns_dead), {**place, "family": family}
                yield registry.HTTP_UP, 1.0, {**place, "family": family}


def name_probe(school: str) -> str:
    """What a school's probe calls itself."""
    return f"{school}-probe"


def post_metrics(url: str, request: ExportMetricsServiceRequest) -> None:
    """Send a request as a probe; fails unless all of it is taken."""
    body = gzip.compress(request.SerializeToString(), compresslevel=1)
    sent = urllib.request.Request(f"{url}/v1/metrics", body, {**HEADERS, **bearer(Writer.PROBE)})  # noqa: S310 loopback
    with urllib.request.urlopen(sent, timeout=TIMEOUT) as answer:  # noqa: S310 http on loopback
        refused = answer.read()
    assert refused == b"", refused
