"""The drill of a lost state, on a tiny stack of the tests' own: lost in each way, noticed, put back."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from controller.cloud.pulumi_engine import LAB, Engine
from controller.errors import CloudError, DrillRefused
from controller.lab.trials.state_drill import NOT_TRIED, StateScene, lose_each_way
from tests.cloud.conftest import Tiny


def test_a_state_is_lost_in_each_way_and_put_back(tiny: Tiny, tmp_path: Path) -> None:
    assert tiny.pulumi("up", "--yes", "--skip-preview").returncode == 0
    before, names = tiny.engine.ask("stack", "export", "--stack", LAB), tiny.names()
    said, moments = list[str](), itertools.chain([0.0, 7.0, 100.0], itertools.repeat(103.5))
    scene = StateScene(tiny.engine, tiny.rehearsal)
    result = lose_each_way(scene, tmp_path / "copies", said.append, lambda: next(moments))
    assert (result.failure, result.measured.rto_seconds, result.measured.rpo_seconds) == ("", 7.0, 0.0)
    assert said == ["the state is cut off", "the state is deleted"]
    cut_off, deleted, not_tried = result.findings
    assert cut_off.startswith("cut off: noticed, 7 resources put back from whole.json, refresh and preview empty")
    assert (deleted.startswith("deleted: noticed, "), not_tried) == (True, NOT_TRIED)
    assert tiny.names() == names
    assert before.count('"urn"') == tiny.engine.ask("stack", "export", "--stack", LAB).count('"urn"')


def test_a_state_that_is_not_whole_in_any_copy_is_named(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.pulumi("up", "--yes", "--skip-preview").returncode == 0
    monkeypatch.setattr("shutil.copyfile", lambda _, to: Path(to).write_bytes(b"{"))
    scene = StateScene(tiny.engine, tiny.rehearsal)
    with pytest.raises(CloudError, match=r"no whole record of the stack lab; .*newest\.json: not whole"):
        lose_each_way(scene, tmp_path / "copies", lambda _: None)


def test_a_loss_that_the_engine_does_not_notice_fails_the_drill(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.pulumi("up", "--yes", "--skip-preview").returncode == 0
    monkeypatch.setattr(Engine, "ask", lambda *_, **__: "")
    scene = StateScene(tiny.engine, tiny.rehearsal)
    with pytest.raises(CloudError, match="the state was cut off, and the engine previewed as if nothing were lost"):
        lose_each_way(scene, tmp_path / "copies", lambda _: None)


def test_a_folder_without_a_state_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    for state in tiny.rehearsal.backend.rglob("stacks/**/lab.json"):
        state.unlink()
    with pytest.raises(DrillRefused, match="0 files hold a state of the stack lab, expected 1"):
        lose_each_way(StateScene(tiny.engine, tiny.rehearsal), tmp_path / "copies", lambda _: None)
