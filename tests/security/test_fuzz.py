"""Broken input to every loader and parser: no traceback, no answer over a second, memory under the run's own bound."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from controller.model.policy_files import POLICY_FILES
from controller.platforms.registry import list_platforms
from monitoring.ingest import otlp_decoder
from tests.security.fuzz import worker
from tests.security.fuzz.folders import FolderStage
from tests.security.fuzz.mutations import LONGEST, mutate
from tests.security.fuzz.readers import OWN, list_readers
from tests.security.fuzz.soak import TABLE, describe_run, run_workers, write_row
from tests.security.fuzz.targets import Target, make_stage, make_targets
from tests.security.fuzz.worker import FOLDERS, Findings

ROOT = Path(__file__).parents[2]
SEED = 20261129
INPUTS = 10_000
FOLDER_LOADS = 30
LONGEST_RUN = 900


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return make_targets(make_stage(tmp_path_factory.mktemp("stage")))


def test_no_reader_fails_on_broken_input() -> None:
    found = run_workers(SEED, INPUTS, FOLDER_LOADS, LONGEST_RUN)
    assert [fault for one in found for fault in one["faults"]] == []
    assert sum(one["inputs"] for one in found) == INPUTS
    assert sum(one["folders"] for one in found) >= FOLDER_LOADS
    assert sum(one["distinct"] for one in found) > 0.8 * INPUTS
    # Not everything is refused, and not everything is taken: the mutations reach the inside of readers.
    assert 0.2 < sum(one["refused"] for one in found) / INPUTS < 0.9
    assert all(one["slowest_seconds"] <= worker.MOST_SECONDS for one in found)
    assert f"| {SEED} | {INPUTS:,} |" in describe_run(SEED, found)


def test_every_reader_has_a_target(targets: list[Target]) -> None:
    """A new parser without one is named here; so is an exception for one that is gone."""
    covered = {name for target in targets for name in target.covers}
    readers = set(list_readers())
    assert readers - covered - OWN.keys() == set()
    assert OWN.keys() - readers == set()
    assert covered & OWN.keys() == set()


def test_every_kind_of_file_every_platform_and_every_signal_has_a_target(targets: list[Target]) -> None:
    covered = {name for target in targets for name in target.covers}
    assert {f"policies/{kind.name}" for kind in POLICY_FILES} <= covered
    assert {f"platforms/{name}" for name in list_platforms()} <= covered
    names = {target.name for target in targets}
    assert {f"OTLP {signal_name}" for signal_name in otlp_decoder._DECODERS} <= names  # noqa: SLF001 what it can decode


def test_every_target_takes_a_good_document(targets: list[Target]) -> None:
    """Else the mutations would begin from what is refused at once."""
    good = 0
    for target in targets:
        for seed in target.seeds:
            try:
                target.run(seed)
            except target.refusals:
                continue
            good += 1
            break
    assert good >= len(targets) - 8


CLAUSE = b"route-map TSN-in-4-primary-tokyo-33d8c6d1 permit "


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ping", b"64 bytes from 192.0.2.1: icmp_seq=0 ttl=60 time=8...0 ms\n"),
        ("ping", b"64 bytes from 192.0.2.1: icmp_seq=0 ttl=60 time=255.0.255.0 ms\n"),
        ("ping", b"64 bytes from 192.0.2.1: icmp_seq=" + b"9" * 5000 + b" ttl=60 time=8 ms\n"),
        ("device text frr", CLAUSE + b"10\n set local-preference\nexit\n"),
        ("device text frr", CLAUSE + b"10\n set local-preference " + b"9" * 5000 + b"\nexit\n"),
        ("device text frr", CLAUSE + b"10\n set as-path prepend 1 " + b"9" * 5000 + b"\nexit\n"),
        ("device text frr", CLAUSE + b"9" * 5000 + b"\nexit\n"),
    ],
)
def test_what_failed_once_fails_no_more(targets: list[Target], name: str, data: bytes) -> None:
    target = next(one for one in targets if one.name == name)
    found = Findings()
    found.examine(name, lambda: target.run(data), target.refusals, data)
    assert found.faults == []
    assert found.refused[name] == (name != "ping")


@contextmanager
def short_patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(worker, "GIVEN_UP", 0.3)
    before = signal.signal(signal.SIGVTALRM, worker.give_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def loop_for_ever() -> None:
    while True:
        pass


def recurse() -> object:
    return recurse()


def raise_value_error() -> None:
    int("²")


def test_the_run_would_find_a_reader_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Findings()
    with short_patience(monkeypatch):
        for ask in (raise_value_error, loop_for_ever, recurse):
            found.examine("planted", ask, (KeyError,), b"input")
    assert [fault["fault"].split(":")[0] for fault in found.faults] == [
        "ValueError",
        "no answer in 0 s",
        "RecursionError",
    ]
    assert found.faults[0]["input"] == "aW5wdXQ="
    found.examine("planted", raise_value_error, (ValueError,), b"")
    assert (len(found.faults), found.refused["planted"], found.inputs["planted"]) == (3, 1, 4)


def test_the_run_would_find_a_reader_that_is_slow() -> None:
    found = Findings()

    def work() -> None:
        began = time.process_time()
        while time.process_time() - began < worker.MOST_SECONDS + 0.05:
            pass

    found.examine("planted", work, (), b"")
    assert found.faults[0]["fault"].startswith("it took 1.")


def test_the_kernel_refuses_memory_above_the_bound() -> None:
    program = (
        "from tests.security.fuzz.worker import Findings, bound_memory\n"
        "bound_memory(64)\n"
        "found = Findings()\n"
        "found.examine('planted', lambda: bytearray(200 * 2**20), (ValueError,), b'')\n"
        "found.examine('modest', lambda: bytearray(2**20), (ValueError,), b'')\n"
        "print([fault['target'] + ' ' + fault['fault'].split(':')[0] for fault in found.faults])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stdout == "['planted MemoryError']\n", ran.stderr


def test_the_run_stops_when_its_time_is_over() -> None:
    began = time.monotonic()
    found = run_workers(SEED, 10**9, 0, 1)
    assert time.monotonic() - began < 120
    assert [fault for one in found for fault in one["faults"]] == []
    assert all(0 < one["inputs"] < 10**6 for one in found)


def test_the_same_seed_makes_the_same_inputs_and_none_is_too_long() -> None:
    seeds = (b"a: [1, 2]\n", b"interface x\n description y\n" * 50)
    first, again = ([mutate(Random(number), seeds) for number in range(2000)] for _ in range(2))  # noqa: S311 inputs
    assert first == again
    assert len(set(first)) > 1000
    assert max(map(len, first)) <= LONGEST


def test_a_folder_is_whole_again_after_it_was_broken(tmp_path: Path) -> None:
    stage = FolderStage(tmp_path)
    before = {name: (stage.policies / name).read_bytes() for name in stage.files}
    found = Findings()
    for number in range(12):
        changes = stage.make_changes(Random(number))  # noqa: S311 inputs
        found.examine(FOLDERS, lambda changes=changes: stage.load(changes), (Exception,), b"")  # type: ignore[misc] # bound here
    assert before == {name: (stage.policies / name).read_bytes() for name in stage.files}
    assert {path.name for path in stage.policies.rglob("a-*")} == set()
    stage.load([])


def test_the_row_of_a_run_is_put_under_the_others(tmp_path: Path) -> None:
    page = tmp_path / "security.md"
    page.write_text(f"# Security\n\n{TABLE}\n|---|\n| first |\n\n## More\n")
    write_row("| second |", page)
    assert page.read_text() == f"# Security\n\n{TABLE}\n|---|\n| first |\n| second |\n\n## More\n"
    assert TABLE in (ROOT / "docs/security.md").read_text().splitlines()


def test_make_soak_runs_it() -> None:
    assert "tests.security.fuzz.soak" in (ROOT / "Makefile").read_text()
