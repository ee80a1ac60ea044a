"""Which schools a rule is for, today and in every stage of integration that they may come to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from controller.model.access.rules import Rule
from controller.model.integration.school_stages import SchoolStages
from controller.model.sites.schools import School
from controller.model.sites.scope import SchoolGroup
from controller.model.sites.stages import Stage

Alike = tuple[School, ...]
"""Schools that no rule's scope and no stage tells apart."""


class RuleScopes:
    """The scopes of a city's rules."""

    def __init__(
        self,
        rules: tuple[Rule, ...],
        schools: tuple[School, ...],
        groups: Mapping[str, SchoolGroup],
        stages: SchoolStages,
    ) -> None:
        self._rules, self._schools, self._groups, self._stages = rules, schools, groups, stages

    def applies_at(self, rule: Rule, school: School) -> bool:
        """Tell if a school is in a rule's scope, in the stage that it is in."""
        return rule.schools is None or rule.schools.contains(school, self._groups, self._stages.find_stage(school))

    def may_apply_at(self, rule: Rule, school: School) -> bool:
        """Tell if a school is in a rule's scope in some stage."""
        stages = self._stages.possible_stages
        return rule.schools is None or any(rule.schools.contains(school, self._groups, stage) for stage in stages)

    @cached_property
    def schools_of_equal_scope(self) -> tuple[Alike, ...]:
        """The schools in groups that no rule's scope and no stage tells apart, in the order of their first school."""
        scoped = [rule for rule in self._rules if rule.schools is not None]
        grouped: dict[tuple[Stage | bool | None, ...], list[School]] = {}
        for school in self._schools:
            applied = (self.applies_at(rule, school) for rule in scoped)
            grouped.setdefault((self._stages.find_stage(school), *applied), []).append(school)
        return tuple(map(tuple, grouped.values()))

    def list_places(self, rule: Rule) -> frozenset[tuple[int, Stage | None]]:
        """Every place that a rule is for, in any stage: the number of the schools of equal scope, and the stage.

        Today's stages are not enough where a policy is judged as a whole: a school that changes its stage must not make
        a policy wrong that was right before.
        """
        return frozenset(
            (number, stage)
            for number, alike in enumerate(self.schools_of_equal_scope)
            for stage in self._stages.possible_stages
            if rule.schools is None or rule.schools.contains(alike[0], self._groups, stage)
        )
