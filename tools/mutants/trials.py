"""Draws mutants by seed, chooses the tests for each, and runs them in copies of the tree."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.mutants.copies import Copies, UntriedError, copy_tree, list_files
from tools.mutants.operators import Mutant, list_mutants
from tools.mutants.targets import find_modules_apart, find_near_tests

AT_LEAST = 20.0
"""Seconds that a mutant's tests get in any case."""
TIMES = 5.0
"""How many times the seconds without a mutant they get."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant."""

    module: str
    mutant: Mutant
    end: str
    """`killed`, `timed out`, `survived`, or `equivalent`, which is not tried."""
    by: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Settings:
    """How many mutants of each module are drawn, by which seed, and how they are tried."""

    root: Path
    seed: int
    number: int
    tests: tuple[str, ...] = ()
    """These test files instead of those that stand near the module."""
    processes: int = 1
    only: str = ""
    """Of all mutants, those whose name holds this text; none is drawn by lot then."""


@dataclass(frozen=True, slots=True)
class _Tests:
    """The test files near a module, and what each of their tests does without a mutant."""

    root: Path
    files: list[str]
    seen: dict[str, dict[str, Any]]


def draw_mutants(text: str, module: str, settings: Settings) -> list[Mutant]:
    """Return the module's mutants that are tried: the same ones for the same seed, evenly by kind."""
    mutants = list_mutants(text)
    if settings.only:
        return [one for one in mutants if settings.only in f"{one.line}: {one.name}"]
    lot = random.Random(f"{settings.seed}:{module}")  # noqa: S311 a lot that can be drawn again
    lot.shuffle(mutants)
    rank: dict[str, int] = {}
    order = []
    for mutant in mutants:
        rank[mutant.kind] = rank.get(mutant.kind, 0) + 1
        order.append((rank[mutant.kind], mutant))
    drawn = [mutant for _, mutant in sorted(order, key=lambda one: one[0])][: settings.number]
    return sorted(drawn, key=lambda one: (one.line, one.name))


def try_modules(modules: list[str], settings: Settings, skipped: set[tuple[str, str]]) -> Iterator[list[Result]]:
    """Yield the results of each module as it is done; those skipped are told as equivalent.

    Raises:
        UntriedError: the tests fail without a mutant.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for module in modules:
        tests = settings.tests or tuple(find_near_tests(settings.root, module))
        groups.setdefault(tests, []).append(module)
    with copy_tree(settings.root, settings.processes) as copies, ThreadPoolExecutor(settings.processes) as pool:
        # From the copy, before a worker changes it: the user may edit the tree meanwhile.
        texts = {module: (copies.tree / module).read_text(encoding="utf-8") for module in modules}
        try:
            for tests, members in groups.items():
                seen = _watch_tests(settings.root, members, list(tests), copies)
                near = _Tests(settings.root, list(tests), seen)
                jobs = [
                    pool.submit(
                        _try_module, module, draw_mutants(texts[module], module, settings), near, skipped, copies
                    )
                    for module in members
                ]
                for job in jobs:
                    yield job.result()
        except BaseException:
            copies.stop()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def choose_tests(mutant: Mutant, module: str, seen: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return the tests to run in two rounds: those that run the mutant's lines, then the others that use its module.

    What a test runs through a cache or a fixture that another test filled first is not seen: hence the second round.
    """

    def is_hit(one: dict[str, Any]) -> bool:
        return any(number in mutant.lines for number in one["lines"].get(module, ()))

    order = sorted(seen, key=lambda name: seen[name]["seconds"])
    using = [name for name in order if module in seen[name]["lines"] or seen[name]["starts_programs"]]
    hit = [name for name in using if mutant.at_import or is_hit(seen[name])]
    others = [name for name in (order if mutant.at_import else using) if name not in hit]
    return [one for one in (hit, others) if one]


def _try_module(
    module: str,
    drawn: list[Mutant],
    tests: _Tests,
    skipped: set[tuple[str, str]],
    copies: Copies,
) -> list[Result]:
    results = [Result(module, one, "equivalent", "", 0.0) for one in drawn if (module, one.name) in skipped]
    tried = {one.name: one for one in drawn if (module, one.name) not in skipped}
    trials = []
    for mutant in tried.values():
        rounds = choose_tests(mutant, module, tests.seen)
        limits = [max(AT_LEAST, TIMES * sum(tests.seen[name]["seconds"] for name in one)) for one in rounds]
        trials.append({"name": mutant.name, "rounds": list(zip(rounds, limits, strict=True))})
    job = {
        "task": "mutants",
        "module": module,
        "trials": trials,
        "preload": find_modules_apart(tests.root, module, tests.files),
    }
    if trials:
        for line in copies.run_worker(job):
            answer = json.loads(line)
            results.append(Result(module, tried[answer["name"]], answer["end"], answer["by"], answer["seconds"]))
    return sorted(results, key=lambda one: (one.mutant.line, one.mutant.name))


def _watch_tests(root: Path, modules: list[str], tests: list[str], copies: Copies) -> dict[str, dict[str, Any]]:
    """Return what each test runs of the modules; kept until a file of the project changes."""
    kept = root / ".tsunagu" / "mutants" / f"{_digest(root, [*modules, *tests])}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    job = {"task": "baseline", "modules": modules, "tests": tests, "preload": []}
    answer = json.loads(copies.run_worker(job)[-1])
    if answer["failed"]:
        raise UntriedError(answer["failed"])
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(answer["tests"]), encoding="utf-8")
    return dict(answer["tests"])


def _digest(root: Path, words: list[str]) -> str:
    digest = hashlib.sha256("\0".join(words).encode())
    for name in list_files(root):
        if not name.startswith("docs/"):
            digest.update(name.encode() + b"\0" + hashlib.sha256((root / name).read_bytes()).digest())
    return digest.hexdigest()[:24]
