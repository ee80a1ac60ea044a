"""The path MTU, at a place whose path carries packets up to a size and says, or does not say, what was too large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from controller.measure.measurement import MTU_BYTES, VANISHED_BYTES, LinePath, ProbeOutcome
from controller.measure.probes.mtu_probe import SIZES, MtuProbe
from controller.measure.probes.probe_path import CompletedProcess, ProbePath
from controller.model.network.packets import Family
from tests.measure.test_measure_words import METHOD, Stage

HEADERS = {Family.V4: 28, Family.V6: 48}


@dataclass
class Narrow(Stage):
    """`carries_up_to` bytes come through; a larger packet is answered with `says`, or with nothing."""

    carries_up_to: int = 1500
    says: str = ""
    family: Family = Family.V4
    tried: list[int] = field(default_factory=list)

    def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
        assert timeout > 0
        assert " -M do " in " ".join(words)
        size = int(words[words.index("-s") + 1]) + HEADERS[self.family]
        self.tried.append(size)
        if size <= self.carries_up_to:
            return CompletedProcess(0, f"{size} bytes from 100.64.0.1: icmp_seq=1 ttl=64 time=1.0 ms\n", "")
        return CompletedProcess(1, self.says, "")


def probe(place: Narrow) -> dict[str, float]:
    where = LinePath("s", "primary", "tokyo", place.family)
    found = MtuProbe(METHOD).measure(ProbePath(where, place, "wan0", "100.64.0.17", "100.64.0.1"))
    assert (found.outcome is ProbeOutcome.MEASURED) == bool(found.figures)
    assert found.raw.count(": ") >= len(place.tried)
    return dict(found.figures)


def test_a_full_path_costs_one_question() -> None:
    place = Narrow("")
    assert probe(place) == {MTU_BYTES: 1500}
    assert place.tried == [1500]


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("size", [size for size in SIZES if size >= 1280])
def test_large_packets_that_vanish_are_told_with_about_the_size(family: Family, size: int) -> None:
    place = Narrow("", carries_up_to=size, family=family)
    found = probe(place)
    assert found[MTU_BYTES] == size
    if size < 1500:
        assert found[VANISHED_BYTES] == min(one for one in SIZES if one > size)
    assert len(place.tried) <= 6


def test_between_two_sizes_it_is_the_smaller_one() -> None:
    assert probe(Narrow("", carries_up_to=1290)) == {MTU_BYTES: 1280, VANISHED_BYTES: 1300}


@pytest.mark.parametrize(
    "says",
    [
        "From 100.64.0.9 icmp_seq=1 Frag needed and DF set (mtu = 1454)\n",
        "ping: local error: message too long, mtu=1454\n",
        "From fd00::9 icmp_seq=1 Packet too big: mtu=1454\n",
    ],
)
def test_a_path_that_says_what_is_too_large_hides_nothing(says: str) -> None:
    place = Narrow("", carries_up_to=1454, says=says)
    assert probe(place) == {MTU_BYTES: 1454}
    assert place.tried[:2] == [1500, 1454]


def test_a_path_that_names_a_size_and_swallows_it_too() -> None:
    found = probe(Narrow("", carries_up_to=1280, says="Frag needed and DF set (mtu = 1454)\n"))
    assert found == {MTU_BYTES: 1280, VANISHED_BYTES: 1300}


def test_where_nothing_comes_through_nothing_is_known() -> None:
    place = Narrow("", carries_up_to=0)
    assert probe(place) == {}
    assert len(place.tried) <= 6


def test_a_path_that_names_ever_smaller_sizes_is_left_at_some_point() -> None:
    class Endless(Narrow):
        def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
            self.says = f"mtu={int(words[words.index('-s') + 1]) + 27}"
            return super().run(words, timeout)

    place = Endless("", carries_up_to=0)
    assert probe(place) == {}
    assert len(place.tried) <= 12
