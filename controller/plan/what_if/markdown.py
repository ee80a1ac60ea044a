"""Writes the changed answers as Markdown for a review comment; the surprising ones first, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from controller.messages import Language, load_catalogue
from controller.plan.what_if.changes import (
    EVERYWHERE,
    IMPORTANT,
    OUTSIDE,
    SKIPS,
    STRANGERS,
    UNREGISTERED,
    WIDE,
    AdmissionChange,
    Change,
    Changes,
    DataFlowChange,
    EquipmentChange,
    IdentityChange,
    LaterChange,
    NetworkChange,
    PlatformChange,
    SeatChange,
    SessionChange,
    SessionState,
    SourceChange,
    StageChange,
    weigh_change,
)

NAMED = 6
"""So many schools are named; of more, only how many there are."""
_MOST_ROWS = 40
_REASONS = {
    SKIPS: "skips",
    IMPORTANT: "class-ii",
    STRANGERS: "strangers",
    OUTSIDE: "outside",
    WIDE: "wide",
    EVERYWHERE: "everywhere",
}
Row = tuple[str, ...]


def write_markdown(changes: Changes, schools: int, language: Language = "en") -> str:
    """The whole comment; `schools` is how many the city has."""
    return "\n".join([*_Comment(schools, language).lines(changes), ""])


class _Comment:
    """The words of one language, for a city of so many schools."""

    def __init__(self, schools: int, language: Language) -> None:
        self._schools = schools
        self._catalogue = load_catalogue(language)

    def lines(self, changes: Changes) -> Iterator[str]:
        """The comment, line by line."""
        yield f"## {self._say('title', before=changes.before, after=changes.after)}"
        yield ""
        yield f"{self._summary(changes)} {self._say('judged', on=changes.on)}"
        network, identity = group_network_changes(changes.network), group_identity_changes(changes.identity)
        kinds: tuple[Change, ...] = (*network, *identity, *changes.admission, *changes.data_flows, *changes.equipment)
        kinds += (*changes.sessions, *changes.stages, *changes.later)
        staged = [(self._stage(one),) for one in changes.stages]
        yield from self._table("stages", ("what",), staged)
        surprising = sorted((one for one in kinds if one.surprises), key=weigh_change)
        yield from self._table("first", ("why", "what"), [(self._why(one), self._sentence(one)) for one in surprising])
        head: Row = ("way", "ends", "services", "schools", "example", "rules")
        yield from self._table("network", head, [self._network(one) for one in network])
        head = ("way", "who", "from", "least", "registered", "example", "rules")
        yield from self._table("identity", head, [self._identity(one) for one in identity])
        yield from self._table("sessions", ("what",), [(self._session(one),) for one in changes.sessions])
        moved = [(f"{o.role}, {_or(o.postures)}, {o.place}", _or(o.before), _or(o.after)) for o in changes.admission]
        yield from self._table("admission", ("person", "before", "after"), moved)
        flows = [(self._say(one.way), self._data(one), _or(one.rules)) for one in changes.data_flows]
        yield from self._table("data-flows", ("way", "data", "rules"), flows)
        other = [(self._equipment(one),) for one in changes.equipment if not one.surprises]
        yield from self._table("equipment", ("what",), other)
        later = [(self._say(one.stage), self._sentence(one.change)) for one in changes.later if not one.surprises]
        yield from self._table("later", ("stage", "what"), later)
        yield from self._table("unjudged", ("field",), [(one,) for one in changes.unjudged])

    def _say(self, key: str, **marks: object) -> str:
        return self._catalogue.say(f"what_if.{key}", **marks)

    def _summary(self, changes: Changes) -> str:
        if changes.nothing:
            return self._say("nothing-judged" if changes.unjudged else "nothing", count=len(changes.unjudged))
        parts = [
            self._count("network-count", changes.network),
            self._count("identity-count", changes.identity),
            self._count("session-count", changes.sessions),
            self._count("admission-count", changes.admission),
            self._count("data-flow-count", changes.data_flows),
            self._count("equipment-count", changes.equipment),
            self._count("stage-count", changes.stages),
            self._count("later-count", changes.later),
        ]
        return self._say("summary", parts=", ".join(part for part in parts if part))

    def _count(self, key: str, changes: Sequence[Change]) -> str:
        if not changes:
            return ""
        opened, closed = (
            sum(o.answers for o in changes if getattr(o, "way", "") == way) for way in ("opens", "closes")
        )
        directions = [
            self._say("open-count", count=f"{opened:,}") if opened else "",
            self._say("close-count", count=f"{closed:,}") if closed else "",
        ]
        split = ", ".join(part for part in directions if part)
        return self._say(key, count=f"{sum(one.answers for one in changes):,}") + (f" ({split})" if split else "")

    def _why(self, one: Change) -> str:
        return ", ".join(self._say(_REASONS[reason]) for reason in one.surprises)

    def _sentence(self, one: Change) -> str:
        match one:
            case NetworkChange():
                ways = f"{self._way(one)} {one.segment} → {one.application} ({', '.join(one.services)})"
                return f"{self._say('at', ways=ways, there=self._at(one.schools))}; {_or(one.rules)}"
            case IdentityChange():
                places = ", ".join(one.places)
                people = self._say("people", role=one.role, application=one.application, places=places)
                return f"{self._say(one.way)} {people}; {_or(one.rules)}; {one.person}"
            case AdmissionChange():
                return f"{one.role}, {_or(one.postures)}, {one.place}: {_or(one.before)} → {_or(one.after)}"
            case DataFlowChange():
                return f"{self._say(one.way)} {self._data(one)}; {_or(one.rules)}"
            case SessionChange() | SeatChange() | SourceChange() | PlatformChange() | StageChange():
                return self._equipment(one)
            case LaterChange():
                return self._say("once-there", stage=self._say(one.stage), what=self._sentence(one.change))

    def _stage(self, one: StageChange) -> str:
        before, after = (self._say(stage or "no-stage") for stage in (one.before, one.after))
        key = "stage-moves" if one.before != one.after else "stage-stays"
        said = [self._say(key, there=self._at(one.schools), before=before, after=after)]
        if one.waits:
            said.append(self._say("stage-waits", day=one.waits.until, stage=self._say(one.waits.stage)))
        if one.waited and one.waited != one.waits:
            said.append(self._say("stage-waited", day=one.waited.until, stage=self._say(one.waited.stage)))
        return "; ".join(said)

    def _equipment(self, one: EquipmentChange | SessionChange | StageChange) -> str:
        match one:
            case SessionChange():
                return self._session(one)
            case StageChange():
                return self._stage(one)
            case SeatChange():
                key = "network-moves" if one.network else "ports-move"
                marks = {"network": one.network, "count": f"{one.seats:,}", "there": self._at(one.schools)}
                return self._say(key, before=self._carried(one.before), after=self._carried(one.after), **marks)
            case SourceChange():
                return self._say(f"{one.of}-{one.way}", where=one.where, prefixes=", ".join(one.prefixes))
            case PlatformChange():
                ends = {"before": one.before or self._say("not-there"), "after": one.after or self._say("not-there")}
                names = ", ".join(one.devices[:NAMED]) + (", …" if len(one.devices) > NAMED else "")
                return self._say("platform-moves", count=f"{len(one.devices):,}", names=names, **ends)

    def _carried(self, words: Sequence[str]) -> str:
        return ", ".join(words) or self._say("not-there")

    def _way(self, one: NetworkChange) -> str:
        return self._say(one.way) + (f" ({self._say('partly')})" if one.partly else "")

    def _network(self, one: NetworkChange) -> Row:
        families = "" if len(one.families) > 1 else f" {self._say('only-family', family=one.families[0])}"
        services = ", ".join(one.services) + families
        ends = f"{one.segment} → {one.application}"
        return self._way(one), ends, services, self._at(one.schools), f"`{one.packet}`", _or(one.rules)

    def _identity(self, one: IdentityChange) -> Row:
        least = self._say("password") if one.least_factor == "none" else one.least_factor
        devices = ", ".join(one.postures) or self._say("any-device")
        who = f"{one.role} → {one.application}"
        there = self._registered(one.registered)
        return self._say(one.way), who, ", ".join(one.places), f"{least}; {devices}", there, one.person, _or(one.rules)

    def _session(self, one: SessionChange) -> str:
        before, after = (self._state(state) for state in (one.before, one.after))
        return self._say("session-moves", application=one.application, before=before, after=after)

    def _state(self, state: SessionState | None) -> str:
        if state is None:
            return self._say("not-there")
        return self._say("session", minutes=f"{state.seconds // 60:,}", method=self._say(state.method))

    def _data(self, one: DataFlowChange) -> str:
        if one.connection:
            return self._say("connection", ends=one.connection)
        return self._say("class", sender=one.sender, receiver=one.receiver, data=", ".join(one.data))

    def _registered(self, names: Sequence[str]) -> str:
        """Say where devices are registered; those registered nowhere apart."""
        known = [name for name in names if name != UNREGISTERED]
        shown = self._say("anywhere") if len(known) > self._schools else self._at(known) if known else ""
        nowhere = self._say("nowhere") if UNREGISTERED in names else ""
        return self._say("or").join(part for part in (shown, nowhere) if part)

    def _at(self, names: Sequence[str]) -> str:
        if len(names) >= self._schools:
            return self._say("all-schools", count=len(names))
        shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        return self._say("some-schools", count=len(names), names=shown)

    def _table(self, title: str, head: Row, rows: Sequence[Row]) -> Iterator[str]:
        if not rows:
            return
        yield ""
        yield f"### {self._say(title)}"
        yield ""
        yield f"| {' | '.join(map(self._say, head))} |"
        yield f"|{'---|' * len(head)}"
        for row in rows[:_MOST_ROWS]:
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
        if len(rows) > _MOST_ROWS:
            yield ""
            yield self._say("more", count=len(rows) - _MOST_ROWS)


def _or(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def group_network_changes(changes: Iterable[NetworkChange]) -> list[NetworkChange]:
    """Segments for which the same changes are one row."""
    found: dict[object, NetworkChange] = {}
    for one in changes:
        key = replace(one, segment="", packet="")
        found[key] = replace(found[key], segment=f"{found[key].segment}, {one.segment}") if key in found else one
    return sorted(found.values(), key=weigh_change)


def group_identity_changes(changes: Iterable[IdentityChange]) -> list[IdentityChange]:
    """Roles, and then applications, for which the same changes are one row; then where devices are registered."""
    rows = list(changes)
    for without, join in _JOINS:
        found: dict[object, IdentityChange] = {}
        for one in rows:
            key = without(one)
            found[key] = join(found[key], one) if key in found else one
        rows = list(found.values())
    return sorted(rows, key=weigh_change)


def _roles(one: IdentityChange, other: IdentityChange) -> IdentityChange:
    return replace(one, role=f"{one.role}, {other.role}")


def _registered(one: IdentityChange, other: IdentityChange) -> IdentityChange:
    return replace(one, registered=tuple(sorted({*one.registered, *other.registered})))


def _applications(one: IdentityChange, other: IdentityChange) -> IdentityChange:
    return replace(one, application=f"{one.application}, {other.application}")


_JOINS: tuple[
    tuple[Callable[[IdentityChange], IdentityChange], Callable[[IdentityChange, IdentityChange], IdentityChange]], ...
] = (
    (lambda one: replace(one, person="", role=""), _roles),
    (lambda one: replace(one, person="", registered=()), _registered),
    (lambda one: replace(one, person="", application=""), _applications),
)
"""What is left of a change without one of its sides, and how two that are the same without it become one."""
