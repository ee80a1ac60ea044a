"""What a difference shows: each kind of mistake, its line, its rule, and one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.compile.network.intent import FilterIntent
from controller.errors import Origin, ProofFailed
from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import Effect, Family, Packet, Protocol, parse_prefix
from controller.prove.filters import equivalence
from controller.prove.filters.equivalence import FilterDifference, prove_filter_equals_intent
from controller.prove.filters.evaluation import ends_explicitly, evaluate_intent
from tests.prove.filters import clause, deny_all, entries_of, filter_of, intent_of

SOURCE = {Family.V4: "10.1.4.0/24", Family.V6: "2001:db8:1:4::/64"}
SERVER = {Family.V4: "203.0.113.10/32", Family.V6: "2001:db8:ffff::10/128"}


def staff_filter(family: Family) -> tuple[FilterIntent, list[Entry]]:
    """Staff reach a server but for one port of it; answers to established conversations pass."""
    source, server = SOURCE[family], SERVER[family]
    intent = intent_of(
        family,
        clause(Effect.PERMIT, source, server, (440, 450)),
        clause(Effect.FORBID, source, server, (445, 445), rule="no-smb"),
        clause(Effect.PERMIT, source, SOURCE[family], established=True, rule="answers"),
    )
    forbid, *permits = sorted(
        (entry for part in intent.clauses for entry in entries_of(part)),
        key=lambda entry: entry.effect is Effect.PERMIT,
    )
    return intent, [
        replace(entry, origin=str(11 + at)) for at, entry in enumerate((forbid, *permits, deny_all(family)))
    ]


def change(entry: Entry, **changes: object) -> Entry:
    return replace(entry, match=replace(entry.match, **changes))  # type: ignore[arg-type] # one call for every field


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("edit", "deciding_line", "wanted_by_policy", "rules"),
    [
        (lambda f: [*f[:1], *f[2:]], "14", True, ["staff-affairs"]),
        (lambda f: f[1:], "12", False, ["no-smb"]),
        (lambda f: [f[1], f[0], *f[2:]], "12", False, ["no-smb"]),
        (lambda f: [replace(f[0], effect=Effect.PERMIT), *f[1:]], "11", False, ["no-smb"]),
        (lambda f: [*f[:3], replace(f[3], effect=Effect.PERMIT)], "14", False, []),
        (lambda f: [f[0], change(f[1], source=f[1].match.source.supernet()), *f[2:]], "12", False, []),
        (lambda f: [f[0], change(f[1], destination_ports=(440, 449)), *f[2:]], "14", True, ["staff-affairs"]),
        (lambda f: [f[0], change(f[1], source_ports=(1024, 65535)), *f[2:]], "14", True, ["staff-affairs"]),
        (lambda f: [*f[:2], change(f[2], established=False), f[3]], "13", False, []),
        (lambda f: [*f[:2], change(f[2], protocol=None, established=False), f[3]], "13", False, []),
        (lambda f: f[:3], None, False, []),
        (lambda _: [], None, True, ["staff-affairs"]),
    ],
    ids=[
        "permit dropped",
        "forbid dropped",
        "forbid after permit",
        "forbid flipped",
        "end flipped",
        "prefix widened",
        "port lost",
        "source ports lost",
        "established dropped",
        "protocol dropped",
        "end dropped",
        "empty",
    ],
)
def test_each_kind_of_mistake_is_shown_with_its_line_and_rule(
    family: Family,
    edit: Callable[[list[Entry]], list[Entry]],
    deciding_line: str | None,
    wanted_by_policy: bool,  # noqa: FBT001 a column of the table
    rules: list[str],
) -> None:
    intent, entries = staff_filter(family)
    assert prove_filter_equals_intent(intent, filter_of(family, entries)) is None
    difference = prove_filter_equals_intent(intent, filter_of(family, edit(entries)))
    assert difference is not None
    assert (difference.entry.origin if difference.entry else None) == deciding_line
    assert (difference.wanted, [rule.rule for rule in difference.rules]) == (wanted_by_policy, rules)


def test_a_difference_is_one_clear_sentence() -> None:
    intent, entries = staff_filter(Family.V4)
    wide = [entries[0], change(entries[1], source=parse_prefix("10.1.4.0/23")), *entries[2:]]
    assert str(prove_filter_equals_intent(intent, filter_of(Family.V4, wide))) == (
        "kw-e01-core1 TSN-10-from-x line 12: permits tcp 10.1.5.0 port 49152 -> 203.0.113.10 port 443, "
        "but no rule permits it (default deny)"
    )
    assert str(prove_filter_equals_intent(intent, filter_of(Family.V4, [entries[0], *entries[2:]]))) == (
        "kw-e01-core1 TSN-10-from-x line 14: denies tcp 10.1.4.10 port 49152 -> 203.0.113.10 port 443, "
        "but rule staff-affairs (access/rules.yaml:12) permits it"
    )
    assert str(prove_filter_equals_intent(intent, filter_of(Family.V4, entries[1:]))) == (
        "kw-e01-core1 TSN-10-from-x line 12: permits tcp 10.1.4.10 port 49152 -> 203.0.113.10 port 445, "
        "but rule no-smb (access/rules.yaml:12) forbids it"
    )
    assert str(prove_filter_equals_intent(intent, filter_of(Family.V4, entries[:3]))) == (
        "kw-e01-core1 TSN-10-from-x: no entry decides tcp 10.1.4.10 port 49152 -> 203.0.113.10 port 49152 "
        "(vendors' defaults differ), but no rule permits it (default deny)"
    )


def test_several_rules_are_all_named() -> None:
    intent, entries = staff_filter(Family.V4)
    second = intent.clauses[0]._replace(rule="clerk-affairs", origin=Origin("access/rules.yaml", 40))
    both = replace(intent, clauses=(*intent.clauses, second, second))
    assert str(prove_filter_equals_intent(both, filter_of(Family.V4, [entries[3]]))).endswith(
        "but rules staff-affairs (access/rules.yaml:12), clerk-affairs (access/rules.yaml:40) permit it"
    )


def test_an_intent_without_clauses_is_a_filter_that_denies_all() -> None:
    for family in Family:
        assert prove_filter_equals_intent(intent_of(family), filter_of(family, [deny_all(family)])) is None
        assert prove_filter_equals_intent(intent_of(family), filter_of(family, [])) is not None


def test_a_filter_that_decides_all_without_an_end_is_equal_but_does_not_end_explicitly() -> None:
    lower, upper = (change(deny_all(Family.V4), source=parse_prefix(half)) for half in ("0.0.0.0/1", "128.0.0.0/1"))
    split = filter_of(Family.V4, [lower, upper])
    assert prove_filter_equals_intent(intent_of(Family.V4), split) is None
    assert not ends_explicitly(split)
    assert not ends_explicitly(filter_of(Family.V4, []))
    assert not ends_explicitly(filter_of(Family.V4, [deny_all(Family.V6)]))
    assert not ends_explicitly(filter_of(Family.V6, [change(deny_all(Family.V6), protocol=6)]))
    assert ends_explicitly(filter_of(Family.V6, [deny_all(Family.V6)]))


def test_entries_of_the_other_family_decide_nothing() -> None:
    permit_v4 = replace(deny_all(Family.V4), effect=Effect.PERMIT)
    assert (
        prove_filter_equals_intent(intent_of(Family.V6), filter_of(Family.V6, [permit_v4, deny_all(Family.V6)])) is None
    )
    assert prove_filter_equals_intent(intent_of(Family.V6), filter_of(Family.V6, [deny_all(Family.V4)])) is not None


def test_a_filter_for_another_place_is_refused() -> None:
    intent = replace(intent_of(Family.V4), vlan=20)
    with pytest.raises(
        ProofFailed, match="is for VLAN 10, from, IPv4; the policy was compiled for VLAN 20, from, IPv4"
    ):
        prove_filter_equals_intent(intent, filter_of(Family.V4, [deny_all(Family.V4)]))


def test_a_packet_without_tcp_or_udp_is_shown_as_what_it_is() -> None:
    ping = clause(Effect.PERMIT, "::/0", "2001:db8:1:4::/64", protocol=Protocol.ICMPV6)
    difference = prove_filter_equals_intent(intent_of(Family.V6, ping), filter_of(Family.V6, [deny_all(Family.V6)]))
    assert isinstance(difference, FilterDifference)
    assert str(difference.packet) == "icmpv6 type 128 2001:db8::10 -> 2001:db8:1:4::a"


def test_a_difference_that_the_replay_does_not_see_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    intent, entries = staff_filter(Family.V4)
    monkeypatch.setattr(equivalence, "evaluate_filter", wanted_instead(intent))
    with pytest.raises(equivalence.ReplayError, match="replayed it makes no difference"):
        prove_filter_equals_intent(intent, filter_of(Family.V4, entries[1:]))


def test_a_difference_without_a_packet_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    intent, entries = staff_filter(Family.V4)
    monkeypatch.setattr(equivalence, "find_likely_packet", lambda *_: None)
    with pytest.raises(equivalence.ReplayError, match="found a difference without a packet"):
        prove_filter_equals_intent(intent, filter_of(Family.V4, entries[1:]))


def wanted_instead(intent: FilterIntent) -> Callable[[Filter, Packet], bool]:
    return lambda _, packet: evaluate_intent(intent, packet)
