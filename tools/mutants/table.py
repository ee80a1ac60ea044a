"""Writes what became of the mutants: a line for each while it runs, and the table of `docs/mutants.md`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tools.mutants.trials import Result

HEAD = """# Mutants: the tests, tried

`make mutants SEED=1 N=12` puts small faults into the code, one at a time (an operator, a condition, a constant, a
deleted statement, swapped arguments, a return value), and runs the tests that stand near, without the lab. A fault
that no test notices is a survivor. `python -m tools.mutants --module controller/plan/select.py` tries one module or
one folder, `--write` puts its rows in here. Killed counts those that ran into the time limit, too: a test hung
instead of failing. Mutants judged equivalent, with the reason: `tools/mutants/equivalent.yaml`; they are not counted
in the percentage.
"""
COLUMNS = "| module | seed | mutants | killed | of these timed out | equivalent | survived | killed of the others |"
SURVIVORS = "## Survivors"


def describe_result(one: Result) -> str:
    """Return a line of text: what was changed where, and how it ended."""
    by = f" by {one.by}" if one.end == "killed" else ""
    return f"{one.end:10} {one.module}:{one.mutant.line}: {one.mutant.name}{by} ({one.seconds:.1f} s)"


def count_results(results: list[Result]) -> Counter[str]:
    """Return how many mutants ended how; those that timed out are killed, too."""
    counts = Counter(one.end for one in results)
    counts["killed"] += counts["timed out"]
    return counts


def format_percentage(counts: Counter[str]) -> str:
    """Return the share of the mutants killed, rounded down, of those that are not equivalent."""
    tried = counts["killed"] + counts["survived"]
    return f"{counts['killed'] * 100 // tried} %" if tried else "none tried"


def write_table(path: Path, results: dict[str, list[Result]], seed: int, present: list[str]) -> None:
    """Write the rows of these modules; those of others that are still there stay as they are."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = {m[1]: m[0] for m in re.finditer(r"^\| `([^`]+\.py)` \|.*$", text, re.MULTILINE) if m[1] in present}
    survivors = [m[0] for m in re.finditer(r"^- `([^`:]+):\d+`.*$", text, re.MULTILINE) if m[1] in present]
    survivors = [line for line in survivors if line.split("`")[1].split(":")[0] not in results]
    for module, found in results.items():
        rows[module] = _format_row(f"`{module}`", str(seed), count_results(found))
        survivors += [f"- `{module}:{one.mutant.line}` `{one.mutant.name}`" for one in found if one.end == "survived"]
    groups: dict[str, Counter[str]] = {}
    for module, row in rows.items():
        counts = groups.setdefault("/".join(module.split("/")[:-1][:2]), Counter())
        counts.update(_read_row(row))
    lines = [HEAD, "## By package", "", COLUMNS, "|---|---|---|---|---|---|---|---|"]
    lines += [_format_row(f"{name}/", "", counts) for name, counts in sorted(groups.items())]
    lines += [_format_row("together", "", sum(groups.values(), Counter())), ""]
    lines += ["## By module", "", COLUMNS, "|---|---|---|---|---|---|---|---|", *(rows[one] for one in sorted(rows))]
    lines += ["", SURVIVORS, "", *(sorted(survivors) or ["None."]), ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def _format_row(name: str, seed: str, counts: Counter[str]) -> str:
    number = counts["killed"] + counts["survived"] + counts["equivalent"]
    cells = (name, seed, number, counts["killed"], counts["timed out"], counts["equivalent"], counts["survived"])
    return f"| {' | '.join(str(cell) for cell in cells)} | {format_percentage(counts)} |"


def _read_row(row: str) -> Counter[str]:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    _, _, _, killed, timed_out, equivalent, survived, _ = cells
    numbers = {"killed": killed, "timed out": timed_out, "equivalent": equivalent, "survived": survived}
    return Counter({name: int(cell) for name, cell in numbers.items()})
