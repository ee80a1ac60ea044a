"""The soak goes on where it stopped, plays again what has changed, and ends when it is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import time

import pytest

from controller.lab.state.processes import wait_until
from tests.cloud.lives import played_jobs, soak
from tests.cloud.lives.played_jobs import (
    GENERATED,
    KEPT_FORM,
    DeploymentChanged,
    Job,
    PlayedJob,
    choose_valid,
    find_clean_commit,
    is_deployment_changed,
)
from tests.cloud.lives.soak import PAGE, TABLE, JobPlayer, SoakRun, list_jobs, play_jobs, write_run
from tests.cloud.lives.trials import list_trials
from tests.kept_lines import open_kept_lines
from tests.started_processes import signal_group

ROOT = Path(__file__).parents[3]
LAB, OTHER = ("lab", "both serving"), (GENERATED, "7")
PLAYED = PlayedJob(*LAB, cases=6, of=6, wrong=(), seed=7, commit="aaaa", seconds=60.0)


def play(job: Job) -> PlayedJob:
    return replace(PLAYED, stack=job[0], state=job[1], commit="bbbb")


def play_in_this_process(_play: object, jobs: list[Job], _processes: int) -> Iterator[PlayedJob]:
    yield from map(play, jobs)


def say_nothing(_text: str) -> None:
    """Nobody reads it."""


def test_a_run_goes_on_where_it_stopped_and_makes_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "play_jobs", play_in_this_process)
    with open_kept_lines(tmp_path / "kept", KEPT_FORM) as kept:
        run = SoakRun([LAB, OTHER], {LAB: PLAYED}, kept)
        assert run.play(play, 1, say_nothing)
        assert [one.job for one in kept.list_lines()] == [OTHER]
    assert f"| aaaa to bbbb | 7 | 6 of {len(list_trials())} | 6 of 1 | 0 | 2 |" in run.format_row(7)


def test_a_job_that_was_not_played_to_its_end_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = replace(PLAYED, cases=3)
    monkeypatch.setattr(soak, "play_jobs", lambda *_: (one for one in [half]))
    with open_kept_lines(tmp_path / "kept", KEPT_FORM) as kept:
        run = SoakRun([LAB], kept=kept)
        run.play(play, 1, say_nothing)
        assert kept.list_lines() == []
    assert run.done == {LAB: half}


def test_what_another_seed_drew_what_was_wrong_and_what_has_changed_is_played_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(played_jobs, "is_deployment_changed", lambda commit: commit == "old")
    wrong = replace(PLAYED, state="one serving", wrong=("x",))
    assert choose_valid([PLAYED, wrong], 7, "aaaa") == {LAB: PLAYED, wrong.job: wrong}
    assert choose_valid([PLAYED, wrong], 7, "bbbb") == {LAB: PLAYED}
    assert choose_valid([PLAYED], 8, "aaaa") == {}
    assert choose_valid([replace(PLAYED, commit="old")], 7, "aaaa") == {}
    again = replace(PLAYED, commit="bbbb")
    assert [*choose_valid([PLAYED, replace(wrong, wrong=()), again], 7, "bbbb").values()][-1] == again


def test_a_commit_counts_as_long_as_what_is_deployed_is_the_same(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        known = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *known, "-C", str(tmp_path), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(file: str) -> str:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(f"{time()}", encoding="utf-8")
        git("add", ".")
        git("commit", "-q", "-m", "x")
        return git("rev-parse", "--short=12", "HEAD")

    git("init", "-q")
    commit("docs/page.md")
    first = commit("stacks/stack.py")
    docs = commit("docs/page.md")
    assert (find_clean_commit(tmp_path), is_deployment_changed(first, tmp_path)) == (docs, False)
    commit("stacks/stack.py")
    assert is_deployment_changed(docs, tmp_path)
    assert is_deployment_changed("0123456789ab", tmp_path)
    (tmp_path / "stacks/new.py").write_text("", encoding="utf-8")
    with pytest.raises(DeploymentChanged, match=r"stacks/new\.py"):
        find_clean_commit(tmp_path)


def test_every_folder_that_is_compared_is_there() -> None:
    assert [one for one in played_jobs.DEPLOYED if not (ROOT / one).exists()] == []


def test_what_cannot_begin_is_a_finding_and_nothing_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(soak, "lead_into", refuse)
    played = JobPlayer(7, time() + 60, "aaaa", tmp_path).play(LAB)
    assert (played.cases, played.of) == (0, 6)
    assert played.wrong[0].startswith("lab, before both serving: ValueError")
    assert JobPlayer(7, 0.0, "aaaa", tmp_path).play(LAB).wrong == ()


def test_one_row_stands_for_all_runs_of_a_seed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    others = "| 2026-11-30 | a | 7 | x |\n\n"
    page.write_text(
        f"{others}{TABLE}\n|---|\n| d | aaaa | 7 | 1 of 2 | 0 of 1 | 0 | 1 |\n| d | a | 8 | 1 | 1 | 0 | 1 |\n"
    )
    write_run("| d | aaaa to bbbb | 7 | 2 of 2 | 1 of 1 | 0 | 3 |", 7, page)
    assert page.read_text() == (
        f"{others}{TABLE}\n|---|\n| d | a | 8 | 1 | 1 | 0 | 1 |\n| d | aaaa to bbbb | 7 | 2 of 2 | 1 of 1 | 0 | 3 |\n"
    )
    assert TABLE in PAGE.read_text(encoding="utf-8")


class WaitingPlayer(JobPlayer):
    """Its engine at work is a process that says its number and never ends."""

    def play(self, job: Job) -> PlayedJob:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]) as engine:
            print(engine.pid, flush=True)  # noqa: T201 the test reads it
        return play(job)


def run_until_interrupted(keep: str) -> None:
    """What a test's own process does."""
    soak.JobPlayer = WaitingPlayer  # type: ignore[misc]
    vars(soak)["find_clean_commit"] = lambda: "aaaa"
    sys.exit(soak.main(["--seed", "7", "--generated", "3", "--processes", "1", "--keep", keep]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_engines_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    keep = tmp_path / "kept"
    program = f"from tests.cloud.lives.test_soak import *; run_until_interrupted({str(keep)!r})"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        assert "of which 0 are kept; seed 7" in next(lines)
        engine = Path("/proc") / next(lines).strip()
        assert engine.exists()
        signal_group(process, number)
        said = "".join(lines)
        assert process.wait() == 130
    assert wait_until(lambda: not engine.exists(), 10.0)
    assert "Traceback" not in said
    assert f"python -m tests.cloud.lives.soak --seed 7 --generated 3 --keep {keep}" in said
    assert [*tmp_path.iterdir()] == [keep]


def test_jobs_are_played_in_processes_of_their_own() -> None:
    played = list(play_jobs(_name_process, [LAB, OTHER], 1))
    assert [one.job for one in played] == [LAB, OTHER]
    assert len({one.commit for one in played} | {str(os.getpid())}) == 3


def _name_process(job: Job) -> PlayedJob:
    return replace(play(job), commit=str(os.getpid()))


def test_a_soak_plays_the_table_and_what_is_generated_in_an_order_of_the_seeds() -> None:
    jobs = list_jobs(7, 50)
    assert sum(kind == GENERATED for kind, _ in jobs) == 50
    assert {job for job in jobs if job[0] != GENERATED} == {(one.stack, one.state) for one in list_trials()}
    assert jobs == list_jobs(7, 50) != list_jobs(8, 50)


@pytest.mark.parametrize(("option", "number"), [("--processes", "0"), ("--processes", "-1"), ("--generated", "-5")])
def test_a_number_that_plays_nothing_is_refused(capsys: pytest.CaptureFixture[str], option: str, number: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        soak.main([f"{option}={number}"])
    assert f"argument {option}: a whole number from" in capsys.readouterr().err
