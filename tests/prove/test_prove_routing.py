"""The proof about routes: the policy's own is proved, and every planted mistake is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from controller.compile.network.route_policies import RoutingIntent, build_wanted_routing, compile_routing_intent
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.network.packets import Effect, Family, parse_prefix
from controller.model.network.route_policies import PrefixRange, RouteClause, RoutePolicy, Routing, build_routing
from controller.model.policy_files import LINES
from controller.model.sites.access_lines import PathPreference
from controller.platforms.frr.driver import Frr
from controller.prove.routes.policies import find_routing_differences, find_transition_differences

SCHOOL = "as-e04"


def intent_of(city: City, school: str = SCHOOL) -> RoutingIntent:
    own = city.school_by_id[school]
    return compile_routing_intent(city, next(one for one in city.list_devices(own) if one.role == "router"))


@pytest.fixture
def intent(city: City) -> RoutingIntent:
    return intent_of(city)


def preferring(city: City, *ways: PathPreference) -> City:
    """The city with another order for all its schools."""
    return city.replace_file(LINES, city.lines.model_copy(update={"usual": ways}))


def test_every_school_is_proved(city: City) -> None:
    for school in city.schools:
        intent = intent_of(city, school.id)
        assert not list(find_routing_differences(intent, build_wanted_routing(intent)))


def test_every_order_of_every_choice_is_proved_and_no_other_passes_for_it(city: City) -> None:
    usual = city.lines.usual
    orders = [order for size in range(1, len(usual) + 1) for order in permutations(usual, size)]
    assert len(orders) == 64
    made = [(intent := intent_of(preferring(city, *order)), build_wanted_routing(intent)) for order in orders]
    for intent, own in made:
        assert not list(find_routing_differences(intent, own))
    for intent, own in made[::7]:
        for _, other in made[::5]:
            assert bool(list(find_routing_differences(intent, other))) == (own != other)


def clause(effect: Effect, prefixes: str = "", preference: int | None = None) -> RouteClause:
    return RouteClause(effect, prefixes, preference, origin="77")


def with_policy(state: Routing, part: str, change: Callable[[RoutePolicy], tuple[RouteClause, ...]]) -> Routing:
    """The routing with one policy changed under its name."""
    held = [replace(one, clauses=change(one)) if part in one.name else one for one in state.policies]
    assert sum(part in one.name for one in state.policies) == 1
    return build_routing(state.lists, held, state.bindings)


def with_list(state: Routing, part: str, *entries: PrefixRange) -> Routing:
    held = [replace(one, entries=(*entries, *one.entries)) if part in one.name else one for one in state.lists]
    assert held != list(state.lists)
    return build_routing(held, state.policies, state.bindings)


def entry(text: str, longest: int | None = None) -> PrefixRange:
    held = parse_prefix(text)
    return PrefixRange(Effect.PERMIT, held, held.prefixlen, longest or held.prefixlen, "55")


PLANTED: dict[str, tuple[Callable[[Routing], Routing], str]] = {
    "no policy out": (
        lambda s: build_routing(s.lists, s.policies, [b for b in s.bindings if "out-4-primary-tokyo" not in b.policy]),
        "neighbour 100.64.0.1 (primary to tokyo) IPv4 out: no policy is in force, which lets 0.0.0.0/0 out, but only",
    ),
    "the default route leaves": (
        lambda s: with_list(s, "own-4", entry("0.0.0.0/0")),
        "lets 0.0.0.0/0 out, but only the school's own prefixes (10.157.0.0/16) may leave",
    ),
    "another school's block leaves": (
        lambda s: with_list(s, "own-6", entry("2001:db8:8001::/48")),
        "lets 2001:db8:8001::/48 out, but only the school's own prefixes (2001:db8:809d::/48) may leave",
    ),
    "parts of the own block leave": (
        lambda s: with_list(s, "own-4", entry("10.157.0.0/16", 24)),
        "lets 10.157.0.0/17 out, but only",
    ),
    "the last clause permits": (
        lambda s: with_policy(s, "out-6-backup-osaka", lambda p: (p.clauses[0], clause(Effect.PERMIT))),
        "neighbour fd74:736e:0:2::2 (backup to osaka) IPv6 out: TSN-out-6-backup-osaka-80ec731e line 77 lets ::/0 out",
    ),
    "the own block stays": (
        lambda s: with_policy(s, "out-4-backup-tokyo", lambda p: p.clauses[1:]),
        "keeps 10.157.0.0/16 back, which is the school's (",
    ),
    "own prefixes are taken back": (
        lambda s: with_policy(s, "in-4-primary-tokyo", lambda p: p.clauses[1:]),
        "takes 10.157.0.0/16, but it lies in the school's own prefixes",
    ),
    "everything is refused": (
        lambda s: with_policy(s, "in-6-primary-tokyo", lambda p: p.clauses[:1]),
        "(no clause) refuses ::/0, which the path must carry (",
    ),
    "the policy is gone": (
        lambda s: build_routing(s.lists, [p for p in s.policies if "in-4-primary-osaka" not in p.name], s.bindings),
        ", which does not exist, refuses 0.0.0.0/0, which the path must carry",
    ),
    "the backup is preferred": (
        lambda s: with_policy(s, "in-4-backup-tokyo", lambda p: (p.clauses[0], clause(Effect.PERMIT, "", 900))),
        "gives 0.0.0.0/0 local preference 400, and over backup to tokyo 900, but primary to osaka must go before",
    ),
    "two ways are alike": (
        lambda s: with_policy(s, "in-4-primary-osaka", lambda p: (p.clauses[0], clause(Effect.PERMIT, "", 500))),
        "gives 0.0.0.0/0 local preference 500, and over primary to osaka 500, but primary to tokyo must go before",
    ),
    "no preference is set": (
        lambda s: with_policy(s, "in-6-primary-tokyo", lambda p: (p.clauses[0], clause(Effect.PERMIT))),
        "gives ::/0 local preference 100, and over primary to osaka 400, but primary to tokyo must go before",
    ),
    "the path is not longer": (
        lambda s: with_policy(s, "out-4-backup-osaka", lambda p: (replace(p.clauses[0], prepend=()), *p.clauses[1:])),
        "prepends for 10.157.0.0/16 2 times, and over backup to osaka 0 times, but backup to tokyo must go before",
    ),
    "a neighbour that nobody knows": (
        lambda s: build_routing(s.lists, s.policies, [*s.bindings, replace(s.bindings[0], system=65001)]),
        "stands at neighbour 100.64.0.1 in AS 65001, which the city does not know",
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_and_named(intent: RoutingIntent, mistake: str) -> None:
    plant, said = PLANTED[mistake]
    found = list(find_routing_differences(intent, plant(build_wanted_routing(intent))))
    assert any(said in one for one in found), found
    assert all(one.startswith("as-e04-rt1") for one in found)


def test_a_difference_names_the_rule_and_its_line(city: City, intent: RoutingIntent) -> None:
    plant, _ = PLANTED["the backup is preferred"]
    found = list(find_routing_differences(intent, plant(build_wanted_routing(intent))))
    way = city.lines.usual[1]
    assert way.region == "osaka"
    assert any(f"({way.origin})" in one and f"{way.origin}".endswith(f"lines.yaml:{way.origin.line}") for one in found)


def test_a_way_that_is_left_out_must_carry_nothing(city: City, intent: RoutingIntent) -> None:
    fewer = intent_of(preferring(city, *city.lines.usual[:2]))
    found = list(find_routing_differences(fewer, build_wanted_routing(intent)))
    assert any("lets 10.157.0.0/16 out, but the preference (" in one for one in found)
    assert any("takes 0.0.0.0/0, but the preference (" in one for one in found)
    assert all("backup" in one for one in found)


def walk(intent: RoutingIntent, before: Routing) -> list[tuple[str, Routing]]:
    steps = Frr().plan_steps(DeviceState(routing=before), DeviceState(routing=build_wanted_routing(intent)))
    return [(step.title, step.result.routing) for step in steps]


def test_every_state_between_any_two_orders_is_safe(city: City) -> None:
    usual = city.lines.usual
    orders = [(one,) for one in usual] + [usual, usual[::-1], usual[2:], usual[:2]]
    for order in orders:
        before = build_wanted_routing(intent_of(preferring(city, *order)))
        for other in orders:
            intent = intent_of(preferring(city, *other))
            assert not list(find_transition_differences(intent, before, walk(intent, before)))
    intent = intent_of(city)
    assert not list(find_transition_differences(intent, build_routing(), walk(intent, build_routing())))


def test_closing_before_opening_is_found(city: City) -> None:
    usual = city.lines.usual
    before = build_wanted_routing(intent_of(preferring(city, usual[0])))
    intent = intent_of(preferring(city, usual[3]))
    titles = [title for title, _ in walk(intent, before)]
    assert titles.index("attach route maps of the ways in use") < titles.index("close the other ways")
    wanted = build_wanted_routing(intent)
    closed = [b for b in wanted.bindings if "primary-tokyo" in b.policy]
    kept = [b for b in before.bindings if "primary-tokyo" not in b.policy]
    mid = build_routing([*before.lists, *wanted.lists], [*before.policies, *wanted.policies], [*kept, *closed])
    found = list(find_transition_differences(intent, before, [("close first", mid)]))
    assert sorted(found) == [f"as-e04-rt1, in 'close first': no line carries IPv{int(f)}" for f in Family]


def test_a_step_that_opens_a_neighbour_is_found(intent: RoutingIntent) -> None:
    before = build_wanted_routing(intent)
    mid = build_routing(before.lists, before.policies, before.bindings[1:])
    assert not list(find_transition_differences(intent, before, [("detach in", mid)]))
    mid = build_routing(before.lists, before.policies, [b for b in before.bindings if b.direction == "in"])
    found = list(find_transition_differences(intent, before, [("detach out", mid)]))
    assert len(found) == len(intent.neighbours)
    assert "no policy is in force, which lets 0.0.0.0/0 out" in found[0]


def test_a_policy_that_is_opened_in_place_is_found(intent: RoutingIntent) -> None:
    before = build_wanted_routing(intent)
    opened = with_policy(before, "out-4-primary-tokyo", lambda _: (clause(Effect.PERMIT),))
    (found,) = find_transition_differences(intent, before, [("edit", opened), ("put back", before)])
    assert "in 'edit': " in found
    assert "line 77 lets 0.0.0.0/0 out" in found


def test_a_fault_of_a_step_is_not_told_of_the_next_one(intent: RoutingIntent) -> None:
    before = build_wanted_routing(intent)
    opened = with_policy(before, "out-4-primary-tokyo", lambda _: (clause(Effect.PERMIT),))
    found = find_transition_differences(intent, before, [("edit", opened), ("put back", before)])
    assert not [one for one in found if "put back" in one]


def test_what_is_unsafe_only_in_the_middle_of_a_step_is_found(city: City) -> None:
    usual = city.lines.usual
    before = build_wanted_routing(intent_of(preferring(city, usual[0])))
    intent = intent_of(preferring(city, usual[3]))
    wanted = build_wanted_routing(intent)
    mid = build_routing([*before.lists, *wanted.lists], [*before.policies, *wanted.policies], before.bindings)
    # All neighbours in one step: the preferred way, whose address is lower, closes before the other one opens.
    found = list(find_transition_differences(intent, before, [("make", mid), ("attach everything", wanted)]))
    assert sorted(found) == [f"as-e04-rt1, in 'attach everything': no line carries IPv{int(f)}" for f in Family]
