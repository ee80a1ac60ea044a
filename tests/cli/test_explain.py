"""`tsunagu explain`: two answers, apart, each with its rules and with what enforces it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ROOT, here

PERSON = ("--role", "teacher", "--posture", "managed", "--posture", "encrypted", "--place", "own-school")
LESSON = ("--at", "2026-11-25T10:00")


def explained(*words: str, policies: Path = ROOT / "policies") -> dict[str, Any]:
    done = here("explain", "--lab", "--json", "--policies", str(policies), *words, cwd=ROOT)
    assert done.code == 0, done.errors
    answer: dict[str, Any] = json.loads(done.said)
    return answer


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The policies with the outputs of a stack that says what Google knows the city by."""
    copy = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", copy, ignore=shutil.ignore_patterns("__pycache__"))
    path = copy / "stack-outputs" / "lab.json"
    outputs = json.loads(path.read_text(encoding="utf-8"))
    proxy = {"access-policy": "154981567200", "prefix": "tsunagu_lab", "device-authority": "x", "vendor": "y-tsunagu"}
    path.write_text(json.dumps({**outputs, "version": 7, "proxy": proxy}), encoding="utf-8")
    return copy


def test_a_teacher_in_school_is_permitted_by_both_parts(deployed: Path) -> None:
    found = explained("--from", "kw-s01/staff", "--to", "affairs", *PERSON, *LESSON, policies=deployed)
    assert {(one["family"], one["permitted"]) for one in found["network"]} == {(4, True), (6, True)}
    (place,) = found["network"][0]["enforced"]
    assert place["filter"].startswith("TSN-10-from-4-")
    assert place["line"].startswith("kw-s01-core1 (rendered):")
    identity = found["identity"]
    assert identity["permitted"]
    rules = (deployed / "access" / "rules.yaml").read_text(encoding="utf-8").splitlines()
    line = rules.index("  - id: staff-cloud") + 1
    assert identity["rules"][0]["origin"].endswith(f"access/rules.yaml:{line}")
    (binding,) = [one for one in identity["bindings"] if "staff-cloud" in one["rules"]]
    assert (binding["application"], binding["role"]) == ("affairs", "teacher")
    assert "accessPolicies/154981567200/accessLevels/tsunagu_lab_managed" in binding["expression"]
    levels = {level["key"]: level["expression"] for level in identity["access-levels"]}
    assert levels["encrypted"] == "device.encryption_status == DeviceEncryptionStatus.ENCRYPTED"


@pytest.mark.parametrize(
    ("application", "hours", "method", "role"),
    [("affairs", 10, "ENROLLED_SECOND_FACTORS", "teacher"), ("learning-dashboard", 24, "LOGIN", "pupil")],
)
def test_the_session_at_the_proxy_is_said_with_whose_way_in_decided_it(
    application: str, hours: int, method: str, role: str
) -> None:
    session = explained("--from", "kw-s01/staff", "--to", application)["identity"]["session"]
    assert (session["seconds"], session["method"], session["role"]) == (hours * 3600, method, role)
    assert session["rules"]


def test_the_session_is_said_in_words_in_both_languages() -> None:
    asked = ("explain", "--policies", str(ROOT / "policies"), "--from", "kw-s01/staff", "--to", "learning-dashboard")
    english, japanese = (here(*asked, "--lang", language, cwd=ROOT).said for language in ("en", "ja"))
    assert (
        "session: every 1,440 min people sign in again (the strictest that everybody can fulfil: role pupil" in english
    )
    assert "1,440 分ごとにサインインし直します" in japanese
    assert "全員が満たせる最も強い方法。dashboard-pupils で入る役割 pupil に合わせています" in japanese


def test_where_no_proxy_asks_there_is_no_session() -> None:
    assert explained("--from", "kw-s01/staff", "--to", "printing")["identity"]["session"] is None


@pytest.mark.parametrize("lack", [("--no-mfa",), ("--place", "abroad")])
def test_the_identity_part_refuses_what_the_network_part_permits(lack: tuple[str, ...]) -> None:
    found = explained("--from", "kw-s01/staff", "--to", "affairs", *PERSON, *LESSON, *lack)
    assert all(one["permitted"] for one in found["network"])
    assert found["identity"]["permitted"] is False


def test_a_pupil_is_refused_at_the_switch_and_at_the_proxy() -> None:
    found = explained("--from", "kw-s01/pupil", "--to", "affairs", "--role", "pupil", *LESSON)
    assert not any(one["permitted"] for one in found["network"])
    assert found["network"][0]["enforced"][0]["entry"].startswith("deny ip any -> 203.0.113.10/31")
    assert found["identity"]["permitted"] is False


def test_printing_is_decided_twice_in_the_school_and_asks_nobody_who_they_are() -> None:
    found = explained("--from", "kw-s01/staff", "--to", "printing")
    filters = [place["filter"].rsplit("-", 1)[0] for place in found["network"][0]["enforced"]]
    assert filters == ["TSN-10-from-4", "TSN-30-to-4"]
    assert found["identity"]["permitted"] is None
    assert "802.1X: in segment 'staff' are teacher" in found["identity"]["enforcer"]


def test_before_the_first_deployment_the_names_at_the_proxy_are_said_to_be_open() -> None:
    words = ("--from", "kw-s01/staff", "--to", "affairs", *PERSON, *LESSON)
    done = here("explain", "--lab", "--policies", str(ROOT / "policies"), *words, cwd=ROOT)
    assert "has not been deployed yet" in done.said
