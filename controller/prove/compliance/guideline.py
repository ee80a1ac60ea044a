"""The clauses of the security guideline that this city's policy can be held against, as named checks with evidence.

Source: 文部科学省「教育情報セキュリティポリシーに関するガイドライン」(令和7年3月).
A clause that the policy alone cannot show is listed as not judged, with where its evidence is: an auditor must see
what is missing.
"""

from __future__ import annotations

from collections import Counter

from controller.model.access.data_flows import SystemFlow
from controller.model.access.rules import Rule
from controller.model.access.second_factors import STRENGTHS
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.prove.check import Check
from controller.prove.compliance.external_connections import find_undeclared_connections
from controller.prove.compliance.stages import prove_stages
from controller.prove.lint.check_policy import check_policy
from controller.prove.lint.data_flows import DATA_CLASS, IMPORTANCE_ORDER, check_data_flows, find_importance

STRICT = ("I", "II")
"""Importance classes that ask for strong access control (3.1, 3.2(5), 6.1(7))."""
OUTSIDE = ("I", "II", "III")
"""Importance classes whose data leaves only to official services (3.2(7))."""

SHOWN_SCHOOLS = 4
"""Schools that one line names."""

_NOT_JUDGED = (
    ("4.5 pupils' devices: web filter, anti-malware, MDM", "needs an export of the device management"),
    (
        "6.1(2) affairs servers are backed up regularly",
        "shown by the stacks' guardrails (cloud preview), not by the policy",
    ),
    ("6.1(3) logs are kept", "shown by the stacks' guardrails (cloud preview), not by the policy"),
    ("6.1(9) no default credentials", "needs an inventory of cameras, phones and conference units"),
    (
        "9.2 SaaS: jurisdiction, tenancy, exit",
        "needs the contracts; the stacks' guardrails show the place of what is ours",
    ),
)


def check_guideline(city: City) -> list[Check]:
    """Every clause, judged or with the reason why not.

    >>> [one.name for one in check_guideline(city) if not one.holds and not one.not_judged]
    []
    >>> [one.name for one in check_guideline(city)][:1]
    ['3.1 importance classes fit the data']
    """
    return [
        _classes(city),
        _two_factors(city),
        _official_only(city),
        _external_connections(city),
        *prove_stages(city),
        _least_privilege(city),
        _admission_by_certificate(city),
        _adoption(city),
        *(Check(name, 0, not_judged=why) for name, why in _NOT_JUDGED),
    ]


def _adoption(city: City) -> Check:
    """Every school is managed wholly; of one that is adopted in part nobody may say that it holds the policy."""
    partly = [f"{school.name} ({school.adoption})" for school in city.schools if school.adoption != "all"]
    shown = ", ".join(partly[:SHOWN_SCHOOLS]) + (", ..." if len(partly) > SHOWN_SCHOOLS else "")
    why = f"{len(partly)} schools are adopted in part, so not all of them is managed: {shown}" if partly else ""
    evidence = (f"{len(city.schools)} schools, each with adoption: all",)
    return Check("every school is managed wholly (adoption: all)", len(city.schools), (), evidence, why)


def _classes(city: City) -> Check:
    """The classes fit the data: no system holds more than it is built for, and what is sent lower has its reason.

    That there is a class at all holds by the schema; so it is told as evidence, and not counted as proved.
    """
    counted: dict[str, list[str]] = {}
    for name in (*city.applications, *city.systems):
        counted.setdefault(find_importance(city, name), []).append(name)
    lowered = [flow for flow in city.flows if _lowers(city, flow)]
    found = [str(one) for one in check_data_flows(city) if one.kind == DATA_CLASS]
    found += [
        f"{flow.origin}: flow {flow.id!r} sends data of {flow.from_} (class {find_importance(city, flow.from_)}) to "
        f"{flow.to} (class {find_importance(city, flow.to)}), and its purpose does not say why that is less important"
        for flow in lowered
        if not flow.purpose.strip()
    ]
    evidence = [
        f"class {name}: {', '.join(ids)} (that each has one holds by schema)" for name, ids in sorted(counted.items())
    ]
    evidence += [f"{flow.id}: class {', '.join(flow.data)} to {flow.to}: {flow.purpose}" for flow in lowered]
    return Check("3.1 importance classes fit the data", len(city.flows), tuple(found), tuple(evidence))


def _lowers(city: City, flow: SystemFlow) -> bool:
    """Tell whether a flow takes data out of a system of a class to one of a less important class."""
    ends = [IMPORTANCE_ORDER.index(find_importance(city, end)) for end in (flow.from_, flow.to)]
    return flow.effect is Effect.PERMIT and ends[1] > ends[0]


def _two_factors(city: City) -> Check:
    """Class II and above on a public cloud: behind the proxy, and every permit asks for the class's second factor."""
    found: list[str] = []
    evidence: list[str] = []
    strict = [
        app for app in city.applications.values() if app.importance in STRICT and app.hosting in ("cloud-run", "saas")
    ]
    for app in strict:
        wanted = city.people.mfa.get_minimum(app.importance).strength
        permits = [rule for rule in _permits(city, app.id) if rule.identity is not None]
        if not app.proxy:
            found.append(
                f"{app.origin}: {app.id} (class {app.importance}) is on a public cloud without the proxy before it"
            )
        found += [
            f"{rule.origin}: rule {rule.id!r} lets people to {app.id} (class {app.importance}) below {wanted}"
            for rule in permits
            if rule.identity is not None and city.get_second_factor(rule.identity, app.id) < STRENGTHS[wanted]
        ]
        evidence.append(f"{app.id}: proxy, {wanted} or stronger by {', '.join(rule.id for rule in permits)}")
    return Check("3.2(5) class II and above on a public cloud: two factors", len(strict), tuple(found), tuple(evidence))


def _official_only(city: City) -> Check:
    flows = [flow for flow in city.flows if flow.effect is Effect.PERMIT and set(flow.data) & set(OUTSIDE)]
    found = [
        f"{flow.origin}: flow {flow.id!r} sends class {', '.join(flow.data)} to {flow.to}, which is no official service"
        for flow in flows
        if (system := city.systems.get(flow.to)) is not None and not system.official
    ]
    found += [
        f"{flow.origin}: flow {flow.id!r} carries class {', '.join(flow.data)} without encryption"
        for flow in flows
        if flow.carrier == "plain"
    ]
    evidence = tuple(f"{flow.id}: class {', '.join(flow.data)} to {flow.to} by {flow.carrier}" for flow in flows)
    return Check("3.2(7) class III and above leaves to official services only", len(flows), tuple(found), evidence)


def _external_connections(city: City) -> Check:
    """Check that everything open to the outside is declared as a line, an application, a system or the controller.

    The bandwidth of the lines is evidence: whether it is enough is measured, not proved.
    """
    kinds = Counter(line.kind for school in city.schools for line in school.lines.by_name.values())
    recommended = {
        school.id: city.measurement.recommended.recommend_bandwidth(school.pupils).mbps for school in city.schools
    }
    short = sum(school.lines.primary.mbps < recommended[school.id] for school in city.schools)
    outside = [app for app in city.applications.values() if not app.segment]
    placed = ", ".join(
        f"{app.id} ({app.hosting}, {len(city.addresses.application_prefixes(app))} prefixes)" for app in outside
    )
    evidence = (
        "lines by kind: " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())),
        f"{short} of {len(city.schools)} schools have a primary line contracted below the recommended bandwidth",
        f"applications outside the schools: {placed}",
        "offices of the board: " + (", ".join(office.id for office in city.offices) or "none"),
        "systems that exchange data: " + (", ".join(city.systems) or "none"),
    )
    examined = 2 * len(city.schools) + len(outside) + len(city.systems)
    return Check("4.3 every external connection is known", examined, tuple(find_undeclared_connections(city)), evidence)


def _least_privilege(city: City) -> Check:
    broad = [found for found in check_policy(city) if "broad" in found.kind]
    return Check("6.2(1) least privilege", len(city.rules), tuple(map(str, broad)))


def _admission_by_certificate(city: City) -> Check:
    """Every admission asks for a certificate; whoever has none is put where nothing of the schools is reached."""
    found = [
        f"{one.origin}: admission {one.id!r} asks for no certificate"
        for one in city.admissions
        if "certificate" not in one.postures
    ]
    reached = [
        f"{rule.origin}: rule {rule.id!r} lets {city.default_segment} to {', '.join(rule.applications)}"
        for rule in city.rules
        if rule.effect is Effect.PERMIT and rule.network and city.default_segment in rule.network.from_
    ]
    evidence = tuple(f"{one.certificate}: {one.segment}" for one in city.admissions)
    evidence += (
        f"any other, or none: {city.default_segment}",
        "compiled and proved here; not deployed to switches yet",
    )
    return Check("6.2(3) devices are admitted by certificate", len(city.admissions), (*found, *reached), evidence)


def _permits(city: City, application: str) -> list[Rule]:
    return [rule for rule in city.rules if rule.effect is Effect.PERMIT and application in rule.applications]
