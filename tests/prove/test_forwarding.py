"""A question about paths, and the same with addresses replaced by their order: the answers are the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.network.packets import ANY_PORTS, merge_intervals
from controller.prove.engine.packets import FilterEntries, Intervals, PacketCube
from controller.prove.reachability.forwarding import (
    ForwardingRelation,
    PathQuestion,
    SegmentQuestion,
    forwards_as_wanted,
)
from tests.soak import examples

LAST = 63
PROTOCOLS: tuple[Intervals, ...] = (((6, 6),), ((17, 17),), ((0, 255),))
PORTS: tuple[Intervals, ...] = ((ANY_PORTS,), ((443, 443),), ((0, 1023),))
STATES: tuple[Intervals, ...] = (((0, 1),), ((1, 1),))
# Segments of 4 in a block of 16, as a school has them, and addresses outside.
BLOCK: Intervals = ((16, 31),)
SPANS: tuple[Intervals, ...] = (((16, 19),), ((20, 23),), ((24, 27),))


@st.composite
def addresses(draw: st.DrawFn) -> Intervals:
    """Mostly what policies name: everything, a segment, the block; else anything."""
    named: list[Intervals] = [((0, LAST),), *SPANS, BLOCK, ((40, 40),), ((0, 15), (32, LAST))]
    spans = st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 9)), min_size=1, max_size=3)
    return draw(
        st.sampled_from(named)
        | spans.map(lambda some: merge_intervals((low, min(low + more, LAST)) for low, more in some))
    )


@st.composite
def cubes(draw: st.DrawFn) -> PacketCube:
    protocol, port = draw(st.sampled_from(PROTOCOLS)), draw(st.sampled_from(PORTS))
    return protocol, draw(addresses()), draw(addresses()), (ANY_PORTS,), port, draw(st.sampled_from(STATES))


def some(most: int) -> st.SearchStrategy[tuple[PacketCube, ...]]:
    return st.lists(cubes(), max_size=most).map(tuple)


@st.composite
def filters(draw: st.DrawFn) -> FilterEntries:
    return tuple((cube, draw(st.booleans())) for cube in draw(some(4)))


@st.composite
def questions(draw: st.DrawFn) -> PathQuestion:
    segments = tuple(
        SegmentQuestion(
            span,
            (draw(filters()), draw(filters())),
            (draw(st.none() | filters()), draw(st.none() | filters())),
            (draw(some(2)), draw(some(2))),
        )
        for span in SPANS
    )
    return PathQuestion(
        last=LAST,
        block=BLOCK,
        others=((0, 15), (32, 47)),
        segments=segments,
        frontend_addresses=draw(addresses()),
        frontend_cubes=draw(some(2)),
        permits=draw(some(3)),
        forbids=draw(some(2)),
        management=draw(st.sampled_from((0, 1, 2, None))),
        controllers=draw(addresses()),
        answers=draw(some(2)),
        management_cubes=draw(some(2)),
    )


def verdicts(question: PathQuestion) -> tuple[bool, ...]:
    passage = ForwardingRelation(question)
    nodes = [
        passage.excess,
        passage.lacking,
        passage.to_other_schools,
        passage.to_management,
        *map(passage.cut_from_controllers, question.management_cubes),
    ]
    nodes += [node for *_, node in passage.spoofed()]
    return tuple(node == passage.space.nothing for node in nodes)


@settings(max_examples=examples(60), deadline=None)
@given(questions())
def test_the_order_of_addresses_is_all_that_counts(question: PathQuestion) -> None:
    numbered = question.renumber()
    assert verdicts(question) == verdicts(numbered)
    assert forwards_as_wanted(question) == all(verdicts(question))
    assert numbered.renumber() == numbered


@settings(max_examples=examples(30), deadline=None)
@given(questions(), st.integers(2, 1000))
def test_a_city_further_up_asks_the_same_question(question: PathQuestion, times: int) -> None:
    """Every address moved apart by a factor: another city, the same order."""

    def apart(spans: Intervals) -> Intervals:
        return tuple((low * times, (high + 1) * times - 1) for low, high in spans)

    def cube(one: PacketCube) -> PacketCube:
        return one[0], apart(one[1]), apart(one[2]), *one[3:]

    def entries(some_: FilterEntries | None) -> FilterEntries | None:
        return None if some_ is None else tuple((cube(one), permits) for one, permits in some_)

    moved = PathQuestion(
        (question.last + 1) * times - 1,
        apart(question.block),
        apart(question.others),
        tuple(
            SegmentQuestion(
                apart(one.span),
                (entries(one.filters[0]) or (), entries(one.filters[1]) or ()),
                (entries(one.assumed[0]), entries(one.assumed[1])),
                (tuple(map(cube, one.needs[0])), tuple(map(cube, one.needs[1]))),
            )
            for one in question.segments
        ),
        apart(question.frontend_addresses),
        tuple(map(cube, question.frontend_cubes)),
        tuple(map(cube, question.permits)),
        tuple(map(cube, question.forbids)),
        question.management,
        apart(question.controllers),
        tuple(map(cube, question.answers)),
        tuple(map(cube, question.management_cubes)),
    )
    assert moved.renumber() == question.renumber()
