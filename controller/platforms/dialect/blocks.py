"""Reads a configuration that is written in lines: cuts it into blocks and sorts every line into managed and unmanaged.

A block is a line at the margin with the indented lines under it. `Reading` is one pass over a configuration: it
collects what is managed, what is refused and where objects of others stand, and counts that no line was lost.
"""

from __future__ import annotations

import re
from collections.abc import Container, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.errors import ConfigRefused, Origin, Problem
from controller.model.network.device_state import PREFIX, DeviceState
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine, Observation, Peer, Place
from controller.platforms.common.typed_words import describe_typed_words
from controller.platforms.conflict_choices import ConflictKind, advise


@dataclass(frozen=True)
class Layout:
    """How a configuration is cut into lines that count.

    `comment` begins a line that says nothing, `ignored` matches the beginning of one that is no configuration.
    `banner` matches a line that begins free text: its first group is the delimiter, the second the rest of the line.
    `macro` matches one whose text ends with a line of its own, `macro_end`.
    `block_end` is the line at the margin that still belongs to the block before it ("": there is none).
    `open_text` matches a line behind which free text stands whose end no document tells.
    """

    comment: str = "!"
    ignored: re.Pattern[str] | None = None
    banner: re.Pattern[str] | None = None
    macro: re.Pattern[str] | None = None
    macro_end: str = "@"
    block_end: str = ""
    open_text: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A line at the margin, and the indented lines under it."""

    header: ConfigLine
    children: tuple[ConfigLine, ...]


_OWN_NAME = re.compile(rf"(?<![A-Za-z0-9_.-]){PREFIX}-[A-Za-z0-9_.-]{{0,40}}")
_INDENTED = (" ", "\t")
_AT_MARGIN = re.compile(
    r"interface [A-Za-z-]+ ?[0-9].*|(ip|ipv6) access-list .*|access-list hardware .*|hostname \S+|end"
    r"|line (con|vty|aux|console) .*|router (ospf|bgp|eigrp|rip|isis)( .*)?"
)
"""Lines that a switch prints at the margin alone: elsewhere the text was shifted, or swallowed by a banner."""
_LEADING = re.compile(
    r"interface |vlan database|event manager applet |kron policy-list |monitor session |trigger "
    r"|ip dhcp (pool |global-options)|wlan |wireless profile |auth profile "
    r"|service-template |template |parameter-map |control-plane"
)
"""Blocks whose lines can lead packets somewhere, or change the configuration by themselves."""
_NAMING = re.compile(r"(wireless|service-template|template|parameter-map|ip dhcp pool|ipv6 dhcp pool|ip nat pool) .*")
"""Blocks in which a device prints the VLAN or the interface that they are about; what stands there is judged."""
_ABOUT = re.compile(r"interface [A-Za-z-]+ ?[0-9].*")
_VLAN = re.compile(r"vlan [0-9][0-9,-]*")
_SAVE_ANEW = "save the running configuration anew"


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
    marked = list(_read_lines(text, layout, _FreeText(layout)))
    return [line for line, _ in marked], list(_split_blocks(marked, layout.block_end))


@dataclass
class _FreeText:
    """Follows the text of banners through the lines; `begun` is the line that began the one that is open."""

    layout: Layout
    delimiter: str = ""
    begun: ConfigLine | None = None

    def take(self, written: str) -> bool:
        """Say if a line is of such a text, and end it where its delimiter stands."""
        if self.begun is None:
            return False
        macro = self.delimiter == self.layout.macro_end and self.begun.text.split()[0] == "macro"
        if written.strip() == self.delimiter if macro else self.delimiter in written:
            self.begun = None
        return True

    def begin(self, line: ConfigLine) -> None:
        """Note that a text begins, if a line begins one."""
        words = line.text.strip()
        banner = self.layout.banner.fullmatch(words) if self.layout.banner else None
        if banner and banner[1] not in banner[2]:
            self.delimiter, self.begun = banner[1], line
        elif self.layout.macro and self.layout.macro.fullmatch(words):
            self.delimiter, self.begun = self.layout.macro_end, line


def _read_lines(text: str, layout: Layout, free_text: _FreeText) -> Iterator[tuple[ConfigLine, bool]]:
    """Yield the lines that count; with each, whether it is the text of a banner.

    A line ends with a line feed alone: a device keeps a form feed or U+2028 inside a description.
    """
    for number, written in enumerate(text.split("\n"), start=1):
        if free_text.take(written):
            if written.strip():
                yield ConfigLine(number, written.rstrip()), True
            continue
        if not written.strip() or written.lstrip().startswith(layout.comment):
            continue
        if layout.ignored and layout.ignored.match(written):
            continue
        line = ConfigLine(number, written.rstrip())
        free_text.begin(line)
        yield line, False


def _split_blocks(lines: Iterable[tuple[ConfigLine, bool]], block_end: str) -> Iterator[Block]:
    header: ConfigLine | None = None
    children: list[ConfigLine] = []
    for line, in_banner in lines:
        ends = line.text == block_end and header is not None and header.text != block_end
        if not in_banner and (line.text.startswith(_INDENTED) or ends):
            children.append(line)
            continue
        if header is not None:
            yield Block(header, tuple(children))
        header, children = (None if in_banner else line), []
    if header is not None:
        yield Block(header, tuple(children))


def find_layout_faults(text: str, layout: Layout) -> Iterator[tuple[ConfigLine, str]]:
    r"""Yield the lines by which a text cannot be cut into blocks as the device meant them, and why; none is quoted.

    >>> [why for _, why in find_layout_faults(" vlan 20\n  name STAFF\n", Layout())]
    ['is indented, and no line stands before it that it could belong to; save the running configuration anew']
    """
    free_text = _FreeText(layout)
    header: ConfigLine | None = None
    begun: ConfigLine | None = None
    for line, in_text in _read_lines(text, layout, free_text):
        words = join_words(line)
        if in_text:
            if _AT_MARGIN.fullmatch(words) or _VLAN.fullmatch(words) or _OWN_NAME.search(words):
                where = f"the text that line {begun.number if begun else 0} begins"
                yield line, f"is a line of a configuration in {where}, whose end seems missing; {_SAVE_ANEW}"
        elif not line.text.startswith(_INDENTED):
            header = line
            if layout.open_text and layout.open_text.fullmatch(words):
                yield line, f"begins a text whose end cannot be told from commands; take it out and {_SAVE_ANEW}"
        elif header is None:
            yield line, f"is indented, and no line stands before it that it could belong to; {_SAVE_ANEW}"
            return
        elif _names_its_own(header, words):
            pass
        elif _AT_MARGIN.fullmatch(words) or _VLAN.fullmatch(words):
            yield line, f"is indented under line {header.number}, and a device prints it at the margin; {_SAVE_ANEW}"
        begun = free_text.begun or begun
    if free_text.begun is not None:
        yield free_text.begun, f"begins a text that {free_text.delimiter!r} must end, and nothing does; {_SAVE_ANEW}"


def _names_its_own(header: ConfigLine, words: str) -> bool:
    named = _VLAN.fullmatch(words) or _ABOUT.fullmatch(words)
    return named is not None and _NAMING.fullmatch(join_words(header)) is not None


def find_typed_lines(blocks: Iterable[Block], known: Container[int] = ()) -> Iterator[UnmanagedPath]:
    """Yield the lines of which a reader of what devices print knows nothing, since no device prints them so.

    They are those at the margin and in blocks that lead somewhere; `known` are the numbers of lines already told so.
    """
    for block in blocks:
        header = join_words(block.header)
        if header == "end":
            return
        inside = block.children if _LEADING.match(header) else ()
        for line in (block.header, *inside):
            words = join_words(line)
            if line.number not in known and describe_typed_words(words):
                shown = " ".join(words.split()[:2]).lower()  # what follows may be a secret
                yield UnmanagedPath(PathKind.UNKNOWN_LINE, line.number, shown, vlans=None)


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
        self.refuse_each(self._find_own_names(lines))
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

    def _find_own_names(self, lines: Iterable[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
        """Yield lines of others that name what is ours: a list that others use, or what a damaged text has left of it.

        The next plan would rename the list, and many systems take a list that is missing for one that permits all.
        """
        told = {problem.origin.line for problem in self._problems}
        for line in lines:
            found = _OWN_NAME.search(line.text) if line.number not in self.managed | told else None
            if found:
                words = f"{join_words(line)!r} names {found[0]}, which is ours, where none of ours belongs"
                yield line, words + advise(ConflictKind.OWN_NAME, line=join_words(line))


def takes_back(words: str, others: Iterable[str]) -> bool:
    """Say if a line takes back another of its block: a device prints one or the other, and one that reads both obeys.

    >>> takes_back("no ip address", ["ip address 10.1.0.1 255.255.0.0"]), takes_back("no ip redirects", [])
    (True, False)
    """
    undone = words.removeprefix("no ")
    return undone != words and any(one == undone or one.startswith(f"{undone} ") for one in others)


def find_repeated(lines: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    """Yield each line but the first, with the reason why a second one is no configuration of a device."""
    for line in lines[1:]:
        both = f"{join_words(line)!r} stands twice: {join_words(lines[0])!r} is in line {lines[0].number}"
        yield line, f"{both}; a device prints it once, so the file was edited; save the running configuration anew"
