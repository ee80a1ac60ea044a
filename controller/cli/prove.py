"""`tsunagu prove`: whether everything means what the policy says; over devices, paths, admission and the cloud."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.observation import say_moved
from controller.cli.options import DEFAULT_POLICIES, All, Json, Lab, On, Policies, Schools, Wards, day, selection
from controller.cli.output import Exit, errors, say, say_json
from controller.errors import TsunaguError
from controller.model.city import City, Device
from controller.model.load import load_city
from controller.plan.city_proof import city_checks, path_checks
from controller.plan.judgement import Judged, judge_observed, judge_wanted
from controller.plan.observe import from_files
from controller.plan.select import selected_devices
from controller.prove.check import Check

Given = Annotated[
    Path | None,
    typer.Option("--configs", help="Judge DEVICE.cfg files of this folder instead of what the policy compiles to."),
]
MOST_MOVED = 3
Evidence = Annotated[bool, typer.Option("--evidence", help="Show what each check rests on, for auditors.")]


def prove(  # noqa: PLR0913 the command's options
    *,
    configs: Given = None,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
    evidence: Evidence = False,
    as_json: Json = False,
) -> None:
    """Prove that devices, paths, admission and the cloud mean exactly what the policy says. Asks no device.

    Without --configs the devices are judged as the policy compiles to them, and the whole city beside them: who
    reaches whom, 802.1X, the proxy's conditions, the cloud's firewall, the guideline. With it, saved configurations and
    the paths through them. A difference is shown as a packet or a person, with the rule and the line. Exit code 2 when
    there is one.
    """
    began = time.perf_counter()
    chosen = selection(schools, wards, everything=everything, lab=lab)
    city = load_city(policies, on=day(on))
    devices = selected_devices(city, chosen)
    judged = _judged(city, devices, configs)
    held = [one.held for one in judged if one.held is not None]
    checks = path_checks(city, held) if configs is not None else city_checks(city, held)
    seconds = time.perf_counter() - began
    if as_json:
        say_json(_document(judged, checks, seconds))
    else:
        _say(judged, checks, seconds, evidence=evidence, given=configs is not None)
    code = _code(judged, checks)
    if code is not Exit.GOOD:
        raise typer.Exit(code)


def _judged(city: City, devices: Sequence[Device], configs: Path | None) -> list[Judged]:
    if configs is None:
        return [judge_wanted(city, device) for device in devices]
    present = {path.stem for path in configs.glob("*.cfg")}
    given = [device for device in devices if device.id in present]
    if not given:
        message = f"{configs}: holds no DEVICE.cfg of a selected device"
        raise TsunaguError(message)
    return [judge_observed(city, one) for one in from_files(given, configs)]


def _say(judged: Sequence[Judged], checks: Sequence[Check], seconds: float, *, evidence: bool, given: bool) -> None:
    for one in judged:
        # Whoever gave a text is told why it was not judged; of a whole city's devices a count is enough.
        if one.refusal is not None and (given or not one.unsupported):
            say(f"x {one.refusal}", "red")
        for difference in one.differences:
            say(f"x {difference}", "red")
    for check in checks:
        for difference in check.differences:
            say(f"x {check.name}: {difference}", "red")
    if not given and (unsupported := sum(one.unsupported for one in judged)):
        errors.print(f"not judged: {unsupported} devices on platforms that are not built yet", style="dim")
    _say_moved(judged)
    for check in checks:
        _say_check(check, evidence=evidence)
    _say_devices(judged)
    say(f"proof: {_verdict(judged, checks)} in {seconds:.1f} s")


def _say_moved(judged: Sequence[Judged]) -> None:
    """What is left to other devices: each device's where they are few, and their number where they are many."""
    leaving = [one for one in judged if one.moved]
    for one in leaving[:MOST_MOVED]:
        say_moved(one.device.id, one.moved)
    if len(leaving) > MOST_MOVED:
        more = len(leaving) - MOST_MOVED
        say(f"! and {more} more devices leave answers of TCP to their routers (--json names all)", "magenta")


def _say_check(check: Check, *, evidence: bool) -> None:
    if check.not_judged:
        say(f"  -        {check.name}: not judged: {check.not_judged}", "yellow")
        return
    style = "green" if check.holds else "red"
    say(f"  {'holds   ' if check.holds else 'DIFFERS '} {check.name} ({check.examined} examined)", style)
    if evidence:
        for shown in check.evidence:
            say(f"             {shown}")


def _say_devices(judged: Sequence[Judged]) -> None:
    seen = [one for one in judged if one.refusal is None]
    filters, routes = sum(one.filters for one in seen), sum(one.route_policies for one in seen)
    verdict = "NOT equal" if any(one.differences for one in seen) else "equal"
    what = f"{filters} filters" + (f" and {routes} route policies" if routes else "")
    say(f"proof: {what} of {len(seen)} devices judged: {verdict}; {len(judged) - len(seen)} devices not judged")


def _verdict(judged: Sequence[Judged], checks: Sequence[Check]) -> str:
    differing = sum(len(one.differences) for one in judged) + sum(len(check.differences) for check in checks)
    done = sum(not check.not_judged for check in checks)
    return f"{done} checks, {differing} differences" if differing else f"{done} checks, all hold"


def _document(judged: Sequence[Judged], checks: Sequence[Check], seconds: float) -> dict[str, object]:
    return {
        "devices": [
            {
                "device": one.device.id,
                "filters": one.filters,
                "route_policies": one.route_policies,
                "differences": list(one.differences),
                "moved": list(one.moved),
                "refused": str(one.refusal) if one.refusal is not None else None,
            }
            for one in judged
        ],
        "checks": [
            {
                "name": check.name,
                "examined": check.examined,
                "holds": check.holds,
                "differences": list(check.differences),
                "evidence": list(check.evidence),
                "not_judged": check.not_judged or None,
            }
            for check in checks
        ],
        "seconds": round(seconds, 3),
    }


def _code(judged: Sequence[Judged], checks: Sequence[Check]) -> Exit:
    """What could not be judged weighs more than a difference, and that more than a platform that is not built yet."""
    if any(one.refusal is not None and not one.unsupported for one in judged):
        return Exit.FAILED
    if any(one.differences for one in judged) or any(check.differences for check in checks):
        return Exit.DIFFERS
    return Exit.NOT_SUPPORTED if any(one.unsupported for one in judged) else Exit.GOOD
