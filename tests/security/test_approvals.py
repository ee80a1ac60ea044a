"""Attacks on approvals: who answers for a plan is shown by SSH signatures over its bytes, counted by the operators."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import OperationsRefused, PlanNotApproved, PlanRefused, TsunaguError
from controller.operations.operations import Approvals
from controller.plan.document import (
    DevicePlan,
    PlanFile,
    PlannedStep,
    name_approval,
    name_signature,
    save_plan,
)
from controller.plan.provenance.allowed_signers import parse_allowed_signers
from controller.plan.provenance.approvals import SignedPlan, Signers, check_approvals
from controller.plan.provenance.ssh_signatures import NAMESPACE, find_fingerprint, sign_bytes
from tests.security.plan_scene import PEOPLE, read_public

MADE = datetime(2026, 12, 1, 3, tzinfo=UTC)
NOW = MADE + timedelta(hours=2)


def make_plan(schools: int = 1, **changes: Any) -> PlanFile:  # noqa: ANN401 any field
    devices = tuple(
        DevicePlan(
            device=f"kw-s0{number}-core1",
            school=f"kw-s0{number}",
            platform="ovs",
            seen="a" * 64,
            seen_state=(),
            wanted=(),
            saved=True,
            changes=(),
            filters_proved=0,
            steps=(PlannedStep(title="flows", commands=(), leads_to="b" * 64),),
        )
        for number in range(schools)
    )
    made: dict[str, Any] = {
        "city": "kawasaki",
        "estate": "real",
        "policy": "c" * 64,
        "on": date(2026, 12, 1),
        "made": MADE,
        "expires": MADE + timedelta(hours=24),
        "canary": "kw-s00",
        "devices": devices,
        "unplanned": (),
    }
    return PlanFile(**{**made, **changes})


@dataclass
class Office:
    """A plan, its signatures, and the operators' files about who may sign."""

    folder: Path
    key: Callable[[str], Path]
    plan: PlanFile = field(default_factory=make_plan)
    require: Sequence[dict[str, Any]] = ({"schools": 1, "approvals": 1},)
    allowed: list[str] = field(default_factory=list)
    revoked: str | None = None

    def __post_init__(self) -> None:
        self.path = self.folder / "plan.json"
        self.plan = self.plan.model_copy(update={"planner_key": find_fingerprint(self.key("hanako"))})
        save_plan(self.plan, self.path)
        self.allowed = self.allowed or [f"{name} {read_public(self.key(name))}" for name in PEOPLE]

    def sign(self, who: str, place: Path, *, content: bytes | None = None, namespace: str = NAMESPACE) -> None:
        """Put somebody's signature of the plan, or of something else, somewhere."""
        words = ["ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", str(self.key(who))]
        signed = self.path.read_bytes() if content is None else content
        place.write_bytes(subprocess.run(words, input=signed, check=True, capture_output=True).stdout)

    def sign_plan(self, who: str = "hanako") -> None:
        self.sign(who, name_signature(self.path))

    def approve(self, who: str, name: str | None = None, **how: Any) -> None:  # noqa: ANN401 as `sign`
        self.sign(who, name_approval(self.path, name or who), **how)

    def check(self, *, now: datetime = NOW, repair: bool = False) -> Signers:
        allowed = self.folder / "allowed_signers"
        allowed.write_text("\n".join(self.allowed) + "\n", encoding="utf-8")
        values: dict[str, Any] = {"allowed-signers": allowed, "require": self.require}
        if self.revoked is not None:
            values["revoked-keys"] = self.folder / "revoked"
            values["revoked-keys"].write_text(self.revoked, encoding="ascii")
        signed = SignedPlan(self.plan, self.path.read_bytes(), self.path)
        return check_approvals(signed, Approvals.model_validate(values), now, repair=repair)

    def refused(self, match: str, **how: Any) -> None:  # noqa: ANN401 as `check`
        with pytest.raises(PlanNotApproved, match=match) as told:
            self.check(**how)
        assert str(told.value).isprintable()


@pytest.fixture
def office(tmp_path: Path, keys: Callable[[str], Path]) -> Office:
    return Office(tmp_path, keys)


def test_a_plan_that_another_person_approved_may_be_applied(office: Office) -> None:
    office.sign_plan()
    office.approve("taro")
    assert office.check() == Signers("hanako", ("taro",), counted=True)


def test_a_plan_that_nobody_approved_is_refused(office: Office) -> None:
    office.sign_plan()
    office.refused(
        r"touches 1 schools and needs approvals by 1 others; approved by: nobody; planned by hanako, who does"
    )


def test_a_plan_that_its_planner_did_not_sign_is_refused(office: Office) -> None:
    office.approve("taro")
    office.refused(r"who planned it has not signed it \(plan.json.sig is missing\)")


def test_the_planner_never_counts(office: Office) -> None:
    office.sign_plan()
    office.approve("hanako")
    office.refused("approved by: hanako; planned by hanako, who does not count")


def test_who_planned_it_is_no_approver_because_two_files_change_their_names(office: Office) -> None:
    """As a reviewer did it: junior's plan, sato's approval; with the files exchanged, sato would be its planner."""
    office.require = ({"schools": 1, "approvals": 1, "from": ["hanako"]},)
    office.sign_plan()
    office.approve("taro")
    office.refused("needs approvals by 1 others of hanako; approved by: taro; planned by hanako")
    planner, approval = name_signature(office.path), name_approval(office.path, "taro")
    first, second = planner.read_bytes(), approval.read_bytes()
    planner.write_bytes(second)
    approval.write_bytes(first)
    office.refused(r"plan\.json\.sig: .*it is by the key SHA256:\S+ of taro, and the plan names SHA256:\S+ as its plan")


def test_a_plan_that_names_no_key_of_its_planner_has_none(office: Office) -> None:
    office.plan = office.plan.model_copy(update={"planner_key": ""})
    save_plan(office.plan, office.path)
    office.sign_plan()
    office.approve("taro")
    office.refused(r"it is by the key \S+ of hanako, and the plan names no key of its planner")


def test_a_second_key_of_the_planner_is_none_that_the_plan_names(office: Office) -> None:
    office.allowed.append(f"hanako {read_public(office.key('hanako-2'))}")
    office.sign("hanako-2", name_signature(office.path))
    office.approve("taro")
    office.refused("of hanako, and the plan names SHA256:")


@pytest.mark.parametrize("place", ["plan.json.sig", "plan.json.approval.taro.sig"])
def test_a_signature_that_is_a_link_to_nowhere_is_refused_with_its_place(office: Office, place: str) -> None:
    office.sign_plan()
    (office.folder / place).unlink(missing_ok=True)
    (office.folder / place).symlink_to("nothing")
    office.refused(rf"{re.escape(place)}: the signature is refused: it is missing, or a link that leads nowhere")


def test_the_planner_does_not_count_with_another_key_or_another_name(office: Office) -> None:
    office.allowed.append(f"hanako {read_public(office.key('hanako-2'))}")
    office.allowed.append(f"h.suzuki,somebody {read_public(office.key('hanako-2'))}")
    office.sign_plan()
    office.approve("hanako-2", "somebody")
    office.refused("planned by hanako, who does not count")


def test_two_keys_of_one_person_count_once(office: Office) -> None:
    office.require = ({"schools": 1, "approvals": 2},)
    office.allowed.append(f"taro {read_public(office.key('taro-2'))}")
    office.sign_plan()
    office.approve("taro")
    office.approve("taro-2", "somebody-else")
    office.refused("needs approvals by 2 others; approved by: taro; ")
    office.approve("jiro")
    assert set(office.check().approvers) == {"taro", "jiro"}


def test_one_key_under_two_names_counts_once(office: Office) -> None:
    office.require = ({"schools": 1, "approvals": 2},)
    office.allowed.append(f"saburo {read_public(office.key('taro'))}")
    office.sign_plan()
    office.approve("taro")
    office.approve("taro", "saburo")
    office.refused("needs approvals by 2 others")


@pytest.mark.parametrize("schools", [1, 2, 3, 7])
def test_how_many_follows_from_the_schools_that_are_touched(
    tmp_path: Path, keys: Callable[[str], Path], schools: int
) -> None:
    rules = ({"schools": 1, "approvals": 1}, {"schools": 3, "approvals": 2, "from": ["jiro", "yuki"]})
    office = Office(tmp_path, keys, make_plan(schools), rules)
    office.sign_plan()
    office.approve("taro")
    if schools < 3:
        assert office.check().approvers == ("taro",)
        return
    office.approve("jiro")
    office.refused("needs approvals by 2 others of jiro, yuki")
    office.approve("yuki")
    assert set(office.check().approvers) == {"taro", "jiro", "yuki"}


def test_a_school_in_which_nothing_is_done_is_not_touched(tmp_path: Path, keys: Callable[[str], Path]) -> None:
    idle = make_plan(3)
    devices = [one.model_copy(update={"steps": ()}) for one in idle.devices]
    office = Office(tmp_path, keys, idle.model_copy(update={"devices": tuple(devices)}))
    assert office.check() == Signers()


def sign_other_plan(office: Office) -> None:
    office.approve("taro", content=make_plan(policy="d" * 64).format_text().encode())


def revoke(office: Office) -> None:
    office.approve("taro")
    office.revoked = read_public(office.key("taro")) + "\n"


def allow(options: str) -> Callable[[Office], None]:
    def put(office: Office) -> None:
        office.approve("taro")
        office.allowed[1] = f"taro {options} {read_public(office.key('taro'))}"

    return put


BAD: dict[str, tuple[Callable[[Office], object], str]] = {
    "another plan": (sign_other_plan, "it is over another plan than this one"),
    "another namespace": (lambda o: o.approve("taro", namespace="git"), "made for another purpose than plans"),
    "a key of nobody": (
        lambda o: o.approve("stranger", "taro"),
        "its key SHA256:.* is nobody's among the allowed signers",
    ),
    "a revoked key": (revoke, "the key of taro is revoked"),
    "expired before": (allow('valid-before="20200101"'), "the key of taro has expired"),
    "expired since": (allow('valid-before="202612010400Z"'), "the key of taro has expired"),
    "not valid yet": (allow('valid-after="20300101"'), "the key of taro is not valid yet"),
    "valid only since": (allow('valid-after="202612010400Z"'), "the key of taro is not valid yet"),
    "a key for other purposes": (allow('namespaces="git,file"'), "is not allowed to sign plans"),
    "no signature": (lambda o: name_approval(o.path, "taro").write_text("yes", encoding="ascii"), "it is no signature"),
    "an empty file": (lambda o: name_approval(o.path, "taro").touch(), "it is no signature"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_signature_that_is_not_good_is_refused_by_name(office: Office, name: str) -> None:
    spoil, told = BAD[name]
    office.sign_plan()
    spoil(office)
    office.refused(rf"plan\.json\.approval\.taro\.sig: the signature is refused: .*{told}")


@pytest.mark.parametrize("name", ["a key of nobody", "another namespace", "another plan"])
def test_the_planners_own_signature_is_judged_in_the_same_way(office: Office, name: str) -> None:
    _, told = BAD[name]
    place = name_signature(office.path)
    content = b"other" if name == "another plan" else None
    who, namespace = ("stranger", NAMESPACE) if name == "a key of nobody" else ("hanako", NAMESPACE)
    office.sign(who, place, content=content, namespace="git" if name == "another namespace" else namespace)
    office.approve("taro")
    office.refused(rf"plan\.json\.sig: the signature is refused: .*{told}")


def test_a_bad_signature_beside_enough_good_ones_is_refused_too(office: Office) -> None:
    office.sign_plan()
    office.approve("taro")
    office.approve("stranger", "jiro")
    office.refused(r"approval\.jiro\.sig")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(min_value=0), value=st.integers(1, 255))
def test_no_byte_of_the_plan_can_change_under_its_signatures(office: Office, at: int, value: int) -> None:
    save_plan(office.plan, office.path)
    office.sign_plan()
    office.approve("taro")
    content = bytearray(office.path.read_bytes())
    content[at % len(content)] ^= value
    office.path.write_bytes(content)
    office.refused("it is over another plan than this one")


def test_a_repair_needs_no_new_approval_but_the_planners_name(office: Office) -> None:
    office.refused("has not signed it", repair=True)
    office.sign_plan()
    assert office.check(repair=True) == Signers("hanako")
    office.refused("approved by: nobody")


def test_where_nobody_is_required_a_signature_that_is_there_must_still_be_good(office: Office) -> None:
    office.require = ()
    assert office.check() == Signers()
    office.approve("stranger")
    office.refused("nobody's among the allowed signers")


def test_without_allowed_signers_a_real_city_is_not_changed(office: Office) -> None:
    """The default for a real city is one other person; without any file, nobody can be one."""
    signed = SignedPlan(office.plan, office.path.read_bytes(), office.path)
    with pytest.raises(PlanNotApproved, match="needs approvals by 1 others, and the operators' file names nobody"):
        check_approvals(signed, Approvals(), NOW)


def test_a_file_of_signers_that_others_can_write_is_not_used(office: Office) -> None:
    office.sign_plan()
    office.approve("taro")
    office.check()
    (office.folder / "allowed_signers").chmod(0o666)
    with pytest.raises(OperationsRefused, match=r"can be changed by others \(mode 0666\)"):
        office.check()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("* {}", "must be names of people"),
        ("*@city {}", "must be names of people"),
        ("!taro,* {}", "must be names of people"),
        ("taro,ji?o {}", "must be names of people"),
        ('"taro yamada" {}', "must be names of people"),
        ("taro cert-authority {}", "a certificate authority may sign for anybody"),
        ('taro namespaces="git",CERT-AUTHORITY {}', "a certificate authority may sign for anybody"),
        ("taro", "expected: PRINCIPAL"),
        ("taro ssh-ed25519", "expected: PRINCIPAL"),
        ("taro ssh-ed25519 ???", "expected: PRINCIPAL"),
    ],
)
def test_a_line_that_could_stand_for_anybody_is_refused_with_its_number(office: Office, line: str, told: str) -> None:
    office.allowed.insert(1, line.format(read_public(office.key("taro"))))
    office.sign_plan()
    with pytest.raises(PlanRefused, match=rf"allowed_signers:2: .*{told}"):
        office.check()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=120))
def test_whatever_the_file_of_signers_holds_it_is_read_or_refused_in_words(text: str) -> None:
    try:
        signers = parse_allowed_signers(text, "signers")
    except PlanRefused:
        return
    assert all(one.people and one.fingerprint.startswith("SHA256:") for one in signers.keys)


def test_a_key_that_cannot_sign_says_so(tmp_path: Path) -> None:
    with pytest.raises(TsunaguError, match="none: cannot sign: "):
        sign_bytes(b"x", tmp_path / "none")
