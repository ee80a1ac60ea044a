"""The monitor between its store and its pages: what is kept becomes the present, and what changed is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import replace

from controller.model.city import City
from controller.telemetry.registry import MONITOR_REFUSED, REASON, ROLLOUT_LOST, SIGNAL
from monitoring.city_state.event_stream import EventStream
from monitoring.city_state.known_names import list_known_names
from monitoring.city_state.rollout_views import RolloutViews
from monitoring.city_state.school_tiles import CityState, Tile
from monitoring.timeseries import queries
from monitoring.timeseries.records import CumulativeTotal, GaugeValue, SeriesKey, TelemetryBatch
from monitoring.timeseries.retention import KeptSeconds
from monitoring.timeseries.store_writer import StoreWriter
from monitoring.timeseries.time_series_store import TimeSeriesStore

TURN_SECONDS = 0.25
"""What changes more often than this is told once."""
ROLLOUT_SECONDS = 0.5
"""How often what changed of a rollout is told."""
LOOK_AGAIN_SECONDS = 1.0
"""How often every tile is looked at: one also changes by nothing coming in."""


class Monitor:
    """All parts of a running monitor. Its methods belong to the event loop's thread."""

    def __init__(self, city: City, store: TimeSeriesStore, kept: KeptSeconds | None = None) -> None:
        self.city = city
        self.store = store
        self.names = list_known_names(city)
        self.gone = store.delete_unknown(self.names.find_unknown, time.time())
        """Schools whose series were deleted at the start, because the city does not have them any more."""
        self.present = CityState(city, queries.read_latest_values(store))
        self.rollouts = RolloutViews(queries.read_newest_rollouts(store))
        self.stream = EventStream(self._everything)
        self._writer = StoreWriter(store, kept)
        # All from the start: Prometheus sees a rise only from a value that it knows.
        self._refused: Counter[SeriesKey] = Counter(
            {_refusal(signal, reason): 0 for signal in SIGNAL.values for reason in REASON.values}
        )
        self._shown: dict[str, Tile] = {tile["id"]: tile for tile in self.present.tiles()}
        self._open = {school.id: school for school in self.present.list_open_schools()}
        """The schools that pages show: one is closed from a day on."""
        self._looked = self._told_rollout = 0.0

    async def keep(self, batch: TelemetryBatch) -> Counter[str]:
        """Keep a batch; when it returns, it is on the disk and part of the present. Gives what was not kept, by why.

        Raises:
            StoreBusy: too much waits for the disk already.
            sqlite3.Error: it could not be written.
        """
        values = [one for one in batch.values if self.present.may_stand(one)]
        early = len(batch.values) - len(values)
        # Shielded: a sender that hangs up does not undo what is being written.
        writing = self._writer.submit(replace(batch, values=values))
        kept = await asyncio.shield(asyncio.wrap_future(writing))
        # The present is what the store took, so that one bound holds for both.
        self.present.take(kept.values)
        self.rollouts.take_spans(kept.spans)
        self.rollouts.hear_life_signs(batch.signs)
        for event in batch.events:
            self.present.touched.add(event.school)
        return kept.refused + Counter({"a time later than now, beside a sender whose clock is right": early})

    def refuse(self, signal: str, reason: str) -> None:
        """Count a request that was not taken."""
        self._refused[_refusal(signal, reason)] += 1

    def refused(self) -> list[CumulativeTotal]:
        """What was not taken since this monitor began."""
        now = time.time()
        return [CumulativeTotal(key, "", 0, now, count) for key, count in self._refused.items()]

    def list_own_values(self) -> list[GaugeValue]:
        """What the monitor itself finds: how many rollouts are lost; nothing where there was none."""
        lost = self.rollouts.count_lost()
        return [] if lost is None else [GaugeValue((ROLLOUT_LOST, ()), time.time(), float(lost))]

    async def tell(self) -> None:
        """Tell pages what changed, for ever."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            try:
                self._turn(time.monotonic())
            except Exception:
                # Whatever it is: pages that are told nothing any more look like a city where nothing happens.
                logging.getLogger("tsunagu").exception("a change could not be told to the pages")

    def close(self) -> None:
        """Write what waits."""
        self._writer.close()

    def _turn(self, now: float) -> None:
        touched, self.present.touched = self.present.touched, set()
        every = now >= self._looked + LOOK_AGAIN_SECONDS
        if every:
            self._looked = now
            self.rollouts.note_lost_change()
            self._look_who_is_open()
        changed = {}
        for name in self._open if every else touched & self._open.keys():
            tile = self.present.tile(self._open[name])
            if self._shown.get(name) != tile:
                changed[name] = tile
        if changed:
            self.stream.publish("tiles", list(changed.values()))
            # Only now: where a turn breaks off, the next look tells what it has not.
            self._shown |= changed
        for name in touched & self._open.keys():
            self.stream.nudge(name, {"id": name})
        if self.rollouts.touched and now >= self._told_rollout + ROLLOUT_SECONDS:
            self._told_rollout = now
            self.stream.publish("rollout", self.rollouts.build_change())
            self.rollouts.touched = False

    def _look_who_is_open(self) -> None:
        """Where a school is open or closed from today on, let all pages begin anew."""
        found = {school.id: school for school in self.present.list_open_schools()}
        if found.keys() != self._open.keys():
            self._open = found
            self.stream.let_go()

    def _everything(self) -> list[tuple[str, object]]:
        return [("tiles", self.present.tiles()), ("rollout", self.rollouts.build_view())]


def _refusal(signal: str, reason: str) -> SeriesKey:
    return MONITOR_REFUSED, ((SIGNAL.name, signal), (REASON.name, reason))
