"""Who watches a rollout sees what happens in it, each thing once, and what it has come to as the last."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console

from controller.cli.rollouts.live_view import render_progress, say_event
from controller.cli.rollouts.progress import RolloutEvent, RolloutProgress, find_events, look_at_rollout, measure_rate
from controller.cli.rollouts.watching import Watcher, watch_meanwhile, watch_until_end
from controller.exit_codes import Exit
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.heartbeats import HeartbeatStore
from controller.rollout.durable.records import DeviceRun, RolloutState, RunPlace
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.outcome import End, Outcome
from controller.telemetry.heartbeat import LOST_SECONDS
from tests.cli.running import PROGRAM, ROOT, Done, here
from tests.cli.test_json_output import check_document
from tests.rollout.durable.city_scene import DurableScene, write_waves
from tests.security.plan_scene import Scene, make_operations

WORKER = "controller"
WAVES = write_waves({"name": "canary", "schools": "canary"}, {"name": "rest", "schools": "rest"})
NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[RolloutStore, str, DurableScene]]:
    """A rollout of three schools that has begun, and that nobody works on."""
    scene = DurableScene(tmp_path, operators=WAVES)
    record = scene.record(scene.judge())
    with use_rollouts(scene.state) as store:
        yield store, record.id, scene


def name_events(before: RolloutProgress | None, after: RolloutProgress) -> list[str]:
    return [f"{one['event']} {one['device'] or one['wave']}".strip() for one in find_events(before, after)]


def test_each_thing_is_told_once_in_its_order(kept: tuple[RolloutStore, str, DurableScene]) -> None:
    store, rollout, scene = kept
    canary, second, _ = (one.devices[0] for wave in store.load_record(rollout).waves for one in wave.schools)
    place = RunPlace(rollout, 0, 0, "x")

    def look(seconds: float) -> RolloutProgress:
        return look_at_rollout(store, rollout, NOON + timedelta(seconds=seconds), worked_on=True)

    first = look(0)
    assert name_events(None, first) == ["state"]
    HeartbeatStore(store).record_heartbeat(rollout, WORKER, NOON, "x: it is paused")
    number = store.begin_run(place, canary, WORKER, NOON)
    begun = look(1)
    assert name_events(first, begun) == ["wave-begun canary", f"device-begun {canary}", "waits"]
    assert begun.rate is None
    store.end_run(number, Outcome(canary, "x", End.APPLIED, "", 3.0), NOON + timedelta(seconds=30))
    store.begin_run(place, second, WORKER, NOON + timedelta(seconds=31))
    ended = look(60)
    expected = [f"device-ended {canary}", "wave-ended canary", "wave-begun rest", f"device-begun {second}", "lost"]
    assert name_events(begun, ended) == expected
    assert ended.rate == pytest.approx(1.0)
    assert ended.left is None, "nothing is left to be estimated of what is lost"
    HeartbeatStore(store).record_heartbeat(rollout, WORKER, NOON + timedelta(seconds=61))
    back = look(62)
    assert name_events(ended, back) == ["back"]
    assert back.left == timedelta(minutes=2 / (back.rate or 0))
    assert name_events(back, look(63)) == []
    store.change_state(rollout, RolloutState.STOPPED, NOON, since=(RolloutState.RUNNING,), reason="too many")
    [state] = find_events(back, look(64))
    assert state["text"] == "stopped: too many"
    assert scene.scene.lab.switches


def test_devices_that_were_passed_over_end_without_having_begun(kept: tuple[RolloutStore, str, DurableScene]) -> None:
    store, rollout, _ = kept
    canary = store.load_record(rollout).list_devices()[0]
    before = look_at_rollout(store, rollout, NOON, worked_on=True)
    store.note_not_attempted(
        RunPlace(rollout, 0, 0, "x"), WORKER, Outcome(canary, "x", End.FAILED, "not attempted: x"), NOON
    )
    after = look_at_rollout(store, rollout, NOON, worked_on=True)
    assert name_events(before, after) == ["wave-begun canary", f"device-ended {canary}", "wave-ended canary"]
    assert after.rate is None


def test_what_happened_side_by_side_is_told_in_its_order_and_a_wave_ends_once(
    kept: tuple[RolloutStore, str, DurableScene],
) -> None:
    store, rollout, _ = kept
    canary, second, third = store.load_record(rollout).list_devices()
    place = RunPlace(rollout, 0, 0, "x")

    def change(device: str, begun: float, ended: float, end: End = End.APPLIED) -> None:
        number = store.begin_run(place, device, WORKER, NOON + timedelta(seconds=begun))
        store.end_run(number, Outcome(device, "x", end, ""), NOON + timedelta(seconds=ended))

    def look(seconds: float) -> RolloutProgress:
        return look_at_rollout(store, rollout, NOON + timedelta(seconds=seconds), worked_on=True)

    before = look(0)
    change(canary, 1, 2, End.UNKNOWN)
    after = look(3)
    ended = ["wave-begun canary", f"device-begun {canary}", f"device-ended {canary}", "wave-ended canary"]
    assert name_events(before, after) == ended
    # The plan has the second before the third; a device that did not answer is tried again meanwhile.
    change(third, 4, 5)
    change(second, 4.5, 6)
    change(canary, 4.7, 5.5)
    last = look(7)
    assert name_events(after, last) == [
        "wave-begun rest",
        *[f"device-begun {one}" for one in (third, second, canary)],
        *[f"device-ended {one}" for one in (third, canary, second)],
        "wave-ended rest",
    ]
    change(canary, 8, 9)
    assert name_events(last, look(10)) == [f"device-begun {canary}", f"device-ended {canary}"]


def test_the_rate_of_many_devices_takes_time_in_proportion() -> None:
    ends = [NOON + timedelta(milliseconds=number) for number in range(60_000)]
    tries = [DeviceRun(str(at), "x", 0, 0, WORKER, True, at, at, End.APPLIED, "", 1.0) for at in ends]  # noqa: FBT003
    began = time.process_time()
    assert measure_rate({run.device: run for run in tries}, NOON + timedelta(minutes=2)) == pytest.approx(30_000)
    assert time.process_time() - began < 2.0


def test_a_worker_that_gives_no_sign_of_life_waits_for_nothing(kept: tuple[RolloutStore, str, DurableScene]) -> None:
    store, rollout, _ = kept
    beats, late = HeartbeatStore(store), NOON + timedelta(seconds=LOST_SECONDS + 1)
    beats.record_heartbeat(rollout, "north", NOON, "x: lessons")
    beats.record_heartbeat(rollout, "south", late, "y: it is paused")
    assert look_at_rollout(store, rollout, late, worked_on=True).waits == ("y: it is paused",)


class GoneReader(io.StringIO):
    """A stream whose reader has gone: it ended, or its terminal is closed."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO])
def test_work_goes_on_and_ends_quietly_where_nobody_reads_any_more(
    kept: tuple[RolloutStore, str, DurableScene], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store, rollout, _ = kept
    monkeypatch.setattr("controller.cli.rollouts.watching.LOOK_SECONDS", 0.01)
    monkeypatch.setattr(sys, "stdout", GoneReader(number))
    watcher = Watcher(lambda: look_at_rollout(store, rollout, NOON, worked_on=True), as_json=True)
    with watch_meanwhile(watcher):
        while watcher.has_reader:
            Event().wait(0.01)
    assert not watch_until_end(watcher, lambda _: None).has_ended


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_a_watch_whose_reader_has_gone_ends_quietly(
    kept: tuple[RolloutStore, str, DurableScene], *, terminal: bool, as_json: bool
) -> None:
    _, rollout, scene = kept
    reader, writer = pty.openpty() if terminal else os.pipe()
    os.close(reader)
    words = ["rollout", "watch", rollout, "--lab", "--state", str(scene.state), *(["--json"] if as_json else [])]
    streams = {"stdout": writer, "stderr": subprocess.PIPE} if as_json else {"stdout": subprocess.DEVNULL}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, "--policies", str(scene.scene.policies.path)],
        cwd=scene.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        **{"stderr": writer, **streams},  # type: ignore[call-overload] # two streams
        check=False,
        timeout=120,
    )
    os.close(writer)
    assert done.returncode == Exit.INTERRUPTED
    assert not done.stderr


def test_the_view_shows_waves_rate_time_left_and_what_is_waited_for(
    kept: tuple[RolloutStore, str, DurableScene],
) -> None:
    store, rollout, _ = kept
    canary, second, _ = store.load_record(rollout).list_devices()
    place = RunPlace(rollout, 0, 0, "x")
    number = store.begin_run(place, canary, WORKER, NOON)
    store.end_run(number, Outcome(canary, "x", End.APPLIED), NOON + timedelta(seconds=30))
    store.begin_run(place, second, WORKER, NOON + timedelta(seconds=31))
    HeartbeatStore(store).record_heartbeat(rollout, WORKER, NOON + timedelta(seconds=60), "x: \x1b[31mit is paused")
    shown = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    shown.print(render_progress(look_at_rollout(store, rollout, NOON + timedelta(seconds=60), worked_on=True)))
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    for part in ("canary", "1/1", "0/2", "1 in the middle", "1.0 devices a minute", "about 2 min left", "waits: x:"):
        assert part in text, text
    late = NOON + timedelta(seconds=61 + LOST_SECONDS)
    shown.print(render_progress(look_at_rollout(store, rollout, late, worked_on=True)))
    assert "lost since 2026-11-29" in shown.file.getvalue()


def test_watching_ends_when_the_rollout_has_ended(kept: tuple[RolloutStore, str, DurableScene]) -> None:
    store, rollout, _ = kept
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            store.change_state(rollout, RolloutState.CANCELLED, NOON, since=(RolloutState.RUNNING,), by="hanako")

    watcher = Watcher(lambda: look_at_rollout(store, rollout, NOON, worked_on=True), as_json=False)
    assert watch_until_end(watcher, wait).status.state is RolloutState.CANCELLED
    assert len(waits) == 3


def test_an_event_that_is_not_known_here_is_said_too() -> None:
    event: RolloutEvent = {
        "at": "2026-11-29T12:03:00.000+00:00",
        "rollout": "r",
        "event": "gate",
        "wave": "canary",
        "school": "",
        "device": "",
        "end": "",
        "text": "two probes failed",
    }
    assert say_event(event) == "12:03:00 gate: two probes failed"


def run(scene: Scene, *words: str) -> Done:
    return here("rollout", *words, "--policies", str(scene.policies.path), cwd=scene.folder)


def test_start_and_watch_stream_events_and_end_with_the_rollout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, 2, make_operations(tmp_path, **WAVES), now=datetime.now(UTC))
    scene.plan()
    monkeypatch.setattr("controller.cli.rollouts.worker.SshTransport", lambda _: scene.lab.transport)
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: scene.operations)
    done = run(scene, "start", str(scene.plan_path), "--json")
    assert done.code == 0, done.errors
    *events, last = map(check_document, done.said.splitlines())
    assert (last["format"], last["state"], last["ended_well"]) == ("rollout/1", "done", 2)
    assert {one["format"] for one in events} == {"rollout-event/1"}
    for device in (one.id for one in scene.lab.switches):
        told = [one["event"] for one in events if one["device"] == device]
        assert told == ["device-begun", "device-ended"]
    assert events[-1]["event"] == "state"
    watched = run(scene, "watch", last["rollout"], "--lab", "--json")
    assert watched.code == 0, watched.errors
    assert json.loads(watched.said.splitlines()[-1]) == last
    lines = run(scene, "watch", last["rollout"], "--lab")
    assert lines.code == 0
    assert f"{scene.lab.switches[0].id} applied" in lines.errors
    assert "rollout: 2 applied" in lines.said
    assert run(scene, "watch", "x", "--lab").code == 1


def test_a_rollout_that_did_not_end_well_is_no_success_for_who_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = DurableScene(tmp_path, schools=2)
    record = scene.record(scene.judge())
    with use_rollouts(scene.state) as store:
        store.change_state_or_refuse(record.id, RolloutState.CANCELLED, NOON, by="hanako")
    monkeypatch.setattr("controller.cli.rollouts.estate_rollouts.load_operations_of", lambda *_: scene.scene.operations)
    done = here("rollout", "watch", record.id, "--lab", "--state", str(scene.state), "--policies",
                str(scene.scene.policies.path), cwd=tmp_path)  # fmt: skip
    assert done.code == 1, done.errors
    assert "cancelled by hanako" in done.said
