"""What the operators' file says about a policy: how wide it may be, and on which port devices are reached.

A policy is checked against this when it is loaded, whoever loads it: where nothing is given, the bounds here hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.model.network.packets import Family, Prefix, parse_prefix
from controller.model.sites.devices import NumberRanges

SSH_PORT = 22
CONTROLLER_LENGTHS = {Family.V4: 28, Family.V6: 124}
"""Without a list of controllers in the operators' file: private addresses, in blocks of at most 16."""

RESERVED_FLOOR: tuple[Prefix, ...] = tuple(
    map(
        parse_prefix,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
            *("2001::/32", "2001:2::/48", "2002::/16", "3fff::/20"),
        ),
    )
)
"""What is never internet (RFC 6890 and multicast). The documentation blocks are not here: a city may be synthetic."""


@dataclass(frozen=True, slots=True)
class PolicyBounds:
    """How wide a policy may be.

    `controllers`: its controllers lie in these; empty: `CONTROLLER_LENGTHS` holds. `reserved`: it reserves at least
    these. `cloud_lengths`: the shortest prefix of a cloud application by family, in `cloud_within` where that is given.
    `ssh_ports`: the port of each access by its id, where it is not 22. `numbers`: the first number of each range that
    is reserved for ours, by platform, where its objects have numbers and no names.
    """

    controllers: tuple[Prefix, ...] = ()
    reserved: tuple[Prefix, ...] = RESERVED_FLOOR
    cloud_lengths: Mapping[Family, int] = field(default_factory=lambda: {Family.V4: 28, Family.V6: 56})
    cloud_within: tuple[Prefix, ...] = ()
    ssh_ports: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, NumberRanges] = field(default_factory=dict)
