"""Says what a change of stage is, what it does to people, and how it is gone back, for those who answer for it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from controller.cli.integration.brought_lists import RowsOfOthers
from controller.cli.integration.documents import describe_seen
from controller.cli.output import get_words, name_first, print_line, print_message
from controller.integration.effects import SeatMove, StageEffects
from controller.integration.interruption import Interruption, InterruptionCause, MeasuredInterruptions
from controller.integration.pre_checks.registry import JudgedCheck
from controller.integration.pre_checks.stage_claims import StageClaims
from controller.integration.stage_policy import StagePolicy
from controller.integration.way_back import WayBack
from controller.model.access.rules import INTERNET
from controller.model.city import City
from controller.model.loading.policy_text import PolicyText
from controller.plan.what_if.changes import NetworkChange
from controller.rollout.durable.gates.gate import GateVerdict

_MARKS = {GateVerdict.PASSED: "o", GateVerdict.FAILED: "x", GateVerdict.NOT_JUDGED: "?"}
_FAULTS_SHOWN = 10


def say_change(policy: StagePolicy) -> None:
    """Say what changes its stage, and when."""
    words = get_words()
    print_message(
        "integration_plan.title",
        "bold",
        subject=_name_subject(policy),
        count=len(policy.schools),
        before=words[f"integration.{policy.stage_before}"],
        after=words[f"integration.{policy.stage}"],
        day=policy.cutover,
        by=policy.by,
    )
    for one in policy.staying:
        stage = words[f"integration.{one.stage}"]
        print_message("integration_plan.staying", "yellow", school=one.school, stage=stage, entry=one.entry)


def say_checks(checks: Iterable[JudgedCheck]) -> None:
    """Say how each check was judged, and what was seen."""
    words = get_words()
    print_message("integration_plan.checks", "bold")
    for one in checks:
        verdict = words[f"integration_plan.verdict-{one.result.verdict.value.replace(' ', '-')}"]
        name = name_first(str(one.name), words[f"integration_plan.name-{one.name}"])
        marks = {"mark": f"  {_MARKS[one.result.verdict]}", "name": f"{name} [{verdict}]", "seen": describe_seen(one)}
        if one.passed_by_name:
            print_message("integration_plan.check-passed-by", "yellow", reason=one.reason, **marks)
        else:
            print_message("integration_plan.check-line", None if one.passed else "red", **marks)
        if one.reason and not one.passed_by_name:
            key = "integration_plan.check-needless" if one.passed else "integration_plan.check-not-passable"
            print_message(key, "yellow" if one.passed else "red", name=one.name)


def say_rows_of_others(lists: Iterable[RowsOfOthers]) -> None:
    """Say which rows of the lists are of other schools, and which columns are not written again."""
    for one in lists:
        if one.schools:
            named = ", ".join(f"{name} ({count})" for name, count in [*one.schools.items()][:_FAULTS_SHOWN])
            named += " …" if len(one.schools) > _FAULTS_SHOWN else ""
            key = "integration_plan.rows-kept" if one.kept else "integration_plan.rows-not-asked"
            print_message(key, "yellow", file=one.file, count=sum(one.schools.values()), schools=named)
        if one.dropped:
            print_message("integration_plan.columns-dropped", "yellow", file=one.file, columns=", ".join(one.dropped))


def say_effects(city: City, effects: StageEffects) -> None:
    """Say what changes for whom."""
    print_message("integration_plan.effects", "bold")
    for move in effects.moves:
        _say_move(city, move)
    for way in effects.ways:
        _say_way(city, way)
    for lost in effects.lost:
        known = city.applications.get(lost.application)
        named = name_first(lost.application, known.name if known else "")
        print_message("integration_plan.lost", "yellow", application=named, schools=", ".join(lost.schools))
    if not (effects.moves or effects.ways):
        print_message("integration_plan.no-effect")


def say_steps(interruptions: Iterable[Interruption], measured: MeasuredInterruptions | None) -> None:
    """Say the steps in their order, with the bound of each interruption and what the lab measured of its causes."""
    words = get_words()
    listed = tuple(interruptions)
    print_message("integration_plan.steps" if listed else "integration_plan.no-step", "bold")
    for number, one in enumerate(listed, start=1):
        causes = ", ".join(words[f"integration_plan.cause-{cause}"] for cause in one.causes)
        marks = {"number": f"  {number}", "device": one.device, "steps": ", ".join(one.steps)}
        if one.causes:
            print_message("integration_plan.step", minutes=one.minutes, causes=causes, **marks)
        else:
            print_message("integration_plan.step-quiet", **marks)
    measurable = (cause for one in listed for cause in one.causes if cause is not InterruptionCause.WAITING)
    for cause in dict.fromkeys(measurable):
        named = words[f"integration_plan.cause-{cause}"]
        if measured is None or cause not in measured.seconds:
            print_message("integration_plan.measured-not", cause=named)
        else:
            figure = f"{measured.seconds[cause]:g}"
            print_message("integration_plan.measured", cause=named, seconds=figure, day=measured.measured_on)


def say_way_back(found: WayBack) -> None:
    """Say from how many states the way back is proved, or from which it is not."""
    for one in found.faults[:_FAULTS_SHOWN]:
        print_message("integration_plan.way-back-fault", "red", fault=one)
    if not found.faults:
        print_message("integration_plan.way-back", states=found.states, between=found.between)


def say_claims(policy: StagePolicy, claims: StageClaims) -> None:
    """Say by which branch of the guideline's 6.1(7) each stage holds, and what is wrong with the one that comes."""
    for stage, lines in zip((policy.stage_before, policy.stage), claims.branches, strict=True):
        print_message("integration_plan.branch", "bold", stage=get_words()[f"integration.{stage}"])
        for line in lines:
            print_line(f"  {line}")
    for one in claims.differences[:_FAULTS_SHOWN]:
        print_message("integration_plan.claim-fault", "red", fault=one)


def say_edit(policy: StagePolicy) -> None:
    """Show the edit of the policy that is not written."""
    print_message("integration_plan.would-write", file=policy.text.path)
    say_changed_lines(policy.text)


def say_changed_lines(text: PolicyText) -> None:
    """Show the lines of a policy file that an edit changes."""
    before, after = (text.before or "").splitlines(), text.after.splitlines()
    # Also of lines that stand elsewhere, too: entries of many lines have many alike.
    for kind, *at in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for line in before[at[0] : at[1]]:
            print_line(f"  - {line.strip()}", "red")
        for line in after[at[2] : at[3]]:
            print_line(f"  + {line.strip()}", "green")


def _say_move(city: City, move: SeatMove) -> None:
    before, after = (_name_segment(city, one) for one in (move.before, move.after))
    if move.network:
        key, marks = "integration_plan.move-network", {"network": move.network}
    else:
        key, marks = "integration_plan.move-sockets", {"places": move.places}
    role = get_words()[f"integration_plan.role-{move.role}"]
    print_line(f"  {get_words().say(key, role=role, devices=move.devices, before=before, after=after, **marks)}")


def _say_way(city: City, way: NetworkChange) -> None:
    known = city.applications.get(way.application)
    named = way.application if known is None or way.application == INTERNET else name_first(way.application, known.name)
    key = "integration_plan.way-opens" if way.way == "opens" else "integration_plan.way-closes"
    segment = _name_segment(city, way.segment)
    print_line(f"  {get_words().say(key, segment=segment, application=named, services=', '.join(way.services))}")


def _name_segment(city: City, segment: str) -> str:
    if not segment:
        return get_words()["integration_plan.nothing-there"]
    known = city.segments.get(segment)
    return name_first(segment, known.name) if known else segment


def _name_subject(policy: StagePolicy) -> str:
    name = policy.subject.name
    wards = {one.id: one.name for one in policy.before.wards}
    return name_first(name, (wards | {one.id: one.name for one in policy.before.schools}).get(name, ""))
