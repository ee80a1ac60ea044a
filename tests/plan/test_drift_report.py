"""The report of differences: what stands in it, in both languages, and that a device's words stay words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.plan.playbook_tasks.drift import Drift, write_drift_report

MADE = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
FOUND = (
    Drift("a-core1", "a", ("+ filter from office IPv4: 26 entries", "~ name '# `x` <b>'\x1b[2J\n## Title")),
    Drift("b-core1", "b", saved=False),
    Drift("c-core1", "c", not_judged=("trunk 1 of others",)),
    Drift("d-core1", "d", ("+ something",), left_out="its school is at 'adoption: observe'"),
)


def test_what_was_found_stands_in_all_three_files(tmp_path: Path) -> None:
    files = write_drift_report(tmp_path / "new", FOUND, {"e-core1": "no SSH answer"}, MADE)
    assert [file.name for file in files] == ["drift.json", "drift.ja.md", "drift.en.md"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    document = json.loads(files[0].read_text(encoding="utf-8"))
    assert document["missing"] == {"e-core1": "no SSH answer"}
    assert {one["device"]: one["differs"] for one in document["devices"]} == {
        "a-core1": True,
        "b-core1": True,
        "c-core1": False,
        "d-core1": False,
    }
    english = files[2].read_text(encoding="utf-8")
    assert "2 devices differ, 2 are as the policy wants them, 1 could not be looked at" in english
    assert "## a-core1 (a)\n\n    + filter from office IPv4: 26 entries" in english
    assert "What it runs is not saved" in english
    assert "- c-core1: trunk 1 of others" in english
    assert english.index("- e-core1: no SSH answer") < english.index("a-core1")
    japanese = files[1].read_text(encoding="utf-8")
    assert japanese.count("\n## ") == english.count("\n## ")
    assert "保存されていません" in japanese


def test_a_device_s_words_make_no_title_and_no_control(tmp_path: Path) -> None:
    for file in write_drift_report(tmp_path, FOUND, {"e": "x\n# y\x07"}, MADE)[1:]:
        text = file.read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\n## Title" not in text
        assert "\n# y" not in text


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TsunaguError, match="the report cannot be written: "):
        write_drift_report(tmp_path / "file/below", FOUND, {}, MADE)
