"""One process of the fuzz run; its memory is bounded by the kernel, its answers by a clock.

    python -m tests.security.fuzz.worker --seed 7 --inputs 10000 --folders 50 [--seconds 7200] [--megabytes 768]

Prints one JSON document: how many inputs, by target; the slowest answer and the greatest memory; and every fault with
the input that made it. Exit code 1 where there is one. It ends by itself when the seconds are over.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import logging
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from controller.errors import TsunaguError
from tests.security.fuzz.folders import FolderStage
from tests.security.fuzz.mutations import mutate
from tests.security.fuzz.targets import Target, make_stage, make_targets

MOST_SECONDS = 1.0
"""Of the processor's time, so that a busy machine makes nobody slow."""
GIVEN_UP = 10.0
"""Seconds after which an answer is waited for no longer."""
BATCH = 200
BURST = 20
FOLDERS = "folders"
MOST_FAULTS = 20


class Endless(BaseException):
    """An answer did not come."""


@dataclass
class Findings:
    """What the run saw."""

    inputs: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    distinct: set[int] = field(default_factory=set)
    slowest: float = 0.0
    slowest_target: str = ""
    faults: list[dict[str, str]] = field(default_factory=list)

    def examine(
        self, name: str, ask: Callable[[], object], refusals: tuple[type[Exception], ...], shown: bytes
    ) -> None:
        """Ask a reader, and keep what is wrong with its answer."""
        began = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, GIVEN_UP)
        try:
            ask()
        except refusals:
            self.refused[name] += 1
        except Endless:
            self._fault(name, f"no answer in {GIVEN_UP:.0f} s", shown)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._fault(name, f"{type(error).__name__}: {str(error)[:200]} at {where.filename}:{where.lineno}", shown)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        took = time.process_time() - began
        self.inputs[name] += 1
        self.distinct.add(hash((name, shown)))
        if took > self.slowest:
            self.slowest, self.slowest_target = took, name
        if took > MOST_SECONDS:
            self._fault(name, f"it took {took:.1f} s", shown)

    def _fault(self, name: str, what: str, shown: bytes) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append({"target": name, "fault": what, "input": base64.b64encode(shown[:100_000]).decode()})


def draw_inputs(number: int, beginning: int, ask: Callable[[Random], None]) -> None:
    """Ask about so many inputs. Hypothesis draws where a burst of them begins: an input each would cost it more time
    than most readers take."""

    @seed(beginning)
    @settings(
        max_examples=-(-number // BURST),
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64 - 1))
    def each(start: int) -> None:
        for place in range(BURST):
            # With the run's own number: Hypothesis begins every run with the same plain starts.
            ask(Random(f"{beginning}/{start}/{place}"))  # noqa: S311 inputs, no secrets

    each()


def ask_target(target: Target, found: Findings, number: int, beginning: int) -> None:
    """Ask a target about so many broken documents."""

    def ask(draw: Random) -> None:
        data = mutate(draw, target.seeds)
        found.examine(target.name, lambda: target.run(data), target.refusals, data)

    draw_inputs(number, beginning, ask)


def ask_folders(stage: FolderStage, found: Findings, number: int, beginning: int) -> None:
    """Load so many broken folders."""

    def ask(draw: Random) -> None:
        changes = stage.make_changes(draw)
        found.examine(FOLDERS, lambda: stage.load(changes), (TsunaguError,), repr(changes).encode())

    draw_inputs(number, beginning, ask)


def run(targets: list[Target], stage: FolderStage, found: Findings, asked: argparse.Namespace) -> None:
    """Ask every target in turn, a batch each, and folders in between, until all is asked or the time is over.

    Both grow by the same part of what is asked of each, so a run that its time ends has seen something of both.
    """
    ends = time.monotonic() + asked.seconds
    turn, loads = 0, 0
    while time.monotonic() < ends:
        folders = asked.folders - found.inputs[FOLDERS]
        inputs = asked.inputs - (found.inputs.total() - found.inputs[FOLDERS])
        if folders > 0 and folders * asked.inputs >= inputs * asked.folders:
            ask_folders(stage, found, min(BURST, folders), asked.seed + loads)
            loads += 1
        elif inputs > 0:
            ask_target(targets[turn % len(targets)], found, min(BATCH, inputs), asked.seed + turn)
            turn += 1
        else:
            break


def bound_memory(megabytes: int) -> None:
    """Let the kernel refuse more memory than what is in use now and so many megabytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def give_up(_signal: int, _frame: FrameType | None) -> None:
    """End an answer that does not come."""
    raise Endless


def main(words: list[str]) -> int:
    """Run, and print what was seen."""
    parser = argparse.ArgumentParser(prog="fuzz worker")
    for name, default in (("seed", 1), ("inputs", 1000), ("folders", 0), ("seconds", 7200), ("megabytes", 768)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="a part of the names of targets")
    given_words = parser.parse_args(words)
    logging.disable()
    warnings.simplefilter("error", RuntimeWarning)
    signal.signal(signal.SIGVTALRM, give_up)
    found = Findings()
    with tempfile.TemporaryDirectory(prefix="tsunagu-fuzz-") as private:
        stage = make_stage(Path(private) / "stage")
        targets = [one for one in make_targets(stage) if given_words.only in one.name]
        folders = FolderStage(Path(private) / "folders")
        folders.load([])
        bound_memory(given_words.megabytes)
        try:
            run(targets, folders, found, given_words)
        except KeyboardInterrupt:
            print("fuzz: stopped", file=sys.stderr)  # noqa: T201 what a person in a terminal reads
    document = {
        "seed": given_words.seed,
        "inputs": found.inputs.total() - found.inputs[FOLDERS],
        "folders": found.inputs[FOLDERS],
        "distinct": len(found.distinct),
        "by_target": dict(found.inputs),
        "refused": sum(found.refused.values()),
        "slowest_seconds": round(found.slowest, 3),
        "slowest_target": found.slowest_target,
        "rss_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bound_megabytes": given_words.megabytes,
        "faults": found.faults,
    }
    print(json.dumps(document))  # noqa: T201 what whoever started it reads
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
