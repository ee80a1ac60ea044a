"""The places in a command that are no fixed words: numbers, addresses, names, lists of VLANs, interfaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Interface, IPv6Network
from itertools import groupby

HIGHEST_VLAN = 4094
RESERVED_VLANS = range(1002, 1006)
"""FDDI and Token Ring: there, and of no use (`act/unsup` in `show vlan`, ntc-templates)."""


class Mismatch(Exception):
    """The word does not fit the place."""


@dataclass(frozen=True, slots=True)
class Words:
    """A line as words with their columns."""

    spans: list[tuple[int, str]]
    line: str


Parameter = Callable[[Words, int], tuple[object, int]]


def _word(words: Words, place: int) -> tuple[object, int]:
    return words.spans[place][1], place + 1


def _rest(words: Words, place: int) -> tuple[object, int]:
    return words.line[words.spans[place][0] :].rstrip(), len(words.spans)


def _integer(low: int, high: int) -> Parameter:
    def take(words: Words, place: int) -> tuple[object, int]:
        text = words.spans[place][1]
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise Mismatch
        return int(text), place + 1

    return take


def _address(words: Words, place: int) -> tuple[object, int]:
    try:
        return IPv4Address(words.spans[place][1]), place + 1
    except ValueError:
        raise Mismatch from None


def _address_6(words: Words, place: int) -> tuple[object, int]:
    try:
        return IPv6Address(words.spans[place][1].partition("%")[0]), place + 1
    except ValueError:
        raise Mismatch from None


def _interface_6(words: Words, place: int) -> tuple[object, int]:
    text = words.spans[place][1]
    if not re.fullmatch(r"[0-9A-Fa-f:.]+/[0-9]{1,3}", text):
        raise Mismatch
    try:
        return IPv6Interface(text), place + 1
    except ValueError:
        raise Mismatch from None


def _prefix_6(words: Words, place: int) -> tuple[object, int]:
    found, after = _interface_6(words, place)
    assert isinstance(found, IPv6Interface)  # noqa: S101 what the reader returns
    return IPv6Network(str(found.network)), after


def _vlans(words: Words, place: int) -> tuple[object, int]:
    """Return the numbers of `10,20-22`; IOS takes no blank in it.

    Raises:
        Mismatch: it is no list of VLANs.
    """
    found = expand_vlan_list(words.spans[place][1])
    if found is None:
        raise Mismatch
    return found, place + 1


def expand_vlan_list(text: str) -> frozenset[int] | None:
    """Return the numbers of `10,20-22`; None where it is no list of VLANs.

    >>> sorted(expand_vlan_list("10,20-22") or ())
    [10, 20, 21, 22]
    """
    numbers: set[int] = set()
    for part in text.split(","):
        if not re.fullmatch(r"[0-9]{1,4}(-[0-9]{1,4})?", part):
            return None
        low, _, high = part.partition("-")
        first, last = int(low), int(high or low)
        if not 1 <= first <= last <= HIGHEST_VLAN:
            return None
        numbers |= set(range(first, last + 1))
    return frozenset(numbers)


def condense_vlan_list(numbers: Iterable[int]) -> list[str]:
    """Return the parts of `10,20-22`; two neighbours are written apart.

    >>> condense_vlan_list([10, 20, 21, 22, 30, 31])
    ['10', '20-22', '30', '31']
    """
    parts: list[str] = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        parts += [f"{members[0]}-{members[-1]}"] if len(members) > 2 else map(str, members)  # noqa: PLR2004 as above
    return parts


INTERFACE_KINDS = (
    "FastEthernet",
    "GigabitEthernet",
    "TwoGigabitEthernet",
    "FiveGigabitEthernet",
    "TenGigabitEthernet",
    "TwentyFiveGigE",
    "FortyGigabitEthernet",
    "HundredGigE",
    "AppGigabitEthernet",
    "Port-channel",
    "Vlan",
    "Loopback",
)
_INTERFACE = re.compile(r"([A-Za-z-]+)([0-9]+(?:/[0-9]+){0,2})?")


def _interface(words: Words, place: int) -> tuple[object, int]:
    """Return the full name of an interface: `gi1/0/1`, `Gi 1/0/1`, `vlan 20`.

    Raises:
        Mismatch: no kind of interface is called so, or several are.
    """
    found = _INTERFACE.fullmatch(words.spans[place][1])
    if found is None:
        raise Mismatch
    kinds = [kind for kind in INTERFACE_KINDS if kind.lower().startswith(found[1].lower())]
    number, after = found[2], place + 1
    if number is None:
        if after >= len(words.spans) or not re.fullmatch(r"[0-9]+(/[0-9]+){0,2}", words.spans[after][1]):
            raise Mismatch
        number, after = words.spans[after][1], after + 1
    if len(kinds) != 1:
        raise Mismatch
    return kinds[0] + "/".join(str(int(part)) for part in number.split("/")), after


def _clock(words: Words, place: int) -> tuple[object, int]:
    text = words.spans[place][1]
    if not re.fullmatch(r"[0-9]{1,3}(:[0-5][0-9])?", text):
        raise Mismatch
    hours, _, minutes = text.partition(":")
    return (int(hours) * 60 + int(minutes) if minutes else int(hours)), place + 1


PARAMETERS: dict[str, Parameter] = {
    "WORD": _word,
    "REST": _rest,
    "NUMBER": _integer(0, 2147483647),
    "SEQUENCE": _integer(1, 2147483647),
    "VLAN": _integer(1, HIGHEST_VLAN),
    "VLANS": _vlans,
    "ADDRESS": _address,
    "ADDRESS6": _address_6,
    "INTERFACE6": _interface_6,
    "PREFIX6": _prefix_6,
    "INTERFACE": _interface,
    "CHANNEL": _integer(1, 128),
    "MINUTES": _integer(1, 120),
    "LENGTH": _integer(0, 512),
    "MAXIMUM": _integer(1, 14),
    "DELAY": _clock,
    "DISTANCE": _integer(1, 255),
    "SECRET_TYPE": _integer(0, 9),
    "PRIVILEGE": _integer(0, 15),
}
"""How a word in each place is read."""
