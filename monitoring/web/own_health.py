"""The monitor's own health, for `/metrics`: memory, processor, store, readers."""

from __future__ import annotations

import os
import time
from pathlib import Path

from controller.telemetry.registry import (
    MONITOR_CPU,
    MONITOR_MEMORY,
    MONITOR_PAGE_FAULT,
    MONITOR_READERS,
    MONITOR_STORE_FAULT,
    MONITOR_STORE_SIZE,
    Metric,
)
from monitoring.city_state.monitor import Monitor
from monitoring.timeseries.records import CumulativeTotal, GaugeValue

_STATM = Path("/proc/self/statm")
_BESIDE = ("", "-wal", "-shm")
"""What SQLite keeps beside a file's name."""


def list_health(monitor: Monitor) -> list[GaugeValue]:
    """Return what the monitor is now; memory where the system tells it."""
    resident = read_resident_bytes(_STATM)
    figures: list[tuple[Metric, float | None]] = [
        (MONITOR_MEMORY, resident),
        (MONITOR_STORE_SIZE, measure_store(monitor.store.path)),
        (MONITOR_STORE_FAULT, float(monitor.store_fault is not None)),
        (MONITOR_PAGE_FAULT, float(monitor.page_fault is not None)),
        (MONITOR_READERS, float(monitor.stream.readers)),
    ]
    now = time.time()
    return [GaugeValue((metric, ()), now, figure) for metric, figure in figures if figure is not None]


def measure_processor() -> CumulativeTotal:
    """Return the seconds of processor time that this process has used."""
    return CumulativeTotal((MONITOR_CPU, ()), "", 0, time.time(), time.process_time())


def measure_store(path: Path) -> float:
    """Return how many bytes a store takes; what is not there takes none."""
    files = [path.with_name(path.name + ending) for ending in _BESIDE]
    return float(sum(one.stat().st_size for one in files if one.exists()))


def read_resident_bytes(statm: Path) -> float | None:
    """Return the resident memory in bytes by Linux' `statm`; None on another system."""
    try:
        words = statm.read_text(encoding="ascii").split()
    except OSError:
        return None
    return float(words[1]) * os.sysconf("SC_PAGE_SIZE")
