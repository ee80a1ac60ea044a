"""`tsunagu prove` as a user runs it: the whole proof. Mistakes of each kind are in `test_prove_planted.py`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import here
from tests.policies import SHIPPED, PolicyFolder

SCHOOL = ("--school", "kw-e01")
SEE_SWITCHES = (
    "  - {id: see-switches, effect: permit, purpose: x, applications: [device-management], network: {from: [staff]}}\n"
)
"""It looks harmless: staff may look at the state of the school's switches."""


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def test_the_whole_proof_of_a_school_with_its_evidence() -> None:
    done = here("prove", *SCHOOL, "--policies", str(SHIPPED), "--evidence", cwd=SHIPPED.parent)
    assert done.code == 0, done.errors
    assert "not supported" not in done.said
    assert "32 filters and 16 route policies and 90 wireless networks of 38 devices" in done.said
    for name in (
        "paths, isolation of schools, management",
        "proxy conditions (CEL)",
        "proxy sessions",
        "802.1X rows",
        "cloud firewall",
    ):
        assert f"holds    {name} (" in done.said
    assert "grading: only from staff-legacy" in done.said
    assert "not judged: needs an export of the device management" in done.said
    assert "done, all hold;" in done.said


def test_the_same_as_one_document() -> None:
    done = here("prove", *SCHOOL, "--policies", str(SHIPPED), "--json", cwd=SHIPPED.parent)
    found: dict[str, Any] = json.loads(done.said)
    holding = {check["name"] for check in found["checks"] if check["holds"]}
    assert holding >= {"paths, isolation of schools, management", "proxy conditions (CEL)"}
    assert not any(check["differences"] for check in found["checks"])
    assert found["unsupported"] == 0


def test_a_platform_that_is_not_built_is_counted_and_told(policies: PolicyFolder) -> None:
    policies.unbuilt()
    done = here("prove", *SCHOOL, "--policies", str(policies.path), cwd=SHIPPED.parent)
    assert done.code == 3, done.errors
    assert "not supported: 31 devices on platforms that are not built yet" in done.said
    shown = here("prove", *SCHOOL, "--policies", str(policies.path), "--json", cwd=SHIPPED.parent)
    assert json.loads(shown.said)["unsupported"] == 31


def test_a_plan_is_refused_for_the_same_reason(policies: PolicyFolder, tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    assert here("render", *SCHOOL, "--policies", str(policies.path), "-o", str(configs), cwd=SHIPPED.parent).code == 0
    policies.append("access/rules.yaml", SEE_SWITCHES)
    for path in configs.glob("*.cfg"):
        if path.stem != "kw-e01-core1":
            path.unlink()
    done = here("plan", *SCHOOL, "--policies", str(policies.path), "--configs", str(configs), cwd=SHIPPED.parent)
    assert done.code == 1
    assert "The proof of paths failed; nothing was saved or applied:" in done.errors
    assert "see-switches" in done.errors


def test_lines_in_another_order_are_found_by_their_path(tmp_path: Path) -> None:
    """The line that is used most is moved to the top, for speed; what it was denied before it is not any more."""
    shutil.copytree(SHIPPED, tmp_path / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    configs = tmp_path / "configs"
    where = ("--policies", str(tmp_path / "policies"), "--lab", "--school", "as-e04")
    here("render", *where, "-o", str(configs), cwd=SHIPPED.parent)
    path = configs / "as-e04-core1.cfg"
    text = path.read_text(encoding="utf-8")
    pupils = next(
        line
        for line in text.splitlines()
        if "reg0=0x10014," in line and ",tp_dst=443 actions=NORMAL" in line and "nw_dst" not in line and "tcp," in line
    )
    busy = pupils.replace(f"priority={pupils.split('priority=')[1].split(',')[0]},", "priority=999,")
    path.write_text(text.replace(pupils, busy), encoding="utf-8")
    done = here("prove", *where, "--configs", str(configs), cwd=SHIPPED.parent)
    assert done.code == 2
    assert "from pupil at as-e04 to affairs passes: tcp 10.157.16.10 port 49152 -> 203.0.113.10 port 443" in done.said
