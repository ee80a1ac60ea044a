"""`tsunagu render`: what each device should hold of ours, as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.estates import load_estate_city
from controller.cli.options import (
    DEFAULT_POLICIES,
    All,
    Json,
    Lab,
    On,
    Policies,
    Schools,
    Wards,
    choose_day,
    choose_selection,
)
from controller.cli.output import Exit, describe_beside_filters, print_line, say_delegated, say_json, write_output
from controller.compile.network.upstream import describe_delegated
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import BeyondCapability, Interrupted, TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.proof.rendered_device import prove_rendered_device
from controller.plan.select import select_devices
from controller.platforms.registry import is_supported, load_platform_of

Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for DEVICE.cfg files.")]


@dataclass
class _Rendered:
    """What was rendered so far."""

    devices: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unsupported: int = 0
    filters: int = 0
    route_policies: int = 0
    networks: int = 0


def render(  # noqa: PLR0913 the command's options
    output: Folder,
    *,
    policies: Policies = DEFAULT_POLICIES,
    schools: Schools = None,
    wards: Wards = None,
    everything: All = False,
    lab: Lab = False,
    on: On = None,
    as_json: Json = False,
) -> None:
    """Write what each supported device should hold of ours, proved, as DEVICE.cfg. Asks no device."""
    chosen = choose_selection(schools, wards, everything=everything)
    city = load_estate_city(policies, lab=lab, on=choose_day(on))
    _make(output)
    devices = select_devices(city, chosen)
    done = _Rendered()
    try:
        for device in devices:
            _render_device(city, device, output, done)
    except KeyboardInterrupt:
        message = f"{len(done.devices)} of {len(devices)} devices are in {output}, each file whole"
        raise Interrupted(message) from None
    except TsunaguError as error:
        message = f"{error}; {len(done.devices)} of {len(devices)} devices are in {output}, each file whole"
        raise TsunaguError(message) from None
    if as_json:
        document = {"folder": str(output), "devices": done.devices, "filters": done.filters}
        say_json({**document, "refused": done.refused, "unsupported": done.unsupported})
    proved = f"{done.filters} filters{describe_beside_filters(done.route_policies, done.networks)} proved"
    print_line(
        f"rendered: {len(done.devices)} devices into {output}; {proved}; {done.unsupported} devices not supported"
    )
    if done.refused:
        print_line(f"refused: {len(done.refused)} devices, each with its reason above", "red")
        raise typer.Exit(Exit.FAILED)
    if done.unsupported:
        raise typer.Exit(Exit.NOT_SUPPORTED)


def _render_device(city: City, device: Device, output: Path, done: _Rendered) -> None:
    if not is_supported(device.platform):
        done.unsupported += 1
        return
    system = load_platform_of(device)
    try:
        intent = compile_device(city, device, system.capabilities)
    except BeyondCapability as error:
        print_line(f"x {error}", "red")
        done.refused.append(str(error))
        return
    done.filters += prove_rendered_device(city, intent, system)
    say_delegated(device.id, describe_delegated(intent.delegated))
    done.route_policies += len(intent.wanted.routing.bindings)
    done.networks += len(intent.networks)
    write_output(system.render(intent.wanted), output / f"{device.id}.cfg")
    done.devices.append(device.id)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: the folder cannot be made: {error.strerror}"
        raise TsunaguError(message) from None
