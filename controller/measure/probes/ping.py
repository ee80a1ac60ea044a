"""Latency, jitter and loss of a line: ICMP echoes with `ping`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median

from controller.measure.measurement import JITTER_MS, LATENCY_MS, LOSS_RATIO, Found, Kind, Outcome
from controller.measure.probes.probe_targets import Route
from controller.model.measurement import Method

_REPLY = re.compile(r"icmp_seq=(\d+) .*\btime=([0-9.]+) ms")
_SPARE_SECONDS = 2.0
_LINE_GONE = ("unreachable", "Network is down", "No such device", "Cannot assign requested address")


@dataclass(frozen=True)
class Echoes:
    """The probe."""

    method: Method

    def measure(self, route: Route) -> Found:
        """Echoes over a route: the median round trip, how much one differs from the next, and the share that is lost.

        Raises:
            TsunaguError: the program or the place is missing.
        """
        method = self.method
        words = (
            "ping",
            "-n",
            *("-c", str(method.echoes)),
            *("-i", f"{method.echo_every:g}"),
            *("-W", f"{method.answer_within:g}"),
            *("-I", route.interface),
            route.address,
        )
        ran = route.place.run(words, method.echoes * method.echo_every + method.answer_within + _SPARE_SECONDS)
        times: dict[int, float] = {}
        for number, milliseconds in _REPLY.findall(ran.said):
            times.setdefault(
                int(number), float(milliseconds)
            )  # a duplicate comes later, and is none of the line's time
        described = (Kind.ECHO, route.address, " ".join(words), ran.said + ran.errors)
        if times:
            return _found(described, Outcome.MEASURED, _figures(list(times.values()), method.echoes))
        if ran.code == 1 or ran.code is None or any(word in ran.errors for word in _LINE_GONE):
            reason = f"none of {method.echoes} echoes to {route.address} over {route.interface} was answered"
            return _found(described, Outcome.NO_ANSWER, {LOSS_RATIO: 1.0}, reason)
        return _found(described, Outcome.FAILED, {}, f"ping {route.address}: {(ran.errors or ran.said).strip()[:200]}")


def _found(
    described: tuple[Kind, str, str, str], outcome: Outcome, figures: dict[str, float], reason: str = ""
) -> Found:
    kind, target, method, raw = described
    return Found(kind, outcome, target, method, figures, reason, raw)


def _figures(times: list[float], sent: int) -> dict[str, float]:
    differences = [abs(after - before) for before, after in pairwise(times)]
    figures = {LATENCY_MS: median(times), LOSS_RATIO: max(0.0, 1 - len(times) / sent)}
    if differences:
        figures[JITTER_MS] = mean(differences)
    return figures
