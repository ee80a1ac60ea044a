"""What needs somebody, the most urgent first: since when, the likely cause, what it shares with others, what next.

Everything here follows from the facts that it is given; nothing is read and nothing is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from controller.model.measurement import Assessment
from monitoring.city_state.school_facts import Impairment, LineFacts, SchoolFacts, StandingFact
from monitoring.city_state.shared_patterns import SharedPattern, find_patterns

NeedKind = Literal[
    "feeder-silent",
    "region-down",
    "dns-down",
    "http-down",
    "cut-off",
    "line-down",
    "certificate-critical",
    "rollout-lost",
    "unconfirmed",
    "rollout-failed",
    "brown-out",
    "drift",
    "silent",
    "certificate-ending",
    "below",
]
URGENCY: tuple[NeedKind, ...] = get_args(NeedKind)
"""The kinds as they are written above, the most urgent first.

What is of the whole city comes before its parts: a silent feed, a lost region, dead DNS.
"""
Cause = Literal["site", "area", "carrier", "line", "region", "feeder", "probe", "contract"] | Impairment

LEAST_SILENT = 3
"""So many silent schools at least, and most of those ever heard, are the feeder's silence and not theirs."""
LEAST_WITHOUT_SERVICE = 3
"""So many schools without DNS at least, and most of those with a line that answers, have one cause in common."""
_NOT_OF_AN_ID, _LONGEST_NAME = re.compile(r"[^a-z0-9]+"), 80
_SERVICES: tuple[tuple[NeedKind, Impairment], ...] = (("dns-down", "dns"), ("http-down", "http"))
COMMANDS: dict[NeedKind, str] = {
    "feeder-silent": "systemctl status tsunagu-run",
    "region-down": "tsunagu measure --all",
    "dns-down": "tsunagu measure --all",
    "http-down": "tsunagu measure --all",
    "cut-off": "tsunagu measure --school {school}",
    "line-down": "tsunagu measure --school {school}",
    "certificate-critical": "openssl x509 -noout -subject -enddate -in FILE",
    "rollout-lost": "tsunagu rollout list",
    "unconfirmed": "tsunagu drift --school {school}",
    "rollout-failed": "tsunagu drift",
    "brown-out": "tsunagu measure --school {school}",
    "drift": "tsunagu drift --school {school}",
    "silent": "tsunagu probe list",
    "certificate-ending": "openssl x509 -noout -subject -enddate -in FILE",
    "below": "tsunagu report bandwidth",
}
RUNBOOKS: dict[NeedKind, str] = {
    "feeder-silent": "telemetry-stopped",
    "region-down": "region-lost",
    "dns-down": "dns-lost",
    "http-down": "http-lost",
    "cut-off": "school-cut-off",
    "line-down": "line-down",
    "certificate-critical": "certificate-ending",
    "rollout-lost": "rollout-lost",
    "unconfirmed": "device-unconfirmed",
    "rollout-failed": "drift-found",
    "brown-out": "line-slow",
    "drift": "drift-found",
    "silent": "probe-silent",
    "certificate-ending": "certificate-ending",
}
"""The page of `docs/runbooks/` for each kind; below the recommendation is a matter of the contract and has none."""
RUNBOOKS_OF_CAUSES: dict[Cause, str] = {
    "flapping": "line-flapping",
    "region": "path-down",
    "family": "path-down",
    "path": "path-down",
    "dns": "dns-down",
    "http": "http-down",
}
"""That of a line that is impaired is its first cause's, where that has one of its own."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs somebody. `school` is empty where it is of the whole city, `line` where it is of no line.

    `region` names the region where it is one's, `rollout` the rollout, `certificate` the certificate; `ends` is when
    that ends.

    `since`: from when on; None where that is not known. `heard`: when it was last heard, where it is `stale`, so only
    what was last known. `causes` are likely ones, the likeliest first; none where nothing is known.
    """

    kind: NeedKind
    school: str
    line: str
    count: int
    since: float | None
    heard: float | None
    stale: bool
    causes: tuple[Cause, ...] = ()
    patterns: tuple[SharedPattern, ...] = ()
    region: str = ""
    rollout: str = ""
    certificate: str = ""
    ends: float | None = None

    @property
    def id(self) -> str:
        """What names it in the API: the same as long as it is the same need.

        >>> Need("line-down", "as-e01", "primary", 1, None, None, False).id
        'line-down:as-e01:primary'
        >>> Need("rollout-lost", "", "", 1, None, None, True, rollout="Term 2 (filters).json").id
        'rollout-lost:term-2-filters-json'
        """
        # Rollouts are called by whoever plans them; an id is of the letters that the API takes.
        rollout = _NOT_OF_AN_ID.sub("-", self.rollout.lower())[:_LONGEST_NAME]
        named = (self.kind, self.school, self.line, self.region, rollout, self.certificate)
        return ":".join(part for part in named if part)

    @property
    def command(self) -> str:
        """What to enter next."""
        return COMMANDS[self.kind].format(school=self.school)

    @property
    def runbook(self) -> str | None:
        """The name of its runbook; None where it has none.

        >>> Need("brown-out", "as-e01", "primary", 1, None, None, False, ("dns", "loss")).runbook
        'dns-down'
        """
        of_causes = RUNBOOKS_OF_CAUSES if self.kind == "brown-out" else {}
        return next((of_causes[one] for one in self.causes[:1] if one in of_causes), RUNBOOKS.get(self.kind))


def list_needs(schools: Sequence[SchoolFacts]) -> list[Need]:
    """All needs of the city, the most urgent first, of one kind the oldest first."""
    patterns = find_patterns(schools)
    silent = [one for one in schools if one.probe == "silent"]
    heard = [one for one in schools if one.probe != "never"]
    is_feeder = len(silent) >= LEAST_SILENT and 2 * len(silent) > len(heard)
    found = [need for school in schools for need in _list_school_needs(school, patterns)]
    found = _gather_regions(found)
    alive = sum(any(line.state == "up" for line in school.lines) for school in schools)
    for kind, cause in _SERVICES:
        found = _gather_service(found, kind, cause, alive)
    if is_feeder:
        found = [one for one in found if one.kind != "silent"]
        last = max((one.heard_at for one in silent if one.heard_at is not None), default=None)
        found.append(Need("feeder-silent", "", "", len(silent), last, last, stale=True, causes=("feeder",)))
    return sort_needs(found)


def sort_needs(needs: Iterable[Need]) -> list[Need]:
    """The most urgent first, of one kind the oldest first."""
    return sorted(needs, key=lambda one: (URGENCY.index(one.kind), one.since or 0.0, one.school, one.line))


def _gather_regions(needs: list[Need]) -> list[Need]:
    """The needs with those that follow from one lost region as one."""
    by_region: dict[SharedPattern, list[Need]] = {}
    others = []
    for one in needs:
        shared = next((pattern for pattern in one.patterns if pattern.kind == "region"), None)
        if shared is not None and one.kind == "brown-out" and one.causes == ("region",):
            by_region.setdefault(shared, []).append(one)
        else:
            others.append(one)
    return [*others, *(_gather_region(shared, parts) for shared, parts in by_region.items())]


def _gather_region(shared: SharedPattern, parts: Sequence[Need]) -> Need:
    since = min((one.since for one in parts if one.since is not None), default=None)
    stale = all(one.stale for one in parts)
    heard = max((one.heard for one in parts if one.heard is not None), default=None) if stale else None
    count = len({one.school for one in parts})
    return Need("region-down", "", "", count, since, heard, stale, ("region",), (shared,), shared.name)


def _gather_service(needs: list[Need], kind: NeedKind, cause: Impairment, alive: int) -> list[Need]:
    """The needs with a service that most schools with a line have not as one; what else a line lacks stays its own."""
    parts = [one for one in needs if one.kind == "brown-out" and cause in one.causes]
    count = len({one.school for one in parts})
    if count < LEAST_WITHOUT_SERVICE or 2 * count <= alive:
        return needs
    since = min((one.since for one in parts if one.since is not None), default=None)
    stale = all(one.stale for one in parts)
    heard = max((one.heard for one in parts if one.heard is not None), default=None) if stale else None
    others = [one for one in needs if one not in parts]
    for one in parts:
        rest = tuple(other for other in one.causes if other != cause)
        if rest:
            others.append(replace(one, causes=rest, count=len(rest)))
    return [*others, Need(kind, "", "", count, since, heard, stale, (cause,))]


def find_most_urgent(school: SchoolFacts) -> NeedKind | None:
    """The most urgent kind of need of a school; None where it needs nobody."""
    kinds = {one.kind for one in _list_school_needs(school, {})}
    return min(kinds, key=URGENCY.index, default=None)


def _list_school_needs(
    school: SchoolFacts, patterns: dict[tuple[str, str], tuple[SharedPattern, ...]]
) -> Iterator[Need]:
    down = [line for line in school.lines if line.state == "down"]
    if down and len(down) == len(school.lines):
        shared = tuple(dict.fromkeys(one for line in down for one in patterns.get((school.id, line.name), ())))
        # It is cut off since its last line went.
        last = max(down, key=lambda line: line.since or 0.0)
        cause: Cause = _name_shared_cause(shared) or "site"
        heard = max((line.heard for line in down if line.heard is not None), default=None)
        stale = all(line.stale for line in down)
        yield Need("cut-off", school.id, "", len(down), last.since, heard if stale else None, stale, (cause,), shared)
    else:
        for line in down:
            shared = patterns.get((school.id, line.name), ())
            cause = _name_shared_cause(shared) or "line"
            heard = line.heard if line.stale else None
            yield Need("line-down", school.id, line.name, 1, line.since, heard, line.stale, (cause,), shared)
    for line in school.lines:
        if line.impaired:
            yield _build_brown_out(school, line, patterns)
    for kind, fact in _list_device_facts(school):
        yield Need(kind, school.id, "", fact.count, fact.since, fact.heard if fact.stale else None, fact.stale)
    if school.probe == "silent":
        yield Need("silent", school.id, "", 1, school.heard_at, school.heard_at, stale=True, causes=("probe",))
    if school.assessment is Assessment.BELOW and school.below is not None:
        fact = school.below
        causes: tuple[Cause, ...] = ()
        if school.recommended_mbps is not None and school.contract_mbps < school.recommended_mbps:
            causes = ("contract",)
        heard = fact.heard if fact.stale else None
        yield Need("below", school.id, "", 1, fact.since, heard, fact.stale, causes)


def _list_device_facts(school: SchoolFacts) -> Iterator[tuple[NeedKind, StandingFact]]:
    if school.unconfirmed is not None and school.unconfirmed.count > 0:
        yield "unconfirmed", school.unconfirmed
    if school.drift is not None and school.drift.count > 0:
        yield "drift", school.drift


def _build_brown_out(
    school: SchoolFacts, line: LineFacts, patterns: dict[tuple[str, str], tuple[SharedPattern, ...]]
) -> Need:
    facts = [fact for _, fact in line.impaired]
    causes: tuple[Cause, ...] = tuple(dict.fromkeys(name for name, _ in line.impaired))
    stale = all(fact.stale for fact in facts)
    heard = max((fact.heard for fact in facts if fact.heard is not None), default=None) if stale else None
    since = min(fact.since for fact in facts)
    shared = patterns.get((school.id, line.name), ())
    return Need("brown-out", school.id, line.name, len(causes), since, heard, stale, causes, shared)


def _name_shared_cause(patterns: Sequence[SharedPattern]) -> Cause | None:
    """The likely cause where many lines share something: the narrowest that they share."""
    causes: dict[str, Cause] = {"carrier": "carrier", "ward": "area", "region": "region"}
    return causes[patterns[0].kind] if patterns else None
