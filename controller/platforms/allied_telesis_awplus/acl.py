"""One entry of an AlliedWare Plus hardware access list: `permit tcp 10.1.20.0/24 203.0.113.0/28 eq 443 vlan 20`.

Sources: Allied Telesis, Command Reference for x510 Series 5.4.7-1.x (C613-50170-01, "named hardware ACL" entries);
for IE340 Series 5.5.3-0.x (C613-50631-01); CentreCOM x930シリーズ コマンドリファレンス 5.4.7 (613-002105,
"ipv6 access-list (seq entry)"); How To Note "Create hardware filters" for x900 (port operators).

No entry can tell an established TCP conversation: the references list addresses, ports, the ICMP type, the protocol's
number and the VLAN tag, and no flags (those only a QoS class-map matches). An entry that asks it is refused.
"""

from __future__ import annotations

from controller.model.network.device_state import Entry
from controller.model.network.packets import ANY_PORTS, Effect, Family, Match, Ports, Prefix, Protocol, format_prefix
from controller.platforms.common.words import END, Words, read_prefix, read_wildcard

_LAST_PORT = ANY_PORTS[1]
_LAST_NUMBER = 255
_EVERY = {Family.V4: "ip", Family.V6: "ipv6"}
_ICMP = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}
_PORTED: dict[str, int] = {"tcp": Protocol.TCP, "udp": Protocol.UDP}
_PORTED_WORDS = {number: word for word, number in _PORTED.items()}
_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.FORBID}
_SAID = {effect: word for word, effect in _EFFECTS.items()}


def write_entry(entry: Entry, vlan: int) -> str:
    """The entry for packets tagged with a VLAN, as the running configuration shows it, without a sequence number.

    Raises:
        ValueError: a hardware access list cannot express the entry; the message names it.
    """
    match = entry.match
    reason = _inexpressible(match)
    if reason:
        message = f"AlliedWare Plus: {reason}: {entry}"
        raise ValueError(message)
    words = [_SAID[entry.effect], _protocol(match)]
    words += [_address(match.source), *_ports(match.source_ports), _address(match.destination)]
    if match.protocol == _ICMP[match.family]:
        words += [] if match.destination_ports == ANY_PORTS else ["icmp-type", str(match.destination_ports[0])]
    else:
        words += _ports(match.destination_ports)
    return " ".join((*words, "vlan", str(vlan)))


def _inexpressible(match: Match) -> str:
    """Why a hardware access list cannot express a match; "" if it can."""
    if match.established:
        return "hardware access lists match no TCP flags, so none can tell what is established"
    if match.protocol is not None and not 1 <= match.protocol <= _LAST_NUMBER:
        return f"a protocol is a number from 1 to {_LAST_NUMBER}"
    if match.protocol in _PORTED_WORDS:
        ranges = (match.source_ports, match.destination_ports)
        valid = all(0 <= low <= high <= _LAST_PORT for low, high in ranges)
        return "" if valid else f"ports run from 0 to {_LAST_PORT}, the first not above the last"
    if match.source_ports != ANY_PORTS:
        return "only TCP and UDP have source ports"
    low, high = match.destination_ports
    if (low, high) != ANY_PORTS and (match.protocol != _ICMP[match.family] or low != high or low > _LAST_NUMBER):
        return f"only ICMP has types, and an entry names one of 0 to {_LAST_NUMBER}, or none"
    return ""


def _protocol(match: Match) -> str:
    if match.protocol is None:
        return _EVERY[match.family]
    if match.protocol == _ICMP[match.family]:
        return "icmp"
    return _PORTED_WORDS.get(match.protocol, f"proto {match.protocol}")


def _address(network: Prefix) -> str:
    return format_prefix(network) if network.prefixlen else "any"


def _ports(ports: Ports) -> list[str]:
    if ports == ANY_PORTS:
        return []
    low, high = map(str, ports)
    return ["eq", low] if low == high else ["range", low, high]


def read_entry(written: str, family: Family, vlan: int, origin: str) -> Entry:
    """Read an entry of a list for a VLAN in any spelling of the references; sequence numbers must have been taken off.

    Raises:
        ValueError: a word that is not known, or means what a filter of ours cannot say; tells what was expected.
    """
    words = Words(written.split())
    effect = _EFFECTS[words.one_of(_EFFECTS)]
    protocol = _read_protocol(words, family)
    source = _read_address(words, family)
    source_ports = _read_ports(words, protocol)
    destination = _read_address(words, family)
    if protocol == _ICMP[family] and words.take_if("icmp-type"):
        kind = words.number_or({}, 0, _LAST_NUMBER, "an ICMP type") or 0
        destination_ports = (kind, kind)
    else:
        destination_ports = _read_ports(words, protocol)
    if not (words.take_if("vlan") and words.take_if(str(vlan))):
        words.refuse(f"vlan {vlan}, which this list is for")
    words.end(END)
    return Entry(effect, Match(family, protocol, source, destination, source_ports, destination_ports), origin)


def _read_protocol(words: Words, family: Family) -> int | None:
    word = words.one_of((_EVERY[family], "tcp", "udp", "icmp", "proto"))
    if word == "proto":
        return words.number_or({}, 1, _LAST_NUMBER, "a protocol")
    return _ICMP[family] if word == "icmp" else _PORTED.get(word)


def _read_address(words: Words, family: Family) -> Prefix:
    if words.take_if("any"):
        return family.everything
    if words.take_if("host"):
        return read_prefix(words, family, words.take())
    address = words.take()
    if family is Family.V6 or "/" in address:
        return read_prefix(words, family, address)
    return read_wildcard(words, family, address, words.take(), "any, host ADDRESS, ADDRESS/LENGTH, ADDRESS and a mask")


def _read_ports(words: Words, protocol: int | None) -> Ports:
    if protocol not in _PORTED_WORDS or words.peek() not in ("eq", "range", "gt", "lt"):
        return ANY_PORTS
    operator = words.take()
    first = words.number_or({}, 0, _LAST_PORT, "a port") or 0
    last = words.number_or({}, 0, _LAST_PORT, "a port") or 0 if operator == "range" else first
    low, high = {"gt": (first + 1, _LAST_PORT), "lt": (0, first - 1)}.get(operator, (first, last))
    if low > high:
        message = f"the ports after {operator!r} name none"
        raise ValueError(message)
    return low, high
