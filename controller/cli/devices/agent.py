"""`tsunagu agent`: the program that is installed on a device with a POSIX shell, as root's own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from controller.cli.options import Json
from controller.cli.output import say_json
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.registry import is_supported, list_platforms, load_platform

PlatformName = Annotated[str, typer.Argument(metavar="PLATFORM", help="The device's system, e.g. frr or ovs.")]


def agent(name: PlatformName, *, as_json: Json = False) -> None:
    """Print the program that the controller's logins run on a device; how to install it: docs/security.md, Devices."""
    system = load_platform(name) if is_supported(name) else None
    if not isinstance(system, OwnRestore):
        usable = ", ".join(one for one in list_platforms() if isinstance(load_platform(one), OwnRestore))
        message = f"{name!r} has no program of its own on the device; these have: {usable}"
        raise typer.BadParameter(message)
    if as_json:
        say_json({"platform": name, "program": system.build_program()})
    else:
        sys.stdout.write(system.build_program())
