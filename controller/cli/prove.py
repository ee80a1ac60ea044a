"""`tsunagu prove` and `tsunagu render`: the filters as text, and whether a text means what the policy says."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from controller.cli.observation import say_moved
from controller.cli.options import DEFAULT_POLICIES, All, Lab, On, Policies, Schools, Wards, day, selection
from controller.cli.output import Exit, say
from controller.compile.campus import campus_intent
from controller.compile.upstream import describe_moved
from controller.errors import BeyondCapability, TsunaguError
from controller.model.city import City
from controller.model.load import load_city
from controller.plan.city_proof import prove_devices
from controller.plan.observe import NotSupported, from_files
from controller.plan.proof import differences_of_ports, differences_of_routes, differences_to_policy, prove
from controller.plan.proof_cache import ProofCache, cache_folder
from controller.plan.select import Selection, selected_devices
from controller.platforms.registry import platform, supported

Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for DEVICE.cfg files.")]
Given = Annotated[Path | None, typer.Option("--configs", help="Folder with DEVICE.cfg files to be judged.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Prove everything anew; read and keep no earlier proofs.")]


def render(  # noqa: PLR0913 the command's options
    output: Folder,
    *,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
) -> None:
    """Write what each supported device should hold of ours, proved, as DEVICE.cfg. Asks no device."""
    chosen = selection(schools, wards, everything=everything, lab=lab)
    city = load_city(policies, on=day(on))
    _make(output)
    unsupported = written = filters = route_policies = refused = 0
    for device in selected_devices(city, chosen):
        if not supported(device.platform):
            unsupported += 1
            continue
        system = platform(device.platform)
        try:
            intent = campus_intent(city, device, system.capabilities)
        except BeyondCapability as error:
            say(f"x {error}", "red")
            refused += 1
            continue
        filters += prove(city, intent, system)
        say_moved(device.id, describe_moved(intent.moved))
        route_policies += len(intent.wanted.routing.bindings)
        (output / f"{device.id}.cfg").write_text(system.render(intent.wanted), encoding="utf-8")
        written += 1
    routes = _and_routes(route_policies)
    proved = f"{filters} filters{routes} proved"
    say(f"rendered: {written} devices into {output}; {proved}; {unsupported} devices not supported")
    if refused:
        say(f"refused: {refused} devices, each with its reason above", "red")
        raise typer.Exit(Exit.FAILED)
    if unsupported:
        raise typer.Exit(Exit.NOT_SUPPORTED)


def _and_routes(policies: int) -> str:
    return f" and {policies} route policies" if policies else ""


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: the folder cannot be made: {error.strerror}"
        raise TsunaguError(message) from None


def prove_configs(  # noqa: PLR0913 the command's options
    *,
    configs: Given = None,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
    no_cache: NoCache = False,
) -> None:
    """Prove that filters permit exactly what the policy's network part permits: what we would render, or a folder's.

    Without --configs, what is wanted of every device is rendered, parsed back and proved; unchanged devices are known
    from the cache. With it, saved configurations are judged: exit code 2 when one differs. A difference is shown as a
    packet, with the rule and the line.
    """
    chosen = selection(schools, wards, everything=everything, lab=lab)
    city = load_city(policies, on=day(on))
    if configs is None:
        _prove_wanted(city, chosen, ProofCache(None if no_cache else cache_folder()))
    else:
        _prove_given(city, chosen, configs)


def _prove_wanted(city: City, chosen: Selection, cache: ProofCache) -> None:
    began = perf_counter()
    devices = selected_devices(city, chosen)
    known = [device for device in devices if supported(device.platform)]
    found = prove_devices(city, known, cache, lab=chosen.lab)
    for failure in found.failures:
        say(f"x {failure}", "red")
    verdict = "NOT equal" if found.failures else "equal"
    checked = found.done + found.from_cache
    say(
        f"proof: {found.filters} filters{_and_routes(found.policies)} of {checked} devices rendered, parsed back: "
        f"{verdict}; {len(found.failures)} devices failed, {len(devices) - len(known)} not supported"
    )
    damaged = f", {cache.damaged} damaged entries ignored" if cache.damaged else ""
    say(f"checks: {found.done} done, {found.from_cache} from the cache{damaged}; {perf_counter() - began:.1f} s")
    if found.failures:
        raise typer.Exit(Exit.FAILED)
    if len(known) < len(devices):
        raise typer.Exit(Exit.NOT_SUPPORTED)


def _prove_given(city: City, chosen: Selection, configs: Path) -> None:
    present = {path.stem for path in configs.glob("*.cfg")}
    devices = [device for device in selected_devices(city, chosen) if device.id in present]
    if not devices:
        message = f"{configs}: holds no DEVICE.cfg of a selected device"
        raise TsunaguError(message)
    found: set[Exit] = set()
    proved = route_policies = judged = 0
    for one in from_files(devices, configs):
        if one.refusal is not None or one.observation is None:
            say(f"x {one.refusal}", "red")
            found.add(Exit.NOT_SUPPORTED if isinstance(one.refusal, NotSupported) else Exit.FAILED)
            continue
        try:
            intent = campus_intent(city, one.device, platform(one.device.platform).capabilities)
        except BeyondCapability as error:
            say(f"x {error}", "red")
            found.add(Exit.FAILED)
            continue
        say_moved(one.device.id, describe_moved(intent.moved))
        differences = [f"{one.source}:{remark.number}: {remark.text}" for remark in one.observation.remarks]
        differences += differences_of_ports(intent, one.observation.state)
        differences += differences_to_policy(intent, one.observation.state)
        differences += differences_of_routes(intent, one.observation.state)
        for difference in differences:
            say(f"x {difference}", "red")
        proved += len(intent.intents)
        route_policies += len(intent.wanted.routing.bindings)
        judged += 1
        if differences:
            found.add(Exit.DIFFERS)
    verdict = "NOT equal" if Exit.DIFFERS in found else "equal"
    routes = _and_routes(route_policies)
    what = f"{proved} filters{routes} of {judged} devices"
    say(f"proof: {what} judged: {verdict}; {len(devices) - judged} devices not judged")
    # What could not be read weighs more than a difference, and that more than a platform that is not built yet.
    for code in (Exit.FAILED, Exit.DIFFERS, Exit.NOT_SUPPORTED):
        if code in found:
            raise typer.Exit(code)
