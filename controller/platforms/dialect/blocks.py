"""Reads a configuration that is written in lines: cuts it into blocks and sorts every line into managed and unmanaged.

A block is a line at the margin with the indented lines under it. `Reading` is one pass over a configuration: it
collects what is managed, what is refused and where objects of others stand, and counts that no line was lost.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.errors import ConfigRefused, Origin, Problem
from controller.model.network.device_state import DeviceState
from controller.model.network.unmanaged_paths import UnmanagedPath
from controller.platforms.base import ConfigLine, Observation, Peer, Place


@dataclass(frozen=True)
class Layout:
    """How a configuration is cut into lines that count.

    `comment` begins a line that says nothing, `ignored` matches the beginning of one that is no configuration.
    `banner` matches a line that begins free text: its first group is the delimiter, the second the rest of the line.
    `block_end` is the line at the margin that still belongs to the block before it ("": there is none).
    """

    comment: str = "!"
    ignored: re.Pattern[str] | None = None
    banner: re.Pattern[str] | None = None
    block_end: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A line at the margin, and the indented lines under it."""

    header: ConfigLine
    children: tuple[ConfigLine, ...]


def join_words(line: ConfigLine) -> str:
    """Return the words of a line with one space between."""
    return " ".join(line.text.split())


def lines_starting(words: str, lines: Iterable[ConfigLine]) -> list[ConfigLine]:
    """Return the lines that begin with these words and go on."""
    return [line for line in lines if join_words(line).startswith(f"{words} ")]


def read_blocks(text: str, layout: Layout) -> tuple[list[ConfigLine], list[Block]]:
    r"""Return all lines that count, and the blocks that they make; the text of a banner is in no block.

    >>> lines, blocks = read_blocks("! school\nvlan 20\n name STAFF\nend\n", Layout())
    >>> [line.number for line in lines]
    [2, 3, 4]
    >>> [(block.header.text, len(block.children)) for block in blocks]
    [('vlan 20', 1), ('end', 0)]
    """
    marked = list(_read_lines(text, layout))
    return [line for line, _ in marked], list(_split_blocks(marked, layout.block_end))


def _read_lines(text: str, layout: Layout) -> Iterator[tuple[ConfigLine, bool]]:
    """Yield the lines that count; with each, whether it is the text of a banner."""
    delimiter = ""
    for number, written in enumerate(text.splitlines(), start=1):
        if delimiter:
            if written.strip():
                yield ConfigLine(number, written.rstrip()), True
            if delimiter in written:
                delimiter = ""
            continue
        if not written.strip() or written.lstrip().startswith(layout.comment):
            continue
        if layout.ignored and layout.ignored.match(written):
            continue
        yield ConfigLine(number, written.rstrip()), False
        banner = layout.banner.fullmatch(written) if layout.banner else None
        if banner and banner[1] not in banner[2]:
            delimiter = banner[1]


def _split_blocks(lines: Iterable[tuple[ConfigLine, bool]], block_end: str) -> Iterator[Block]:
    header: ConfigLine | None = None
    children: list[ConfigLine] = []
    for line, in_banner in lines:
        ends = line.text == block_end and header is not None and header.text != block_end
        if not in_banner and (line.text.startswith(" ") or ends):
            children.append(line)
            continue
        if header is not None:
            yield Block(header, tuple(children))
        header, children = (None if in_banner else line), []
    if header is not None:
        yield Block(header, tuple(children))


class Reading:
    """One pass over a configuration: every line becomes either managed or unmanaged.

    `managed` are the numbers of the lines that are ours, `understood` those of others whose every word is known,
    `conflicting` the places where an object of others stands.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.managed: set[int] = set()
        self.understood: set[int] = set()
        self.remarks: list[ConfigLine] = []
        self.conflicting: dict[Place, ConfigLine] = {}
        self._problems: list[Problem] = []
        self._things: dict[Hashable, list[tuple[ConfigLine, bool]]] = {}

    def refuse(self, line: ConfigLine, message: str, field: str = "") -> None:
        """Note why a line cannot stand; the whole configuration is refused at the end."""
        self._problems.append(Problem(Origin(self.source, line.number), field, message))

    def refuse_each(self, found: Iterable[tuple[ConfigLine, str]]) -> None:
        """Note several such lines."""
        for line, message in found:
            self.refuse(line, message)

    def manage(self, *lines: ConfigLine) -> None:
        """Note that these lines are ours and understood."""
        self.managed.update(line.number for line in lines)

    def expect_once(self, thing: Hashable, line: ConfigLine, *, managed: bool) -> None:
        """Note a thing that may stand once; a second one is refused if any of them is managed."""
        self._things.setdefault(thing, []).append((line, managed))

    def observe(
        self,
        lines: Sequence[ConfigLine],
        state: DeviceState,
        peers: Iterable[Peer] = (),
        paths: Iterable[UnmanagedPath] = (),
        *,
        routes: bool = False,
    ) -> Observation:
        """Return what was read.

        Raises:
            ConfigRefused: something was refused; every reason is in it.
        """
        for here in self._things.values():
            if any(managed for _, managed in here):
                self.refuse_each(find_repeated([line for line, _ in here]))
        if self._problems:
            message = f"{self.source}: the configuration is refused; nothing was changed:"
            raise ConfigRefused(message, self._problems)
        unmanaged = tuple(line for line in lines if line.number not in self.managed)
        if len(lines) != len(self.managed) + len(unmanaged):
            counted = f"{len(self.managed)} managed, {len(unmanaged)} unmanaged"
            message = f"{self.source}: {len(lines)} lines, {counted}"
            raise AssertionError(message)
        return Observation(
            state,
            unmanaged,
            len(self.managed),
            len(lines),
            tuple(self.remarks),
            self.conflicting,
            tuple(peers),
            frozenset(self.managed | self.understood),
            tuple(paths),
            routes,
        )


def find_repeated(lines: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    """Yield each line but the first, with the reason why a second one is no configuration of a device."""
    for line in lines[1:]:
        both = f"{join_words(line)!r} stands twice: {join_words(lines[0])!r} is in line {lines[0].number}"
        yield line, f"{both}; a device prints it once, so the file was edited; save the running configuration anew"
