"""A plan over devices of which none could be read says so, and saves nothing that could be applied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.exit_codes import Exit
from tests.cli.running import here
from tests.policies import PolicyFolder

SCHOOL = ("--school", "kw-s01")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A city that this user has no operators' file for, so no device is reached."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)
    PolicyFolder(tmp_path)
    return tmp_path


def test_nothing_is_saved_and_no_proof_is_claimed(place: Path) -> None:
    done = here("plan", *SCHOOL, "-o", "plan.json", cwd=place)
    assert done.code == Exit.FAILED
    assert "was planned; nothing is proved, and nothing is saved" in done.said
    assert "proof: 0" not in done.said
    assert "apply it with" not in done.said
    assert [one.name for one in place.iterdir() if one.name.startswith("plan")] == []


def test_a_program_hears_the_same(place: Path) -> None:
    done = here("plan", *SCHOOL, "-o", "plan.json", "--json", cwd=place)
    assert done.code == Exit.FAILED
    assert json.loads(done.said)["plan"]["devices"] == []
    assert not (place / "plan.json").exists()


def test_a_school_that_is_only_observed_is_no_plan_either(place: Path) -> None:
    schools = place / "policies/city/schools"
    for path in schools.iterdir():
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("  - id: kw-s01\n", "  - id: kw-s01\n    adoption: observe\n"), encoding="utf-8")
    here("render", *SCHOOL, "-o", "configs", cwd=place)
    done = here("plan", *SCHOOL, "-o", "plan.json", cwd=place)
    assert done.code != Exit.GOOD
    assert not (place / "plan.json").exists()


def test_drift_of_devices_that_nobody_could_read_is_not_none(place: Path) -> None:
    done = here("drift", *SCHOOL, cwd=place)
    assert done.code == Exit.FAILED
    assert "was judged, so nothing is known of them" in done.said
    assert "0 are as the policy wants" not in done.said
