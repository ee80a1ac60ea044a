"""Changed answers, weighed and written: the heavier surprise first, long lists cut, nothing hidden by the cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.plan.what_if.changes import (
    EVERYWHERE,
    IMPORTANT,
    OUTSIDE,
    SKIPS,
    STRANGERS,
    SURPRISES,
    UNREGISTERED,
    WIDE,
    AdmissionChange,
    Changes,
    DataFlowChange,
    IdentityChange,
    NetworkChange,
    SessionChange,
    SessionState,
    weigh_change,
)
from controller.plan.what_if.markdown import NAMED, write_markdown

NETWORK = NetworkChange("opens", ("a", "b"), "staff", "affairs", ("tcp/443",), (4, 6), False, "a packet", ("r",), ())  # noqa: FBT003
PERSON = IdentityChange(
    "opens", ("a", "b", UNREGISTERED), "teacher", "affairs", ("home",), "none", (), "somebody", ("r",), ()
)
ADMISSION = AdmissionChange("pupil", (), "own-school", ("quarantine",), ("pupil",), ())
FLOW = DataFlowChange("opens", "affairs", "analytics", ("III", "IV"), "", ("r",), ())
NOTHING = Changes("old", "new", "2026-12-01", (), (), (), ())
SCHOOLS = 9


def test_each_surprise_weighs_more_than_all_lighter_ones_together() -> None:
    heaviest_first = (SKIPS, IMPORTANT, STRANGERS, OUTSIDE, WIDE, EVERYWHERE)
    assert set(heaviest_first) == set(SURPRISES)
    for index, one in enumerate(heaviest_first):
        few = replace(NETWORK, schools=("a",), surprises=(one,))
        many = replace(NETWORK, schools=tuple("abcdef"), surprises=heaviest_first[index + 1 :])
        assert weigh_change(few) < weigh_change(many), one


def test_of_equal_surprise_the_change_of_more_answers_stands_first() -> None:
    assert weigh_change(PERSON) < weigh_change(NETWORK)
    assert weigh_change(FLOW) < weigh_change(ADMISSION)
    assert weigh_change(replace(NETWORK, schools=("a",))) > weigh_change(NETWORK)


@pytest.mark.parametrize(
    ("change", "answers"),
    [
        (NETWORK, 2),
        (PERSON, 3),
        (ADMISSION, 1),
        (FLOW, 2),
        (replace(FLOW, data=(), connection="a -> b tcp/443"), 1),
    ],
)
def test_the_answers_of_a_change_are_counted(
    change: NetworkChange | IdentityChange | AdmissionChange | DataFlowChange, answers: int
) -> None:
    assert change.answers == answers


def test_nothing_is_only_where_no_answer_of_any_kind_changes() -> None:
    assert NOTHING.nothing
    assert replace(NOTHING, unjudged=("lines",)).nothing
    assert not replace(NOTHING, network=(NETWORK,)).nothing
    assert not replace(NOTHING, identity=(PERSON,)).nothing
    assert not replace(NOTHING, admission=(ADMISSION,)).nothing
    assert not replace(NOTHING, data_flows=(FLOW,)).nothing


def written(changes: Changes, title: str) -> list[str]:
    """The rows of a table of the comment, and what stands below them."""
    below = write_markdown(changes, SCHOOLS).partition(f"### {title}\n")[2].partition("\n### ")[0]
    return [line for line in below.splitlines() if line][2:]


def test_a_session_is_told_in_minutes_and_by_its_method() -> None:
    change = SessionChange("affairs", SessionState(36000, "second-factor"), SessionState(86400, "sign-in"), ())
    rows = written(replace(NOTHING, sessions=(change,)), "Sessions at the proxy")
    assert rows == ["| affairs: every 600 min an enrolled second factor → every 1,440 min signing in again |"]
    assert not replace(NOTHING, sessions=(change,)).nothing
    gone = replace(change, after=None, surprises=(IMPORTANT,))
    shown = write_markdown(replace(NOTHING, sessions=(gone,)), SCHOOLS, "ja")
    assert "600 分ごとに登録済みの二要素認証を求める → なし |" in shown
    assert "| 重要性分類II以上 |" in shown
    assert "セッション 1 件" in shown


def test_a_long_table_is_cut_and_says_by_how_much() -> None:
    def of(count: int) -> list[str]:
        made = tuple(replace(ADMISSION, role=f"role-{number:02}") for number in range(count))
        return written(replace(NOTHING, admission=made), "802.1X")

    assert len(of(40)) == 40
    assert all(row.startswith("| role-") for row in of(40))
    *rows, below = of(43)
    assert len(rows) == 40
    assert below == "3 more rows; `--json` has them all."


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, "1: s0"), (NAMED, "6: s0, s1, s2, s3, s4, s5"), (NAMED + 1, "7: s0, s1, s2, s3, s4, s5, …"), (9, "all 9")],
)
def test_schools_are_named_up_to_six_and_counted(count: int, shown: str) -> None:
    made = replace(NETWORK, schools=tuple(f"s{number}" for number in range(count)))
    (row,) = written(replace(NOTHING, network=(made,)), "Network part (switches and routers)")
    assert row == f"| **opens** | staff → affairs | tcp/443 | {shown} | `a packet` | r |"


@pytest.mark.parametrize(("postures", "shown"), [((), "any device"), (("managed", "encrypted"), "managed, encrypted")])
def test_the_device_that_is_asked_for_is_said(postures: tuple[str, ...], shown: str) -> None:
    (row,) = written(replace(NOTHING, identity=(replace(PERSON, postures=postures),)), "Identity part (proxy)")
    assert f"| password; {shown} |" in row
