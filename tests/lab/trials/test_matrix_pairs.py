from __future__ import annotations

import pytest

from controller.errors import LabError
from controller.lab.state.layout_planning import plan_layout
from controller.lab.trials.deny_counters import count_denied_packets
from controller.lab.trials.matrix_pairs import MatrixPair, list_matrix_pairs, list_untested_applications
from controller.lab.trials.matrix_results import MatrixResult, PairVerdict, judge_denied_pair, judge_permitted_pair
from controller.model.access.rules import Application, ApplicationFile, RuleFile
from controller.model.network.packets import Direction, Family
from controller.model.policy_files import APPLICATIONS, OUTPUTS, RULES
from controller.model.virtual_city import VirtualCity
from controller.platforms.ovs.flows import Cookie, FlowKind


def tried(city: VirtualCity) -> list[MatrixPair]:
    layout = plan_layout(city, 2)
    return list(list_matrix_pairs(city, layout, tuple(school.id for school in layout.schools)))


def test_both_families_of_every_pair_are_tried(city: VirtualCity) -> None:
    seen = {(p.school, p.host, p.target.column, p.target.family) for p in tried(city)}
    assert {(*rest, Family.V4) for *rest, _ in seen} == {(*rest, Family.V4) for *rest, f in seen if f is Family.V6}
    assert len({p for p in seen if p[3] is Family.V4}) * 2 == len(seen)


def test_what_is_expected_is_what_the_rules_say(city: VirtualCity) -> None:
    expected = {(p.host, p.target.column): p.permitted for p in tried(city)}
    assert expected["staff", "affairs"]
    assert not expected["pupil", "affairs"]
    assert expected["staff", "printing"]
    assert not expected["staff", "printing@other-school"]
    assert not expected["staff", "device-management"]
    assert not any(permitted for (host, _), permitted in expected.items() if host == "printer")


def test_a_host_is_not_asked_to_call_itself(city: VirtualCity) -> None:
    assert not [p for p in tried(city) if p.host == "printer" and p.target.column == "printing"]


def test_a_deleted_permit_changes_exactly_its_pairs(city: VirtualCity) -> None:
    less = city.replace_file(RULES, RuleFile(rules=tuple(rule for rule in city.rules if rule.id != "printing")))
    before = {(p.school, p.host, p.target): p.permitted for p in tried(city)}
    after = {(p.school, p.host, p.target): p.permitted for p in tried(less)}
    changed = {
        (host, target.column) for (school, host, target), p in before.items() if after[school, host, target] != p
    }
    assert changed == {("staff", "printing")}


def test_a_lab_that_was_built_from_other_addresses_is_refused(city: VirtualCity) -> None:
    layout = plan_layout(city, 2)
    outputs = city.outputs
    placed = outputs.applications["affairs"].model_copy(update={"ipv4": outputs.applications["staff-ai"].ipv6})
    moved = outputs.model_copy(update={"applications": {**outputs.applications, "affairs": placed}})
    with pytest.raises(LabError, match="built from another city: affairs"):
        list(list_matrix_pairs(city.replace_file(OUTPUTS, moved), layout, (layout.schools[0].id,)))


def test_an_application_without_tcp_is_named(city: VirtualCity) -> None:
    drills = city.applications["drills"].model_dump(by_alias=True) | {"services": ("udp/5000",)}
    udp = Application.model_validate(drills)
    other = city.replace_file(
        APPLICATIONS, ApplicationFile(applications=tuple({**city.applications, "drills": udp}.values()))
    )
    assert list_untested_applications(other) == ("drills",)
    assert "drills" not in {p.target.column for p in tried(other)}


def test_verdicts(city: VirtualCity) -> None:
    pair = tried(city)[0]
    opened = judge_permitted_pair(pair, connected=True, detail="")
    assert opened.verdict is PairVerdict.AGREES
    assert judge_permitted_pair(pair, connected=False, detail="").verdict is PairVerdict.CLOSED

    def denied(*, connected: bool, counted: bool, control: bool | None) -> PairVerdict:
        return judge_denied_pair(pair, connected=connected, counted=counted, control=control, detail="").verdict

    assert denied(connected=False, counted=True, control=True) is PairVerdict.AGREES
    assert denied(connected=False, counted=True, control=None) is PairVerdict.AGREES
    assert denied(connected=True, counted=True, control=True) is PairVerdict.OPEN
    assert denied(connected=False, counted=False, control=True) is PairVerdict.DENIED_BY_OTHER
    assert denied(connected=False, counted=True, control=False) is PairVerdict.CONTROL_FAILED


def test_a_matrix_of_nothing_does_not_agree() -> None:
    assert not MatrixResult(with_control=True, results=(), untested=(), seconds=0.0).agrees


def test_only_the_deny_entries_of_filters_are_counted() -> None:
    cookie = int(Cookie(FlowKind.FILTER, Direction.FROM, Family.V6, 20))
    dump = "\n".join(
        (
            "OFPST_FLOW reply (OF1.4) (xid=0x2):",
            f" cookie={cookie:#x}, duration=1.2s, table=1, n_packets=5, n_bytes=9, priority=10,ipv6 actions=drop",
            f" cookie={cookie:#x}, duration=1.2s, table=1, n_packets=2, n_bytes=9, priority=12,ipv6 actions=drop",
            f" cookie={cookie:#x}, duration=1.2s, table=1, n_packets=7, n_bytes=9, priority=11,ipv6 actions=NORMAL",
            " cookie=0x5453000000000000, duration=1.2s, table=0, n_packets=3, n_bytes=9, priority=1 actions=drop",
            " cookie=0x0, duration=1.2s, table=0, n_packets=4, n_bytes=9, priority=0 actions=drop",
        )
    )
    assert count_denied_packets(dump) == {(20, Direction.FROM, Family.V6): 7}
