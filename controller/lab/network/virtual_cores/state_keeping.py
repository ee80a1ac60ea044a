"""What the router of a school does whose switch cannot see TCP flags: it lets no new conversation in as an answer.

Of what the policy permits as the answer of a conversation only (as the lab was built), it drops the TCP packets that
have neither ACK nor RST. The rules have no memory: what begins a conversation always lacks both.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.compile.network.intent import FilterClause, compile_filter_intents
from controller.lab.network.data_plane.packet_filters import INET, PASS, render_empty_tables
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state.layout import SchoolLayout
from controller.model.network.packets import Direction, Effect, Family, Protocol
from controller.model.virtual_city import STATELESS_PLATFORMS, VirtualCity

_KEYS = {Direction.FROM: "iifname", Direction.TO: "oifname"}
_WORDS = {Family.V4: "ip", Family.V6: "ip6"}


def write_router_rules(city: VirtualCity, school: SchoolLayout) -> str:
    """Return the text for `nft -f`; without a rule where the switch sees the flags itself."""
    lines = [render_empty_tables(), f"add chain {INET} answers {{ type filter hook forward priority filter; }}\n"]
    lines.append(f"add rule {INET} answers {PASS}\n")
    if school.platform in STATELESS_PLATFORMS:
        lines += [f"{line}\n" for line in _list_rules(city, school)]
    return "".join(lines)


def apply_router_rules(school: SchoolLayout, rules: str) -> None:
    """Put the rules into force at a school's router.

    Raises:
        LabError: nft refused; with its words.
    """
    run_program(("nft", "-f", "-"), text=rules, around=ProgramContext(school.router))


def _list_rules(city: VirtualCity, school: SchoolLayout) -> Iterator[str]:
    ports = {gateway.segment: gateway.port for gateway in school.gateways}
    whole = city.school_by_id[school.id]
    for intent in compile_filter_intents(city, whole, school.device, city.list_served_segments(whole)):
        tcp = [one for one in intent.clauses if one.protocol == Protocol.TCP and one.effect is Effect.PERMIT]
        family = _WORDS[intent.family]
        chain = f"{intent.direction.value}-{intent.vlan}-{family}"
        yield f"add chain {INET} {chain}"
        # What may begin a conversation, too, is no mere answer.
        begins = [_match(one) for one in tcp if not one.established]
        answers = [_match(one) for one in tcp if one.established]
        yield from (f"add rule {INET} {chain} {match} return" for match in dict.fromkeys(begins))
        yield from (f"add rule {INET} {chain} {match} counter drop" for match in dict.fromkeys(answers))
        where = f'{_KEYS[intent.direction]} "{ports[intent.segment]}" meta protocol {family}'
        yield f"add rule {INET} answers {where} tcp flags & (ack | rst) == 0 jump {chain}"


def _match(clause: FilterClause) -> str:
    words = []
    for key, addresses in (("saddr", clause.sources), ("daddr", clause.destinations)):
        intervals = addresses.in_family(clause.family).get_intervals()
        named = ", ".join(
            f"{clause.family.format_address(low)}-{clause.family.format_address(high)}" for low, high in intervals
        )
        words.append(f"{_WORDS[clause.family]} {key} {{ {named} }}")
    for key, (low, high) in (("sport", clause.source_ports), ("dport", clause.destination_ports)):
        words.append(f"tcp {key} {low}-{high}")
    return " ".join(words)
