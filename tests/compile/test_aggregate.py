"""Exact aggregation: the same meaning in fewer entries, and a mistake in it is found by the proof."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compile.network import acl
from controller.compile.network import aggregate as aggregation
from controller.compile.network.aggregate import aggregate_entries
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import BeyondCapability, ProofFailed
from controller.model.city import City
from controller.model.network.device_state import Entry, build_filter
from controller.model.network.packets import (
    ANY_PORTS,
    Direction,
    Effect,
    Family,
    Match,
    Ports,
    Prefix,
    Protocol,
    parse_prefix,
)
from controller.model.policy_files import PREFIX_LISTS
from controller.model.sites.devices import Device
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.prove.filters.equivalence import build_filter_set, make_packet_space
from tests.platforms.states import everything, matches
from tests.soak import examples

V4, V6 = Family.V4, Family.V6
ALL = V4.everything
IOS = CiscoIos()


@st.composite
def neighbours(draw: st.DrawFn, family: Family) -> Prefix:
    """A prefix in a small block, so that many touch, overlap and hold one another."""
    kind, base, whole = (IPv4Network, "10.0.0.0", 28) if family is V4 else (IPv6Network, "2001:db8::", 124)
    shorter = draw(st.integers(0, family.bits - whole))
    first = int(kind(base).network_address) + (draw(st.integers(0, 2**shorter - 1)) << (4 - shorter))
    return kind((first, whole + shorter))


@st.composite
def close_matches(draw: st.DrawFn, family: Family) -> Match:
    ends = draw(neighbours(family)), draw(st.sampled_from((family.everything, draw(neighbours(family)))))
    protocol = draw(st.sampled_from((None, Protocol.TCP, Protocol.UDP, 47)))
    if protocol not in (Protocol.TCP, Protocol.UDP):
        return Match(family, protocol, *ends)
    low = draw(st.integers(0, 4))
    near: st.SearchStrategy[Ports] = st.sampled_from((ANY_PORTS, (low, low), (low, low + 1), (0, 4), (2, 65535)))
    return Match(family, protocol, *ends, draw(near), draw(near), protocol is Protocol.TCP and draw(st.booleans()))


@st.composite
def entries(draw: st.DrawFn, family: Family) -> list[Entry]:
    one = st.one_of(close_matches(family), matches(family, icmp_ranges=False))
    rules = st.sampled_from(("a", "b", "c"))
    found = draw(st.lists(st.builds(Entry, st.sampled_from(Effect), one, rules), max_size=12))
    return [*found, replace(everything(family), origin="default deny")]


def test_nothing_stands_behind_what_every_packet_meets() -> None:
    """A soak found it: the last entry was taken for a repetition of one further up, and a permit came last."""
    inside = parse_prefix("10.0.0.0/28")
    all_, default = replace(everything(Family.V4), origin="all"), replace(everything(Family.V4), origin="default deny")
    behind = Entry(Effect.PERMIT, Match(Family.V4, None, inside, inside), "behind")
    (one,) = aggregate_entries([all_, behind, default])
    assert (one, one.origin) == (all_, "all, behind, default deny")


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(Family).flatmap(entries))
def test_no_packet_is_judged_otherwise(found: list[Entry]) -> None:
    family = found[0].match.family
    fewer = aggregate_entries(found)
    space = make_packet_space(family)
    before, after = (build_filter(20, Direction.FROM, family, one) for one in (found, fewer))
    assert build_filter_set(space, before) == build_filter_set(space, after)
    assert len(fewer) <= len(found)
    assert fewer[-1].match == everything(family).match
    assert len(set(fewer)) == len(fewer)
    assert len(aggregate_entries(fewer)) == len(fewer)
    named = {name for entry in fewer for name in entry.origin.split(", ")}
    assert named <= {entry.origin for entry in found}
    assert {entry.origin for entry in found} <= named, "a rule was forgotten"


def permits(*matched: Match) -> list[Entry]:
    return [Entry(Effect.PERMIT, match, f"rule-{number}") for number, match in enumerate(matched)]


def hosts(count: int) -> list[Match]:
    return [Match(V4, 6, ALL, parse_prefix(f"203.0.113.{number}/32"), ANY_PORTS, (443, 443)) for number in range(count)]


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (hosts(256), [Match(V4, 6, ALL, parse_prefix("203.0.113.0/24"), ANY_PORTS, (443, 443))]),
        (
            [Match(V4, 17, ALL, ALL, ANY_PORTS, (port, port)) for port in (5001, 5000, 5002, 5004)],
            [Match(V4, 17, ALL, ALL, ANY_PORTS, (5000, 5002)), Match(V4, 17, ALL, ALL, ANY_PORTS, (5004, 5004))],
        ),
        (
            [
                Match(V4, 6, ALL, parse_prefix("10.0.0.0/8")),
                Match(V4, 6, parse_prefix("10.1.0.0/16"), parse_prefix("10.2.0.0/16")),
            ],
            [Match(V4, 6, ALL, parse_prefix("10.0.0.0/8"))],
        ),
        (
            [Match(V4, 6, ALL, ALL, established=True), Match(V4, 6, ALL, ALL)],
            [Match(V4, 6, ALL, ALL)],
        ),
        (
            [Match(V4, 1, ALL, ALL, ANY_PORTS, (kind, kind)) for kind in (3, 4)],
            [Match(V4, 1, ALL, ALL, ANY_PORTS, (kind, kind)) for kind in (3, 4)],
        ),
        (
            [Match(V4, 6, ALL, ALL, (port, port), established=True) for port in (443, 444, 442, 440)],
            [
                Match(V4, 6, ALL, ALL, (440, 440), established=True),
                Match(V4, 6, ALL, ALL, (442, 444), established=True),
            ],
        ),
        (
            [Match(V4, 17, ALL, ALL, (123, 130)), Match(V4, 17, ALL, ALL, (125, 140))],
            [Match(V4, 17, ALL, ALL, (123, 140))],
        ),
        (
            # An answer from port 53 and another service's answer to it are two things.
            [Match(V4, 17, ALL, ALL, (53, 53)), Match(V4, 17, ALL, ALL, (54, 54), (7, 7))],
            [Match(V4, 17, ALL, ALL, (53, 53)), Match(V4, 17, ALL, ALL, (54, 54), (7, 7))],
        ),
        (
            [Match(V4, 6, ALL, ALL, (1, 1), established=True), Match(V4, 6, ALL, ALL, (2, 2))],
            [Match(V4, 6, ALL, ALL, (1, 1), established=True), Match(V4, 6, ALL, ALL, (2, 2))],
        ),
        (
            [
                Match(V4, 6, parse_prefix("10.0.1.0/24"), parse_prefix("10.9.0.0/16")),
                Match(V4, 6, parse_prefix("10.0.0.0/24"), parse_prefix("10.9.0.0/16")),
                Match(V4, 6, parse_prefix("10.0.2.0/24"), parse_prefix("10.9.0.0/16")),
            ],
            [
                Match(V4, 6, parse_prefix("10.0.0.0/23"), parse_prefix("10.9.0.0/16")),
                Match(V4, 6, parse_prefix("10.0.2.0/24"), parse_prefix("10.9.0.0/16")),
            ],
        ),
    ],
)
def test_what_is_put_together(given_: list[Match], expected: list[Match]) -> None:
    assert [entry.match for entry in aggregate_entries(permits(*given_))] == expected


def test_an_entry_that_came_of_many_names_all_their_rules() -> None:
    (one,) = aggregate_entries(permits(*hosts(4)))
    assert one.origin == "rule-0, rule-1, rule-2, rule-3"
    wide, narrow = Match(V4, 6, ALL, parse_prefix("10.0.0.0/8")), Match(V4, 6, ALL, parse_prefix("10.1.0.0/16"))
    (one,) = aggregate_entries(permits(narrow, wide))
    assert one.origin == "rule-1, rule-0"


def test_rules_are_named_by_where_their_values_begin() -> None:
    wide, inner = Match(V4, 17, ALL, ALL, ANY_PORTS, (1, 10)), Match(V4, 17, ALL, ALL, ANY_PORTS, (2, 5))
    (one,) = aggregate_entries(permits(wide, inner))
    assert (one.match, one.origin) == (wide, "rule-0, rule-1")


def test_a_forbid_between_keeps_its_place() -> None:
    first, second = permits(*hosts(2))
    between = Entry(Effect.FORBID, Match(V4, None, ALL, parse_prefix("203.0.113.1/32")), "forbid")
    assert aggregate_entries([first, between, second]) == [first, between, second]


def crowded(city: City) -> City:
    """A cloud service that publishes its addresses one by one: more than a list takes, and neighbours."""
    listed = tuple(parse_prefix(f"203.0.{third}.{fourth}/32") for third in (40, 41) for fourth in range(256))
    files = {
        name: one.model_copy(update={"prefixes": listed}) if name == "cbt" else one
        for name, one in city.prefix_lists.items()
    }
    return city.replace_file(PREFIX_LISTS, *(files).values())


def core(city: City) -> Device:
    devices = (device for school in city.schools for device in city.list_devices(school))
    return next(device for device in devices if (device.role, device.platform) == ("core", IOS.name))


def test_a_filter_that_is_too_large_is_aggregated_and_proved(city: City) -> None:
    large = crowded(city)
    device = core(large)
    can = replace(IOS.capabilities, maximum_entries=500)
    intent = compile_device(large, device, can)
    assert prove_rendered_device(large, intent, IOS) == 32
    assert max(len(one.entries) for one in intent.wanted.filters) < 100
    small = compile_device(city, device, can).wanted.filters
    assert small == compile_device(city, device, IOS.capabilities).wanted.filters, "what fits stays as it is"
    with pytest.raises(BeyondCapability, match=r"takes 20 \(capability 'maximum_entries'\); exactly aggregated"):
        compile_device(large, device, replace(can, maximum_entries=20))


def test_all_filters_of_a_device_together_are_aggregated_when_they_do_not_fit(city: City) -> None:
    large = crowded(city)
    device = core(large)
    fits = compile_device(large, device, replace(IOS.capabilities, maximum_device_entries=1000))
    assert sum(len(one.entries) for one in fits.wanted.filters) <= 1000
    assert prove_rendered_device(large, fits, IOS) == 32


def test_a_mistake_in_the_aggregation_is_found_with_a_packet(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(found: list[Entry]) -> list[Entry]:
        fewer = aggregation.aggregate_entries(found)
        return [
            replace(one, match=replace(one.match, destination_ports=ANY_PORTS)) if one.origin == "cbt" else one
            for one in fewer
        ]

    large = crowded(city)
    device = core(large)
    monkeypatch.setattr(acl, "aggregate_entries", careless)
    intent = compile_device(large, device, replace(IOS.capabilities, maximum_entries=500))
    with pytest.raises(ProofFailed, match=r"permits tcp .* -> 203\.0\.4[01]\.\d+ port \d+, but"):
        prove_rendered_device(large, intent, IOS)
