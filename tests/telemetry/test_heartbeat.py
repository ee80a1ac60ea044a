from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from controller.telemetry.heartbeat import HEARTBEAT_SECONDS, LOST_SECONDS, keep_beating
from controller.telemetry.timeline import Level, open_rollout_span
from controller.telemetry.traces.phases import ENDPOINT
from controller.telemetry.traces.rollout_trace import TraceListener, open_trace
from tests.telemetry.receivers import keeping

PATIENCE = 30.0


def test_several_signs_may_be_missing_before_a_process_counts_as_lost() -> None:
    assert LOST_SECONDS >= 3 * HEARTBEAT_SECONDS


def test_it_beats_until_the_block_ends_also_after_a_sign_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    beats: list[int] = []
    third = Event()

    def beat() -> None:
        beats.append(1)
        if len(beats) == 1:
            message = "the disk is full"
            raise OSError(message)
        if len(beats) == 3:
            third.set()

    with keep_beating(beat, "test", 0.001):
        assert third.wait(PATIENCE)
    ended = len(beats)
    assert "the disk is full" in caplog.text
    assert not Event().wait(0.02)
    assert len(beats) == ended


def test_a_sign_of_life_names_the_rollout_that_is_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        with open_trace(tmp_path / "t.jsonl") as listener:
            assert isinstance(listener, TraceListener)
            listener.beat()
            with open_rollout_span("r", [listener]) as root, root.child(Level.DEVICE, "d"):
                listener.beat()
            listener.beat()
    begun, _, *signs = received.events()
    texts = [{pair.key: pair.value.string_value for pair in one.attributes} for one in (begun, *signs)]
    assert texts[0]["tsunagu.heartbeat"] == f"{HEARTBEAT_SECONDS:.0f}"
    [sign] = signs
    assert texts[1]["event"] == "rollout-alive"
    assert (sign.trace_id, sign.span_id) == (begun.trace_id, begun.span_id)
