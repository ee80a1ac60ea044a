"""What a path carries: iperf3, one direction after the other, and never two tests at once on one machine."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.probe_agent.configuration import ProbedPath, ThroughputTests
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.problems import ProbeProblem, tell

_SPARE_SECONDS = 5.0
_BUSY_WORD = "busy"
BUSY_SECONDS = 15.0
"""So long a server that serves another test is asked again."""
_BUSY_EVERY_SECONDS = 0.3
_MOST_BYTES = 4 * 1024 * 1024
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DIRECTIONS = ("download", "upload")


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
    path: ProbedPath, direction: str, tests: ThroughputTests, patience: float = BUSY_SECONDS
) -> float | SlotOutcome:
    """Bits a second that arrived at the receiver; why not, where the test came to nothing, which is told, too.

    Raises:
        ProbeProblem: iperf3 is not installed.
    """
    words = [
        *("iperf3", "--json", "--client", path.target, "--port", str(tests.port)),
        *("--parallel", str(tests.streams), "--time", str(tests.seconds), "--interval", "0"),
        *("--connect-timeout", f"{1000 * tests.connect_within:.0f}"),
        *(("--bind-dev", path.interface) if path.interface else ()),
        *(("--reverse",) if direction == "download" else ()),
    ]
    where = f"{direction} over {path.line} to {path.region} ({path.family})"
    deadline = time.monotonic() + patience
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
    return found


def read_received_rate(said: bytes) -> float | str:
    """The rate that iperf3 tells, in bit/s; a text that says why there is none.

    >>> read_received_rate(b'{"end": {"sum_received": {"bits_per_second": 93e6}}}')
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
    return float(rate)


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
