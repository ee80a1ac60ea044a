"""A restore test and its schedule on the real engine: made, changed, moved with the database, and taken away again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stacks.test_operations_on_the_engine import APPLICATION, TOKYO, Pair
from tests.stacks.test_vault_on_the_engine import in_the_soak

SCHEDULE, JOB = "gcp:cloudscheduler/job:Job", "gcp:cloudrunv2/job:Job"
OSAKA = "asia-northeast2"


class TestedPair(Pair):
    """The stack with one database, whose newest backup is restored at its times, or is not."""

    __test__ = False
    schedule: str | None = None

    def write(self, *operations: dict[str, str]) -> tuple[str, str]:
        options = super().write(*operations)
        written = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        settings = written["config"]["tsunagu:applications"][APPLICATION]
        if self.schedule is not None:
            test = {"image": settings["hosting"]["image"], "check": "report", "schedule": self.schedule}
            settings["database"]["restore-test"] = test
        self.file.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
        return options

    def list_schedules(self) -> dict[str, Any]:
        """What Scheduler has, by region."""
        return {one["region"]: one for (token, _), one in self.list_resources().items() if token == SCHEDULE}

    def list_tests(self) -> list[str]:
        """Where Cloud Run has the job that restores."""
        return sorted(
            one["location"]
            for (token, identity), one in self.list_resources().items()
            if token == JOB and identity.endswith("-restore-test")
        )

    def take_for_an_earlier_one(self, folder: Path) -> None:
        """Give the engine's record the names that earlier programs wrote, without a region."""
        record = folder / "record.json"
        self.stack.succeeds("stack", "export", "--file", str(record))
        text = record.read_text(encoding="utf-8")
        earlier = re.sub(r"(RestoreTest\$gcp:cloudrunv2/job(IamMember)?:Job(IamMember)?::[\w-]+)-tokyo\b", r"\1", text)
        assert earlier != text
        record.write_text(earlier, encoding="utf-8")
        self.stack.succeeds("stack", "import", "--file", str(record))

    def settles(self) -> None:
        """Nothing is left to do, before a refresh and after it."""
        self.leaves_nothing_to_do()
        self.refresh()
        self.leaves_nothing_to_do()


@in_the_soak
def test_a_schedule_is_made_changed_and_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    pair = TestedPair(tmp_path)
    pair.schedule = "0 4 * * SAT"
    pair.deploy()
    pair.settles()
    found = pair.list_schedules()
    assert [(region, one["schedule"], one["state"]) for region, one in found.items()] == [
        (TOKYO, "0 4 * * SAT", "ENABLED")
    ]
    assert found[TOKYO]["httpTarget"]["uri"].endswith(f"/locations/{TOKYO}/jobs/{APPLICATION}-restore-test:run")
    pair.take_for_an_earlier_one(tmp_path)
    pair.leaves_nothing_to_do()
    pair.schedule = "30 3 1 * *"
    assert "~ 1 updated" in pair.deploy()
    pair.settles()
    assert pair.list_schedules()[TOKYO]["schedule"] == "30 3 1 * *"
    pair.schedule = None
    pair.deploy()
    pair.settles()
    assert (pair.list_schedules(), pair.list_tests()) == ({}, [])


@in_the_soak
def test_a_region_is_lost_with_its_restore_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    pair = TestedPair(tmp_path)
    pair.schedule = "0 4 * * SAT"
    pair.deploy()
    pair.deploy({"designate": "osaka"})
    pair.lose(TOKYO)
    said = pair.deploy({"failover": "osaka"})
    assert pair.count_calls_to_the_lost() == 0, said
    pair.leaves_nothing_to_do()
    assert sorted(pair.list_schedules()) == pair.list_tests() == [TOKYO, OSAKA]
    pair.faults.unlink()
    pair.refresh()
    pair.leaves_nothing_to_do()
    pair.deploy({"rebuild": "tokyo"})
    pair.settles()
    assert sorted(pair.list_schedules()) == pair.list_tests() == [OSAKA]
