"""What a path carries, and what held the test back: iperf3, one direction after the other, never two tests at once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from controller.probe_agent.configuration import ProbedPath, ThroughputTests
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.problems import ProbeProblem, tell
from controller.probe_agent.throughput_protocol.iperf3_sender import count_iperf3_sender
from controller.probe_agent.throughput_protocol.sender_limits import ThroughputLimit, find_sender_limit

_SPARE_SECONDS = 5.0
_BUSY_WORD = "busy"
BUSY_SECONDS = 15.0
"""So long a server that serves another test is asked again."""
_BUSY_EVERY_SECONDS = 0.3
_MOST_BYTES = 4 * 1024 * 1024
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DIRECTIONS = ("download", "upload")


@dataclass(frozen=True, slots=True)
class Iperf3Rate:
    """Bits a second that arrived at the receiver, and what held the sender back.

    `limit` None: the line itself did. `is_limit_known`: whether anybody can say so.
    """

    rate: float
    limit: ThroughputLimit | None
    is_limit_known: bool


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a test of one path goes by.

    `idle_ms` is the round trip over the path while nothing uses it; without it nobody knows what held a test back. A
    busy server is asked again for `patience` seconds.
    """

    idle_ms: float | None = None
    patience: float = BUSY_SECONDS


@contextmanager
def hold_throughput_lock(state: Path) -> Iterator[bool]:
    """Be the only one who tests throughput here; False where somebody else does."""
    with (state / "throughput.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def measure_throughput(
    path: ProbedPath, direction: str, tests: ThroughputTests, limits: RateLimits = RateLimits()
) -> Iperf3Rate | SlotOutcome:
    """A test in one direction; why not, where it came to nothing, which is told, too.

    Raises:
        ProbeProblem: iperf3 is not installed.
    """
    words = [
        *("iperf3", "--json", "--client", path.target, "--port", str(tests.port)),
        *("--parallel", str(tests.streams), "--time", str(tests.seconds), "--interval", "0.5", "--get-server-output"),
        *("--connect-timeout", f"{1000 * tests.connect_within:.0f}"),
        *(("--bind-dev", path.interface) if path.interface else ()),
        *(("--reverse",) if direction == "download" else ()),
    ]
    where = f"{direction} over {path.line} to {path.region} ({path.family})"
    deadline = time.monotonic() + limits.patience
    while True:
        try:
            found = read_received_rate(_run(words, tests.seconds + tests.connect_within + _SPARE_SECONDS))
        except FileNotFoundError:
            message = "iperf3 is not installed; apt-get install iperf3"
            raise ProbeProblem(message) from None
        # A server serves one test at a time, and says so: another school's, or the end of our own last one.
        if not isinstance(found, str) or _BUSY_WORD not in found or time.monotonic() >= deadline:
            break
        time.sleep(_BUSY_EVERY_SECONDS)
    if isinstance(found, str):
        tell(f"{where} is not measured: {found}")
        return SlotOutcome.BUSY if _BUSY_WORD in found else SlotOutcome.NO_ANSWER
    rate, document = found
    return build_iperf3_rate(rate, document, limits.idle_ms, tests.seconds)


def build_iperf3_rate(rate: float, document: dict[str, Any], idle_ms: float | None, seconds: int) -> Iperf3Rate:
    """A test's rate with what held its sender back, by the same rule as in a test over HTTPS.

    >>> said = {"end": {"sum_sent": {"bytes": 10136000, "retransmits": 51}}}
    >>> build_iperf3_rate(40e6, said, 20.4, 2).is_limit_known  # nobody said how full the sender's windows were
    False
    >>> said["server_output_text"] = "[  5]   1.50-2.00   sec  3.0 MBytes  40.0 Mbits/sec   51   90.0 KBytes       "
    >>> build_iperf3_rate(40e6, said, 20.4, 2).limit
    <ThroughputLimit.LOSS: 'loss'>
    """
    sender = count_iperf3_sender(document)
    if sender is None or not sender.segments or not sender.window or idle_ms is None:
        return Iperf3Rate(rate, None, is_limit_known=False)
    queued_ms = 8000 * sender.window / rate if rate > 0 else inf
    again = sender.retransmitted / sender.segments
    return Iperf3Rate(rate, find_sender_limit(again, idle_ms, queued_ms, seconds), is_limit_known=True)


def read_received_rate(said: bytes) -> tuple[float, dict[str, Any]] | str:
    """The rate that iperf3 tells, in bit/s, with all that it says; a text that says why there is none.

    >>> read_received_rate(b'{"end": {"sum_received": {"bits_per_second": 93e6}}}')[0]
    93000000.0
    >>> read_received_rate(b'{"error": "the server is busy"}')
    'the server is busy'
    """
    try:
        document = json.loads(said)
    except (ValueError, RecursionError):
        return "iperf3 said nothing that is understood"
    if not isinstance(document, dict):
        return "iperf3 said nothing that is understood"
    if document.get("error"):
        return str(document["error"])[:200]
    try:
        rate = document["end"]["sum_received"]["bits_per_second"]
    except (KeyError, TypeError):
        return "iperf3 gives no sum"
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1e15:  # noqa: PLR2004 a petabit
        return "iperf3 gives no rate above 0"
    return float(rate), document


def _run(words: list[str], timeout: float) -> bytes:
    with subprocess.Popen(  # noqa: S603 words of ours and addresses that were read as such
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": _PATH, "LC_ALL": "C.UTF-8"},
        process_group=0,
    ) as running:
        try:
            said, _ = running.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill_group(running)
            running.communicate()
            return b'{"error": "the test did not come to its end in time"}'
        except BaseException:
            _kill_group(running)
            raise
    return said[:_MOST_BYTES]


def _kill_group(running: subprocess.Popen[bytes]) -> None:
    # Once it has been waited for, its number may be another group's.
    if running.returncode is None:
        os.killpg(running.pid, signal.SIGKILL)
