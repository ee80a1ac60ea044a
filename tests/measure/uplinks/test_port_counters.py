"""From two readings to a rate: wraps go on, restarts and what cannot be give none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.measurement.uplinks import record_uplink
from controller.errors import TsunaguError
from controller.measure.uplinks.port_counters import NoRate, NoRateReason, PortCounters, compute_port_rate
from controller.measure.uplinks.read_uplinks import FULL_FROM, read_uplinks
from controller.measure.uplinks.uplink_ports import LAN, Uplink, list_uplinks
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.telemetry.registry import UPLINK_LOST, UPLINK_TRAFFIC, UPLINK_USED
from tests.measure.test_measure_export import Recorded
from tests.policies import PolicyFolder

FIRST = PortCounters(100.0, 500_000, 7, 10**12, 10**11, 0, 0, 0, 0, 10**9)


def later(seconds: float = 10.0, down: int = 0, up: int = 0, **changes: int) -> PortCounters:
    """A reading after so many seconds, in which so many octets came in and went out."""
    moved = {"octets_in": FIRST.octets_in + down, "octets_out": FIRST.octets_out + up}
    moved["uptime"] = FIRST.uptime + int(100 * seconds)
    return replace(FIRST, taken=FIRST.taken + seconds, **{**moved, **changes})


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9), st.integers(5, 3600))
def test_octets_go_on_past_the_end_of_their_counter(begin: int, carried: int, seconds: int) -> None:
    before = replace(FIRST, octets_in=begin, speed=0)
    found = compute_port_rate(before, replace(later(seconds), octets_in=(begin + carried) % 2**64, speed=0))
    assert found.bits_in == pytest.approx(8 * carried / seconds)
    assert found.bits_out == 0


NONE = {
    NoRateReason.RESTARTED: later(uptime=300, octets_in=5, octets_out=5),
    NoRateReason.DISCONTINUITY: later(discontinuity=500_400, octets_in=5),
    NoRateReason.CLOCK: later(uptime=FIRST.uptime + 100),
    NoRateReason.TOO_SOON: later(0.1),
    NoRateReason.IMPOSSIBLE: later(octets_in=5),  # cleared without a word: by the counter's end it would be 2**64
}


@pytest.mark.parametrize(("reason", "after"), NONE.items(), ids=NONE)
def test_where_the_counters_did_not_go_on_there_is_no_figure(reason: NoRateReason, after: PortCounters) -> None:
    with pytest.raises(NoRate) as none:
        compute_port_rate(FIRST, after)
    assert none.value.reason is reason


def test_an_answer_that_was_late_does_not_change_the_rate() -> None:
    late = replace(later(10.0, down=12_500_000), taken=FIRST.taken + 12.0)
    found = compute_port_rate(FIRST, late)
    assert (found.bits_in, found.seconds) == (10_000_000, 10.0)


def test_the_device_s_own_time_goes_on_past_its_end() -> None:
    before = replace(FIRST, uptime=2**32 - 300)
    assert compute_port_rate(before, later(down=1_250_000, uptime=700)).bits_in == 1_000_000


def test_lost_packets_are_those_of_the_time_between_and_none_where_they_were_cleared() -> None:
    before = replace(FIRST, errors_in=2**32 - 1, discards_in=40, errors_out=1_000)
    found = compute_port_rate(before, later(errors_in=2, discards_in=45, errors_out=0))
    assert (found.lost_in, found.lost_out) == (3 + 5, 0)


def test_a_school_s_uplinks_are_its_lines_and_its_core_switch_s_port(city: City) -> None:
    assert [describe_uplink(one) for one in list_uplinks(city, city.school_by_id["kw-s01"])] == [
        ("primary", ["kw-s01-rt1 wan0"], 200),
        ("backup", ["kw-s01-rt1 wan1"], 1000),
        (LAN, ["kw-s01-core1 GigabitEthernet1/0/24"], 200),
    ]


def describe_uplink(one: Uplink) -> tuple[str, list[str], int]:
    return one.name, [f"{port.device.id} {port.name}" for port in one.ports], one.contract


BLUEPRINT_UPLINK = "{first: 24, last: 24, mode: trunk, segments: all, faces: gateway}"


@pytest.mark.parametrize("lag", ["", ", lag: {number: 1}"])
def test_several_ports_to_the_router_are_one_uplink(tmp_path: Path, lag: str) -> None:
    """Those of a LAG are read by their own names: the LAG has none here that its device would know."""
    policies = PolicyFolder(tmp_path)
    two = BLUEPRINT_UPLINK.replace("first: 24", "first: 23").replace("}", f"{lag}}}")
    policies.edit("city/blueprints.yaml", BLUEPRINT_UPLINK, two)
    city = policies.load()
    lan = list(list_uplinks(city, city.school_by_id["kw-s01"]))[-1]
    ports = [f"kw-s01-core1 GigabitEthernet1/0/{number}" for number in (23, 24)]
    assert describe_uplink(lan) == (LAN, ports, 200)


class Reader:
    """Devices' counters: their ports carry so many bytes down in ten seconds; a silent device answers nothing."""

    def __init__(self, down: Mapping[str, int], *silent: str, speed: int = FIRST.speed) -> None:
        self.down, self.silent, self.speed = down, silent, speed
        self.asked: list[str] = []

    def read(self, device: Device, names: Sequence[str]) -> Mapping[str, PortCounters]:
        self.asked.append(device.id)
        if device.id in self.silent:
            message = f"{device.id}: no answer by SNMP"
            raise TsunaguError(message)
        moved = self.asked.count(device.id) == 2
        return {name: replace(later(down=self.down[name]) if moved else FIRST, speed=self.speed) for name in names}


def join_ports(uplink: Uplink, *names: str) -> Uplink:
    """The same uplink with these ports of its first device."""
    return replace(uplink, ports=tuple(replace(uplink.ports[0], name=name) for name in names))


def test_the_members_of_an_uplink_are_judged_together_and_sent_as_one_series(city: City) -> None:
    """Each alone is not half full; together they have no room for more."""
    lan = join_ports(list(list_uplinks(city, city.school_by_id["kw-s01"]))[-1], "a", "b")
    (found,) = read_uplinks([lan], Reader({"a": 120_000_000, "b": 120_000_000}).read, lambda: None)
    assert found.used_share == pytest.approx(0.96)
    assert found.is_full
    recorded = Recorded()
    record_uplink(recorded.telemetry(), found)
    about = {"school": "kw-s01", "uplink": LAN, "direction": "download"}
    assert [one for one in recorded.of(UPLINK_TRAFFIC) if one[1] == about] == [(192_000_000, about)]


def test_what_slow_members_can_carry_is_their_speeds_sum(city: City) -> None:
    lan = join_ports(list(list_uplinks(city, city.school_by_id["kw-s01"]))[-1], "a", "b")
    slow = Reader({"a": 25_000_000, "b": 50_000_000}, speed=80_000_000)
    (found,) = read_uplinks([lan], slow.read, lambda: None)
    assert found.capacity == 160_000_000
    assert found.used_share == pytest.approx(60 / 160)


def test_a_part_of_an_uplink_is_no_figure_of_the_whole(city: City) -> None:
    lan = join_ports(list(list_uplinks(city, city.school_by_id["kw-s01"]))[-1], "a", "b")

    def read(_: Device, __: Sequence[str]) -> Mapping[str, PortCounters]:
        asked.append(1)
        return {"a": later(down=100) if len(asked) == 2 else FIRST, "b": FIRST}  # b's own time stands still

    asked: list[int] = []
    (found,) = read_uplinks([lan], read, lambda: None)
    assert (found.rate, found.reason, found.is_full) == (None, NoRateReason.TOO_SOON, False)
    assert found.silent is not None
    assert found.silent.name == "b"


def test_a_full_uplink_is_told_and_a_silent_device_has_no_figure(city: City) -> None:
    uplinks = list(list_uplinks(city, city.school_by_id["kw-s01"]))
    reader = Reader({"wan0": 240_000_000, "wan1": 100}, "kw-s01-core1")
    primary, backup, lan = read_uplinks(uplinks, reader.read, lambda: None)
    assert primary.used_share == pytest.approx(0.96)
    assert primary.is_full
    assert backup.used_share < FULL_FROM
    assert not backup.is_full
    assert (lan.rate, lan.unread, lan.is_full) == (None, "kw-s01-core1: no answer by SNMP", False)
    assert reader.asked.count("kw-s01-core1") == 1
    recorded = Recorded()
    for one in (primary, lan):
        record_uplink(recorded.telemetry(), one)
    about = {"school": "kw-s01", "uplink": "primary", "direction": "download"}
    assert (192_000_000, about) in recorded.of(UPLINK_TRAFFIC)
    assert len(recorded.of(UPLINK_USED)) == len(recorded.of(UPLINK_LOST)) == 2
