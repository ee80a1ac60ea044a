"""The monitor stays small and open, whoever connects and whatever a sender with a token sends."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from controller.telemetry.registry import (
    LINE_LATENCY,
    LINE_UP,
    ROLLOUT_DEVICE_DURATION,
    TELEMETRY_DROPPED,
    Writer,
)
from monitoring import limits
from monitoring.city_state.event_stream import EventStream
from monitoring.city_state.known_names import KnownNames, list_known_names
from monitoring.ingest import otlp_decoder
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.timeseries import queries, time_series_store
from monitoring.timeseries.records import (
    CumulativeTotal,
    EventRecord,
    GaugeValue,
    MalformedRequest,
    SpanRecord,
    TelemetryBatch,
)
from monitoring.timeseries.retention import delete_expired, roll_up
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web import bounded_connection
from monitoring.web.exposition import format_exposition
from tests.monitoring.feed import Feed, feed, metrics
from tests.monitoring.running import PROTOBUF, Running, monitor, until
from tests.soak import examples

NOW = time.time()
SCHOOL = "as-e04"
UP = (LINE_UP, (("school", SCHOOL), ("line", "primary")))
LATENCY = (LINE_LATENCY, (("school", SCHOOL), ("line", "primary"), ("region", "tokyo"), ("family", "ipv4")))
DROPPED = (TELEMETRY_DROPPED, (("signal", "logs"),))


@pytest.fixture(scope="module")
def one() -> Feed:
    return feed(1)


@pytest.fixture(scope="module")
def names(one: Feed) -> KnownNames:
    return list_known_names(one.city)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TimeSeriesStore]:
    with TimeSeriesStore(tmp_path / "monitor.db") as opened:
        yield opened


# -- what a request may hold


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(1, 2_000), st.sampled_from(["x{}", "as-e04{}", "AS-E04-{}", "{}"]))
def test_however_many_series_are_invented_none_is_kept(names: KnownNames, number: int, form: str) -> None:
    invented = [(LINE_UP, 1.0, {"school": form.format(n), "line": "primary"}) for n in range(number)]
    body = metrics(invented, NOW).SerializeToString()
    batch = decode_request("metrics", body, Arrival(Writer.PROBE, names, NOW))
    assert (batch.values, batch.refused.total()) == ([], number)


def test_a_request_has_a_bounded_number_of_items(names: KnownNames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_decoder, "MOST_ITEMS", 200)
    many = [(LINE_UP, 1.0, {"school": SCHOOL, "line": "primary"})] * 201
    arrival = Arrival(Writer.PROBE, names, NOW)
    with pytest.raises(MalformedRequest, match="at most 200"):
        decode_request("metrics", metrics(many, NOW).SerializeToString(), arrival)
    assert len(decode_request("metrics", metrics(many[1:], NOW).SerializeToString(), arrival)) == 200


@pytest.mark.parametrize("number", [1e16, -1e16, 1.7e308, float("inf"), float("-inf"), float("nan")])
def test_a_number_that_sums_cannot_hold_is_refused(names: KnownNames, number: float) -> None:
    body = metrics([(LINE_UP, number, {"school": SCHOOL, "line": "primary"})], NOW).SerializeToString()
    batch = decode_request("metrics", body, Arrival(Writer.PROBE, names, NOW))
    assert (batch.values, batch.refused.total()) == ([], 1)


def test_the_largest_numbers_break_neither_metrics_nor_a_roll_up(store: TimeSeriesStore) -> None:
    largest = limits.LARGEST_NUMBER
    for number in range(40):
        value = GaugeValue(LATENCY, NOW - 60 + number, largest if number % 2 else -largest)
        total = CumulativeTotal(DROPPED, f"probe/{number}", 0, NOW, largest)
        store.write([TelemetryBatch(values=[value], totals=[total])])
    roll_up(store, NOW + 600)
    text = format_exposition(queries.read_latest_values(store), queries.read_totals(store), NOW)
    # The total is there; a latency of that size is none, and is left out.
    assert (text.count("\n"), LINE_LATENCY.prometheus in text) == (3, False)
    assert f" {40 * int(largest)}\n" in text


# -- what memory and store keep


def test_processes_of_a_series_are_bounded_and_no_total_is_lost(
    store: TimeSeriesStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_series_store, "MOST_PROCESSES", 80)
    for number in range(250):
        at = NOW - 1_000 + number
        store.write([TelemetryBatch(totals=[CumulativeTotal(DROPPED, f"probe/{number}", 0, at, 1)])])
    [(rows,)] = store.rows("SELECT COUNT(*) FROM part")
    assert rows <= 80
    assert [total.value for total in queries.read_totals(store)] == [250]


def test_more_processes_at_once_than_are_told_apart_are_refused(store: TimeSeriesStore) -> None:
    totals = [CumulativeTotal(DROPPED, f"probe/{number}", 0, NOW, 1) for number in range(400)]
    [kept] = store.write([TelemetryBatch(totals=totals)])
    assert kept.refused.total() == 400 - limits.MOST_PROCESSES
    [again] = store.write([TelemetryBatch(totals=[CumulativeTotal(DROPPED, "probe/0", 0, NOW + 1, 2)])])
    assert again.refused.total() == 0


def test_a_histogram_of_many_processes_is_bounded_too(store: TimeSeriesStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_series_store, "MOST_PROCESSES", 10)
    monkeypatch.setattr(time_series_store, "ENDED_SECONDS", 5)
    counts = tuple(range(len(ROLLOUT_DEVICE_DURATION.boundaries) + 1))
    key = (ROLLOUT_DEVICE_DURATION, (("outcome", "applied"),))
    for number in range(30):
        total = CumulativeTotal(key, f"controller/{number}", number, NOW - 500 + number, 1.0, counts)
        store.write([TelemetryBatch(totals=[total])])
    assert store.rows("SELECT COUNT(*) <= 10 FROM part") == [(1,)]
    [total] = queries.read_totals(store)
    assert (total.value, total.counts) == (30.0, tuple(30 * count for count in counts))


def test_events_of_a_school_are_bounded_and_take_nothing_from_another(store: TimeSeriesStore) -> None:
    store.write([TelemetryBatch(events=[EventRecord(NOW - 9, "drift", "kw-s01", "", "kept")])])
    for batch in range(5):
        events = [EventRecord(NOW + batch, "drift", SCHOOL, "", f"{batch} {n}") for n in range(1_000)]
        store.write([TelemetryBatch(events=events)])
    counts = dict(store.rows("SELECT school, COUNT(*) FROM event GROUP BY school"))
    assert counts == {SCHOOL: limits.MOST_EVENTS, "kw-s01": 1}
    assert queries.read_events(store, SCHOOL, 0, 1)[0].text.startswith("4 ")


def span(trace: str, identifier: str, start: float = NOW) -> SpanRecord:
    return SpanRecord(trace, identifier, "", "step", "read", start, start)


def test_spans_and_rollouts_are_bounded(store: TimeSeriesStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_series_store, "MOST_SPANS", 100)
    monkeypatch.setattr(time_series_store, "MOST_ROLLOUTS", 20)
    [kept] = store.write([TelemetryBatch(spans=[span("t", str(number)) for number in range(150)])])
    assert (len(kept.spans), kept.refused.total()) == (100, 50)
    for number in range(50):
        store.write([TelemetryBatch(spans=[span(f"t{number}", "1", NOW + number)])])
    traces = [trace for (trace,) in store.rows("SELECT DISTINCT trace FROM span")]
    assert len(traces) <= 20
    assert "t49" in traces


def test_spans_that_are_gone_make_room_again(store: TimeSeriesStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_series_store, "MOST_ROLLOUTS", 2)
    store.write([TelemetryBatch(spans=[span("old", "1", NOW - 100 * 86_400), span("older", "1", NOW - 99 * 86_400)])])
    delete_expired(store, NOW)
    store.write([TelemetryBatch(spans=[span("new", "1"), span("newer", "1")])])
    assert {trace for (trace,) in store.rows("SELECT trace FROM span")} == {"new", "newer"}


# -- files


def test_what_the_monitor_keeps_is_for_its_user_only_also_what_was_wider(tmp_path: Path) -> None:
    path = tmp_path / "monitor.db"
    with TimeSeriesStore(path) as opened:
        opened.write([TelemetryBatch(values=[GaugeValue(UP, NOW, 1)])])
    path.chmod(0o644)
    (tmp_path / "monitor.db.format-1.backup").touch(mode=0o644)
    before = os.umask(0)
    try:
        with TimeSeriesStore(path) as opened:
            opened.write([TelemetryBatch(values=[GaugeValue(UP, NOW, 1)])])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert set(modes) >= {"monitor.db", "monitor.db-wal", "monitor.db-shm", "monitor.db.lock"}
    assert set(modes.values()) == {0o600}


# -- connections


async def answer(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())}\n")


async def endless(_: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    return StreamingResponse(lines())


@contextmanager
def served() -> Iterator[int]:
    """A small application behind bounded connections, in a thread; its port."""
    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"]), Route("/endless", endless)])
    config = uvicorn.Config(
        app, http=bounded_connection.BoundedConnection, ws="none", lifespan="off", log_level="critical"
    )
    config.timeout_graceful_shutdown = 1
    config.timeout_keep_alive = 3_600  # what ends a connection here are the bounds, not the server's own patience
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        until(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Bounds that a test can wait for."""
    for name, value in (("HEADER_SECONDS", 0.4), ("REQUEST_SECONDS", 0.8), ("STALLED_SECONDS", 0.5)):
        monkeypatch.setattr(bounded_connection, name, value)
    monkeypatch.setattr(bounded_connection, "MOST_CONNECTIONS", 20)
    with served() as port:
        yield port


def is_closed(connection: socket.socket, seconds: float = 5.0) -> bool:
    """Whether the other side has ended a connection within a time."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


HALF = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "half a line": b"GE",
    "half a body": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
    "a whole one and half of another": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
    "a whole one and half a body": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
}


@pytest.mark.parametrize("sent", HALF.values(), ids=HALF)
def test_who_does_not_finish_a_request_is_let_go(quick: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", quick)) as connection:
        connection.sendall(sent)
        assert is_closed(connection, 20.0)


def test_who_sends_a_byte_now_and_then_is_let_go_too(quick: int) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", quick)) as connection:
        with suppress(ConnectionError):
            for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        assert is_closed(connection)
    assert time.monotonic() - began < 20


def test_who_reads_nothing_of_an_answer_is_let_go(quick: int) -> None:
    with socket.create_connection(("127.0.0.1", quick)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1.5)  # the attack itself: reading nothing
        assert is_closed(connection)


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody")
        found = b""
        while part := connection.recv(4_096):
            found += part
        return found


@pytest.mark.parametrize("sent", list(HALF.values())[:4], ids=list(HALF)[:4])
def test_however_many_stay_half_open_a_real_one_is_answered(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(bounded_connection, "MOST_CONNECTIONS", 20)
    with served() as port, ExitStack() as opened:
        kept = [opened.enter_context(closing(socket.create_connection(("127.0.0.1", port)))) for _ in range(60)]
        for connection in kept:
            try:
                connection.sendall(sent)
            except ConnectionError:
                continue  # it was let go already
        assert ask(port).endswith(b"4\n")
        gone = sum(is_closed(connection, 0.1) for connection in kept[:40])
        assert gone >= 35


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


def test_half_open_connections_do_not_keep_the_real_monitor(running: Running, one: Feed) -> None:
    with ExitStack() as opened:
        for _ in range(limits.MOST_CONNECTIONS + 50):
            connection = opened.enter_context(closing(socket.create_connection(("127.0.0.1", running.port))))
            connection.sendall(b"POST /v1/metrics HTTP/1.1\r\n")
        now = time.time()
        request = metrics(one.light(now), now).SerializeToString()
        assert running.ask("/v1/metrics", "POST", request, PROTOBUF)[0] == 200
        assert running.tile(one.schools[0].id)["lines"]["primary"] == "up"
        assert count_connections(running) <= limits.MOST_CONNECTIONS + 8


def count_connections(running: Running) -> int:
    """The sockets that the monitor's process has open."""
    links = Path(f"/proc/{running.process.pid}/fd").iterdir()
    return sum(link.readlink().name.startswith("socket:") for link in links if link.is_symlink())


def test_for_one_more_open_page_the_oldest_comes_back() -> None:
    stream = EventStream(list)
    readers = [stream.read(None) for _ in range(limits.MOST_READERS + 10)]

    async def open_all() -> int:
        for reader in readers:
            await anext(reader)
        ended = [text async for text in readers[0]]
        stream.publish("tiles", 1)
        assert b"tiles" in await anext(readers[-1])
        stream.close()
        return len(ended)

    assert asyncio.run(open_all()) == 0
    assert stream.readers <= limits.MOST_READERS


def test_a_number_of_very_many_digits_is_none_of_a_message() -> None:
    stream = EventStream(lambda: [("tiles", 1)])

    async def come_back() -> bytes:
        first = stream.read(None)
        await anext(first)
        stream.publish("needs", 1)
        run = (await anext(first)).split(b"-")[0].removeprefix(b"id: ").decode()
        reader = stream.read(f"{run}-{'9' * 5_000}")
        await anext(reader)
        return await anext(reader)

    assert b"event: tiles" in asyncio.run(come_back())


def test_a_body_that_nobody_wants_is_not_read_for_ever(running: Running) -> None:
    head = b"POST /v1/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        connection.sendall(head)
        assert b" 401 " in connection.recv(4_096)
        with suppress(ConnectionError):
            for _ in range(10 * limits.MOST_SENT // 65_536):
                connection.sendall(b"x" * 65_536)
        assert is_closed(connection)
    assert running.ask("/api/rollout")[0] == 200
