"""What pages were to be told in a turn that broke off they are told in the next one, and the log says why it did."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.schools import School
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.school_tiles import Tile
from monitoring.timeseries.time_series_store import TimeSeriesStore


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
