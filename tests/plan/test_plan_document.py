"""plan.json: whole or refused; written in one move."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.errors import InputRefused, PlanRefused, TsunaguError
from controller.plan.document import (
    DevicePlan,
    PlanFile,
    PlannedCommand,
    PlannedStep,
    Unplanned,
    list_approvals,
    load_plan,
    name_approval,
    name_signature,
    save_plan,
)

CITY = "kawasaki-virtual"
SEEN, WANTED = "a" * 64, "b" * 64


def plan(**changes: Any) -> PlanFile:  # noqa: ANN401 any field
    step = PlannedStep(
        title="flows", commands=(PlannedCommand(line="tsunagu-apply", stdin="a\n校務\n"),), leads_to=WANTED
    )
    device = DevicePlan(
        device="kw-s01-core1",
        school="kw-s01",
        platform="ovs",
        seen=SEEN,
        seen_state=('vlans {"name":"staff","number":10}',),
        wanted=("text", "more"),
        saved=True,
        changes=("~ filter from staff IPv4",),
        filters_proved=16,
        steps=(step,),
    )
    made: dict[str, Any] = {
        "city": CITY,
        "estate": "virtual",
        "policy": "0123456789abcdef" * 4,
        "commit": "c" * 40,
        "planner": "hanako",
        "on": date(2026, 11, 23),
        "made": datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC),
        "expires": datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC),
        "canary": "kw-s01",
        "devices": (device,),
        "unplanned": (Unplanned(device="kw-s01-ap1", reason="not built", kind="not supported"),),
    }
    return PlanFile(**{**made, **changes})


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    save_plan(plan(), path)
    return path


def test_a_plan_survives_being_saved(saved: Path) -> None:
    loaded = load_plan(saved, CITY)
    assert loaded == plan()
    assert loaded.digest() == plan().digest() == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert loaded.devices[0].states == (SEEN, WANTED)
    assert loaded.touched_schools == {"kw-s01"}
    assert names(saved.parent) == ["plan.json"]


def test_a_device_that_would_not_boot_so_is_touched_too() -> None:
    (device,) = plan().devices
    idle = device.model_copy(update={"steps": ()})
    assert [one.touched for one in (device, idle, idle.model_copy(update={"saved": False}))] == [True, False, True]


def test_the_digest_names_everything_in_the_plan() -> None:
    assert plan().digest() != plan(estate="real").digest()
    assert plan().digest() != plan(made=datetime(2026, 11, 23, tzinfo=UTC)).digest()


def test_a_half_written_plan_is_refused_wherever_it_breaks_off(saved: Path) -> None:
    whole = saved.read_bytes()
    # The last byte is the newline after the document.
    for length in (*range(0, len(whole) - 1, 7), len(whole) - 2):
        saved.write_bytes(whole[:length])
        with pytest.raises(
            PlanRefused, match=r"not a whole plan \(.*\); it may be half written. Make it anew with: "
        ) as e:
            load_plan(saved, CITY)
        assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"made": "2026-11-23T08:00:00.123456Z"', '"made": "2026-11-23 08:00:00.123456+00:00"', 11),
        ('"city": "kawasaki-virtual"', '"city":  "kawasaki-virtual"', 3),
        ('"filters_proved": 16', '"filters_proved": 16.0', None),
        ("校務", "\\u6821\\u52d9", None),
        (' "undo": false,\n', "", 7),
    ],
)
def test_a_plan_in_another_form_than_ours_is_refused_with_its_line(
    saved: Path, old: str, new: str, line: int | None
) -> None:
    """One content has one form: what is signed is what is read, and nobody can read it in two ways."""
    text = saved.read_text(encoding="utf-8")
    assert old in text
    saved.write_text(text.replace(old, new), encoding="utf-8")
    place = rf"plan\.json:{line or '[0-9]+'}: the plan was changed by hand: expected "
    with pytest.raises(PlanRefused, match=place):
        load_plan(saved, CITY)


@pytest.mark.parametrize("added", ["\n", " ", "{}"])
def test_what_stands_behind_the_plan_is_refused(saved: Path, added: str) -> None:
    saved.write_bytes(saved.read_bytes() + added.encode())
    with pytest.raises(PlanRefused, match=r"changed by hand|not a whole plan"):
        load_plan(saved, CITY)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "it is empty"),
        ("null", "its fields"),
        ("[]", "its fields"),
        ("{}", "its field 'city'"),
        ('{"plan": "x"}', "its fields"),
        ('{"format": 6}', "its field 'city'"),
        ('{"format": 6, "city": "\\u001b[2J"}', "its field 'city'"),
        ("[" * 100_000, "line 1"),
    ],
)
def test_what_is_no_plan_at_all(saved: Path, text: str, where: str) -> None:
    saved.write_text(text, encoding="utf-8")
    with pytest.raises(PlanRefused, match=rf"not a whole plan \({where}\)"):
        load_plan(saved, CITY)


def test_what_is_no_text(saved: Path) -> None:
    saved.write_bytes(b"\xff\xfe")
    with pytest.raises(PlanRefused, match="not a whole plan"):
        load_plan(saved, CITY)


@pytest.mark.parametrize("field", ["on", "made", "expires", "policy"])
@pytest.mark.parametrize("emptied", [True, False])
def test_a_plan_without_its_day_or_policy_is_refused(saved: Path, field: str, *, emptied: bool) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    document[field] = None
    if not emptied:
        del document[field]
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused, match=rf"not a whole plan \(its field '{field}'\)"):
        load_plan(saved, CITY)


def test_an_unknown_field_is_refused(saved: Path) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    document["force"] = True
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused, match=r"not a whole plan \(its field 'force'\)"):
        load_plan(saved, CITY)


@pytest.mark.parametrize("document", [{"plan": {"format": 2}, "sha256": "0"}, {"format": 5}, {"format": 10**30}])
def test_a_plan_of_another_format(saved: Path, document: dict[str, Any]) -> None:
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused, match=r"the plan is of format \d+; this release reads 6\. Make it anew"):
        load_plan(saved, CITY)


def test_a_plan_of_another_city(saved: Path) -> None:
    with pytest.raises(PlanRefused, match="the plan is of the city 'kawasaki-virtual'; these policies are of 'osaka'"):
        load_plan(saved, "osaka")


def test_a_missing_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanRefused, match="there is no such plan; make one with: tsunagu plan --all -o "):
        load_plan(tmp_path / "plan.json", CITY)


def test_a_plan_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="is a folder; a regular file is needed"):
        load_plan(tmp_path, CITY)


def test_a_failed_save_leaves_the_old_plan_and_nothing_else(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TsunaguError, match=r"plan.json: the plan cannot be saved: No space left on device"):
        save_plan(plan(estate="real"), saved)
    assert load_plan(saved, CITY) == plan()
    assert names(saved.parent) == ["plan.json"]


def test_an_interrupted_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_plan(plan(), tmp_path / "plan.json")
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "plan.json", tmp_path / "folder"):
        with pytest.raises(TsunaguError, match="the plan cannot be saved: "):
            save_plan(plan(), path)
    assert names(tmp_path) == ["file", "folder"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    path = tmp_path / "plans" / "today" / "plan.json"
    save_plan(plan(), path)
    assert load_plan(path, CITY) == plan()


def test_a_new_plan_takes_the_signatures_of_the_old_one_away(saved: Path) -> None:
    others = saved.with_name("plan.jsonx.approval.a.sig")
    for path in (name_signature(saved), name_approval(saved, "taro"), others):
        path.write_text("x", encoding="ascii")
    assert list_approvals(saved) == [name_approval(saved, "taro")]
    save_plan(plan(), saved)
    assert names(saved.parent) == ["plan.json", others.name]


def test_a_pipe_is_no_plan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(InputRefused, match="is a named pipe; a regular file is needed"):
        load_plan(tmp_path / "plan.json", CITY)
