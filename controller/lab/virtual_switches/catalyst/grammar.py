"""How IOS understands a line: words by unique prefix, in any case, along the commands of a mode.

A line that no command takes is answered as IOS does: `% Invalid input detected at '^' marker.` with a mark under the
first bad character (the prompt counts), `% Incomplete command.`, or `% Ambiguous command:  "xx"` (the strings: netmiko
and cisco.ios match them; ntc-templates). A command that the device has and this switch has not is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TypeVar

from controller.lab.virtual_switches.catalyst.words import PARAMETERS, Mismatch, Parameter, Words

NOT_MODELLED = "% Not modelled by the virtual switch: "
Action = TypeVar("Action")
_SPAN = re.compile(r"\S+")
_CHOICE = re.compile(r"\(([^()]*)\)|\[([^\[\]()]*)\]")


class LineRefused(Exception):
    """A line that is not carried out, with what the device says about it."""

    def __init__(self, *lines: str) -> None:
        """Say these lines."""
        super().__init__(lines)
        self.lines = lines


def reject(*lines: str) -> NoReturn:
    """Refuse a line with what the device says.

    Raises:
        LineRefused: always.
    """
    raise LineRefused(*lines)


def reject_unmodelled(what: str) -> NoReturn:
    """Refuse what the device has and this switch has not, by name.

    Raises:
        LineRefused: always.
    """
    reject(NOT_MODELLED + what)


class InvalidAt(Exception):
    """A line that is bad from a column on."""

    def __init__(self, column: int) -> None:
        """Mark this column of the line."""
        super().__init__(column)
        self.column = column


class Incomplete(Exception):
    """A line that says too little."""


class Ambiguous(Exception):
    """A word that could be several."""


@dataclass
class Match:
    """A line that was understood: its command, and what stands in the places of the parameters."""

    words: list[str] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)
    line: str = ""

    def get_text(self, name: str) -> str:
        """Return a parameter that is a text."""
        value = self.values[name]
        assert isinstance(value, str)  # noqa: S101 the command's own pattern says so
        return value

    def get_number(self, name: str) -> int:
        """Return a parameter that is a number."""
        value = self.values[name]
        assert isinstance(value, int)  # noqa: S101 the command's own pattern says so
        return value


@dataclass
class _Node(Generic[Action]):
    keywords: dict[str, _Node[Action]] = field(default_factory=dict)
    parameters: list[tuple[str, Parameter, _Node[Action]]] = field(default_factory=list)
    action: Action | None = None
    refused: bool = False


class CommandSet(Generic[Action]):
    """The commands of a mode, as a tree of words."""

    def __init__(self) -> None:
        """Know no command yet."""
        self._root: _Node[Action] = _Node()

    def add(self, pattern: str, action: Action) -> None:
        """Know a command: words, PARAMETERS, `[may be missing]`, `(one|of|these)`."""
        for words in _expand(pattern):
            self._find_node(words).action = action

    def refuse(self, pattern: str) -> None:
        """Know that the device has such commands, and that they are not modelled."""
        for words in _expand(pattern.removesuffix(" REST")):
            self._find_node(words).refused = True

    def _find_node(self, words: list[str]) -> _Node[Action]:
        node = self._root
        for word in words:
            if not word.isupper():
                node = node.keywords.setdefault(word, _Node())
                continue
            name, _, kind = word.partition(":")
            known = next((one for at, _, one in node.parameters if at == name), None)
            if known is None:
                known = _Node()
                node.parameters.append((name, PARAMETERS[kind or name], known))
            node = known
        return node

    def match(self, line: str) -> tuple[Match, Action]:
        """Understand a line.

        Raises:
            Ambiguous: a word could be several.
            Incomplete: it says too little.
            InvalidAt: no command is like this from a column on.
            LineRefused: it is a command that is not modelled.
        """
        words = Words([(one.start(), one.group()) for one in _SPAN.finditer(line)], line)
        found = Match(line=line)
        node = self._root
        place = 0
        while place < len(words.spans):
            node, place = self._step(node, words, place, found)
        if node.action is None:
            if node.refused:
                reject_unmodelled(line.strip())
            raise Incomplete
        return found, node.action

    def _step(self, node: _Node[Action], words: Words, place: int, found: Match) -> tuple[_Node[Action], int]:
        column, word = words.spans[place]
        low = word.lower()
        if low in node.keywords:
            found.words.append(low)
            return node.keywords[low], place + 1
        for name, parameter, below in node.parameters:
            try:
                found.values[name], after = parameter(words, place)
            except Mismatch:
                continue
            found.words.append(name)
            return below, after
        begins = sorted(one for one in node.keywords if one.startswith(low))
        if len(begins) == 1:
            found.words.append(begins[0])
            return node.keywords[begins[0]], place + 1
        if begins:
            raise Ambiguous(words.line.strip())
        if node.refused:
            reject_unmodelled(words.line.strip())
        raise InvalidAt(column)


def _expand(pattern: str) -> Iterator[list[str]]:
    found = _CHOICE.search(pattern)
    if found is None:
        yield pattern.split()
        return
    choices = found[1].split("|") if found[1] is not None else ["", found[2]]
    for choice in choices:
        yield from _expand(f"{pattern[: found.start()]}{choice}{pattern[found.end() :]}")


def explain_refusal(error: Exception, prompt: str) -> tuple[str, ...]:
    """Return what the device says about a line that it does not take."""
    match error:
        case LineRefused():
            return error.lines
        case InvalidAt():
            return (" " * (len(prompt) + error.column) + "^", "% Invalid input detected at '^' marker.", "")
        case Ambiguous():
            return (f'% Ambiguous command:  "{error}"',)
        case Incomplete():
            return ("% Incomplete command.", "")
        case _:
            raise error
