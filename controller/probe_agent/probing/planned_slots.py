"""The slots that a probe tests throughput in, as one small document that the monitor writes and the probe checks."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

from controller.probe_agent.problems import ProbeProblem

FORMAT = 1
MOST_BYTES = 64 * 1024
_MOST_SLOTS, _MOST_REGIONS, _LONGEST_NAME = 400, 16, 64
_DAY = 86_400.0
_MOST_DAYS = 8 * _DAY
_LONGEST_SLOT = 3_600.0
_MOST_MEGABYTES = 1e7
_EARLIEST, _LATEST = 1e9, 1e11


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A test of a line: it begins from `begins` to `latest`, is over at `ends`, and carries `megabytes` at most.

    Times are in seconds since 1970 by the monitor's clock.
    """

    line: str
    begins: float
    latest: float
    ends: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class PlannedSlots:
    """All slots up to `until`, as the monitor said at `now`; a test goes to the first of `regions` that answers."""

    now: float
    until: float
    regions: tuple[str, ...]
    slots: tuple[PlannedSlot, ...]


def write_planned_slots(planned: PlannedSlots) -> bytes:
    """The text that `parse_planned_slots` reads."""
    return json.dumps({"format": FORMAT, **dataclasses.asdict(planned)}).encode()


def parse_planned_slots(content: bytes, lines: Collection[str]) -> PlannedSlots:
    """The slots in a text; none is believed that a probe with these lines cannot keep to.

    Raises:
        ProbeProblem: something in it is not as it must be; says what.
    """
    try:
        document = json.loads(content.decode()) if len(content) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(f"are no document of format {FORMAT}")
    now = _take_number(document, "now", _EARLIEST, _LATEST)
    until = _take_number(document, "until", now, now + _MOST_DAYS)
    regions, slots = document.get("regions"), document.get("slots")
    if not isinstance(regions, list) or len(regions) > _MOST_REGIONS or not all(_is_name(one) for one in regions):
        _refuse("name no regions")
    if not isinstance(slots, list) or len(slots) > _MOST_SLOTS:
        _refuse(f"are no list of at most {_MOST_SLOTS}")
    found = tuple(_take_slot(one, lines, now, until) for one in slots)
    if any(after.begins < before.ends for before, after in pairwise(found)):
        _refuse("are not one after the other")
    return PlannedSlots(now, until, tuple(regions), found)


def _take_slot(value: object, lines: Collection[str], now: float, until: float) -> PlannedSlot:
    if not isinstance(value, dict):
        _refuse("are no slots")
    line = value.get("line")
    if not _is_name(line) or line not in lines:
        _refuse("are for a line that this probe does not have; enrol it again")
    begins = _take_number(value, "begins", now - _DAY, until)
    ends = _take_number(value, "ends", begins + 1, begins + _LONGEST_SLOT)
    latest = _take_number(value, "latest", begins, ends)
    return PlannedSlot(str(line), begins, latest, ends, _take_number(value, "megabytes", 0, _MOST_MEGABYTES))


def _take_number(document: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        _refuse(f"have no {name} from {least:g} to {most:g}")
    return float(value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def _refuse(what: str) -> NoReturn:
    message = f"the planned tests that the monitor gave {what}"
    raise ProbeProblem(message)
