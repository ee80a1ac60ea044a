"""A playbook becomes spans and outcomes: Ansible's events in memory, and one real run on this machine alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.errors import TsunaguError
from controller.rollout.playbooks.playbook import HostEnd, HostOutcome, Playbook, run_playbook
from controller.telemetry.timeline import Level, Span

MIDNIGHT = 1_795_910_400 * 10**9
"""2026-11-29T00:00:00 UTC."""
MICROSECOND = 1000
SECOND = 10**9
TASK = "Save what the device runs"


@dataclass
class Heard:
    """A listener that keeps the spans."""

    begun: list[Span] = field(default_factory=list)
    done: list[Span] = field(default_factory=list)

    def started(self, span: Span) -> None:
        self.begun.append(span)

    def ended(self, span: Span) -> None:
        self.done.append(span)

    def find(self, level: Level, name: str = "") -> list[Span]:
        """The ended spans of a level, in the order in which they began."""
        assert set(map(id, self.done)) == set(map(id, self.begun)), "every span that begins ends"
        return [span for span in self.begun if span.level is level and name in ("", span.name)]


@dataclass
class Runner:
    """Stands for ansible-runner: gives its events to the handler, and ends as it is told."""

    events: Sequence[Mapping[str, Any]] = ()
    status: str = "successful"
    rc: int = 0
    given: dict[str, Any] = field(default_factory=dict)
    limit: str = ""
    answers: list[object] = field(default_factory=list)

    def run(self, **given: Any) -> SimpleNamespace:  # noqa: ANN401 what ansible-runner takes
        self.given = given
        self.limit = Path(given["limit"].removeprefix("@")).read_text(encoding="utf-8")
        assert Path(given["limit"].removeprefix("@")).parent == Path(given["private_data_dir"])
        self.answers = [given["event_handler"](event) for event in self.events]
        return SimpleNamespace(status=self.status, rc=self.rc)


def start(host: str, *, at: str | None = "00:00:01", created: str = "00:00:09") -> dict[str, Any]:
    """A task begins for a host; `created` is when ansible-runner wrote that down."""
    begun = {} if at is None else {"start": f"2026-11-29T{at}"}
    return {
        "event": "runner_on_start",
        "created": f"2026-11-29T{created}+00:00",
        "event_data": {"host": host, **begun},
    }


def end(  # noqa: PLR0913 what Ansible says of a task
    host: str,
    kind: str = "ok",
    *,
    task: str = TASK,
    res: Mapping[str, object] | None = None,
    at: tuple[str, str] = ("00:00:02", "00:00:03.000004"),
    ignored: bool = False,
) -> dict[str, Any]:
    """A task ends for a host."""
    data: dict[str, Any] = {"host": host, "task": task, "res": res}
    data |= {"start": f"2026-11-29T{at[0]}", "end": f"2026-11-29T{at[1]}"}
    return {"event": f"runner_on_{kind}", "event_data": data | ({"ignore_errors": True} if ignored else {})}


def said(text: str, kind: str = "verbose") -> dict[str, Any]:
    return {"event": kind, "stdout": text}


@dataclass
class Stage:
    """A folder with an empty playbook, and what stands for ansible-runner."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    heard: Heard = field(default_factory=Heard)
    runner: Runner = field(default_factory=Runner)

    def play(self, runner: Runner, *hosts: str) -> dict[str, HostOutcome]:
        """Run the playbook `backup` on these hosts; the outcomes by host, in their order."""
        self.runner = runner
        self.monkeypatch.setattr("ansible_runner.run", runner.run)
        (self.folder / "backup.yml").touch()
        playbook = Playbook(self.folder, "backup", hosts, {"TSUNAGU_LAB": "1"}, {"root": "saved"})
        return {one.host: one for one in run_playbook(playbook, [self.heard])}

    def root(self) -> Span:
        """The span of the whole run."""
        (root,) = self.heard.find(Level.ROLLOUT)
        return root


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Ansible's events in memory."""
    return Stage(tmp_path, monkeypatch)


def test_hosts_and_tasks_are_spans_timed_by_ansible(stage: Stage) -> None:
    events = [
        start("d1"),
        end("d1", res={"state": "a"}),
        start("d1", at="00:00:04"),
        end("d1", task="Tidy", at=("00:00:04.5", "00:00:06")),
        # Ansible does not always say a beginning; a task that ended began.
        end("d2", at=("00:00:05.25", "00:00:07")),
    ]
    outcomes = stage.play(Runner(events), "d1", "d2")
    assert [(one.host, one.end, one.reason) for one in outcomes.values()] == [
        ("d1", HostEnd.DONE, ""),
        ("d2", HostEnd.DONE, ""),
    ]
    assert outcomes["d1"].results == {TASK: {"state": "a"}, "Tidy": {}}
    root = stage.root()
    assert (root.name, dict(root.attributes), root.outcome) == ("playbook backup", {"hosts": 2}, "good")
    first, second = stage.heard.find(Level.DEVICE)
    assert (first.name, first.parent, first.outcome, first.error) == ("d1", root, "done", "")
    assert (first.start - MIDNIGHT, first.end - MIDNIGHT) == (SECOND, 6 * SECOND)
    assert (second.name, second.start - MIDNIGHT, second.end - MIDNIGHT) == ("d2", 5_250_000_000, 7 * SECOND)
    saved, tidied, other = stage.heard.find(Level.STEP)
    assert (saved.name, saved.parent, saved.outcome, saved.error) == (TASK, first, "ok", "")
    assert (saved.start - MIDNIGHT, saved.end - MIDNIGHT) == (2 * SECOND, 3 * SECOND + 4 * MICROSECOND)
    assert (tidied.name, tidied.start - MIDNIGHT) == ("Tidy", 4_500_000_000)
    assert other.parent is second


@pytest.mark.parametrize(
    ("begun", "at"),
    [
        (start("d1", at="09:00:01.5+09:00"), 1_500_000_000),
        (start("d1", at=None, created="00:00:08"), 8 * SECOND),
        (start("d1", at="00:00:00.000001"), MICROSECOND),
    ],
    ids=["zone", "written-down", "microsecond"],
)
def test_a_beginning_is_a_moment_in_utc_whatever_its_zone(stage: Stage, begun: dict[str, Any], at: int) -> None:
    outcome = stage.play(Runner([begun]), "d1")["d1"]
    (device,) = stage.heard.find(Level.DEVICE)
    # Nothing ended there: the span is as long as nothing, and the host was not attempted.
    assert (device.start - MIDNIGHT, device.end - MIDNIGHT) == (at, at)
    assert device.outcome == outcome.end == HostEnd.NOT_ATTEMPTED
    assert stage.root().outcome == "not good"


def test_a_task_does_not_begin_before_its_host(stage: Stage) -> None:
    """Ansible takes a task's time a moment before it says that the host began."""
    stage.play(Runner([start("d1", at=None, created="00:00:01.000142"), end("d1", at=("00:00:01", "00:00:02"))]), "d1")
    (device,), (step,) = stage.heard.find(Level.DEVICE), stage.heard.find(Level.STEP)
    assert device.start == step.start == MIDNIGHT + SECOND + 142 * MICROSECOND
    assert step.end == device.end == MIDNIGHT + 2 * SECOND


@pytest.mark.parametrize(
    ("kind", "ended"), [("failed", HostEnd.FAILED), ("unreachable", HostEnd.UNREACHABLE)], ids=["failed", "unreachable"]
)
def test_a_host_that_ends_badly_stays_so_and_says_why(stage: Stage, kind: str, ended: HostEnd) -> None:
    bad = end("d1", kind, res={"msg": "Task failed: d1: no SSH answer \n"})
    events = [end("d1", task="before"), bad, end("d1", task="after"), end("d2")]
    outcomes = stage.play(Runner(events, "failed", 2), "d1", "d2", "d3")
    assert (outcomes["d1"].end, outcomes["d1"].reason) == (ended, "no SSH answer")
    assert list(outcomes["d1"].results) == ["before", TASK, "after"]
    assert [outcomes["d2"].end, outcomes["d3"].end] == [HostEnd.DONE, HostEnd.NOT_ATTEMPTED]
    assert stage.root().outcome == "not good"
    device = stage.heard.find(Level.DEVICE, "d1")[0]
    assert (device.outcome, device.error) == (ended, "no SSH answer")
    assert [(step.outcome, step.error) for step in stage.heard.find(Level.STEP)] == [
        ("ok", ""),
        (kind, "no SSH answer"),
        ("ok", ""),
        ("ok", ""),
    ]


@pytest.mark.parametrize("ended", [HostEnd.DIFFERS, HostEnd.NOT_JUDGED])
def test_a_host_may_end_neither_done_nor_failed(stage: Stage, ended: HostEnd) -> None:
    events = [end("d1"), end("d1", "failed", task="End", res={"host_end": str(ended), "msg": "3 differences"})]
    (outcome,) = stage.play(Runner(events, status="failed", rc=2), "d1").values()
    assert (outcome.end, outcome.reason) == (ended, "3 differences")
    assert stage.root().outcome == "not good"


@pytest.mark.parametrize("told", ["done", "applied", 7, None])
def test_a_task_that_failed_cannot_say_that_its_host_is_well(stage: Stage, told: object) -> None:
    events = [end("d1", "failed", res={"host_end": told, "msg": "no"})]
    (outcome,) = stage.play(Runner(events, status="failed", rc=2), "d1").values()
    assert (outcome.end, outcome.reason) == (HostEnd.FAILED, "no")


def test_check_mode_is_ansible_s_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Runner([end("d1")])
    monkeypatch.setattr("ansible_runner.run", runner.run)
    (stage.folder / "backup.yml").touch()
    run_playbook(Playbook(stage.folder, "backup", ["d1"], {}, {}, check=True), [])
    assert runner.given["cmdline"] == "--check"
    stage.play(runner, "d1")
    assert "cmdline" not in runner.given


def test_a_host_on_which_nothing_but_words_were_agreed_on_is_not_done(stage: Stage) -> None:
    agreed = end("kw-e01-core1", task="Agree on the dated folder")
    agreed["event_data"]["task_action"] = "ansible.builtin.set_fact"
    outcomes = stage.play(Runner([start("kw-e01-core1"), agreed]), "kw-e01-core1")
    assert outcomes["kw-e01-core1"].end is HostEnd.NOT_ATTEMPTED
    outcomes = stage.play(Runner([agreed, end("kw-e01-core1"), agreed]), "kw-e01-core1")
    assert outcomes["kw-e01-core1"].end is HostEnd.DONE


def test_a_failure_that_the_playbook_ignores_is_none(stage: Stage) -> None:
    outcomes = stage.play(Runner([end("d1", "failed", res={"msg": "no such file"}, ignored=True)]), "d1")
    assert (outcomes["d1"].end, outcomes["d1"].reason) == (HostEnd.DONE, "")
    assert outcomes["d1"].results == {TASK: {"msg": "no such file"}}
    (step,) = stage.heard.find(Level.STEP)
    assert (step.outcome, step.error) == ("failed", "")
    assert stage.root().outcome == "good"


def test_a_failure_without_words_shows_what_there_is_of_it(stage: Stage) -> None:
    outcomes = stage.play(
        Runner([end("d1", "failed", res={"rc": 1, "lines": ["x" * 500], "of": Path("a")}), end("d2", "failed")]),
        "d1",
        "d2",
    )
    whole = json.dumps({"rc": 1, "lines": ["x" * 500], "of": "a"})
    assert outcomes["d1"].reason == whole[:400]
    assert (outcomes["d2"].end, outcomes["d2"].reason) == (HostEnd.FAILED, "{}")


def test_what_is_said_of_others_or_of_nobody_changes_nothing(stage: Stage) -> None:
    events = [
        start("beside"),
        end("beside", "failed", res={"msg": "no"}),
        {"event": "playbook_on_stats", "event_data": {"ok": {"d1": 1}}},
        {"event": "runner_on_skipped", "event_data": {"host": "d1", "task": "skipped"}},
        {"event": "warning"},
        {},
        {"event": "verbose", "event_data": None, "stdout": ""},
        end("d1"),
    ]
    outcomes = stage.play(Runner(events), "d1")
    assert outcomes == {"d1": HostOutcome("d1", HostEnd.DONE, "", {TASK: {}})}
    assert [span.name for span in stage.heard.find(Level.DEVICE)] == ["d1"]
    assert [span.name for span in stage.heard.find(Level.STEP)] == [TASK]
    assert stage.runner.answers == [True] * len(events), "ansible-runner keeps its own record of each"


def test_ansible_gets_the_playbook_on_these_hosts_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(["/one", "/two"]))
    outcomes = stage.play(Runner([end("d2"), end("d1")]), "d1", "d2")
    given = stage.runner.given
    assert list(outcomes) == ["d1", "d2"]
    assert stage.runner.limit == "d1\nd2\n"
    assert (given["project_dir"], given["playbook"]) == (str(stage.folder), "backup.yml")
    assert given["extravars"] == {"root": "saved"}
    assert given["envvars"] == {
        "ANSIBLE_CONFIG": str(stage.folder / "ansible.cfg"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/one", "/two"]),
        "TSUNAGU_LAB": "1",
    }
    assert given["suppress_env_files"], "its record of the environment could hold a credential"
    assert given["quiet"], "what it would print is not for who reads ours"
    assert not Path(given["private_data_dir"]).exists()


def test_a_path_that_is_not_set_is_the_system_s(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    stage.play(Runner([end("d1")]), "d1")
    assert stage.runner.given["envvars"]["PATH"].endswith(os.pathsep + os.defpath)


@pytest.mark.parametrize("kind", ["error", "verbose"])
def test_what_ansible_refuses_is_told_in_its_last_words(stage: Stage, kind: str) -> None:
    events = [said(f"line {number}", kind) for number in range(20)] + [said("not this", "runner_on_skipped")]
    with pytest.raises(TsunaguError) as refused:
        stage.play(Runner(events, "failed", 1), "d1")
    told = "\n".join(f"line {number}" for number in range(8, 20))
    assert str(refused.value) == f"Ansible did not run the playbook backup:\n{told}"
    assert stage.root().outcome == "not good"
    assert stage.root().error == f"TsunaguError: {refused.value}"


@pytest.mark.parametrize("code", [1, -9])
def test_a_refusal_without_words_tells_how_it_ended(stage: Stage, code: int) -> None:
    """Also where every host was done: what came after them went wrong."""
    with pytest.raises(TsunaguError, match=f"backup:\nit ended with failed, exit code {code}$"):
        stage.play(Runner([end("d1")], "failed", code), "d1", "d2")


def test_a_run_that_is_cancelled_ends_as_by_ctrl_c(stage: Stage) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage.play(Runner([start("d1"), end("d1")], "canceled", 254), "d1", "d2")
    (device,) = stage.heard.find(Level.DEVICE)
    assert device.outcome == HostEnd.DONE


def test_a_playbook_that_is_not_there_is_named_with_those_that_are(stage: Stage) -> None:
    for name in ("restore.yml", "audit.yml", "README.md"):
        (stage.folder / name).touch()
    (stage.folder / "backup.yml").mkdir()
    with pytest.raises(TsunaguError, match=r"no playbook 'backpu' in .*; there are: audit, restore$"):
        run_playbook(Playbook(stage.folder, "backpu", ["d1"], {}, {}), [stage.heard])
    with pytest.raises(TsunaguError, match="no playbook 'backup'"):
        run_playbook(Playbook(stage.folder, "backup", ["d1"], {}, {}), [stage.heard])
    assert stage.heard.begun == []


REAL = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Speak
      ansible.builtin.debug:
        msg: "{{ inventory_hostname }} {{ word }} {{ lookup('ansible.builtin.env', 'TSUNAGU_WORD') }}"
    - name: Bear it
      ansible.builtin.assert: {that: false, fail_msg: borne}
      ignore_errors: true
    - name: Check
      ansible.builtin.assert: {that: "inventory_hostname != 'bad'", fail_msg: is bad}
    - name: Leave
      ansible.builtin.debug: {msg: left}
"""


def test_real_ansible_is_heard_as_the_events_say(tmp_path: Path) -> None:
    """On this machine alone, by plugins that start no program: the events in memory are those that Ansible sends."""
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts\n", encoding="utf-8")
    (tmp_path / "hosts").write_text("good\nbad\nbeside\n[all:vars]\nansible_connection=local\n", encoding="utf-8")
    (tmp_path / "real.yml").write_text(REAL, encoding="utf-8")
    heard = Heard()
    playbook = Playbook(tmp_path, "real", ["bad", "good"], {"TSUNAGU_WORD": "there"}, {"word": "here"})
    bad, good = run_playbook(playbook, [heard])
    assert (good.host, good.end, good.reason) == ("good", HostEnd.DONE, "")
    assert good.results["Speak"]["msg"] == "good here there"
    assert list(good.results) == ["Speak", "Bear it", "Check", "Leave"]
    assert (bad.host, bad.end) == ("bad", HostEnd.FAILED)
    assert "is bad" in bad.reason
    assert list(bad.results) == ["Speak", "Bear it", "Check"]
    (root,) = heard.find(Level.ROLLOUT)
    assert {span.name: span.outcome for span in heard.find(Level.DEVICE)} == {"good": "done", "bad": "failed"}
    for span in [*heard.find(Level.DEVICE), *heard.find(Level.STEP)]:
        assert span.parent is not None
        assert root.start <= span.parent.start <= span.start <= span.end <= root.end
    assert (good.end, root.outcome) == (HostEnd.DONE, "not good")


@pytest.mark.parametrize("after", ["ok", "skipped"])
def test_a_host_that_goes_on_after_another_s_failure_is_done(stage: Stage, after: str) -> None:
    """What failed is in a rescue that only the other is in."""
    events = [end("d2"), end("d1", "failed", task="Rescue", res={"msg": "no"}), end("d2", after, task="Leave")]
    outcomes = stage.play(Runner(events, "failed", 2), "d1", "d2")
    assert [one.end for one in outcomes.values()] == [HostEnd.FAILED, HostEnd.DONE]


def test_real_ansible_that_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninventory = hosts\n", encoding="utf-8")
    (tmp_path / "hosts").write_text("good\n", encoding="utf-8")
    (tmp_path / "real.yml").write_text("- hosts: all\n  tusks: []\n", encoding="utf-8")
    with pytest.raises(TsunaguError, match="'tusks' is not a valid attribute for a Play"):
        run_playbook(Playbook(tmp_path, "real", ["good"], {}, {}), [])
