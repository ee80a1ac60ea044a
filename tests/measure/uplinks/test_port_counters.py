"""From two readings to a rate: wraps go on, restarts and what cannot be give none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.measurement.uplinks import record_uplink
from controller.errors import TsunaguError
from controller.measure.uplinks.port_counters import NoRate, NoRateReason, PortCounters, compute_port_rate
from controller.measure.uplinks.read_uplinks import FULL_FROM, read_uplinks
from controller.measure.uplinks.uplink_ports import LAN, list_uplink_ports
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.telemetry.registry import UPLINK_LOST, UPLINK_TRAFFIC, UPLINK_USED
from tests.measure.test_measure_export import Recorded

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
    found = list(list_uplink_ports(city, city.school_by_id["kw-s01"]))
    assert [(one.uplink, one.device.id, one.port, one.contract) for one in found] == [
        ("primary", "kw-s01-rt1", "wan0", 200),
        ("backup", "kw-s01-rt1", "wan1", 1000),
        (LAN, "kw-s01-core1", "GigabitEthernet1/0/24", 200),
    ]


def test_a_full_uplink_is_told_and_a_silent_device_has_no_figure(city: City) -> None:
    ports = list(list_uplink_ports(city, city.school_by_id["kw-s01"]))
    asked: list[str] = []

    def read(device: Device, names: Sequence[str]) -> Mapping[str, PortCounters]:
        asked.append(device.id)
        if device.role == "core":
            message = "core1: no answer by SNMP"
            raise TsunaguError(message)
        moved = asked.count(device.id) == 2
        return {name: later(down=240_000_000 if name == "wan0" else 100) if moved else FIRST for name in names}

    primary, backup, lan = read_uplinks(ports, read, lambda: None)
    assert primary.used == pytest.approx(0.96)
    assert primary.is_full
    assert backup.used < FULL_FROM
    assert not backup.is_full
    assert (lan.rate, lan.unread, lan.is_full) == (None, "core1: no answer by SNMP", False)
    assert asked.count("kw-s01-core1") == 1
    recorded = Recorded()
    for one in (primary, lan):
        record_uplink(recorded.telemetry(), one)
    about = {"school": "kw-s01", "uplink": "primary", "direction": "download"}
    assert (192_000_000, about) in recorded.of(UPLINK_TRAFFIC)
    assert len(recorded.of(UPLINK_USED)) == len(recorded.of(UPLINK_LOST)) == 2
