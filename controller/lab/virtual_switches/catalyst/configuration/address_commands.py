"""The commands of an interface with addresses: addresses, relays, and the lists that are bound to it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TypeVar

from controller.lab.virtual_switches.catalyst.configuration.editor import Editor
from controller.lab.virtual_switches.catalyst.configuration.interface_commands import on_interface
from controller.lab.virtual_switches.catalyst.configuration.state import Interface, Side
from controller.lab.virtual_switches.catalyst.grammar import InvalidAt, Match, reject, reject_unmodelled

Item = TypeVar("Item")


def _refuse_on_port(one: Interface, match: Match) -> None:
    """Refuse what only an interface with addresses takes."""
    if one.switched and not (one.is_vlan or one.is_loopback):
        start = match.line.lower().find("ip")
        raise InvalidAt(match.line.find(" ", start) + 1)


@on_interface(
    "ip address ADDRESS MASK:ADDRESS [secondary]", "no ip address ADDRESS MASK:ADDRESS [secondary]", "no ip address"
)
def _set_address(editor: Editor, one: Interface, match: Match) -> None:
    _refuse_on_port(one, match)
    if "ADDRESS" not in match.values:
        one.address, one.secondaries = None, []
        return
    address = _read_address(match)
    secondary = "secondary" in match.words
    if match.words[0] == "no":
        _remove_address(one, address, secondary=secondary)
        return
    for other in editor.configuration.interfaces.values():
        for known in [*([other.address] if other.address else []), *other.secondaries]:
            if other is not one and known.network.overlaps(address.network):
                reject(f"% {address.network.network_address} overlaps with {other.name}")
    if secondary:
        # Without a primary one, too: a running configuration names the secondary ones first.
        if address == one.address:
            reject_unmodelled("a secondary address that is the primary one")
        if address not in one.secondaries:
            one.secondaries.append(address)
    else:
        if address in one.secondaries:
            reject_unmodelled("to make a secondary address the primary one")
        one.address = address


def _read_address(match: Match) -> IPv4Interface:
    address, mask = match.values["ADDRESS"], match.values["MASK"]
    assert isinstance(mask, IPv4Address)  # noqa: S101 the pattern says so
    try:
        found = IPv4Interface(f"{address}/{mask}")
    except ValueError:
        found = None
    if found is None or found.netmask != mask:
        reject(f"Bad mask 0x{int(mask):X} for address {address}")
    outside = {found.network.network_address, found.network.broadcast_address}
    if found.network.prefixlen < 31 and found.ip in outside:  # noqa: PLR2004 a /31 has no broadcast address
        reject(f"Bad mask /{found.network.prefixlen} for address {address}")
    return found


def _remove_address(one: Interface, address: IPv4Interface, *, secondary: bool) -> None:
    if secondary and address in one.secondaries:
        one.secondaries.remove(address)
    elif not secondary and address == one.address:
        if one.secondaries:
            reject("Must delete secondary before deleting primary")
        one.address = None
    else:
        reject("Invalid address")


@on_interface("ip helper-address ADDRESS", "no ip helper-address ADDRESS")
def _set_relay(_: Editor, one: Interface, match: Match) -> None:
    _refuse_on_port(one, match)
    relay = match.values["ADDRESS"]
    assert isinstance(relay, IPv4Address)  # noqa: S101 the pattern says so
    _put(one.relays, relay, removed=match.words[0] == "no", what="ip helper-address")


@on_interface("ipv6 address INTERFACE6", "no ipv6 address INTERFACE6", "no ipv6 address")
def _set_address_6(_: Editor, one: Interface, match: Match) -> None:
    _refuse_on_port(one, match)
    address = match.values.get("INTERFACE6")
    if address is None:
        one.addresses_6 = []
        return
    assert isinstance(address, IPv6Interface)  # noqa: S101 the pattern says so
    _put(one.addresses_6, address, removed=match.words[0] == "no", what="ipv6 address")


@on_interface("ipv6 dhcp relay destination ADDRESS6", "no ipv6 dhcp relay destination ADDRESS6")
def _set_relay_6(_: Editor, one: Interface, match: Match) -> None:
    _refuse_on_port(one, match)
    relay = match.values["ADDRESS6"]
    assert isinstance(relay, IPv6Address)  # noqa: S101 the pattern says so
    _put(one.relays_6, relay, removed=match.words[0] == "no", what="ipv6 dhcp relay destination")


def _put(held: list[Item], item: Item, *, removed: bool, what: str) -> None:
    if not removed:
        held.extend([item] * (item not in held))
    elif item in held:
        held.remove(item)
    else:
        reject_unmodelled(f"to remove what is not there: {what} {item}")


@on_interface("ip access-group WORD (in|out)", "no ip access-group WORD (in|out)")
def _bind_list(editor: Editor, one: Interface, match: Match) -> None:
    """Bind a list: one of IPv4 an interface and direction; a missing list permits everything, and is not made."""
    _bind(editor, one, one.lists, match)


@on_interface("ipv6 traffic-filter WORD (in|out)", "no ipv6 traffic-filter WORD (in|out)")
def _bind_list_6(editor: Editor, one: Interface, match: Match) -> None:
    _bind(editor, one, one.lists_6, match)


def _bind(editor: Editor, one: Interface, held: dict[Side, str], match: Match) -> None:
    name = match.get_text("WORD")
    side: Side = "in" if match.words[-1] == "in" else "out"
    known = editor.configuration.lists.get(name)
    if one.is_port_channel or (one.switched and one.is_physical and side == "out"):
        # Port lists: inbound, on physical ports (2960-X guide 15.2(4)E).
        reject_unmodelled(f"{match.line.strip()} on {one.name}")
    if match.words[0] == "no":
        if held.get(side) != name:
            reject_unmodelled(f"to unbind a list that is not bound: {name} {side}")
        del held[side]
        return
    if known is not None and (known.kind == "ipv6") != (held is one.lists_6):
        reject_unmodelled(f"{match.line.strip()}: the list is of the other family")
    held[side] = name
