"""The report of a drill of a region for people: 訓練記録, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.drills.drill_record import DrillRecord
from controller.lab.trials.region.region_evidence import SUBJECT, RegionEvidence
from controller.messages import LANGUAGES, Catalogue, load_catalogue

LAB_RTO_SECONDS = 120.0
LAB_RPO_SECONDS = 1.0
"""What the virtual city should manage on a quiet machine; what a real application must is the policy's to say."""


def write_reports(evidence: RegionEvidence, record: DrillRecord) -> Mapping[str, str]:
    """Return the report in each language."""
    return {language: "\n".join(_write(load_catalogue(language), evidence, record)) + "\n" for language in LANGUAGES}


def _write(words: Catalogue, evidence: RegionEvidence, record: DrillRecord) -> Iterator[str]:
    yield f"# {_say(words, 'title', region=evidence.region)}"
    yield ""
    at = record.at.astimezone(evidence.steps[0].at.tzinfo) if evidence.steps else record.at
    yield _say(words, "held", at=f"{at:%Y-%m-%d %H:%M %Z}", people=", ".join(record.people))
    yield ""
    about = {"application": evidence.application, "region": evidence.region, "standby": evidence.standby}
    yield _say(words, "subject", person=evidence.person or "-", **about)
    yield ""
    yield f"**{_say(words, 'passed' if record.passed else 'not-passed')}**"
    if record.failure:
        yield _say(words, "failure", failure=record.failure)
    yield ""
    yield _say(words, "virtual")
    yield _say(words, "longer")
    yield from _write_targets(words, evidence, record)
    yield from _write_parts(words, evidence)
    yield from _write_rows(words, evidence)
    yield from _write_way_back(words, evidence)
    yield from _write_course(words, evidence)


def _write_targets(words: Catalogue, evidence: RegionEvidence, record: DrillRecord) -> Iterator[str]:
    yield from ("", f"## {_say(words, 'targets-title')}", "")
    if not record.expected:
        yield from (_say(words, "no-targets", application=evidence.application), "")
    yield from (_say(words, "targets-head"), "|---|---|---|---|")
    measured = {"RTO": evidence.rto_seconds, "RPO": evidence.rpo_seconds}
    for one in record.expected:
        for target, most in (("RTO", one.rto_seconds), ("RPO", one.rpo_seconds)):
            name = _say(words, "target-policy", application=one.application, target=target)
            yield _write_target(words, name, most, measured[target])
    for target, most in (("RTO", LAB_RTO_SECONDS), ("RPO", LAB_RPO_SECONDS)):
        yield _write_target(words, _say(words, "target-lab", target=target), most, measured[target])


def _write_target(words: Catalogue, name: str, most: float, seconds: float | None) -> str:
    if seconds is None:
        return f"| {name} | {most:,.0f} s | {_say(words, 'not-measured')} | - |"
    result = _say(words, "met" if seconds <= most else "missed")
    return f"| {name} | {most:,.0f} s | {seconds:,.2f} s | {result} |"


def _write_parts(words: Catalogue, evidence: RegionEvidence) -> Iterator[str]:
    yield from ("", f"## {_say(words, 'parts-title')}", "")
    if evidence.rto_seconds is None:
        yield _say(words, "not-measured")
        return
    yield _say(words, "parts-lead", seconds=f"{evidence.rto_seconds:.2f}")
    yield from ("", *(f"- {_say(words, f'part-{name}')}: {seconds:.2f} s" for name, seconds in evidence.parts), "")
    done = evidence.deployments.get("failover")
    if done is not None:
        calls = "?" if evidence.calls_to_the_lost is None else evidence.calls_to_the_lost
        yield _say(words, "whole-up", seconds=f"{done.seconds:.2f}", changes=done.changes, calls=calls)


def _write_rows(words: Catalogue, evidence: RegionEvidence) -> Iterator[str]:
    yield from ("", f"## {_say(words, 'rows-title')}", "")
    if evidence.rpo_seconds is None or evidence.cut is None:
        yield _say(words, "not-measured")
        return
    if evidence.lost:
        rpo = f"{evidence.rpo_seconds:.2f}"
        yield _say(words, "rows-some", rows=len(evidence.lost), standby=evidence.standby, seconds=rpo)
        yield from ("", _say(words, "rows-head"), "|---|---|---|")
        for one in evidence.lost:
            old = _say(words, f"rows-{evidence.describe_old(one.number)}")
            yield f"| {one.number} | {evidence.cut - one.ended:.3f} | {old} |"
    else:
        yield _say(words, "rows-none")
    if evidence.unacknowledged:
        rows = ", ".join(map(str, evidence.unacknowledged))
        yield from ("", _say(words, "rows-unacknowledged", rows=rows))


def _write_way_back(words: Catalogue, evidence: RegionEvidence) -> Iterator[str]:
    yield from ("", f"## {_say(words, 'back-title')}", "")
    if evidence.rebuilt_seconds is None:
        yield f"- {_say(words, 'back-left-out', step='rebuild')}"
    else:
        yield f"- {_say(words, 'back-rebuild', seconds=f'{evidence.rebuilt_seconds:.1f}')}"
    if evidence.turned_lost is None:
        yield f"- {_say(words, 'back-left-out', step='switchover')}"
    else:
        still = 0.0 if evidence.turned is None else evidence.turned.seconds
        yield f"- {_say(words, 'back-switchover', rows=len(evidence.turned_lost), seconds=f'{still:.2f}')}"


def _write_course(words: Catalogue, evidence: RegionEvidence) -> Iterator[str]:
    yield from ("", f"## {_say(words, 'evidence-title')}", "")
    yield from (f"- {one.at:%H:%M:%S} {one.describe(words)}" for one in evidence.steps)
    answers = ", ".join(f"{said} x {count}" for said, count in sorted(evidence.answers.items()))
    yield f"- {_say(words, 'evidence-answers', answers=answers or '-')}"


def _say(words: Catalogue, key: str, **marks: object) -> str:
    return words.say(SUBJECT + key, **marks)
