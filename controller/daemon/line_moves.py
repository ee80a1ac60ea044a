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
from controller.measure.assessment.assess import CARRIED
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


def list_wanted_moves(city: City, lines: Mapping[SchoolLine, KnownSupply], now: datetime) -> Iterator[LineMove]:
    """Yield the moves that the lines ask for: away from one in a brown-out, back to one that is good again.

    People's own order of a school is left alone, and nobody is moved to a line that can carry no more.
    """
    for (name, line), known in sorted(lines.items()):
        school = city.school_by_id.get(name)
        if school is None or not timedelta() <= now - known.at <= FRESH:
            continue
        if find_own_override(city, name, line) is not None:
            if known.supply is LineSupply.FULL:
                yield LineMove(name, line, back=True)
        elif known.supply is LineSupply.BROWN_OUT and not any(name in one.schools for one in city.lines.overrides):
            ways = _put_last(city, school, line)
            if ways and school.lines.by_name[ways[0][0]].mbps * CARRIED > known.mbps:
                yield LineMove(name, line, ways=ways)


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
