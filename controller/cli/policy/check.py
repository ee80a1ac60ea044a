"""`tsunagu check`: does the policy load, and is there something wrong with what it says."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import typer

from controller.cli.adoption_levels import build_level_documents, say_adoption_levels
from controller.cli.estates import load_estate_city
from controller.cli.options import DEFAULT_POLICIES, Json, Lang, On, Policies, choose_day, speak
from controller.cli.output import Exit, get_words, print_line, print_message, say_json
from controller.cli.policy.unknown_platforms import (
    find_impossible_devices,
    find_inexpressible_devices,
    find_unknown_platforms,
)
from controller.compile.network.upstream import list_assumptions
from controller.errors import Problem
from controller.model.city import City
from controller.operations.applied_policies import find_applied_policy, find_widened
from controller.operations.operations import Operations
from controller.operations.operators_file import OperatorsFile, read_operators_file
from controller.prove.lint.check_policy import check_policy
from controller.prove.lint.device_access import check_device_access
from controller.prove.lint.finding import Finding, Severity
from controller.prove.lint.wide_addresses import describe_wider_anchors


def check(policies: Policies = DEFAULT_POLICIES, *, on: On = None, lang: Lang = None, as_json: Json = False) -> None:
    """Load the whole city and look for contradictions, dead rules and over-broad rules.

    Exit code 1 when something is an error; warnings leave it 0.
    """
    speak(lang)
    began = perf_counter()
    city = load_estate_city(policies, on=choose_day(on))
    file = read_operators_file(policies=policies)
    found = [*check_policy(city), *check_device_access(city, file), *_find_wider(city, file)]
    found += [*find_unknown_platforms(city), *find_impossible_devices(city), *find_inexpressible_devices(city)]
    findings = sorted(found, key=lambda finding: (finding.origin, finding.message))
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    pupils = sum(school.pupils for school in city.schools)
    if as_json:
        say_json(
            {
                "city": city.id,
                "on": city.policy_date,
                "schools": len(city.schools),
                "pupils": pupils,
                "segments": len(city.segments),
                "applications": len(city.applications),
                "rules": len(city.rules),
                "trusted": [{"origin": str(one.origin), "message": one.message} for one in list_assumptions(city)],
                "adoption": build_level_documents(city.schools),
                "findings": [
                    {"severity": f.severity, "kind": f.kind, "origin": str(f.origin), "message": f.message}
                    for f in findings
                ],
            }
        )
    else:
        for finding in findings:
            print_line(_describe(finding), "red" if finding.severity is Severity.ERROR else "yellow")
        for one in list_assumptions(city):
            told = Problem(one.origin, one.field, get_words().translate("findings", one.message))
            print_line(f"! {told}", "magenta")
        say_adoption_levels(city.schools)
        print_message(
            "check.summary",
            city=city.name,
            schools=len(city.schools),
            pupils=pupils,
            segments=len(city.segments),
            applications=len(city.applications),
            rules=len(city.rules),
            errors=len(errors),
            warnings=len(findings) - len(errors),
            seconds=f"{perf_counter() - began:.1f}",
        )
    if errors:
        raise typer.Exit(Exit.FAILED)


def _find_wider(city: City, file: OperatorsFile | None) -> Iterator[Finding]:
    """What `apply` would ask about; nothing where no policy of the city was applied from here yet."""
    operations = Operations() if file is None else file.operations
    if find_applied_policy(city, operations) is not None:
        yield from describe_wider_anchors(city, find_widened(city, operations))


def _describe(finding: Finding) -> str:
    """Return a finding as people read it, in the language of this run."""
    words = get_words()
    return words.say(
        "check.finding",
        origin=finding.origin,
        severity=words[f"findings.{finding.severity}"],
        kind=words.translate("findings", finding.kind),
        message=words.translate("findings", finding.message),
    )
