"""Findings about rules in every stage of integration: a school that changes its stage meets no policy that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from controller.errors import Origin
from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.prove.lint.finding import Finding, Severity
from controller.prove.stage_variants import list_stage_variants


def find_in_stages(city: City, find: Callable[[City], Iterable[Finding]]) -> Iterator[Finding]:
    """What `find` tells of the city in any stage: each error; a warning where it is so in all stages of its rule.

    A rule of one stage is not idle because no school is in that stage yet.

    >>> list(find_in_stages(city, lambda one: []))
    []
    """
    variants = list_stage_variants(city)
    found: dict[Finding, list[Stage | None]] = {}
    for stage, variant in variants.items():
        for finding in find(variant):
            found.setdefault(finding, []).append(stage)
    warned: dict[tuple[str, Origin], set[Stage | None]] = {}
    for finding, stages in found.items():
        warned.setdefault((finding.kind, finding.origin), set()).update(stages)
    for finding, stages in found.items():
        meant = _find_stages(variants, finding.origin) or set(variants)
        if finding.severity is Severity.ERROR:
            named = ", ".join(str(one) for one in stages)
            everywhere = set(stages) >= meant
            yield finding if everywhere else replace(finding, message=f"{finding.message} (stage: {named})")
        elif warned[finding.kind, finding.origin] >= meant:
            yield finding


def _find_stages(variants: dict[Stage | None, City], origin: Origin) -> set[Stage | None]:
    """The stages in which the rule that stands at a place is for some school."""
    return {
        stage
        for stage, city in variants.items()
        for rule in city.rules
        if rule.origin == origin and city.list_schools_in_scope(rule)
    }
