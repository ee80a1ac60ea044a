"""`tsunagu apply` begins no further school once more devices of a wave ended badly than the operators' file allows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.platforms.transport.in_memory_device.faults import FaultScript, make_fault
from tests.cli.running import here
from tests.rollout.durable.city_scene import give_open_vswitches
from tests.security.plan_scene import Scene, make_operations


def apply(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: Sequence[int], canary: int | None, rest: int | None
) -> dict[str, Any]:
    """Apply a plan for four schools, of which some fail before they are changed; return its document."""
    waves = [
        {"name": name, "schools": schools, **({} if maximum is None else {"maximum-failures": maximum})}
        for name, schools, maximum in (("first", "canary", canary), ("others", "rest", rest))
    ]
    operations = make_operations(folder, rollout={"waves": waves, "schools-at-once": 1})
    scene = Scene(folder, 1, operations, now=datetime.now(UTC))
    give_open_vswitches(scene, 4)
    plan = scene.plan()
    devices = [one for one in scene.lab.switches if one.school.id == plan.canary]
    devices += [one for one in scene.lab.switches if one.school.id != plan.canary]
    for number in failing:
        scene.lab.of(devices[number]).draw_fault = FaultScript({("arm", 0): make_fault("refuses", "arm", 0)})
    monkeypatch.setattr("controller.cli.devices.apply.SshTransport", lambda _: scene.lab.transport)
    monkeypatch.setattr("controller.cli.devices.apply.load_operations_of", lambda *_: operations)
    done = here("apply", "plan.json", "--policies", str(scene.policies.path), "--json", cwd=folder)
    assert done.code == (1 if failing else 0), done.errors
    document: dict[str, Any] = json.loads(done.said)
    order = [one.id for one in devices]
    document["outcomes"].sort(key=lambda one: order.index(one["device"]))
    return document


@pytest.mark.parametrize(
    ("failing", "limits", "ends"),
    [
        ((), (None, None), "aaaa"),
        ((1,), (None, None), "af.."),
        ((1,), (None, 1), "afaa"),
        ((1, 2), (None, 1), "aff."),
        ((0,), (None, 1), "f..."),
        ((0,), (1, None), "faaa"),
    ],
)
def test_no_further_school_is_begun_after_too_many_failures(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: tuple[int, ...],
    limits: tuple[int | None, int | None],
    ends: str,
) -> None:
    document = apply(tmp_path, monkeypatch, failing, *limits)
    found = ["." if one["reason"].startswith("not attempted: ") else one["end"][0] for one in document["outcomes"]]
    assert "".join(found) == ends
    assert bool(document["stopped"]) is ("." in ends)
    if ends == "aff.":
        assert document["stopped"].startswith("2 devices of the wave others ended badly, and at most 1 may: ")
        assert document["outcomes"][3]["reason"] == f"not attempted: {document['stopped']}"
