"""What `check` calls dead is what what-if sees no change without, on policies that nobody wrote."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.model.access.rules import INTERNET, Rule, RuleFile
from controller.model.policy_files import RULES
from controller.plan.what_if.compare import compare_policies
from controller.prove.lint.contradictions import DEAD_RULE, find_contradictions
from tests.plan.test_what_if_property import CITY, identity_rule, network_rule
from tests.soak import FACTOR

# Each has addresses of its own: what a switch cannot tell apart, `check` does by name.
APART = ("affairs", "drills", "printing", INTERNET)


@settings(max_examples=8 * FACTOR, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(network_rule(APART) | identity_rule(), min_size=2, max_size=4, unique_by=lambda one: one.id))
def test_dead_rules(rules: list[Rule]) -> None:
    placed = [rule.model_copy(update={"origin": replace(rule.origin, line=n)}) for n, rule in enumerate(rules, 1)]
    city = CITY.replace_file(RULES, RuleFile(rules=tuple(placed)))
    said = {f.origin for f in find_contradictions(city) if f.kind == DEAD_RULE and "changes no answer" in f.message}
    for rule in placed:
        without = city.replace_file(RULES, RuleFile(rules=tuple(other for other in placed if other is not rule)))
        assert (rule.origin in said) == compare_policies(city, without).nothing, rule
