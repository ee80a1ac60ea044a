"""Packets and sets of packets: parsing, text, and sets of addresses against brute force."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.model.network.packets import (
    ANY_PORTS,
    AddressSet,
    Family,
    Match,
    Packet,
    Protocol,
    Service,
    get_bounds,
    merge_intervals,
    parse_prefix,
    parse_service,
)
from tests.soak import examples

PORT = st.integers(1, 65535)
WORLD = int(parse_prefix("10.0.0.0/24").network_address)
"""Small prefixes inside one /24 meet often, and all its addresses can be tried."""


@st.composite
def small(draw: st.DrawFn) -> IPv4Network:
    length = draw(st.integers(24, 32))
    return IPv4Network((WORLD + (draw(st.integers(0, 255)) >> (32 - length) << (32 - length)), length))


SETS = st.lists(small(), max_size=6).map(tuple)


@settings(max_examples=examples(60), deadline=None)
@given(SETS, SETS)
@example((IPv4Network("10.0.0.0/24"),), (IPv4Network("10.0.0.0/32"), IPv4Network("10.0.0.255/32")))
@example((IPv4Network("10.0.0.8/32"),), (IPv4Network("10.0.0.8/32"),))
def test_intervals_are_the_set_by_brute_force(
    included: tuple[IPv4Network, ...], excluded: tuple[IPv4Network, ...]
) -> None:
    addresses = AddressSet(included, excluded)
    intervals = addresses.get_intervals()
    for address in range(WORLD - 2, WORLD + 258):
        expected = any(address in range(int(p[0]), int(p[-1]) + 1) for p in included) and not any(
            address in range(int(p[0]), int(p[-1]) + 1) for p in excluded
        )
        assert addresses.contains(address) == expected
        assert sum(low <= address <= high for low, high in intervals) == expected
    assert all(low <= high for low, high in intervals)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(intervals))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))))
def test_merged_intervals_are_the_same_numbers_disjoint_and_apart(intervals: list[tuple[int, int]]) -> None:
    joined = merge_intervals(intervals)
    numbers = {n for low, high in intervals for n in range(low, high + 1)}
    assert {n for low, high in joined for n in range(low, high + 1)} == numbers
    assert all(one[1] + 1 < other[0] for one, other in pairwise(joined))


def test_the_empty_set_never_becomes_any() -> None:
    assert AddressSet(()).get_intervals() == ()
    assert not AddressSet(()).contains(0)
    only_v4 = AddressSet((parse_prefix("10.0.0.0/8"),), (parse_prefix("2001:db8::/32"),))
    assert only_v4.in_family(Family.V6) == AddressSet((), (parse_prefix("2001:db8::/32"),))
    assert only_v4.in_family(Family.V6).get_intervals() == ()


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(["tcp", "udp"]), PORT, PORT)
def test_services_survive_their_own_text(name: str, one: int, other: int) -> None:
    parsed = Service(Protocol[name.upper()], (min(one, other), max(one, other)))
    assert parse_service(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    [
        *("", "tcp", "tcp/", "/443", "443", "icmp/8", "TCP/443", "tcp/0", "tcp/65536", "tcp/443-442", "tcp/443-"),
        *("tcp/-443", "tcp/1-2-3", "tcp/ 443", "tcp/+443", "tcp/\u0664\u0664", "tcp/443,444", "tcp/4_43"),
    ],
)
def test_what_is_no_service(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no service; write tcp/PORT|ports run from 1 to 65535"):
        parse_service(text)


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(Family), st.data())
def test_prefixes_survive_their_own_text(family: Family, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, family.bits))
    first = data.draw(st.integers(0, 2**family.bits - 1)) >> (family.bits - length) << (family.bits - length)
    parsed = parse_prefix(f"{family.format_address(first)}/{length}")
    assert parse_prefix(str(parsed)) == parsed
    assert parsed.version == family
    assert get_bounds(parsed) == (first, first + 2 ** (family.bits - length) - 1)


@pytest.mark.parametrize("text", ["", "ten", "10.0.0.1/8", "10.0.0.0/33", "2001:db8::1/64", "10.0.0/8", "300.0.0.0/8"])
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_prefix(text)


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (
            Packet(Family.V4, 6, 1, 2, 49152, 443, established=True),
            "tcp 0.0.0.1 port 49152 -> 0.0.0.2 port 443 established",
        ),
        (Packet(Family.V6, 17, 1, 2, 546, 547, established=False), "udp ::1 port 546 -> ::2 port 547"),
        (Packet(Family.V4, 1, 1, 2, 0, 8, established=False), "icmp type 8 0.0.0.1 -> 0.0.0.2"),
        (Packet(Family.V4, 47, 1, 2, 0, 0, established=False), "protocol 47 0.0.0.1 -> 0.0.0.2"),
    ],
)
def test_packets_in_words(packet: Packet, text: str) -> None:
    assert str(packet) == text


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({}, True),
        ({"family": Family.V6}, False),
        ({"protocol": Protocol.UDP}, False),
        ({"source": 9}, False),
        ({"destination": 25}, False),
        ({"source_port": 0}, True),
        ({"destination_port": 444}, True),
        ({"destination_port": 446}, False),
        ({"established": True}, True),
    ],
)
def test_what_a_match_covers(change: dict[str, Any], covered: bool) -> None:  # noqa: FBT001 the expectation
    match = Match(
        Family.V4, Protocol.TCP, parse_prefix("0.0.0.10/31"), parse_prefix("0.0.0.20/30"), ANY_PORTS, (443, 445)
    )
    packet = Packet(Family.V4, Protocol.TCP, 11, 23, 49152, 443, established=False)
    assert match.covers(replace(packet, **change)) == covered
