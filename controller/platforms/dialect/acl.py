"""Access lists of line-based systems, written and read by a grammar that is data.

`permit tcp 10.0.0.0 0.0.255.255 host 10.1.1.1 eq 443 established`: what differs between systems (the words before a
list's name, how an address, a protocol or an ICMP type is written, whether TCP flags can be matched, what stands at the
end and how entries are numbered) stands in an `AclGrammar`. Reading takes every spelling of the grammar and no other: a
word that is not known, or means what a filter of ours cannot say, is refused with what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from controller.model.network.device_state import PREFIX, Entry, Filter
from controller.model.network.packets import ANY_PORTS, Effect, Family, Match, Ports, Prefix, Protocol, format_prefix
from controller.platforms.base import ConfigLine
from controller.platforms.common.managed import covers_everything, parse_filter_name
from controller.platforms.dialect.blocks import Block, Reading, join_words
from controller.platforms.dialect.words import END, Words, read_prefix, read_wildcard

_LAST_PORT = ANY_PORTS[1]
_LAST_NUMBER = 255
_ICMP = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}
_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.FORBID}
_EFFECT_WORDS = {effect: word for word, effect in _EFFECTS.items()}
_OPERATORS = ("eq", "range", "gt", "lt")


class AddressForm(Enum):
    """How an address can be written; everything is always `any`."""

    HOST = auto()
    """`host 10.0.0.1`, of a single address only."""
    WILDCARD = auto()
    """`10.0.0.0 0.0.255.255`, of IPv4 only."""
    LENGTH = auto()
    """`10.0.0.0/16`."""


_FORM_WORDS = {
    AddressForm.HOST: "host ADDRESS",
    AddressForm.WILDCARD: "ADDRESS and a wildcard mask",
    AddressForm.LENGTH: "ADDRESS/LENGTH",
}


@dataclass(frozen=True)
class AclGrammar:
    """The access lists of a system.

    `title` names the system in messages, `lists` are the words before a list's name. `addresses`: the first form that
    fits is written, each is read. `ports` and `icmp_types` are the words for numbers, where the system prints one;
    `protocols` too (None: every protocol). `read_ports` and `read_protocols` are words that are read and never written,
    since not every release knows them. `protocol_word` and `icmp_word` stand before a number ("": nothing does).
    `established` is the word for TCP with ACK or RST set ("": no entry can match it). `vlan_word` begins the end of
    every entry, which names its VLAN ("": no entry does).
    `step` numbers the entries that are written (0: none is); `numbered` is the word before a number that is read, which
    may also stand behind the entry if there is such a word. `remark` begins a line that is no entry.
    `capitals`: IPv6 addresses are written so. `unmatched` says what befalls packets that no entry matches.
    """

    title: str
    lists: Mapping[Family, str]
    addresses: Mapping[Family, Sequence[AddressForm]]
    protocols: Mapping[Family, Mapping[str, int | None]]
    unmatched: str
    ports: Mapping[int, Mapping[str, int]] = field(default_factory=lambda: {Protocol.TCP: {}, Protocol.UDP: {}})
    icmp_types: Mapping[Family, Mapping[str, int]] = field(default_factory=lambda: {family: {} for family in Family})
    read_ports: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    read_protocols: Mapping[Family, Mapping[str, int]] = field(default_factory=dict)
    protocol_word: str = ""
    icmp_word: str = ""
    established: str = ""
    vlan_word: str = ""
    step: int = 0
    numbered: Mapping[Family, str] = field(default_factory=lambda: dict.fromkeys(Family, ""))
    remark: str = ""
    capitals: bool = False

    def __post_init__(self) -> None:
        """Refuse a grammar in which some address could not be written."""
        for family, forms in self.addresses.items():
            if not set(forms) & {AddressForm.WILDCARD, AddressForm.LENGTH}:
                message = f"{self.title}: IPv{int(family)} needs a form for prefixes"
                raise ValueError(message)
        if AddressForm.WILDCARD in self.addresses[Family.V6]:
            message = f"{self.title}: IPv6 has no wildcard masks"
            raise ValueError(message)


def write_filter(grammar: AclGrammar, one: Filter) -> list[str]:
    """Return the list and its entries, without indentation.

    Raises:
        ValueError: the grammar cannot express an entry.
    """
    lines = [f"{grammar.lists[one.family]} {one.name}"]
    for position, entry in enumerate(one.entries, start=1):
        number = f"{position * grammar.step} " if grammar.step else ""
        lines.append(f"{number}{write_entry(grammar, entry, one.vlan)}")
    return lines


def write_entry(grammar: AclGrammar, entry: Entry, vlan: int) -> str:
    """Return the entry as the running configuration shows it, without a number; `vlan` is that of its list.

    Raises:
        ValueError: the grammar cannot express the entry; the message names it.
    """
    match = entry.match
    reason = _find_inexpressible(grammar, match)
    if reason:
        message = f"{grammar.title}: {reason}: {entry}"
        raise ValueError(message)
    words = [_EFFECT_WORDS[entry.effect], _write_protocol(grammar, match)]
    words += [*_write_address(grammar, match.source), *_write_ports(grammar, match, match.source_ports)]
    words += _write_address(grammar, match.destination)
    if match.protocol == _ICMP[match.family]:
        words += _write_icmp_type(grammar, match)
    else:
        words += _write_ports(grammar, match, match.destination_ports)
    if match.established:
        words.append(grammar.established)
    if grammar.vlan_word:
        words += [grammar.vlan_word, str(vlan)]
    return " ".join(words)


def _find_inexpressible(grammar: AclGrammar, match: Match) -> str:
    """Return why the grammar cannot express a match; "" if it can."""
    source, destination = match.source_ports, match.destination_ports
    if match.established and not grammar.established:
        return "access lists match no TCP flags, so none can tell what is established"
    if match.protocol is not None and not 1 <= match.protocol <= _LAST_NUMBER:
        return f"a protocol is a number from 1 to {_LAST_NUMBER}"
    if match.protocol in grammar.ports:
        valid = all(0 <= low <= high <= _LAST_PORT for low, high in (source, destination))
        flags = match.established and match.protocol != Protocol.TCP
        unreal = "" if valid else f"ports run from 0 to {_LAST_PORT}, the first not above the last"
        return unreal or ("only TCP can be established" if flags else "")
    if source != ANY_PORTS or match.established:
        return "only TCP and UDP have source ports, only TCP can be established"
    if destination != ANY_PORTS:
        low, high = destination
        if match.protocol != _ICMP[match.family] or low != high or not 0 <= low <= _LAST_NUMBER:
            return f"only ICMP has types, and an entry names one of 0 to {_LAST_NUMBER}, or none"
    return ""


def _find_word(words: Mapping[str, int] | Mapping[str, int | None], number: int | None) -> str:
    """Return the word that is printed for a number, or the number itself."""
    return next((word for word, meant in words.items() if meant == number), str(number))


def _write_protocol(grammar: AclGrammar, match: Match) -> str:
    word = _find_word(grammar.protocols[match.family], match.protocol)
    return f"{grammar.protocol_word} {word}" if grammar.protocol_word and word.isdecimal() else word


def _write_address(grammar: AclGrammar, network: Prefix) -> list[str]:
    if network.prefixlen == 0:
        return ["any"]
    single = network.prefixlen == network.max_prefixlen
    forms = grammar.addresses[Family(network.version)]
    match next(form for form in forms if single or form is not AddressForm.HOST):
        case AddressForm.HOST:
            words = ["host", str(network.network_address)]
        case AddressForm.WILDCARD:
            words = [str(network.network_address), str(network.hostmask)]
        case _:
            words = [format_prefix(network)]
    return [*words[:-1], words[-1].upper()] if grammar.capitals else words


def _write_ports(grammar: AclGrammar, match: Match, ports: Ports) -> list[str]:
    if ports == ANY_PORTS:
        return []
    low, high = (_find_word(grammar.ports[match.protocol or 0], port) for port in ports)
    return ["eq", low] if low == high else ["range", low, high]


def _write_icmp_type(grammar: AclGrammar, match: Match) -> list[str]:
    if match.destination_ports == ANY_PORTS:
        return []
    word = _find_word(grammar.icmp_types[match.family], match.destination_ports[0])
    return [grammar.icmp_word, word] if grammar.icmp_word else [word]


def read_filter(grammar: AclGrammar, reading: Reading, block: Block, family: Family) -> Filter | None:
    """Read a list under our prefix; None if its name is none that we give, which is refused.

    All its lines are managed: what is not understood in it is refused.
    """
    header, name = block.header, block.header.text.split()[-1]
    reading.manage(header, *block.children)
    reading.expect_once(f"{grammar.lists[family]} {name}", header, managed=True)
    key = parse_filter_name(name)
    if key is None or key[2] is not family:
        reading.refuse(header, f"expected a name like {PREFIX}-20-from-{int(family)}-0123abcd, found {name!r}")
        return None
    entries: list[Entry] = []
    previous = 0
    for line in block.children:
        given, written = _split_number(join_words(line), grammar.numbered[family])
        number = previous + 1 if given is None else given
        if number <= previous:
            reading.refuse(line, f"the sequence number {number} does not ascend")
        previous = number
        if grammar.remark and written.split()[:1] == [grammar.remark]:
            continue
        try:
            entries.append(read_entry(grammar, written, family, key[0], f"{reading.source}:{line.number}"))
        except ValueError as error:
            reading.refuse(line, f"in {name}: {error}")
    if not entries or not covers_everything(entries[-1].match):
        last: ConfigLine = block.children[-1] if block.children else header
        reading.refuse(last, f"{name} must end in an entry that covers everything; {grammar.unmatched}")
    return Filter(name, *key, tuple(entries))


def _split_number(written: str, word: str) -> tuple[int | None, str]:
    """Return the number of an entry and the rest: `10 permit`, `sequence 10 permit`, `permit ... sequence 10`."""
    found = re.fullmatch(rf"{word} ([0-9]{{1,10}}) (.*)" if word else r"([0-9]{1,10}) (.*)", written)
    if found:
        return int(found[1]), found[2]
    behind = re.fullmatch(rf"(.*) {word} ([0-9]{{1,10}})", written) if word else None
    return (int(behind[2]), behind[1]) if behind else (None, written)


def read_entry(grammar: AclGrammar, written: str, family: Family, vlan: int, origin: str) -> Entry:
    """Read an entry of a list for a VLAN, in any spelling of the grammar; its number must have been taken off.

    Raises:
        ValueError: a word that is not known, or means what a filter of ours cannot say; tells what was expected.
    """
    words = Words(written.split())
    effect = _EFFECTS[words.take_one_of(_EFFECTS)]
    protocol = _read_protocol(grammar, words, family)
    source = _read_address(grammar, words, family)
    source_ports = _read_ports(grammar, words, protocol)
    destination = _read_address(grammar, words, family)
    if protocol == _ICMP[family]:
        destination_ports = _read_icmp_type(grammar, words, family)
    else:
        destination_ports = _read_ports(grammar, words, protocol)
    established = bool(grammar.established) and protocol == Protocol.TCP and words.take_if(grammar.established)
    if grammar.vlan_word and not (words.take_if(grammar.vlan_word) and words.take_if(str(vlan))):
        words.refuse(f"{grammar.vlan_word} {vlan}, which this list is for")
    words.expect_end(_expect_end(grammar, protocol))
    return Entry(
        effect, Match(family, protocol, source, destination, source_ports, destination_ports, established), origin
    )


def _expect_end(grammar: AclGrammar, protocol: int | None) -> str:
    if grammar.vlan_word or protocol not in grammar.ports:
        return END
    flags = f", {grammar.established} (TCP)" if grammar.established else ""
    return f"{', '.join(_OPERATORS)}{flags} or {END}"


def _read_protocol(grammar: AclGrammar, words: Words, family: Family) -> int | None:
    named = {**grammar.protocols[family], **grammar.read_protocols.get(family, {})}
    if not grammar.protocol_word:
        return words.take_number_or(named, 1, _LAST_NUMBER, "a protocol")
    word = words.take_one_of((*named, grammar.protocol_word))
    return words.take_number_or({}, 1, _LAST_NUMBER, "a protocol") if word == grammar.protocol_word else named[word]


def _read_address(grammar: AclGrammar, words: Words, family: Family) -> Prefix:
    if words.take_if("any"):
        return family.everything
    forms = grammar.addresses[family]
    if AddressForm.HOST in forms and words.take_if("host"):
        return read_prefix(words, family, words.take())
    address = words.take()
    if AddressForm.LENGTH in forms and ("/" in address or AddressForm.WILDCARD not in forms):
        return read_prefix(words, family, address)
    expected = ", ".join(("any", *(_FORM_WORDS[form] for form in forms)))
    return read_wildcard(words, family, address, words.take(), expected)


def _read_ports(grammar: AclGrammar, words: Words, protocol: int | None) -> Ports:
    written = None if protocol is None else grammar.ports.get(protocol)
    named = None if written is None else {**written, **grammar.read_ports.get(protocol or 0, {})}
    if named is None or words.peek() not in _OPERATORS:
        return ANY_PORTS
    operator = words.take()
    first = words.take_number_or(named, 0, _LAST_PORT, "a port") or 0
    last = words.take_number_or(named, 0, _LAST_PORT, "a port") or 0 if operator == "range" else first
    low, high = {"gt": (first + 1, _LAST_PORT), "lt": (0, first - 1)}.get(operator, (first, last))
    if low > high:
        message = f"the ports after {operator!r} name none"
        raise ValueError(message)
    return low, high


def _read_icmp_type(grammar: AclGrammar, words: Words, family: Family) -> Ports:
    if not words.take_if(grammar.icmp_word) if grammar.icmp_word else words.peek() in (END, grammar.vlan_word):
        return ANY_PORTS
    kind = words.take_number_or(grammar.icmp_types[family], 0, _LAST_NUMBER, "an ICMP type without a code") or 0
    return kind, kind
