"""The README's picture is the graph, and its table of costs has every type of it."""

from __future__ import annotations

import re

from controller.model.city import City
from tests.stacks.declared import ROOT
from tests.stacks.picture import PAGE, declare_graph, draw_picture, drop_what_follows, find_parts, read_picture


def test_the_picture_is_the_graph(city: City) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert read_picture(page) == draw_picture(city), "python -m tests.stacks.picture draws it anew"


def test_every_resource_is_in_a_part_and_nothing_that_is_needed_is_lost(city: City) -> None:
    registered = declare_graph(city)
    parts, edges = find_parts(registered)
    assert sum(map(sum, (types.values() for types in parts.values()))) == sum(
        one.type.startswith("gcp:") for one in registered.values()
    )
    assert ("Keys", "Foundation") in edges
    assert ("Foundation", "Application") in edges
    drawn = drop_what_follows(edges)
    assert drawn < edges
    # Whatever could be reached by all arrows is reached by those that are drawn.
    assert _close(drawn) == _close(edges)


def _close(edges: frozenset[tuple[str, str]]) -> set[tuple[str, str]]:
    """Every pair of which the second can be reached from the first."""
    closed = set(edges)
    while more := {(first, last) for first, middle in closed for start, last in edges if middle == start} - closed:
        closed |= more
    return closed


def test_what_costs_is_told_of_every_type() -> None:
    """No prices: they change, and differ by contract. What they are counted in, and what in the file drives them."""
    text = (ROOT / "stacks/COSTS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9]+\.[A-Z][A-Za-z]+)`", text))
    # Of every type that a stack may have, not of the committed ones alone; `test_declared.py` holds the list right.
    listed = (ROOT / "tools/gcp_types.txt").read_text(encoding="utf-8").splitlines()
    used = {_shorten(token) for token in listed if token.startswith("gcp:")}
    assert used <= named, f"stacks/COSTS.md says nothing of {sorted(used - named)}"
    assert not re.search(r"[$¥€円]", text), "no price of ours"


def _shorten(token: str) -> str:
    return f"{token.split(':')[1].partition('/')[0]}.{token.rpartition(':')[2]}"
