"""Faults that take packets away, as nftables rules: one table a namespace, written anew from all that is broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.lab.network.line_shaping import list_uplinks
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state.lab_faults import FaultKind, LabFault, find_faults
from controller.lab.state.layout import DNS_PORT, IPERF_PORT, Layout, LineLayout, SchoolLayout
from controller.model.network.packets import Family

TABLE = "tsunagu-faults"
RULE_KINDS = frozenset({
    FaultKind.LOSSY_LINE,
    FaultKind.PATH_MTU,
    FaultKind.DEAD_DNS,
    FaultKind.DEAD_TEST_SERVER,
    FaultKind.FULL_NAT,
})  # fmt: skip
"""The kinds that are such rules."""
_PARTS = 10_000


def write_packet_rules(layout: Layout, school: SchoolLayout, broken: tuple[LabFault, ...]) -> None:
    """Bring the rules of every namespace that a school's faults are in to what is broken now.

    Raises:
        LabError: nft refused; with its words.
    """
    for name, family, rules in (
        (layout.carrier("primary").namespace, "bridge", list(_list_carrier_rules(layout, broken))),
        (school.router, "inet", list(_list_router_rules(school, broken))),
        *((region.namespace, "inet", list(_list_region_rules(layout, broken))) for region in layout.regions),
    ):
        run_program(("nft", "-f", "-"), text=_replace_table(family, rules), around=ProgramContext(name))


def _replace_table(family: str, rules: Iterable[str]) -> str:
    """Return the text for `nft -f` that puts a table in the place of the one before, whether there was one or not."""
    chain = {"bridge": "forward", "inet": "input"}[family]
    text = f"table {family} {TABLE}\ndelete table {family} {TABLE}\n"
    found = list(rules)
    if not found:
        return text
    of_router = any(rule.startswith("ct ") for rule in found)
    hook = "forward" if of_router else chain
    return text + "\n".join(
        [
            f"table {family} {TABLE} {{",
            "chain faults {",
            f"type filter hook {hook} priority -50;",
            *found,
            "}",
            "}",
            "",
        ]
    )


def _list_carrier_rules(layout: Layout, broken: tuple[LabFault, ...]) -> Iterator[str]:
    for school in layout.schools:
        line = school.line("primary")
        for fault in find_faults(broken, school.id, FaultKind.LOSSY_LINE):
            for ends in _ends(line):
                yield f"{ends} numgen random mod {_PARTS} < {round(fault.strength / 100 * _PARTS)} drop"
        for fault in find_faults(broken, school.id, FaultKind.PATH_MTU):
            for ends in _ends(line):
                yield f"{ends} meta length > {round(fault.strength)} drop"


def _ends(line: LineLayout) -> tuple[str, str]:
    """Both directions through the school's port at the carrier."""
    return f'oifname "{line.port}"', f'iifname "{line.port}"'


def _list_region_rules(layout: Layout, broken: tuple[LabFault, ...]) -> Iterator[str]:
    for school in layout.schools:
        for family, key in ((Family.V4, "ip saddr"), (Family.V6, "ip6 saddr")):
            sources = [address for line in school.lines if (address := line.address.find(family)) is not None]
            if not sources:
                continue
            of_school = f"{key} {{ {', '.join(sources)} }}"
            if find_faults(broken, school.id, FaultKind.DEAD_DNS):
                yield f"{of_school} udp dport {DNS_PORT} drop"
                yield f"{of_school} tcp dport {DNS_PORT} drop"
            if find_faults(broken, school.id, FaultKind.DEAD_TEST_SERVER):
                yield f"{of_school} tcp dport {IPERF_PORT} reject with tcp reset"


def _list_router_rules(school: SchoolLayout, broken: tuple[LabFault, ...]) -> Iterator[str]:
    for fault in find_faults(broken, school.id, FaultKind.FULL_NAT):
        ports = ", ".join(f'"{port}"' for port in list_uplinks(school))
        yield f"ct state new oifname {{ {ports} }} ct count over {round(fault.strength)} drop"
