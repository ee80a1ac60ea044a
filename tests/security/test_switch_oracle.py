"""Mutated configurations are read as the virtual switches carry them out; a misread would be found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.x530.device import X530
from controller.platforms.registry import load_platform
from tests.security.fuzz.switch_oracle import Comparison, Vendor, build_vendors, mutate_lines, run_oracle

SEED = 20261129
TEXTS = 360
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def vendors() -> tuple[Vendor, ...]:
    return build_vendors()


def test_no_text_that_a_switch_shows_is_misread_in_silence(vendors: tuple[Vendor, ...]) -> None:
    found = run_oracle(TEXTS, SEED, vendors)
    assert found.misreads == []
    for vendor in vendors:
        refused, texts = found.refused[vendor.platform], found.texts[vendor.platform]
        assert texts == TEXTS / len(vendors)
        # The mutations reach the inside of what is ours, and most of them leave a text that a switch could show.
        assert 0.02 < refused / texts < 0.7
        assert found.packets[vendor.platform] > 10 * texts


def compare_after(*lines: str) -> list[str]:
    """Read a switch's text, then enter lines, and return where the reading is no longer what the switch does."""
    vendor = next(one for one in build_vendors() if one.platform == "allied_telesis_awplus")
    switch = vendor.load(vendor.seeds[1])
    assert isinstance(switch, X530)
    seen = load_platform(vendor.platform).parse(switch.show_running(), "switch")
    assert switch.merge("\n".join(lines)) == ()
    return list(Comparison(seen, switch.get_forwarding(), Random(1)).find_misreads())  # noqa: S311 no secrets


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["interface port1.0.1", "switchport trunk native vlan 1"], "port1.0.1 carries 1 untagged"),
        (["interface port1.0.2", "switchport trunk allowed vlan remove 20"], "port1.0.2 carries None untagged"),
        (["interface port1.0.2", "switchport mode access"], "port1.0.2 carries 1 untagged"),
        (["interface port1.0.1", "no access-group TSN-20-from-4-4e0f29f9"], "port1.0.1, VLAN 20: the switch permits"),
        (["interface port1.0.1", "no access-group TSN-20-from-4-4e0f29f9", "access-group OTHER"], "permits"),
        (["interface port1.0.24", "no ipv6 traffic-filter TSN-20-to-6-662f85d2"], "port1.0.24, VLAN 20"),
        (["access-list hardware TSN-20-from-4-4e0f29f9", "1 permit ip any any"], "the switch permits"),
        (["access-list hardware TSN-20-from-4-4e0f29f9", "1 deny tcp any any vlan 20"], "the switch drops"),
    ],
)
def test_a_misread_would_be_found(lines: list[str], said: str) -> None:
    assert any(said in one for one in compare_after(*lines)), compare_after(*lines)


def compare_lag_after(platform: str, seed: int, *lines: str) -> list[str]:
    """The same from a text with a LAG, with lines that are typed."""
    vendor = next(one for one in build_vendors() if one.platform == platform)
    switch = vendor.load(vendor.seeds[seed])
    assert isinstance(switch, X530 | CatalystSwitch)
    seen = load_platform(platform).parse(switch.show_running(), "switch")
    assert seen.state.lags
    assert not seen.remarks
    typed = switch.open_command_line("somebody")
    for line in ("enable", "configure terminal", *lines, "end"):
        said = typed.enter(line)
        assert not [one for one in said.lines if one.startswith("%")], said
    return list(Comparison(seen, switch.get_forwarding(), Random(1)).find_misreads())  # noqa: S311 no secrets


@pytest.mark.parametrize(
    ("platform", "seed", "lines", "said"),
    [
        ("cisco_ios", 2, [], ""),
        ("cisco_ios", 3, [], ""),
        ("allied_telesis_awplus", 2, [], ""),
        ("allied_telesis_awplus", 3, [], ""),
        ("cisco_ios", 2, ["interface Port-channel1", "switchport trunk allowed vlan 10"], "Port-channel1 carries"),
        ("cisco_ios", 3, ["interface Port-channel1", "shutdown"], "Port-channel1 is down"),
        ("cisco_ios", 3, ["interface Port-channel1", "switchport mode access"], "Port-channel1 carries 1 untagged"),
        (
            "allied_telesis_awplus",
            2,
            ["interface sa2", "no access-group TSN-20-to-4-dba359e0"],
            "sa2, VLAN 20: the switch",
        ),
        ("allied_telesis_awplus", 2, ["interface sa2", "switchport trunk native vlan 1"], "sa2 carries 1 untagged"),
        ("allied_telesis_awplus", 3, ["interface po1", "switchport trunk allowed vlan remove 20"], "po1 carries None"),
    ],
)
def test_a_misread_of_a_lag_would_be_found(platform: str, seed: int, lines: list[str], said: str) -> None:
    found = compare_lag_after(platform, seed, *lines)
    assert any(said in one for one in found) if said else found == []


def test_without_a_change_nothing_is_found() -> None:
    assert compare_after() == []


def test_the_same_seed_makes_the_same_texts(vendors: tuple[Vendor, ...]) -> None:
    make: Callable[[], str] = lambda: mutate_lines(Random("7"), vendors[0])  # noqa: E731, S311 said twice below
    assert make() == make()
    assert len({mutate_lines(Random(str(number)), vendors[0]) for number in range(50)}) > 45  # noqa: S311 no secrets


def test_make_soak_runs_it() -> None:
    assert "tests.security.fuzz.switch_oracle" in (ROOT / "Makefile").read_text(encoding="utf-8")
