"""The end of a task of the operators is told to a monitor that is there, and to nobody else."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.cli.task_telemetry import send_task_end
from controller.exit_codes import Exit
from controller.telemetry.registry import TASK
from controller.telemetry.traces.phases import ENDPOINT
from tests.telemetry.receivers import keeping

ROOT = Path(__file__).resolve().parents[2]
MAIN = (sys.executable, "-c", "from controller.cli.main import main; main()")


def test_a_task_tells_how_it_ended_and_a_mistake_or_a_broken_off_one_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = time.time()
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        for code in (Exit.USAGE, Exit.INTERRUPTED, Exit.GOOD):
            send_task_end("prove", code)
        # Through the command itself, which fails: there is no such folder.
        done = subprocess.run([*MAIN, "check", "--policies", "nowhere"], cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == Exit.FAILED
    points = [
        ({one.key: one.value.string_value for one in point.attributes}, point.as_double or point.as_int)
        for metric in received.metrics()
        if metric.name == "tsunagu.task.last.end"
        for point in metric.gauge.data_points
    ]
    assert [told for told, _ in points] == [{"task": "prove", "result": "good"}, {"task": "check", "result": "bad"}]
    assert all(began <= at <= time.time() for _, at in points)


@pytest.mark.parametrize("task", [("check",), ("prove", "--all")])
def test_what_is_lost_is_said_once_also_of_a_task_that_is_traced(task: tuple[str, ...]) -> None:
    environment = {**os.environ, ENDPOINT: "http://127.0.0.1:9"}
    words = [*MAIN, *task, "--policies", "nowhere"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, text=True, env=environment)
    assert (done.returncode, done.stderr.count("telemetry is lost")) == (Exit.FAILED, 1)


def test_a_traced_task_tells_its_end_once_with_its_trace() -> None:
    with keeping() as received:
        environment = {**os.environ, ENDPOINT: received.url}
        words = [*MAIN, "prove", "--all", "--policies", "nowhere"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, text=True, env=environment)
    assert done.returncode == Exit.FAILED
    ends = [one for one in received.metrics() if one.name == "tsunagu.task.last.end"]
    assert [len(one.gauge.data_points) for one in ends] == [1]
    assert {path for path, _ in received.requests} >= {"/v1/traces", "/v1/metrics"}


def test_a_token_that_cannot_be_used_changes_nothing_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    operators = tmp_path / "operations.yaml"
    operators.write_text("no: operators file\n", encoding="utf-8")
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        send_task_end("prove", Exit.GOOD)
    assert "the end of prove was not told to the monitor" in caplog.text


def test_every_task_is_a_command() -> None:
    table = json.loads((ROOT / "controller/cli/conventions/option_table.json").read_text(encoding="utf-8"))
    assert {task.replace("-", " ") for task in TASK.values} <= set(table)
