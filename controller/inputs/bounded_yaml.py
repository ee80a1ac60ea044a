"""YAML of others: counted by its events before anything is built of it.

An event is a scalar, or the beginning or the end of a list or mapping. They come out of the parser one by one and
without recursion, so neither `[[[[...` nor aliases of aliases cost more than the count allows. What an alias stands for
is counted as often as it is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from controller.inputs.shown_text import LONGEST_MESSAGE, shorten_text, shorten_value

MOST_NODES = 60_000
"""Scalars, lists and mappings of one file, with all that its aliases stand for."""
MOST_DEPTH = 32
"""Lists and mappings inside one another."""


PARSER_WORDS = "not valid YAML: "
"""How a refusal begins whose reason is the parser's own."""


class YamlRefused(ValueError):
    """A text is no YAML, or more than is read; says what is wrong and names the line."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        self.why = why
        super().__init__(f"line {line}: {why}")


@dataclass(slots=True)
class Anchor:
    """A node with a name: where its events begin and end, how many nodes it holds, and how deep it is."""

    first: int
    last: int = -1
    nodes: int = 0
    depth: int = 0


@dataclass(slots=True)
class CountedYaml:
    """The events of one document, from its first node to its last; `aliases` says which anchor an alias means.

    Aliases are by the index of their event. `nodes` counts what the document becomes, its aliases written out.
    """

    events: list[yaml.Event]
    aliases: dict[int, Anchor]
    nodes: int = 0


@dataclass(slots=True)
class _Open:
    """A list or mapping that has begun: its nodes so far and the deepest level inside it."""

    anchor: Anchor | None
    nodes: int = 1
    depth: int = 1


def count_yaml(text: str, *, most_nodes: int = MOST_NODES, most_depth: int = MOST_DEPTH) -> CountedYaml:
    """Read the events of a text with one document, and count what it would become.

    Raises:
        YamlRefused: it is no YAML, has more nodes or levels than are read, an explicit tag, or a second document.
    """
    counter = _Counter(most_nodes, most_depth)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            counter.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlRefused(line, f"{PARSER_WORDS}{_describe(error.problem)}") from None
    except yaml.reader.ReaderError as error:
        line = text.encode("utf-8", "surrogatepass")[: error.position].count(b"\n") + 1
        raise YamlRefused(line, f"{PARSER_WORDS}{_describe(error.reason)}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlRefused(1, f"{PARSER_WORDS}{_describe(str(error))}") from None
    return CountedYaml(counter.events, counter.aliases, counter.nodes)


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a text that was counted before; None where it is empty.

    Raises:
        YamlRefused: as `count_yaml`.
    """
    count_yaml(text)
    node: yaml.Node | None = yaml.compose(text, Loader=yaml.CSafeLoader)
    return node


class _Counter:
    def __init__(self, most_nodes: int, most_depth: int) -> None:
        self.events: list[yaml.Event] = []
        self.aliases: dict[int, Anchor] = {}
        self._most_nodes = most_nodes
        self._most_depth = most_depth
        self._anchors: dict[str, Anchor] = {}
        self._open: list[_Open] = []
        self.nodes = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Count one event."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise YamlRefused(get_line(event), "another document begins here ('---'); a file holds one")
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.events.append(event)
            ended = self._open.pop()
            self._close(ended.anchor, ended.nodes, ended.depth)
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._begin(event)

    def _begin(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            message = f"the tag {shorten_value(event.tag)} is not read here; write the value without a tag"
            raise YamlRefused(get_line(event), message)
        anchor = None
        if event.anchor is not None:
            anchor = self._anchors[event.anchor] = Anchor(len(self.events))
        self.events.append(event)
        if isinstance(event, yaml.ScalarEvent):
            self._check(event, 1, 0)
            self._close(anchor, 1, 0)
        else:
            self._check(event, 1, 1)
            self._open.append(_Open(anchor))

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        name = str(event.anchor)
        anchor = self._anchors.get(name)
        if anchor is None:
            raise YamlRefused(
                get_line(event),
                f"nothing is named &{shorten_text(name)} before this alias; put a value that begins with '*' in quotes",
            )
        if anchor.last < 0:
            message = f"nests too deep; does an alias (*{shorten_text(name)}) stand inside what it refers to?"
            raise YamlRefused(get_line(event), message)
        self._check(event, anchor.nodes, anchor.depth)
        self.aliases[len(self.events)] = anchor
        self.events.append(event)
        self._close(None, anchor.nodes, anchor.depth)

    def _check(self, event: yaml.Event, nodes: int, depth: int) -> None:
        self.nodes += nodes
        if self.nodes > self._most_nodes:
            message = f"holds more than {self._most_nodes:,} values (an alias counts as what it stands for); divide it"
            raise YamlRefused(get_line(event), message)
        if len(self._open) + depth > self._most_depth:
            message = f"nests deeper than {self._most_depth} lists and mappings, the most that is read"
            raise YamlRefused(get_line(event), message)

    def _close(self, anchor: Anchor | None, nodes: int, depth: int) -> None:
        """A node is whole: it counts for the one around it."""
        if anchor is not None:
            anchor.last, anchor.nodes, anchor.depth = len(self.events) - 1, nodes, depth
        if self._open:
            around = self._open[-1]
            around.nodes += nodes
            around.depth = max(around.depth, depth + 1)


def get_line(event: yaml.Event) -> int:
    """The line that an event begins on, counted from 1."""
    return int(event.start_mark.line) + 1 if event.start_mark else 1


def _describe(problem: object) -> str:
    return shorten_text(str(problem), LONGEST_MESSAGE)
