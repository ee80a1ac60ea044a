"""`tsunagu prove`: whether everything means what the policy says; over devices, paths, admission and the cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from controller.cli.adoption_levels import build_level_documents, say_adoption_levels
from controller.cli.conventions.json_documents import ProofDocument
from controller.cli.conventions.traced_command import (
    find_state_for_traces,
    link_command,
    remember_command,
    traced_command,
)
from controller.cli.devices.observation import list_reachable_devices, observe_given_configurations
from controller.cli.devices.unjudged import (
    build_unjudged_document,
    describe_missing,
    list_missing,
    say_encodings,
    say_missing,
    say_unjudged,
)
from controller.cli.estates import load_estate_city
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Encoding,
    Json,
    Lab,
    Lang,
    On,
    Policies,
    Schools,
    Wards,
    choose_day,
    choose_selection,
    speak,
)
from controller.cli.output import (
    Exit,
    describe_beside_filters,
    get_words,
    print_line,
    print_message,
    say_delegated,
    say_json,
    translate_first_line,
)
from controller.cli.policy.guideline_telemetry import send_guideline
from controller.inputs.text_encodings import TextEncoding
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.plan.observe import NotSupported, Observed
from controller.plan.proof.city_checks import check_paths
from controller.plan.proof.city_proof import prove_city
from controller.plan.proof.configuration_proof import prove_configuration
from controller.plan.proof.proof_cache import ProofCache, find_cache_folder
from controller.plan.proof.stage_proof import prove_next_stages
from controller.plan.proof.unjudged import count_by_school
from controller.plan.saved_configurations import NoConfiguration
from controller.plan.select import Selection, select_devices
from controller.platforms.registry import is_supported
from controller.prove.check import Check
from controller.prove.reachability.unmanaged_paths import UnjudgedPath
from controller.telemetry.registry import Writer
from controller.telemetry.traces.phases import trace_phase
from controller.telemetry.traces.trace_links import TraceOf

Given = Annotated[
    Path | None,
    typer.Option("--configs", help="Judge DEVICE.cfg files of this folder instead of what the policy compiles to."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Prove everything anew, and keep nothing.")]
Evidence = Annotated[bool, typer.Option("--evidence", help="Show what each check rests on, for auditors.")]
DEVICES = "filters, routes and wireless networks, as rendered and parsed back"
WAY = "every state on the way to the policy: old AND new <= between <= old OR new, management never cut"


@dataclass
class Findings:
    """What was proved and found. `refused` is what could not be judged, `unsupported` counts missing platforms.

    `schools` are those of the devices: what the adoption level of one leaves out is not judged.
    Of saved configurations: `unjudged` are the ways of others past the proof, `missing` the devices without a file,
    `notes` are said of platforms that are not built, `delegated` is what devices leave to others, `read` what was read
    of what was `asked`.
    """

    checks: list[Check]
    summary: str
    refused: list[str] = field(default_factory=list)
    unsupported: int = 0
    proved_now: str = ""
    schools: tuple[School, ...] = ()
    unjudged: Sequence[UnjudgedPath] = ()
    missing: Sequence[Device] = ()
    notes: Sequence[str] = ()
    delegated: Sequence[tuple[str, Sequence[str]]] = ()
    read: Sequence[Observed] = ()
    asked: Sequence[Observed] = ()


@traced_command(Writer.CONTROLLER)
def prove(  # noqa: PLR0913 the command's options
    *,
    configs: Given = None,
    encoding: Encoding = None,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
    no_cache: NoCache = False,
    evidence: Evidence = False,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """Prove that devices, paths, admission and the cloud mean exactly what the policy says. Asks no device.

    Without --configs the devices are judged as the policy compiles to them, and the whole city beside them: who
    reaches whom, 802.1X, the proxy's conditions, the cloud's firewall, the guideline; what was proved before of the
    same content is known from the cache. With it, saved configurations, the paths through them, and every state that a
    plan would lead through from there. A difference is shown as a packet or a person, with the rule and the line. Exit
    code 2 when there is one, 4 when something could not be judged: a way of others past the filters, or a device of
    which --configs has no file.
    """
    speak(lang)
    began = perf_counter()
    chosen = choose_selection(schools, wards, everything=everything)
    with trace_phase("load policy"):
        city = load_estate_city(policies, lab=lab, on=choose_day(on))
    kept = find_state_for_traces(city, policies)
    link_command(kept, [(TraceOf.PLAN_OF_POLICY, city.digest)])
    if configs is None:
        with trace_phase("prove city"):
            found = _wanted(city, chosen, ProofCache(None if no_cache else find_cache_folder()))
    else:
        with trace_phase("prove configurations"):
            found = _given(city, chosen, configs, encoding)
    seconds = perf_counter() - began
    if configs is None and on is None:
        # What would hold on another day is not how it stands.
        send_guideline(city, policies)
    if as_json:
        say_json(_document(found, seconds))
    else:
        _say(found, seconds, evidence=evidence)
    code = _code(found)
    if code is Exit.GOOD:
        remember_command(kept, [(TraceOf.PROOF, city.digest)])
    else:
        raise typer.Exit(code)


def _wanted(city: City, chosen: Selection, cache: ProofCache) -> Findings:
    devices = select_devices(city, chosen)
    known = [device for device in devices if is_supported(device.platform)]
    found = prove_city(city, known, cache)
    with trace_phase("prove next stages"):
        coming = prove_next_stages(city, {one.school.id: one.school for one in known}.values(), cache)
    proved = Check(DEVICES, found.filters + found.policies + found.networks, tuple(found.failures))
    ways = Check("paths, isolation of schools, management", found.paths)
    damaged = f", {cache.damaged} entries that are not ours ignored" if cache.damaged else ""
    if cache.unused:
        damaged += f"; earlier proofs are not used: {cache.unused}"
    beside = describe_beside_filters(found.policies, found.networks)
    summary = (
        f"proof: {found.filters} filters{beside} of {found.done + found.from_cache} devices: "
        f"{found.done} devices done, {found.from_cache} from the cache{damaged}"
    )
    judged = sum(not check.not_judged for check in found.checks)
    now = (
        f"proved now: {found.filters_now} of {found.filters} filters, {found.done} of {found.done + found.from_cache} "
        f"devices, {judged - found.checks_known} of {judged} other checks"
    )
    return Findings(
        [proved, ways, *([coming] if coming else []), *found.checks],
        summary,
        unsupported=len(devices) - len(known),
        proved_now=now,
        schools=tuple(one.school for one in devices),
    )


def _given(city: City, chosen: Selection, configs: Path, encoding: TextEncoding | None) -> Findings:
    read = observe_given_configurations(city, select_devices(city, chosen), configs, encoding)
    # Of a virtual city only what is up can have been saved.
    up = {device.id for device in list_reachable_devices(city, chosen)}
    asked = [one for one in read if one.device.id in up or not isinstance(one.refusal, NoConfiguration)]
    # A platform that is not built is told where a file of it was given.
    given = [one for one in read if (configs / f"{one.device.id}.cfg").exists()]
    judged = []
    for one in given:
        with trace_phase("prove configuration", detail=True, device=one.device.id, school=one.device.school.id):
            judged.append(prove_configuration(city, one))
    seen = [one for one in judged if one.refusal is None]
    differences = tuple(found for one in seen for found in one.differences)
    filters, routes = sum(one.filters for one in seen), sum(one.route_policies for one in seen)
    networks = sum(one.networks for one in seen)
    unbuilt = [one for one in judged if isinstance(one.refusal, NotSupported)]
    summary = (
        f"proof: {filters} filters{describe_beside_filters(routes, networks)} of {len(seen)} devices judged: "
        f"{'NOT equal' if differences else 'equal'}; {len(judged) - len(seen)} devices not judged"
    )
    refused = [str(one.refusal) for one in judged if one.refusal is not None and one not in unbuilt]
    held = [one.parsed for one in seen if one.parsed is not None]
    ways = Check(WAY, sum(one.states for one in seen), tuple(found for one in seen for found in one.step_differences))
    with trace_phase("prove paths"):
        paths = check_paths(city, held, count_by_school((one.device, one.unjudged) for one in seen))
    return Findings(
        [Check(DEVICES, filters + routes + networks, differences), ways, *paths],
        summary,
        refused,
        len(unbuilt),
        "proved now: all of it",
        tuple(one.device.school for one in judged),
        unjudged=tuple(path for one in seen for path in one.unjudged),
        missing=tuple(list_missing(asked)),
        asked=tuple(asked),
        notes=tuple(str(one.refusal) for one in unbuilt),
        delegated=tuple((one.device.id, one.delegated) for one in judged),
        read=tuple(given),
    )


def _say(found: Findings, seconds: float, *, evidence: bool) -> None:
    say_encodings(found.read)
    for device, delegated in found.delegated:
        say_delegated(device, delegated)
    words = get_words()
    for note in found.notes:
        print_line(f"x {words.translate('proofs', note)}", "red")
    for refusal in found.refused:
        print_line(f"x {translate_first_line(refusal)}", "red")
    for check in found.checks:
        for difference in check.differences:
            print_line(f"x {words.translate('differences', difference)}", "red")
    say_unjudged(found.unjudged)
    say_missing(found.asked)
    for check in found.checks:
        _say_check(check, evidence=evidence)
    say_adoption_levels(found.schools)
    if found.unsupported:
        print_message("prove.unsupported", "yellow", count=found.unsupported)
    print_line(words.translate("proofs", found.summary))
    beside = [words.say("prove.unjudged-ways", count=len(found.unjudged))] * bool(found.unjudged)
    beside += [words.say("prove.missing-devices", count=len(found.missing))] * bool(found.missing)
    print_message(
        "prove.checks-not-judged" if beside else "prove.checks",
        verdict=_verdict(found.checks),
        beside=", ".join(beside),
        now=words.translate("proofs", found.proved_now),
        seconds=f"{seconds:.1f}",
    )


def _say_check(check: Check, *, evidence: bool) -> None:
    words = get_words()
    name = words.translate("proofs", check.name)
    if check.not_judged and not check.differences:
        print_message("prove.not-judged", "yellow", name=name, why=words.translate("proofs", check.not_judged))
        return
    key, style = ("prove.holds", "green") if check.holds else ("prove.differs", "red")
    print_message(key, style, name=name, examined=check.examined)
    if evidence:
        for shown in check.evidence:
            print_line(f"             {shown}")


def _verdict(checks: Sequence[Check]) -> str:
    differing = sum(len(check.differences) for check in checks)
    done = sum(not check.not_judged for check in checks)
    key = "prove.differences" if differing else "prove.all-hold"
    return get_words().say(key, done=done, count=differing)


def _document(found: Findings, seconds: float) -> ProofDocument:
    return {
        "summary": found.summary,
        "proved_now": found.proved_now,
        "refused": found.refused,
        "unsupported": found.unsupported,
        "adoption": build_level_documents(found.schools),
        "not_judged": [build_unjudged_document(one) for one in found.unjudged],
        "missing": describe_missing(found.missing),
        "encodings": {one.device.id: one.encoding for one in found.read if one.encoding},
        "checks": [
            {
                "name": check.name,
                "examined": check.examined,
                "holds": check.holds,
                "differences": list(check.differences),
                "evidence": list(check.evidence),
                "not_judged": check.not_judged or None,
            }
            for check in found.checks
        ],
        "seconds": round(seconds, 3),
    }


def _code(found: Findings) -> Exit:
    """A device that was refused weighs more than a difference, that more than what is not judged or not built yet."""
    if found.refused:
        return Exit.FAILED
    if any(check.differences for check in found.checks):
        return Exit.DIFFERS
    if found.unjudged or found.missing:
        return Exit.NOT_JUDGED
    return Exit.NOT_SUPPORTED if found.unsupported else Exit.GOOD
