"""The lab's answers as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from controller.lab.lab_status import LabStatus, SchoolStatus
from controller.lab.trials.matrix_results import MatrixResult, PairResult, PairVerdict
from controller.model.network.packets import Family

OPEN, CLOSED, WRONG, NOT_TRIED = "o", "-", "X", " "
_LONGEST_LIST = 40


def build_matrix_table(matrix: MatrixResult) -> RenderableType:
    """A row for each host, a column for each application, a mark for each family; below, what is wrong."""
    families = [part.family for part in matrix.summary]
    columns = list(dict.fromkeys(one.pair.target.column for one in matrix.results))
    keys = dict(zip(columns, _keys(len(columns)), strict=True))
    table = Table(title=matrix.title, title_justify="left", pad_edge=False, box=None)
    for heading in ("school", "host"):
        table.add_column(heading)
    for key in keys.values():
        table.add_column(key, justify="center")
    cells: dict[tuple[str, str], dict[tuple[str, Family], list[PairResult]]] = {}
    for one in matrix.results:
        row = cells.setdefault((one.pair.school, one.pair.host), {})
        row.setdefault((one.pair.target.column, one.pair.target.family), []).append(one)
    for (school, host), row in cells.items():
        marks = (Text.assemble(*(_mark(row.get((column, family), [])) for family in families)) for column in columns)
        table.add_row(school, host, *marks)
    return Group(table, *_legend(keys, families), *_wrong(matrix), *_totals(matrix))


def build_status_table(status: LabStatus) -> RenderableType:
    """A row for each school: whether its programs live, its switch and SSH server answer, its namespaces are there."""
    table = Table(pad_edge=False, box=None)
    for heading in ("school", "programs", "switch", "SSH", "namespaces"):
        table.add_column(heading)
    for school in status.schools:
        table.add_row(school.school, _programs(school), *_answers(school))
    rest = Text.assemble("applications: ", _yes(status.services), "; responders: ", _yes(status.responders))
    for name, lives in (*status.routers.items(), *status.iap.items()):
        rest.append_text(Text.assemble(f"; {name}: ", _yes(lives)))
    if status.missing_namespaces:
        rest.append(f"; namespaces gone: {', '.join(status.missing_namespaces)}", style="red")
    broken = [Text(f"broken on purpose: {one}", "yellow") for one in status.broken]
    return Group(table, rest, *broken)


def _programs(school: SchoolStatus) -> Text:
    dead = [name for name, lives in school.programs.items() if not lives]
    return Text(f"dead: {', '.join(dead)}", "red") if dead else _yes(good=True)


def _answers(school: SchoolStatus) -> tuple[Text, Text, Text]:
    gone = school.missing_namespaces
    return _yes(school.switch), _yes(school.login), Text(f"gone: {', '.join(gone)}", "red") if gone else _yes(good=True)


def _yes(good: bool) -> Text:  # noqa: FBT001 a word for a truth value
    return Text("yes", "green") if good else Text("NO", "red")


def _keys(number: int) -> list[str]:
    letters = list(ascii_uppercase)
    return (letters + [first + second for first in letters for second in letters])[:number]


def _mark(results: list[PairResult]) -> tuple[str, str]:
    if not results:
        return NOT_TRIED, ""
    if any(one.verdict is not PairVerdict.AGREES for one in results):
        return WRONG, "bold red"
    return (OPEN, "green") if results[0].pair.permitted else (CLOSED, "dim")


def _legend(keys: dict[str, str], families: Sequence[Family]) -> list[Text]:
    named = "   ".join(f"{key} {column}" for column, key in keys.items())
    cell = "Two marks a cell, IPv4 then IPv6" if len(families) > 1 else "One mark a cell"
    marks = f"{cell}: {OPEN} permitted and open, {CLOSED} denied by the filter, {WRONG} wrong"
    return [Text(), Text(named), Text(marks)]


def _wrong(matrix: MatrixResult) -> list[Text]:
    wrong = [one for one in matrix.results if one.verdict is not PairVerdict.AGREES]
    lines = [Text(_line(one), "red") for one in wrong[:_LONGEST_LIST]]
    if len(wrong) > _LONGEST_LIST:
        lines.append(Text(f"and {len(wrong) - _LONGEST_LIST} more; --json lists them all", "red"))
    return [Text(), *lines] if lines else []


def _line(one: PairResult) -> str:
    target = one.pair.target
    where = f"[{target.address}]" if target.family is Family.V6 else target.address
    detail = f" ({one.detail})" if one.detail else ""
    return f"{one.pair.school} {one.pair.host} -> {target.column} {where}:{target.port}: {one.verdict}{detail}"


def _totals(matrix: MatrixResult) -> list[Text]:
    lines = [Text()]
    for part in matrix.summary:
        counts = f"{part.agree} of {part.pairs} pairs agree ({part.permitted} permitted, {part.denied} denied)"
        lines.append(Text(f"IPv{int(part.family)}: {counts}", "green" if part.agree == part.pairs else "red"))
    control = "each denied pair also connected with the filters off" if matrix.with_control else "without the control"
    if not any(part.denied for part in matrix.summary):
        control = "only what must connect"
    lines.append(Text(f"{matrix.seconds:.1f} s; asked: {control}"))
    if matrix.untested:
        lines.append(Text(f"not tried, because they have no TCP service: {', '.join(matrix.untested)}", "yellow"))
    return lines
