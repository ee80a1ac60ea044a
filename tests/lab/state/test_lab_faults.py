from __future__ import annotations

import pytest

from controller.errors import LabError
from controller.lab.state.lab_faults import STRENGTHS, FaultKind, LabFault, parse_fault
from controller.lab.state.layout_planning import plan_layout
from controller.model.virtual_city import VirtualCity


def test_the_words_of_a_command_name_a_fault(city: VirtualCity) -> None:
    layout = plan_layout(city, 2)
    school = layout.schools[0].id
    for kind in (FaultKind.PRIMARY, FaultKind.BACKUP, FaultKind.BLACKHOLE):
        assert parse_fault(layout, school, kind.value) == LabFault(where=school, kind=kind)
    for region in layout.regions:
        assert parse_fault(layout, "region", region.id) == LabFault(where=region.id, kind=FaultKind.REGION)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("nowhere", "blackhole", "the lab has no school nowhere"),
        (
            "as-e04",
            "secondary-line",
            "primary-line, backup-line, blackhole, slow-line, .* can be broken, not 'secondary-line'",
        ),
        ("as-e04", "third-line", "school as-e04 has no third line in the lab; it has: primary and backup"),
        ("as-e04", "region", "not 'region'"),
        ("region", "kyoto", "the lab has no region kyoto; it has: tokyo, osaka"),
        ("tokyo", "region", "the lab has no school tokyo"),
    ],
)
def test_words_that_name_none_are_refused_with_what_there_is(
    city: VirtualCity, first: str, second: str, said: str
) -> None:
    with pytest.raises(LabError, match=said):
        parse_fault(plan_layout(city, 2), first, second)


@pytest.mark.parametrize(
    ("kind", "strength", "said"),
    [
        ("slow-line", 0.5, "slow-line takes 1 to 10000 Mbit/s, not 0.5"),
        ("lossy-line", 100, "lossy-line takes 0.01 to 90 % of its packets, not 100"),
        ("blackhole", 5, "blackhole has no strength: leave out 5"),
        ("dead-dns", 1, "dead-dns has no strength: leave out 1"),
    ],
)
def test_a_strength_that_a_fault_cannot_have_is_refused(
    city: VirtualCity, kind: str, strength: float, said: str
) -> None:
    with pytest.raises(LabError, match=said):
        parse_fault(plan_layout(city, 1), "as-e04", kind, strength)


def test_a_fault_is_as_strong_as_it_is_said_or_as_usual(city: VirtualCity) -> None:
    layout = plan_layout(city, 1)
    assert parse_fault(layout, "as-e04", "slow-line", 7).strength == 7
    for kind, known in STRENGTHS.items():
        assert parse_fault(layout, "as-e04", kind).strength == known.usual
        assert known.least <= known.usual <= known.most


def test_what_is_broken_is_said_in_words() -> None:
    said = {str(LabFault(where="as-e04", kind=kind)) for kind in FaultKind}
    assert len(said) == len(FaultKind)
    assert all("as-e04" in one for one in said)
