"""The daemon's duty to look for brown-outs at real schools: by what their own probes told the monitor, read only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.cli.measurement.telemetry_tokens import find_token_file
from controller.daemon.line_supply import NAME, KnownSupply, LineSupplyBook
from controller.daemon.probed_tests import METHODS, ProbedFigure, list_line_tests
from controller.measure.assessment.assess import LineState
from controller.measure.measurement import LinePath, MeasurementKind
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES
from controller.platforms.transport.base import Clock
from controller.resilience.brown_out import LineSupply
from controller.resilience.line_parts import SchoolLine
from controller.resilience.supply_events import describe_supply
from controller.telemetry.otlp import open_telemetry
from controller.telemetry.registry import (
    DIRECTION,
    FAMILY,
    LINE,
    LINE_FLAPPING,
    LINE_SLOW,
    LINE_UP,
    REGION,
    SCHOOL,
    EventKind,
    Writer,
)
from controller.telemetry.traces.phases import ENDPOINT, list_configured_signals
from monitoring.timeseries.queries import read_brown_outs, read_kept_values, read_latest_values
from monitoring.timeseries.records import GaugeValue
from monitoring.timeseries.store_reader import StoreReader, open_store_reader

_FAMILIES = dict(zip(FAMILY.values, Family, strict=True))
_AGAIN_SECONDS = 3_600.0
"""So long the monitor is given to keep what it was told, before it is told again."""
_CLOCKS = timedelta(minutes=1)
"""So far a monitor's clock may be ahead of this process's."""
_NAMED = 5
SupplyRecord = Mapping[SchoolLine, LineSupply]


@dataclass
class SupplyDuty:
    """Takes the tests of schools' own probes from the monitor's store, and tells the monitor what they amount to.

    `is_named`: somebody named the store, so that one which is missing is a fault.
    """

    policies: Path
    load_city: Callable[[], City]
    find_folder: Callable[[], Path]
    clock: Clock
    store: Path
    is_named: bool
    states: Mapping[SchoolLine, LineState] = field(default_factory=dict)
    _is_looked_through: bool = False
    _told: dict[SchoolLine, tuple[LineSupply, float]] = field(default_factory=dict)

    def look(self) -> str:
        """Look once; return what there is to say.

        Raises:
            TsunaguError: the store or the record cannot be used; then nothing is known, and nothing changes.
        """
        self.states = {}
        book, now = LineSupplyBook(self.find_folder()), self.clock.now()
        if not self.is_named and not self.store.exists() and not (book.folder / NAME).exists():
            return f"{self.store}: no store of a monitor is here (--monitor-store), so no brown-out can be seen"
        city = self.load_city()
        with open_store_reader(self.store, looks_through=not self._is_looked_through) as opened:
            figures = list(_read_figures(opened, city, book.find_beginning(now), now))
            told = _read_told(opened)
            values = read_latest_values(opened)
        self._is_looked_through = True
        known = book.take_tests(city, list_line_tests(city, figures, now), told, now)
        known = {key: one for key, one in known.items() if key[0] in city.school_by_id}
        self.states = _read_states(values, city, now)
        said = list(_describe(known, self.states))
        if not self._tell_changes(known, told):
            said.append(f"the monitor's page does not know of it: {ENDPOINT} names no monitor")
        return "; ".join(said)

    def _tell_changes(self, known: Mapping[SchoolLine, KnownSupply], told: SupplyRecord) -> bool:
        """Tell the monitor where its own record says otherwise: its page and the proposals have one source.

        Return False where there is something to tell, and nobody who hears it.
        """
        at = self.clock.monotonic()
        news = [(key, one) for key, one in known.items() if told.get(key, LineSupply.FULL) is not one.supply]
        if news and "logs" not in list_configured_signals():
            return False
        wanted = [(key, one) for key, one in news if not self._was_told(key, one.supply, at)]
        if not wanted:
            return True
        with open_telemetry(token=find_token_file(Writer.PROBE, self.policies)) as sent:
            for key, one in wanted:
                kind, text = describe_supply(one.line, one.supply, one.turned)
                sent.event(kind, text, context=None, school=one.school, line=one.line)
                self._told[key] = (one.supply, at)
        return True

    def _was_told(self, key: SchoolLine, supply: LineSupply, at: float) -> bool:
        before, when = self._told.get(key, (None, 0.0))
        return before is supply and at - when < _AGAIN_SECONDS


def _read_figures(store: StoreReader, city: City, since: datetime, now: datetime) -> Iterator[ProbedFigure]:
    metrics = [one for method in METHODS for one in method]
    kinds = {str(one): one for one in (MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD)}
    for value in read_kept_values(store, metrics, since.timestamp(), now.timestamp()):
        key, place = _find_line(value, city), dict(value.key[1])
        family, kind = _FAMILIES.get(place.get(FAMILY.name, "")), kinds.get(place.get(DIRECTION.name, ""))
        if key is not None and family is not None and kind is not None:
            path = LinePath(*key, place.get(REGION.name, ""), family)
            yield ProbedFigure(value.key[0], path, kind, datetime.fromtimestamp(value.at, UTC), value.value)


def _find_line(value: GaugeValue, city: City) -> SchoolLine | None:
    """Return whose value it is; None where the city does not have it, or what is kept is damaged."""
    place = dict(value.key[1])
    school, name = place.get(SCHOOL.name, ""), place.get(LINE.name)
    return next(((school, line) for line in ACCESS_LINE_NAMES if line == name and school in city.school_by_id), None)


def _read_told(store: StoreReader) -> dict[SchoolLine, LineSupply]:
    """What the monitor has of each line as the newest word."""
    supplies = {EventKind.BROWN_OUT: LineSupply.BROWN_OUT, EventKind.BROWN_OUT_OVER: LineSupply.FULL}
    return {
        (one.school, line): supplies[EventKind(one.kind)]
        for one in read_brown_outs(store)
        for line in ACCESS_LINE_NAMES
        if line == one.line
    }


def _read_states(values: Sequence[GaugeValue], city: City, now: datetime) -> dict[SchoolLine, LineState]:
    """How each line is now: down as long as nothing says otherwise, not known where nobody spoke lately."""
    found: dict[SchoolLine, LineState] = {}
    worse = {LINE_FLAPPING: LineState.FLAPPING, LINE_SLOW: LineState.SLOW}
    bad: dict[SchoolLine, LineState] = {}
    for value in values:
        metric, key = value.key[0], _find_line(value, city)
        if key is None:
            continue
        if metric is LINE_UP:
            is_heard = _is_heard_lately(value, now)
            alive = LineState.UP if is_heard else LineState.UNKNOWN
            found[key] = alive if value.value > 0 else LineState.DOWN
        elif metric in worse and value.value > 0 and bad.get(key) is not LineState.FLAPPING:
            bad[key] = worse[metric]
    return {key: bad.get(key, state) if state is LineState.UP else state for key, state in found.items()}


def _is_heard_lately(value: GaugeValue, now: datetime) -> bool:
    if not value.heard:
        return False
    age = now.timestamp() - value.heard
    return -_CLOCKS.total_seconds() <= age <= value.key[0].fresh


def _describe(known: Mapping[SchoolLine, KnownSupply], states: Mapping[SchoolLine, LineState]) -> Iterator[str]:
    if not states:
        yield "the monitor has not heard of any line"
    slow = sorted(key for key, one in known.items() if one.supply is LineSupply.BROWN_OUT)
    if slow:
        yield f"in a brown-out: {_name(f'{school} {line}' for school, line in slow)}"
    heard = {school for (school, _), one in states.items() if one not in (LineState.UNKNOWN, LineState.DOWN)}
    silent = sorted({school for (school, _), one in states.items() if one is LineState.UNKNOWN} - heard)
    if silent and not heard:
        yield "nothing was heard of any line lately, so nothing new is proposed; does the monitor run?"
    elif silent:
        yield f"silent, so nothing new is proposed of them: {_name(silent)}"


def _name(found: Iterable[str]) -> str:
    """Name the first few.

    >>> _name("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    names = list(found)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
