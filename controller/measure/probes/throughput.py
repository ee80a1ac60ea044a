"""How much a line carries: iperf3, several TCP streams for some seconds, one direction after the other.

Its error was measured on shaped lines (`tests/benchmarks/throughput.py`); `policies/measurement.yaml` states it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from controller.errors import TsunaguError
from controller.measure.measurement import MBPS, Found, Kind, LinePath, Outcome
from controller.measure.probes.probe_targets import Place, Ran, Route
from controller.measure.probes.throughput_locks import LineBusy, alone
from controller.model.measurement import Method

PATIENCE_SECONDS = 60.0
"""How long a probe waits for a line that another one uses."""
_BUSY_SECONDS = 15.0
_BUSY_EVERY_SECONDS = 0.2
_SPARE_SECONDS = 5.0
"""Beyond the test itself, for its beginning and its end."""
_SHOWN = 200

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

    bits_per_second: float = Field(ge=0, allow_inf_nan=False)
    bytes: int = Field(ge=0)


class _End(BaseModel):
    """The end of what iperf3 says."""

    sum_received: _Sum | None = None


class _Told(BaseModel):
    """What iperf3 says, as far as we need it; the store keeps all of it."""

    error: str = ""
    end: _End = _End()


@dataclass(frozen=True)
class Throughput:
    """The probe. `locks` is the folder of the locks, `everywhere` names what all tests that use it share."""

    method: Method
    port: int
    locks: Path
    everywhere: tuple[str, ...] = ()

    def measure(self, route: Route, kind: Kind) -> Found:
        """Download or upload over a route.

        Raises:
            TsunaguError: the program or the place is missing.
        """
        words = self._words(route, kind)
        target = f"{route.address} port {self.port}"
        mine = (line_lock(route.path), f"server {target}", *self.everywhere)
        try:
            with alone(self.locks, mine, PATIENCE_SECONDS):
                before = counters(route.place)
                began, ran = self._run(route, words)
                after = counters(route.place)
        except LineBusy as busy:
            return Found(kind, Outcome.FAILED, target, " ".join(words), reason=str(busy))
        moved = {name: after[name] - before[name] for name in after if name in before}
        return replace(self._found(route, kind, words, ran, moved), began=began)

    def _words(self, route: Route, kind: Kind) -> tuple[str, ...]:
        return (
            "iperf3",
            "--json",
            *("--client", route.address),
            *("--port", str(self.port)),
            *("--bind", route.source),
            *("--bind-dev", route.interface),
            *("--parallel", str(self.method.streams)),
            *("--time", str(self.method.seconds)),
            *("--interval", "0"),
            *("--connect-timeout", f"{1000 * self.method.connect_within:.0f}"),
            *(("--reverse",) if kind is Kind.DOWNLOAD else ()),
        )

    def _run(self, route: Route, words: tuple[str, ...]) -> tuple[datetime, Ran]:
        """When the test began that came to something, and what the program said."""
        timeout = self.method.seconds + self.method.connect_within + _SPARE_SECONDS
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            began = datetime.now(UTC)
            ran = route.place.run(words, timeout)
            # Somebody outside our locks: a server serves one test at a time, and says so.
            if "server is busy" not in ran.said or time.monotonic() >= deadline:
                return began, ran
            time.sleep(_BUSY_EVERY_SECONDS)

    def _found(self, route: Route, kind: Kind, words: tuple[str, ...], ran: Ran, moved: Mapping[str, int]) -> Found:
        target, method = f"{route.address} port {self.port}", " ".join(words)

        def without(outcome: Outcome, reason: str) -> Found:
            return Found(kind, outcome, target, method, reason=reason, raw=ran.said + ran.errors)

        if ran.code is None:
            return without(Outcome.NO_ANSWER, f"the test with {target} did not come to its end in time")
        try:
            told = _Told.model_validate_json(ran.said)
        except ValidationError:
            said = (ran.errors or ran.said).strip()[:_SHOWN]
            return without(Outcome.FAILED, f"iperf3 said nothing that is understood (exit code {ran.code}): {said}")
        if told.error or told.end.sum_received is None:
            return without(*self._why(told.error or "it gives no sum", target))
        bits, carried = told.end.sum_received.bits_per_second, told.end.sum_received.bytes
        if moved.get(route.interface, 0) < carried:
            reason = (
                f"{carried} bytes were received, but {route.interface} did not carry them: it is another line's figure"
            )
            return without(Outcome.FAILED, reason)
        raw = json.dumps({**json.loads(ran.said), "interface_bytes": dict(moved)})
        return Found(kind, Outcome.MEASURED, target, method, {MBPS: bits / 1e6}, raw=raw)

    def _why(self, error: str, target: str) -> tuple[Outcome, str]:
        setting = "targets.throughput in policies/measurement.yaml"
        if any(word in error for word in _NOBODY):
            return Outcome.NO_ANSWER, f"nobody answers at {target} ({error})"
        if "busy" in error:
            return Outcome.FAILED, f"the iperf3 server at {target} has been busy for {_BUSY_SECONDS:.0f} s; try later"
        if any(word in error for word in _NOT_THERE):
            return (
                Outcome.REFUSED,
                f"no iperf3 server at {target} ({error}); see {setting}, or start one there: iperf3 --server",
            )
        return Outcome.FAILED, f"iperf3 with {target}: {error}"


def line_lock(path: LinePath) -> str:
    """The name of a line's lock."""
    return f"{path.school} {path.line} line"


def counters(place: Place) -> dict[str, int]:
    """Bytes that each interface of a place has received and sent since it was made.

    Raises:
        TsunaguError: the place is gone.
    """
    ran = place.run(("ip", "-json", "-statistics", "link", "show"), _SPARE_SECONDS)
    try:
        return {
            one["ifname"]: one["stats64"]["rx"]["bytes"] + one["stats64"]["tx"]["bytes"] for one in json.loads(ran.said)
        }
    except (ValueError, KeyError, TypeError):
        message = f"the interfaces of {place} cannot be read: {(ran.errors or ran.said).strip()[:_SHOWN]}"
        raise TsunaguError(message) from None
