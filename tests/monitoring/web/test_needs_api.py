"""The list of needs by the API, and what people do about them: by the monitor's own page alone, and on record."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.telemetry.registry import LINE_UP, PROBE_LAST_SUCCESS, EventKind
from tests.monitoring.feed import Feed, event, metrics, post
from tests.monitoring.running import Running, listening, monitor

DOWN, CUT = "as-e02", "as-e01"
LATER = (datetime.now(UTC) + timedelta(days=2)).isoformat()


def ask(running: Running, path: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    said = {"Content-Type": "application/json", "Origin": running.url, **headers}
    status, _, answer = running.ask(path, "POST", json.dumps(body).encode(), {k: v for k, v in said.items() if v})
    return status, json.loads(answer) if answer.startswith(b"{") else {}


def break_lines(running: Running, **down: tuple[str, ...]) -> None:
    now = time.time()
    samples = [
        (LINE_UP, 0.0, {"school": school.replace("_", "-"), "line": one}) for school, of in down.items() for one in of
    ]
    post(running.url, metrics(samples, now))


def read_need(running: Running, identifier: str) -> dict[str, Any]:
    return next(one for one in running.json("/api/needs")["needs"] if one["id"] == identifier)


def test_an_empty_store_says_that_nothing_was_ever_heard(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db") as fresh:
        city = fresh.json("/api/city")
    assert (city["clocks"], city["needs"]) == ({"newest_at": None, "skewed": []}, [])
    assert city["store"] == {"moved_aside": None, "fault": None}
    assert {one["heard"] for one in city["schools"]} == {"never"}


def test_what_needs_somebody_is_served_with_what_to_do(running: Running) -> None:
    before = time.time()
    break_lines(running, as_e02=("primary",), as_e01=("primary", "backup"))
    needs = [one for one in running.json("/api/city")["needs"] if one["school"] in (DOWN, CUT)]
    assert [one["kind"] for one in needs] == ["cut-off", "line-down"]
    line = needs[1]
    assert (line["line"], line["stale"], line["heard"], line["quiet"]) == ("primary", False, None, False)
    assert before - 5 < datetime.fromisoformat(line["since"]).timestamp() < time.time() + 5
    assert line["command"] == f"tsunagu measure --school {DOWN}"
    assert set(line["step"]) == {"ja", "en"}
    assert datetime.fromisoformat(running.json("/api/city")["clocks"]["newest_at"]).timestamp() >= before - 1


def test_a_need_is_acknowledged_noted_and_taken_back_and_all_is_on_record(running: Running) -> None:
    break_lines(running, as_e02=("primary",))
    identifier = f"line-down:{DOWN}:primary"
    with listening(running) as heard:
        status, answer = ask(
            running,
            "/api/needs/acknowledge",
            {"need": identifier, "by": "佐藤", "reason": "NTTに連絡済み", "until": LATER},
        )
        told = next(one for one in heard if one.name == "needs" and is_quiet(one.data, identifier))
    assert status == 200
    [need] = [one for one in told.data if one["id"] == identifier]
    assert (need["acknowledged"]["by"], need["acknowledged"]["reason"], need["quiet"]) == (
        "佐藤",
        "NTTに連絡済み",
        True,
    )
    assert ask(running, "/api/needs/note", {"need": identifier, "by": "Ito", "reason": "ticket 4711"})[0] == 200
    need = read_need(running, identifier)
    assert [one["reason"] for one in need["notes"]] == ["ticket 4711"]
    ended = {"id": answer["action"]["id"], "by": "佐藤", "reason": "still down"}
    assert ask(running, "/api/actions/end", ended)[0] == 200
    assert ask(running, "/api/actions/end", ended)[0] == 404
    assert read_need(running, identifier)["acknowledged"] is None
    record = [(one["kind"], one["by"]) for one in running.json("/api/actions")["actions"][:3]]
    assert record == [("end", "佐藤"), ("note", "Ito"), ("acknowledge", "佐藤")]


def test_maintenance_is_announced_and_shown_with_the_need(running: Running) -> None:
    break_lines(running, as_e01=("primary", "backup"))
    body = {"school": CUT, "by": "Ito", "reason": "new router", "until": LATER}
    assert ask(running, "/api/maintenance", body)[0] == 200
    need = read_need(running, f"cut-off:{CUT}")
    assert (need["maintenance"]["reason"], need["quiet"]) == ("new router", True)


def is_quiet(needs: list[dict[str, Any]], identifier: str) -> bool:
    return any(one["id"] == identifier and one["quiet"] for one in needs)


def test_an_outage_that_only_measurements_told_is_among_the_events_once(running: Running) -> None:
    now = time.time()
    break_lines(running, as_e06=("primary",), as_e07=("primary",))
    post(running.url, event(EventKind.LINE_DOWN, "the primary line is down", now, school="as-e07", line="primary"))
    for school, text in (("as-e06", "told by measurements, not by an event"), ("as-e07", "the primary line is down")):
        [found] = running.json(f"/api/schools/{school}")["events"]
        assert (found["kind"], found["line"], found["text"]) == ("line-down", "primary", text)
        assert running.json(f"/api/schools/{school}?since={now + 300}")["events"] == []


GOOD = {"need": f"line-down:{DOWN}:primary", "by": "x", "reason": "y", "until": LATER}
WINDOW = {"school": CUT, "by": "x", "reason": "y", "until": LATER}


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/api/needs/acknowledge", GOOD | {"need": "line-down:nowhere:primary"}, 404, "no such need"),
        ("/api/needs/acknowledge", GOOD | {"until": "2026-01-01T00:00:00Z"}, 400, "until"),
        ("/api/needs/acknowledge", GOOD | {"until": "2999-01-01T00:00:00Z"}, 400, "31 days"),
        ("/api/needs/acknowledge", GOOD | {"until": "2999-01-01T00:00:00"}, 400, "until"),
        ("/api/needs/acknowledge", GOOD | {"by": ""}, 400, "by"),
        ("/api/needs/acknowledge", GOOD | {"reason": "<script>"}, 400, "reason"),
        ("/api/needs/acknowledge", GOOD | {"more": 1}, 400, "more"),
        ("/api/needs/acknowledge", {"need": "x" * 9000}, 413, "bytes"),
        ("/api/needs/note", [], 400, "the body"),
        ("/api/maintenance", {"school": "nowhere", "by": "x", "reason": "y", "until": LATER}, 404, "no such school"),
        (
            "/api/maintenance",
            {"school": CUT, "line": "third", "by": "x", "reason": "y", "until": LATER},
            404,
            "no such line",
        ),
        ("/api/maintenance", WINDOW | {"starts": "0001-01-01T00:00:00+23:59"}, 400, "starts"),
        ("/api/maintenance", WINDOW | {"starts": 0}, 400, "starts"),
        ("/api/actions/end", {"id": "0" * 12, "by": "x", "reason": "y"}, 404, "to end"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    running: Running, path: str, body: object, status: int, says: str
) -> None:
    break_lines(running, as_e02=("primary",))
    found, answer = ask(running, path, body)
    assert found == status
    assert says in answer["error"]
    assert running.ask("/api/actions")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Origin": ""}, 403), ({"Origin": "https://evil.example"}, 403), ({"Content-Type": "text/plain"}, 415)],
)
def test_only_the_monitors_own_page_may_change_something(
    running: Running, headers: dict[str, str], status: int
) -> None:
    count = len(running.json("/api/actions")["actions"])
    assert ask(running, "/api/needs/acknowledge", GOOD, **headers)[0] == status
    assert len(running.json("/api/actions")["actions"]) == count


def test_a_page_that_is_damaged_while_it_runs_is_a_clear_answer_and_the_present_goes_on(tmp_path: Path) -> None:
    """Here the tables are lost under a running monitor; what SQLite raises is of one kind."""
    store = tmp_path / "monitor.db"
    with monitor(store) as running:
        break_lines(running, as_e02=("primary",))
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            for table in ("event", "part", "operator_action"):
                other.execute(f"DROP TABLE {table}")
        status, headers, body = running.ask(f"/api/schools/{DOWN}")
        assert (status, headers["content-type"]) == (503, "application/json")
        assert b"cannot be read from the store" in body
        assert running.ask("/api/actions")[0] == 503
        metrics_status, _, text = running.ask("/metrics")
        assert metrics_status == 200
        assert f'school="{DOWN}",line="primary"}} 0' in text.decode()
        city = running.json("/api/city")
        assert "monitor.db: " in city["store"]["fault"]
        running.stop()
        assert running.process.stderr is not None
        said = running.process.stderr.read()
    assert "cannot be read" in said
    assert "Traceback" not in said


def test_a_damaged_store_is_named_at_the_start_on_the_page_and_at_the_end(tmp_path: Path, six: Feed) -> None:
    store = tmp_path / "monitor.db"
    with monitor(store) as running:
        now = time.time()
        post(running.url, metrics([(PROBE_LAST_SUCCESS, now, {"school": six.schools[0].id})], now))
        running.stop()
    store.write_bytes(store.read_bytes()[:-4096])
    with monitor(store) as running:
        aside = running.json("/api/city")["store"]["moved_aside"]
        assert (tmp_path / aside).is_file()
        running.stop()
        assert running.process.stderr is not None
        said = running.process.stderr.read()
    assert said.count(f"moved aside as {aside}") == 2
    assert "Traceback" not in said


def test_who_hangs_up_in_the_middle_of_a_request_is_no_fault_of_the_monitor(tmp_path: Path) -> None:
    head = "POST /api/needs/note HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nOrigin: http://127.0.0.1:{0}\r\n"
    with monitor(tmp_path / "monitor.db") as running:
        with socket.create_connection(("127.0.0.1", running.port)) as connection:
            more = 'Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{"need"'
            connection.sendall(f"{head.format(running.port)}{more}".encode())
        assert running.json("/api/actions") == {"actions": []}
        running.stop()
        assert running.process.stderr is not None
        assert running.process.stderr.read() == ""
