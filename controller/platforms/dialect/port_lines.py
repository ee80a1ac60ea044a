"""The lines of a port of ours, of a switch of `dialect.switch`: which of them cannot stand there."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence

from controller.platforms.base import ConfigLine
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import find_repeated, join_words, lines_starting, takes_back
from controller.platforms.dialect.lags import MEMBER_MARK
from controller.platforms.dialect.switch import SwitchGrammar

ALLOWED_VLANS = "switchport trunk allowed vlan"
_ONCE = ("description", "switchport mode", "switchport access vlan")
_OWN = (
    *("description ", "switchport mode ", "switchport access vlan ", "switchport trunk allowed vlan "),
    "switchport trunk native vlan ",
)


def is_member_mark(grammar: SwitchGrammar, mark: ConfigLine) -> bool:
    """Say if the description that marks a port of ours marks a member of a LAG."""
    return grammar.unquote(join_words(mark).removeprefix("description ")).split()[0] == MEMBER_MARK


def find_conflicting_lines(grammar: SwitchGrammar, children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines that a port of ours cannot have, each with what the port is by it."""
    for line in children:
        words = join_words(line)
        yield from ((line, what) for pattern, what in grammar.port_conflicts if pattern.fullmatch(words))


def find_port_problems(
    grammar: SwitchGrammar, name: str, mark: ConfigLine, children: Sequence[ConfigLine], bound: Sequence[ConfigLine]
) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines of a port of ours that cannot stand there, each with why.

    `mark` is what makes the port ours; `bound` are the lines that bind lists of ours, which are told elsewhere.
    """
    conflicting = list(find_conflicting_lines(grammar, children))
    for line, what in conflicting:
        ours = f"{name} is ours ({join_words(mark)!r}, line {mark.number})"
        advice = advise(_choose_kind(join_words(line)), place=name, line=join_words(line))
        yield line, f"conflict: {ours} and {what}: {join_words(line)!r}{advice}"
    told = {line.number for line, _ in conflicting} | {line.number for line in bound}
    yield from _find_unknown(grammar, name, mark, children, told)
    for words in _ONCE:
        yield from find_repeated(lines_starting(words, children))
    for once in (grammar.isolated, grammar.encapsulation):
        yield from find_repeated([line for line in children if join_words(line) == once])
    for index, line in enumerate(lines_starting(ALLOWED_VLANS, children)):
        if join_words(line).startswith(f"{ALLOWED_VLANS} add ") != bool(index):
            yield line, f"in {name}, {ALLOWED_VLANS!r} must stand once, continued only by lines with 'add' after it"


def _find_unknown(
    grammar: SwitchGrammar, name: str, mark: ConfigLine, children: Sequence[ConfigLine], told: Container[int]
) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines of a port of ours of which nobody said that they change nothing of it."""
    known = grammar.known_lines.ports
    texts = [join_words(line) for line in children]
    for line in children if known is not None else ():
        words = join_words(line)
        own = words.startswith(_OWN) or words in {grammar.isolated, grammar.encapsulation}
        own = own or (words == "shutdown" and is_member_mark(grammar, mark))
        if not (
            line.number in told
            or own
            or (known is not None and known.fullmatch(words) and not takes_back(words, texts))
        ):
            ours = f"{name} is ours ({join_words(mark)!r}, line {mark.number})"
            advice = advise(_choose_kind(words), place=name, line=words)
            yield line, f"conflict: {ours} and {words!r} is not known to change nothing of it{advice}"


def _choose_kind(words: str) -> ConflictKind:
    """Return what a line on a port of ours is by what can be done about it; a filter is never to be taken off."""
    filters = re.match(r"(ip|mac|ipv6) (access-group|traffic-filter) |access-group ", words)
    return ConflictKind.PORT_FILTER if filters else ConflictKind.PORT_LINE
