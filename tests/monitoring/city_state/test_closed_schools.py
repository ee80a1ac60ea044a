"""A school that is closed has no tile any more, from its first day on."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from controller.errors import Origin
from controller.model.access.quarantines import ClosedSchool, QuarantineFile
from controller.model.city import City
from controller.model.policy_files import QUARANTINES
from monitoring.city_state import school_tiles
from monitoring.city_state.monitor import Monitor
from monitoring.city_state.school_tiles import CityState
from monitoring.timeseries.time_series_store import TimeSeriesStore

SCHOOL = "kw-e03"


def close_in(city: City, days: int) -> City:
    """The city in which the school is closed from a day on, so many days from today."""
    since = datetime.now(city.timezone).date() + timedelta(days=days)
    closed = ClosedSchool(
        origin=Origin("access/quarantines.yaml", 1), school=SCHOOL, since=since, reason="統廃合", by="学務課"
    )
    return city.replace_file(QUARANTINES, QuarantineFile(closed=(closed,)))


@pytest.mark.parametrize(("days", "shown"), [(-30, False), (0, False), (1, True)])
def test_a_closed_school_has_no_tile(city: City, days: int, *, shown: bool) -> None:
    tiles = {one["id"] for one in CityState(close_in(city, days)).tiles()}
    assert (SCHOOL in tiles) is shown
    assert len(tiles) == len(city.schools) - (not shown)


def test_pages_begin_anew_on_the_day_on_which_a_school_is_closed(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Tomorrow:
            return super().now(tz) + timedelta(days=1)

    async def watch(monitor: Monitor) -> list[bytes]:
        stream = monitor.stream.read(None)
        assert b"retry" in await anext(stream)
        telling = asyncio.create_task(monitor.tell())
        monitor.present.touched.add(SCHOOL)
        assert f'event: school\ndata: {{"id":"{SCHOOL}"}}' in (await anext(stream)).decode()
        monkeypatch.setattr(school_tiles, "datetime", Tomorrow)
        async with asyncio.timeout(10):
            rest = [text async for text in stream]
        telling.cancel()
        return rest

    with closing(TimeSeriesStore(tmp_path / "monitor.db")) as store:
        monitor = Monitor(close_in(city, 1), store)
        assert asyncio.run(watch(monitor)) == []
        monitor.close()
    assert SCHOOL not in {one["id"] for one in monitor.present.tiles()}
