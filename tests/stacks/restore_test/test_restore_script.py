"""The script of a restore test, with a stand-in for Google's command-line tool."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks.applications.restore_test import SCRIPT
from tests.stacks.restore_test import gcloud_stand_in
from tests.started_processes import signal_group

VARIABLES = {
    "PROJECT": "school",
    "LOCATION": "asia-northeast1",
    "SOURCE": "live",
    "COPIES": "restore-test-affairs-",
    "NETWORK": "projects/school/global/networks/main",
    "KEY": "projects/school/locations/asia-northeast1/keyRings/r/cryptoKeys/k",
    "CHECK": "look",
    "CHECK_LOCATION": "asia-northeast1",
    "VERSION": "POSTGRES_17",
    "EDITION": "enterprise-plus",
    "TIER": "db-perf-optimized-N-2",
    "DISK_GIGABYTES": "100",
    "MOST_HOURS": "26",
}


@dataclass
class Cloud:
    """The stand-in's state, and the script that meets it."""

    folder: Path
    state: dict[str, Any]

    @property
    def file(self) -> Path:
        return self.folder / "state.json"

    def start(self, **variables: str) -> subprocess.Popen[str]:
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        program = programs / "gcloud"
        program.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -I "{gcloud_stand_in.__file__}" "$@"\n', encoding="utf-8"
        )
        program.chmod(0o755)
        self.file.write_text(json.dumps(self.state), encoding="utf-8")
        environment = {
            **VARIABLES,
            **variables,
            "GCLOUD_STATE": str(self.file),
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        bash = shutil.which("bash")
        assert bash
        # As the job starts it: the script is an argument.
        return subprocess.Popen(
            [bash, "-c", SCRIPT.read_text(encoding="utf-8")],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, **variables: str) -> tuple[int, dict[str, Any], str]:
        started = self.start(**variables)
        out, err = started.communicate(timeout=60)
        self.state = json.loads(self.file.read_text(encoding="utf-8"))
        lines = out.splitlines()
        return started.returncode, json.loads(lines[-1]) if lines else {}, err

    def list_asked(self) -> list[str]:
        return [one[0] for one in self.state["asked"]]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    ended = [datetime.now(UTC) - timedelta(hours=hours) for hours in (30, 3)]
    backups = [
        {"id": str(number), "endTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "data": f"rows {number}"}
        for number, at in enumerate(ended)
    ]
    state = {
        "instances": {"live": {"data": "rows of now"}, "restore-test-other-1": {"data": "of somebody else"}},
        "backups": {"live": backups},
        "jobs": {"look": "rows 1"},
        "fails": [],
        "asked": [],
    }
    return Cloud(tmp_path, state)


def test_the_newest_backup_is_restored_looked_at_and_deleted(cloud: Cloud) -> None:
    before = dict(cloud.state["instances"])
    code, found, said = cloud.run()
    assert code == 0, said
    assert (found["restore_test"], found["source"], found["backup"]) == ("passed", "live", "1")
    assert cloud.state["instances"] == before
    assert cloud.list_asked() == [
        "sql instances list",
        "sql backups list",
        "sql instances create",
        "sql backups restore",
        "run jobs execute",
        "sql instances list",
        "sql instances delete",
    ]


def test_the_copy_of_a_test_that_was_killed_is_deleted_first(cloud: Cloud) -> None:
    cloud.state["instances"]["restore-test-affairs-0101000000"] = {"data": "old"}
    code, _, said = cloud.run()
    assert code == 0, said
    assert cloud.state["asked"][1] == ["sql instances delete", "restore-test-affairs-0101000000"]
    assert sorted(cloud.state["instances"]) == ["live", "restore-test-other-1"]


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        ("sql instances create", "the copy cannot be made"),
        ("sql backups restore", "backup 1 cannot be restored"),
        ("run jobs execute", "the job look found something wrong in what was restored"),
    ],
)
def test_what_fails_is_named_and_nothing_is_left(cloud: Cloud, fails: str, reason: str) -> None:
    cloud.state["fails"] = [fails]
    before = dict(cloud.state["instances"])
    code, found, _ = cloud.run()
    assert (code, found) == (1, {"restore_test": "failed", "source": "live", "reason": reason})
    assert cloud.state["instances"] == before


def test_data_that_the_application_finds_wrong_fail_the_test(cloud: Cloud) -> None:
    cloud.state["jobs"]["look"] = "other rows"
    code, found, _ = cloud.run()
    assert (code, found["reason"]) == (1, "the job look found something wrong in what was restored")


@pytest.mark.parametrize(
    ("backups", "reason"),
    [
        ([], "there is no successful backup"),
        ([{"id": "1", "endTime": "2026-01-01T00:00:00Z", "data": ""}], "hours old, at most 26 are right"),
    ],
)
def test_a_backup_that_is_missing_or_old_fails_the_test(
    cloud: Cloud, backups: list[dict[str, str]], reason: str
) -> None:
    cloud.state["backups"]["live"] = backups
    code, found, _ = cloud.run()
    assert (code, found["restore_test"]) == (1, "failed")
    assert found["reason"].endswith(reason)
    assert "sql instances create" not in cloud.list_asked()


def test_a_copy_that_cannot_be_deleted_is_no_success(cloud: Cloud) -> None:
    cloud.state["fails"] = ["sql instances delete"]
    code, found, _ = cloud.run()
    assert (code, found["restore_test"]) == (1, "failed")
    assert found["reason"].endswith("cannot be deleted: delete it by hand, it holds everybody's data")


def test_where_instances_cannot_be_listed_nothing_is_begun(cloud: Cloud) -> None:
    cloud.state["fails"] = ["sql instances list"]
    code, found, _ = cloud.run()
    assert (code, cloud.list_asked()) == (1, ["sql instances list"])
    assert found["reason"].startswith("nobody knows whether an earlier test left a copy")


def test_a_copy_of_which_nobody_knows_whether_it_is_gone_is_no_success(cloud: Cloud) -> None:
    cloud.state["fails_from"] = {"run jobs execute": "sql instances list"}
    code, found, _ = cloud.run()
    assert (code, found["restore_test"]) == (1, "failed")
    assert found["reason"].endswith("is gone: delete it by hand, it holds everybody's data")


def test_the_copy_of_an_application_whose_name_begins_the_same_is_left_alone(cloud: Cloud) -> None:
    cloud.state["instances"]["restore-test-affairs-archive-0101000000"] = {"data": "of another test that runs"}
    before = dict(cloud.state["instances"])
    code, _, said = cloud.run()
    assert code == 0, said
    assert cloud.state["instances"] == before


def test_a_variable_that_is_missing_stops_it_before_anything(cloud: Cloud) -> None:
    code, found, said = cloud.run(KEY="")
    assert (code != 0, found, cloud.state["asked"]) == (True, {}, [])
    assert "KEY" in said


def test_a_job_that_was_killed_leaves_a_copy_that_the_next_one_deletes(cloud: Cloud) -> None:
    cloud.state["hangs"] = ["run jobs execute"]
    started = cloud.start()
    try:
        while not any(one[0] == "run jobs execute" for one in json.loads(cloud.file.read_bytes())["asked"]):
            assert started.poll() is None
            time.sleep(0.02)
    finally:
        signal_group(started, signal.SIGKILL)
        started.communicate(timeout=60)
    cloud.state = json.loads(cloud.file.read_text(encoding="utf-8")) | {"hangs": [], "asked": []}
    [left] = [name for name in cloud.state["instances"] if name.startswith("restore-test-affairs-")]
    code, _, said = cloud.run()
    assert code == 0, said
    assert cloud.state["asked"][1] == ["sql instances delete", left]
