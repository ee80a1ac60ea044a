"""Certificates: good until shortly before their end, and never by silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.city import City
from controller.telemetry.registry import CERTIFICATE, CERTIFICATE_NOT_AFTER, DAY, HOUR
from monitoring.city_state.certificate_ends import CertificateView, list_certificate_ends, list_certificate_needs
from monitoring.city_state.known_values import KnownValues
from monitoring.city_state.monitor import Monitor
from monitoring.timeseries import queries
from monitoring.timeseries.records import TelemetryBatch
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.monitoring.city_state.made_clock import BEGAN, MadeClock, tell

NAME = "radius-server"


def tell_end(clock: MadeClock, end: float) -> KnownValues:
    known = KnownValues(clock=clock)
    known.take([tell(clock, CERTIFICATE_NOT_AFTER, end, certificate=NAME)], clock())
    return known


def view(known: KnownValues) -> CertificateView:
    [found] = [one for one in list_certificate_ends(known) if one["certificate"] == NAME]
    return found


@pytest.mark.parametrize(
    ("left", "state", "need"),
    [
        (30 * DAY + 1, "good", None),
        (30 * DAY, "ending", ("certificate-ending", 0)),
        (7 * DAY + 1, "ending", ("certificate-ending", 23 * DAY - 1)),
        (7 * DAY, "critical", ("certificate-critical", 0)),
        (1, "critical", ("certificate-critical", 7 * DAY - 1)),
        (0, "ended", ("certificate-critical", 7 * DAY)),
        (-3 * DAY, "ended", ("certificate-critical", 10 * DAY)),
    ],
)
def test_a_certificate_is_needed_anew_shortly_before_its_end(
    left: float, state: str, need: tuple[str, float] | None
) -> None:
    clock = MadeClock()
    known = tell_end(clock, BEGAN + left)
    assert (view(known)["state"], view(known)["stale"]) == (state, False)
    found = [(one.kind, clock.wall - (one.since or 0), one.id) for one in list_certificate_needs(known)]
    assert found == ([] if need is None else [(*need, f"{need[0]}:{NAME}")])


def test_what_nobody_told_is_unknown_and_what_nobody_tells_any_more_is_stale() -> None:
    clock = MadeClock()
    assert {one["state"] for one in list_certificate_ends(KnownValues(clock=clock))} == {"unknown"}
    known = tell_end(clock, BEGAN + 40 * DAY)
    clock.pass_time(DAY)
    assert not view(known)["stale"]
    clock.pass_time(HOUR)
    assert (view(known)["state"], view(known)["stale"]) == ("good", True)
    assert list(list_certificate_needs(known)) == []
    clock.pass_time(15 * DAY)
    [need] = list_certificate_needs(known)
    assert (need.kind, need.stale, need.heard) == ("certificate-ending", True, BEGAN), "silence renews no certificate"
    known.take([tell(clock, CERTIFICATE_NOT_AFTER, BEGAN + 400 * DAY, certificate=NAME)], clock())
    assert list(list_certificate_needs(known)) == []
    clock.pass_time(91 * DAY)
    assert view(known)["state"] == "unknown", "of three months ago: it is not of this city any more"


def test_a_clock_that_is_put_back_makes_nothing_fresh() -> None:
    clock = MadeClock()
    known = tell_end(clock, BEGAN + 40 * DAY)
    clock.pass_time(2 * DAY)
    clock.put(-2 * DAY)
    assert view(known)["stale"]


def test_the_monitors_own_certificates_are_of_now_and_none_of_them_is_kept(tmp_path: Path, city: City) -> None:
    with TimeSeriesStore(tmp_path / "monitor.db") as store:
        monitor = Monitor(city, store)
        monitor.find_own_certificates = lambda: {"monitor": 4e9}
        monitor._turn(1e9)  # noqa: SLF001 what its loop does each second
        told = {one["certificate"]: one for one in list_certificate_ends(monitor.present.known)}
        assert (told["monitor"]["state"], told["monitor"]["stale"]) == ("good", False)
        assert monitor.present.newest is None, "no measurement came, so nothing looks alive"
        assert CERTIFICATE.name in str([one.key for one in monitor.present.list_served()])
        monitor.find_own_certificates = dict
        monitor._turn(2e9)  # noqa: SLF001 see above
        assert {one["state"] for one in list_certificate_ends(monitor.present.known)} == {"unknown"}, "it is not there"
        monitor.close()
        assert [one for one in queries.read_latest_values(store) if one.key[0] is CERTIFICATE_NOT_AFTER] == []


@pytest.mark.parametrize("end", [BEGAN + 3 * DAY, 253_402_300_799.0])
def test_what_was_told_stands_after_a_restart(tmp_path: Path, end: float) -> None:
    clock = MadeClock()
    with TimeSeriesStore(tmp_path / "monitor.db") as store:
        store.write([TelemetryBatch(values=[tell(clock, CERTIFICATE_NOT_AFTER, end, certificate=NAME)])])
        known = KnownValues(clock=clock)
        known.load(queries.read_latest_values(store))
    assert view(known)["ends_at"] is not None
    assert (view(known)["state"] == "good") is (end > BEGAN + 30 * DAY)
