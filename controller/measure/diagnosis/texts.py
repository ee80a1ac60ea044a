"""A diagnosis in words and as JSON: each fault, what shows it, and the next step."""

from __future__ import annotations

from collections.abc import Sequence

from controller.measure.diagnosis.causes import PART_OF, Diagnosis, Fact, Finding, Proof
from controller.measure.diagnosis.common_causes import CITY, CommonCause, find_common_causes
from controller.messages import Catalogue


def build_diagnosis_lines(diagnoses: Sequence[Diagnosis], texts: Catalogue) -> list[str]:
    """The lines that people read: what many schools share first, then each school's faults.

    >>> one = Finding((Cause.LINE_DOWN,), "primary", (Proof(Fact.SILENT, {"paths": "primary tokyo IPv4"}, (7,)),))
    >>> for line in build_diagnosis_lines([Diagnosis("kw-s01", (one,))], texts):
    ...     print(line)
    kw-s01: primary: line: the line is down
        shown by: no answer over primary tokyo IPv4 [7]
        next: look at the line's terminal at the school, then call the carrier with the line's number and the time
    """
    lines = [_say_common(one, texts) for one in find_common_causes(diagnoses)]
    for one in diagnoses:
        for finding in one.findings:
            about = f"{finding.about}: " if finding.about else ""
            lines.append(f"{one.school}: {about}{say_finding(finding, texts)}")
            shown = texts["measure.and"].join(say_proof(proof, texts) for proof in finding.proofs)
            lines.extend(
                (
                    "    " + texts.say("diagnosis.shown-by", proofs=shown),
                    "    " + texts.say("diagnosis.next", step=say_next_step(finding, texts)),
                )
            )
    return lines


def say_finding(finding: Finding, texts: Catalogue) -> str:
    """A fault with its part of the network; "not told apart" where more than one is possible.

    >>> say_finding(Finding((Cause.LINE_SLOW, Cause.ROUTER_SLOW), "primary", ()), texts)
    'not told apart: line: the line carries too little in both directions; or router: the router carries too little'
    """
    said = [f"{texts[f'diagnosis.part-{PART_OF[cause]}']}: {texts[f'diagnosis.{cause}']}" for cause in finding.causes]
    if finding.named is not None:
        return said[0]
    return texts.say("diagnosis.not-told-apart", causes=texts["diagnosis.or"].join(said))


def say_next_step(finding: Finding, texts: Catalogue) -> str:
    """What to do next: mend what is named, or tell the causes apart.

    >>> say_next_step(Finding((Cause.LINE_SLOW, Cause.ROUTER_SLOW), "primary", ()), texts)
    'measure every line to both regions, down and up: tsunagu measure without --quick, at a quiet time'
    """
    return texts["diagnosis.next-tell-apart" if finding.named is None else f"diagnosis.next-{finding.named}"]


def say_proof(proof: Proof, texts: Catalogue) -> str:
    """A fact with its figures and the numbers of its measurements.

    >>> say_proof(Proof(Fact.DOWNLOAD, {"mbps": "20.0", "region": "tokyo"}, (3, 4)), texts)
    'download 20.0 Mbit/s (tokyo) [3, 4]'
    """
    numbers = f" [{', '.join(map(str, proof.measurements))}]" if proof.measurements else ""
    if proof.fact is Fact.ALIVE and not proof.figures["paths"]:
        return texts["diagnosis.fact-nobody-else"]
    return texts.say(f"diagnosis.fact-{proof.fact}", **proof.figures) + numbers


def build_diagnosis_document(one: Diagnosis) -> dict[str, object]:
    """A school's diagnosis as JSON.

    >>> document = build_diagnosis_document(Diagnosis("kw-s01", (Finding((Cause.LINE_DOWN,), "primary", ()),)))
    >>> document["findings"][0]["causes"], document["findings"][0]["parts"]
    (['line-down'], ['line'])
    """
    return {
        "school": one.school,
        "findings": [
            {
                "causes": [str(cause) for cause in finding.causes],
                "parts": list(dict.fromkeys(str(PART_OF[cause]) for cause in finding.causes)),
                "about": finding.about,
                "proofs": [
                    {
                        "fact": str(proof.fact),
                        "figures": dict(proof.figures),
                        "measurements": list(proof.measurements),
                    }
                    for proof in finding.proofs
                ],
            }
            for finding in one.findings
        ],
    }


def build_diagnoses_document(diagnoses: Sequence[Diagnosis]) -> dict[str, list[dict[str, object]]]:
    """What a round's document says of causes: each school's, and those that schools have in common.

    >>> build_diagnoses_document([Diagnosis("kw-s01", ())])
    {'diagnoses': [{'school': 'kw-s01', 'findings': []}], 'common_causes': []}
    """
    return {
        "diagnoses": [build_diagnosis_document(one) for one in diagnoses],
        "common_causes": [build_common_cause_document(one) for one in find_common_causes(diagnoses)],
    }


def build_common_cause_document(one: CommonCause) -> dict[str, object]:
    """A cause that schools share as JSON; `cause` is null where the causes are not told apart.

    >>> document = build_common_cause_document(CommonCause((Cause.REGION_DOWN,), (("region", "tokyo"),), ("a", "b"), 6))
    >>> document["cause"], document["causes"], document["shared"], document["schools"], document["asked"]
    ('region-down', ['region-down'], [{'kind': 'region', 'name': 'tokyo'}], ['a', 'b'], 6)
    """
    return {
        "cause": None if one.named is None else str(one.named),
        "causes": [str(cause) for cause in one.causes],
        "shared": [{"kind": kind, "name": name} for kind, name in one.shared],
        "schools": list(one.schools),
        "asked": one.asked,
    }


def _say_common(one: CommonCause, texts: Catalogue) -> str:
    shared = [
        texts["diagnosis.shared-city"] if kind == CITY else texts.say(f"diagnosis.shared-{kind}", name=name)
        for kind, name in one.shared
    ]
    cause = texts["diagnosis.or"].join(texts[f"diagnosis.{cause}"] for cause in one.causes)
    return texts.say(
        "diagnosis.common",
        cause=cause if one.named is not None else texts.say("diagnosis.not-told-apart", causes=cause),
        shared=texts["diagnosis.or"].join(shared),
        schools=len(one.schools),
        asked=one.asked,
    )
