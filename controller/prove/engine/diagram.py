"""Sets of points as interval decision diagrams: ordered fields, each an integer range, one layer of nodes per field.

A node cuts the range of its field into intervals and gives each a child. Nodes are hash-consed, neighbouring
intervals never share a child, and a node with one interval is its child: a set has exactly one node, so two sets
are equal exactly when their nodes are the same number.

Inside, a diagram has three ends: denied, permitted, and undecided ("ask the next entry"). One operation, `_override`,
lays a diagram over another and looks through where the upper is undecided; every set operation is that one after
a change of the ends. It is associative, so ordered filters are combined in pairs, which keeps both sides small.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType

Node = NewType("Node", int)
"""A set of points of one `HeaderSpace`. Comparing nodes of two spaces means nothing."""

Interval = tuple[int, int]
Cube = Sequence[tuple[Interval, ...]]
"""A product of sets: for each field, in the space's order, its ascending, disjoint intervals. No interval, no point."""

_Ends = tuple[Node, Node, Node]

_DENIED, _PERMITTED, _UNDECIDED = Node(0), Node(1), Node(2)
_SWAP: _Ends = (_PERMITTED, _DENIED, _UNDECIDED)
_ELSE_DENY: _Ends = (_DENIED, _PERMITTED, _DENIED)
_ONLY_PERMIT: _Ends = (_UNDECIDED, _PERMITTED, _UNDECIDED)
_ONLY_DENY: _Ends = (_DENIED, _UNDECIDED, _UNDECIDED)
_DENY_MEMBERS: _Ends = (_UNDECIDED, _DENIED, _UNDECIDED)


@dataclass(frozen=True, slots=True)
class Field:
    """One coordinate of a point: an integer from 0 to `maximum`, both included."""

    name: str
    maximum: int


class HeaderSpace:
    """All points over some fields, and the sets of them.

    It remembers every node and every result until it is dropped: take a fresh space for each independent question.
    Put the fields with few distinct intervals first; what stands under them is then shared.

    >>> space = HeaderSpace([Field("protocol", 255), Field("port", 65535)])
    >>> web = space.cube([((6, 6),), ((80, 80), (443, 443))])
    >>> plain = space.cube([((6, 6),), ((80, 80),)])
    >>> space.example(space.difference(web, plain))
    (6, 443)
    >>> space.covers(web, plain), space.union(web, plain) == web
    (True, True)
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self.nothing = _DENIED
        self.everything = _PERMITTED
        self._maxima = tuple(field.maximum for field in fields)
        self._full = tuple(((0, field.maximum),) for field in fields)
        end: tuple[int, tuple[int, ...], tuple[Node, ...]] = (len(self.fields), (), ())
        # A node is its layer, the last value of each of its intervals, and the child of each.
        self._nodes = [end, end, end]
        self._interned: dict[tuple[int, tuple[int, ...], tuple[Node, ...]], Node] = {}
        self._overridden: dict[tuple[Node, Node], Node] = {}
        self._renamed: dict[tuple[Node, _Ends], Node] = {}

    def cube(self, cube: Cube) -> Node:
        """The points whose every coordinate lies in one of the field's intervals.

        Raises:
            ValueError: a field is missing, or its intervals are not ascending, disjoint and in its range.
        """
        return self._cube(cube, _PERMITTED, _DENIED)

    def union(self, first: Node, second: Node) -> Node:
        """The points in either set."""
        return self._override(self._rename(first, _ONLY_PERMIT), second)

    def intersection(self, first: Node, second: Node) -> Node:
        """The points in both sets."""
        return self._override(self._rename(first, _ONLY_DENY), second)

    def difference(self, first: Node, second: Node) -> Node:
        """The points in the first set and not in the second."""
        return self._override(self._rename(second, _DENY_MEMBERS), first)

    def complement(self, node: Node) -> Node:
        """The points not in the set."""
        return self._rename(node, _SWAP)

    def union_all(self, nodes: Iterable[Node]) -> Node:
        """The points in any of the sets; none without sets."""
        return self._layered([self._rename(node, _ONLY_PERMIT) for node in nodes])

    def first_match(self, entries: Iterable[tuple[Node | Cube, bool]]) -> Node:
        """The points that an ordered filter permits: the first entry that holds a point decides, and no entry denies.

        Raises:
            ValueError: an entry is a cube of another shape than the space; see `cube`.
        """
        return self._layered([self._entry(points, permits=permits) for points, permits in entries])

    def is_empty(self, node: Node) -> bool:
        """Tell whether the set has no point."""
        return node == _DENIED

    def covers(self, outer: Node, inner: Node) -> bool:
        """Tell whether every point of `inner` is in `outer`."""
        return self.difference(inner, outer) == _DENIED

    def contains(self, node: Node, point: Sequence[int]) -> bool:
        """Tell whether a point, one value per field in the space's order, is in the set."""
        for layer, value in enumerate(point):
            if self._nodes[node][0] == layer:
                node = self._child(node, value)
        return node == _PERMITTED

    def example(self, node: Node, wishes: Sequence[Sequence[int]] = ()) -> tuple[int, ...] | None:
        """A point of the set, or None if it is empty.

        `wishes` may name, per field, the values liked best, best first. They are granted field by field, as far as
        the set allows after what was already chosen; without a granted wish the lowest possible value is taken.
        """
        if node == _DENIED:
            return None
        point = []
        for layer in range(len(self.fields)):
            liked = wishes[layer] if wishes else ()
            value, node = self._choose(node, layer, liked)
            point.append(value)
        return tuple(point)

    def _choose(self, node: Node, layer: int, liked: Sequence[int]) -> tuple[int, Node]:
        own_layer, highs, children = self._nodes[node]
        if own_layer != layer:
            return (liked[0] if liked else 0), node
        for value in liked:
            child = self._child(node, value)
            if child != _DENIED:
                return value, child
        # A node has two children or more and they differ: one of the first two is not the empty set.
        return (0, children[0]) if children[0] != _DENIED else (highs[0] + 1, children[1])

    def _child(self, node: Node, value: int) -> Node:
        _, highs, children = self._nodes[node]
        return children[bisect_left(highs, value)]

    def _entry(self, points: Node | Cube, *, permits: bool) -> Node:
        if isinstance(points, int):
            return self._rename(points, _ONLY_PERMIT if permits else _DENY_MEMBERS)
        return self._cube(points, _PERMITTED if permits else _DENIED, _UNDECIDED)

    def _cube(self, cube: Cube, inside: Node, outside: Node) -> Node:
        if len(cube) != len(self.fields):
            message = f"a cube over {len(self.fields)} fields needs as many sets of intervals, not {len(cube)}"
            raise ValueError(message)
        child = inside
        for layer in range(len(cube) - 1, -1, -1):
            if cube[layer] != self._full[layer]:
                child = self._cut(layer, cube[layer], child, outside)
        return child

    def _cut(self, layer: int, intervals: tuple[Interval, ...], inside: Node, outside: Node) -> Node:
        highs: list[int] = []
        children: list[Node] = []
        end, maximum = -1, self._maxima[layer]
        for low, high in intervals:
            if not end < low <= high <= maximum:
                message = f"{self.fields[layer].name}: {intervals} are not ascending, disjoint and in 0..{maximum}"
                raise ValueError(message)
            if low == end + 1 and children:
                highs[-1] = high
            else:
                highs += (low - 1, high) if low else (high,)
                children += (outside, inside) if low else (inside,)
            end = high
        if end < maximum:
            highs.append(maximum)
            children.append(outside)
        return outside if inside == outside else self._intern(layer, highs, children)

    def _node(self, layer: int, parts: Iterable[tuple[int, Node]]) -> Node:
        """The one node of these (last value, child) pairs; neighbours with the same child become one."""
        highs: list[int] = []
        children: list[Node] = []
        for high, child in parts:
            if children and children[-1] == child:
                highs[-1] = high
            else:
                highs.append(high)
                children.append(child)
        return self._intern(layer, highs, children)

    def _intern(self, layer: int, highs: list[int], children: list[Node]) -> Node:
        if len(children) == 1:
            return children[0]
        content = (layer, tuple(highs), tuple(children))
        node = self._interned.get(content)
        if node is None:
            node = self._interned[content] = Node(len(self._nodes))
            self._nodes.append(content)
        return node

    def _rename(self, node: Node, ends: _Ends) -> Node:
        """The same diagram with other ends."""
        if node <= _UNDECIDED:
            return ends[node]
        renamed = self._renamed.get((node, ends))
        if renamed is None:
            layer, highs, children = self._nodes[node]
            parts = [(high, self._rename(child, ends)) for high, child in zip(highs, children, strict=True)]
            renamed = self._renamed[node, ends] = self._node(layer, parts)
        return renamed

    def _layered(self, nodes: list[Node]) -> Node:
        """The diagrams laid over each other, the first on top; what all leave undecided is denied."""
        while len(nodes) > 1:
            pairs = [self._override(nodes[at], nodes[at + 1]) for at in range(0, len(nodes) - 1, 2)]
            nodes = pairs + nodes[2 * len(pairs) :]
        return self._rename(nodes[0], _ELSE_DENY) if nodes else _DENIED

    def _override(self, upper: Node, lower: Node) -> Node:
        """Lay one diagram over another: the upper one decides, and where it is undecided the lower one."""
        if upper == _UNDECIDED:
            return lower
        if upper < _UNDECIDED or lower in (_UNDECIDED, upper):
            return upper
        result = self._overridden.get((upper, lower))
        if result is None:
            result = self._overridden[upper, lower] = self._merge(upper, lower)
        return result

    def _merge(self, upper: Node, lower: Node) -> Node:
        """One walk along the intervals of both nodes. Nearly all time goes here: hence the looks before the calls."""
        layer = min(self._nodes[upper][0], self._nodes[lower][0])
        maximum = self._maxima[layer]
        upper_highs, upper_children = self._parts(upper, layer)
        lower_highs, lower_children = self._parts(lower, layer)
        override, undecided = self._override, _UNDECIDED
        highs: list[int] = []
        children: list[Node] = []
        at_upper = at_lower = 0
        high, last = -1, -1
        while high != maximum:
            child = upper_children[at_upper]
            if child == undecided:
                child = lower_children[at_lower]
            elif child > undecided:
                child = override(child, lower_children[at_lower])
            high, high_below = upper_highs[at_upper], lower_highs[at_lower]
            if high < high_below:
                at_upper += 1
            elif high == high_below:
                at_upper += 1
                at_lower += 1
            else:
                high = high_below
                at_lower += 1
            if child == last:
                highs[-1] = high
            else:
                highs.append(high)
                children.append(child)
                last = child
        return self._intern(layer, highs, children)

    def _parts(self, node: Node, layer: int) -> tuple[tuple[int, ...], tuple[Node, ...]]:
        own_layer, highs, children = self._nodes[node]
        return (highs, children) if own_layer == layer else ((self._maxima[layer],), (node,))
