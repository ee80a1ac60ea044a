"""Check the links of every Markdown file: the file that a relative link names is there, and so is its anchor.

    python -m tools.check_links

Links to other hosts are not followed. Anchors are those that GitHub makes of headings, and `<a id="...">`. A path of
the project's code in backquotes (`tools/check_links.py`) is a link, too, from the project's root.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
_LINK = re.compile(r"\]\(\s*(?:<([^>]*)>|((?:[^()\s]|\([^()\s]*\))+))(?:\s+[\"'(][^)]*)?\s*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^>\s]+)>?")
_ATTRIBUTE = re.compile(r"<(?:a|img|source)\b[^>]*?\s(?:href|src|srcset)=[\"']([^\"']+)[\"']", re.IGNORECASE)
_ELSEWHERE = re.compile(r"^([a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_ANCHOR = re.compile(r"<[a-z][^>]*?\s(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)


_PATH = re.compile(r"`((?:controller|docs|monitoring|playbooks|stacks|tests|tools)/[\w./-]*\w/?)(?:::\w+)?`")


@dataclass(frozen=True, order=True)
class BrokenLink:
    """A link that leads nowhere, and why."""

    file: Path
    line: int
    target: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.target}: {self.reason}"


def list_files(root: Path) -> list[Path]:
    """Return the Markdown files of the project: those that git has or would take."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(words, cwd=root, check=True, capture_output=True).stdout  # noqa: S603 our words
    paths = (root / name for name in listed.decode().split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def find_broken_links(file: Path, root: Path) -> Iterator[BrokenLink]:
    """Find the links of a file that name no file of the project, or no anchor in it."""
    for number, target in _list_links(file.read_text(encoding="utf-8")):
        reason = _explain_broken(file, target, root)
        if reason:
            yield BrokenLink(file.relative_to(root), number, target, reason)
    for number, line in _list_prose(file.read_text(encoding="utf-8")):
        for match in _PATH.finditer(line):
            if not (root / match[1]).exists():
                yield BrokenLink(file.relative_to(root), number, match[1], "there is no such path in the project")


def make_anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading.

    >>> make_anchor("What `up` does, and what it does *not*")
    'what-up-does-and-what-it-does-not'
    >>> make_anchor("[用語](glossary.md)の表")
    '用語の表'
    """
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _explain_broken(file: Path, target: str, root: Path) -> str:
    """Why a link leads nowhere; empty where it leads somewhere."""
    if _ELSEWHERE.match(target):
        return ""
    path, _, anchor = unquote(target).partition("#")
    if path.startswith("/"):
        return "begins with '/'; write it relative to the file"
    place = (file.parent / path).resolve() if path else file
    if not place.is_relative_to(root):
        return "leads out of the project"
    if not place.exists():
        return "there is no such file"
    if anchor and place.suffix == ".md" and anchor not in _list_anchors(place):
        return f"{place.relative_to(root)} has no heading with this anchor"
    return ""


def _list_links(text: str) -> Iterator[tuple[int, str]]:
    for number, line in _list_prose(text):
        bare = _CODE.sub("", line)
        for match in _LINK.finditer(bare):
            yield number, match[1] if match[1] is not None else match[2]
        for pattern in (_REFERENCE, _ATTRIBUTE):
            yield from ((number, match[1]) for match in pattern.finditer(bare))


@cache
def _list_anchors(file: Path) -> frozenset[str]:
    anchors: set[str] = set()
    for _, line in _list_prose(file.read_text(encoding="utf-8")):
        anchors.update(_ANCHOR.findall(line))
        if heading := _HEADING.match(line):
            anchor, count = make_anchor(heading[1]), 0
            while (numbered := f"{anchor}-{count}" if count else anchor) in anchors:
                count += 1
            anchors.add(numbered)
    return frozenset(anchors)


def _list_prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines outside fenced code, with their numbers."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            yield number, line


def main(root: Path = ROOT) -> int:
    """Say which links are broken. 0: none; 1: some."""
    files = list_files(root)
    broken = sorted(one for file in files for one in find_broken_links(file, root))
    sys.stdout.write("".join(f"{one}\n" for one in broken) or f"links of {len(files)} files are good\n")
    return 1 if broken or not files else 0


if __name__ == "__main__":
    sys.exit(main())
