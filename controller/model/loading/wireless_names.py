"""Wireless networks of the blueprints against 802.1X: no way past it into a segment that asks for a certificate."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Origin, Problem
from controller.model.loading.names import Files
from controller.model.network.wireless import Protection
from controller.model.sites.schools import DeviceGroup, Ssid


def find_wireless_problems(files: Files) -> Iterator[Problem]:
    """Networks that let in whom their segment must not hold, and networks that nobody could enter."""
    asks = False
    for blueprint in files.blueprints.blueprints if files.blueprints else ():
        for group in blueprint.devices:
            yield from _twice(group)
            for network in group.ssids:
                asks = asks or network.protection is Protection.WPA3_ENTERPRISE
                yield from _problems(files, network)
    if asks and files.admission is not None and not files.admission.servers:
        message = "networks of the blueprints ask admission servers (wpa3-enterprise), and none is given here"
        yield Problem(files.place("access/admission.yaml", "servers"), "servers", message)


def _twice(group: DeviceGroup) -> Iterator[Problem]:
    first: dict[str, Origin] = {}
    for network in group.ssids:
        if network.ssid in first:
            yield Problem(network.origin, "ssid", f"{network.ssid!r} is already given at {first[network.ssid]}")
        first.setdefault(network.ssid, network.origin)


def _problems(files: Files, network: Ssid) -> Iterator[Problem]:
    segment = next((one for one in files.segments or () if one.id == network.segment), None)
    if segment is None or files.admission is None or files.city is None:
        return
    admitted = [one for one in files.admission.admissions if one.segment == segment.id]
    if network.protection is Protection.WPA3_ENTERPRISE:
        if not admitted and segment.id != files.admission.otherwise:
            message = (
                f"nobody could enter {network.ssid!r}: no admission of access/admission.yaml leads to {segment.id}; "
                "add one, or say another 'protection'"
            )
            yield Problem(network.origin, "segment", message)
        return
    lets_in = f"{network.ssid!r} lets everybody in, unasked ({network.protection}), and "
    if admitted:
        message = f"{lets_in}admission {admitted[0].id!r} ({admitted[0].origin}) asks a certificate for {segment.id}"
        yield Problem(network.origin, "segment", message)
    elif segment.id == files.city.management_segment:
        yield Problem(network.origin, "segment", f"{lets_in}{segment.id} is where devices are managed")
    elif not segment.isolated:
        message = f"{lets_in}segment {segment.id} ({segment.origin}) is not isolated: strangers would reach one another"
        yield Problem(network.origin, "segment", message)
