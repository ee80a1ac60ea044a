"""What held a test back, from what iperf3 really said over lines whose rate, delay and loss were known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.assessment.assess import ShortfallCause, assess_school
from controller.measure.assessment.terminal_tables import explain_assessment
from controller.measure.measurement import MBPS, MeasurementKind, ProbeOutcome, ProbeResult
from controller.measure.probes.throughput_limit import ThroughputLimit, find_throughput_limit, summarize_sender
from controller.measure.probes.throughput_probe import ThroughputProbe
from controller.messages import load_catalogue
from controller.model.city import City
from controller.model.measurement import Assessment
from tests.measure.findings import measurement, path
from tests.measure.test_measure_words import METHOD, Stage, route
from tests.soak import examples

LOSS, DELAY = ThroughputLimit.LOSS, ThroughputLimit.DELAY


class Recording(TypedDict):
    line: str
    idle_ms: float
    said: dict[str, object]


RECORDINGS: dict[str, Recording] = json.loads((Path(__file__).parent / "iperf3_recordings.json").read_text())
"""iperf3 3.12 over a relay with a delay and lines with a rate, packets dropped by chance; made once, pruned."""
EXPECTED = {
    "h100": None,
    "h100u": None,
    "d20": None,
    "c_d20": None,
    "c_d20l1": LOSS,
    "c_d20l10": LOSS,
    "c_d20l10u": LOSS,
    "c_d100l1": LOSS,
    "c_d100l10u": LOSS,
    "l300": LOSS,
    "d100": DELAY,
    "d300": DELAY,
}


def probed(name: str, folder: Path) -> ProbeResult:
    one = RECORDINGS[name]
    place = Stage(json.dumps(one["said"]))
    kind = MeasurementKind.UPLOAD if name.endswith("u") else MeasurementKind.DOWNLOAD
    return ThroughputProbe(METHOD, 5201, folder).measure(route(place), kind, one["idle_ms"])


@pytest.mark.parametrize(("name", "limit"), EXPECTED.items())
def test_loss_and_delay_are_told_from_the_line(tmp_path: Path, name: str, limit: ThroughputLimit | None) -> None:
    found = probed(name, tmp_path)
    assert found.outcome is ProbeOutcome.MEASURED
    assert find_throughput_limit(found.figures, METHOD.seconds) is limit


def test_every_recording_is_expected() -> None:
    assert set(RECORDINGS) == set(EXPECTED)


@pytest.mark.parametrize("name", [name for name, limit in EXPECTED.items() if limit and name[-1] != "u"])
def test_a_line_is_never_called_slow_where_its_capacity_is_not_known(city: City, tmp_path: Path, name: str) -> None:
    """A contract of 1,000 Mbit/s, and a figure far below it: the cause is loss or delay, and no other."""
    school = city.school_by_id["tm-j06"]
    found = probed(name, tmp_path)
    assessed = assess_school(school, [measurement(path(school.id), found)], city.measurement)
    assert (assessed.assessment, assessed.limit) == (Assessment.BELOW, EXPECTED[name])
    assert assessed.causes == (ShortfallCause.LOSS if EXPECTED[name] is LOSS else ShortfallCause.LATENCY,)
    told = explain_assessment(assessed, load_catalogue("en"))
    assert told.endswith("the line's capacity is not known")
    assert told.startswith(f"limited by {EXPECTED[name]}")


def test_without_what_the_sender_said_nothing_is_claimed() -> None:
    assert find_throughput_limit({MBPS: 5.0}, 2) is None
    assert summarize_sender({}, 5.0, None) == summarize_sender({"end": 1}, 5.0, 1.0) == {}


def test_a_far_target_is_given_the_time_that_its_round_trips_take(tmp_path: Path) -> None:
    place = Stage(json.dumps(RECORDINGS["d300"]["said"]))
    ThroughputProbe(METHOD, 5201, tmp_path).measure(route(place), MeasurementKind.DOWNLOAD, 900.0)
    assert "--connect-timeout 2700" in " ".join(place.asked[0])


NUMBERS = st.integers(-1, 1 << 61) | st.floats(allow_nan=False)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "intervals": st.lists(
            st.fixed_dictionaries({"streams": st.lists(st.fixed_dictionaries({"snd_cwnd": NUMBERS}))})
        ),
        "end": st.fixed_dictionaries(
            {"sum_received": st.just({"bits_per_second": 1e6, "bytes": 10})},
            optional={"sum_sent": st.fixed_dictionaries({}, optional={"bytes": NUMBERS, "retransmits": NUMBERS})},
        ),
        "server_output_text": st.text(max_size=200),
    },
)


@given(SAID)
@settings(max_examples=examples(100), deadline=None)
def test_whatever_a_server_says_of_itself_there_is_an_outcome(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, object]
) -> None:
    probe = ThroughputProbe(METHOD, 5201, tmp_path_factory.getbasetemp())
    found = probe.measure(route(Stage(json.dumps(said))), MeasurementKind.DOWNLOAD, 1.0)
    assert found.outcome is ProbeOutcome.MEASURED or found.reason
    find_throughput_limit(found.figures, METHOD.seconds)
