"""Wireless networks of the blueprints against 802.1X: no way past it into a segment that asks for a certificate."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Problem
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.network.wireless import Protection
from controller.model.policy_files import ADMISSION, BLUEPRINTS, CITY, SEGMENTS
from controller.model.sites.blueprints import Ssid


def find_wireless_problems(policy: ReadPolicy) -> Iterator[Problem]:
    """Networks that let in whom their segment must not hold, and networks that nobody could enter."""
    blueprints, admission = policy.find(BLUEPRINTS), policy.find(ADMISSION)
    asks = False
    for blueprint in blueprints.blueprints if blueprints else ():
        for group in blueprint.devices:
            for network in group.ssids:
                asks = asks or network.protection is Protection.WPA3_ENTERPRISE
                yield from _find_problems(policy, network)
    if asks and admission is not None and not admission.servers:
        message = "networks of the blueprints ask admission servers (wpa3-enterprise), and none is given here"
        yield Problem(policy.find_origin(ADMISSION, "servers"), "servers", message)


def _find_problems(policy: ReadPolicy, network: Ssid) -> Iterator[Problem]:
    segments, admission, city = policy.find(SEGMENTS), policy.find(ADMISSION), policy.find(CITY)
    if segments is None or admission is None or city is None:
        return
    segment = next((one for one in segments.segments if one.id == network.segment), None)
    if segment is None:
        return
    admitted = [one for one in admission.admissions if one.segment == segment.id]
    if network.protection is Protection.WPA3_ENTERPRISE:
        if not admitted and segment.id != admission.default_segment:
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
    elif segment.id == city.management_segment:
        yield Problem(network.origin, "segment", f"{lets_in}{segment.id} is where devices are managed")
    elif not segment.isolated:
        message = f"{lets_in}segment {segment.id} ({segment.origin}) is not isolated: strangers would reach one another"
        yield Problem(network.origin, "segment", message)
