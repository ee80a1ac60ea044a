"""A brown-out leads to an edit of the policy and its proved plan, within the day's moves; people take it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.daemon.line_moves import is_known_alive, list_wanted_moves
from controller.daemon.line_supply import NAME as SUPPLY
from controller.daemon.line_supply import KnownSupply, LineSupplyBook
from controller.daemon.preference_cycle import FOLDER, RECORD
from controller.daemon.preference_edit import LineMove, edit_preferences, find_own_override
from controller.daemon.proposed_plan import NAME
from controller.errors import DaemonRefused, OperationsRefused
from controller.measure.assessment.assess import LineState
from controller.model.city import City
from controller.operations.operators_file import load_operations
from controller.resilience.brown_out import LineSupply
from controller.resilience.line_parts import SchoolLine
from tests.daemon.preference_desk import AWAY, SCHOOL, Desk

LOOK = "look first whether they answer"


@pytest.fixture
def desk(tmp_path: Path, keys: Callable[[str], Path]) -> Desk:
    return Desk(tmp_path, keys)


def test_three_poor_slots_lead_to_a_proved_plan_that_moves_the_preference(desk: Desk) -> None:
    desk.measure(0.4, times=2)
    assert desk.cycle() == ""
    desk.measure(0.4, times=1)
    said = desk.cycle()
    assert said.startswith(AWAY)
    # Nobody tested the other line: who takes the edit in is told to look at it.
    assert said.endswith(f"; not tested, known by contract alone: {SCHOOL} backup; {LOOK}")
    [planned] = desk.plan.devices
    assert planned.device == desk.router.id
    assert planned.touched
    order = "IPv4 lines: backup to tokyo, then backup to osaka, then primary to tokyo"
    assert any(order in one for one in planned.changes)
    # Nothing of the policy or the router is changed by that; the same is said again and planned once.
    assert desk.drift().startswith("1 devices, 0 differ")
    assert desk.cycle() == said
    assert desk.list_changes() == ["line-move-proposed away"]


def test_what_people_take_in_is_the_policy_of_the_plan_and_is_rolled_out_within_the_limits(desk: Desk) -> None:
    desk.measure(0.4)
    desk.cycle()
    plan = desk.plan
    desk.take_in()
    assert desk.scene.load().digest == plan.policy
    assert desk.cycle() == ""
    assert not (desk.daemon / FOLDER / NAME).exists()
    desk.allow("approved")
    assert "a plan waits: nobody has approved it" in desk.drift()
    desk.allow("automatic")
    assert desk.drift().endswith("has begun")


def test_a_line_that_is_good_again_leads_back_to_the_policy_as_it_was(desk: Desk) -> None:
    before = (desk.scene.policies.path / "city/lines.yaml").read_text(encoding="utf-8")
    desk.measure(0.4)
    desk.cycle()
    desk.take_in()
    desk.measure(0.6)
    assert desk.cycle() == ""
    desk.set_up()
    desk.measure(0.9)
    said = desk.cycle()
    assert said.startswith(f"{SCHOOL} back to primary: a proved plan waits in ")
    assert LOOK not in said
    desk.take_in()
    assert (desk.scene.policies.path / "city/lines.yaml").read_text(encoding="utf-8") == before
    assert find_own_override(desk.scene.load(), SCHOOL, "primary") is None
    assert desk.list_changes() == [
        "line-move-proposed away",
        "line-move-ended away",
        "line-move-proposed back",
    ]


def test_a_flapping_line_has_its_moves_of_the_day_and_is_told_once(desk: Desk) -> None:
    for _ in range(4):
        desk.measure(0.4)
        desk.cycle()
        desk.measure(0.9)
        assert desk.cycle() == ""
    assert desk.told == [
        f"{SCHOOL} away from primary: 2 moves of the line preference were proposed today; no more before midnight"
    ]
    assert desk.list_changes().count("line-move-proposed away") == 2
    desk.measure(0.4)
    assert desk.cycle() == f"{SCHOOL} away from primary: no more moves today"
    desk.clock.sleep(timedelta(days=1).total_seconds())
    desk.measure(0.4, times=1)
    assert desk.cycle().startswith(AWAY)


def test_a_clock_that_is_put_back_makes_no_room_for_more_moves(desk: Desk) -> None:
    desk.allow("automatic", **{"line-moves-a-day": 1})
    desk.measure(0.4)
    desk.cycle()
    desk.measure(0.9)
    desk.cycle()
    desk.clock.start -= timedelta(days=1)
    desk.measure(0.4)
    assert desk.cycle() == f"{SCHOOL} away from primary: no more moves today"


def test_with_report_or_without_moves_a_day_nothing_is_proposed(desk: Desk) -> None:
    desk.measure(0.4)
    desk.allow("report")
    assert desk.cycle() == f"{SCHOOL} away from primary: with 'changes: report' no plan is made of it"
    desk.allow("automatic", **{"line-moves-a-day": 0})
    assert desk.cycle() == ""
    assert not (desk.daemon / FOLDER).exists()
    assert desk.told == []


def test_a_router_that_cannot_be_read_is_said_and_counts_as_no_move(desk: Desk) -> None:
    desk.measure(0.4)
    desk.device.leave(1_000_000)
    assert desk.cycle() == f"{SCHOOL} away from primary: cannot be planned, the routers could not be read or judged"
    assert desk.list_changes() == []


def test_old_figures_people_s_own_order_and_a_smaller_line_move_nobody(desk: Desk) -> None:
    desk.measure(0.4)
    lines, now = LineSupplyBook(desk.daemon).find_lines(), desk.clock.now()
    city = desk.scene.load()
    assert len(list(list_wanted_moves(city, lines, now))) == 1
    assert list(list_wanted_moves(city, lines, now + timedelta(days=2))) == []
    assert list(list_wanted_moves(city, lines, now - timedelta(hours=1))) == []
    [(key, known)] = lines.items()
    more = known.model_copy(update={"mbps": 100_000.0})
    assert list(list_wanted_moves(city, {key: more}, now)) == []
    own = f"{{schools: [{SCHOOL}], preference: [{{line: primary, region: tokyo}}], owner: a, reason: b}}"
    desk.scene.policies.edit("city/lines.yaml", "overrides: []", f"overrides:\n  - {own}")
    assert list(list_wanted_moves(desk.scene.load(), lines, now)) == []


PRIMARY: SchoolLine = (SCHOOL, "primary")
BACKUP: SchoolLine = (SCHOOL, "backup")


@pytest.mark.parametrize(
    ("primary", "backup", "wanted", "alive"),
    [
        (LineState.UP, LineState.UP, 1, True),
        (LineState.SLOW, LineState.UP, 1, True),
        (LineState.DOWN, LineState.UP, 0, False),
        (LineState.UP, LineState.DOWN, 0, False),
        (LineState.UP, LineState.FLAPPING, 0, False),
        (LineState.UP, LineState.SLOW, 0, False),
        (LineState.UNKNOWN, LineState.UP, 1, False),
        (LineState.UP, LineState.UNKNOWN, 1, False),
    ],
)
def test_nobody_is_moved_from_a_dead_line_or_to_one_that_does_not_answer_well(
    city: City, primary: LineState, backup: LineState, wanted: int, *, alive: bool
) -> None:
    now = datetime(2026, 4, 1, tzinfo=UTC)
    slow = KnownSupply(school=SCHOOL, line="primary", supply=LineSupply.BROWN_OUT, mbps=1.0, at=now)
    states = {PRIMARY: primary, BACKUP: backup}
    moves = list(list_wanted_moves(city, {PRIMARY: slow}, now, states))
    assert len(moves) == wanted
    assert all(is_known_alive(one, states) == alive for one in moves)


def test_silence_makes_no_proposal_and_takes_none_back_and_a_dead_next_line_does(desk: Desk) -> None:
    desk.measure(0.4)
    desk.states = {}
    assert desk.cycle() == f"{SCHOOL} away from primary: not proposed, its lines are not known to answer now"
    desk.states = {PRIMARY: LineState.UP, BACKUP: LineState.UP}
    said = desk.cycle()
    assert said.startswith(AWAY)
    assert LOOK not in said
    desk.states = {}
    assert desk.cycle() == said
    desk.states = {PRIMARY: LineState.UP, BACKUP: LineState.DOWN}
    assert desk.cycle() == ""
    assert not (desk.daemon / FOLDER / NAME).exists()
    assert desk.list_changes() == ["line-move-proposed away", "line-move-ended away"]


def test_a_next_line_that_was_tested_counts_by_what_it_carried(desk: Desk) -> None:
    desk.measure(0.4)
    city, now = desk.scene.load(), desk.clock.now()
    [(key, known)] = LineSupplyBook(desk.daemon).find_lines().items()
    tested = known.model_copy(update={"line": "backup", "supply": LineSupply.FULL, "mbps": known.mbps + 1})

    def count_moves(**change: object) -> int:
        return len(list(list_wanted_moves(city, {key: known, BACKUP: tested.model_copy(update=change)}, now)))

    assert count_moves() == 1
    assert count_moves(mbps=known.mbps - 1) == 0
    assert count_moves(supply=LineSupply.BROWN_OUT) == 0
    assert count_moves(mbps=0.0, at=now - timedelta(days=2)) == 1  # too old to say anything: its contract counts


def test_a_lost_record_does_not_make_a_moved_school_s_line_good(desk: Desk) -> None:
    desk.measure(0.4)
    desk.cycle()
    desk.take_in()
    (desk.daemon / SUPPLY).unlink()
    desk.measure(0.9, times=2)
    assert desk.cycle() == ""
    desk.measure(0.9, times=1)
    lines = LineSupplyBook(desk.daemon).find_lines()
    assert [one.back for one in list_wanted_moves(desk.scene.load(), lines, desk.clock.now())] == [True]


@pytest.mark.parametrize("name", [SUPPLY, RECORD])
@pytest.mark.parametrize("content", ["", "{", '{"format": 2}', '{"proposed": [{"school": "x"}]}', "[]", "\x00"])
def test_a_damaged_record_is_named_and_moves_nothing(desk: Desk, name: str, content: str) -> None:
    desk.measure(0.4)
    desk.cycle()
    (desk.daemon / name).write_text(content, encoding="utf-8")
    with pytest.raises(DaemonRefused, match=rf"{name}: is damaged. Remove it"):
        desk.cycle()


MOVE = LineMove("as-e04", "primary", ways=(("backup", "tokyo"), ("primary", "tokyo")))
OURS = (
    "{schools: [as-e04], preference: [{line: backup, region: tokyo}, {line: primary, region: tokyo}], "
    'owner: operators, reason: "brown-out of the primary line, proposed by tsunagu run"}'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\noverrides: [] # none\nb: 2\n", f"a: 1\noverrides:\n  - {OURS} # none\nb: 2\n"),
        ("overrides:\n# why\n- {schools: [x]} # x\n", f"overrides:\n# why\n- {OURS}\n- {{schools: [x]}} # x\n"),
        ("overrides:\n  - schools: [x]\n    reason: y\n", f"overrides:\n  - {OURS}\n  - schools: [x]\n    reason: y\n"),
    ],
)
def test_an_edit_keeps_what_others_wrote_and_is_taken_back_whole(before: str, after: str) -> None:
    assert edit_preferences(before, [MOVE]) == after
    back = edit_preferences(after, [replace(MOVE, back=True)])
    assert back.replace(" # none", "") == before.replace(" # none", "")


@pytest.mark.parametrize("text", ["overrides: [{schools: [x]}]\n", "a: 1\n", "[]\n", "overrides: 1\n"])
def test_overrides_in_another_form_are_refused(text: str) -> None:
    with pytest.raises(DaemonRefused, match="'overrides' stands in a form"):
        edit_preferences(text, [MOVE])


def test_moves_a_day_are_judged_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "operations.yaml"
    path.write_text("format: 1\ndaemon:\n  line-moves-a-day: 25\n", encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(OperationsRefused, match=r"operations\.yaml:3: daemon\.line-moves-a-day"):
        load_operations(path)
