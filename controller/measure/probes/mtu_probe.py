"""The path MTU: the largest packet that comes through undivided, found with echoes that may not be divided.

A path that says where a packet was too large is in order: TCP takes smaller ones. One that loses it without a word
lets small packets pass and lets every large transfer hang.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.measure.measurement import MTU_BYTES, VANISHED_BYTES, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.probes.probe_path import CompletedProcess, ProbePath
from controller.model.measurement import Method
from controller.model.network.packets import Family

SIZES = (1500, 1492, 1480, 1472, 1460, 1454, 1438, 1420, 1400, 1380, 1350, 1320, 1300, 1280, 1200, 1000, 576)
"""Of packets in bytes: Ethernet's, PPPoE's (1454 as in Japan's), those of usual tunnels, IPv6's and IPv4's least."""
_HEADERS = {Family.V4: 28, Family.V6: 48}
"""Of the packet and of its echo."""
_ANSWERED = re.compile(r"\bbytes from .{1,80}icmp_seq=[0-9]")
_SAID = re.compile(r"\bmtu ?= ?([0-9]{2,6})")
_ECHOES = 3
_EVERY = 0.05
_SPARE_SECONDS = 2.0
_MOST_TRIES = 12
_LEAST = {Family.V4: 68, Family.V6: 1280}


@dataclass(frozen=True)
class MtuProbe:
    """The probe. A size has come through if one of three echoes of it was answered."""

    method: Method

    def measure(self, route: ProbePath) -> ProbeResult:
        """Look for the largest size; all but the first are tried only where the first does not come through.

        Raises:
            TsunaguError: the program or the place is missing.
        """
        sizes = {size for size in SIZES if size >= _LEAST[route.path.family]}
        said: list[str] = []
        largest, too_large, vanished, following = 0, max(sizes) + 1, 0, max(sizes)
        while following and len(said) < _MOST_TRIES:
            size = following
            ran = self._ping(route, size)
            said.append(f"{size}: {ran.stdout}{ran.stderr}")
            named = None
            if _ANSWERED.search(ran.stdout):
                largest = size
            else:
                named = _find_named_size(ran, largest, size)
                too_large = size if named is None else named + 1
                vanished = vanished if named else size
            between = sorted(one for one in sizes if largest < one < too_large)
            following = named or (between[len(between) // 2] if between else 0)
        return self._found(route, largest, vanished, "\n".join(said))

    def _ping(self, route: ProbePath, size: int) -> CompletedProcess:
        within = self.method.answer_within
        return route.host.run(self._words(route, size), _ECHOES * _EVERY + within + _SPARE_SECONDS)

    def _words(self, route: ProbePath, size: int) -> tuple[str, ...]:
        return (
            "ping",
            "-n",
            *("-M", "do"),
            *("-s", str(size - _HEADERS[route.path.family])),
            *("-c", str(_ECHOES)),
            *("-i", f"{_EVERY:g}"),
            *("-W", f"{self.method.answer_within:g}"),
            *("-I", route.interface),
            route.target,
        )

    def _found(self, route: ProbePath, largest: int, vanished: int, raw: str) -> ProbeResult:
        kind, method = MeasurementKind.PATH_MTU, " ".join(self._words(route, max(SIZES)))
        if not largest:
            reason = f"no echo of any size to {route.target} over {route.interface} was answered"
            return ProbeResult(kind, ProbeOutcome.NO_ANSWER, route.target, method, reason=reason, raw=raw)
        figures = {MTU_BYTES: float(largest)}
        if vanished:
            figures[VANISHED_BYTES] = float(vanished)
        return ProbeResult(kind, ProbeOutcome.MEASURED, route.target, method, figures, raw=raw)


def _find_named_size(ran: CompletedProcess, above: int, below: int) -> int | None:
    """The size that somebody on the path, or this machine itself, says would come through."""
    said = (int(one) for one in _SAID.findall(ran.stdout + ran.stderr))
    return max((one for one in said if above < one < below), default=None)
