"""Which command a typed line is: words may be cut to a unique beginning, in any case (S5, oxidized issue 1493)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

from controller.lab.virtual_switches.command_line import Answer

NOT_MODELLED = "% Not modelled by the virtual switch: "
_WORD = re.compile(r'"[^"]*"|\S+')
_SPAN = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
LAST_VLAN = 4094


class Refused(Exception):
    """The device does not do that; its text is what the device shows."""


class Unmodelled(Refused):
    """The device may do that, and nothing here says how."""

    def __init__(self, what: str) -> None:
        super().__init__(NOT_MODELLED + what)


class UnknownWord(Refused):
    """No command goes on with this word; `column` is where it begins."""

    def __init__(self, column: int) -> None:
        super().__init__("% Invalid input detected at '^' marker.")
        self.column = column


class Incomplete(Refused):
    """A command needs more words."""

    def __init__(self) -> None:
        super().__init__("% Incomplete command.")


Action = Callable[..., Answer | Iterable[str] | None]
"""What a command does with its command line and with what was chosen, and what it says."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, and the column where it begins."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Syntax:
    """A command's words, `<kind>` for what may be chosen, and what it does with these."""

    words: tuple[str, ...]
    action: Action


def build_syntax(pattern: str, action: Action) -> Syntax:
    """Return a command from its pattern, such as `vlan <vlans> name <name>`."""
    return Syntax(tuple(pattern.split()), action)


def split_words(line: str) -> list[Word]:
    """Return the words of a line; quotes keep blanks in a word (S8).

    >>> [word.text for word in split_words('vlan 10 name "staff room"')]
    ['vlan', '10', 'name', 'staff room']
    """
    return [Word(found[0].strip('"'), found.start()) for found in _WORD.finditer(line)]


def find_command(commands: Sequence[Syntax], line: str) -> tuple[Syntax, list[object]]:
    """Return the command that a line is, and what was chosen in it; raise `Refused` where it is none."""
    words = split_words(line)
    alive = [(one, list[object]()) for one in commands]
    for place, word in enumerate(words):
        alive = _follow(alive, place, word, line)
        if any(one.words[-1] == "<line>" and len(one.words) == place + 1 for one, _ in alive):
            break
    else:
        place = len(words) - 1
    whole = [(one, chosen) for one, chosen in alive if len(one.words) == place + 1]
    if not whole:
        raise Incomplete
    return whole[0]


def _follow(
    alive: list[tuple[Syntax, list[object]]], place: int, word: Word, line: str
) -> list[tuple[Syntax, list[object]]]:
    """Return the commands that may still be meant after one more word."""
    asked = word.text.lower()
    longer = [(one, chosen) for one, chosen in alive if len(one.words) > place]
    keywords = {one.words[place] for one, _ in longer if not one.words[place].startswith("<")}
    meant = {asked} & keywords or {keyword for keyword in keywords if asked and keyword.startswith(asked)}
    if len(meant) > 1:
        message = f'% Ambiguous command:  "{line.strip()}"'
        raise Refused(message)
    if meant:
        return [(one, chosen) for one, chosen in longer if one.words[place] in meant]
    taken = []
    for one, chosen in longer:
        if one.words[place].startswith("<"):
            text = line[word.column :].strip() if one.words[place] == "<line>" else word.text
            try:
                taken.append((one, [*chosen, KINDS[one.words[place]](text)]))
            except ValueError:
                continue
    if not taken:
        raise UnknownWord(word.column)
    return taken


def parse_vlans(text: str) -> frozenset[int]:
    """Return the VLANs of `10,20-22`.

    >>> sorted(parse_vlans("10,20-22"))
    [10, 20, 21, 22]
    """
    numbers: set[int] = set()
    for part in text.split(","):
        found = _SPAN.fullmatch(part)
        if not found:
            raise ValueError(text)
        low, high = int(found[1]), int(found[2] or found[1])
        if not 1 <= low <= high <= LAST_VLAN:
            raise ValueError(text)
        numbers.update(range(low, high + 1))
    return frozenset(numbers)


def write_numbers(numbers: Sequence[int] | frozenset[int] | set[int]) -> str:
    """Return numbers as ranges, as the device writes them (S13).

    >>> write_numbers([10, 20, 21, 22])
    '10,20-22'
    """
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return parse


def _parse_time(text: str) -> int:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    if not found:
        raise ValueError(text)
    return int(found[1]) * 60 + int(found[2])


def _parse_name(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError(text)
    return text


def _parse_file(text: str) -> str:
    """Return the name of a file in flash: no folders, no other media."""
    found = re.fullmatch(r"(?:flash:/?)?([A-Za-z0-9][A-Za-z0-9._-]{0,62})", text)
    if not found:
        raise ValueError(text)
    return found[1]


def _with_length(version: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if "/" not in text or not re.fullmatch(r"[0-9]{1,3}", text.rpartition("/")[2]):
            raise ValueError(text)
        made = ip_interface(text)
        if made.version != version:
            raise ValueError(text)
        return str(made)

    return parse


def _network(version: int) -> Callable[[str], object]:
    def parse(text: str) -> object:
        _with_length(version)(text)
        return ip_network(text)

    return parse


def _address(version: int) -> Callable[[str], object]:
    def parse(text: str) -> object:
        made = ip_address(text)
        if made.version != version:
            raise ValueError(text)
        return made

    return parse


KINDS: dict[str, Callable[[str], object]] = {
    "<line>": _parse_name,
    "<name>": _parse_name,
    "<file>": _parse_file,
    "<vlans>": parse_vlans,
    "<vlan>": _whole(1, LAST_VLAN),
    "<group>": _whole(1, 128),
    "<trigger>": _whole(1, 250),
    "<script>": _whole(1, 5),
    "<minutes>": _whole(1, 1440),
    "<count>": _whole(1, 4294967),
    "<length>": _whole(0, 512),
    "<number>": _whole(0, 65535),
    "<distance>": _whole(1, 255),
    "<clock>": _parse_time,
    "<a4/l>": _with_length(4),
    "<a6/l>": _with_length(6),
    "<n4>": _network(4),
    "<n6>": _network(6),
    "<a4>": _address(4),
    "<a6>": _address(6),
}
"""What may stand for a `<kind>`; a ValueError says that a word is none."""
