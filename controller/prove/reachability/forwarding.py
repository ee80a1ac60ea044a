"""The forwarding relation of a school, as cubes alone: no names, no rules. Made of filters, compared with the wanted.

Everything asked here is about the order of addresses, never about their values: no cube tells two addresses apart
between which no cube begins or ends. So a question can be asked with each address replaced by its place in that order
(`PathQuestion.renumber`), and the answer is the same. Schools of a city differ in their addresses; most of their
questions are the same one then, and it is answered once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple

from controller.model.network.packets import ANY_PORTS, Direction, Protocol, merge_intervals
from controller.prove.engine.diagram import Cube, Field, HeaderSpace, Node
from controller.prove.engine.packets import FilterEntries, Intervals, PacketCube


class SegmentQuestion(NamedTuple):
    """A segment, by its addresses; the filters at it, what a router beside them is assumed to let through, its needs.

    Each pair stands in the order of `Direction`: from the segment, to it.
    """

    span: Intervals
    filters: tuple[FilterEntries, FilterEntries]
    assumed: tuple[FilterEntries | None, FilterEntries | None]
    needs: tuple[tuple[PacketCube, ...], tuple[PacketCube, ...]]


class PathQuestion(NamedTuple):
    """All that the paths of a school in one family depend on; addresses run from 0 to `last`.

    `frontend_addresses` are those of the cloud's load balancer, `frontend_cubes` what it takes there. `permits` and
    `forbids` are what the rules say, `management` the number of the segment that devices are managed in (None: not
    carried here), `answers` what may come there unasked, `management_cubes` the controllers' sessions with the devices.
    """

    last: int
    block: Intervals
    others: Intervals
    segments: tuple[SegmentQuestion, ...]
    frontend_addresses: Intervals
    frontend_cubes: tuple[PacketCube, ...]
    permits: tuple[PacketCube, ...]
    forbids: tuple[PacketCube, ...]
    management: int | None
    controllers: Intervals
    answers: tuple[PacketCube, ...]
    management_cubes: tuple[PacketCube, ...]

    def renumber(self) -> PathQuestion:
        """The same question with the addresses replaced by their places in the order of all that begins or ends."""
        starts = {0, self.last + 1}
        sets = {id(spans): spans for spans in self._address_sets()}
        for spans in sets.values():
            for low, high in spans:
                starts.add(low)
                starts.add(high + 1)
        places = {start: place for place, start in enumerate(sorted(starts))}
        # A set is one object in many cubes, and is renamed once.
        names = {
            known: tuple([(places[low], places[high + 1] - 1) for low, high in spans]) for known, spans in sets.items()
        }
        return PathQuestion(
            len(starts) - 2,
            names[id(self.block)],
            names[id(self.others)],
            tuple([_segment_renamed(one, names) for one in self.segments]),
            names[id(self.frontend_addresses)],
            _cubes_renamed(self.frontend_cubes, names),
            _cubes_renamed(self.permits, names),
            _cubes_renamed(self.forbids, names),
            self.management,
            names[id(self.controllers)],
            _cubes_renamed(self.answers, names),
            _cubes_renamed(self.management_cubes, names),
        )

    def _address_sets(self) -> Iterator[Intervals]:
        yield from (self.block, self.others, self.frontend_addresses, self.controllers)
        for cube in chain(self.frontend_cubes, self.permits, self.forbids, self.answers, self.management_cubes):
            yield cube[1]
            yield cube[2]
        for one in self.segments:
            yield one.span
            for cube in chain(*one.needs):
                yield cube[1]
                yield cube[2]
            for cube, _ in chain(*one.filters, *filter(None, one.assumed)):
                yield cube[1]
                yield cube[2]


def _segment_renamed(one: SegmentQuestion, names: Mapping[int, Intervals]) -> SegmentQuestion:
    out, into = one.filters
    assumed_out, assumed_into = one.assumed
    return SegmentQuestion(
        names[id(one.span)],
        (_entries_renamed(out, names), _entries_renamed(into, names)),
        (
            None if assumed_out is None else _entries_renamed(assumed_out, names),
            None if assumed_into is None else _entries_renamed(assumed_into, names),
        ),
        (_cubes_renamed(one.needs[0], names), _cubes_renamed(one.needs[1], names)),
    )


def _entries_renamed(entries: FilterEntries, names: Mapping[int, Intervals]) -> FilterEntries:
    return tuple(
        [
            ((cube[0], names[id(cube[1])], names[id(cube[2])], cube[3], cube[4], cube[5]), permits)
            for cube, permits in entries
        ]
    )


def _cubes_renamed(cubes: Iterable[PacketCube], names: Mapping[int, Intervals]) -> tuple[PacketCube, ...]:
    return tuple([(cube[0], names[id(cube[1])], names[id(cube[2])], cube[3], cube[4], cube[5]) for cube in cubes])


def forwards_as_wanted(question: PathQuestion) -> bool:
    """Tell whether exactly what is wanted passes; a question that is the same as an earlier one is not asked again.

    >>> nothing = PathQuestion(255, ((16, 31),), (), (), (), (), (), (), None, (), (), ())
    >>> forwards_as_wanted(nothing)
    True
    """
    return _forwards_as_wanted(question.renumber())


@lru_cache(maxsize=64)
def _forwards_as_wanted(question: PathQuestion) -> bool:
    relation = ForwardingRelation(question)
    wrong = (
        relation.excess,
        relation.lacking,
        relation.to_other_schools,
        relation.to_management,
        *map(relation.cut_from_controllers, question.management_cubes),
    )
    return all(node == relation.space.nothing for node in (*wrong, *(node for *_, node in relation.spoofed())))


_DIRECTIONS = tuple(Direction)


class ForwardingRelation:
    """The relation of one school in one family, and what is wrong with it as sets of packets."""

    def __init__(self, question: PathQuestion) -> None:
        self.question = question
        self.space = HeaderSpace(
            (
                Field("protocol", 255),
                Field("source", question.last),
                Field("destination", question.last),
                Field("source port", ANY_PORTS[1]),
                Field("destination port", ANY_PORTS[1]),
                Field("established", 1),
            )
        )
        self._everywhere: Intervals = ((0, question.last),)
        self._carried = merge_intervals(span for one in question.segments for span in one.span)
        self._let_through = {
            (number, direction): self._let(one, at)
            for number, one in enumerate(question.segments)
            for at, direction in enumerate(_DIRECTIONS)
        }

    def _let(self, one: SegmentQuestion, at: int) -> Node:
        """Return what the filter at a segment permits, and a router that is assumed to keep state beside it."""
        permitted_there = self.space.first_match(one.filters[at])
        intent = one.assumed[at]
        if intent is None:
            return permitted_there
        tcp, wide = ((int(Protocol.TCP), int(Protocol.TCP)),), (ANY_PORTS,)
        new = self.space.cube((tcp, self._everywhere, self._everywhere, wide, wide, ((0, 0),)))
        return self.space.difference(permitted_there, self.space.difference(new, self.space.first_match(intent)))

    @cached_property
    def reachable(self) -> Node:
        """Everything that passes: out of the school, into it, and between two of its segments."""
        sent, received = self._ends(Direction.FROM), self._ends(Direction.TO)
        out = self.space.difference(self._leaving(sent), self._closed())
        return self.space.union_all([out, self._arriving(received), self._inside(sent, received)])

    def _ends(self, direction: Direction) -> Node:
        """The packets that the segments' filters let through in one direction, the segment at its own end only."""
        return self.space.union_all(
            self.space.intersection(self._ended(direction, one.span), self._let_through[number, direction])
            for number, one in enumerate(self.question.segments)
        )

    def _leaving(self, node: Node) -> Node:
        return self.space.difference(node, self._ended(Direction.TO, self.question.block))

    def _arriving(self, node: Node) -> Node:
        return self.space.difference(node, self._ended(Direction.FROM, self.question.block))

    def _inside(self, sent: Node, received: Node) -> Node:
        """Between two segments; what stays in one is switched, and no routed filter sees it."""
        both = self.space.intersection(sent, received)
        same = self.space.union_all(self._pair(one.span, one.span) for one in self.question.segments)
        return self.space.difference(self.space.intersection(both, self._pair(self._carried, self._carried)), same)

    def _closed(self) -> Node:
        """Return the packets that the load balancer does not take: all to its addresses but those for a service."""
        opened = self._union(self.question.frontend_cubes)
        return self.space.difference(self._ended(Direction.TO, self.question.frontend_addresses), opened)

    @cached_property
    def _forbidden(self) -> Node:
        return self._union(self.question.forbids)

    @cached_property
    def _needs(self) -> dict[Direction, list[Node]]:
        """The infrastructure protocols of each segment. A forbid wins over them, too."""
        return {
            direction: [
                self.space.difference(self._union(one.needs[at]), self._forbidden) for one in self.question.segments
            ]
            for at, direction in enumerate(_DIRECTIONS)
        }

    @cached_property
    def wanted(self) -> Node:
        """Everything that the rules and the necessities let pass."""
        space = self.space
        rules = space.difference(self._union(self.question.permits), self._forbidden)
        asked = {
            direction: space.union(rules, self._at_their_ends(direction, self._needs[direction]))
            for direction in Direction
        }
        inside = self._inside(asked[Direction.FROM], asked[Direction.TO])
        # Two necessities that meet are no rule of both ends: only what each end needs by itself passes both.
        own = space.intersection(asked[Direction.FROM], self._ended(Direction.FROM, self._carried))
        into = space.intersection(asked[Direction.TO], self._ended(Direction.TO, self._carried))
        return space.union_all([self._leaving(own), self._arriving(into), inside])

    def _at_their_ends(self, direction: Direction, needs: Iterable[Node]) -> Node:
        return self.space.union_all(
            self.space.intersection(self._ended(direction, one.span), need)
            for one, need in zip(self.question.segments, needs, strict=True)
        )

    @property
    def excess(self) -> Node:
        """The packets that pass and should not."""
        return self.space.difference(self.reachable, self.wanted)

    @property
    def lacking(self) -> Node:
        """The packets that should pass and do not."""
        return self.space.difference(self.wanted, self.reachable)

    def spoofed(self) -> Iterator[tuple[int, Direction, Node]]:
        """By segment and direction: packets with an address of elsewhere at its own end, beyond what it needs."""
        for direction in Direction:
            for number, (one, need) in enumerate(zip(self.question.segments, self._needs[direction], strict=True)):
                outside = self.space.difference(self._let_through[number, direction], self._ended(direction, one.span))
                yield number, direction, self.space.difference(outside, need)

    @property
    def to_other_schools(self) -> Node:
        """The packets that leave this school for another one's: where there are none at any school, no two meet."""
        return self.space.intersection(self.reachable, self._pair(self.question.block, self.question.others))

    @property
    def to_management(self) -> Node:
        """The packets to the management from others than controllers, without answers and infrastructure protocols."""
        if self.question.management is None:
            return self.space.nothing
        management = self.question.segments[self.question.management]
        reaching = self.space.intersection(self.reachable, self._ended(Direction.TO, management.span))
        strangers = self.space.difference(reaching, self._ended(Direction.FROM, self.question.controllers))
        needs = management.needs[_DIRECTIONS.index(Direction.TO)]
        return self.space.difference(strangers, self._union((*needs, *self.question.answers)))

    def cut_from_controllers(self, way: PacketCube) -> Node:
        """Return the packets of a controller's session with a device that do not pass."""
        return self.space.difference(self.space.cube(way), self.reachable)

    def _union(self, cubes: Iterable[Cube]) -> Node:
        return self.space.union_all(map(self.space.cube, cubes))

    def _ended(self, direction: Direction, addresses: Intervals) -> Node:
        """The packets from (or to) some addresses."""
        ends = (addresses, self._everywhere) if direction is Direction.FROM else (self._everywhere, addresses)
        return self.space.cube((((0, 255),), *ends, (ANY_PORTS,), (ANY_PORTS,), ((0, 1),)))

    def _pair(self, sources: Intervals, destinations: Intervals) -> Node:
        return self.space.cube((((0, 255),), sources, destinations, (ANY_PORTS,), (ANY_PORTS,), ((0, 1),)))
