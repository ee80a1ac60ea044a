"""What a container on Cloud Run gets: processors, memory, and for a service how it is asked and for how long.

Sources (Google Cloud documentation, by page name): "Configure CPU limits" and "Configure memory limits" (which memory
goes with which CPU, 512 MiB at least in the second generation execution environment), "Configure container health
checks" (a container has started within 240 s), "Set request timeout" (300 s, at most 3600 s), "Maximum concurrent
requests" (80, at most 1000). Less than one CPU is not offered: such an instance answers one request at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from controller.model.yaml_source import StrictModel

LONGEST_TASK = 7 * 24 * 60
"""Minutes: Google ends a task of a Cloud Run job after seven days."""
LEAST_MEMORY = 512
MEMORY: Mapping[int, tuple[int, int]] = {
    1: (LEAST_MEMORY, 4_096),
    2: (LEAST_MEMORY, 8_192),
    4: (2_048, 16_384),
    6: (4_096, 24_576),
    8: (4_096, 32_768),
}
"""The least and the most memory in MiB, by CPUs."""
LONGEST_START = 240
"""Seconds."""
LONGEST_REQUEST = 3_600
HealthPath = Annotated[str, Field(max_length=200, pattern=r"^/[A-Za-z0-9/._~-]*$")]


class Resources(StrictModel):
    """The limits of a container."""

    cpu: Literal[1, 2, 4, 6, 8] = 1
    memory_mebibytes: int = Field(default=1_024, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _check_memory(self) -> Self:
        least, most = MEMORY[self.cpu]
        if not least <= self.memory_mebibytes <= most:
            fitting = [str(cpu) for cpu, (low, high) in MEMORY.items() if low <= self.memory_mebibytes <= high]
            other = f", or a cpu of {' or '.join(fitting)}" if fitting else ""
            message = (
                f"Cloud Run has no container of {self.cpu} CPU with {self.memory_mebibytes} MiB: write a "
                f"memory-mebibytes of {least} to {most}{other}"
            )
            raise ValueError(message)
        return self

    def list_limits(self) -> dict[str, str]:
        """Return the limits as Cloud Run takes them.

        >>> Resources().list_limits()
        {'cpu': '1', 'memory': '1024Mi'}
        """
        return {"cpu": str(self.cpu), "memory": f"{self.memory_mebibytes}Mi"}


class ServiceSettings(StrictModel):
    """How a service is asked, and for how long.

    `health_path` is asked over HTTP until the container has started, and then every half a minute: one that does not
    answer three times is started anew. Left out, a container has started when it listens. `start_seconds` is how long
    that may take.
    """

    health_path: HealthPath | None = None
    start_seconds: int = Field(default=LONGEST_START, ge=10, le=LONGEST_START)
    timeout_seconds: int = Field(default=300, ge=1, le=LONGEST_REQUEST)
    requests_at_once: int = Field(default=80, ge=1, le=1_000)
