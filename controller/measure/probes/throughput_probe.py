"""How much a line carries: iperf3, several TCP streams for some seconds, one direction after the other.

What the sender says of its retransmissions and windows is kept beside the figure: it tells whether that is the line's.
Its error was measured on shaped lines (`tests/benchmarks/throughput.py`); `policies/measurement.yaml` states it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field

from controller.errors import TsunaguError
from controller.inputs.character_classes import ShownText
from controller.measure.measurement import (
    MBPS,
    OTHERS_MBPS,
    QUEUED_MS,
    RETRANSMITTED,
    LinePath,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.probes.probe_path import CompletedProcess, ProbeHost, ProbePath
from controller.measure.probes.throughput_limit import summarize_sender
from controller.measure.probes.throughput_locks import LineBusy, hold_exclusive_locks
from controller.model.measurement import Method

PATIENCE_SECONDS = 60.0
"""How long a probe waits for a line that another one uses."""
_BUSY_SECONDS = 15.0
_BUSY_EVERY_SECONDS = 0.2
_SPARE_SECONDS = 5.0
"""Beyond the test itself, for its beginning and its end."""
_SHOWN = 200
_ROUND_TRIPS = 20
"""That iperf3 takes to begin and to end a test: a far target is given the time for them."""
_REPORT_EVERY = 0.5
_MOST_HEADERS, _FRAME_BYTES = 1.07, 1_514
"""Of TCP over IPv6 in full Ethernet frames, and a little more."""
_LEAST_OTHERS_MBPS, _LEAST_OTHERS = 2.0, 0.1
"""Less than that, in all or of the test's own figure, is told from the test's own edges by nobody."""

_NOBODY = (
    "timed out",
    "No route to host",
    "unreachable",
    "Operation now in progress",
    "Host is down",
    "Cannot assign requested address",  # a line that is down at the school has lost its IPv6 address
    "No such device",
)
_NOT_THERE = ("Connection refused", "Connection reset", "control message", "control socket", "cookie", "protocol")


class _Sum(BaseModel):
    """What arrived in a whole test, as the receiver counted it."""

    bits_per_second: float = Field(ge=0, le=1e15, allow_inf_nan=False)
    bytes: int = Field(ge=0, le=1 << 60)


class _End(BaseModel):
    """The end of what iperf3 says."""

    sum_received: _Sum | None = None


class _Told(BaseModel):
    """What iperf3 says, as far as we need it; the store keeps all of it."""

    error: ShownText = ""
    end: _End = _End()


@dataclass(frozen=True)
class ThroughputProbe:
    """The probe. `locks` is the folder of the locks, `everywhere` names what all tests that use it share."""

    method: Method
    port: int
    locks: Path
    everywhere: tuple[str, ...] = ()

    def measure(self, route: ProbePath, kind: MeasurementKind, idle_ms: float | None = None) -> ProbeResult:
        """Download or upload over a route; `idle_ms` is the round trip over it while nothing else uses it.

        Raises:
            TsunaguError: the program or the place is missing.
        """
        words = self._words(route, kind, idle_ms or 0.0)
        target = f"{route.target} port {self.port}"
        mine = (name_line_lock(route.path), f"server {target}", *self.everywhere)
        try:
            with hold_exclusive_locks(self.locks, mine, PATIENCE_SECONDS):
                before, since = read_interface_counters(route.host), time.monotonic()
                began, ran = self._run(route, words, idle_ms or 0.0)
                seconds, after = time.monotonic() - since, read_interface_counters(route.host)
        except LineBusy as busy:
            return ProbeResult(kind, ProbeOutcome.FAILED, target, " ".join(words), reason=str(busy))
        moved = {name: after[name] - before[name] for name in after if name in before}
        found = self._found(route, kind, words, ran, {name: one.total for name, one in moved.items()})
        if found.outcome is ProbeOutcome.MEASURED:
            sender = summarize_sender(json.loads(found.raw), found.figures[MBPS], idle_ms)
            line = moved.get(route.interface, InterfaceBytes(0, 0))  # gone, in a test of which not a byte arrived
            carried = line.received if kind is MeasurementKind.DOWNLOAD else line.sent
            others = find_others_traffic(found.figures[MBPS], self.method.seconds, carried, seconds, sender)
            found = replace(found, figures={**found.figures, **sender, **others})
        return replace(found, began=began)

    def _words(self, route: ProbePath, kind: MeasurementKind, idle_ms: float) -> tuple[str, ...]:
        connect = max(1000 * self.method.connect_within, 3 * idle_ms)
        return (
            "iperf3",
            "--json",
            *("--client", route.target),
            *("--port", str(self.port)),
            *("--bind", route.source),
            *("--bind-dev", route.interface),
            *("--parallel", str(self.method.streams)),
            *("--time", str(self.method.seconds)),
            *("--interval", f"{_REPORT_EVERY:g}"),
            "--get-server-output",
            *("--connect-timeout", f"{connect:.0f}"),
            *(("--reverse",) if kind is MeasurementKind.DOWNLOAD else ()),
        )

    def _run(self, route: ProbePath, words: tuple[str, ...], idle_ms: float) -> tuple[datetime, CompletedProcess]:
        """When the test began that came to something, and what the program said."""
        timeout = self.method.seconds + self.method.connect_within + _SPARE_SECONDS + _ROUND_TRIPS * idle_ms / 1000
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            began = datetime.now(UTC)
            ran = route.host.run(words, timeout)
            # Somebody outside our locks: a server serves one test at a time, and says so.
            if "server is busy" not in ran.stdout or time.monotonic() >= deadline:
                return began, ran
            time.sleep(_BUSY_EVERY_SECONDS)

    def _found(
        self,
        route: ProbePath,
        kind: MeasurementKind,
        words: tuple[str, ...],
        ran: CompletedProcess,
        moved: Mapping[str, int],
    ) -> ProbeResult:
        target, method = f"{route.target} port {self.port}", " ".join(words)

        def build_failure(outcome: ProbeOutcome, reason: str) -> ProbeResult:
            return ProbeResult(kind, outcome, target, method, reason=reason, raw=ran.stdout + ran.stderr)

        if ran.returncode is None:
            return build_failure(ProbeOutcome.NO_ANSWER, f"the test with {target} did not come to its end in time")
        try:
            # The server at the other end has written a part of it.
            document = json.loads(ran.stdout)
            told = _Told.model_validate(document)
        except (ValueError, RecursionError):
            said = (ran.stderr or ran.stdout).strip()[:_SHOWN]
            return build_failure(
                ProbeOutcome.FAILED, f"iperf3 said nothing that is understood (exit code {ran.returncode}): {said}"
            )
        if told.error or told.end.sum_received is None:
            return build_failure(*self._why(told.error or "it gives no sum", target))
        bits, carried = told.end.sum_received.bits_per_second, told.end.sum_received.bytes
        if moved.get(route.interface, 0) < carried:
            reason = (
                f"{carried} bytes were received, but {route.interface} did not carry them: it is another line's figure"
            )
            return build_failure(ProbeOutcome.FAILED, reason)
        raw = json.dumps({**document, "interface_bytes": dict(moved)})
        return ProbeResult(kind, ProbeOutcome.MEASURED, target, method, {MBPS: bits / 1e6}, raw=raw)

    def _why(self, error: str, target: str) -> tuple[ProbeOutcome, str]:
        setting = "targets.throughput in policies/measurement.yaml"
        if any(word in error for word in _NOBODY):
            return ProbeOutcome.NO_ANSWER, f"nobody answers at {target} ({error})"
        if "busy" in error:
            return (
                ProbeOutcome.FAILED,
                f"the iperf3 server at {target} has been busy for {_BUSY_SECONDS:.0f} s; try later",
            )
        if any(word in error for word in _NOT_THERE):
            return (
                ProbeOutcome.REFUSED,
                f"no iperf3 server at {target} ({error}); see {setting}, or start one there: iperf3 --server",
            )
        return ProbeOutcome.FAILED, f"iperf3 with {target}: {error}"


def name_line_lock(path: LinePath) -> str:
    """The name of a line's lock."""
    return f"{path.school} {path.line} line"


def find_others_traffic(
    mbps: float, tested: float, carried: int, seconds: float, sender: Mapping[str, float]
) -> dict[str, float]:
    """What an interface carried of others beside a test in its direction, as a figure; none where it is next to none.

    `carried` are its bytes in so many seconds around the test. The test's own are taken off with all the headers that
    they can have had, with what was sent again, and with what was still on the way at its end and came after it (a
    line's own queue may hold a second of it). So others carried at least that.

    >>> find_others_traffic(20.0, 2.0, 30_500_000, 2.5, {})
    {'others-mbps': 80.5}
    >>> find_others_traffic(95.0, 2.0, 25_000_000, 2.5, {})
    {}
    >>> find_others_traffic(95.0, 2.0, 33_000_000, 2.5, {"queued-ms": 800.0})
    {}
    """
    arriving = tested + sender.get(QUEUED_MS, 0.0) / 1000
    own = mbps * 1e6 / 8 * arriving * _MOST_HEADERS + sender.get(RETRANSMITTED, 0.0) * _FRAME_BYTES
    others = 8 * (carried - own) / max(seconds, tested) / 1e6
    return {OTHERS_MBPS: round(others, 1)} if others >= max(_LEAST_OTHERS_MBPS, _LEAST_OTHERS * mbps) else {}


@dataclass(frozen=True, slots=True)
class InterfaceBytes:
    """Bytes that an interface has received and sent."""

    received: int
    sent: int

    @property
    def total(self) -> int:
        """Both ways."""
        return self.received + self.sent

    def __sub__(self, before: InterfaceBytes) -> InterfaceBytes:
        """What came since then."""
        return InterfaceBytes(self.received - before.received, self.sent - before.sent)


def read_interface_counters(place: ProbeHost) -> dict[str, InterfaceBytes]:
    """Bytes that each interface of a place has received and sent since it was made.

    Raises:
        TsunaguError: the place is gone.
    """
    ran = place.run(("ip", "-json", "-statistics", "link", "show"), _SPARE_SECONDS)
    try:
        return {
            one["ifname"]: InterfaceBytes(int(one["stats64"]["rx"]["bytes"]), int(one["stats64"]["tx"]["bytes"]))
            for one in json.loads(ran.stdout)
        }
    except (ValueError, KeyError, TypeError):
        message = f"the interfaces of {place} cannot be read: {(ran.stderr or ran.stdout).strip()[:_SHOWN]}"
        raise TsunaguError(message) from None
