"""The runbooks: one for each alert in both languages, and commands in them that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

from controller.messages import LANGUAGES
from monitoring.alerts.alert_list import list_alerts

ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
CLOUD = "cloud.md"
"""The alerts of Cloud Monitoring, a section each: `tests/stacks/cloud_monitoring` holds them against the registry."""


def test_every_alert_has_a_runbook_in_both_languages_and_every_runbook_an_alert() -> None:
    wanted = {f"{alert.key}.md": alert for alert in list_alerts()}
    for language in LANGUAGES:
        pages = {path.name: path.read_text(encoding="utf-8") for path in (RUNBOOKS / language).glob("*.md")}
        assert set(pages) == {*wanted, "README.md", CLOUD}
        for name, alert in wanted.items():
            assert f"`{alert.full_name}`" in pages[name], name
            assert alert.severity in pages[name].splitlines()[2], name
            assert f"`{alert.team}`" in pages[name].splitlines()[2], name
            assert f"({name})" in pages["README.md"], name


def test_the_commands_of_runbooks_are_commands() -> None:
    table = json.loads((ROOT / "controller/cli/conventions/option_table.json").read_text(encoding="utf-8"))
    named = {
        found
        for path in RUNBOOKS.rglob("*.md")
        for found in re.findall(r"[`「]tsunagu ([a-z]+(?: [a-z]+)?)", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert {one for one in named if one not in table and one.split()[0] not in table} == set()


def test_the_files_that_runbooks_name_are_there() -> None:
    for path in RUNBOOKS.rglob("*.md"):
        for name in re.findall(r"(?:docs|controller)/[\w/.-]+\.(?:md|py)", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{path.name}: {name}"
