"""When something was, by the monitor's clock: from when it came, and from what its sender said of its own clock."""

from __future__ import annotations

import pytest

from controller.telemetry.registry import DAY, LINE_UP, PROBE_LAST_SUCCESS, Writer
from monitoring.city_state.known_names import KnownNames
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.timeseries.records import TelemetryBatch
from tests.monitoring.feed import metrics

CAME = 1_800_000_000.0
SCHOOL = "as-e04"
NAMES = KnownNames(frozenset({SCHOOL}), frozenset({"tokyo"}), frozenset({"primary"}), {})


def decode(
    dated: float, *, skew: float | None = None, school: str = "", success: float | None = None
) -> TelemetryBatch:
    """A line's state that its sender dates so, and when the sender got through last."""
    samples = [(LINE_UP, 1.0, {"school": SCHOOL, "line": "primary"})]
    if success is not None:
        samples.append((PROBE_LAST_SUCCESS, success, {"school": SCHOOL}))
    arrival = Arrival(Writer.PROBE, NAMES, CAME, school, skew)
    return decode_request("metrics", metrics(samples, dated).SerializeToString(), arrival)


@pytest.mark.parametrize("ahead", [-3500.0, -61.0, 0.0, 240.0, 900.0])
def test_a_senders_skew_is_measured_also_where_its_values_are_refused(ahead: float) -> None:
    batch = decode(CAME + ahead)
    assert batch.skews == {"probe/": pytest.approx(ahead, abs=0.01)}
    assert len(batch.values) == (ahead <= 300)
    assert [one.waited for one in batch.values] == [0] * len(batch.values)


@pytest.mark.parametrize("ahead", [-301.0, -61.0, 240.0])
def test_when_a_probe_got_through_is_told_by_the_monitors_clock(ahead: float) -> None:
    """A probe whose clock is 301 s behind is not silent for that."""
    values = decode(CAME + ahead, success=CAME + ahead - 7).values
    assert values[1].value == pytest.approx(CAME - 7, abs=0.01)


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 600.0])
def test_what_waited_at_a_sender_that_said_its_time_is_as_old_as_it_is(skew: float) -> None:
    """A probe that was offline for a day catches up, and its clock is wrong besides."""
    [value] = decode(CAME + skew - DAY, skew=skew, school=SCHOOL).values
    assert value.waited == pytest.approx(DAY, abs=0.01)
    assert value.at == pytest.approx(CAME - DAY, abs=0.01)
    [value] = decode(CAME + skew, skew=skew, school=SCHOOL).values
    assert (value.waited, value.early) == (0, False)
    assert value.at == pytest.approx(CAME, abs=0.01)


def test_what_is_hours_old_surely_waited_also_where_its_sender_says_no_time() -> None:
    batch = decode(CAME - 6 * DAY, school=SCHOOL)
    assert batch.values[0].waited == pytest.approx(6 * DAY, abs=0.01)
    assert batch.skews == {}
