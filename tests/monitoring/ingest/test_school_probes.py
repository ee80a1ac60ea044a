"""A school's probe speaks for its school alone, from the moment it is enrolled until it is revoked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from controller.errors import TokenRefused
from controller.probe_agent.endpoint.enrolled_hashes import parse_enrolled
from controller.telemetry.enrolled_probes import (
    enrol_probe,
    find_enrolment_file,
    load_enrolled_probes,
    make_probe_token,
    revoke_probe,
)
from controller.telemetry.probe_certificates import ProbeCertificate
from controller.telemetry.probe_words import find_word_file, load_probe_words
from controller.telemetry.registry import DAY, LINE_UP, TELEMETRY_DROPPED, EventKind, Writer
from monitoring.city_state.known_names import KnownNames
from monitoring.ingest.arrival import Arrival
from monitoring.ingest.otlp_decoder import decode_request
from monitoring.ingest.probe_listener import SAVED_SECONDS, ProbeListener
from monitoring.ingest.sender_tokens import SchoolProbeTokens
from tests.monitoring.feed import event, metrics
from tests.monitoring.running import TOKENS, Running, monitor, until

NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)
OWN, OTHER = "as-e04", "kw-s01"
ENROLMENTS = find_enrolment_file(TOKENS / Writer.PROBE)


def enrol(school: str, at: datetime = NOW, path: Path = ENROLMENTS) -> str:
    token = make_probe_token()
    enrol_probe(path, school, token, at)
    return token


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


def send(running: Running, token: str, body: bytes, path: str = "metrics", **said: str) -> tuple[int, int]:
    """Send as a school's probe; gives the status and how many points were refused."""
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}
    headers |= {name.replace("_", "-"): value for name, value in said.items()}
    status, _, answer = running.ask(f"/v1/{path}", "POST", body, headers)
    refused = (
        ExportMetricsServiceResponse.FromString(answer).partial_success.rejected_data_points if status == 200 else 0
    )
    return status, refused


def up(school: str, moment: float) -> bytes:
    return metrics([(LINE_UP, 1.0, {"school": school, "line": "primary"})], moment).SerializeToString()


def test_it_speaks_for_its_school_alone_until_it_is_revoked(running: Running) -> None:
    now = time.time()
    token = enrol(OWN)
    assert send(running, token, up(OWN, now)) == (200, 0)
    assert send(running, token, up(OTHER, now)) == (200, 1)
    foreign = event(EventKind.LINE_DOWN, "down", now, school=OTHER, line="primary").SerializeToString()
    assert send(running, token, foreign, "logs") == (200, 1)
    # A total that is no school's would be all schools'.
    dropped = metrics([(TELEMETRY_DROPPED, 1.0, {"signal": "metrics"})], now).SerializeToString()
    assert send(running, token, dropped) == (200, 1)
    assert running.tile(OWN)["lines"]["primary"] == "up"
    assert running.tile(OTHER)["lines"]["primary"] == "unknown"
    renewed = enrol(OWN, NOW + timedelta(hours=1))
    assert send(running, token, up(OWN, now))[0] == 401
    assert send(running, renewed, up(OWN, now)) == (200, 0)
    assert revoke_probe(ENROLMENTS, OWN, NOW + timedelta(hours=2))
    assert send(running, renewed, up(OWN, now))[0] == 401
    assert not revoke_probe(ENROLMENTS, OWN, NOW)


def test_what_it_kept_for_days_is_taken_and_the_present_stays(running: Running) -> None:
    token, now = enrol(OWN), time.time()
    assert send(running, token, up(OWN, now)) == (200, 0)
    past = metrics([(LINE_UP, 0.0, {"school": OWN, "line": "primary"})], now - 6 * DAY).SerializeToString()
    assert send(running, token, past) == (200, 0)
    assert send(running, token, up(OWN, now - 15 * DAY)) == (200, 1)
    assert running.tile(OWN)["lines"]["primary"] == "up"


def test_version_clock_and_last_word_are_shown_and_survive_a_kill(running: Running, tmp_path: Path) -> None:
    token, now = enrol(OTHER), time.time()
    said = {"User_Agent": "tsunagu-probe/1.2.3", "Tsunagu_Sent": f"{now + 90:.3f}", "Tsunagu_Waiting": "17"}
    assert send(running, token, up(OTHER, now), **said) == (200, 0)
    [row] = [one for one in running.json("/api/probes")["probes"] if one["school"] == OTHER]
    assert row["version"] == "1.2.3"
    assert 80 < row["skew"] < 91
    assert row["waiting"] == 17
    assert abs(row["heard_at"] - now) < 30
    with monitor(tmp_path / "other.db") as second:
        until(lambda: any(one["version"] == "1.2.3" for one in second.json("/api/probes")["probes"]))


def test_it_speaks_for_no_other_sender_s_clock() -> None:
    moment = time.time()
    request = metrics([(LINE_UP, 1.0, {"school": OWN, "line": "primary"})], moment)
    [resource] = request.resource_metrics
    resource.resource.attributes.add(key="service.instance.id").value.string_value = f"probe-{OTHER}"
    names = KnownNames(frozenset({OWN, OTHER}), frozenset(), frozenset({"primary"}), {})
    told = {
        school: decode_request(
            "metrics", request.SerializeToString(), Arrival(Writer.PROBE, names, moment, school, 90.0)
        )
        for school in (OWN, "")
    }
    assert told[OWN].skews == {f"probe/{OWN}": 90.0}
    assert [one.sender for one in told[OWN].values] == [f"probe/{OWN}"]
    assert told[""].skews == {f"probe/probe-{OTHER}": 90.0}  # the controller's own probes name themselves


def test_a_version_that_changes_with_each_request_is_not_written_with_each(tmp_path: Path) -> None:
    path = find_enrolment_file(tmp_path / "probe")
    listener, at = ProbeListener(path), NOW.timestamp()

    def hear(school: str, version: str, later: float) -> None:
        listener.hear(school, {"user-agent": f"tsunagu-probe/{version}"}.get, at + later)

    def read_versions() -> dict[str, str]:
        return {school: word.version for school, word in load_probe_words(find_word_file(path)).items()}

    hear(OWN, "1.0.0", 0)
    hear(OWN, "1.0.1", 1)
    assert read_versions() == {OWN: "1.0.0"}
    hear(OTHER, "1.0.0", 2)  # another's news does not wait
    assert read_versions() == {OWN: "1.0.1", OTHER: "1.0.0"}
    hear(OWN, "1.0.2", 3)
    assert read_versions()[OWN] == "1.0.1"
    hear(OWN, "1.0.2", 2 + SAVED_SECONDS)
    assert read_versions()[OWN] == "1.0.2"
    hear(OWN, "1.0.3", -3600)
    assert read_versions()[OWN] == "1.0.3"


@pytest.mark.parametrize(("content", "mode"), [("{", 0o600), ('{"words": 3}', 0o600), ("{}", 0o644)])
def test_a_record_of_words_that_cannot_be_used_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, mode: int
) -> None:
    """The monitor starts: what probes said last is no reason to watch nothing."""
    path = find_enrolment_file(tmp_path / "probe")
    enrol(OWN, path=path)
    record = find_word_file(path)
    record.write_text(content, "ascii")
    record.chmod(mode)
    listener = SchoolProbeTokens(path).listener
    assert str(record) in caplog.text
    listener.hear(OWN, {"user-agent": "tsunagu-probe/1.0.0"}.get, NOW.timestamp())
    assert load_probe_words(record)[OWN].version == "1.0.0"


def test_a_list_keeps_of_each_school_the_last_that_ended(tmp_path: Path) -> None:
    """Also of one that is enrolled again and again: a list that grows beyond what is read would let nobody in."""
    path = find_enrolment_file(tmp_path / "probe")
    other = enrol(OTHER, path=path)
    for hour in range(6):
        last = enrol(OWN, NOW + timedelta(hours=hour), path)
    kept = [one for one in load_enrolled_probes(path) if one.school == OWN]
    assert [one.enrolled_at for one in kept] == [NOW + timedelta(hours=hour) for hour in (2, 3, 4, 5)]
    assert [one.revoked_at is None for one in kept] == [False, False, False, True]
    tokens = SchoolProbeTokens(path)
    assert [one and one.school for one in map(tokens.find_probe, (last, other))] == [OWN, OTHER]


def test_the_longest_list_that_can_be_written_is_read_by_monitor_and_endpoint(tmp_path: Path) -> None:
    path = find_enrolment_file(tmp_path / "probe")
    certificate = ProbeCertificate("", "0f" * 32, NOW)
    enrol_probe(path, "s" * 64, make_probe_token(), NOW, certificate)
    assert revoke_probe(path, "s" * 64, NOW)
    document = json.loads(path.read_bytes())
    document["probes"] *= 9_999
    path.write_text(json.dumps(document, indent=1), "utf-8")
    enrol_probe(path, OWN, make_probe_token(), NOW, certificate)
    assert len(load_enrolled_probes(path)) == 10_000
    assert list(parse_enrolled(path.read_bytes())) == [OWN]


def test_a_list_that_is_damaged_lets_nobody_in(tmp_path: Path) -> None:
    path = find_enrolment_file(tmp_path / "probe")
    token = enrol(OWN, path=path)
    tokens = SchoolProbeTokens(path)
    assert tokens.find_probe(token) is not None
    assert token not in path.read_text("utf-8")
    path.write_text("{", encoding="utf-8")
    assert tokens.find_probe(token) is None
    with pytest.raises(TokenRefused, match="is no list of enrolled probes"):
        load_enrolled_probes(path)
    path.chmod(0o644)
    with pytest.raises(TokenRefused, match="chmod 600"):
        load_enrolled_probes(path)
