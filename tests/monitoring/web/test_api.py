from __future__ import annotations

import re
import time
from importlib.metadata import version
from itertools import islice

import pytest

from controller.telemetry.registry import EventKind
from monitoring.city_state.school_tiles import format_time
from tests.monitoring.feed import Feed, event, metrics, post
from tests.monitoring.running import Running, listening, until

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def send(running: Running, source: Feed) -> float:
    now = time.time()
    post(running.url, metrics([*source.light(now), *source.heavy(now)], now))
    return now


def test_what_arrives_is_on_the_tiles_at_once_and_the_rest_is_unknown(running: Running, six: Feed) -> None:
    first, second = six.schools[:2]
    six.down.add((second.id, "primary"))
    six.drift[first.id] = 2
    try:
        now = send(running, six)
    finally:
        six.down.clear()
        six.drift.clear()
    found = {tile["id"]: tile for tile in running.json("/api/city")["schools"]}
    assert len(found) == 176
    tile = found[first.id]
    recommended = six.city.measurement.recommended.recommend_bandwidth(first.pupils)
    assert tile["measured_mbps"] == six.measured(first, now)
    assert (tile["recommended_mbps"], tile["basis"]) == (round(recommended.mbps, 1), recommended.basis)
    assert (tile["drift"], tile["silent"], tile["lines"]) == (2, False, {"primary": "up", "backup": "up"})
    assert found[second.id]["lines"] == {"primary": "down", "backup": "up"}
    untouched = found[six.city.schools[-1].id]
    assert untouched["assessment"] == "not-measured"
    assert untouched["lines"] == {"primary": "unknown", "backup": "unknown"}
    assert (untouched["measured_mbps"], untouched["measured_at"], untouched["drift"]) == (None, None, None)


def test_a_school_has_its_lines_over_time_and_its_events(running: Running, six: Feed) -> None:
    school = six.schools[2]
    now = send(running, six)
    post(running.url, event(EventKind.LINE_DOWN, "the primary line is down", now, school=school.id, line="primary"))
    document = running.json(f"/api/schools/{school.id}?since={now - 60}")
    primary, backup = document["lines"]["primary"], document["lines"]["backup"]
    # Another test's value of the same second may be the higher one; the feed's values differ by at most 2%.
    assert primary["throughput"][-1] == [int(now), pytest.approx(six.measured(school, now), rel=0.02)]
    assert 5 < primary["latency"][-1][1] < backup["latency"][-1][1]
    assert primary["loss"][-1][1] == 0
    assert document["events"][-1]["kind"] == "line-down"
    assert document["events"][-1]["line"] == "primary"
    assert running.json(f"/api/schools/{school.id}?since={now + 60}")["lines"]["primary"]["latency"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/schools/nowhere", 404),
        ("/api/schools/as-e01?since=yesterday", 400),
        ("/api/schools/as-e01?since=nan", 400),
    ],
)
def test_wrong_questions_are_answered_clearly(running: Running, path: str, status: int) -> None:
    found, headers, body = running.ask(path)
    assert (found, headers["content-type"]) == (status, "application/json")
    assert b"error" in body


def test_a_change_is_told_within_seconds_and_only_changed_tiles(running: Running, six: Feed) -> None:
    school = six.schools[3]
    with listening(running) as heard:
        sent = send(running, six)
        next(one for one in heard if one.name == "tiles" and one.data[-1]["measured_at"] == format_time(sent))
        six.down.add((school.id, "backup"))
        try:
            began = time.monotonic()
            now = time.time()
            post(running.url, metrics(six.light(now), now))
            told = next(one for one in heard if one.name == "tiles" and one.data[0]["lines"]["backup"] == "down")
            assert time.monotonic() - began < 5
        finally:
            six.down.clear()
    assert [tile["id"] for tile in told.data] == [school.id]
    assert told.data[0] == running.tile(school.id) | {"silent": False}


def test_a_page_takes_up_again_where_it_lost_the_stream(running: Running, six: Feed) -> None:
    school = six.schools[4]
    with listening(running) as heard:
        send(running, six)
        first = next(one for one in heard if one.name == "tiles")
    six.down.add((school.id, "primary"))
    try:
        now = time.time()
        post(running.url, metrics(six.light(now), now))
        until(lambda: running.tile(school.id)["lines"]["primary"] == "down")
        with listening(running, last=first.id) as heard:
            told = next(
                one for one in heard if one.name == "tiles" and any(t["lines"]["primary"] == "down" for t in one.data)
            )
    finally:
        six.down.clear()
    assert int(told.id.split("-")[1]) > int(first.id.split("-")[1])


@pytest.mark.parametrize("last", ["other-7", "garbage", "0-99999999"])
def test_a_page_that_was_away_too_long_is_given_everything(running: Running, last: str) -> None:
    with listening(running, last=last) as heard:
        first, second = islice((one for one in heard if one.name != "school"), 2)
    assert (first.name, len(first.data), second.name) == ("tiles", 176, "rollout")


def test_only_who_looks_at_a_school_is_told_of_its_every_point(running: Running, six: Feed) -> None:
    one, other = six.schools[:2]
    with listening(running, f"/api/events?school={one.id}") as heard:
        until(lambda: running.json("/api/city") is not None)
        for _ in range(2):
            send(running, six)
        names = [found.data["id"] for found in islice((found for found in heard if found.name == "school"), 1)]
    assert names == [one.id]
    assert other.id not in names


@pytest.mark.parametrize("path", ["/api/city", "/metrics", "/nowhere", "/api/rollout"])
def test_every_answer_has_the_security_headers(running: Running, path: str) -> None:
    _, headers, _ = running.ask(path)
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:8600", "[::1]:8600"])
def test_a_request_that_names_this_machine_is_answered(running: Running, host: str) -> None:
    assert running.ask("/api/rollout", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "[", "10.0.0.1"]
)
def test_a_name_that_was_made_to_point_here_is_refused(running: Running, host: str) -> None:
    status, _, body = running.ask("/api/city", headers={"Host": host})
    assert status in (400, 403)
    assert b"schools" not in body


def test_another_site_cannot_post(running: Running) -> None:
    headers = {"Content-Type": "application/x-protobuf", "Origin": "https://evil.example"}
    assert running.ask("/v1/metrics", "POST", b"", headers)[0] == 403


def test_metrics_say_which_program_and_release_they_are_of(running: Running) -> None:
    text = running.ask("/metrics")[2].decode()
    said = re.findall(
        r'^target_info\{.*service_name="tsunagu-monitor",service_version="(.+?)"\} 1$', text, re.MULTILINE
    )
    assert said == [version("tsunagu")]
