"""`tsunagu what-if`, run as a user would: files laid over the policies, git revisions, Markdown and JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from controller.cli.output import Exit
from tests.cli.running import here
from tests.missing_parts import skip_without
from tests.policies import PolicyFolder

STAFFED = ", stages: [coexist, integrated]}"
DAY = ("--on", "2026-12-01")
RULES = "access/rules.yaml"


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def edited(policies: PolicyFolder, *changes: tuple[str, str, str], name: str = RULES) -> Path:
    """A changed copy of a policy file, beside the policies."""
    other = policies.path.parent / "new" / name
    other.parent.mkdir(parents=True, exist_ok=True)
    text = (policies.path / name).read_text(encoding="utf-8")
    for after, old, new in changes:
        start = text.index(old, text.index(after))
        text = text[:start] + new + text[start + len(old) :]
    other.write_text(text, encoding="utf-8")
    return other


def asked(policies: PolicyFolder, *files: Path) -> tuple[int, dict[str, Any]]:
    words = [word for file in files for word in ("--edit", str(file))]
    done = here("what-if", *words, *DAY, "--json", cwd=policies.path.parent)
    assert done.errors == ""
    found: dict[str, Any] = json.loads(done.said)
    return done.code, found


def test_an_unchanged_file_changes_nothing(policies: PolicyFolder) -> None:
    code, found = asked(policies, edited(policies))
    assert code == Exit.GOOD
    assert found["nothing"]
    assert set(found["answers"].values()) == {0}
    assert {"network", "identity", "admission", "data_flows", "equipment"} < found["answers"].keys()


def test_another_order_and_other_words_change_nothing(policies: PolicyFolder) -> None:
    path = edited(policies, ("rules:", "purpose: 学校での校務", "purpose: 別の言葉"))
    head, *rules = path.read_text(encoding="utf-8").split("  - id: ")
    path.write_text(head + "".join(f"  - id: {rule}" for rule in reversed(rules)), encoding="utf-8")
    assert asked(policies, path)[0] == Exit.GOOD


def test_a_segment_more_is_counted_at_every_school_and_surprises(policies: PolicyFolder) -> None:
    path = edited(
        policies, ("id: workspace", "[staff, pupil, learning-legacy]", "[staff, pupil, learning-legacy, guest]")
    )
    code, found = asked(policies, path)
    (change,) = found["network"]
    schools = len(policies.load().schools)
    assert code == Exit.DIFFERS
    assert (change["way"], change["segment"], change["application"]) == ("opens", "guest", "workspace")
    assert (change["answers"], len(change["schools"]), change["families"]) == (schools, schools, [4, 6])
    assert change["surprises"] == ["pupils, guests or guardians"]
    assert not change["partly"]
    assert found["identity"] == []


def test_a_deleted_rule_closes_what_all_use(policies: PolicyFolder) -> None:
    path = edited(policies)
    head, rest = path.read_text(encoding="utf-8").split("  - id: parents\n")
    path.write_text(head + rest[rest.index("  - id: ") :], encoding="utf-8")
    code, found = asked(policies, path)
    (change,) = found["network"]
    assert (code, change["way"], change["surprises"]) == (Exit.DIFFERS, "closes", ["used by all"])
    assert change["rules"][0].startswith("parents (policies/access/rules.yaml:")


def test_a_narrower_scope_closes_at_the_others_only(policies: PolicyFolder) -> None:
    path = edited(
        policies, ("id: drills-preparation", "schools: {groups: [drill-pilot]}", "schools: {wards: [asao, miyamae]}")
    )
    _, found = asked(policies, path)
    city = policies.load()
    ways = {change["way"]: set(change["schools"]) for change in found["network"]}
    pilot = {school.id for school in city.schools if city.groups["drill-pilot"].contains(school)}
    chosen = {school.id for school in city.schools if school.ward in {"asao", "miyamae"}}
    assert ways == {"opens": chosen - pilot, "closes": pilot - chosen}


def test_hours_at_home_open_class_two_from_outside(policies: PolicyFolder) -> None:
    path = edited(policies, ("id: staff-home", 'until: "22:00"', 'until: "22:30"'))
    code, found = asked(policies, path)
    assert code == Exit.DIFFERS
    assert found["network"] == []
    # Exam days already let teachers of these schools in until 23:30, but not on other days: nobody is left out.
    assert {(c["role"], c["application"]) for c in found["identity"]} == {
        (role, name)
        for role in ("teacher", "principal", "clerk", "board-staff")
        for name in ("affairs", "file-exchange")
    }
    assert all(c["surprises"] == ["class II+", "from outside"] and c["places"] == ["home"] for c in found["identity"])
    assert all("22:00" in c["person"] for c in found["identity"])


def test_less_of_a_second_factor_is_said(policies: PolicyFolder) -> None:
    path = edited(policies, ("id: staff-ai", "      mfa: true\n", ""))
    _, found = asked(policies, path)
    assert {c["least_factor"] for c in found["identity"]} == {"none"}
    path = edited(policies, ("id: vendor-at-office", "mfa: phishing-resistant", "mfa: true"))
    _, found = asked(policies, path)
    assert {c["least_factor"] for c in found["identity"]} == {"without-sms"}


def test_a_calendar_is_policy_too(policies: PolicyFolder) -> None:
    moved = ("exams:", "from: 2026-12-02, until: 2026-12-04", "from: 2026-12-07, until: 2026-12-09")
    path = edited(policies, moved, name="city/calendar.yaml")
    _, found = asked(policies, path)
    assert {(c["way"], c["role"], c["application"]) for c in found["identity"]} == {
        ("opens", "teacher", "affairs"),
        ("closes", "teacher", "affairs"),
    }


def test_systems_and_admission(policies: PolicyFolder) -> None:
    flows = edited(policies, ("id: affairs-to-analytics", "data: [III]", "data: [III, IV]"), name="access/flows.yaml")
    admission = edited(
        policies,
        ("id: pupils", "postures: [certificate], segment: pupil", "segment: pupil"),
        name="access/admission.yaml",
    )
    _, found = asked(policies, flows, admission)
    assert found["exchange"] == found["data_flows"]
    (flow,) = found["data_flows"]
    assert (flow["sender"], flow["receiver"], flow["data"]) == ("affairs", "learning-analytics", ["IV"])
    assert {(c["role"], tuple(c["before"]), tuple(c["after"])) for c in found["admission"]} == {
        ("pupil", ("quarantine",), ("pupil",))
    }


def test_a_certificate_that_goes_to_another_admission_takes_its_devices_with_it(policies: PolicyFolder) -> None:
    """No role and no posture changes, but pupils' devices are put where the teachers' are."""
    swapped = (
        ("id: staff\n", "certificate: staff-device", "certificate: pupil-device"),
        ("id: pupils", "certificate: pupil-device", "certificate: staff-device"),
    )
    _, found = asked(policies, edited(policies, *swapped, name="access/admission.yaml"))
    moved = {(c["role"], tuple(c["after"]), tuple(c["surprises"])) for c in found["admission"]}
    assert moved == {
        ("certificate pupil-device", ("staff",), ("pupils, guests or guardians",)),
        ("certificate staff-device", ("pupil",), ()),
    }


def test_what_is_no_answer_is_named(policies: PolicyFolder) -> None:
    path = edited(policies, ("id: ntp-query", "ports: [123, 123]", "ports: [123, 124]"), name="access/necessities.yaml")
    code, found = asked(policies, path)
    assert (code, found["nothing"]) == (Exit.DIFFERS, True)
    (told,) = found["unjudged"]
    assert told == f"{path}:35 necessities.ports: 123, 123 → 123, 124"
    done = here("what-if", "--edit", str(path), *DAY, cwd=policies.path.parent)
    assert done.code == Exit.DIFFERS
    assert "No answer that is judged changes, but 1 differences are not judged." in done.said
    assert told in done.said


def test_a_network_that_lets_in_others_and_servers_that_are_asked_are_named(policies: PolicyFolder) -> None:
    opened = ("ssid: school-guest", "ssid: school-guest", "ssid: visitors")
    code, found = asked(policies, edited(policies, opened, name="city/blueprints.yaml"))
    assert (code, found["unjudged"]) == (Exit.DIFFERS, [])
    gone, come = sorted(found["equipment"], key=lambda one: bool(one["before"]), reverse=True)
    assert (gone["network"], gone["after"], come["network"], come["before"]) == ("school-guest", [], "visitors", [])
    assert gone["seats"] == come["seats"] > len(policies.load().schools)
    moved = ("servers:", "10.254.3.11", "10.254.3.12")
    _, found = asked(policies, edited(policies, moved, name="access/admission.yaml"))
    assert [one.partition(" ")[2] for one in found["unjudged"]] == [
        "servers: 10.254.3.10, 10.254.3.11 → 10.254.3.10, 10.254.3.12"
    ]


@pytest.mark.parametrize(
    ("name", "edit", "told"),
    [
        ("city/blueprints.yaml", ("ports:", "[pupil]}", f"[staff]{STAFFED}"), "becomes 教職員 (staff)"),
        ("city/blueprints.yaml", ("ssid: school-pupil", "pupil}", f"staff{STAFFED}"), "network school-pupil"),
        ("city/city.yaml", ("controllers:", "10.255.0.10/32", "10.255.0.0/28"), "to every device from 10.255.0.0/28"),
        ("city/city.yaml", ("offices:", "192.0.2.220", "192.0.2.192/27"), "counts as being at the office board-office"),
    ],
    ids=["sockets", "wireless", "controllers", "office"],
)  # fmt: skip
def test_who_sits_and_who_manages_where_stands_first(
    policies: PolicyFolder, name: str, edit: tuple[str, str, str], told: str
) -> None:
    """Pupils' sockets put among the staff, a second controller: no rule changes, and all of the answers do."""
    path = edited(policies, edit, name=name)
    done = here("what-if", "--edit", str(path), *DAY, cwd=policies.path.parent)
    assert done.code == Exit.DIFFERS, done.said
    first = done.said.partition("### Look at these first")[2].partition("###")[0]
    assert told in first, done.said


def test_markdown_for_a_review(policies: PolicyFolder) -> None:
    path = edited(
        policies, ("id: workspace", "[staff, pupil, learning-legacy]", "[staff, pupil, learning-legacy, guest]")
    )
    done = here("what-if", "--edit", str(path), *DAY, cwd=policies.path.parent)
    schools = len(policies.load().schools)
    assert done.code == Exit.DIFFERS
    assert done.said.startswith("## What if: `policies` → with `access/rules.yaml` changed\n")
    assert f"**{schools} network answers ({schools} open) change.**" in done.said
    first = done.said.index("### Look at these first")
    assert first < done.said.index("### Network part")
    assert f"| pupils, guests or guardians | **opens** guest → workspace (tcp/443) at all {schools};" in done.said


def test_markdown_in_japanese(policies: PolicyFolder) -> None:
    path = edited(
        policies, ("id: workspace", "[staff, pupil, learning-legacy]", "[staff, pupil, learning-legacy, guest]")
    )
    done = here("what-if", "--edit", str(path), "--lang", "ja", *DAY, cwd=policies.path.parent)
    schools = len(policies.load().schools)
    assert done.code == Exit.DIFFERS
    assert f"**ネットワーク {schools} 件 (開く {schools})の答えが変わります。**" in done.said
    assert f"| 児童生徒・来客・保護者 | **開く** guest → workspace (tcp/443)、全 {schools} 校;" in done.said


def git(folder: Path, *words: str) -> None:
    settings = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *settings, *words], check=True, capture_output=True)


@skip_without("git is not installed", there=shutil.which("git") is not None)
def test_two_revisions(policies: PolicyFolder) -> None:
    top = policies.path.parent
    git(top, "init", "-q")
    git(top, "add", "policies")
    git(top, "commit", "-qm", "before")
    policies.edit(RULES, "[staff, pupil, learning-legacy]", "[staff, learning-legacy]", after="id: workspace")
    done = here("what-if", "--from", "HEAD", *DAY, "--json", cwd=top)
    assert done.code == Exit.DIFFERS, done.errors
    (change,) = json.loads(done.said)["network"]
    assert (change["way"], change["segment"], change["application"]) == ("closes", "pupil", "workspace")
    assert change["rules"][0].startswith("workspace (HEAD:policies/access/rules.yaml:")
    git(top, "commit", "-qam", "after")
    assert here("what-if", "--from", "HEAD", *DAY, cwd=top).code == Exit.GOOD
    done = here("what-if", "--from", "HEAD", "--to", "HEAD~1", *DAY, "--json", cwd=top)
    assert [change["way"] for change in json.loads(done.said)["network"]] == ["opens"]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ((), Exit.USAGE, "name what changes"),
        (("--edit", "x", "--from", "HEAD"), Exit.USAGE, "name what changes"),
        (("--to", "HEAD"), Exit.USAGE, "name what changes"),
        (("--edit", "nowhere.yaml"), Exit.FAILED, "there is no file nowhere.yaml"),
        (("--edit", "odd.yaml"), Exit.FAILED, "no policy file has this name; write NAME=odd.yaml"),
        (("--edit", "acces/rules.yaml=odd.yaml"), Exit.FAILED, "acces/rules.yaml is the name of no policy file"),
        (("--edit", "odd.yaml", "--lang", "fr"), Exit.USAGE, "'fr' is not one of 'ja', 'en'"),
        (("--from", "no-such-revision"), Exit.FAILED, "cannot be read from revision 'no-such-revision'"),
        (("--from", "--output=x"), Exit.FAILED, "is no git revision"),
    ],
)
def test_wrong_use(policies: PolicyFolder, words: tuple[str, ...], code: int, expected: str) -> None:
    (policies.path.parent / "odd.yaml").write_text("rules: []\n", encoding="utf-8")
    done = here("what-if", *words, cwd=policies.path.parent)
    assert done.code == code
    assert expected in done.errors.replace("\n", " ")


def test_an_edit_that_does_not_load_names_its_own_file(policies: PolicyFolder) -> None:
    path = edited(policies, ("rules:", "effect: permit", "effect: allow"))
    done = here("what-if", "--edit", str(path), *DAY, cwd=policies.path.parent)
    assert done.code == Exit.FAILED
    line = path.read_text(encoding="utf-8").splitlines().index("    effect: allow") + 1
    assert f"{path}:{line}: rules.0.effect: write one of: permit, forbid" in done.errors
