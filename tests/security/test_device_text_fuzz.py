"""A short run of the mutated configurations; `make soak` has a million (`tests/security/fuzz/device_texts.py`)."""

from __future__ import annotations

import base64
import signal
from random import Random

import pytest

from tests.platforms.changed_meaning.scenes import SCENES
from tests.security.fuzz.device_texts import Maker, describe_run, run
from tests.security.fuzz.worker import give_up


def test_no_text_crashes_hangs_or_is_misread() -> None:
    before = signal.signal(signal.SIGVTALRM, give_up)
    try:
        found = run(20_261_129, 0, 210, 60)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert found.faults == []
    assert set(found.inputs) == set(SCENES)
    assert found.refused.total() > 30


def test_a_text_is_made_again_from_its_number() -> None:
    maker = Maker("yamaha_rtx")
    made, again = ([maker.make(Random(f"1/{one}"))[0] for one in range(40)] for _ in range(2))  # noqa: S311 no secrets
    assert made == again
    assert len(set(made)) > 20


def test_a_line_that_is_left_alone_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.platforms.changed_meaning.scenes.Scene.judge", lambda *_: "")
    before = signal.signal(signal.SIGVTALRM, give_up)
    try:
        found = run(1, 0, 70, 60)
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert any("is left alone" in one["fault"] for one in found.faults)
    assert all(base64.b64decode(one["input"]) for one in found.faults)
    assert "| 70 |" in describe_run(1, found, 1.0)
