"""`python -m tools.mutants`: tries the tests of one module, of a folder, or of everything, with seeded mutants."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from pathlib import Path

from tools.mutants.copies import UntriedError
from tools.mutants.equivalent import StaleEntryError, check_equivalents, read_equivalents
from tools.mutants.operators import list_mutants
from tools.mutants.table import count_results, describe_result, format_percentage, write_table
from tools.mutants.targets import list_modules
from tools.mutants.trials import Settings, try_modules

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "mutants.md"
INTERRUPTED = 130
UNTRIED = 2
"""Exit code where the tests fail without a mutant, or the list of equivalent mutants does not fit the code."""


def read_arguments(words: list[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--module", action="append", default=[], metavar="PATH", help="a module or a folder; else all")
    parser.add_argument("--seed", type=int, default=1, help="which mutants are drawn (1)")
    parser.add_argument("-n", "--number", type=int, default=12, help="how many of each module (12)")
    parser.add_argument("--tests", action="append", default=[], metavar="FILE", help="these test files instead")
    parser.add_argument("--only", default="", metavar="TEXT", help="instead of a draw: those whose line or name has it")
    parser.add_argument("--processes", type=int, default=1, help="how many modules at a time (1)")
    parser.add_argument("--list", action="store_true", help="print the mutants there are, and try none")
    parser.add_argument("--write", action="store_true", help="put the rows into docs/mutants.md")
    parser.add_argument("--at-least", type=int, default=0, metavar="PERCENT", help="end with 1 where fewer are killed")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Try them; 1 where too few were killed, 2 where nothing can be said, 130 after Ctrl-C."""
    asked = read_arguments(words)
    try:
        modules = list_modules(ROOT, asked.module)
        if asked.list:
            for module in modules:
                for mutant in list_mutants((ROOT / module).read_text(encoding="utf-8")):
                    _say(f"{module}:{mutant.line}: {mutant.name}")
            return 0
        return _try(modules, asked)
    except (UntriedError, StaleEntryError, ValueError) as problem:
        _say(f"mutants: {problem}")
        return UNTRIED
    except KeyboardInterrupt:
        _say("mutants: interrupted")
        return INTERRUPTED


def _try(modules: list[str], asked: argparse.Namespace) -> int:
    entries = read_equivalents()
    named = {one.module for one in entries if (ROOT / one.module).is_file()}
    texts = {module: (ROOT / module).read_text(encoding="utf-8") for module in named}
    check_equivalents(entries, {module: {one.name for one in list_mutants(text)} for module, text in texts.items()})
    settings = Settings(ROOT, asked.seed, asked.number, tuple(asked.tests), asked.processes, asked.only)
    skipped = {(one.module, one.mutant) for one in entries}
    results = {}
    for found in try_modules(modules, settings, skipped):
        for one in found:
            _say(describe_result(one))
        if found:
            results[found[0].module] = found
            counts = count_results(found)
            _say(f"{found[0].module}: {counts['killed']} killed, {counts['survived']} survived\n")
    counts = sum((count_results(found) for found in results.values()), Counter())
    _say(
        f"mutants: {counts['killed']} killed ({counts['timed out']} by the time limit), {counts['survived']} survived, "
        f"{counts['equivalent']} equivalent: {format_percentage(counts)} (seed {asked.seed})"
    )
    if asked.write:
        write_table(TABLE, results, asked.seed, list_modules(ROOT, []))
    tried = counts["killed"] + counts["survived"]
    return 1 if counts["killed"] * 100 < asked.at_least * tried else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 the answer


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
