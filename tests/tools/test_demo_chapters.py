"""The chapters of `make demo`: what is chosen, what happens to the others when one fails, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.lab.state.processes import wait_until
from tools.demo.chapters import CHAPTERS, STORY, Chapter, UnknownChapter, choose_chapters, describe_chapters
from tools.demo.engine import EngineBuild
from tools.demo.showing import Showing
from tools.demo.stage import Demo, StepFailed

ROOT = Path(__file__).resolve().parents[2]
STORY_SECONDS = 180
INTERRUPTING = """
import os, signal, sys, tempfile
import tools.demo.__main__ as demo
from tools.demo.chapters import Chapter

tempfile.tempdir = sys.argv[1]
def stop(_):
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
demo.choose_chapters = lambda names: (Chapter("stop", stop, 1),)
sys.exit(demo.main())
"""


def run_demo(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUTF8": "1", "CHAPTERS": "", "ALL": "", **variables}
    words = [sys.executable, "-m", "tools.demo"]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_chapter_needs_only_what_is_shown_before_it() -> None:
    names = [chapter.name for chapter in CHAPTERS]
    assert len(set(names)) == len(names)
    for number, chapter in enumerate(CHAPTERS):
        assert set(chapter.needs) <= set(names[:number]), chapter.name
        assert chapter.title.endswith("."), chapter.name
        assert chapter.seconds > 0


def test_the_story_is_whole_and_short_and_needs_no_engine() -> None:
    story = choose_chapters(STORY)
    assert [chapter.name for chapter in story] == list(STORY)
    assert sum(chapter.seconds for chapter in story) <= STORY_SECONDS
    assert not any(chapter.engine for chapter in story)


def test_a_chapter_brings_what_it_needs_in_order() -> None:
    assert [one.name for one in choose_chapters(["people", "line"])] == [
        *("check", "city", "plan", "apply", "line", "cloud", "people"),
    ]


def test_an_unknown_chapter_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownChapter, match="no chapter 'clouds'; there are: check city"):
        choose_chapters(["clouds"])
    done = run_demo(tmp_path, CHAPTERS="clouds")
    assert done.returncode == 64
    assert "no chapter 'clouds'" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_chapters_are_listed(tmp_path: Path) -> None:
    done = run_demo(tmp_path, CHAPTERS="list")
    assert done.returncode == 0
    assert done.stdout.strip() == describe_chapters()


def test_one_chapter_is_shown_and_cleaned_up(tmp_path: Path) -> None:
    done = run_demo(tmp_path, CHAPTERS="check")
    assert done.returncode == 0, done.stdout
    assert "== 1/1 check: Check the city" in done.stdout
    assert "0 errors" in done.stdout
    assert "The demo succeeded" in done.stdout
    assert not list(tmp_path.iterdir())


def test_ctrl_c_cleans_up(tmp_path: Path) -> None:
    words = [sys.executable, "-c", INTERRUPTING, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stdout
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def make_chapter(name: str, shown: list[str], *needs: str, fails: bool = False, repaired: bool = True) -> Chapter:
    def show(_: Demo) -> None:
        """Show it."""
        shown.append(name)
        if fails:
            message = f"{name} shows nothing"
            raise StepFailed(message)

    def repair(_: Demo) -> None:
        shown.append(f"repair {name}")
        if not repaired:
            message = "no"
            raise StepFailed(message)

    return Chapter(name, show, 1, needs, repair=repair)


def test_a_chapter_that_fails_leaves_out_those_that_need_it_and_no_others(tmp_path: Path) -> None:
    shown: list[str] = []
    showing = Showing(
        Demo(tmp_path, ""),
        [
            make_chapter("check", shown),
            make_chapter("bad", shown, "check", fails=True),
            make_chapter("after", shown, "bad"),
            make_chapter("other", shown, "check"),
        ],
    )
    showing.show_all()
    assert shown == ["check", "bad", "repair bad", "other"]
    assert showing.failed == {"bad": "bad shows nothing", "after": "left out; it needs bad"}


def test_what_cannot_be_put_right_ends_all_that_stands_on_the_city(tmp_path: Path) -> None:
    shown: list[str] = []
    showing = Showing(
        Demo(tmp_path, ""),
        [
            make_chapter("bad", shown, "apply", fails=True, repaired=False),
            make_chapter("other", shown, "apply"),
            make_chapter("cloud", shown, "check"),
        ],
        shown=("check", "apply"),
    )
    showing.show_all()
    assert shown == ["bad", "repair bad", "cloud"]
    assert list(showing.failed) == ["bad", "other"]


def test_only_the_chapters_of_the_cloud_wait_for_the_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = tmp_path / "gate"
    script = f"echo 'engine: building' >&2; until [ -e {gate} ]; do sleep 0.02; done"
    engine = EngineBuild(tmp_path / "engine.txt", ("sh", "-c", script))
    assert wait_until(lambda: (tmp_path / "engine.txt").read_text(encoding="utf-8") != "", 10.0)
    seen: list[str] = []

    def open_gate(_: Demo) -> None:
        seen.append("story")
        gate.touch()

    chapters = [
        Chapter("story", open_gate, 1),
        Chapter("cloud", lambda _: seen.append("cloud"), 1, engine=True),
    ]
    Showing(Demo(tmp_path, ""), chapters, engine).show_all()
    assert seen == ["story", "cloud"]
    assert "beside the story" in capsys.readouterr().out


def test_an_engine_that_cannot_be_built_fails_its_chapter(tmp_path: Path) -> None:
    engine = EngineBuild(tmp_path / "engine.txt", ("sh", "-c", "echo 'no compiler' >&2; exit 1"))
    showing = Showing(Demo(tmp_path, ""), [Chapter("cloud", lambda _: None, 1, engine=True)], engine)
    showing.show_all()
    assert "no compiler" in showing.failed["cloud"]


def test_an_engine_that_is_being_built_ends_with_all_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"python3 -c 'import time; time.sleep(600)' & echo $! > {child}.new; mv {child}.new {child}; wait"
    engine = EngineBuild(tmp_path / "engine.txt", ("bash", "-c", script))
    assert wait_until(child.exists, 10.0)
    number = int(child.read_text(encoding="utf-8"))
    assert is_running(number)
    engine.end()
    engine.end()
    assert wait_until(lambda: not is_running(number), 10.0)


def test_an_engine_that_has_been_waited_for_leaves_its_number_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = EngineBuild(tmp_path / "engine.txt", ("sleep", "60"))
    leaders: list[int] = []
    send = os.killpg

    def look(group: int, number: int) -> None:
        if os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            leaders.append(group)  # it has ended, and still has its number
        # A test run in the background of a shell inherits SIGINT as ignored.
        send(group, signal.SIGTERM if number == signal.SIGINT else number)

    monkeypatch.setattr(os, "killpg", look)
    engine.end()
    assert len(leaders) == 1


def is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
