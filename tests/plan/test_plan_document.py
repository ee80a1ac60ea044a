"""plan.json: whole or refused; written in one move."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.errors import PlanRefused, TsunaguError
from controller.plan.document import (
    DevicePlan,
    PlanFile,
    PlannedCommand,
    PlannedStep,
    Unplanned,
    load_plan,
    save_plan,
)

CITY = "kawasaki-virtual"


def plan(**changes: Any) -> PlanFile:  # noqa: ANN401 any field
    step = PlannedStep(title="flows", commands=(PlannedCommand(line="tsunagu-apply", stdin="a\n校務\n"),), leads_to="b")
    device = DevicePlan(
        device="kw-s01-core1",
        school="kw-s01",
        platform="ovs",
        seen="a",
        steps=(step,),
        wanted="text",
        changes=("~ filter from staff IPv4",),
        filters_proved=16,
        saved=True,
    )
    made: dict[str, Any] = {
        "city": CITY,
        "policy": "0123",
        "on": date(2026, 11, 23),
        "estate": "virtual",
        "made": datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC),
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
    assert loaded.digest() == plan().digest()
    assert loaded.devices[0].states == ("a", "b")
    assert names(saved.parent) == ["plan.json"]


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
    saved.write_bytes(whole[:-1])
    assert load_plan(saved, CITY) == plan()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"leads_to": "b"', '"leads_to": "c"'),
        ('"estate": "virtual"', '"estate": "real"'),
        ("tsunagu-apply", "tsunagu-apply --force"),
        ('"city": "kawasaki-virtual"', '"city": "elsewhere"'),
        ('"sha256": "', '"sha256": "0'),
    ],
)
def test_a_plan_changed_by_hand_is_refused(saved: Path, old: str, new: str) -> None:
    text = saved.read_text(encoding="utf-8")
    assert old in text
    saved.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PlanRefused, match="does not match its own checksum; it was changed after it was made"):
        load_plan(saved, CITY)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1"),
        ("null", "its fields"),
        ("[]", "its fields"),
        ("{}", "its fields"),
        ('{"plan": "x"}', "its fields"),
        ('{"plan": {"format": 2}, "sha256": ""}', "its fields"),
        ("[" * 100_000, "its fields"),
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


@pytest.mark.parametrize("old", [True, False], ids=["of an earlier release", "emptied"])
def test_a_plan_without_its_day_is_refused(saved: Path, *, old: bool) -> None:
    """Whether an exception in it has expired could not be told."""
    document = json.loads(saved.read_text(encoding="utf-8"))
    document["plan"]["on"] = None
    if old:
        del document["plan"]["on"]
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused, match="does not say for which day it was made"):
        load_plan(saved, CITY)


def test_an_unknown_field_is_refused(saved: Path) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    document["plan"]["force"] = True
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused, match=r"not a whole plan \(its fields\)"):
        load_plan(saved, CITY)


def test_a_plan_of_another_format(saved: Path) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    document["plan"]["format"] = 1
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused, match=r"the plan is of format 1; this release reads 2\. Make it anew"):
        load_plan(saved, CITY)


def test_a_plan_of_another_city(saved: Path) -> None:
    with pytest.raises(PlanRefused, match="the plan is of the city 'kawasaki-virtual'; these policies are of 'osaka'"):
        load_plan(saved, "osaka")


def test_a_missing_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanRefused, match="there is no such plan; make one with: tsunagu plan -o "):
        load_plan(tmp_path / "plan.json", CITY)


def test_a_plan_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(PlanRefused, match="cannot be read: Is a directory"):
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
