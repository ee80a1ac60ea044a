"""OTLP requests, in protobuf and in JSON, for the fuzzer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.model.city import City
from controller.telemetry.registry import EventKind, Writer
from monitoring.city_state.known_names import KnownNames
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.timeseries.records import MalformedRequest
from tests.monitoring import feed
from tests.monitoring.otlp_json import write_json


def list_request_readers(
    city: City, names: KnownNames, moment: float
) -> Iterator[tuple[str, tuple[bytes, ...], Callable[[bytes], object], tuple[str, ...], tuple[type[Exception], ...]]]:
    """Yield name, seeds, reader, the functions that it is for, and how it refuses."""
    fed = feed.Feed(city, city.schools[:2])
    traces = ExportTraceServiceRequest()
    span = traces.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes(range(16)), span_id=bytes(range(8)))
    span.name = "rollout"
    span.start_time_unix_nano, span.end_time_unix_nano = int(moment * 1e9) - 10, int(moment * 1e9)
    span.attributes.extend(feed.pairs({"tsunagu.level": "rollout", "tsunagu.outcome": "applied"}))
    seeds: dict[str, Message] = {
        "metrics": feed.metrics([*fed.light(moment), *fed.heavy(moment)], moment),
        "logs": feed.event(EventKind.LINE_DOWN, "down", moment, school=city.schools[0].id),
        "traces": traces,
    }

    def decoding(signal: str, *, is_json: bool) -> Callable[[bytes], object]:
        def run(data: bytes) -> None:
            for writer in Writer:
                decode_request(signal, data, Arrival(writer, names, moment), is_json=is_json)

        return run

    for signal, seed in seeds.items():
        covers = ("decode_request", f"decode_{signal}")
        protobuf, text = seed.SerializeToString(), write_json(seed)
        yield f"OTLP {signal}", (protobuf,), decoding(signal, is_json=False), covers, (MalformedRequest,)
        reading = decoding(signal, is_json=True)
        yield f"OTLP {signal} in JSON", (text,), reading, ("parse_json_request",), (MalformedRequest,)
