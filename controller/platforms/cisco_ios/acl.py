"""One entry of a Cisco IOS access list, written and read: `permit tcp 10.0.0.0 0.0.255.255 host 10.1.1.1 eq 443`.

Cisco IOS Security Command Reference (`permit (IP)`), Cisco IOS IPv6 Command Reference (`permit (IPv6)`). IPv4 uses
wildcard masks, IPv6 prefixes. `established` is TCP with ACK or RST set. Protocol 0 cannot be written: IOS takes the
number 0 for `ip`, which would be every protocol.
"""

from __future__ import annotations

from controller.model.network.device_state import Entry
from controller.model.network.packets import ANY_PORTS, Effect, Family, Match, Ports, Prefix, Protocol
from controller.platforms.cisco_ios.words import ICMP_TYPES, PORTS, PROTOCOLS, word_for
from controller.platforms.common.words import END, Words, read_prefix, read_wildcard

_LAST_PORT = ANY_PORTS[1]
_LAST_NUMBER = 255
_ICMP = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}
_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.FORBID}
_SAID = {effect: word for word, effect in _EFFECTS.items()}


def write_entry(entry: Entry) -> str:
    """The entry as `show running-config` prints it, without a sequence number.

    Raises:
        ValueError: IOS cannot express the entry; the message names it.
    """
    match = entry.match
    reason = _inexpressible(match)
    if reason:
        message = f"Cisco IOS: {reason}: {entry}"
        raise ValueError(message)
    words = [_SAID[entry.effect], word_for(PROTOCOLS[match.family], match.protocol)]
    words += [*_address_words(match.source), *_port_words(match, match.source_ports)]
    words += _address_words(match.destination)
    if match.protocol == _ICMP[match.family]:
        if match.destination_ports != ANY_PORTS:
            words.append(word_for(ICMP_TYPES[match.family], match.destination_ports[0]))
    else:
        words += _port_words(match, match.destination_ports)
    if match.established:
        words.append("established")
    return " ".join(words)


def _inexpressible(match: Match) -> str:
    """Why IOS cannot express a match; "" if it can."""
    source, destination = match.source_ports, match.destination_ports
    if match.protocol is not None and not 1 <= match.protocol <= _LAST_NUMBER:
        return f"a protocol is a number from 1 to {_LAST_NUMBER}"
    if match.protocol in PORTS:
        if not all(0 <= low <= high <= _LAST_PORT for low, high in (source, destination)):
            return f"ports run from 0 to {_LAST_PORT}, the first not above the last"
        return "only TCP can be established" if match.established and match.protocol != Protocol.TCP else ""
    if source != ANY_PORTS or match.established:
        return "only TCP and UDP have source ports, only TCP can be established"
    if destination != ANY_PORTS:
        low, high = destination
        if match.protocol != _ICMP[match.family] or low != high or not 0 <= low <= _LAST_NUMBER:
            return f"only ICMP has types, and an entry names one of 0 to {_LAST_NUMBER}, or none"
    return ""


def _address_words(network: Prefix) -> list[str]:
    if network.prefixlen == 0:
        return ["any"]
    if network.prefixlen == network.max_prefixlen:
        return ["host", str(network.network_address).upper()]
    if Family(network.version) is Family.V6:
        return [str(network).upper()]
    return [str(network.network_address), str(network.hostmask)]


def _port_words(match: Match, ports: Ports) -> list[str]:
    if ports == ANY_PORTS:
        return []
    low, high = (word_for(PORTS[match.protocol or 0], port) for port in ports)
    return ["eq", low] if low == high else ["range", low, high]


def read_entry(text: str, family: Family, origin: str) -> Entry:
    """Read an entry in any spelling that IOS prints; sequence numbers must have been taken off.

    Raises:
        ValueError: a word that is not known, or means what a filter of ours cannot say; tells what was expected.
    """
    words = Words(text.split())
    effect = _EFFECTS[words.one_of(_EFFECTS)]
    protocol = words.number_or(PROTOCOLS[family], 1, _LAST_NUMBER, "a protocol")
    source = _read_address(words, family)
    source_ports = _read_ports(words, protocol)
    destination = _read_address(words, family)
    destination_ports = _read_icmp(words, family) if protocol == _ICMP[family] else _read_ports(words, protocol)
    established = protocol == Protocol.TCP and words.take_if("established")
    words.end(f"eq, range, gt, lt, established (TCP) or {END}" if protocol in PORTS else END)
    return Entry(
        effect, Match(family, protocol, source, destination, source_ports, destination_ports, established), origin
    )


def _read_address(words: Words, family: Family) -> Prefix:
    if words.take_if("any"):
        return family.everything
    if words.take_if("host"):
        return read_prefix(words, family, words.take())
    if family is Family.V6:
        return read_prefix(words, family, words.take())
    address, wildcard = words.take(), words.take()
    return read_wildcard(words, family, address, wildcard, "any, host ADDRESS, or ADDRESS and a wildcard mask")


def _read_ports(words: Words, protocol: int | None) -> Ports:
    if protocol not in PORTS or words.peek() not in ("eq", "range", "gt", "lt"):
        return ANY_PORTS
    operator = words.take()
    first = _read_port(words, protocol)
    last = _read_port(words, protocol) if operator == "range" else first
    low, high = {"gt": (first + 1, _LAST_PORT), "lt": (0, first - 1)}.get(operator, (first, last))
    if low > high:
        message = f"the ports after {operator!r} name none"
        raise ValueError(message)
    return low, high


def _read_port(words: Words, protocol: int) -> int:
    return words.number_or(PORTS[protocol], 0, _LAST_PORT, "a port") or 0


def _read_icmp(words: Words, family: Family) -> Ports:
    if words.peek() == END:
        return ANY_PORTS
    kind = words.number_or(ICMP_TYPES[family], 0, _LAST_NUMBER, "an ICMP type without a code") or 0
    return kind, kind
