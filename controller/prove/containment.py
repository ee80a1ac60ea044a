"""The proof that a filter which leaves a part to a device further up denies nothing that the policy permits."""

from __future__ import annotations

from controller.compile.intent import FilterIntent
from controller.prove.equivalence import packet_space, permitted_by_policy


def contains(wider: FilterIntent, narrower: FilterIntent) -> bool:
    """Whether everything that the one intent permits, the other permits too."""
    space = packet_space(wider.family)
    return space.is_empty(space.difference(permitted_by_policy(space, narrower), permitted_by_policy(space, wider)))
