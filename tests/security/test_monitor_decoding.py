"""What a request would become is counted before it is made, and made where it keeps no page waiting."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.telemetry.registry import LINE_UP, Writer
from monitoring.city_state.known_names import KnownNames, list_known_names
from monitoring.ingest import otlp_decoder
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.timeseries.records import MalformedRequest
from tests.monitoring.feed import feed, metrics
from tests.monitoring.running import PROTOBUF, Running, monitor
from tests.soak import examples

NOW = time.time()
SCHOOL = "as-e04"


@pytest.fixture(scope="module")
def names() -> KnownNames:
    return list_known_names(feed(1).city)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


def wrap(number: int, content: bytes) -> bytes:
    """A protobuf field that holds bytes."""
    length, digits = len(content), b""
    while length > 127:
        digits, length = digits + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + digits + bytes([length]) + content


MANY = 700_000
EMPTY = {
    "points of an unknown metric": ("metrics", (1, 2, 2), wrap(1, b"x") + wrap(5, wrap(1, b"") * MANY)),
    "points": ("metrics", (1, 2, 2), wrap(1, b"tsunagu.line.up") + wrap(5, wrap(1, b"") * MANY)),
    "attributes": ("metrics", (1, 2, 2, 5, 1), wrap(7, b"") * MANY),
    "values of a list": ("metrics", (1, 1, 1, 2, 5), wrap(1, b"") * MANY),
    "metrics": ("metrics", (1, 2), wrap(2, b"") * MANY),
    "scopes": ("metrics", (1,), wrap(2, b"") * MANY),
    "resources": ("metrics", (), wrap(1, b"") * MANY),
    "records": ("logs", (1, 2), wrap(2, b"") * MANY),
    "spans": ("traces", (1, 2), wrap(2, b"") * MANY),
    "links": ("traces", (1, 2, 2), wrap(13, b"") * MANY),
}


@pytest.mark.parametrize("form", EMPTY)
def test_two_bytes_that_stand_for_an_object_are_counted_before_it_is_made(
    names: KnownNames, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    signal, path, body = EMPTY[form]
    for number in reversed(path):
        body = wrap(number, body)
    monkeypatch.setattr(
        otlp_decoder,
        "_DECODERS",
        {  # nothing is made of it
            name: (lambda *_: pytest.fail("was decoded"), kind)
            for name, (_, kind) in otlp_decoder._DECODERS.items()  # noqa: SLF001
        },
    )
    with pytest.raises(MalformedRequest, match="at most 600000 messages"):
        decode_request(signal, body, Arrival(Writer.PROBE, names, NOW))


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=40))
def test_what_protobuf_takes_is_not_refused_by_the_scan_alone(names: KnownNames, content: bytes) -> None:
    body = metrics([(LINE_UP, 1.0, {"school": SCHOOL, "line": "primary"})], NOW).SerializeToString() + wrap(
        99 % 15, content
    )
    batch = decode_request("metrics", body, Arrival(Writer.PROBE, names, NOW))
    assert len(batch.values) == 1


def test_pages_are_answered_while_a_request_is_decoded(running: Running) -> None:
    body = gzip.compress(wrap(1, wrap(2, b"") * 200_000))
    sending = threading.Thread(
        target=lambda: running.ask("/v1/metrics", "POST", body, {**PROTOBUF, "Content-Encoding": "gzip"})
    )
    sending.start()
    began = time.monotonic()
    assert running.ask("/metrics")[0] == 200
    assert time.monotonic() - began < 5
    sending.join()


def test_a_body_that_unpacks_to_very_much_more_is_refused(running: Running) -> None:
    body = gzip.compress(wrap(1, wrap(2, b"") * 1_000_000))
    assert len(body) < 8_000
    assert running.ask("/v1/metrics", "POST", body, {**PROTOBUF, "Content-Encoding": "gzip"})[0] == 413
