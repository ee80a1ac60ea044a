"""An engine that is killed, and failures of Google's in the middle of `up`: the next `up` finishes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.errors import CloudError
from controller.lab.state.processes import wait_until
from controller.offline_google.environment import FAULTS
from controller.offline_google.world.injected_faults import FaultRule, format_rules
from tests.cloud.conftest import Tiny

MORE = 6


def _killed(tiny: Tiny, rule: FaultRule, folder: Path) -> None:
    """Run `up` until the rule has met a call, and kill the engine there."""
    faults = folder / "faults.json"
    faults.write_text(format_rules([rule]), encoding="utf-8")
    words = tiny.engine.command("up", "--stack", "lab", "--yes", "--skip-preview")
    environment = {**tiny.environment(more=MORE), FAULTS: str(faults)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    met = wait_until(lambda: tiny.rehearsal.world.exists() and bool(tiny.world().faults()), 120.0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert met


@pytest.mark.parametrize(
    ("call", "resource", "before"),
    [
        ("create", "more-2", {}),
        ("create", "reader", {"word": "old"}),  # replaced, and deleted before
        ("create", "watcher", {"account": "old-watcher"}),  # replaced, and deleted after
        ("update", "watcher", {"title": "old"}),
        ("delete", "word", {"title": "old", "word": "old"}),
    ],
)
def test_after_a_kill_the_next_up_finishes(  # noqa: PLR0913, PLR0917 a case's parts and the fixtures
    tiny: Tiny, tmp_path: Path, call: str, resource: str, before: dict[str, str], ours: Callable[[Path], list[str]]
) -> None:
    if before:
        tiny.pulumi("up", "--yes", "--skip-preview", **before)
    _killed(tiny, FaultRule("kill", "hang", call=call, resource=resource), tmp_path)
    assert wait_until(lambda: ours(tmp_path) == [], 30.0), ours(tmp_path)
    # Half a note beside the record would stop the engine for good.
    assert not list(tiny.rehearsal.backend.rglob("*.attrs"))
    said: list[str] = []
    tiny.engine.ready("lab", said.append)
    assert any("removed the lock" in line for line in said)
    finished = tiny.pulumi("up", "--yes", "--skip-preview", more=MORE)
    assert finished.returncode == 0, finished.stdout
    assert tiny.pulumi("preview", "--expect-no-changes", more=MORE).returncode == 0
    assert len(tiny.names()) == 5 + MORE
    assert len(set(tiny.names())) == 5 + MORE
    destroyed = tiny.pulumi("destroy", "--yes", "--skip-preview")
    assert destroyed.returncode == 0, destroyed.stdout
    assert tiny.names() == []


def test_a_stack_that_an_engine_is_working_on_is_left_alone(tiny: Tiny, tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(format_rules([FaultRule("slow", "hang", resource="word")]), encoding="utf-8")
    words = tiny.engine.command("up", "--stack", "lab", "--yes", "--skip-preview")
    environment = {**tiny.environment(), FAULTS: str(faults)}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: tiny.rehearsal.world.exists() and bool(tiny.world().faults()), 120.0)
        with pytest.raises(CloudError, match=f"another engine .process {process.pid}. is at work"):
            tiny.engine.ready("lab", lambda _: None)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("fault", ["conflict", "quota", "unavailable", "timeout", "partial"])
def test_after_a_failure_of_googles_the_next_up_finishes(tiny: Tiny, tmp_path: Path, fault: str) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(
        format_rules([FaultRule("once", fault, call="create", resource="word", times=1)]), encoding="utf-8"
    )
    words = tiny.engine.command("up", "--stack", "lab", "--yes", "--skip-preview")
    environment = {**tiny.environment(), FAULTS: str(faults)}
    failed = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "(injected: once)" in failed.stdout
    finished = tiny.pulumi("up", "--yes", "--skip-preview")
    assert finished.returncode == 0, finished.stdout
    assert len(tiny.names()) == 5
    assert tiny.pulumi("preview", "--expect-no-changes").returncode == 0
