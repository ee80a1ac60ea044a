"""Findings about rules in every stage of integration: a school that changes its stage meets no policy that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from controller.errors import Origin
from controller.model.city import City
from controller.model.sites.stages import Stage
from controller.prove.lint.finding import Finding
from controller.prove.stage_variants import list_stage_variants


def find_in_stages(city: City, find: Callable[[City], Iterable[Finding]], idle: Collection[str]) -> Iterator[Finding]:
    """What `find` tells of the city in any stage; of `idle` kinds only what is so in all stages of the rule.

    A rule of one stage is not idle because no school is in that stage yet.

    >>> list(find_in_stages(city, lambda one: [], idle=()))
    []
    """
    variants = list_stage_variants(city)
    found: dict[Finding, set[Stage | None]] = {}
    for stage, variant in variants.items():
        for finding in find(variant):
            found.setdefault(finding, set()).add(stage)
    alike: dict[tuple[str, Origin], list[Finding]] = {}
    for finding in found:
        alike.setdefault((finding.kind, finding.origin), []).append(finding)
    for (kind, origin), same in alike.items():
        meant = _find_stages(variants, origin) or set(variants)
        if kind not in idle:
            yield from (_name_stages(finding, found[finding], meant) for finding in same)
        elif set[Stage | None]().union(*(found[one] for one in same)) >= meant:
            # A rule may change nothing at all in one stage, and nothing at some schools in the others.
            most = max(len(found[one] & meant) for one in same)
            yield from (one for one in same if len(found[one] & meant) == most)


def _name_stages(finding: Finding, stages: set[Stage | None], meant: set[Stage | None]) -> Finding:
    if stages >= meant:
        return finding
    named = ", ".join(str(one) for one in Stage if one in stages)
    return replace(finding, message=f"{finding.message} (stage: {named})")


def _find_stages(variants: dict[Stage | None, City], origin: Origin) -> set[Stage | None]:
    """The stages in which the rule that stands at a place is for some school."""
    return {
        stage
        for stage, city in variants.items()
        for rule in city.rules
        if rule.origin == origin and city.list_schools_in_scope(rule)
    }
