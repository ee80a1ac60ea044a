"""Learnt rules as a file for review: applications, rules with the lines of their origin, and what they do not say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from controller.adoption.learning.learnt import LearntRule, LearntRules, Unsaid
from controller.inputs.shown_text import escape_controls
from controller.model.access.rules import Application
from controller.model.network.packets import format_prefix


def format_learnt_rules(school: str, learnt: Sequence[LearntRules]) -> str:
    """Return the text of the file: YAML, to be copied by a person into `policies/access/` after review."""
    return "\n".join(_list_lines(school, learnt)) + "\n"


def _list_lines(school: str, learnt: Sequence[LearntRules]) -> Iterator[str]:
    proved = sum(one.proved for one in learnt)
    yield f"# Rules learnt from the access lists of {school}. A proposal: nothing reads this file."
    yield "# Review it: merge applications that are one, give each its name, audience, importance and owner,"
    yield "# and copy what you want into applications.yaml and rules.yaml."
    yield f"# Proved: {proved} lists permit what these rules, compiled alone, permit: TCP and UDP that hosts of the"
    yield "# segment send to segments of the school, to the internet, and to the addresses that are named here."
    yield "#"
    yield from _list_notes("Not said by these rules:", [(one, note) for one in learnt for note in one.unsaid])
    yield from _list_notes("Not judged:", [(one, note) for one in learnt for note in one.stateless])
    yield "applications:"
    for one in learnt:
        for rule in one.rules:
            if rule.application is not None:
                yield from _list_application(rule.application, f"{one.source}:{rule.line}")
        for application, line in one.named:
            where = f"{one.source}:{line}: no rule names it; it is written so that it is no part of the internet"
            yield from _list_application(application, where)
    yield "rules:"
    for one in learnt:
        for rule in one.rules:
            yield from _list_rule(rule, one.source)


def _list_notes(title: str, notes: Iterable[tuple[LearntRules, Unsaid]]) -> Iterator[str]:
    notes = list(notes)
    if notes:
        yield f"# {title}"
        for one, note in notes:
            where = f"{one.source}:{note.line}" if note.line else one.source
            yield f"#   {where}: {note.segment}: {note.what}: {escape_controls(note.why)}"
        yield "#"


def _list_application(one: Application, where: str) -> Iterator[str]:
    yield f"  - id: {one.id} # {where}"
    yield f"    name: {one.name}"
    yield f"    hosting: {one.hosting}"
    yield f"    audience: {one.audience}"
    yield f"    importance: {one.importance}"
    yield f"    services: [{', '.join(map(str, one.services))}]"
    if one.segment:
        yield f"    segment: {one.segment}"
    else:
        yield f"    addresses: [{', '.join(_quote(format_prefix(prefix)) for prefix in one.addresses)}]"


def _quote(text: str) -> str:
    return f'"{text}"' if ":" in text else text


def _list_rule(one: LearntRule, source: str) -> Iterator[str]:
    rule = one.rule
    where = f"{source}:{one.line}, {one.list}" if one.line else f"{source}: what no entry of {one.list} matches"
    yield f"  - id: {rule.id} # {where}"
    yield f"    effect: {rule.effect}"
    yield f'    purpose: "{rule.purpose}"'
    yield f"    applications: [{', '.join(rule.applications)}]"
    if rule.schools is not None:
        yield f"    schools: {{ids: [{', '.join(rule.schools.ids)}]}}"
    if rule.network is not None:
        services = f", services: [{', '.join(map(str, rule.network.services))}]" if rule.network.services else ""
        yield f"    network: {{from: [{', '.join(rule.network.from_)}]{services}}}"
