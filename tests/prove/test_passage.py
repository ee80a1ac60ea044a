"""A question about paths, and the same with addresses replaced by their order: the answers are the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.network.packets import ANY_PORTS, merge_intervals
from controller.prove.reachability.forwarding import (
    Entries,
    Intervals,
    PacketBox,
    Passage,
    PathQuestion,
    SegmentQuestion,
    good,
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
def boxes(draw: st.DrawFn) -> PacketBox:
    protocol, port = draw(st.sampled_from(PROTOCOLS)), draw(st.sampled_from(PORTS))
    return protocol, draw(addresses()), draw(addresses()), (ANY_PORTS,), port, draw(st.sampled_from(STATES))


def some(most: int) -> st.SearchStrategy[tuple[PacketBox, ...]]:
    return st.lists(boxes(), max_size=most).map(tuple)


@st.composite
def filters(draw: st.DrawFn) -> Entries:
    return tuple((box, draw(st.booleans())) for box in draw(some(4)))


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
        edge=draw(addresses()),
        doors=draw(some(2)),
        permits=draw(some(3)),
        forbids=draw(some(2)),
        management=draw(st.sampled_from((0, 1, 2, None))),
        controllers=draw(addresses()),
        answers=draw(some(2)),
        ways=draw(some(2)),
    )


def verdicts(question: PathQuestion) -> tuple[bool, ...]:
    passage = Passage(question)
    nodes = [passage.excess, passage.lacking, passage.meeting, passage.unasked, *map(passage.unreached, question.ways)]
    nodes += [node for *_, node in passage.strange()]
    return tuple(node == passage.space.nothing for node in nodes)


@settings(max_examples=examples(60), deadline=None)
@given(questions())
def test_the_order_of_addresses_is_all_that_counts(question: PathQuestion) -> None:
    numbered = question.numbered()
    assert verdicts(question) == verdicts(numbered)
    assert good(question) == all(verdicts(question))
    assert numbered.numbered() == numbered


@settings(max_examples=examples(30), deadline=None)
@given(questions(), st.integers(2, 1000))
def test_a_city_further_up_asks_the_same_question(question: PathQuestion, times: int) -> None:
    """Every address moved apart by a factor: another city, the same order."""

    def apart(spans: Intervals) -> Intervals:
        return tuple((low * times, (high + 1) * times - 1) for low, high in spans)

    def box(one: PacketBox) -> PacketBox:
        return one[0], apart(one[1]), apart(one[2]), *one[3:]

    def entries(some_: Entries | None) -> Entries | None:
        return None if some_ is None else tuple((box(one), permits) for one, permits in some_)

    moved = PathQuestion(
        (question.last + 1) * times - 1,
        apart(question.block),
        apart(question.others),
        tuple(
            SegmentQuestion(
                apart(one.span),
                (entries(one.filters[0]) or (), entries(one.filters[1]) or ()),
                (entries(one.believed[0]), entries(one.believed[1])),
                (tuple(map(box, one.needs[0])), tuple(map(box, one.needs[1]))),
            )
            for one in question.segments
        ),
        apart(question.edge),
        tuple(map(box, question.doors)),
        tuple(map(box, question.permits)),
        tuple(map(box, question.forbids)),
        question.management,
        apart(question.controllers),
        tuple(map(box, question.answers)),
        tuple(map(box, question.ways)),
    )
    assert moved.numbered() == question.numbered()
