from __future__ import annotations

import http.client
import signal
import socket
import sqlite3
import time
import urllib.error
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from controller.telemetry.registry import LINE_LOSS, EventKind
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.monitoring.feed import Feed, event, metrics, post
from tests.monitoring.running import TSUNAGU, Running, listening, monitor, start, until

PATHS = 2 * 2 * 2
"""Lines, regions, families: so many values of loss has each school in a round."""
ENOUGH_SECONDS = 60.0


class Sender(Thread):
    """Sends as fast as it can until the monitor is gone; keeps what was acknowledged."""

    def __init__(self, running: Running, source: Feed, number: int) -> None:
        super().__init__()
        self._url, self._source, self._number = running.url, source, number
        self.acknowledged: list[str] = []
        self.points = 0
        self.gone = Event()

    def has_sent(self, number: int) -> bool:
        return len(self.acknowledged) > number

    def run(self) -> None:
        for turn in range(100_000):
            text = f"event {turn} of sender {self._number}"
            now = time.time()
            try:
                post(self._url, event(EventKind.DRIFT, text, now, school=self._source.schools[0].id))
                self.acknowledged.append(text)
                post(self._url, metrics(self._source.light(now), now))
                self.points += len(self._source.schools) * PATHS
            except (OSError, http.client.HTTPException):
                break
        self.gone.set()


def test_killed_at_any_moment_it_loses_nothing_that_it_acknowledged(tmp_path: Path, six: Feed) -> None:
    store = tmp_path / "monitor.db"
    acknowledged: set[str] = set()
    points = 0
    for round_number in range(3):
        with monitor(store) as running:
            senders = [Sender(running, six, 10 * round_number + number) for number in range(3)]
            for sender in senders:
                sender.start()
            for sender in senders:
                until(partial(sender.has_sent, 5 * (round_number + 1)), ENOUGH_SECONDS)
            assert running.stop(signal.SIGKILL) == -signal.SIGKILL
            for sender in senders:
                assert sender.gone.wait(60)
                sender.join()
                acknowledged.update(sender.acknowledged)
                points += sender.points
    assert len(acknowledged) > 50
    with monitor(store) as running:
        found = {one["text"] for one in running.json(f"/api/schools/{six.schools[0].id}")["events"]}
        assert running.tile(six.schools[0].id)["lines"] == {"primary": "up", "backup": "up"}
        running.stop()
    with TimeSeriesStore(store) as opened:
        kept = {text for (text,) in opened.rows("SELECT text FROM event")}
        query = "SELECT SUM(n) FROM bin JOIN series ON series.id = bin.series WHERE metric = ?"
        [(count,)] = opened.rows(query, LINE_LOSS.name)
    assert found <= kept
    assert acknowledged <= kept
    assert count >= points


def test_ctrl_c_ends_it_cleanly_also_while_pages_are_open(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db", by=TSUNAGU) as running, listening(running) as heard:
        began = time.monotonic()
        assert running.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 5
        assert list(heard) == []
        assert running.process.stderr is not None
        assert running.process.stderr.read() == ""


def test_a_service_manager_ends_it_cleanly(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db") as running:
        assert running.stop(signal.SIGTERM) == 0


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db") as running:
        listening_at = {
            line.split()[1]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{running.port:04X}")
        }
    assert listening_at == {f"0100007F:{running.port:04X}"}


def refusal(store: Path, port: int = 0) -> str:
    process = start(store, port)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, (out, err)
    assert "Traceback" not in err
    return err


def test_policies_that_cannot_be_loaded_are_said(tmp_path: Path) -> None:
    process = start(tmp_path / "monitor.db", policies=tmp_path / "nowhere")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no such folder" in err
    assert "Traceback" not in err


def test_a_port_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    process = start(tmp_path / "monitor.db", 70_000, by=TSUNAGU)
    process.communicate(timeout=60)
    assert process.returncode == 64


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} of 127.0.0.1 cannot be listened on" in refusal(tmp_path / "monitor.db", port)


def test_two_monitors_do_not_share_a_store(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db"):
        assert "another monitor is using this store" in refusal(tmp_path / "monitor.db")


def test_a_place_where_no_store_can_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "monitor.db: cannot be made there" in refusal(tmp_path / "file" / "monitor.db")
    assert "no-folder/monitor.db: cannot be made there" in refusal(Path("/proc/no-folder/monitor.db"))


def test_a_file_that_is_no_store_is_said_and_left_alone(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.db"
    garbage.write_text("this is no database, and somebody may need it " * 50, encoding="utf-8")
    before = garbage.read_bytes()
    assert f"{garbage}: is no SQLite file; name another file with --store" in refusal(garbage)
    assert garbage.read_bytes() == before
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    assert "is no store of the monitor of Tsunagu" in refusal(other)


def test_a_disk_that_cannot_be_written_is_told_to_the_sender_and_survived(tmp_path: Path, six: Feed) -> None:
    store = tmp_path / "monitor.db"
    with monitor(store) as running:
        with closing(sqlite3.connect(store, isolation_level=None)) as other:
            other.execute("CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
            now = time.time()
            with pytest.raises(urllib.error.HTTPError, match="503"):
                post(running.url, event(EventKind.DRIFT, "lost", now, school=six.schools[0].id))
            other.execute("DROP TRIGGER full")
        post(running.url, event(EventKind.DRIFT, "kept", now, school=six.schools[0].id))
        events = running.json(f"/api/schools/{six.schools[0].id}")["events"]
        assert [one["text"] for one in events] == ["kept"]
