from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.measure.assessment.format_share import format_share
from controller.measure.measurement import Measurement, MeasurementId, MeasurementKind, ProbeOutcome
from controller.measure.measurement_store import open_measurement_store
from controller.model.network.packets import Family
from tests.measure.findings import NOON, echo, failed, path, throughput

WRITER = """
import sys
from pathlib import Path
from controller.measure.measurement_store import open_measurement_store
from tests.measure.findings import NOON, path, throughput
with open_measurement_store(Path(sys.argv[1])) as store:
    for number in range(10):
        store.add_measurement(sys.argv[2], NOON, path("s"), throughput(number), in_lessons=False)
"""


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "new" / "m.sqlite") as store:
        kept = [
            store.add_measurement(
                "r", NOON, path("a", "backup", "osaka", Family.V6), throughput(93.25), in_lessons=True
            ),
            store.add_measurement("r", NOON, path("a"), echo(1.0), in_lessons=False),
            store.add_measurement(
                "r", NOON, path("a"), failed(MeasurementKind.UPLOAD, ProbeOutcome.REFUSED), in_lessons=False
            ),
        ]
    with open_measurement_store(tmp_path / "new" / "m.sqlite", must_exist=True) as store:
        assert store.read_run("r") == kept
        assert [store.read_measurement(one.id) for one in kept] == kept


def test_the_latest_of_each_path_and_kind_as_of_a_time(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store:
        old = store.add_measurement("1", NOON, path("a"), throughput(10), in_lessons=False)
        echoed = store.add_measurement("1", NOON, path("a"), echo(), in_lessons=False)
        new = store.add_measurement("2", NOON + timedelta(hours=1), path("a"), throughput(20), in_lessons=False)
        other = store.add_measurement(
            "2", NOON + timedelta(hours=1), path("a", "backup"), throughput(5), in_lessons=False
        )
        assert store.read_latest() == without_words(echoed, new, other)
        assert store.read_latest(NOON) == without_words(old, echoed)
        assert store.read_latest() == without_words(echoed, new, other)
        assert store.read_latest(NOON - timedelta(seconds=1)) == []


def without_words(*kept: Measurement) -> list[Measurement]:
    """Measurements without what the programs said: `get` reads that."""
    return [replace(one, result=replace(one.result, raw="")) for one in kept]


def test_nothing_in_it_can_be_changed(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    with open_measurement_store(file) as store:
        store.add_measurement("1", NOON, path("a"), throughput(10), in_lessons=False)
    connection = sqlite3.connect(file)
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        connection.execute("UPDATE measurement SET run = '2'")
    connection.close()


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(number)]) for number in range(2)]
    assert [one.wait(60) for one in running] == [0, 0]
    with open_measurement_store(file) as store:
        assert [len(store.read_run(str(number))) for number in range(2)] == [10, 10]


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    with pytest.raises(TsunaguError, match="nothing was measured yet"), open_measurement_store(file, must_exist=True):
        pass
    file.write_text("not a database, and long enough to be looked at" * 50, encoding="utf-8")
    with pytest.raises(TsunaguError, match="is no SQLite file"), open_measurement_store(file):
        pass
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE somebody (s)")
    connection.close()
    with pytest.raises(TsunaguError, match="is no store of measurements of Tsunagu"), open_measurement_store(other):
        pass


def test_a_number_that_nothing_has(tmp_path: Path) -> None:
    with open_measurement_store(tmp_path / "m.sqlite") as store, pytest.raises(TsunaguError, match="no measurement 7"):
        store.read_measurement(MeasurementId(7))


def test_a_share_never_looks_fuller_than_it_is() -> None:
    assert [format_share(part, 176) for part in (0, 1, 175, 176)] == ["0.0%", "0.5%", "99.4%", "100.0%"]
    assert [format_share(29_999, 30_000), format_share(1, 30_000), format_share(0, 0)] == ["99.9%", "<0.1%", "-"]
    for whole in range(1, 400):
        assert [part for part in range(whole + 1) if format_share(part, whole) == "100.0%"] == [whole]
        assert [part for part in range(whole + 1) if format_share(part, whole) == "0.0%"] == [0]
