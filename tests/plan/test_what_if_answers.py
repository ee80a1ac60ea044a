"""What-if on edited policies: what surprises and what does not, and what it refuses to say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import ProofFailed, TsunaguError
from controller.model.city import City
from controller.model.reference_evaluator import Decision
from controller.plan.what_if.changes import IMPORTANT, WIDE, SessionChange, SessionState
from controller.plan.what_if.compare import compare_policies
from controller.plan.what_if.policy_sources import extract_revision, find_replacements
from tests.policies import PolicyFolder


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> City:
    return PolicyFolder(tmp_path_factory.mktemp("before")).load()


def test_only_data_of_high_classes_that_may_newly_go_surprises(policies: PolicyFolder, before: City) -> None:
    policies.edit("access/flows.yaml", "data: [II]", "data: [III]", after="id: gateway-to-school-aid")
    after = policies.load()
    for cities, important in (((before, after), ()), ((after, before), (IMPORTANT,))):
        found = {(one.way, one.surprises) for one in compare_policies(*cities).data_flows if one.data}
        assert found == {("opens", important), ("closes", ())}


def test_staff_who_move_to_another_segment_of_the_staff_do_not_surprise(policies: PolicyFolder, before: City) -> None:
    name = "access/admission.yaml"
    policies.edit(name, "certificate: staff-device", "certificate: SWAPPED")
    policies.edit(name, "certificate: affairs-pc", "certificate: staff-device")
    policies.edit(name, "certificate: SWAPPED", "certificate: affairs-pc")
    found = {one.role: (one.after, one.surprises) for one in compare_policies(before, policies.load()).admission}
    assert found["certificate affairs-pc"] == (("staff",), ())
    assert found["certificate staff-device"] == (("staff-legacy",), ())


@pytest.mark.parametrize(("last", "wide"), [(8099, ()), (8100, (WIDE,))])
def test_a_hundred_ports_are_wide(policies: PolicyFolder, before: City, last: int, wide: tuple[str, ...]) -> None:
    policies.edit("access/applications.yaml", "[tcp/443]", f"[tcp/443, tcp/8000-{last}]", after="id: workspace")
    found = {one.segment: one.surprises for one in compare_policies(before, policies.load()).network}
    assert found["staff"] == wide


def test_a_file_in_which_lines_only_moved_differs_in_nothing(policies: PolicyFolder, before: City) -> None:
    for path in policies.path.rglob("*.yaml"):
        path.write_text("# one line more\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    changes = compare_policies(before, policies.load())
    assert changes.nothing
    assert changes.unjudged == ()


def test_policies_of_two_days_are_not_compared(before: City, policies: PolicyFolder) -> None:
    with pytest.raises(TsunaguError, match="on one day only, not on 2026-12-01 and 2026-12-02"):
        compare_policies(before, policies.load(before.policy_date.replace(day=2)))


@pytest.mark.parametrize(
    ("part", "rule"), [("network", "workspace"), ("identity", "staff-cloud")], ids=["network", "identity"]
)
def test_a_change_that_the_reference_does_not_confirm_is_never_told(
    policies: PolicyFolder, before: City, monkeypatch: pytest.MonkeyPatch, part: str, rule: str
) -> None:
    path = policies.path / "access/rules.yaml"
    head, _, rest = path.read_text(encoding="utf-8").partition(f"  - id: {rule}\n")
    path.write_text(head + rest[rest.index("\n  - id: ") + 1 :], encoding="utf-8")
    after = policies.load()
    assert getattr(compare_policies(before, after), part)
    evaluator = f"controller.plan.what_if.{part}_changes.evaluate_{part}"
    monkeypatch.setattr(evaluator, lambda *_: Decision(permitted=False, rules=()))
    with pytest.raises(ProofFailed, match="but the reference evaluator says False before and False after"):
        compare_policies(before, after)


def test_a_file_stands_for_the_policy_file_of_its_name(policies: PolicyFolder, tmp_path: Path) -> None:
    for name, given, replaced in (
        ("edited/rules.yaml", "{}", "access/rules.yaml"),
        ("new/access/rules.yaml", "{}", "access/rules.yaml"),
        ("draft.yaml", "access/rules.yaml={}", "access/rules.yaml"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("rules: []\n", encoding="utf-8")
        assert find_replacements(policies.path, [given.format(path)]) == {replaced: path}
        with pytest.raises(TsunaguError, match=f"{replaced} is already replaced by {path}"):
            find_replacements(policies.path, [given.format(path)] * 2)


def test_without_git_no_revision_can_be_read(policies: PolicyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(TsunaguError, match="git cannot be started: No such file or directory; is it installed"),
        extract_revision(policies.path, "HEAD"),
    ):
        pass


def test_the_names_of_both_policies_are_told(before: City) -> None:
    changes = compare_policies(before, before, ("here", "there"))
    assert (changes.before, changes.after, changes.on) == ("here", "there", "2026-12-01")
    assert changes == replace(changes, network=(), identity=(), admission=(), data_flows=(), unjudged=())


def test_a_session_that_lasts_longer_surprises_where_data_is_important(policies: PolicyFolder, before: City) -> None:
    policies.edit("access/people.yaml", "II: 10h", "II: 20h")
    after = policies.load()
    ten, twenty = SessionState(36_000, "second-factor"), SessionState(72_000, "second-factor")
    for cities, states, surprises in (
        ((before, after), (ten, twenty), (IMPORTANT,)),
        ((after, before), (twenty, ten), ()),
    ):
        changes = compare_policies(*cities)
        assert changes.sessions == tuple(
            SessionChange(name, *states, surprises) for name in ("affairs", "file-exchange")
        )
        assert changes.unjudged == ()


def test_a_rule_that_asks_less_changes_how_everybody_is_asked_again(policies: PolicyFolder, before: City) -> None:
    """The rule is of the staff, and so is the change; the session is of all who come to the application."""
    policies.edit("access/rules.yaml", "      mfa: true\n", "", after="id: staff-ai")
    (change,) = compare_policies(before, policies.load()).sessions
    assert (change.application, change.before, change.after) == (
        "staff-ai",
        SessionState(86_400, "second-factor"),
        SessionState(86_400, "sign-in"),
    )
