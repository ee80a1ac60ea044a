"""`tsunagu adopt`: how a school that runs already is taken over, as far as its running configurations tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from controller.adoption.documents import build_proposal_document
from controller.adoption.proposal import AdoptionRefused, DeviceProposal, collect_names, propose_adoption
from controller.adoption.reading import can_read_existing
from controller.cli.devices.adoption_words import AdoptionWords
from controller.cli.devices.learnt_rules import propose_learnt_rules
from controller.cli.devices.observation import observe_devices
from controller.cli.devices.plan import SignWith
from controller.cli.devices.take_over import ReleaseRequest, release_school
from controller.cli.estates import load_estate_city
from controller.cli.options import DEFAULT_POLICIES, Configs, Json, Lang, On, Policies, choose_day, speak
from controller.cli.output import Exit, get_words, print_line, say_json
from controller.errors import TsunaguError
from controller.messages import Language
from controller.model.city import City
from controller.model.sites.adoption import AdoptionLevel
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.plan.saved_configurations import NoConfiguration
from controller.plan.select import Selection, select_devices
from controller.platforms.common.understanding import read_unmanaged

SchoolArgument = Annotated[str, typer.Argument(metavar="SCHOOL", help="The school's id.")]
ProposeRules = Annotated[
    bool, typer.Option("--propose-rules", help="Write rules that say what the access lists permit today, proved.")
]
OutputFile = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="The file for the rules (a new one, outside the policies), or for the plan."),
]
Release = Annotated[
    bool, typer.Option("--release", help="Plan how all that was taken over at the school is given back.")
]
Level = Annotated[str, typer.Option("--to", help="The level to adopt it to: filters, ports or all.")]


def adopt(  # noqa: PLR0913 the command's options
    school: SchoolArgument,
    *,
    configs: Configs = None,
    to: Level = "all",
    propose_rules: ProposeRules = False,
    output: OutputFile = None,
    release: Release = False,
    sign_with: SignWith = None,
    policies: Policies = DEFAULT_POLICIES,
    on: On = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Propose how a school's devices are taken over: segments, names, what contradicts the policy. Changes nothing.

    Exit code 2 when something contradicts the policy, 4 when something was not judged (a device without a
    configuration, a list with an entry that is not understood), 1 when a device was refused, 3 when only platforms are
    not supported. With --propose-rules it writes rules that say what the lists permit today: exit code 5 when a part of
    a list is one that rules cannot say. With --release it plans how all that 'plan --take-over' took over is given
    back, as it was recorded, and saves the plan with -o. Example: tsunagu adopt kw-e01 --configs saved --to filters
    """
    speak(lang)
    level = _read_level(to)
    _refuse_mixed_options(output, sign_with, propose_rules=propose_rules, release=release)
    city = load_estate_city(policies, on=choose_day(on))
    devices = select_devices(city, Selection((school,)))
    readable = [device for device in devices if can_read_existing(device.platform)]
    others = [device for device in devices if device not in readable]
    if release:
        request = ReleaseRequest(devices[0].school.id, readable, configs, output, sign_with, policies)
        code = release_school(city, request, as_json=as_json)
        if code is not Exit.GOOD:
            raise typer.Exit(code)
        return
    if not readable:
        message = f"{school}: none of its devices is on a platform that an adoption is proposed for yet"
        raise AdoptionRefused(message)
    found = observe_devices(city, devices if configs is not None else readable, configs, only_read=True)
    if output is not None:
        known = [one for one in found if one.device in readable]
        code = propose_learnt_rules(city, school, known, output, as_json=as_json)
        if code is not Exit.GOOD:
            raise typer.Exit(code)
        return
    words = get_words()
    read = [one for one in found if one.device in readable]
    proposals, refused, missing = _propose_each(city, read, level, words.language)
    findings = _Findings(devices[0].school.id, level, proposals, refused, missing, others)
    if as_json:
        say_json(_build_document(findings))
    else:
        _say(findings, AdoptionWords(words, collect_names(city)))
    code = _choose_code(proposals, refused, missing, supported=not others)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _refuse_mixed_options(output: Path | None, sign_with: Path | None, *, propose_rules: bool, release: bool) -> None:
    """Refuse options that do not belong together.

    Raises:
        typer.BadParameter: says which do.
    """
    if propose_rules and release:
        message = "--propose-rules and --release are about different things; leave one out"
        raise typer.BadParameter(message)
    if not release and propose_rules != (output is not None):
        message = "--propose-rules and -o FILE belong together: the rules are written to a file for review"
        raise typer.BadParameter(message)
    if sign_with is not None and not (release and output is not None):
        message = "there is nothing to sign without --release and -o"
        raise typer.BadParameter(message)


@dataclass(frozen=True)
class _Findings:
    """What came of the devices of a school; `others` are on platforms without adoption."""

    school: str
    level: AdoptionLevel
    proposals: Sequence[DeviceProposal]
    refused: Sequence[str]
    missing: Sequence[str]
    others: Sequence[Device]


def _build_document(found: _Findings) -> dict[str, object]:
    return {
        "school": found.school,
        "to": found.level,
        "devices": [build_proposal_document(one) for one in found.proposals],
        "refused": list(found.refused),
        "not_judged": list(found.missing),
        "not_supported": [device.id for device in found.others],
    }


def _say(found: _Findings, words: AdoptionWords) -> None:
    for proposal in found.proposals:
        words.say_proposal(proposal)
    for refusal in found.refused:
        print_line(f"x {refusal}", "red")
    for text in found.missing:
        print_line(words.format("missing", text=text), "yellow")
    if found.others:
        print_line(words.format("not-supported", count=len(found.others)), "yellow")
    words.say_summary(found.proposals)


def _read_level(given: str) -> AdoptionLevel:
    match given:
        case "filters" | "ports" | "all":
            return given
    message = f"{given!r} is no level to adopt a school to; write filters, ports or all"
    raise typer.BadParameter(message, param_hint="--to")


def _propose_each(
    city: City, found: Sequence[Observed], level: AdoptionLevel, language: Language
) -> tuple[list[DeviceProposal], list[str], list[str]]:
    """Return the proposals, what was refused, and what was not judged because nothing was given."""
    proposals: list[DeviceProposal] = []
    refused: list[str] = []
    missing: list[str] = []
    for one in found:
        try:
            proposals.append(_propose(city, one, level, language))
        except NoConfiguration as error:
            missing.append(str(error))
        except TsunaguError as error:
            refused.append(str(error))
    return proposals, refused, missing


def _propose(city: City, seen: Observed, level: AdoptionLevel, language: Language) -> DeviceProposal:
    if seen.refusal is not None:
        raise seen.refusal
    assert seen.text is not None  # noqa: S101 what was read without a refusal has its text
    return read_unmanaged(
        seen.text, seen.source, lambda text: propose_adoption(city, seen.device, text, seen.source, level, language)
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
