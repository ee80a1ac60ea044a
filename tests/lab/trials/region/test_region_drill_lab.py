"""The drill of a lost region as an operator runs it: real namespaces, real PostgreSQL, the real engine.

The engine deploys to the offline Google. Nothing here was tried on Google.
"""

# ruff: noqa: RUF001 Japanese writes with wide signs

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.lab.state.processes import wait_until
from controller.lab.trials.region.drill_report import LAB_RPO_SECONDS, LAB_RTO_SECONDS
from controller.lab.trials.region.programs.drill_files import STATE
from controller.lab.trials.region.region_network import list_drill_namespaces
from controller.lab.trials.region.region_scene import hold_drill_folder
from tests.cli.running import ROOT, here
from tests.started_processes import signal_group

pytestmark = [pytest.mark.lab, pytest.mark.own_network]

COMMAND = ("drill", "region", "tokyo", "--policies", str(ROOT / "policies"))
UP_SECONDS = 120.0
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs in the background ignores it
from controller.cli.conventions.entry import start
start()
"""


def is_inside(process: int, namespace: Path) -> bool:
    return os.path.samestat(Path(f"/proc/{process}/ns/net").stat(), namespace.stat())


def nothing_is_left() -> bool:
    return not list_drill_namespaces() and not STATE.exists()


def test_a_region_is_lost_taken_over_rebuilt_and_written_to_again(tmp_path: Path) -> None:
    done = here(*COMMAND, "--with", "hanako", "--json", cwd=tmp_path)
    assert nothing_is_left()
    document = json.loads(done.said)
    assert (done.code, document["failure"], document["passed"]) == (0, "", True), done.errors
    assert (document["kind"], document["subject"], document["estate"]) == ("region", "the region tokyo", "virtual")

    measured, parts = document["measured"], {one["part"]: one["seconds"] for one in document["parts"]}
    assert 0 < measured["rto_seconds"] <= LAB_RTO_SECONDS
    assert 0 < measured["rpo_seconds"] <= LAB_RPO_SECONDS
    assert sum(parts.values()) == pytest.approx(measured["rto_seconds"])
    assert parts["detection"] >= 2
    assert parts["pulumi-up"] > 0
    assert parts["promotion"] > 0

    # Some rows are lost on purpose. Each is named, and is still in the database that was set aside.
    lost = [one for one in document["findings"] if one.startswith("lost: row ")]
    assert [int(one.split()[2].rstrip(",")) for one in lost] == document["lost_rows"]
    assert lost
    assert all(one.endswith("still in the old database") for one in lost)
    said = "\n".join(document["findings"])
    assert "the failover made 0 calls to tokyo" in said
    assert "switchover back to tokyo: 0 rows lost" in said

    [report] = (tmp_path / ".tsunagu/drills").glob("*.ja.md")
    text = report.read_text(encoding="utf-8")
    assert "判定：合格" in text
    assert all(f"| {row} |" in text for row in document["lost_rows"])
    listed = here("drill", "list", "--lab", "--policies", str(ROOT / "policies"), cwd=tmp_path)
    assert "region: passed last 0 hours ago" in listed.said


def test_ctrl_c_in_the_middle_leaves_nothing_and_says_what_was_not_kept(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PROGRAM, *COMMAND, "--step", "failover"]
    with (tmp_path / "errors").open("w+", encoding="utf-8") as errors:
        running = subprocess.Popen(
            words,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            # The databases are just being made: the worst moment.
            assert wait_until(lambda: any(STATE.glob("*-tokyo-1")), UP_SECONDS), (tmp_path / "errors").read_text(
                "utf-8"
            )
            signal_group(running, signal.SIGINT)
            assert running.wait(60) == 130
        finally:
            running.kill()
            running.communicate()
    assert nothing_is_left()
    said = (tmp_path / "errors").read_text(encoding="utf-8")
    assert "Not kept: 0 acknowledged rows and both databases. RTO: not measured" in said
    assert "Traceback" not in said
    [record] = (tmp_path / ".tsunagu/drills").glob("*.json")
    assert json.loads(record.read_bytes())["passed"] is False


def test_what_a_killed_drill_has_left_is_removed_by_the_next_one() -> None:
    STATE.mkdir(mode=0o755)
    (STATE / "service-tokyo.log").write_text("killed", encoding="utf-8")
    subprocess.run(("ip", "netns", "add", "tsd-tokyo"), check=True)
    left = subprocess.Popen(("ip", "netns", "exec", "tsd-tokyo", "sleep", "600"))
    told: list[str] = []
    try:
        # Before that it is nobody's: what is started a moment later in a namespace was not left in it.
        assert wait_until(lambda: is_inside(left.pid, Path("/run/netns/tsd-tokyo")), UP_SECONDS)
        with hold_drill_folder(STATE, told.append) as folder:
            assert list(folder.iterdir()) == []
            assert list_drill_namespaces() == []
            assert left.wait(UP_SECONDS) != 0
    finally:
        left.kill()
        left.wait()
    assert told == ["removing what a drill that was killed has left"]
    assert nothing_is_left()
