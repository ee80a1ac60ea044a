"""What the chains of a virtual switch have dropped so far, and letting everything past them for a moment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from controller.lab.network.data_plane.packet_filters import INET, NETDEV, OPEN
from controller.lab.network.programs import ProgramContext, run_program

Denied = Counter[tuple[str, Literal[4, 6]]]
"""Packets that were dropped, by chain and family."""

_FAMILIES: Mapping[str, Literal[4, 6]] = {"ip": 4, "ip6": 6}
_FAMILY_OF_HEADER: Mapping[str, Literal[4, 6]] = {**_FAMILIES, "icmp": 4, "icmpv6": 6}
"""A listing leaves out the family where the header that a rule looks into says it."""


def sum_denied_packets(listing: str) -> Denied:
    """Return the packets that each chain has dropped, from the text of `nft -j list table`."""
    found: Denied = Counter()
    for one in json.loads(listing)["nftables"]:
        rule = one.get("rule")
        if rule is None or not any("drop" in part for part in rule["expr"]):
            continue
        families = [family for part in rule["expr"] if (family := _find_family(part)) is not None]
        packets = sum(part["counter"]["packets"] for part in rule["expr"] if "counter" in part)
        if families:
            found[str(rule["chain"]), families[0]] += packets
    return found


def _find_family(part: Mapping[str, Any]) -> Literal[4, 6] | None:
    match part.get("match"):
        case {"left": {"meta": {"key": "protocol"}}, "right": str(family)}:
            return _FAMILIES.get(family)
        case {"left": {"payload": {"protocol": str(header)}}}:
            return _FAMILY_OF_HEADER.get(header)
    return None


def count_denied_packets(namespace: str) -> Denied:
    """Return the packets that each chain of a switch has dropped.

    Raises:
        LabError: nft refused; with its words.
    """
    found: Denied = Counter()
    for table in (INET, NETDEV):
        listing = run_program(("nft", "-j", "list", "table", *table.split()), around=ProgramContext(namespace))
        found += sum_denied_packets(listing)
    return found


def suspend_filters(namespace: str, seconds: int) -> None:
    """Let everything past a switch's lists for so many seconds; the kernel itself ends that.

    Raises:
        LabError: nft refused; with its words.
    """
    elements = ", ".join(f"{family} timeout {seconds}s" for family in _FAMILIES)
    text = "".join(f"add element {table} {OPEN} {{ {elements} }}\n" for table in (INET, NETDEV))
    run_program(("nft", "-f", "-"), text=text, around=ProgramContext(namespace))


def resume_filters(namespace: str) -> None:
    """Have every packet asked again, now.

    Raises:
        LabError: nft refused; with its words.
    """
    text = "".join(f"flush set {table} {OPEN}\n" for table in (INET, NETDEV))
    run_program(("nft", "-f", "-"), text=text, around=ProgramContext(namespace))
