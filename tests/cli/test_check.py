"""`tsunagu check`, run as a user would."""

from __future__ import annotations

import json
import re
from pathlib import Path

from controller.cli.output import Exit
from tests.cli.running import ROOT, here, in_a_process
from tests.policies import PolicyFolder

RULES = "access/rules.yaml"


def test_the_shipped_city_is_good() -> None:
    done = in_a_process("check", "--on", "2026-12-01", cwd=ROOT)
    assert (done.code, done.errors) == (Exit.GOOD, "")
    expected = r"176 schools, \d+ pupils, 9 segments, 11 applications, 23 rules; 0 errors, \d+ warnings \(\d+\.\d s\)"
    assert re.search(expected, done.said)
    shown = [line for line in done.said.splitlines() if "old prefix list" not in line]
    assert shown[1:] == done.said.splitlines()[-1:]
    assert "not proved: the routers of lot-2 (frr) are assumed to keep the state of TCP" in shown[0]


def test_an_error_makes_the_check_fail_and_a_warning_does_not(tmp_path: Path) -> None:
    folder = PolicyFolder(tmp_path)
    line = folder.append(
        RULES,
        "  - {id: new, effect: permit, purpose: 試験, applications: [printing], network: {from: [pupil]}}\n",
    )
    warned = here("check", "--on", "2026-12-01", cwd=tmp_path)
    assert warned.code == Exit.GOOD
    assert f"policies/{RULES}:{line}: warning: over-broad: rule 'new' opens printing (audience staff)" in warned.said
    edit = folder.edit(RULES, "      mfa: true\n", "")
    failed = here("check", "--on", "2026-12-01", "--policies", "policies", "--json", cwd=tmp_path)
    assert failed.code == Exit.FAILED
    document = json.loads(failed.said)
    assert (document["city"], document["rules"]) == ("kawasaki-virtual", 24)
    found = {(one["severity"], one["kind"], one["origin"]) for one in document["findings"]}
    assert ("error", "guideline", f"policies/{RULES}:{edit.item}") in found
    assert ("warning", "over-broad", f"policies/{RULES}:{line - 1}") in found
