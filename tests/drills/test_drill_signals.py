"""Whatever ends a drill: what it lost on purpose is put back, and its record is kept."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from controller.drills.conduct import DrillResult
from controller.drills.drill_record import MeasuredRecovery
from controller.drills.drill_store import list_drills
from controller.exit_codes import Exit
from tests.cli.running import here
from tests.own_signal import send_own_signal
from tests.policies import PolicyFolder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_signal_that_ends_a_drill_lets_it_put_back_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    policies, put_back = PolicyFolder(tmp_path), list[str]()

    def lose(*_: object) -> DrillResult:
        try:
            send_own_signal(number)
        finally:
            put_back.append("all")
        return DrillResult(MeasuredRecovery())

    def miss(got: int, _: object) -> None:
        message = f"nobody heard {signal.Signals(got).name}"
        raise AssertionError(message)

    monkeypatch.setattr("controller.cli.recovery.drill.drill_controller_restore", lose)
    old = signal.signal(number, miss)
    try:
        words = ("drill", "restore", "--lab", "--backup", "x", "--policies", str(policies.path), "--state", "s")
        done = here(*words, cwd=tmp_path)
    finally:
        signal.signal(number, old)
    assert (done.code, put_back) == (Exit.INTERRUPTED, ["all"]), done
    [record] = list_drills(tmp_path / "s")
    assert record.failure.startswith("it was broken off (KeyboardInterrupt)")
