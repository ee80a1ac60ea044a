"""What a take-over sets itself is no way of others in its plan; every other way stays, and so does its exit code."""

from __future__ import annotations

import pytest

from controller.adoption.take_over.consider import consider_take_over
from controller.model.network.unmanaged_paths import PathKind
from controller.plan.proof.unjudged import find_unjudged_on
from tests.adoption.take_over.conftest import Desk, list_names

OTHERS = (" switchport voice vlan 150\n", "interface TenGigabitEthernet1/1/1\n")
"""What stays a way of others in the text of the school's Catalyst: a telephone, and a port without a mode."""
ROUTING = "ip routing\nipv6 unicast-routing\n"


def load(desk: Desk, text: str) -> list[str]:
    desk.memory.configuration.load(text)
    desk.memory.startup = desk.memory.running
    return list_names(desk.city, desk.device, desk.memory.running)


def make_whole(text: str) -> str:
    """A Catalyst of which everything that touches ours can be taken over."""
    text = text.replace(OTHERS[0], "").replace(
        OTHERS[1], f"{OTHERS[1]} switchport access vlan 150\n switchport mode access\n"
    )
    return text.replace("vtp mode transparent\n", f"vtp mode transparent\n{ROUTING}", 1)


def test_a_whole_catalyst_is_taken_over_without_a_way_that_is_not_judged(desk: Desk) -> None:
    names = load(desk, make_whole(desk.memory.running))
    observed = desk.observe()
    assert observed.observation is not None
    before = find_unjudged_on(desk.city, desk.device, observed.observation)
    assert {one.path.kind for one in before} >= {PathKind.TRUNK, PathKind.ACCESS_PORT, PathKind.VLAN_INTERFACE}
    considered = consider_take_over(desk.city, observed, names)
    assert considered.refusal is None
    assert considered.unjudged == ()


@pytest.mark.parametrize(
    ("kept", "kind"),
    [("interface Vlan30", PathKind.VLAN_INTERFACE), ("interface GigabitEthernet1/0/3", PathKind.TRUNK)],
)
def test_what_is_not_taken_over_stays_a_way_of_others(desk: Desk, kept: str, kind: PathKind) -> None:
    names = load(desk, make_whole(desk.memory.running))
    considered = consider_take_over(desk.city, desk.observe(), [name for name in names if not name.startswith(kept)])
    left = [one.path for one in considered.unjudged if one.path.kind is kind]
    assert any(kept.casefold().endswith(one.holder) for one in left)


def test_a_line_beside_what_is_taken_over_stays_a_way_of_others(desk: Desk) -> None:
    text = make_whole(desk.memory.running)
    names = load(desk, text.replace("switchport access vlan 10\n", f"switchport access vlan 10\n{OTHERS[0]}", 1))
    considered = consider_take_over(desk.city, desk.observe(), names)
    assert considered.refusal is None
    assert [one.path.kind for one in considered.unjudged] == [PathKind.VOICE_VLAN]
