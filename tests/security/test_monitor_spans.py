"""What has ended never changes: the spans of rollouts, of what the city has, of now, from the controller only."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.monitoring.feed import pairs
from tests.monitoring.running import CONTROLLER, PROTOBUF, Running, monitor, read_store
from tests.soak import examples

SHARED = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCHOOL = "as-e04"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


class Rollout:
    """A rollout as the controller tells it, span by span."""

    def __init__(self, running: Running, name: str, moment: float | None = None) -> None:
        self.running, self.name, self.trace = running, name, os.urandom(16)
        self.root, self.school, self.device = os.urandom(8), os.urandom(8), os.urandom(8)
        self.at = time.time() - 5 if moment is None else moment

    def send(  # noqa: PLR0913 a span
        self,
        level: str,
        name: str,
        ids: tuple[bytes, bytes],
        *,
        end: float = 1.0,
        outcome: str = "",
        headers: Mapping[str, str] = CONTROLLER,
        attributes: Mapping[str, str] | None = None,
    ) -> int:
        request = ExportTraceServiceRequest()
        span = (
            request.resource_spans.add()
            .scope_spans.add()
            .spans.add(trace_id=self.trace, span_id=ids[0], parent_span_id=ids[1], name=f"{level} {name}")
        )
        span.start_time_unix_nano, span.end_time_unix_nano = int(self.at * 1e9), int((self.at + end) * 1e9)
        own = {"level": level, "outcome": outcome, **(attributes or {})}
        span.attributes.extend(pairs({f"tsunagu.{key}": value for key, value in own.items()}))
        status, _, body = self.running.ask("/v1/traces", "POST", request.SerializeToString(), headers)
        assert status == 200, body
        return ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans

    def tell(self, outcome: str) -> None:
        """The whole of it: one device at one school."""
        waves = json.dumps({"canary": {SCHOOL: [f"{SCHOOL}-core1"]}})
        assert (
            self.send(
                "device", f"{SCHOOL}-core1", (self.device, self.school), outcome=outcome, attributes={"school": SCHOOL}
            )
            == 0
        )
        assert self.send("school", SCHOOL, (self.school, self.root)) == 0
        assert self.send("rollout", self.name, (self.root, b""), attributes={"waves": waves}) == 0

    def view(self) -> tuple[str, object, object]:
        found = self.running.json("/api/rollout")
        return found["name"], found["waves"][0]["devices"][0]["outcome"], found["ended"]


@pytest.fixture
def finished(running: Running) -> Rollout:
    rollout = Rollout(running, "the real one")
    rollout.tell("failed")
    assert rollout.view()[:2] == ("the real one", "failed")
    return rollout


def forge(rollout: Rollout, how: str) -> int:
    """Try to make "applied" of a device that failed, with the controller's own token."""
    device, school = f"{SCHOOL}-core1", {"school": SCHOOL}
    below = (rollout.device, rollout.school)
    tries: dict[str, Callable[[], int]] = {
        "the same span, another outcome": lambda: rollout.send(
            "device", device, below, outcome="applied", attributes=school
        ),
        "the same span, a later end": lambda: rollout.send(
            "device", device, below, end=3, outcome="applied", attributes=school
        ),
        "the device once more": lambda: rollout.send(
            "device", device, (os.urandom(8), rollout.school), outcome="applied", attributes=school
        ),
        "the device right below the rollout": lambda: rollout.send(
            "device", device, (os.urandom(8), rollout.root), end=0.5, outcome="applied", attributes=school
        ),
        "the school once more": lambda: rollout.send("school", SCHOOL, (os.urandom(8), rollout.root), outcome="good"),
        "another name for the rollout": lambda: rollout.send("rollout", "another", (rollout.root, b""), outcome="good"),
        "the rollout's own end": lambda: rollout.send(
            "rollout", rollout.name, (rollout.root, b""), end=4, outcome="good"
        ),
    }
    return tries[how]()


FORGERIES = (
    "the same span, another outcome",
    "the same span, a later end",
    "the device once more",
    "the device right below the rollout",
    "the school once more",
    "another name for the rollout",
    "the rollout's own end",
)


@pytest.mark.parametrize("how", FORGERIES)
def test_what_has_ended_never_changes(finished: Rollout, how: str) -> None:
    before = finished.view()
    assert forge(finished, how) == 1
    assert finished.view() == before


def test_what_has_ended_does_not_change_in_the_store_either(finished: Rollout) -> None:
    query = f"SELECT * FROM span WHERE trace = '{finished.trace.hex()}' ORDER BY id"  # noqa: S608 of this test
    before = read_store(finished.running, query)
    assert len(before) == 3
    for how in FORGERIES:
        forge(finished, how)
    assert read_store(finished.running, query) == before


def test_a_device_of_no_school_of_the_rollout_is_not_shown_as_one_of_it(finished: Rollout) -> None:
    before = finished.view()
    finished.send(
        "device", f"{SCHOOL}-core1", (os.urandom(8), os.urandom(8)), outcome="applied", attributes={"school": SCHOOL}
    )
    assert finished.view() == before


def test_an_end_that_is_sent_again_is_no_fault(finished: Rollout) -> None:
    device = (finished.device, finished.school)
    assert finished.send("device", f"{SCHOOL}-core1", device, outcome="failed", attributes={"school": SCHOOL}) == 0


@SHARED
@given(st.one_of(st.floats(301, 1.6e10), st.floats(-2e9, -32 * 86_400)))
def test_a_span_of_another_time_is_refused_and_blinds_nobody(running: Running, away: float) -> None:
    real = Rollout(running, "seen")
    real.tell("applied")
    forged = Rollout(running, "blinds", max(0.0, min(time.time() + away, 1.8e10)))
    assert forged.send("rollout", "blinds", (forged.root, b"")) == 1
    assert real.view()[0] == "seen"


def test_a_span_never_ends_before_it_began_and_never_later_than_now(running: Running) -> None:
    rollout = Rollout(running, "times")
    assert rollout.send("step", "read", (os.urandom(8), rollout.root), end=-1) == 1
    assert rollout.send("step", "read", (os.urandom(8), rollout.root), end=900) == 1
    rollout.tell("applied")
    assert rollout.send("rollout", "ahead", (os.urandom(8), b""), end=200) == 0
    assert str(running.json("/api/rollout")["ended"]) <= time.strftime("%Y-%m-%dT%H:%M:%S.999", time.gmtime())


@pytest.mark.parametrize(
    ("level", "name", "attributes"),
    [
        ("rollout", "x", {"waves": json.dumps({"w": {SCHOOL: ["no-such-device"]}})}),
        ("rollout", "x", {"waves": json.dumps({"w": {"nowhere": [f"{SCHOOL}-core1"]}})}),
        ("rollout", "x", {"waves": json.dumps({"w": {"nowhere": []}})}),
        (
            "rollout",
            "x",
            {"waves": json.dumps({"a": {SCHOOL: [f"{SCHOOL}-core1"]}, "b": {SCHOOL: [f"{SCHOOL}-core1"]}})},
        ),
        ("rollout", "x", {"waves": json.dumps({"\x1b[2J": {}})}),
        ("rollout", "x", {"waves": "no JSON"}),
        ("rollout", "x", {"waves": "[]"}),
        ("school", "nowhere", {}),
        ("device", "no-such-device", {"school": SCHOOL}),
        ("device", f"{SCHOOL}-core1", {"school": "kw-s01"}),
        ("step", "read", {"school": "nowhere"}),
        ("flight", "x", {}),
        ("", "x", {}),
        ("step", "read", {"text": "x" * 501}),
        ("step", "read", {"waves": "x" * 501}),
        ("step", "read", {f"a{number}": "x" for number in range(40)}),
        ("step", "read", {"n" * 65: "x"}),
    ],
)
def test_a_span_of_what_the_city_does_not_have_or_too_long_is_refused(
    running: Running, level: str, name: str, attributes: dict[str, str]
) -> None:
    rollout = Rollout(running, name)
    assert rollout.send(level, name, (rollout.root, b""), attributes=attributes) == 1


@pytest.mark.parametrize(
    ("trace", "span", "parent"),
    [
        (b"", b"s" * 8, b""),
        (b"t" * 15, b"s" * 8, b""),
        (b"\0" * 16, b"s" * 8, b""),
        (b"t" * 16, b"\0" * 8, b""),
        (b"t" * 16, b"s" * 8, b"s" * 8),
        (b"t" * 16, b"s" * 9, b""),
        (b"t" * 16, b"s" * 8, b"p" * 7),
    ],
)
def test_a_span_without_right_ids_is_refused(running: Running, trace: bytes, span: bytes, parent: bytes) -> None:
    rollout = Rollout(running, "ids")
    rollout.trace = trace
    assert rollout.send("step", "read", (span, parent)) == 1


def test_a_probe_writes_no_rollout(running: Running, finished: Rollout) -> None:
    before = finished.view()
    forged = Rollout(running, "forged")
    assert forged.send("rollout", "forged", (forged.root, b""), headers=PROTOBUF) == 1
    assert finished.view() == before
