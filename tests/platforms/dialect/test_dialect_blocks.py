"""The block reader: what counts as a line, where a block ends, and that no line is lost."""

from __future__ import annotations

import re

import pytest

from controller.errors import ConfigRefused
from controller.model.network.device_state import build_device_state
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.blocks import Layout, Reading, find_repeated, join_words, lines_starting, read_blocks

BANNERS = Layout(ignored=re.compile("Building"), banner=re.compile(r"banner \S+ (\^C|\S)(.*)"))
EMPTY = build_device_state()


def shape(text: str, layout: Layout) -> tuple[list[int], list[tuple[int, list[int]]]]:
    """The numbers of the lines, and of each block's header and children."""
    lines, blocks = read_blocks(text, layout)
    return [one.number for one in lines], [(one.header.number, [c.number for c in one.children]) for one in blocks]


def test_comments_blank_lines_and_headers_do_not_count() -> None:
    text = "Building configuration...\n\n!\n ! x\nvlan 2\n name a\n\n!\n mode b\nend\n"
    assert shape(text, BANNERS) == ([5, 6, 9, 10], [(5, [6, 9]), (10, [])])
    assert shape(" lost\nvlan 2\n", Layout()) == ([1, 2], [(2, [])])
    assert shape("# x\nvlan 2\n", Layout(comment="#")) == ([2], [(2, [])])
    assert shape("", Layout()) == ([], [])


def test_the_text_of_a_banner_is_in_no_block() -> None:
    text = "banner motd ^C\nvlan 2\n\n name a\n! b\nx^Cy\nvlan 3\n name c\n"
    lines, blocks = shape(text, BANNERS)
    assert lines == [1, 2, 4, 5, 6, 7, 8]
    assert blocks == [(1, []), (7, [8])]
    assert shape("banner motd #all in one#\nvlan 2\n", BANNERS) == ([1, 2], [(1, []), (2, [])])


def test_the_line_that_ends_a_block_belongs_to_it() -> None:
    layout = Layout(block_end="exit")
    assert shape("router bgp 1\n x\nexit\nexit\n", layout) == ([1, 2, 3, 4], [(1, [2, 3, 4])])
    assert shape("exit\nexit\n", layout) == ([1, 2], [(1, []), (2, [])])
    assert shape("a\nexit\n", Layout()) == ([1, 2], [(1, []), (2, [])])


def test_words_of_lines() -> None:
    lines = [ConfigLine(1, "  name   a"), ConfigLine(2, "name"), ConfigLine(3, "names b"), ConfigLine(4, "name c")]
    assert join_words(lines[0]) == "name a"
    assert [one.number for one in lines_starting("name", lines)] == [1, 4]
    (repeated,) = find_repeated(lines[:1] + lines[3:])
    assert repeated[0].number == 4
    assert repeated[1].startswith("'name c' stands twice: 'name a' is in line 1;")
    assert not list(find_repeated(lines[:1]))


LINES = [ConfigLine(1, "a"), ConfigLine(2, "b"), ConfigLine(3, "c")]


def test_every_line_is_managed_or_unmanaged() -> None:
    reading = Reading("x")
    reading.manage(LINES[0], LINES[2])
    reading.manage(LINES[2])
    reading.conflicting[7] = LINES[1]
    reading.remarks.append(LINES[1])
    seen = reading.observe(LINES, EMPTY)
    assert (seen.managed, seen.lines, seen.unmanaged) == (2, 3, (LINES[1],))
    assert (seen.remarks, seen.conflicting, seen.peers, seen.state) == ((LINES[1],), {7: LINES[1]}, (), EMPTY)


def test_a_line_that_is_managed_and_was_never_read_is_an_error_of_ours() -> None:
    reading = Reading("x")
    reading.manage(ConfigLine(9, "z"))
    with pytest.raises(AssertionError, match="x: 3 lines, 1 managed, 3 unmanaged"):
        reading.observe(LINES, EMPTY)


def test_all_that_is_refused_is_told_with_its_line() -> None:
    reading = Reading("x")
    reading.refuse(LINES[0], "first", "field")
    reading.refuse_each([(LINES[2], "second")])
    with pytest.raises(ConfigRefused) as refused:
        reading.observe(LINES, EMPTY)
    assert "x: the configuration is refused; nothing was changed:" in str(refused.value)
    assert "x:1: field: first" in str(refused.value)
    assert "x:3: second" in str(refused.value)


@pytest.mark.parametrize(
    ("managed", "refused"), [((False, False), False), ((True, False), True), ((False, True), True)]
)
def test_what_may_stand_once(managed: tuple[bool, bool], *, refused: bool) -> None:
    reading = Reading("x")
    reading.expect_once("vlan 1", LINES[0], managed=managed[0])
    reading.expect_once("vlan 2", LINES[2], managed=True)
    reading.expect_once("vlan 1", LINES[1], managed=managed[1])
    if not refused:
        assert reading.observe(LINES, EMPTY).lines == 3
        return
    with pytest.raises(ConfigRefused, match=r"x:2: 'b' stands twice: 'a' is in line 1; .* save the running config"):
        reading.observe(LINES, EMPTY)
