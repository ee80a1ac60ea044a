"""`tsunagu adopt`: how a school that runs already is taken over, as far as its running configurations tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from controller.adoption.access_changes import AccessChange
from controller.adoption.choices import Contradiction
from controller.adoption.documents import build_proposal_document
from controller.adoption.hand_over import HandOver
from controller.adoption.proposal import AdoptionRefused, DeviceProposal, propose_adoption
from controller.adoption.reading import can_read_existing
from controller.cli.devices.learnt_rules import propose_learnt_rules
from controller.cli.devices.observation import observe_devices
from controller.cli.estates import load_estate_city
from controller.cli.options import DEFAULT_POLICIES, Configs, Json, On, Policies, choose_day
from controller.cli.output import Exit, print_line, say_json
from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.sites.adoption import AdoptionLevel
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.plan.saved_configurations import NoConfiguration
from controller.plan.select import Selection, select_devices
from controller.platforms.common.understanding import read_unmanaged

MOST_SHOWN = 12
"""Commands of one hand-over that are shown; --json has all."""

SchoolArgument = Annotated[str, typer.Argument(metavar="SCHOOL", help="The school's id.")]
ProposeRules = Annotated[
    bool, typer.Option("--propose-rules", help="Write rules that say what the access lists permit today, proved.")
]
RulesFile = Annotated[
    Path | None, typer.Option("-o", "--output", help="The file for the rules; a new one, outside the policies.")
]
Level = Annotated[str, typer.Option("--to", help="The level to adopt it to: filters, ports or all.")]


def adopt(  # noqa: PLR0913 the command's options
    school: SchoolArgument,
    *,
    configs: Configs = None,
    to: Level = "all",
    propose_rules: ProposeRules = False,
    output: RulesFile = None,
    policies: Policies = DEFAULT_POLICIES,
    on: On = None,
    as_json: Json = False,
) -> None:
    """Propose how a school's devices are taken over: segments, names, what contradicts the policy. Changes nothing.

    Exit code 2 when something contradicts the policy, 4 when something was not judged (a device without a
    configuration, a list with an entry that is not understood), 1 when a device was refused, 3 when only platforms are
    not supported. With --propose-rules it writes rules that say what the lists permit today: exit code 5 when a part of
    a list is one that rules cannot say. Example: tsunagu adopt kw-e01 --configs saved --to filters
    """
    level = _read_level(to)
    if propose_rules != (output is not None):
        message = "--propose-rules and -o FILE belong together: the rules are written to a file for review"
        raise typer.BadParameter(message)
    city = load_estate_city(policies, on=choose_day(on))
    devices = select_devices(city, Selection((school,)))
    readable = [device for device in devices if can_read_existing(device.platform)]
    others = [device for device in devices if device not in readable]
    if not readable:
        message = f"{school}: none of its devices is on a platform that an adoption is proposed for yet"
        raise AdoptionRefused(message)
    found = observe_devices(city, devices if configs is not None else readable, configs, only_read=True)
    if output is not None:
        known = [one for one in found if one.device in readable]
        code = propose_learnt_rules(city, school, known, output, policies, as_json=as_json)
        if code is not Exit.GOOD:
            raise typer.Exit(code)
        return
    proposals, refused, missing = _propose_each(city, [one for one in found if one.device in readable], level)
    _say(_Findings(school, level, proposals, refused, missing, others), as_json=as_json)
    code = _choose_code(proposals, refused, missing, supported=not others)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


@dataclass(frozen=True)
class _Findings:
    """What came of the devices of a school; `others` are on platforms without adoption."""

    school: str
    level: AdoptionLevel
    proposals: Sequence[DeviceProposal]
    refused: Sequence[str]
    missing: Sequence[str]
    others: Sequence[Device]


def _say(found: _Findings, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "school": found.school,
                "to": found.level,
                "devices": [build_proposal_document(one) for one in found.proposals],
                "refused": list(found.refused),
                "not_judged": list(found.missing),
                "not_supported": [device.id for device in found.others],
            }
        )
        return
    for proposal in found.proposals:
        say_proposal(proposal)
    for refusal in found.refused:
        print_line(f"x {refusal}", "red")
    for text in found.missing:
        print_line(f"- not judged: {text}", "yellow")
    if found.others:
        print_line(f"not supported: {len(found.others)} devices on platforms without adoption yet", "yellow")
    _say_summary(found.proposals)


def _read_level(given: str) -> AdoptionLevel:
    match given:
        case "filters" | "ports" | "all":
            return given
    message = f"{given!r} is no level to adopt a school to; write filters, ports or all"
    raise typer.BadParameter(message, param_hint="--to")


def _propose_each(
    city: City, found: Sequence[Observed], level: AdoptionLevel
) -> tuple[list[DeviceProposal], list[str], list[str]]:
    """Return the proposals, what was refused, and what was not judged because nothing was given."""
    proposals: list[DeviceProposal] = []
    refused: list[str] = []
    missing: list[str] = []
    for one in found:
        try:
            proposals.append(_propose(city, one, level))
        except NoConfiguration as error:
            missing.append(str(error))
        except TsunaguError as error:
            refused.append(str(error))
    return proposals, refused, missing


def _propose(city: City, seen: Observed, level: AdoptionLevel) -> DeviceProposal:
    if seen.refusal is not None:
        raise seen.refusal
    assert seen.text is not None  # noqa: S101 what was read without a refusal has its text
    return read_unmanaged(
        seen.text, seen.source, lambda text: propose_adoption(city, seen.device, text, seen.source, level)
    )


def _choose_code(
    proposals: Sequence[DeviceProposal], refused: Sequence[str], missing: Sequence[str], *, supported: bool
) -> Exit:
    """A failure weighs more than what was not judged, that more than a contradiction, that more than a platform."""
    if refused or any(one.faults for one in proposals):
        return Exit.FAILED
    if missing or any(one.unjudged for one in proposals):
        return Exit.NOT_JUDGED
    if any(one.contradictions or one.access_changes for one in proposals):
        return Exit.DIFFERS
    return Exit.GOOD if supported else Exit.NOT_SUPPORTED


def say_proposal(one: DeviceProposal) -> None:
    """Say what the adoption of a device comes to."""
    print_line(f"{one.device.id} ({one.device.platform}), {one.source}", "bold")
    _say_segments(one)
    made = [stage.hand_over for stage in one.stages]
    _say_hand_overs("needs only a name", [each for each in made if each.needs == "name"])
    _say_hand_overs("is put in the place of a filter of others", [each for each in made if each.needs != "name"])
    if one.contradictions:
        print_line(f"  contradicts the policy ({len(one.contradictions)}):", "bold")
        for contradiction in one.contradictions:
            _say_contradiction(one.source, contradiction)
    if one.access_changes:
        print_line("  opens and closes:", "bold")
        for line in group_access_changes(one.access_changes):
            print_line(f"    {line}", "green" if line.startswith("opens") else "red")
    if one.changes:
        print_line(f"  a plan would then change {len(one.changes)} more things (tsunagu plan shows them)")
    for unjudged in one.unjudged:
        print_line(f"  ! {unjudged}", "magenta")
    for fault in one.faults:
        print_line(f"  x {fault}", "red")
    if not one.faults:
        print_line(
            f"  proof: {len(one.stages)} texts parsed; {one.states} states on the way let through what both ends do, "
            "and nothing that neither does"
        )


def _say_segments(one: DeviceProposal) -> None:
    print_line("  segments (VLAN that is there -> segment of the policy):")
    for mapped in one.segment_map:
        name = f"VLAN {mapped.vlan} {mapped.name}".rstrip()
        if not mapped.segment:
            print_line(f"    {name} -> none that is known; it stays as it is, and is not judged")
        else:
            print_line(
                f"    {name} -> {mapped.segment}{'' if mapped.sure else ' (a guess)'}: {'; '.join(mapped.reasons)}"
            )
    overrides = [mapped.format_override() for mapped in one.segment_map if mapped.overrides]
    if overrides:
        print_line(f"  for the policy to fit, {one.device.school.id} needs in its file:")
        print_line("    segments:")
        for override in overrides:
            print_line(f"      {override}")


def _say_hand_overs(title: str, hand_overs: Sequence[HandOver]) -> None:
    if not hand_overs:
        return
    print_line(f"  {title} ({len(hand_overs)}):", "bold")
    for one in hand_overs:
        print_line(f"    {one}")
        more = f" / ... {len(one.commands) - MOST_SHOWN} more" if len(one.commands) > MOST_SHOWN else ""
        print_line(f"      enter:     {' / '.join(one.commands[:MOST_SHOWN])}{more}")
        more = f" / ... {len(one.give_back) - MOST_SHOWN} more" if len(one.give_back) > MOST_SHOWN else ""
        print_line(f"      give back: {' / '.join(one.give_back[:MOST_SHOWN])}{more}")


def _say_contradiction(source: str, one: Contradiction) -> None:
    print_line(f"    {source}:{one.line}: {one.name}: {one.reason}", "yellow")
    print_line(f"      depends on it: {one.traffic}")
    for number, choice in enumerate(one.choices, start=1):
        print_line(f"      {number}. {choice.title}")
        if choice.commands:
            print_line(f"         enter:  {' / '.join(choice.commands[:MOST_SHOWN])}")
        print_line(f"         closes: {choice.closes}; opens: {choice.opens}")


def group_access_changes(changes: Sequence[AccessChange]) -> list[str]:
    """Return one line for all that opens (or closes) at a segment in a direction, with the packet of the first."""
    grouped: dict[tuple[str, str, str, str, tuple[int, ...]], list[AccessChange]] = {}
    for one in changes:
        grouped.setdefault((one.way, one.segment, one.direction, one.before, one.families), []).append(one)
    lines = []
    for (way, segment, direction, before, families), found in grouped.items():
        arrow = "->" if direction == "from" else "<-"
        peers = ", ".join(f"{one.peer} ({', '.join(one.services)})" for one in found)
        shown = "/".join(f"IPv{family}" for family in families)
        lines.append(f"{way} {segment} {arrow} {peers} ({shown}; today: {before}), e.g. {found[0].packet}")
    return lines


def _say_summary(proposals: Sequence[DeviceProposal]) -> None:
    names = sum(len(one.only_names) for one in proposals)
    contradictions = sum(len(one.contradictions) for one in proposals)
    print_line(
        f"adopt: {len(proposals)} devices judged; {names} objects need only a name, {contradictions} things contradict "
        "the policy; nothing was changed"
    )
