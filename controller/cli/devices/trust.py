"""`tsunagu trust`: look at a device's host key, and pin it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from controller.cli.estates import load_estate_city, load_estate_operations
from controller.cli.options import DEFAULT_POLICIES, Json, Lab, Policies
from controller.cli.output import Exit, print_line, say_json
from controller.operations.device_access import require_access
from controller.plan.select import find_device
from controller.platforms.transport.dialing import fetch_host_key, identify_device
from controller.platforms.transport.host_certificates import is_certificate, read_key_type
from controller.platforms.transport.host_keys import (
    format_fingerprint,
    list_pinned_keys,
    pin_host_key,
    read_known_hosts,
    verify_host_key,
)

Name = Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id, e.g. kw-e01-core1.")]
Expected = Annotated[
    str | None, typer.Option("--fingerprint", help="Pin without asking, but only this fingerprint (SHA256:...).")
]


def trust(
    name: Name,
    *,
    policies: Policies = DEFAULT_POLICIES,
    lab: Lab = False,
    expected: Expected = None,
    as_json: Json = False,
) -> None:
    """Show the host key that a device presents, compare it with the pinned one, and pin it once you say so."""
    if as_json and expected is None:
        message = "--json asks nothing: name the key that is meant with --fingerprint SHA256:..."
        raise typer.BadParameter(message)
    city = load_estate_city(policies, lab=lab)
    device = find_device(city, name)
    access = require_access(load_estate_operations(city).access, device)
    identity = identify_device(device, access)
    shown, known = fetch_host_key(device, access), read_known_hosts(identity)
    print_line(f"{name} shows  {read_key_type(shown)} {format_fingerprint(shown)}")
    if is_certificate(read_key_type(shown)):
        verify_host_key(identity, shown, known, datetime.now(UTC))
        print_line("the certificate is signed by an authority that is named for it; nothing to pin")
        _say_end(name, shown, "signed", as_json=as_json)
        return
    pinned = list_pinned_keys(known)
    for key in pinned:
        print_line(f"{name} pinned {read_key_type(key)} {format_fingerprint(key)}")
    if shown in pinned:
        verify_host_key(identity, shown, known, datetime.now(UTC))
        print_line("the pinned key is the one it shows; nothing to do")
        _say_end(name, shown, "unchanged", as_json=as_json)
        return
    if pinned:
        print_line(
            "THE KEY HAS CHANGED. Pin it only if the device was replaced or reset, and you know that.", "bold red"
        )
    if expected is not None:
        if expected != format_fingerprint(shown):
            print_line(f"not pinned: the device does not show {expected}", "red")
            raise typer.Exit(Exit.FAILED)
    elif not typer.confirm("Compare the fingerprint with the device's console. Is it the same?", default=False):
        print_line("not pinned")
        raise typer.Exit(Exit.FAILED)
    pin_host_key(identity, shown)
    print_line(f"pinned in {access.known_hosts}")
    _say_end(name, shown, "pinned", as_json=as_json)


def _say_end(name: str, key: bytes, end: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"device": name, "type": read_key_type(key), "fingerprint": format_fingerprint(key), "end": end})
