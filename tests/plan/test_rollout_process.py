"""How a playbook's rollout ended for each host, and what is not known of that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.plan.playbook_tasks import own_command, rollout_process
from controller.plan.playbook_tasks.rollout_process import RolloutEndUnknown, RolloutRequest, run_rollout

BEGUN = "2026-11-30T03:00:00+09:00"
EVENT = '{"format": "rollout-event/1", "event": "device begun"}\n'
REFUSAL = json.dumps({"format": "error/1", "error": {"code": "plan-refused", "message": "it is too old"}})


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that is about nobody beside the hosts."""
    monkeypatch.setattr(rollout_process, "load_plan", lambda _: type("Plan", (), {"devices": ()}))


def end_as(monkeypatch: pytest.MonkeyPatch, said: str, last: str = "") -> None:
    """Let the command say this and end so."""
    program = f"import os, sys; sys.stdout.write({said!r}); sys.stdout.flush(); {last}"
    monkeypatch.setattr(own_command, "_PROGRAM", program)


def describe(**ends: tuple[str | None, str | None, str]) -> str:
    """A rollout's document: of each device its beginning, its end and why."""
    outcomes = [{"device": name, "begun": begun, "end": end, "reason": why} for name, (begun, end, why) in ends.items()]
    return json.dumps({"rollout": "r-1", "state": "paused", "reason": "by hand", "outcomes": outcomes})


def roll(*hosts: str) -> Mapping[str, tuple[str, str, bool]]:
    """How it ended for each of the hosts: end, state, touched."""
    _, ends = run_rollout(RolloutRequest(Path("plan.json"), Path("policies")), hosts)
    return {name: (one.end, one.state, one.touched) for name, one in ends.items()}


def test_only_what_is_known_to_be_as_it_was_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    said = describe(
        applied=(BEGUN, "applied", ""),
        same=(BEGUN, "unchanged", ""),
        back=(BEGUN, "reverted", "its restore fired"),
        unsaved=(BEGUN, "failed", "the change runs, but was not saved for the next boot; apply again"),
        lost=(BEGUN, "unknown", "no answer"),
        unseen=(None, "unknown", "no answer; not looked at since: cancelled"),
        left=(None, "failed", "not attempted: back ended reverted"),
        middle=(BEGUN, None, ""),
        later=(None, None, ""),
    )
    end_as(monkeypatch, said)
    found = roll("applied", "same", "back", "unsaved", "lost", "unseen", "left", "middle", "later", "beside")
    assert found == {
        "applied": ("done", "applied", True),
        "same": ("done", "unchanged", True),
        "back": ("failed", "reverted", False),
        "unsaved": ("failed", "failed", True),
        "lost": ("failed", "unknown", True),
        "unseen": ("failed", "unknown", True),
        "left": ("failed", "failed", False),
        "middle": ("failed", "", True),
        "later": ("not attempted", "", False),
        "beside": ("not attempted", "", False),
    }


@pytest.mark.parametrize(
    ("said", "last", "told"),
    [
        ("", "os.kill(os.getpid(), 9)", "the rollout ended with exit code -9 and said no end: "),
        (EVENT * 3, "os.kill(os.getpid(), 9)", "the rollout ended with exit code -9 and said no end: "),
        (EVENT + REFUSAL + "\n", "sys.exit(1)", "the rollout broke off after it had begun: it is too old"),
    ],
    ids=["killed", "killed-in-a-wave", "error-after-a-wave"],
)
def test_an_end_that_nobody_knows_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, said: str, last: str, told: str
) -> None:
    end_as(monkeypatch, said, last)
    with pytest.raises(RolloutEndUnknown) as unknown:
        roll("d1")
    assert str(unknown.value).startswith(told)
    assert str(unknown.value).endswith("see tsunagu rollout list")


def test_a_refusal_before_anything_began_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    end_as(monkeypatch, REFUSAL, "sys.exit(1)")
    with pytest.raises(TsunaguError, match=r"^it is too old$") as refused:
        roll("d1")
    assert not isinstance(refused.value, RolloutEndUnknown)


@pytest.mark.parametrize("code", ["interrupted", "fault"])
def test_a_command_that_does_not_say_whether_it_began_may_have_begun(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    end_as(monkeypatch, REFUSAL.replace("plan-refused", code), "sys.exit(1)")
    with pytest.raises(RolloutEndUnknown, match="the rollout broke off and may have begun: it is too old"):
        roll("d1")
