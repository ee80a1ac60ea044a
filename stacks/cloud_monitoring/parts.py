"""The parts of a stack that are watched: what Google calls them, and how much each can bear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from stacks.cloud_monitoring.signals import PartKind

CONNECTIONS = ((0, 25), (1.7, 50), (3.75, 100), (6, 200), (7.5, 400), (15, 500), (30, 600), (60, 800), (120, 1_000))
"""Connections that PostgreSQL takes from so many GB of memory on ("Configure database flags", `max_connections`)."""
_MEMORY_OF_SHARED = {"db-f1-micro": 0.6, "db-g1-small": 1.7}
_MEGABYTES, _EACH_OF_PLUS = 1_024, 8
"""Memory of a processor of `db-perf-optimized-N`, in GB ("Machine series overview")."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `id` is the application's, empty for what belongs to all. `limit`: what a share is taken of."""

    id: str
    importance: str
    names: tuple[pulumi.Input[str], ...] = ()
    limit: float | None = None


Parts = Mapping[PartKind, tuple[Part, ...]]
"""What a stack declares; a kind that is not there is neither drawn nor alerted on."""


def count_connections(tier: str) -> int:
    """Return how many connections an instance of a machine type takes, unless a flag says otherwise.

    >>> [count_connections(tier) for tier in ("db-perf-optimized-N-8", "db-custom-2-7680", "db-f1-micro")]
    [800, 400, 25]
    """
    memory = _MEMORY_OF_SHARED.get(tier)
    if memory is None:
        words = tier.split("-")
        memory = int(words[-1]) / _MEGABYTES if words[1] == "custom" else int(words[-1]) * _EACH_OF_PLUS
    return max(most for least, most in CONNECTIONS if memory >= least)
