"""The monitor's own health on `/metrics`."""

from __future__ import annotations

from pathlib import Path

from controller.telemetry.registry import DAY, SIGNAL, TELEMETRY_DROPPED
from monitoring.timeseries.records import CumulativeTotal
from monitoring.web.exposition import complete_losses, format_exposition
from monitoring.web.own_health import measure_store, read_resident_bytes
from tests.monitoring.running import Running, until

NAMES = ("memory_usage_bytes", "store_size_bytes", "store_fault", "page_fault", "readers", "cpu_time_seconds_total")


def read_figures(running: Running) -> dict[str, float]:
    lines = running.ask("/metrics")[2].decode().splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if line.startswith("tsunagu_monitor_"))
    return {name: float(found[f"tsunagu_monitor_{name}"]) for name in NAMES}


def test_the_figures_are_those_of_the_process(running: Running) -> None:
    told = read_figures(running)
    resident = read_resident_bytes(Path(f"/proc/{running.process.pid}/statm"))
    assert resident is not None
    assert 0.5 < told["memory_usage_bytes"] / resident < 2
    assert told["store_size_bytes"] > 4096
    assert (told["store_fault"], told["page_fault"], told["readers"]) == (0, 0, 0)
    until(lambda: read_figures(running)["cpu_time_seconds_total"] > told["cpu_time_seconds_total"])


def test_a_store_is_measured_with_what_is_beside_it(tmp_path: Path) -> None:
    store = tmp_path / "monitor.db"
    assert measure_store(store) == 0
    store.write_bytes(b"1234")
    (tmp_path / "monitor.db-wal").write_bytes(b"123")
    (tmp_path / "monitor.db.format-1.backup").write_bytes(b"1")
    assert measure_store(store) == 7


def test_another_system_tells_no_memory(tmp_path: Path) -> None:
    assert read_resident_bytes(tmp_path / "statm") is None


def test_losses_are_served_before_the_first_one(running: Running) -> None:
    text = running.ask("/metrics")[2].decode()
    for signal in SIGNAL.values:
        assert f'tsunagu_telemetry_dropped_total{{signal="{signal}"}} 0\n' in text


def test_a_loss_is_served_however_old_it_is() -> None:
    old = CumulativeTotal((TELEMETRY_DROPPED, ((SIGNAL.name, "traces"),)), "", 0, 1_000.0, 12)
    now = 1_000.0 + 7 * DAY
    text = format_exposition([], complete_losses([old], now), now)
    assert 'tsunagu_telemetry_dropped_total{signal="traces"} 12\n' in text
    assert 'tsunagu_telemetry_dropped_total{signal="logs"} 0\n' in text
