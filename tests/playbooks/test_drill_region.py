"""`drill_region`: by the command and by plain Ansible, the long drill's own process answered by the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.cli.output import Exit
from controller.drills.drill_record import DrillRecord, ExpectedRecovery, MeasuredRecovery, MissedTarget
from controller.drills.drill_store import KeptDrill, find_kept_drill, keep_drill
from controller.errors import DrillRefused
from controller.lab.trials.region.conduct_region import say_switched_back
from controller.lab.trials.region_playbook import RegionTask, choose_drill_end
from tests.cli.running import ROOT, Done, here
from tests.policies import NOON

STAND_IN = """
from pathlib import Path

from controller.lab.trials import region_playbook
from controller.plan.playbook_tasks import own_command

folder = Path({folder!r})


class Computer:
    def is_linux(self): return True
    def is_root(self): return not (folder / "not_root").exists()
    def find_program(self, name): return name
    def find_postgres(self): return Path("bin")


region_playbook.list_drill_namespaces = list  # of this computer: other tests may be drilling there
own_command._PROGRAM = (folder / "drill.py").read_text()
exec(Path({action!r}).read_text())
ThisMachine = Computer
"""
DRILL = """
import sys
from pathlib import Path
from controller.drills.drill_record import parse_drill_record
from controller.drills.drill_store import keep_drill
folder = Path({folder!r})
(folder / "asked").write_text(" ".join(sys.argv[1:]))
text = (folder / "record.json").read_text()
[state] = [Path(word.partition("=")[2]) for word in sys.argv if word.startswith("--state=")]
reports = {{"ja": "# 訓練記録", "en": "# Record"}}
keep_drill(parse_drill_record(text.encode(), "the test's"), state, reports)
print(text)
"""
EXPECTED = ExpectedRecovery(application="affairs", rto_seconds=60, rpo_seconds=5)
GOOD = DrillRecord(
    kind="region",
    at=NOON,
    people=("root", "hanako"),
    estate="virtual",
    subject="the region tokyo",
    expected=(EXPECTED,),
    measured=MeasuredRecovery(rto_seconds=18, rpo_seconds=0.3),
    findings=(f"{say_switched_back('tokyo', 0)}, no write for 0.90 s",),
    lost_rows=(52,),
    passed=True,
)
MISSED = GOOD.model_copy(
    update={
        "measured": MeasuredRecovery(rto_seconds=61, rpo_seconds=0.3),
        "missed": (MissedTarget(application="affairs", target="rto", expected_seconds=60, measured_seconds=61),),
        "passed": False,
    }
)
LOST = GOOD.model_copy(
    update={
        "findings": (f"{say_switched_back('tokyo', 1)}, no write for 0.90 s",),
        "failure": "the switchover lost rows, and may lose none: 700",
        "passed": False,
    }
)
TASK = RegionTask("tokyo", Path("policies"), Path("state"))


@dataclass(frozen=True)
class Books:
    """The project's playbooks, with a computer that has all and a drill that ends as the test says."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def asked(self) -> str:
        """The words of the drill; "" where none was begun."""
        file = self.folder / "asked"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def list_files(self) -> list[Path]:
        """What stands in the drills' folder."""
        return sorted((self.state / "drills").glob("*"))

    def end_as(self, record: DrillRecord) -> None:
        """Let the drill keep and say this record."""
        (self.folder / "record.json").write_text(record.format_text(), encoding="utf-8")

    def run(self, *words: str) -> Done:
        """Run `tsunagu playbook run drill_region`."""
        places = ("--policies", str(ROOT / "policies"), "--playbooks", str(self.folder / "playbooks"))
        command = ("playbook", "run", "drill_region", "--set", "region=tokyo", "--state", str(self.state))
        return here(*command, *places, *words, cwd=self.folder / "work")

    def run_ansible(self, *words: str) -> Done:
        """Run it by Ansible itself."""
        around = {"TSUNAGU_POLICIES": str(ROOT / "policies"), "TSUNAGU_STATE": str(self.state), "LC_ALL": "C.UTF-8"}
        program = Path(sys.executable).parent / "ansible-playbook"
        done = subprocess.run(
            [program, "drill_region.yml", "-e", "drill_region_region=tokyo", *words],
            cwd=self.folder / "playbooks",
            env={**os.environ, **around},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Books:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)
    (tmp_path / "work").mkdir()
    shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks")
    action = "plugins/action/region_drill.py"
    stand_in = STAND_IN.format(folder=str(tmp_path), action=str(ROOT / "playbooks" / action))
    (tmp_path / "playbooks" / action).write_text(stand_in, encoding="utf-8")
    (tmp_path / "drill.py").write_text(DRILL.format(folder=str(tmp_path)), encoding="utf-8")
    found = Books(tmp_path)
    found.end_as(GOOD)
    return found


def test_a_drill_that_passed_is_done_and_says_where_its_report_stands(books: Books) -> None:
    done = books.run("--set", "people=hanako")
    assert done.code == Exit.GOOD, done.said + done.errors
    assert "done        localhost" in done.said
    [report] = [path for path in books.list_files() if path.name.endswith("region.ja.md")]
    assert f"report: {report}\n" in done.said.replace("\n ", "")
    assert books.asked.startswith("drill region tokyo --policies=")
    assert "--with=hanako --json" in books.asked


def test_plain_ansible_ends_the_same(books: Books) -> None:
    looked = books.run_ansible("--tags", "check")
    assert (looked.code, books.asked, books.list_files()) == (2, "", []), looked.said
    assert "Nothing was drilled" in looked.said
    books.end_as(MISSED)
    missed = books.run_ansible()
    assert (missed.code, "missed: affairs: RTO 61.0 s, at most 60 s" in missed.said) == (2, True), missed.said
    assert "訓練記録 (report): " in missed.said
    assert "-region.ja.md" in missed.said


def test_check_mode_looks_and_begins_nothing(books: Books) -> None:
    done = books.run("--check")
    assert done.code == Exit.DIFFERS, done.said + done.errors
    assert "tokyo can be lost in the virtual city: failover, rebuild, switchover of affairs" in done.said
    assert "Nothing was drilled" in done.said
    assert (books.asked, books.list_files()) == ("", [])


def test_what_is_missing_is_said_before_the_drill_begins(books: Books) -> None:
    (books.folder / "not_root").touch()
    done = books.run()
    assert done.code == Exit.FAILED, done.said
    assert "root: run it as root" in done.said
    assert (books.asked, books.list_files()) == ("", [])


@pytest.mark.parametrize(
    ("record", "code", "said"),
    [
        (MISSED, Exit.DIFFERS, "differs     localhost: missed: affairs: RTO 61.0 s, at most 60 s"),
        (LOST, Exit.FAILED, "failed      localhost: the switchover lost rows, and may lose none: 700"),
    ],
)
def test_a_missed_target_or_a_lost_row_is_never_well(books: Books, record: DrillRecord, code: Exit, said: str) -> None:
    books.end_as(record)
    done = books.run()
    assert done.code == code, done.said
    assert said in done.said
    assert "-region.ja.md" in done.said


def test_a_drill_that_says_no_end_did_not_pass(books: Books) -> None:
    (books.folder / "drill.py").write_text("import os; os.kill(os.getpid(), 9)", encoding="ascii")
    done = books.run()
    assert done.code == Exit.FAILED, done.said
    assert "the drill ended with exit code -9 and said no end" in " ".join(done.said.split())
    assert "it did not pass" in " ".join(done.said.split())


def test_a_drill_of_a_region_is_about_no_device(books: Books) -> None:
    done = books.run("--school", "kw-e01")
    assert done.code != Exit.GOOD
    assert "is about no device" in done.errors
    assert books.asked == ""


@pytest.mark.parametrize(
    ("change", "left", "why"),
    [
        (lambda one: one.model_copy(update={"findings": ()}), (), "does not say that the switchover back"),
        (lambda one: one.model_copy(update={"measured": MeasuredRecovery(rto_seconds=3)}), (), "was not measured"),
        (lambda one: one.model_copy(update={"expected": ()}), (), "no target was held against it"),
        (lambda one: one.model_copy(update={"passed": False}), (), "says that it did not pass"),
        (lambda one: one, ("td-tokyo",), "left on this machine, and removed by the next drill: td-tokyo"),
    ],
)
def test_a_record_is_well_only_where_nothing_at_all_is_wrong(
    change: Callable[[DrillRecord], DrillRecord], left: tuple[str, ...], why: str
) -> None:
    kept = KeptDrill(Path("r.json"), "", (Path("r.ja.md"), Path("r.en.md")))
    assert choose_drill_end(TASK, GOOD, kept, ()).end == "done"
    found = choose_drill_end(TASK, change(GOOD), kept, left)
    assert (found.end, why in found.reason) == ("failed", True)
    one = choose_drill_end(TASK, GOOD, KeptDrill(Path("r.json"), "", (Path("r.en.md"),)), ())
    assert (one.end, one.reason) == ("failed", "no report in ja")


def test_a_record_is_found_only_as_it_was_kept(tmp_path: Path) -> None:
    first, second = (keep_drill(one, tmp_path, {"ja": "a", "en": "b"}) for one in (GOOD, MISSED))
    assert (find_kept_drill(GOOD, tmp_path).path, find_kept_drill(MISSED, tmp_path).path) == (first.path, second.path)
    assert set(find_kept_drill(MISSED, tmp_path).reports) == set(second.reports)
    with pytest.raises(DrillRefused, match="holds no record of this drill"):
        find_kept_drill(LOST, tmp_path)
