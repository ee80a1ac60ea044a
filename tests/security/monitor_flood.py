"""Forged, late, early, huge and broken telemetry against a monitor while a real sender speaks: does the page stay true?

    python -m tests.security.monitor_flood --seconds 60 --rate 200 --seed 11

Each request follows from the seed and its number. It ends with 1 when the page or /metrics said something that the real
sender did not.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from controller.telemetry.registry import DEVICE_DRIFT, LINE_LATENCY, LINE_UP, EventKind, Writer
from monitoring.limits import MOST_SENT, MOST_UNPACKED
from tests.monitoring.feed import Request, Sample, event, metrics, pairs, post
from tests.monitoring.running import Running, bearer, monitor

SENDERS = 16
SCHOOLS = ("as-e04", "kw-s01", "tm-j06")
DRIFT = 2
DEVICE = f"{SCHOOLS[0]}-core1"
TYPE = {"Content-Type": "application/x-protobuf"}
ROUND_SECONDS = 0.5

Sent = tuple[str, bytes, Mapping[str, str]]
"""A request: its path, its body, and headers beside the token."""


@dataclass
class FloodResult:
    """What a flood came to. `wrong` is what was shown and was not true."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    slowest: float = 0.0
    grown: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        sent = self.statuses.total()
        return (
            f"{sent} requests in {self.seconds:.1f} s ({sent / self.seconds:.0f}/s), answers {dict(self.statuses)}, "
            f"looked at {self.checks} times, slowest look {self.slowest * 1000:.0f} ms, memory +{self.grown:.0f} MB, "
            f"{len(self.wrong)} untruths"
        )


def is_down(school: str, line: str) -> bool:
    """The truth: every school's primary line is down, every backup is up."""
    return school in SCHOOLS and line == "primary"


def tell_truth(running: Running) -> None:
    """What the real probe and the real controller say, over and over."""
    now = time.time()
    samples: list[Sample] = [
        (LINE_UP, 0.0 if is_down(school, line) else 1.0, {"school": school, "line": line})
        for school in SCHOOLS
        for line in ("primary", "backup")
    ]
    samples += [(DEVICE_DRIFT, DRIFT, {"school": school}) for school in SCHOOLS]
    post(running.url, metrics(samples, now))


def make_span(level: str, name: str, outcome: str, ids: tuple[bytes, bytes, bytes], start: float) -> Request:
    """A span that has ended, by its trace, its own id and its parent's."""
    request = ExportTraceServiceRequest()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=ids[0], span_id=ids[1], parent_span_id=ids[2], name=f"{level} {name}")
    )
    span.start_time_unix_nano, span.end_time_unix_nano = int(start * 1e9), int((start + 1) * 1e9)
    attributes = {"tsunagu.level": level, "tsunagu.outcome": outcome}
    if level == "rollout":
        attributes["tsunagu.waves"] = json.dumps({"canary": {SCHOOLS[0]: [DEVICE]}})
    span.attributes.extend(pairs(attributes))
    return request


TRACE, ROOT, FAILED = b"T" * 16, b"R" * 8, b"D" * 8


def tell_rollout(running: Running) -> None:
    """The rollout that really was: its device failed."""
    began = time.time() - 5
    post(running.url, make_span("device", DEVICE, "failed", (TRACE, FAILED, ROOT), began))
    post(running.url, make_span("rollout", "the real one", "not good", (TRACE, ROOT, b""), began))


# -- what an attacker sends


def draw_from(seed: str) -> random.Random:
    """What is drawn from a seed."""
    return random.Random(seed)  # noqa: S311 the same flood again, no secret


def forge(drawn: random.Random) -> tuple[str, Sent]:
    """One request, and what kind it is of."""
    kind = drawn.choice(tuple(FORGERIES))
    return kind, FORGERIES[kind](drawn)


def _pack(request: Request) -> Sent:
    name = {"ExportMetricsServiceRequest": "metrics", "ExportLogsServiceRequest": "logs"}.get(type(request).__name__)
    return f"/v1/{name or 'traces'}", request.SerializeToString(), {}


def _lies(drawn: random.Random, moment: float) -> Sent:
    """Every line is the other way round."""
    places = [(school, line) for school in SCHOOLS for line in ("primary", "backup")]
    samples: list[Sample] = [
        (LINE_UP, float(is_down(*place)), {"school": place[0], "line": place[1]})
        for place in drawn.sample(places, drawn.randint(1, 6))
    ]
    return _pack(metrics(samples, moment))


def _late(drawn: random.Random) -> Sent:
    # Less than an hour late is a clock that is behind: who has the token may say so much, as now.
    return _lies(drawn, time.time() - drawn.choice([drawn.uniform(3_700, 10_000), drawn.uniform(10_000, 1e9)]))


def _early(drawn: random.Random) -> Sent:
    return _lies(drawn, time.time() + drawn.choice([drawn.uniform(2, 298), drawn.uniform(302, 1e9)]))


def _forged(drawn: random.Random) -> Sent:
    now, school = time.time(), drawn.choice(SCHOOLS)
    match drawn.randrange(5):
        case 0:
            return _pack(metrics([(DEVICE_DRIFT, 0.0, {"school": school})], now))
        case 1:
            return _pack(event(EventKind.DRIFT, "nothing differs", now, school=school))
        case 2:
            return _pack(make_span("device", DEVICE, "applied", (TRACE, FAILED, ROOT), now - 2))
        case 3:
            ids = (drawn.randbytes(16), drawn.randbytes(8), b"")
            return _pack(make_span("rollout", "forged", "good", ids, now + drawn.uniform(-5, 1e9)))
        case _:
            invented = {"school": f"x{drawn.randrange(10**9)}", "line": "primary"}
            return _pack(metrics([(LINE_UP, 1.0, invented)] * drawn.randint(1, 50), now))


def _huge(drawn: random.Random) -> Sent:
    match drawn.randrange(4):
        case 0:
            return "/v1/metrics", bytes(MOST_SENT + 1), {}
        case 1:
            return "/v1/logs", BOMB, {"Content-Encoding": "gzip"}
        case 2:
            return _make_many(drawn.choice((65, 500, 5_000)), 1)
        case _:
            return _make_many(0, drawn.randrange(8))


@cache
def _make_many(longest: int, variant: int) -> Sent:
    """Very long names, or very many; made once each, for making them costs more than sending them."""
    if longest:
        attributes = {"school": "s" * longest, "line": "primary"}
        return _pack(metrics([(LINE_UP, 1.0, attributes)] * 100, time.time()))
    samples: list[Sample] = [(LINE_UP, 1.0, {"school": f"{variant}-{n}", "line": "backup"}) for n in range(500)]
    return _pack(metrics(samples, time.time()))


def _broken(drawn: random.Random) -> Sent:
    # Of what a probe may not say at all: whatever is broken of it, nothing becomes true of it.
    body = bytearray(metrics([(DEVICE_DRIFT, 0.0, {"school": SCHOOLS[0]})], time.time()).SerializeToString())
    for _ in range(drawn.randint(1, 8)):
        body[drawn.randrange(len(body))] = drawn.randrange(256)
    match drawn.randrange(4):
        case 0:
            return "/v1/metrics", bytes(body), {}
        case 1:
            return "/v1/traces", drawn.randbytes(drawn.randint(0, 2_000)), {}
        case 2:
            return "/v1/logs", drawn.randbytes(200), {"Content-Encoding": "gzip"}
        case _:
            path = drawn.choice(["/v1/metrics", "/v1/profiles", "/v1/../api/city"])
            return path, bytes(body), {"Content-Type": drawn.choice(["application/json", "x" * 500, ""])}


FORGERIES: Mapping[str, Callable[[random.Random], Sent]] = {
    "forged": _forged,
    "late": _late,
    "early": _early,
    "huge": _huge,
    "broken": _broken,
}
BOMB = gzip.compress(bytes(MOST_UNPACKED + 1))


# -- the flood


def run_flood(running: Running, *, seconds: float, rate: float, seed: int, writer: Writer | None) -> FloodResult:
    """Flood a monitor for so long, with a sender's token or without one, and look all the time at what it shows."""
    result, stop, lock = FloodResult(), Event(), Lock()
    tell_truth(running)
    if running.json("/api/rollout") is None:
        tell_rollout(running)
    before, began = resident(running), time.monotonic()
    senders = [
        Thread(target=_send, args=(running, (number, seed), rate, writer, (result, stop, lock)))
        for number in range(SENDERS)
    ]
    truth = Thread(target=_keep_telling, args=(running, stop))
    for thread in (truth, *senders):
        thread.start()
    try:
        while time.monotonic() < began + seconds:
            asked = time.monotonic()
            result.wrong += find_untruths(running)
            result.checks += 1
            result.slowest = max(result.slowest, time.monotonic() - asked)
            stop.wait(0.2)
    finally:
        stop.set()
        for thread in (truth, *senders):
            thread.join(60)
    result.seconds = time.monotonic() - began
    result.wrong += find_untruths(running)
    result.grown = (resident(running) - before) / 1e6
    return result


def _keep_telling(running: Running, stop: Event) -> None:
    while not stop.wait(ROUND_SECONDS):
        tell_truth(running)


def _send(
    running: Running,
    number_and_seed: tuple[int, int],
    rate: float,
    writer: Writer | None,
    shared: tuple[FloodResult, Event, Lock],
) -> None:
    number, seed = number_and_seed
    result, stop, lock = shared
    token = bearer(writer) if writer is not None else {}
    began, turn = time.monotonic(), 0
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as connection:
        while not stop.wait(max(0.0, began + turn * SENDERS / rate - time.monotonic())):
            # From the number, not from what came before: a slow machine sends the same requests, only fewer.
            kind, (path, body, headers) = forge(draw_from(f"{seed}/{number}/{turn}"))
            turn += 1
            try:
                connection.request("POST", path, body, {**TYPE, **token, **headers})
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()  # it opens again with the next request
                status = 0
            with lock:
                result.statuses[status] += 1
                result.kinds[kind] += 1


def find_untruths(running: Running) -> list[str]:
    """What the page and /metrics show that the real sender did not say."""
    wrong = []
    tiles = {tile["id"]: tile for tile in running.json("/api/city")["schools"]}
    for school in SCHOOLS:
        shown = {"lines": tiles[school]["lines"], "drift": tiles[school]["drift"]}
        if shown != {"lines": {"primary": "down", "backup": "up"}, "drift": DRIFT}:
            wrong.append(f"the tile of {school}: {shown}")
    view = running.json("/api/rollout")
    rollout = view["name"], view["waves"][0]["devices"][0]["outcome"]
    if rollout != ("the real one", "failed"):
        wrong.append(f"the rollout: {rollout}")
    text = running.ask("/metrics")[2].decode()
    lines = {line for line in text.splitlines() if line.startswith(LINE_UP.prometheus)}
    wanted = {
        f'{LINE_UP.prometheus}{{school="{school}",line="{line}"}} {int(not is_down(school, line))}'
        for school in SCHOOLS
        for line in ("primary", "backup")
    }
    wrong += [f"/metrics: {line}" for line in sorted(lines ^ wanted)]
    if "tsunagu_rollout_devices" in text or LINE_LATENCY.prometheus in text:
        wrong.append("/metrics: a series that nobody sent")
    return wrong


def resident(running: Running) -> float:
    """Bytes of memory of the monitor."""
    pages = Path(f"/proc/{running.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return float(int(pages) * os.sysconf("SC_PAGE_SIZE"))


def main() -> int:
    """Flood a monitor of its own, without a token and with a probe's; 1 when it showed an untruth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--seed", type=int, default=11)
    wanted = parser.parse_args()
    bad = 0
    for writer in (None, Writer.PROBE):
        with tempfile.TemporaryDirectory() as folder, monitor(Path(folder) / "monitor.db") as running:
            result = run_flood(running, seconds=wanted.seconds, rate=wanted.rate, seed=wanted.seed, writer=writer)
        sys.stdout.write(f"seed {wanted.seed}, {writer or 'no'} token: {result}\n")
        sys.stdout.write("".join(f"  {line}\n" for line in result.wrong[:20]))
        bad += bool(result.wrong)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
