"""Attacks on the anchors: a policy that is wider than the one applied last in what every proof takes for granted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import AnchorWidened, OperationsRefused
from controller.model.city import City
from controller.model.network.packets import Prefix
from controller.model.policy_files import CITY
from controller.operations.anchors import AnchorName, Anchors, collect_anchors, find_uncovered, find_wider_anchors
from controller.operations.applied_policies import (
    find_applied_policy,
    find_widened,
    judge_anchors,
    record_applied_policy,
)
from controller.operations.operations import CloudBounds, Operations
from tests.cli.running import here
from tests.policies import PolicyFolder

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def before(city: City) -> Anchors:
    """The anchors of the shipped policy."""
    return collect_anchors(city)


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


@pytest.fixture
def operations(tmp_path: Path) -> Operations:
    return Operations(state=tmp_path / "state")


def widened(city: City, operations: Operations) -> str:
    with pytest.raises(AnchorWidened) as caught:
        judge_anchors(city, operations, ())
    return str(caught.value)


def test_the_first_apply_says_so_and_needs_the_flag(city: City, operations: Operations) -> None:
    said = widened(city, operations)
    assert "no policy of this city was applied from here before" in said
    assert "--accept-wider first" in said
    assert [one.name for one in judge_anchors(city, operations, [AnchorName.FIRST])] == ["first"]
    record_applied_policy(city, operations, NOW, "sato")
    last = find_applied_policy(city, operations)
    assert last is not None
    assert (last.city, last.policy, last.by, last.at) == (city.id, city.digest, "sato", NOW)
    assert judge_anchors(city, operations, ()) == ()


def apart(network: str, length: int = 28) -> str:
    """Every second block of a network, so that none lies beside another."""
    return ", ".join(str(one) for one in list(IPv4Network(network).subnets(new_prefix=length))[::2])


def add_core_port(policies: PolicyFolder, port: str) -> None:
    """One port more on each core switch of the small elementary schools."""
    above = "segments: all} # one to each floor switch\n"
    policies.edit("city/blueprints.yaml", above, f"{above}          - {port}\n")


Attack = Callable[[PolicyFolder], object]
ATTACKS: dict[str, tuple[Attack, str, str]] = {
    "a public network as controllers": (
        lambda one: one.edit("city/city.yaml", "10.255.0.10/32", "10.255.0.0/29"),
        "controllers",
        "10.255.0.0/29",
    ),
    "one controller more": (
        lambda one: one.edit("city/city.yaml", "  - 10.255.0.10/32\n", "  - 10.255.0.10/32\n  - 10.254.7.7/32\n"),
        "controllers",
        "10.254.7.7/32",
    ),
    "another management segment": (
        lambda one: one.edit("city/city.yaml", "management-segment: management", "management-segment: printers"),
        "management",
        "the segment is printers",
    ),
    "a port of the management segment": (
        lambda one: one.edit("city/blueprints.yaml", "segments: [pupil]", "segments: [management]"),
        "management",
        "leads into the management segment",
    ),
    "a certificate that leads into management": (
        lambda one: one.edit(
            "access/admission.yaml",
            "  - {id: pupils,",
            "  - {id: more, certificate: new-device, roles: [pupil], places: [other-school], segment: management}\n"
            "  - {id: pupils,",
        ),
        "management",
        "802.1X",
    ),
    "a range that is reserved no more": (
        lambda one: one.edit("city/city.yaml", "  - 25.0.0.0/8\n", ""),
        "reserved",
        "25.0.0.0/8",
    ),
    "half of a range that is reserved no more": (
        lambda one: one.edit("city/city.yaml", "  - 25.0.0.0/8\n", "  - 25.0.0.0/9\n"),
        "reserved",
        "25.0.0.0/8",
    ),
    "a large application of the board's own": (
        lambda one: one.edit("access/applications.yaml", "addresses: [10.254", "addresses: [11.0.0.0/12, 10.254"),
        "applications",
        "11.0.0.0/12",
    ),
    "a system of data flows that is a quarter of the internet": (
        lambda one: one.edit(
            "access/flows.yaml",
            "operator: city, importance: I, addresses: [10.254.1.10,",
            "operator: city, importance: I, addresses: [128.0.0.0/2, 10.254.1.10,",
        ),
        "applications",
        "system resident-register has 128.0.0.0/2",
    ),
    "a published list with half of the internet": (
        lambda one: one.edit("access/prefixes/workspace.yaml", "prefixes: [", "prefixes: [64.0.0.0/3, "),
        "applications",
        "64.0.0.0/3",
    ),
    "a published list of many small blocks that lie apart": (
        lambda one: one.edit("access/prefixes/workspace.yaml", "prefixes: [", f"prefixes: [{apart('8.8.0.0/20')}, "),
        "applications",
        "application workspace has 2,048 new addresses of IPv4, more than a /28 has",
    ),
    "a school that is told by many single addresses": (
        lambda one: one.edit("city/schools/asao.yaml", "egress: [", f"egress: [{apart('8.8.8.0/25', 32)}, "),
        "places",
        "new addresses of IPv4, more than a /28 has",
    ),
    "an access port of the management segment that is called an uplink": (
        lambda one: add_core_port(one, "{first: 20, last: 20, mode: access, segments: [management], faces: gateway}"),
        "management",
        "core: port 20 (uplink) leads into the management segment",
    ),
    "one uplink more, with every segment on it": (
        lambda one: add_core_port(one, "{first: 21, last: 21, mode: trunk, segments: all, faces: gateway}"),
        "management",
        "core: port 21 (uplink) leads into the management segment",
    ),
    "a management port without a filter": (
        lambda one: add_core_port(one, "{first: 22, last: 22, mode: trunk, segments: all, faces: unfiltered}"),
        "management",
        "core: port 22 (unfiltered) leads into the management segment",
    ),
    "an office that the whole internet is in": (
        lambda one: one.edit("city/city.yaml", "egress: [192.0.2.220,", "egress: [8.0.0.0/6, 192.0.2.220,"),
        "places",
        "office board-office has 8.0.0.0/6",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_wider_anchor_is_refused_by_name_until_it_is_accepted(
    policies: PolicyFolder, operations: Operations, name: str
) -> None:
    attack, anchor, shown = ATTACKS[name]
    policies.edit("city/city.yaml", "  - 224.0.0.0/4", "  - 25.0.0.0/8\n  - 224.0.0.0/4")
    before = policies.load()
    record_applied_policy(before, operations, NOW, "sato")
    attack(policies)
    after = policies.load()
    said = widened(after, operations)
    assert shown in said
    assert f"--accept-wider {anchor}" in said
    others = [one for one in AnchorName if one != anchor]
    with pytest.raises(AnchorWidened):
        judge_anchors(after, operations, others)
    assert {one.name for one in judge_anchors(after, operations, [AnchorName(anchor)])} == {anchor}


def test_check_says_before_what_apply_would_ask(
    policies: PolicyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)
    operations = Operations(state=tmp_path / "home/.local/state/tsunagu")
    monkeypatch.setattr("controller.cli.policy.check.Operations", lambda: operations)
    words = ("check", "--on", "2026-12-01")
    assert "wider than applied" not in here(*words, cwd=tmp_path).said
    record_applied_policy(policies.load(), operations, NOW, "sato")
    assert "wider than applied" not in here(*words, cwd=tmp_path).said
    policies.edit("city/city.yaml", "egress: [192.0.2.220,", "egress: [8.0.0.0/6, 192.0.2.220,")
    said = here(*words, cwd=tmp_path).said
    assert "warning: wider than applied: places: office board-office has 8.0.0.0/6" in said
    assert "--accept-wider places" in said
    assert "warning: wide addresses: the egress of office board-office has 8.0.0.0/6" in said


def test_a_narrower_policy_needs_no_flag(policies: PolicyFolder, operations: Operations) -> None:
    before = policies.load()
    policies.edit("city/city.yaml", "  - 224.0.0.0/4", "  - 25.0.0.0/8\n  - 224.0.0.0/4")
    policies.edit("city/city.yaml", "192.0.2.220, ", "")
    record_applied_policy(before, operations, NOW, "sato")
    assert find_widened(policies.load(), operations) == ()


def test_an_estate_that_keeps_no_anchors_is_not_asked(city: City, tmp_path: Path) -> None:
    operations = Operations(state=tmp_path, anchors="not-kept")
    assert judge_anchors(city, operations, ()) == ()
    record_applied_policy(city, operations, NOW, "sato")
    last = find_applied_policy(city, operations)
    assert last is not None
    assert (last.policy, last.anchors) == (city.digest, None)
    assert find_widened(city, operations) == ()


@pytest.mark.parametrize("spoil", ["", "{}", "[", '{"format": 1}', "x" * 100])
def test_a_damaged_record_is_not_taken_for_none(city: City, operations: Operations, spoil: str) -> None:
    record_applied_policy(city, operations, NOW, "sato")
    path = operations.state / f"applied/{city.id}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(spoil, encoding="utf-8")
    with pytest.raises(OperationsRefused, match="is damaged"):
        judge_anchors(city, operations, list(AnchorName))


def test_a_record_that_others_can_change_is_refused(city: City, operations: Operations) -> None:
    record_applied_policy(city, operations, NOW, "sato")
    path = operations.state / f"applied/{city.id}.json"
    path.chmod(0o666)
    with pytest.raises(OperationsRefused, match="can be changed by others"):
        judge_anchors(city, operations, list(AnchorName))


def test_a_record_of_another_city_is_refused(city: City, operations: Operations) -> None:
    record_applied_policy(city, operations, NOW, "sato")
    kept = operations.state / "applied"
    (kept / f"{city.id}.json").rename(kept / "other.json")
    other = city.replace_file(CITY, city.settings.model_copy(update={"id": "other"}))
    with pytest.raises(OperationsRefused, match="another city's"):
        find_applied_policy(other, operations)


PREFIXES = st.builds(
    lambda first, length: IPv4Network((first >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(8, 32),
)


def covered(address: int, prefixes: list[Prefix]) -> bool:
    return any(int(one.network_address) <= address <= int(one.broadcast_address) for one in prefixes)


@given(
    before=st.lists(PREFIXES, max_size=4), halves=st.integers(0, 3), after=st.lists(PREFIXES, min_size=1, max_size=4)
)
@settings(max_examples=80, deadline=None)
def test_what_is_uncovered_has_an_address_that_was_not_there(
    before: list[Prefix], halves: int, after: list[Prefix]
) -> None:
    # The same addresses, cut in pieces, cover the same.
    cut = [part for one in before for part in one.subnets(min(halves, 32 - one.prefixlen))]
    uncovered = list(find_uncovered(after, cut))
    assert uncovered == list(find_uncovered(after, before))
    for one in after:
        edges = (int(one.network_address), int(one.broadcast_address))
        if not all(covered(address, before) for address in edges):
            assert one in uncovered
    assert list(find_uncovered(before, cut)) == []


@given(prefix=PREFIXES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_any_controller_that_was_none_is_told(before: Anchors, prefix: Prefix) -> None:
    after = before.model_copy(update={"controllers": (*before.controllers, prefix)})
    known = prefix == ip_network("10.255.0.10/32")
    assert bool(list(find_wider_anchors(before, after, CloudBounds()))) is not known


@given(length=st.integers(8, 32), pieces=st.integers(0, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_an_application_is_wider_beyond_the_bound_however_it_is_cut(before: Anchors, length: int, pieces: int) -> None:
    name = next(iter(before.applications))
    block = IPv4Network((int(IPv4Network("44.0.0.0/8").network_address), length))
    cut = tuple(block.subnets(min(pieces, 32 - length)))
    after = replace_application(before, name, cut)
    wider = [one.name for one in find_wider_anchors(before, after, CloudBounds())]
    assert wider == (["applications"] if length < 28 else [])


def replace_application(anchors: Anchors, name: str, prefixes: tuple[Prefix, ...]) -> Anchors:
    return anchors.model_copy(update={"applications": {**anchors.applications, name: prefixes}})


@given(length=st.integers(24, 32), count=st.integers(1, 40), old=st.integers(0, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_new_addresses_of_all_blocks_together_are_bounded(before: Anchors, length: int, count: int, old: int) -> None:
    name = next(iter(before.applications))
    blocks = [IPv4Network((44 << 24 | number << 12, length)) for number in range(count)]
    earlier = replace_application(before, name, tuple(blocks[:old]))
    wider = list(find_wider_anchors(earlier, replace_application(before, name, tuple(blocks)), CloudBounds()))
    assert bool(wider) is (max(0, count - old) * 2 ** (32 - length) > 16)
