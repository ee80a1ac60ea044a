"""The people's table, as people read it."""

from __future__ import annotations

from collections import Counter
from string import ascii_uppercase

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.lab.trials.people.people_results import PeopleResult, VisitResult, VisitVerdict
from controller.model.network.packets import Family

LET_IN, BY_NETWORK, BY_IDENTITY, WRONG, NOT_TRIED = "o", "-", "i", "X", " "
_LONGEST_LIST = 30


def build_people_table(people: PeopleResult) -> RenderableType:
    """A row for each person at a place and time, a column for each application, a mark for each family."""
    applications = list(dict.fromkeys(one.visit.application for one in people.results))
    keys = dict(zip(applications, ascii_uppercase, strict=False))
    table = Table(title=people.title, title_justify="left", pad_edge=False, box=None)
    for heading in ("sits at", "counts as", "person", "time"):
        table.add_column(heading)
    for key in keys.values():
        table.add_column(key, justify="center")
    rows: dict[str, list[VisitResult]] = {}
    for one in people.results:
        rows.setdefault(one.visit.person.row, []).append(one)
    for results in rows.values():
        visit = results[0].visit
        places = "/".join(dict.fromkeys(one.visit.place for one in results))
        marks = (
            Text.assemble(*(_mark(results, application, family) for family in Family)) for application in applications
        )
        table.add_row(visit.seat.label, places, visit.person.label, f"{visit.at:%a %H:%M}", *marks)
    return Group(table, *_legend(keys), *_wrong(people), *_totals(people))


def _mark(results: list[VisitResult], application: str, family: Family) -> tuple[str, str]:
    mine = [one for one in results if one.visit.application == application and one.visit.family is family]
    if not mine:
        return NOT_TRIED, ""
    if any(one.verdict is not VisitVerdict.AGREES for one in mine):
        return WRONG, "bold red"
    if mine[0].visit.permitted:
        return LET_IN, "green"
    return (BY_IDENTITY, "yellow") if mine[0].visit.network else (BY_NETWORK, "dim")


def _legend(keys: dict[str, str]) -> list[Text]:
    named = "   ".join(f"{key} {application}" for application, key in keys.items())
    marks = (
        f"Two marks a cell, IPv4 then IPv6: {LET_IN} let in, {BY_NETWORK} refused by the network, "
        f"{BY_IDENTITY} refused by the proxy, {WRONG} wrong"
    )
    return [Text(), Text(named), Text(marks)]


def _wrong(people: PeopleResult) -> list[Text]:
    lines = [_line(one) for one in people.results if one.verdict is not VisitVerdict.AGREES]
    lines += [
        f"{one.name}, {one.application} {one.address}: {'let in' if one.let_in else 'the control was refused'}"
        + (f" ({one.status} {one.reason})" if one.reason else "")
        for one in people.attacks
        if one.let_in is not one.must_work
    ]
    lines += [
        f"{one.person} -> {one.application}, {one.session_seconds:,} s after signing in: expected to "
        f"{'be let in' if one.lasts else 'be asked to sign in again'}, but {one.status or 'no answer'} {one.reason}"
        for one in people.sessions
        if not one.agrees
    ]
    more = [f"and {len(lines) - _LONGEST_LIST} more; --json lists them all"] if len(lines) > _LONGEST_LIST else []
    return [Text(), *(Text(line, "red") for line in [*lines[:_LONGEST_LIST], *more])] if lines else []


def _line(one: VisitResult) -> str:
    visit = one.visit
    part = f" by {one.refused_by}" if one.refused_by else ""
    detail = f" ({one.status or 'no answer'}{part}: {one.reason})" if one.reason else ""
    who = f"{visit.seat.label}, {visit.person.label}, {visit.at:%a %H:%M}"
    return f"{who} -> {visit.application} IPv{int(visit.family)}: {one.verdict}{detail}"


def _totals(people: PeopleResult) -> list[Text]:
    lines = [Text()]
    for part in people.summary:
        refused = f"{part.refused_by_network} refused by the network, {part.refused_by_identity} by the proxy"
        counts = f"{part.agree} of {part.visits} visits agree ({part.let_in} let in, {refused})"
        lines.append(Text(f"IPv{int(part.family)}: {counts}", "green" if part.agree == part.visits else "red"))
    tried = Counter(one.must_work for one in people.attacks)
    worked = sum(one.let_in for one in people.attacks if one.must_work)
    good = people.attacks_let_in == 0 and worked == tried[True]
    controls = f"{worked} of {tried[True]} controls let in"
    lines.append(
        Text(f"attacks: {people.attacks_let_in} of {tried[False]} let in; {controls}", "green" if good else "red")
    )
    kept = sum(one.agrees for one in people.sessions)
    said = f"sessions: {kept} of {len(people.sessions)} visits at their end and after it are as the policy says"
    lines.append(Text(said, "green" if kept == len(people.sessions) else "red"))
    lines.append(Text(f"{people.seconds:.1f} s"))
    return lines
