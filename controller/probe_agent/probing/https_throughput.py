"""What a path carries, by HTTPS: several TLS streams to a measuring endpoint, where nothing but port 443 gets through.

The rate is what arrived at the receiver by its kernel's count (TCP's payload, as iperf3 counts it), without the
beginning of the test. The endpoint is known by its certificate; the probe shows it that it is enrolled, not its token.
"""

from __future__ import annotations

import json
import math
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from controller.probe_agent.probing.https_streams import receive_streams, send_streams
from controller.probe_agent.throughput_protocol.pages import (
    CHALLENGE_FIELD,
    PROOF_FIELD,
    SCHOOL_FIELD,
    SECONDS_FIELD,
    Page,
)
from controller.probe_agent.throughput_protocol.proofs import sign_challenge
from controller.probe_agent.throughput_protocol.rates import (
    END_SECONDS,
    Samples,
    compute_rate,
    count_carried,
    is_unsteady,
)
from controller.probe_agent.throughput_protocol.sender_limits import (
    FAR_MS,
    SOME_LOSS,
    ThroughputLimit,
    find_sender_limit,
)
from controller.probe_agent.throughput_protocol.tcp_state import close_at_once, read_tcp_state

OpenSocket = Callable[[], socket.socket]
"""Makes a TCP socket of the path's family that leaves by its line."""
_LEAST_BUSY_WAIT, _MOST_BUSY_WAIT = 0.3, 1.5
_ANSWER_SECONDS = 10.0
_MOST_HEAD, _MOST_BODY = 4_096, 1_000_000
_MOST_STREAMS, _MOST_SAMPLES, _MOST_COUNT = 16, 2_000, 1 << 50
NO_ROOM, _OK, _CONTINUE = 503, 200, 100


class EndpointRefused(Exception):
    """The measuring endpoint does not let this probe test, or is none; the message says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpsTest:
    """What is tested: where the endpoint is, the name in its certificate, and how long with how many streams."""

    address: str
    port: int
    host: str
    tls: ssl.SSLContext
    seconds: int
    streams: int
    connect_within: float
    patience: float = 15.0


@dataclass(frozen=True, slots=True)
class SenderCounts:
    """What a sender had to do: segments, how many again, and the bytes in its windows at the end."""

    segments: int
    retransmitted: int
    window: int


@dataclass(frozen=True, slots=True)
class HttpsRate:
    """A test's figures; `rate` in bits a second, `carried` in bytes, times in milliseconds."""

    rate: float
    carried: int
    sender: SenderCounts
    idle_ms: float
    queued_ms: float
    limit: ThroughputLimit | None


def measure_https_rate(
    open_socket: OpenSocket, school: str, token_sha256: str, direction: str, test: HttpsTest
) -> HttpsRate:
    """One test in one direction; an endpoint that is busy with another one is asked again for `test.patience` seconds.

    Raises:
        EndpointRefused: it is no endpoint, does not know this probe, or is busy for too long.
        NoRate: the line fell silent in the test.
        OSError: nobody answers, or the certificate is another's (`ssl.SSLError`).
    """
    deadline, wait = time.monotonic() + test.patience, _LEAST_BUSY_WAIT
    while True:
        try:
            return _measure_once(open_socket, school, token_sha256, direction, test)
        except EndpointRefused as refused:
            if refused.status != NO_ROOM or time.monotonic() >= deadline:
                raise
        # Each asking is TLS once more for each stream, while another school's test is measured: longer each time, and
        # never in step with the other schools that wait.
        time.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 no secret
        wait = min(2 * wait, _MOST_BUSY_WAIT)


def _measure_once(
    open_socket: OpenSocket, school: str, token_sha256: str, direction: str, test: HttpsTest
) -> HttpsRate:
    with ExitStack() as closing:
        control = _connect(open_socket, test)
        closing.callback(control.close)
        idle_ms = 1000 * read_tcp_state(control).least_round_trip
        challenge = read_challenge(_ask(control, "POST", Page.CHALLENGE, test, {SCHOOL_FIELD: school}))
        fields = {
            SCHOOL_FIELD: school,
            CHALLENGE_FIELD: challenge,
            PROOF_FIELD: sign_challenge(token_sha256, challenge),
            SECONDS_FIELD: str(test.seconds),
        }
        streams = []
        for _ in range(test.streams):
            streams.append(_connect(open_socket, test))
            closing.callback(close_at_once, streams[-1])
        is_download = direction == "download"
        verb, page = ("GET", Page.DOWNLOAD) if is_download else ("POST", Page.UPLOAD)
        more = {} if is_download else {"Content-Length": "8000000000", "Expect": "100-continue"}
        for stream in streams:
            stream.sendall(_write_request(verb, page, test, {**fields, **more}))
        for stream in streams:
            _receive_head(stream, _OK if is_download else _CONTINUE, time.monotonic() + _ANSWER_SECONDS)
        if is_download:
            samples: Sequence[Samples] = receive_streams(streams, test.seconds - END_SECONDS / 2)
            for stream in streams:
                close_at_once(stream)
            _, sender = read_report(_ask(control, "GET", Page.REPORT, test, fields))
        else:
            send_streams(streams, test.seconds - END_SECONDS / 2)
            sender = _sum_senders(streams)
            for stream in streams:
                close_at_once(stream)
            samples, _ = read_report(_ask(control, "GET", Page.REPORT, test, fields))
    return build_rate(samples, sender, idle_ms, test.seconds)


def build_rate(samples: Sequence[Samples], sender: SenderCounts, idle_ms: float, seconds: int) -> HttpsRate:
    """A test's figures, of what arrived and of what the sender had to do.

    Raises:
        NoRate: nothing arrived, or it stopped before the end.
    """
    rate = compute_rate(samples, seconds)
    queued_ms = 8000 * sender.window / rate if rate > 0 and sender.window else math.inf
    again = sender.retransmitted / sender.segments if sender.segments else 0.0
    limit = find_sender_limit(again, idle_ms, queued_ms, seconds)
    if limit is None and idle_ms >= FAR_MS and is_unsteady(samples, seconds):
        limit = ThroughputLimit.LOSS if again >= SOME_LOSS else ThroughputLimit.DELAY
    return HttpsRate(rate, count_carried(samples), sender, idle_ms, queued_ms, limit)


def _sum_senders(streams: Sequence[ssl.SSLSocket]) -> SenderCounts:
    found = [read_tcp_state(one) for one in streams]
    return SenderCounts(
        sum(one.segments for one in found),
        sum(one.retransmitted for one in found),
        sum(one.window for one in found),
    )


def _connect(open_socket: OpenSocket, test: HttpsTest) -> ssl.SSLSocket:
    plain = open_socket()
    try:
        plain.settimeout(test.connect_within)
        plain.connect((test.address, test.port))
        plain.settimeout(max(test.connect_within, _ANSWER_SECONDS / 2))
        return test.tls.wrap_socket(plain, server_hostname=test.host or test.address)
    except BaseException:
        plain.close()
        raise


def _write_request(verb: str, page: str, test: HttpsTest, fields: Mapping[str, str]) -> bytes:
    host = test.host or (f"[{test.address}]" if ":" in test.address else test.address)
    lines = [f"{verb} {page} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii", "replace")


def _ask(control: ssl.SSLSocket, verb: str, page: str, test: HttpsTest, fields: Mapping[str, str]) -> bytes:
    """A page's body.

    Raises:
        EndpointRefused: there is none.
    """
    deadline = time.monotonic() + _ANSWER_SECONDS
    control.settimeout(_ANSWER_SECONDS)
    control.sendall(_write_request(verb, page, test, fields))
    body, length = _receive_head(control, _OK, deadline)
    if length > _MOST_BODY:
        raise EndpointRefused(0, "what answers is no measuring endpoint")
    while len(body) < length:
        more = _receive_part(control, length - len(body), deadline)
        if not more:
            raise EndpointRefused(0, "the measuring endpoint gave half an answer")
        body += more
    return body


def _receive_part(stream: ssl.SSLSocket, most: int, deadline: float) -> bytes:
    """What comes before the deadline: what drips byte by byte holds nobody up.

    Raises:
        TimeoutError: nothing did.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    stream.settimeout(left)
    return stream.recv(most)


def _receive_head(stream: ssl.SSLSocket, wanted: int, deadline: float) -> tuple[bytes, int]:
    """Take an answer's head; gives what came of its body with it, and how long that is.

    Raises:
        EndpointRefused: the answer is another one.
        OSError: there is none; whoever was there is gone, or has no room.
    """
    received = b""
    while b"\r\n\r\n" not in received:
        more = _receive_part(stream, _MOST_HEAD - len(received), deadline) if len(received) < _MOST_HEAD else b""
        if not more and not received:
            raise ConnectionResetError
        if not more:
            raise EndpointRefused(0, "what answers is no measuring endpoint")
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    status, length = parse_answer_head(head)
    if status != wanted:
        said = body[:200].decode("utf-8", "replace")
        raise EndpointRefused(status, f"the measuring endpoint answers {status} {said}")
    return body, length


def parse_answer_head(head: bytes) -> tuple[int, int]:
    r"""An answer's status, and how long its body is.

    >>> parse_answer_head(b"HTTP/1.1 200 OK\r\nContent-Length: 12")
    (200, 12)

    Raises:
        EndpointRefused: it is no HTTP.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if not first.startswith("HTTP/1.1 ") or not words[1].isascii() or not words[1].isdigit() or len(words[1]) > 3:  # noqa: PLR2004
        raise EndpointRefused(0, "what answers is no measuring endpoint")
    fields = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    text = fields.get("content-length", "0")
    length = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0  # noqa: PLR2004 10 digits
    return int(words[1]), length


def read_challenge(body: bytes) -> str:
    """The challenge in an endpoint's answer.

    Raises:
        EndpointRefused: there is none.
    """
    found = _load_document(body).get("challenge")
    if not isinstance(found, str) or not found.isascii() or not found.isprintable():
        raise EndpointRefused(0, "what answers is no measuring endpoint")
    return found


def read_report(body: bytes) -> tuple[list[Samples], SenderCounts]:
    """What the far end saw of a test: what arrived of each stream, and what its sender did.

    >>> stream = {"samples": [[0.0, 100], [0.5, 900]], "segments": 7, "retransmitted": 0, "window": 14480}
    >>> read_report(json.dumps({"streams": [stream]}).encode())[0]
    [[(0.0, 100), (0.5, 900)]]

    Raises:
        EndpointRefused: it is no such thing.
    """
    try:
        streams = _load_document(body)["streams"][:_MOST_STREAMS]
        samples = [_take_samples(one["samples"][:_MOST_SAMPLES]) for one in streams]
        names = ("segments", "retransmitted", "window")
        sums = [sum(min(_MOST_COUNT, max(0, int(one[name]))) for one in streams) for name in names]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise EndpointRefused(0, "what the measuring endpoint says of a test is not understood") from None
    return samples, SenderCounts(*sums)


def _take_samples(rows: Sequence[tuple[float, int]]) -> Samples:
    mine = [(float(at), int(count)) for at, count in rows]
    times, counts = [at for at, _ in mine], [count for _, count in mine]
    if times != sorted(times) or counts != sorted(counts):
        raise ValueError
    if not all(0 <= at < _MOST_COUNT and 0 <= count < _MOST_COUNT for at, count in mine):
        raise ValueError
    return mine


def _load_document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise EndpointRefused(0, "what answers is no measuring endpoint")
    return document
