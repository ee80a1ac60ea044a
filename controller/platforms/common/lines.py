"""Lines of a configuration that is written in blocks: a line at the margin, and the indented ones under it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from controller.platforms.base import ConfigLine


def plain(line: ConfigLine) -> str:
    """The words of a line, with one space between."""
    return " ".join(line.text.split())


def starting(words: str, lines: Iterable[ConfigLine]) -> list[ConfigLine]:
    """The lines that begin with these words and go on."""
    return [line for line in lines if plain(line).startswith(f"{words} ")]


def blocks(lines: Iterable[tuple[ConfigLine, bool]]) -> Iterator[tuple[ConfigLine, list[ConfigLine]]]:
    """Each line at the margin with the indented ones under it; what is marked as text of a banner is nobody's block."""
    header: ConfigLine | None = None
    children: list[ConfigLine] = []
    for line, in_banner in lines:
        if not in_banner and line.text.startswith(" "):
            children.append(line)
            continue
        if header is not None:
            yield header, children
        header, children = (None if in_banner else line), []
    if header is not None:
        yield header, children


def twice(found: Iterable[tuple[Hashable, ConfigLine, bool]]) -> Iterator[tuple[ConfigLine, str]]:
    """Every repetition of a thing that is ours in one of its places; each place is a thing, a line, whether ours."""
    places: dict[Hashable, list[tuple[ConfigLine, bool]]] = {}
    for key, line, ours in found:
        places.setdefault(key, []).append((line, ours))
    for here in places.values():
        if not any(ours for _, ours in here):
            continue
        first = here[0][0]
        for line, _ in here[1:]:
            both = f"{plain(line)!r} stands twice: {plain(first)!r} is in line {first.number}"
            yield line, f"{both}; a device prints it once, so the file was edited; save the running configuration anew"
