"""Connections that hosts of the virtual city try for a gate of a rollout: a sample of the matrix."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from controller.errors import LabError
from controller.lab.stage_following import follow_stages
from controller.lab.state import paths
from controller.lab.trials.matrix import SETTLE_SECONDS, try_matrix
from controller.lab.trials.matrix_pairs import MatrixPair
from controller.lab.trials.matrix_results import PairResult, PairVerdict
from controller.model.city import City
from controller.model.virtual_city import VirtualCity
from controller.rollout.durable.rollout_scene import ProbedConnection, ProbeSample


class LabProbes:
    """Sends packets as the hosts of the virtual city; see `controller.rollout.durable.rollout_scene.PolicyProbes`."""

    def __init__(self, state: Path = paths.STATE) -> None:
        self._state = state

    def try_sample(self, city: City, schools: Sequence[str], size: int, seed: str) -> ProbeSample:
        """See `PolicyProbes.try_sample`; half of the sample is permitted, half denied, where there are so many."""
        if not isinstance(city, VirtualCity):
            message = f"{city.called} has no hosts of the virtual city"
            raise LabError(message)
        follow_stages(city, schools, self._state)  # whose port has changed its segment asks for an address anew
        found = try_matrix(
            city,
            schools,
            control=False,
            settle=SETTLE_SECONDS,
            choose=lambda pairs: draw_sample(pairs, size, seed),
            state=self._state,
        )
        wrong = tuple(_describe(one) for one in found.results if one.verdict is not PairVerdict.AGREES)
        return ProbeSample(len(found.results), wrong)

    def try_connections(
        self, city: City, connections: Collection[ProbedConnection], *, changed: bool
    ) -> Mapping[ProbedConnection, str]:
        """See `TriesConnections.try_connections`; every pair of hosts that stands for a connection is tried."""
        if not isinstance(city, VirtualCity):
            message = f"{city.called} has no hosts of the virtual city"
            raise LabError(message)
        schools = tuple(dict.fromkeys(one.school for one in connections))
        if changed:
            follow_stages(city, schools, self._state)
        found = try_matrix(
            city,
            schools,
            control=False,
            settle=SETTLE_SECONDS,
            choose=lambda pairs: [pair for pair, _ in choose_connections(pairs, connections)],
            state=self._state,
        )
        by_pair = {one.pair: one for one in found.results}
        told: dict[ProbedConnection, str] = {}
        for pair, connection in choose_connections(tuple(by_pair), connections):
            wrong = "" if by_pair[pair].verdict is PairVerdict.AGREES else _describe(by_pair[pair])
            told[connection] = told.get(connection) or wrong
        return told


def choose_connections(
    pairs: Sequence[MatrixPair], connections: Collection[ProbedConnection]
) -> list[tuple[MatrixPair, ProbedConnection]]:
    """Return the pairs that try some connections, each with its connection; those of its own school only."""
    wanted = {(one.school, one.segment, one.application, one.family): one for one in connections}
    return [
        (pair, wanted[key])
        for pair in pairs
        if pair.target.column.split(":")[0] == pair.target.application
        and (key := (pair.school, pair.segment, pair.target.application, pair.target.family)) in wanted
    ]


def draw_sample(pairs: Sequence[MatrixPair], size: int, seed: str) -> list[MatrixPair]:
    """Return a sample of pairs in their order, half of it permitted and half denied, where there are so many."""
    rng = random.Random(seed)  # noqa: S311 no secret
    permitted = [number for number, pair in enumerate(pairs) if pair.permitted]
    denied = [number for number, pair in enumerate(pairs) if not pair.permitted]
    few = min(len(permitted), max(size - len(denied), (size + 1) // 2))
    chosen = [*rng.sample(permitted, few), *rng.sample(denied, min(len(denied), size - few))]
    return [pairs[number] for number in sorted(chosen)]


def _describe(one: PairResult) -> str:
    pair = one.pair
    seen = f"{one.verdict}: {one.detail}" if one.detail else f"{one.verdict}"
    return f"{pair.host} to {pair.target.application} over IPv{int(pair.target.family)} ({seen})"
