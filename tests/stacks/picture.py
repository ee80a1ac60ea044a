"""The picture of production in stacks/README.md: which part needs which, read in the graph that the program declares.

    python -m tests.stacks.picture

writes it anew. An arrow says that something of the second part waits for something of the first. What follows from
other arrows is left out.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor

from controller.model.city import City
from controller.model.loading.load_city import load_city
from stacks.stack import declare_stack
from tests.stacks.declared import ROOT, Recorder, configured, file

PAGE = ROOT / "stacks/README.md"
BEGIN, END = "<!-- made by `python -m tests.stacks.picture` -->", "<!-- end of the picture -->"
STACK = "production"
OURS = "tsunagu:cloud:"
MOST_NAMED = 6
"""Types named in a part; the rest are counted."""
Parts = Mapping[str, Counter[str]]
Edges = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Registered:
    """A resource as the program registers it: its parent and what it waits for, by URN."""

    type: str
    parent: str
    waits: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The last word of the type."""
        return self.type.rpartition(":")[2]


class GraphMonitor(MockMonitor):
    """Remembers who waits for whom."""

    def __init__(self, mocks: Recorder) -> None:
        super().__init__(mocks)
        self.registered: dict[str, Registered] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 the SDK's
        """Answer as the mocks do."""
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        self.registered[answer.urn] = Registered(request.type, request.parent, tuple(request.dependencies))
        return answer


def declare_graph(city: City) -> Mapping[str, Registered]:
    """Return what production registers, by URN."""
    monitor = GraphMonitor(Recorder())
    settings = configured(STACK)
    pulumi.runtime.set_mocks(monitor.mocks, project="tsunagu", stack=STACK, preview=False, monitor=monitor)
    pulumi.runtime.test(lambda: declare_stack(city, settings, file(STACK)) and None)()  # type: ignore[no-untyped-call]
    return monitor.registered


def find_parts(registered: Mapping[str, Registered]) -> tuple[Parts, Edges]:
    """Return the types of each part (a component of ours, by its type), and which part needs which."""

    def find_part(urn: str) -> str:
        one = registered.get(urn)
        if one is None:
            return "Stack"
        return one.kind if one.type.startswith(OURS) else find_part(one.parent)

    parts: dict[str, Counter[str]] = defaultdict(Counter)
    edges = set()
    for urn, one in registered.items():
        if one.type.startswith("gcp:"):
            part = find_part(urn)
            parts[part][one.kind] += 1
            edges |= {(find_part(needed), part) for needed in one.waits if registered.get(needed)}
    return parts, frozenset((first, second) for first, second in edges if first != second)


def drop_what_follows(edges: Edges) -> Edges:
    """Return the edges without those that follow from others.

    >>> sorted(drop_what_follows(frozenset({("a", "b"), ("b", "c"), ("a", "c")})))
    [('a', 'b'), ('b', 'c')]
    """

    left = set(edges)
    # One after another: where parts need each other, two edges may follow from one another, and one of them must stay.
    for edge in sorted(edges):
        if _reaches(*edge, left - {edge}):
            left.remove(edge)
    return frozenset(left)


def _reaches(start: str, goal: str, edges: set[tuple[str, str]]) -> bool:
    seen, open_ends = {start}, [start]
    while open_ends:
        here = open_ends.pop()
        following = {second for first, second in edges if first == here} - seen
        if goal in following:
            return True
        seen |= following
        open_ends += following
    return False


def write_mermaid(parts: Parts, edges: Edges) -> str:
    """Return the picture's text."""
    lines = ["```mermaid", "flowchart TB"]
    lines += [f'  {part}["<b>{_split_words(part)}</b><br/>{_describe_types(parts[part])}"]' for part in sorted(parts)]
    lines += [f"  {first} --> {second}" for first, second in sorted(edges)]
    return "\n".join([*lines, "```"])


def _describe_types(types: Counter[str]) -> str:
    named = sorted(types.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} {kind}" for kind, count in named[:MOST_NAMED]]
    rest = sum(count for _, count in named[MOST_NAMED:])
    return "<br/>".join([*shown, *([f"{rest} more"] if rest else [])])


def _split_words(kind: str) -> str:
    """A class as words.

    >>> _split_words("ProjectLogs")
    'project logs'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def draw_picture(city: City) -> str:
    """Return the picture as it is now."""
    parts, edges = find_parts(declare_graph(city))
    return write_mermaid(parts, drop_what_follows(edges))


def read_picture(page: str) -> str:
    """Return the picture that a page has."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the picture into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    drawn = draw_picture(load_city(ROOT / "policies"))
    PAGE.write_text(f"{before}{BEGIN}\n{drawn}\n{END}{after}", encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
