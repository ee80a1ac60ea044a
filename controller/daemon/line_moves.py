"""Which moves of schools' line preference brown-outs ask for, and how many of them a day may be proposed: no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from controller.daemon.line_supply import KnownSupply
from controller.daemon.preference_edit import LineMove, find_own_override
from controller.measure.assessment.assess import CARRIED, LineState
from controller.model.city import City
from controller.model.sites.contracted_lines import AccessLineName
from controller.model.sites.schools import Identifier, School
from controller.resilience.brown_out import LineSupply
from controller.resilience.line_parts import SchoolLine

FRESH = timedelta(days=1)
"""A brown-out, or its end, that was seen longer ago moves nothing: silence is no state of a line."""
_KEPT = timedelta(days=2)
Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class NotedMove(BaseModel):
    """A move that was proposed, or the day's end of them, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    school: Identifier
    line: AccessLineName
    back: bool
    at: AwareDatetime

    def is_of(self, move: LineMove) -> bool:
        """Tell if it is this move."""
        return (self.school, self.line, self.back) == (move.school, move.line, move.back)


class MoveRecord(BaseModel):
    """What stands proposed (made from the policy of this digest), what was proposed lately, and what was told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    policy: Digest = ""
    proposed: tuple[NotedMove, ...] = ()
    made: tuple[NotedMove, ...] = ()
    told: tuple[NotedMove, ...] = ()

    def drop_old(self, now: datetime) -> MoveRecord:
        """Return it without what is too old to count."""
        kept = {name: tuple(one for one in getattr(self, name) if one.at > now - _KEPT) for name in ("made", "told")}
        return self.model_copy(update=kept)


@dataclass(frozen=True, slots=True)
class DampedMoves:
    """The moves that may stand proposed, those of them that are new, and those that the day has no room for."""

    allowed: tuple[LineMove, ...]
    new: tuple[LineMove, ...]
    spent: tuple[LineMove, ...]


def damp_moves(wanted: Sequence[LineMove], record: MoveRecord, most: int, day: datetime) -> DampedMoves:
    """Return what of the wanted moves may be proposed: `most` a school since the `day` began; what stands may stay.

    What was made after `now` counts, too: a clock that was put back makes no room.
    """
    allowed, new, spent = list[LineMove](), list[LineMove](), list[LineMove]()
    for move in wanted:
        if any(one.is_of(move) for one in record.proposed):
            allowed.append(move)
        elif sum(one.school == move.school and one.at >= day for one in record.made) < most:
            allowed.append(move)
            new.append(move)
        else:
            spent.append(move)
    return DampedMoves(tuple(allowed), tuple(new), tuple(spent))


def list_wanted_moves(
    city: City,
    lines: Mapping[SchoolLine, KnownSupply],
    now: datetime,
    states: Mapping[SchoolLine, LineState] | None = None,
) -> Iterator[LineMove]:
    """Yield the moves that the lines ask for: away from one in a brown-out, back to one that is good again.

    People's own order of a school is left alone, and nobody is moved to a line that can carry no more, or to or from
    one that is down. `states` are the lines' own; None: nobody looks at them.
    """
    for (name, line), known in sorted(lines.items()):
        school = city.school_by_id.get(name)
        if school is None or not timedelta() <= now - known.at <= FRESH:
            continue
        if states is not None and states.get((name, line)) is LineState.DOWN:
            continue  # its router has left it already
        if find_own_override(city, name, line) is not None:
            if known.supply is LineSupply.FULL:
                yield LineMove(name, line, back=True)
        elif known.supply is LineSupply.BROWN_OUT and not any(name in one.schools for one in city.lines.overrides):
            ways = _put_last(city, school, line)
            if ways and _can_carry_more(school, ways, known, lines, now, states or {}):
                yield LineMove(name, line, ways=ways)


def is_known_alive(move: LineMove, states: Mapping[SchoolLine, LineState]) -> bool:
    """Tell if the line that is left and the one that would carry its traffic are known to answer; the latter well."""
    own = states.get((move.school, move.line))
    if move.back or not move.ways:
        return own is LineState.UP
    return own not in (None, LineState.DOWN, LineState.UNKNOWN) and find_next_line(move, states)[1] is LineState.UP


def find_next_line(move: LineMove, states: Mapping[SchoolLine, LineState]) -> tuple[AccessLineName, LineState | None]:
    """Return the line that traffic would go to, and how it is: the first that is not down."""
    lines = list(dict.fromkeys(way[0] for way in move.ways))
    found = [(line, states.get((move.school, line))) for line in lines]
    return next((one for one in found if one[1] is not LineState.DOWN), found[0])


def _can_carry_more(  # noqa: PLR0913, PLR0917 both lines, and what is known of them
    school: School,
    ways: tuple[tuple[AccessLineName, str], ...],
    known: KnownSupply,
    lines: Mapping[SchoolLine, KnownSupply],
    now: datetime,
    states: Mapping[SchoolLine, LineState],
) -> bool:
    """Tell if the line that traffic would go to may carry more than the slow one still does."""
    line, state = find_next_line(LineMove(school.id, known.line, ways=ways), states)
    if line == known.line or state in (LineState.DOWN, LineState.FLAPPING, LineState.SLOW):
        return False
    tested = lines.get((school.id, line))
    if tested is not None and timedelta() <= now - tested.at <= FRESH:
        return tested.supply is LineSupply.FULL and tested.mbps > known.mbps
    return school.lines.by_name[line].mbps * CARRIED > known.mbps


def _put_last(city: City, school: School, line: AccessLineName) -> tuple[tuple[AccessLineName, str], ...]:
    """Return a school's ways with those of a line behind the others; none where that changes or allows nothing."""
    ways = [way.pair for way in city.lines.get_preference(school)]
    others = [way for way in ways if way[0] != line]
    if not others or ways[0][0] != line:
        return ()
    turned = [*others, *(way for way in ways if way[0] == line)]
    kinds = [school.lines.by_name[way[0]].routing for way in turned]
    # A router takes lines of one kind as a whole before those of the other: another order is refused by the policy.
    return tuple(turned) if len(list(groupby(kinds))) == len(set(kinds)) else ()
