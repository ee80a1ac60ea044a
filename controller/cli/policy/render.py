"""`tsunagu render`: what each device should hold of ours, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.estates import load_estate_city
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Lab,
    On,
    Policies,
    Schools,
    Wards,
    choose_day,
    choose_selection,
)
from controller.cli.output import Exit, describe_beside_filters, print_line, say_delegated
from controller.compile.network.upstream import describe_delegated
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import BeyondCapability, TsunaguError
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.select import select_devices
from controller.platforms.registry import is_supported, load_platform

Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for DEVICE.cfg files.")]


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
    chosen = choose_selection(schools, wards, everything=everything)
    city = load_estate_city(policies, lab=lab, on=choose_day(on))
    _make(output)
    unsupported = written = filters = route_policies = networks = refused = 0
    for device in select_devices(city, chosen):
        if not is_supported(device.platform):
            unsupported += 1
            continue
        system = load_platform(device.platform)
        try:
            intent = compile_device(city, device, system.capabilities)
        except BeyondCapability as error:
            print_line(f"x {error}", "red")
            refused += 1
            continue
        filters += prove_rendered_device(city, intent, system)
        say_delegated(device.id, describe_delegated(intent.delegated))
        route_policies += len(intent.wanted.routing.bindings)
        networks += len(intent.networks)
        (output / f"{device.id}.cfg").write_text(system.render(intent.wanted), encoding="utf-8")
        written += 1
    proved = f"{filters} filters{describe_beside_filters(route_policies, networks)} proved"
    print_line(f"rendered: {written} devices into {output}; {proved}; {unsupported} devices not supported")
    if refused:
        print_line(f"refused: {refused} devices, each with its reason above", "red")
        raise typer.Exit(Exit.FAILED)
    if unsupported:
        raise typer.Exit(Exit.NOT_SUPPORTED)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: the folder cannot be made: {error.strerror}"
        raise TsunaguError(message) from None
