"""The monitor between its store and its pages: what is kept becomes the present, and what changed is told."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypedDict

from controller.model.city import City
from controller.telemetry.registry import MONITOR_REFUSED, REASON, ROLLOUT_LOST, SIGNAL
from monitoring.city_state.certificate_ends import build_own_ends, build_own_values, list_certificate_needs
from monitoring.city_state.event_stream import EventStream
from monitoring.city_state.known_names import list_known_names
from monitoring.city_state.needs import Need, sort_needs
from monitoring.city_state.needs_view import NeedView, build_needs_view
from monitoring.city_state.operator_actions import OperatorActions
from monitoring.city_state.rollout_views import RolloutViews
from monitoring.city_state.school_tiles import CityState, Tile, format_known_time
from monitoring.city_state.sender_clocks import SenderClocks, SkewedSender
from monitoring.limits import MOST_ACTIONS
from monitoring.timeseries import queries
from monitoring.timeseries.records import (
    CumulativeTotal,
    GaugeValue,
    KeptBatch,
    OperatorAction,
    SeriesKey,
    TelemetryBatch,
)
from monitoring.timeseries.retention import KeptSeconds
from monitoring.timeseries.store_writer import StoreWriter
from monitoring.timeseries.time_series_store import TimeSeriesStore

TURN_SECONDS = 0.25
"""What changes more often than this is told once."""
ROLLOUT_SECONDS = 0.5
"""How often what changed of a rollout is told."""
LOOK_AGAIN_SECONDS = 1.0
"""How often every tile is looked at: one also changes by nothing coming in."""

BROKEN_SECONDS = 5.0
"""For so long pages wait for a turn that does not break off; then they begin anew."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class ClockView(TypedDict):
    """When anything was last heard, None where nothing ever was; and the senders whose clocks are wrong."""

    newest_at: str | None
    skewed: list[SkewedSender]


class StoreState(TypedDict):
    """The name that a damaged store was moved to at the start, and why the store is not well now; None: it is."""

    moved_aside: str | None
    fault: str | None


class Monitor:
    """All parts of a running monitor. Its methods belong to the event loop's thread."""

    def __init__(self, city: City, store: TimeSeriesStore, kept: KeptSeconds | None = None) -> None:
        self.city = city
        self.store = store
        self.names = list_known_names(city)
        self.gone = store.delete_unknown(self.names.find_unknown, time.time())
        """Schools whose series were deleted at the start, because the city does not have them any more."""
        self.present = CityState(city, queries.read_latest_values(store))
        self.present.known.hear_events(queries.read_brown_outs(store))
        self.clocks = SenderClocks()
        self.rollouts = RolloutViews(queries.read_newest_rollouts(store, time.time()))
        self.stream = EventStream(self._everything)
        self.find_own_certificates: Callable[[], Mapping[str, float]] = dict
        """When the certificates end that this monitor itself shows or judges others by."""
        self.actions = OperatorActions(queries.read_operator_actions(store, MOST_ACTIONS))
        self._write_fault: str | None = None
        self._lasting_fault: str | None = None
        self.page_fault: str | None = None
        """Why the pages could not be told the last time what changed; None: all well."""
        self._broken_since: float | None = None
        self._writer = StoreWriter(store, kept)
        # All from the start: Prometheus sees a rise only from a value that it knows.
        self._refused: Counter[SeriesKey] = Counter(
            {_refusal(signal, reason): 0 for signal in SIGNAL.values for reason in REASON.values}
        )
        self._shown: dict[str, Tile] = {tile["id"]: tile for tile in self.present.tiles()}
        self._open = {school.id: school for school in self.present.list_open_schools()}
        """The schools that pages show: one is closed from a day on."""
        self._shown_needs = self.build_needs()
        self._told_newest = self.present.newest
        self._told_fault: str | None = None
        self._looked = self._told_rollout = 0.0

    @property
    def store_fault(self) -> str | None:
        """Why the store is not well; None: it is.

        What could not be kept, e.g. on a full disk, is over with the next thing that is kept. What could not be read,
        or is damaged, lasts until the monitor starts again, for what is kept meanwhile says nothing of that.
        """
        return self._lasting_fault or self._write_fault or self._writer.fault

    async def keep(self, batch: TelemetryBatch) -> Counter[str]:
        """Keep a batch; when it returns, it is on the disk. Gives what was not kept, by why.

        What is now does not wait for the disk, and is shown also where the disk is full: the sender is told that it was
        not kept, and the page goes on.

        Raises:
            StoreBusy: too much waits for the disk already.
            sqlite3.Error: it could not be written.
        """
        now = self.present.known.clock()
        self.clocks.note(batch.skews)
        believed = [one for one in batch.values if self.present.known.may_stand(one, now)]
        early = len(batch.values) - len(believed)
        # All of it is of what the city has, and that bounds it.
        values = self.present.take(believed)
        ends = self.present.end(batch.ends)
        self.present.known.hear_events(batch.events)
        self.rollouts.hear_life_signs(batch.signs)
        kept = await self._write(replace(batch, values=values, ends=ends))
        self.rollouts.take_spans(kept.spans)
        for event in batch.events:
            self.present.touched.add(event.school)
        return kept.refused + Counter({"a time later than now, beside a sender whose clock is right": early})

    async def record_action(self, action: OperatorAction) -> None:
        """Keep what somebody did about a need; when it returns it is on the disk and told to the pages.

        Raises:
            StoreBusy: too much waits for the disk already.
            sqlite3.Error: it could not be written.
        """
        await self._write(TelemetryBatch(actions=[action]))
        self.actions.add(action)
        self._tell_needs()

    def find_need(self, identifier: str) -> Need | None:
        """A need of now by its id; None where there is none (any more)."""
        return next((one for one in self._list_needs(anew=True) if one.id == identifier), None)

    def build_needs(self, *, anew: bool = True) -> list[NeedView]:
        """The list of needs as it stands, for pages; not `anew`: as the tiles were built last."""
        return build_needs_view(self._list_needs(anew=anew), self.actions, time.time())

    def _list_needs(self, *, anew: bool) -> list[Need]:
        """What needs somebody, of schools and of rollouts."""
        certificates = list_certificate_needs(self.present.known)
        return sort_needs([*self.present.list_needs(anew=anew), *self.rollouts.list_needs(), *certificates])

    def build_clocks(self) -> ClockView:
        """When anything was last heard, and whose clock is wrong."""
        return {"newest_at": format_known_time(self.present.newest), "skewed": self.clocks.list_skewed()}

    def build_store_state(self) -> StoreState:
        """What is wrong with the store, or was when it was opened."""
        return {"moved_aside": self.store.moved_aside, "fault": self.store_fault}

    def note_store_fault(self, error: sqlite3.Error) -> None:
        """Remember and log, once, that the store cannot be read."""
        text = f"{self.store.path.name}: {error}"
        if text != self._lasting_fault:
            self._lasting_fault = text
            logging.getLogger("tsunagu").warning(
                "%s: cannot be read (%s); restart the monitor, which moves a damaged store aside",
                self.store.path,
                error,
            )

    def refuse(self, signal: str, reason: str) -> None:
        """Count a request that was not taken."""
        self._refused[_refusal(signal, reason)] += 1

    def refused(self) -> list[CumulativeTotal]:
        """What was not taken since this monitor began."""
        now = time.time()
        return [CumulativeTotal(key, "", 0, now, count) for key, count in self._refused.items()]

    def list_own_values(self) -> list[GaugeValue]:
        """What the monitor itself finds: when lines were last heard, wrong clocks, how many rollouts are lost.

        Of rollouts nothing where there was none.
        """
        lost = self.rollouts.count_lost()
        lost_rollouts = [] if lost is None else [GaugeValue((ROLLOUT_LOST, ()), time.time(), float(lost))]
        return [*self.present.list_line_arrivals(), *self.clocks.list_values(), *lost_rollouts]

    async def tell(self) -> None:
        """Tell pages what changed, for ever."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            now = time.monotonic()
            try:
                self._turn(now)
            except Exception as error:  # noqa: BLE001 whatever it is, see there
                self._note_broken_turn(error, now)
            else:
                self.page_fault = self._broken_since = None

    def _note_broken_turn(self, error: Exception, now: float) -> None:
        """Log once why a turn broke off. Where it goes on so, pages begin anew, and see what then can be seen.

        Pages that are told nothing any more would look like a city where nothing happens.
        """
        fault = f"{type(error).__name__}: {error}"
        if fault != self.page_fault:
            self.page_fault = fault
            logging.getLogger("tsunagu").error("a change could not be told to the pages", exc_info=error)
        if self._broken_since is None:
            self._broken_since = now
        elif now >= self._broken_since + BROKEN_SECONDS:
            self._broken_since = now
            self.stream.let_go()

    async def _write(self, batch: TelemetryBatch) -> KeptBatch:
        # Shielded: a sender that hangs up does not undo what is being written.
        try:
            kept = await asyncio.shield(asyncio.wrap_future(self._writer.submit(batch)))
        except sqlite3.Error as error:
            self._write_fault = f"{self.store.path.name}: {error}"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                self.note_store_fault(error)
            raise
        self._write_fault = None
        return kept

    def close(self) -> None:
        """Write what waits."""
        self._writer.close()

    def _turn(self, now: float) -> None:
        touched, self.present.touched = self.present.touched, set()
        every = now >= self._looked + LOOK_AGAIN_SECONDS
        if every:
            self._looked = now
            self.rollouts.note_lost_change()
            self._note_own_certificates()
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
        if every:
            self._tell_needs(anew=False)
            if self._told_newest != self.present.newest:
                self._told_newest = self.present.newest
                self.stream.publish("clocks", self.build_clocks(), whole=True)
            if self._told_fault != self.store_fault:
                self._told_fault = self.store_fault
                self.stream.publish("store", self.build_store_state(), whole=True)
        if self.rollouts.touched and now >= self._told_rollout + ROLLOUT_SECONDS:
            self._told_rollout = now
            self.stream.publish("rollout", self.rollouts.build_change())
            self.rollouts.touched = False

    def _note_own_certificates(self) -> None:
        """Take what is known of them at every look: it is not kept, and no measurement by which pages look alive."""
        now = self.present.known.clock()
        ends = self.find_own_certificates()
        self.present.known.take(build_own_values(ends, now.wall), now)
        self.present.known.end(build_own_ends(ends, now.wall))

    def _tell_needs(self, *, anew: bool = True) -> None:
        needs = self.build_needs(anew=anew)
        if needs != self._shown_needs:
            self._shown_needs = needs
            self.stream.publish("needs", needs, whole=True)

    def _look_who_is_open(self) -> None:
        """Where a school is open or closed from today on, let all pages begin anew."""
        found = {school.id: school for school in self.present.list_open_schools()}
        if found.keys() != self._open.keys():
            self._open = found
            self.stream.let_go()

    def _everything(self) -> list[tuple[str, object]]:
        return [
            ("tiles", self.present.tiles()),
            ("rollout", self.rollouts.build_view()),
            ("needs", self.build_needs()),
            ("clocks", self.build_clocks()),
            ("store", self.build_store_state()),
        ]


def _refusal(signal: str, reason: str) -> SeriesKey:
    return MONITOR_REFUSED, ((SIGNAL.name, signal), (REASON.name, reason))
