"""What must hold at a school in every stage of integration.

No way leads from pupils (from anybody but the staff) to affairs data, and the guideline's 6.1(7) holds by one of its
branches, which is named. `prove_stage` judges one school in the stage that it is in; of a school that is to change its
stage, give the city as it will be (`controller.integration.stage_change`). `prove_stages` judges all schools in every
stage. Both speak of the policy. That devices hold it is proved of their filters, and of every state on the way to them
when a change is planned (`controller.prove.filters.transition`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from controller.model.access.rules import CONTROLLER, INTERNET, Application
from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.sites.schools import School
from controller.prove.check import Check, join_checks
from controller.prove.identity.seats import prove_seats
from controller.prove.identity.segment_people import WRONG_AUDIENCE, find_staff_segments
from controller.prove.reachability.reaching_segments import SegmentWay, find_ways
from controller.prove.stage_variants import list_stage_variants

NO_WAY = "no way from others than the staff to affairs data"
BRANCH = "6.1(7) class II and above: strong access control or separation"
_OUTSIDE = ("saas", "cloud-run")


def prove_stage(city: City, school: School) -> list[Check]:
    """Return the checks of a school in its stage.

    >>> [one.holds for one in prove_stage(city, school)]
    [True, True]
    >>> prove_stage(city, school)[1].evidence[0][:65]
    'coexist: grading: three-way separation: only from staff-legacy by'
    """
    stage = city.find_stage(school)
    here = f"{stage}: " if stage else ""
    strict = [one for one in city.applications.values() if one.importance in STRICT_CLASSES]
    ways = {one.id: find_ways(city, school, one) for one in strict}
    staffed = find_staff_segments((city,))
    found = [
        f"{school.id}: {here}{way.source}, where 802.1X admits others than the staff, reaches {one.id} "
        f"(class {one.importance}): {way.example}, by {way.openers}"
        for one in strict
        for way in ways[one.id]
        if way.source not in staffed
    ]
    found += [
        f"{one.origin}: {one.id} (class {one.importance}) is said to be for {one.audience}: {WRONG_AUDIENCE}"
        for one in strict
        if one.audience != "staff"
    ]
    evidence = tuple(f"{here}{one.id}: {_describe_ways(ways[one.id])}" for one in strict)
    others = sum(name not in staffed for name in city.list_segments(school))
    return [
        Check(NO_WAY, others * len(strict), tuple(found), () if found else evidence),
        _prove_branch(city, school, [(one, ways[one.id]) for one in strict], here),
    ]


def prove_stages(city: City) -> list[Check]:
    """Return the checks of all schools in every stage; schools that no rule tells apart are judged once.

    Of a city that names no stages, only 6.1(7) is asked.

    >>> [not one.differences for one in prove_stages(city)]
    [True, True, True]
    """
    variants = list_stage_variants(city)
    checks = [
        check
        for variant in variants.values()
        for alike in variant.schools_of_equal_scope
        # A school that is cut off reaches less than those like it.
        for check in prove_stage(variant, next((s for s in alike if not city.cut_offs.describe(s.id)), alike[0]))
    ]
    joined = [replace(one, differences=tuple(dict.fromkeys(one.differences))) for one in join_checks(checks)]
    if not city.integrations.named:
        return [one for one in joined if one.name == BRANCH]
    return [*joined, prove_seats(city, variants)]


def _describe_ways(ways: list[SegmentWay]) -> str:
    named = [f"from {way.source} by {way.openers}" for way in ways]
    return "only " + "; ".join(named) if named else "from no segment"


def _prove_branch(city: City, school: School, strict: list[tuple[Application, list[SegmentWay]]], here: str) -> Check:
    """Each application is behind the proxy, or only segments reach it that reach nothing outside the schools."""
    found: list[str] = []
    evidence: list[str] = []
    for app, ways in sorted(strict, key=lambda one: one[0].proxy):
        subject = f"{here}{app.id}"
        if app.proxy:
            rules = [one for one in city.rules_by_application.get(app.id, ()) if one.effect is Effect.PERMIT]
            asked = ", ".join(f"{one.id} ({one.origin})" for one in rules if one.identity)
            evidence.append(
                f"{subject}: strong access control: the proxy judges everybody, by {asked}; {_describe_ways(ways)}"
            )
            continue
        ways_out = [one for way in ways for one in _list_ways_out(city, school, app, way.source)]
        found += [f"{school.id}: {here}{one}" for one in ways_out]
        if not ways_out:
            kept = ", which reaches nothing outside the schools" if ways else ""
            evidence.append(f"{subject}: three-way separation: {_describe_ways(ways)}{kept}")
    return Check(BRANCH, len(strict), tuple(found), tuple(evidence))


def _list_ways_out(city: City, school: School, app: Application, source: str) -> Iterator[str]:
    if source == CONTROLLER:
        return
    outside = [one for one in city.applications.values() if one.hosting in _OUTSIDE]
    for rule in city.rules:
        if rule.effect is Effect.PERMIT and source in city.list_askers(rule, school):
            names = [one.id for one in outside if one.id in rule.applications]
            for name in names + [INTERNET] * (INTERNET in rule.applications):
                yield (
                    f"{rule.origin}: rule {rule.id!r} lets {source} out to {name}, and {source} reaches {app.id} "
                    f"(class {app.importance}) without the proxy"
                )
