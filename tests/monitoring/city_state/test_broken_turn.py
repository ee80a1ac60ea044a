"""What pages were to be told in a turn that broke off they are told in the next one; where none goes on, it is told."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.schools import School
from controller.telemetry.registry import MONITOR_PAGE_FAULT
from monitoring.city_state import monitor as module
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.school_tiles import Tile
from monitoring.timeseries.time_series_store import TimeSeriesStore
from monitoring.web.own_health import list_health
from tests.monitoring.running import until


def test_what_changed_in_a_turn_that_broke_off_is_told_in_the_next(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = city.schools[:2]
    broken: list[str] = []

    async def watch(monitor: Monitor) -> str:
        build_tile = monitor.present.tile

        def change_tile(school: School) -> Tile:
            if school.id == second.id and not broken:
                broken.append(school.id)
                message = "one tile cannot be built"
                raise ZeroDivisionError(message)
            tile = build_tile(school)
            return {**tile, "name": "changed"} if school.id == first.id else tile

        monkeypatch.setattr(monitor.present, "tile", change_tile)
        stream = monitor.stream.read(None)
        assert b"retry" in await anext(stream)
        telling = asyncio.create_task(monitor.tell())
        async with asyncio.timeout(20):
            told = (await anext(stream)).decode()
        telling.cancel()
        return told

    with closing(TimeSeriesStore(tmp_path / "monitor.db")) as store:
        monitor = Monitor(city, store)
        told = asyncio.run(watch(monitor))
        monitor.close()
    assert broken == [second.id]
    assert "event: tiles" in told
    assert f'"{first.id}"' in told
    assert "one tile cannot be built" in caplog.text
    assert "a change could not be told to the pages" in caplog.text


def test_turns_that_go_on_breaking_off_are_told_and_let_pages_begin_anew(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: float) -> None:
        message = "no tile can be built"
        raise ZeroDivisionError(message)

    async def watch(monitor: Monitor) -> None:
        stream = monitor.stream.read(None)
        await anext(stream)
        telling = asyncio.create_task(monitor.tell())
        async with asyncio.timeout(20):
            with monkeypatch.context() as broken:
                broken.setattr(monitor, "_turn", fail)
                assert [text async for text in stream] == []
                assert monitor.page_fault == "ZeroDivisionError: no tile can be built"
                assert read_page_fault(monitor) == 1
            await asyncio.to_thread(until, lambda: monitor.page_fault is None)
        telling.cancel()
        assert read_page_fault(monitor) == 0

    monkeypatch.setattr(module, "BROKEN_SECONDS", 0.1)
    monkeypatch.setattr(module, "TURN_SECONDS", 0.02)
    with closing(TimeSeriesStore(tmp_path / "monitor.db")) as store:
        monitor = Monitor(city, store)
        asyncio.run(watch(monitor))
        monitor.close()
    assert caplog.text.count("a change could not be told to the pages") == 1


def read_page_fault(monitor: Monitor) -> float:
    return next(one.value for one in list_health(monitor) if one.key[0] is MONITOR_PAGE_FAULT)
