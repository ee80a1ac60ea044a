"""A cause that many schools have in common: their carrier, their ward, a region, or the whole city."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.measure.diagnosis.causes import PART_OF, Cause, Diagnosis, NetworkPart

LEAST_SCHOOLS = 3
"""Fewer schools with the same fault may be chance."""
_MOST_OF_GROUP = 0.5
_FEW_OUTSIDE = 0.1
CITY = "city"
_EACH_SCHOOL_S = frozenset({NetworkPart.CONTRACT, NetworkPart.LAN, NetworkPart.SWITCH})
"""Parts that schools do not share: a hundred small contracts have no common cause in the network."""


@dataclass(frozen=True, slots=True)
class CommonCause:
    """A fault of many schools: its one cause, or the causes that no school's evidence tells apart.

    `shared` is what the schools have in common; several where they are not told apart.
    """

    causes: tuple[Cause, ...]
    shared: tuple[tuple[str, str], ...]
    schools: tuple[str, ...]
    asked: int

    @property
    def named(self) -> Cause | None:
        """The cause, if it is told apart from every other."""
        return self.causes[0] if len(self.causes) == 1 else None


def find_common_causes(diagnoses: Sequence[Diagnosis]) -> list[CommonCause]:
    """The causes that schools share, those of the most schools first.

    A group is to blame where at least half of its schools (and three) have the fault, and hardly any outside of it.

    >>> down = Finding((Cause.LINE_DOWN,), "primary", ())
    >>> of = lambda school, ward, *found: Diagnosis(school, found, {"ward": ward, "carrier": "fixed-ip"})
    >>> city_ = [of("a", "asao", down), of("b", "asao", down), of("c", "asao", down), of("d", "tama"), of("e", "tama")]
    >>> [(str(one.named), one.shared, len(one.schools)) for one in find_common_causes(city_)]
    [('line-down', (('ward', 'asao'),), 3)]
    """
    affected = _list_affected(diagnoses)
    found: list[CommonCause] = []
    for causes in sorted(affected, key=len):
        for common in _explain(causes, affected[causes], diagnoses):
            # What a named cause explains at the same schools is not told a second time as a guess.
            if not any(one.named in causes and set(common.schools) <= set(one.schools) for one in found):
                found.append(common)
    return sorted(found, key=lambda common: (-len(common.schools), common.causes))


def _list_affected(diagnoses: Sequence[Diagnosis]) -> dict[tuple[Cause, ...], dict[str, str]]:
    """The schools with each cause or with the same causes that are not told apart, and what it is about there.

    A cause that enough schools name alone is that of schools, too, that cannot tell it apart from others.
    """
    affected: dict[tuple[Cause, ...], dict[str, str]] = {}
    findings = [(one.school, finding) for one in diagnoses for finding in one.findings]
    for school, finding in findings:
        if not all(PART_OF[cause] in _EACH_SCHOOL_S for cause in finding.causes):
            affected.setdefault(finding.causes, {}).setdefault(school, finding.about)
    for school, finding in findings:
        for cause in finding.causes:
            alone = affected.get((cause,), {})
            if finding.named is None and len(alone) >= LEAST_SCHOOLS:
                alone.setdefault(school, finding.about)
    return affected


def _explain(
    causes: tuple[Cause, ...], schools: Mapping[str, str], diagnoses: Sequence[Diagnosis]
) -> Iterator[CommonCause]:
    if len(schools) < LEAST_SCHOOLS:
        return
    groups: dict[tuple[str, str], set[str]] = {}
    for one in diagnoses:
        for key, value in one.groups.items():
            groups.setdefault((key, value), set()).add(one.school)
    everybody = {one.school for one in diagnoses}
    if len(schools) >= _MOST_OF_GROUP * len(everybody) and all(
        len(set(schools) & members) >= _MOST_OF_GROUP * len(members) for members in groups.values()
    ):
        is_upstream = all(PART_OF[cause] is NetworkPart.UPSTREAM for cause in causes)
        regions = set(schools.values()) if is_upstream else set()
        shared = ("region", regions.pop()) if len(regions) == 1 and all(regions) else (CITY, "")
        yield CommonCause(causes, (shared,), tuple(sorted(schools)), len(everybody))
        return
    fitting = [(group, members) for group, members in groups.items() if _fits(set(schools), members, everybody)]
    if not fitting:
        return
    most = max(len(set(schools) & members) for _, members in fitting)
    best = [(group, members) for group, members in fitting if len(set(schools) & members) == most]
    mine = set.intersection(*(members for _, members in best)) & set(schools)
    asked = len(set.union(*(members for _, members in best)))
    yield CommonCause(causes, tuple(sorted(group for group, _ in best)), tuple(sorted(mine)), asked)


def _fits(affected: set[str], members: set[str], everybody: set[str]) -> bool:
    inside, outside = affected & members, affected - members
    elsewhere = everybody - members
    return (
        len(inside) >= max(LEAST_SCHOOLS, _MOST_OF_GROUP * len(members))
        and bool(elsewhere)
        and len(outside) <= _FEW_OUTSIDE * len(elsewhere)
    )
