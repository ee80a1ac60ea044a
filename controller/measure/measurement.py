"""What a probe found, with everything that is needed to believe it: when, from where to where, by what method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName

MeasurementId = NewType("MeasurementId", int)
"""The number of a measurement in its store; a figure in a report names it."""


class MeasurementKind(StrEnum):
    """What was measured. A download flows towards the school."""

    DOWNLOAD = "download"
    UPLOAD = "upload"
    ECHO = "echo"
    PATH_MTU = "path-mtu"
    DNS = "dns"
    HTTP = "http"


class ProbeOutcome(StrEnum):
    """How a probe ended. `measured` alone has figures that say something about the line.

    `no-answer`: nothing came back in time, so line or target may be down. `refused`: the target's machine answered, and
    what was looked for is not there: the target is wrong or its service is down. `failed`: the probe itself could not
    be made.
    """

    MEASURED = "measured"
    NO_ANSWER = "no-answer"
    REFUSED = "refused"
    FAILED = "failed"


MBPS = "mbps"
LATENCY_MS = "latency-ms"
JITTER_MS = "jitter-ms"
LOSS_RATIO = "loss-ratio"
DURATION_MS = "duration-ms"
"""Names of figures; each ends in its unit."""
OTHERS_MBPS = "others-mbps"
"""Of a test of throughput: what the line carried of others in the same direction meanwhile, at least."""
ECHOES = "echoes"
"""How many were sent for a loss."""
SEGMENTS = "segments"
RETRANSMITTED = "retransmitted"
IDLE_MS = "idle-ms"
QUEUED_MS = "queued-ms"
"""Of a test of throughput: what TCP sent and sent again, the round trip before it, and the time in its windows."""
MTU_BYTES = "mtu-bytes"
VANISHED_BYTES = "vanished-bytes"
"""The largest packet that came through, and the smallest that vanished without a word."""
ANSWERED = "answered"
"""Of roll-ups: 1 where somebody answered a probe, 0 where nobody did; the mean is the part that was answered."""


@dataclass(frozen=True, slots=True)
class LinePath:
    """From a school over one of its lines to a region, in one address family."""

    school: str
    line: AccessLineName
    region: str
    family: Family

    def __str__(self) -> str:
        return f"{self.school} {self.line} line to {self.region} over IPv{int(self.family)}"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe says of a path. `reason` tells people why it is not measured and what to do.

    `target` is what was asked, as people write it; `method` is how, in the words of the program; `raw` is what the
    program said. `began` is when the probe itself began, where it had to wait for its turn before.
    """

    kind: MeasurementKind
    outcome: ProbeOutcome
    target: str
    method: str
    figures: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    raw: str = ""
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A finding as it is kept. `at` is when the probe began; `in_lessons`: pupils may have used the line."""

    id: MeasurementId
    run: str
    at: datetime
    path: LinePath
    result: ProbeResult
    in_lessons: bool

    @property
    def measured(self) -> bool:
        """Whether it has figures of the line."""
        return self.result.outcome is ProbeOutcome.MEASURED

    def figure(self, name: str) -> float | None:
        """One figure, where it has it."""
        return self.result.figures.get(name)
