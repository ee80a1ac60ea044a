"""The proof that a filter which leaves a part to a device further up denies nothing that the policy permits."""

from __future__ import annotations

from controller.compile.network.intent import FilterIntent
from controller.model.network.packets import Effect
from controller.prove.filters.equivalence import packet_space, permitted_by_policy


def contains(wider: FilterIntent, narrower: FilterIntent) -> bool:
    """Whether everything that the one intent permits, the other permits too."""
    if _widened(wider, narrower):
        return True
    space = packet_space(wider.family)
    return space.is_empty(space.difference(permitted_by_policy(space, narrower), permitted_by_policy(space, wider)))


def _widened(wider: FilterIntent, narrower: FilterIntent) -> bool:
    """Whether the one is the other with some permits that ask for less: seen without a diagram."""
    return len(wider.clauses) == len(narrower.clauses) and all(
        one == other or (one.effect is Effect.PERMIT and one == other._replace(established=False))
        for one, other in zip(wider.clauses, narrower.clauses, strict=True)
    )
