"""The first engine against the second: both say the same of thousands of random and adversarial filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from controller.compile.network.intent import FilterClause, FilterIntent
from controller.model.network.device_state import Entry
from controller.model.network.packets import Effect, Family, Protocol
from controller.prove.filters.equivalence import (
    are_filters_equal,
    build_filter_set,
    build_policy_set,
    make_packet_space,
    prove_filter_equals_intent,
)
from tests.benchmarks.prove_filters import adversarial, alternating, filter_of, rewritten, taken_apart
from tests.prove.edits import edited
from tests.prove.filters import POOL, PORTS, clause, intent_of, rendered
from tests.prove.second_engine import SecondEngine, cudd_variables, oxidd_variables
from tests.soak import FACTOR

LIBRARIES = {"oxidd": oxidd_variables, "cudd": cudd_variables}
RANDOM_FILTERS = {("oxidd", 4): 1200, ("oxidd", 6): 400, ("cudd", 4): 300, ("cudd", 6): 100}
ADVERSARIAL_FILTERS = 12


@cache
def engine(library: str, family: Family) -> SecondEngine:
    """One for all cases: they share variables, and nothing that one case builds changes what another means."""
    return SecondEngine(family, LIBRARIES[library])


def random_clause(family: Family, random: Random) -> FilterClause:
    icmp = Protocol.ICMP if family is Family.V4 else Protocol.ICMPV6
    protocol = random.choice((Protocol.TCP, Protocol.TCP, Protocol.UDP, icmp))
    return clause(
        random.choice((Effect.PERMIT, Effect.PERMIT, Effect.FORBID)),
        random.choice(POOL[family]),
        random.choice(POOL[family]),
        random.choice(PORTS),
        excluded=tuple(random.sample(POOL[family], random.choice((0, 0, 1, 2)))),
        source_ports=random.choice(PORTS),
        protocol=protocol,
        established=protocol is Protocol.TCP and random.random() < 0.5,
    )


def random_intent(family: Family, random: Random) -> FilterIntent:
    return intent_of(family, *(random_clause(family, random) for _ in range(random.randrange(7))))


@pytest.mark.parametrize(("library", "family"), RANDOM_FILTERS)
def test_both_engines_say_the_same_of_random_filters_and_edits_of_them(library: str, family: int) -> None:
    family = Family(family)
    second = engine(library, family)
    outcomes = set()
    for seed in range(RANDOM_FILTERS[library, family] * FACTOR):
        random = Random(f"{seed}-{FACTOR}")  # noqa: S311 cases must repeat
        intent = random_intent(family, random)
        entries = rendered(intent, random)
        one = filter_of(family, entries[:-1])
        wanted = second.intent(intent)
        assert prove_filter_equals_intent(intent, one) is None, seed
        assert second.filter(one) == wanted, seed
        other = replace(one, entries=tuple(edited(list(one.entries), random)))
        permitted = second.filter(other)
        equal = permitted == wanted and second.decided(other) == second.everything
        assert (prove_filter_equals_intent(intent, other) is None) == equal, seed
        assert are_filters_equal(one, other) == (permitted == wanted), seed
        space = make_packet_space(family)
        assert (build_policy_set(space, intent) == build_filter_set(space, other)) == (permitted == wanted), seed
        outcomes.add(equal)
    assert outcomes == {True, False}


@pytest.mark.parametrize("generate", [adversarial, alternating], ids=["mixed", "alternating"])
@pytest.mark.parametrize("rewrite", [rewritten, taken_apart], ids=["rewritten", "taken apart"])
def test_both_engines_say_the_same_of_adversarial_filters(
    generate: Callable[[int, Random], list[Entry]], rewrite: Callable[[list[Entry], Random], list[Entry]]
) -> None:
    second = engine("oxidd", Family.V6)
    outcomes = set()
    for seed in range(ADVERSARIAL_FILTERS * FACTOR):
        random = Random(f"{seed}-{FACTOR}")  # noqa: S311 cases must repeat
        entries = generate(random.randrange(10, 60), random)
        one, same = filter_of(Family.V6, entries), filter_of(Family.V6, rewrite(entries, random))
        other = replace(same, entries=tuple(edited(list(same.entries), random)))
        permitted = second.filter(one)
        assert second.filter(same) == permitted, seed
        assert are_filters_equal(one, same), seed
        equal = second.filter(other) == permitted
        assert are_filters_equal(one, other) == equal, seed
        outcomes.add(equal)
    assert outcomes == {True, False}
