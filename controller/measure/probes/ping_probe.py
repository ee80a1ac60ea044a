"""Latency, jitter and loss of a line: ICMP echoes with `ping`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

from controller.measure.measurement import (
    ECHOES,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MeasurementKind,
    ProbeOutcome,
    ProbeResult,
)
from controller.measure.probes.probe_path import ProbePath
from controller.model.measurement import Method

_REPLY = re.compile(r"icmp_seq=([0-9]{1,9}) .*\btime=([0-9]{1,9}(?:\.[0-9]{1,9})?) ms")
_SPARE_SECONDS = 2.0
_LATE = 3
"""Times `answer-within` that the last echo is waited for: a late answer is one, and a slow line is no dead one."""
_LINE_GONE = ("unreachable", "Network is down", "No such device", "Cannot assign requested address")


@dataclass(frozen=True)
class PingProbe:
    """The probe."""

    method: Method

    def measure(self, route: ProbePath) -> ProbeResult:
        """Echoes over a route: the median round trip, how much one differs from the next, and the share that is lost.

        Raises:
            TsunaguError: the program or the place is missing.
        """
        method, last = self.method, _LATE * self.method.answer_within
        words = (
            "ping",
            "-n",
            *("-c", str(method.echoes)),
            *("-i", f"{method.echo_every:g}"),
            *("-W", f"{last:g}"),
            *("-I", route.interface),
            route.target,
        )
        ran = route.host.run(words, method.echoes * method.echo_every + last + _SPARE_SECONDS)
        times: dict[int, float] = {}
        for number, milliseconds in _REPLY.findall(ran.stdout):
            times.setdefault(
                int(number), float(milliseconds)
            )  # a duplicate comes later, and is none of the line's time
        described = (MeasurementKind.ECHO, route.target, " ".join(words), ran.stdout + ran.stderr)
        if times:
            return _found(described, ProbeOutcome.MEASURED, _figures(list(times.values()), method.echoes))
        if ran.returncode == 1 or ran.returncode is None or any(word in ran.stderr for word in _LINE_GONE):
            reason = f"none of {method.echoes} echoes to {route.target} over {route.interface} was answered"
            return _found(described, ProbeOutcome.NO_ANSWER, _lost_all(method.echoes), reason)
        return _found(
            described, ProbeOutcome.FAILED, {}, f"ping {route.target}: {(ran.stderr or ran.stdout).strip()[:200]}"
        )


def _found(
    described: tuple[MeasurementKind, str, str, str], outcome: ProbeOutcome, figures: dict[str, float], reason: str = ""
) -> ProbeResult:
    kind, target, method, raw = described
    return ProbeResult(kind, outcome, target, method, figures, reason, raw)


def _lost_all(sent: int) -> dict[str, float]:
    return {LOSS_RATIO: 1.0, ECHOES: sent}


def _figures(times: list[float], sent: int) -> dict[str, float]:
    differences = [abs(after - before) for before, after in pairwise(times)]
    figures = {LATENCY_MS: median(times), LOSS_RATIO: max(0.0, 1 - len(times) / sent), ECHOES: sent}
    if differences:
        figures[JITTER_MS] = mean(differences)
    return figures
