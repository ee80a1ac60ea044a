"""What-if for people: Markdown for a review comment. The surprising changes stand first, with why they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from controller.plan.changes import (
    UNREGISTERED,
    AdmissionChange,
    Change,
    Changes,
    ExchangeChange,
    IdentityChange,
    NetworkChange,
    weight,
)

NAMED = 6
"""So many schools are named; of more, only how many there are."""
_MOST_ROWS = 40
_WAYS = {"opens": "**opens**", "closes": "closes"}
Row = tuple[str, ...]


def markdown(changes: Changes, schools: int) -> str:
    """The whole comment; `schools` is how many the city has."""
    return "\n".join([*_lines(changes, schools), ""])


def _lines(changes: Changes, schools: int) -> Iterator[str]:
    yield f"## What if: {changes.before} → {changes.after}"
    yield ""
    yield f"{summary(changes)} Judged for {changes.on}; exceptions that have expired by then permit nothing."
    network, identity = grouped_network(changes.network), grouped_identity(changes.identity)
    kinds: tuple[Change, ...] = (*network, *identity, *changes.admission, *changes.exchange)
    surprising = sorted((one for one in kinds if one.surprises), key=weight)
    if surprising:
        first = [(", ".join(one.surprises), sentence(one, schools)) for one in surprising]
        yield from _table("Look at these first", ("why", "what"), first)
    if network:
        head: Row = ("", "from → to", "services", "schools", "example", "rules")
        yield from _table("Network part (switches and routers)", head, [_network(one, schools) for one in network])
    if identity:
        head = ("", "role at application", "from", "with at least", "devices registered at", "example", "rules")
        yield from _table("Identity part (proxy)", head, [_identity(one, schools) for one in identity])
    if changes.admission:
        moved = [(f"{o.role}, {_or(o.postures)}, {o.place}", _or(o.before), _or(o.after)) for o in changes.admission]
        yield from _table("802.1X", ("who", "segment before", "segment after"), moved)
    if changes.exchange:
        yield from _table("Systems", ("", "data", "rules"), [_exchange(one) for one in changes.exchange])
    if changes.unjudged:
        yield ""
        yield f"Differs, too, and is no answer to who reaches what: {', '.join(changes.unjudged)}."


def grouped_network(changes: Iterable[NetworkChange]) -> list[NetworkChange]:
    """Segments for which the same changes are one row."""
    found: dict[object, NetworkChange] = {}
    for one in changes:
        key = replace(one, segment="", packet="")
        found[key] = replace(found[key], segment=f"{found[key].segment}, {one.segment}") if key in found else one
    return sorted(found.values(), key=weight)


def grouped_identity(changes: Iterable[IdentityChange]) -> list[IdentityChange]:
    """Roles, and then applications, for which the same changes are one row; then where devices are registered."""
    rows = list(changes)
    for without, join in _JOINS:
        found: dict[object, IdentityChange] = {}
        for one in rows:
            key = without(one)
            found[key] = join(found[key], one) if key in found else one
        rows = list(found.values())
    return sorted(rows, key=weight)


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


def summary(changes: Changes) -> str:
    """One sentence: how much changes."""
    if changes.nothing:
        return "**No answer changes.**"
    parts = [
        _count("network", changes.network),
        _count("identity", changes.identity),
        _count("802.1X", changes.admission),
        _count("system", changes.exchange),
    ]
    return f"**{', '.join(part for part in parts if part)} change.**"


def _count(noun: str, changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    opened, closed = (sum(o.answers for o in changes if getattr(o, "way", "") == way) for way in ("opens", "closes"))
    directions = [f"{opened} open" if opened else "", f"{closed} close" if closed else ""]
    split = ", ".join(part for part in directions if part)
    return f"{sum(one.answers for one in changes)} {noun} answers" + (f" ({split})" if split else "")


def sentence(one: Change, schools: int) -> str:
    """A change in one sentence."""
    match one:
        case NetworkChange():
            partly = "partly " if one.partly else ""
            ways = f"{one.segment} → {one.application} ({', '.join(one.services)})"
            return f"{partly}{_WAYS[one.way]} {ways} at {_schools(one.schools, schools)}; {_or(one.rules)}"
        case IdentityChange():
            people = f"{one.role} at {one.application} from {', '.join(one.places)}"
            return f"{_WAYS[one.way]} {people}; {_or(one.rules)}; e.g. {one.person}"
        case AdmissionChange():
            return f"{one.role} with {_or(one.postures)} at {one.place}: {_or(one.before)} → {_or(one.after)}"
        case ExchangeChange():
            return f"{_WAYS[one.way]} {_data(one)}; {_or(one.rules)}"


def _network(one: NetworkChange, schools: int) -> Row:
    way = _WAYS[one.way] + (" (partly)" if one.partly else "")
    families = "" if len(one.families) > 1 else f" IPv{one.families[0]} only"
    services = ", ".join(one.services) + families
    ends = f"{one.segment} → {one.application}"
    return way, ends, services, _schools(one.schools, schools), f"`{one.packet}`", _or(one.rules)


def _identity(one: IdentityChange, schools: int) -> Row:
    least = "password" if one.least_factor == "none" else one.least_factor
    devices = f"; {', '.join(one.postures)}" if one.postures else "; any device"
    who = f"{one.role} at {one.application}"
    there = _registered_at(one.registered, schools)
    return _WAYS[one.way], who, ", ".join(one.places), least + devices, there, one.person, _or(one.rules)


def _exchange(one: ExchangeChange) -> Row:
    return _WAYS[one.way], _data(one), _or(one.rules)


def _data(one: ExchangeChange) -> str:
    if one.connection:
        return f"connection {one.connection}"
    return f"{one.sender} → {one.receiver}, class {', '.join(one.data)}"


def _registered_at(names: Sequence[str], schools: int) -> str:
    """Where devices are registered; who has none is said by itself."""
    known = [name for name in names if name != UNREGISTERED]
    shown = "any school or office" if len(known) > schools else _schools(known, schools) if known else ""
    return " or ".join(part for part in (shown, "nowhere" if UNREGISTERED in names else "") if part)


def _schools(names: Sequence[str], schools: int) -> str:
    if len(names) >= schools:
        return f"all {len(names)}"
    shown = ", ".join(names[:NAMED])
    return f"{len(names)}: {shown}{', …' if len(names) > NAMED else ''}"


def _or(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _table(title: str, head: Row, rows: Sequence[Row]) -> Iterator[str]:
    yield ""
    yield f"### {title}"
    yield ""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows[:_MOST_ROWS]:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    if len(rows) > _MOST_ROWS:
        yield ""
        yield f"{len(rows) - _MOST_ROWS} more rows; `--json` has them all."
