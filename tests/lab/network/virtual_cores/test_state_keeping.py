from __future__ import annotations

from controller.lab.network.virtual_cores.state_keeping import write_router_rules
from controller.lab.state.layout_planning import plan_layout
from controller.model.virtual_city import STATELESS_PLATFORMS, VirtualCity
from tests.lab.mixed_city import mix


def test_only_the_router_of_a_switch_that_sees_no_flags_drops_what_pretends_to_be_an_answer(city: VirtualCity) -> None:
    mixed = mix(city)
    for school in plan_layout(mixed, 6).schools:
        rules = write_router_rules(mixed, school).splitlines()
        drops = [rule for rule in rules if rule.endswith("counter drop")]
        assert bool(drops) is (school.platform in STATELESS_PLATFORMS)
        if drops:
            device = mixed.list_devices(mixed.school_by_id[school.id])[1]
            assert device.keeps_state is not None
            jumps = [rule for rule in rules if " jump " in rule]
            assert len(jumps) == 2 * len(mixed.list_served_segments(mixed.school_by_id[school.id])) * len(
                mixed.families
            )
            assert all("tcp flags & (ack | rst) == 0" in rule for rule in jumps)


def test_what_may_begin_a_conversation_passes_before_answers_are_dropped(city: VirtualCity) -> None:
    mixed = mix(city)
    school = next(one for one in plan_layout(mixed, 6).schools if one.platform in STATELESS_PLATFORMS)
    rules = write_router_rules(mixed, school).splitlines()
    of_chain: dict[str, list[str]] = {}
    for rule in rules:
        words = rule.split()
        if words[:2] == ["add", "rule"] and words[4] != "answers":
            of_chain.setdefault(words[4], []).append(words[-1])
    assert of_chain
    assert all(ends == sorted(ends, reverse=True) for ends in of_chain.values()), "returns stand before drops"
