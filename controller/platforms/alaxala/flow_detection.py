"""Reads the flow detection modes of an AlaxalA switch: they decide which of its bound lists filter anything.

A list can be bound to an interface and judge no packet, because the hardware tables of the switch hold no entries of
its family in that direction. A change of the mode demands that every filter is taken off, so Tsunagu never sets it.

Sources: AX3640S 11.14 configuration guide vol. 2, "flow detection mode" (receive: layer3-2 by default, of IPv4 alone;
IPv6 in layer3-3 to layer3-6; send: layer3-1-out by default, of IPv4 alone; IPv6 in layer3-2-out and layer3-3-out);
AX3660S 12.1.U configuration guide vol. 2 (IPv6 in layer3-6 and its mirror variant); AX2400S 11.7 configuration guide
vol. 2 (layer2-1 to layer2-6, IPv6 in layer2-3 and layer2-4, no table for what is sent). Which of the layer2 modes hold
IPv4 was not found, nor what an AX2500S or AX2600S sends by: there filters are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from controller.model.network.packets import Direction, Family
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.blocks import join_words

_RECEIVE = "flow detection mode"
_SEND = "flow detection out mode"
_DEFAULT_RECEIVE = "layer3-2"
_DEFAULT_SEND = "layer3-1-out"
_SMALL_MODEL = re.compile(r"#configuration list for AX2\S*")
_OLDER = re.compile(r"#Last modified by \S+ at .* with version 11\.\S+")
_RECEIVES = {
    Family.V4: re.compile(r"layer3-[2-6](?:-mirror)?"),
    Family.V6: re.compile(r"layer3-6(?:-mirror)?|layer2-[34]"),
}
_OLDER_RECEIVES_IPV6 = re.compile(r"layer3-[3-6]")
_SENDS = {Family.V4: re.compile(r"layer3-[123]-out"), Family.V6: re.compile(r"layer3-[23]-out")}


def find_unfiltered(text: str, lines: Iterable[ConfigLine]) -> Mapping[tuple[Direction, Family], ConfigLine]:
    """Return the directions and families that the switch filters nothing of, each with the line or the default for it.

    >>> modes = [ConfigLine(3, "flow detection mode layer3-6"), ConfigLine(4, "flow detection out mode layer3-2-out")]
    >>> find_unfiltered("", modes)
    {}
    >>> [(way.value, int(family)) for way, family in find_unfiltered("", [])]
    [('from', 6), ('to', 6)]
    """
    return dict(_find(text, list(lines)))


def _find(text: str, lines: list[ConfigLine]) -> Iterator[tuple[tuple[Direction, Family], ConfigLine]]:
    first = text.partition("\n")[0].strip()
    small = _SMALL_MODEL.fullmatch(first) is not None
    receive = _find_mode(lines, _RECEIVE, "" if small else _DEFAULT_RECEIVE)
    has_send_table = not small and not receive[1].startswith("layer2")
    send = _find_mode(lines, _SEND, _DEFAULT_SEND if has_send_table else "")
    for direction, family in product(Direction, Family):
        line, mode, words = (receive if direction is Direction.FROM else send)[:3]
        known = _RECEIVES[family] if direction is Direction.FROM else _SENDS[family]
        fits = known.fullmatch(mode) is not None
        if direction is Direction.FROM and family is Family.V6 and _OLDER.fullmatch(first):
            fits = fits or _OLDER_RECEIVES_IPV6.fullmatch(mode) is not None
        if not fits:
            yield (direction, family), ConfigLine(line, words)


def _find_mode(lines: list[ConfigLine], words: str, default: str) -> tuple[int, str, str]:
    """Return the line of a mode, the mode, and what to say of it; the default where no line is about it."""
    written = [line for line in lines if join_words(line).startswith(f"{words} ")]
    if len(written) > 1:
        return written[1].number, "", f"a second {words!r}, which no switch shows"
    for line in written:
        said = join_words(line)
        found = re.fullmatch(rf"{words} ([a-z0-9-]{{1,40}})", said)
        if found:
            return line.number, found[1], f"{words} {found[1]}"
        return line.number, "", f"a {words!r} that is not known"
    return 1, default, f"no line {words!r}" + (f", so it is {default}" if default else ", and no default is known")
