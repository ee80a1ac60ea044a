"""The edit of city/integration.yaml: what it leaves as it is, what it leads to, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from controller.errors import TsunaguError
from controller.integration.effects import find_seat_moves, name_places
from controller.integration.stage_change import StageSubject
from controller.integration.stage_policy import StageRequest, find_stage_subject, plan_stage_policy
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.loading.policy_text import (
    PolicyText,
    add_entry,
    change_entry,
    delete_entries,
    find_policy_text,
    write_policy_text,
)
from controller.model.sites.stages import Stage
from controller.model.virtual_city import VirtualCity
from controller.prove.identity.host_seats import SeatName
from tests.integration.conftest import SCHOOL, StagedCity, load_staged, plan_policy
from tests.integration.staged_policies import write_plain_policies
from tests.policies import TODAY

FREE = date(2026, 12, 26)
ASAO = StageSubject("ward", "asao")
REQUEST = StageRequest(StageSubject("school", SCHOOL), Stage.COEXIST)


def test_one_entry_changes_and_every_other_line_stays(staged: StagedCity) -> None:
    text = staged.policy.text
    before, after = (text.before or "").splitlines(), text.after.splitlines()
    assert before[:-1] == after[:-1]
    assert (
        after[-1]
        == "  - {school: as-e04, stage: coexist, by: 教育DX推進課, since: 2026-12-26, came-from: separated} # first"
    )
    assert (staged.policy.stage_before, staged.policy.cutover) == (Stage.SEPARATED, FREE)
    stages = [city.find_stage(city.school_by_id[SCHOOL]) for city in (staged.policy.before, staged.policy.after)]
    assert stages == [Stage.SEPARATED, Stage.COEXIST]


def test_what_is_planned_is_what_is_written(staged: StagedCity, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    policy = plan_policy(load_staged(folder), folder, REQUEST)
    write_policy_text(policy.text)
    assert load_staged(folder).digest == policy.after.digest


def test_a_school_gets_an_entry_of_its_own_beside_that_of_its_ward(staged: StagedCity) -> None:
    other = StageRequest(StageSubject("school", "as-e01"), Stage.COEXIST, FREE, 'who: "answers"')
    policy = plan_policy(staged.city, staged.folder, other)
    added = '  - {school: as-e01, stage: coexist, by: "who: \\"answers\\"", since: 2026-12-26, came-from: separated}'
    assert policy.text.after == f"{policy.text.before}{added}\n"
    assert policy.schools == ("as-e01",)


def find_line(staged: StagedCity, name: str) -> int:
    lines = (staged.folder / "city/integration.yaml").read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if name in line)


def test_a_ward_changes_without_the_school_that_has_an_entry(staged: StagedCity) -> None:
    policy = plan_policy(staged.city, staged.folder, StageRequest(ASAO, Stage.COEXIST, FREE))
    assert SCHOOL not in policy.schools
    assert len(policy.schools) == sum(one.ward == "asao" for one in staged.city.schools) - 1
    assert "{ward: asao, stage: coexist" in policy.text.after
    (stays,) = policy.staying
    assert (stays.school, stays.stage) == (SCHOOL, Stage.SEPARATED)
    assert str(stays.entry).endswith(f"integration.yaml:{find_line(staged, SCHOOL)}")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (replace(REQUEST, stage=Stage.INTEGRATED), r"integration.yaml:\d+: from separated to integrated skips a stage"),
        (replace(REQUEST, stage=Stage.SEPARATED), r"integration.yaml:\d+: as-e04 is separated already"),
        (replace(REQUEST, cutover=date(2026, 11, 1)), r"integration.yaml:\d+: the cut-over \(2026-11-01\) is over"),
        (
            replace(REQUEST, cutover=date(2026, 12, 7)),
            r"integration.yaml:\d+: .* is on a school day of school as-e04: 2学期 \(.*calendar.yaml:\d+\); choose",
        ),
        (StageRequest(ASAO, Stage.COEXIST), r"integration.yaml:\d+: says no day for the cut-over to coexist; name it"),
        (replace(REQUEST, by="a{b}"), r"(?s)nothing was written: .*integration.yaml:\d+: .*by"),
    ],
)
def test_what_is_refused_names_file_and_line(staged: StagedCity, request_: StageRequest, message: str) -> None:
    with pytest.raises(TsunaguError, match=message):
        plan_policy(staged.city, staged.folder, request_)


def test_a_city_without_stages_is_refused(tmp_path: Path) -> None:
    folder = write_plain_policies(tmp_path / "policies")
    with pytest.raises(TsunaguError, match=r"integration.yaml:1: file is missing; the city names no stages"):
        plan_policy(load_staged(folder), folder, REQUEST)


def test_a_subject_whose_schools_all_have_entries_of_their_own_is_refused(staged: StagedCity, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    schools = [one.id for one in staged.city.schools if one.ward == "asao" and one.id != SCHOOL]
    own = "".join(f"  - {{school: {one}, stage: separated, by: x}}\n" for one in schools)
    file = folder / "city/integration.yaml"
    file.write_text(file.read_text("utf-8") + own, "utf-8")
    with pytest.raises(TsunaguError, match=r"ward asao has no school whose stage it decides: .*yaml:\d+, .* hold for"):
        plan_policy(load_staged(folder), folder, StageRequest(ASAO, Stage.COEXIST, FREE))


def test_names_lead_to_schools_wards_and_groups(staged: StagedCity) -> None:
    school = staged.city.school_by_id[SCHOOL]
    assert find_stage_subject(staged.city, school.name) == StageSubject("school", SCHOOL)
    assert find_stage_subject(staged.city, "麻生区") == ASAO
    assert find_stage_subject(staged.city, "exam-schools") == StageSubject("group", "exam-schools")
    with pytest.raises(
        TsunaguError, match="there is no school, ward or group 'as-e4' in the city; did you mean as-e04"
    ):
        find_stage_subject(staged.city, "as-e4")


BLOCK = """integrations:
  - ward: asao # the ward
    # who
    by: A
    stage: separated
    next:
      stage: coexist
      cutover: 2026-12-26
    retire-by: 2027-03-31
"""


def test_an_entry_of_many_lines_changes_field_by_field() -> None:
    after = change_entry(
        Path("x"), BLOCK, "integrations", 0, {"stage": "coexist", "since": date(2026, 12, 26), "next": None}
    )
    assert after == (
        "integrations:\n  - ward: asao # the ward\n    # who\n    by: A\n    stage: coexist\n"
        "    retire-by: 2027-03-31\n    since: 2026-12-26\n"
    )
    first = change_entry(Path("x"), BLOCK, "integrations", 0, {"ward": None})
    assert first.splitlines()[1] == "  - by: A"
    with pytest.raises(TsunaguError, match="write each entry on a line of its own"):
        change_entry(Path("x"), "integrations: [{ward: asao}]\n", "integrations", 0, {"by": "A"})
    assert add_entry(Path("x"), "", "integrations", {"by": "A"}) == "format: 1\nintegrations:\n  - {by: A}\n"


MANY = "format: 1\nintegrations:\n  - {ward: tama, by: A}\n  - ward: asao\n    by: 区役所\n    came-from: separated\n"
FLOW = "format: 1\nintegrations:\n  - {ward: asao, by: 区役所, came-from: separated}\n"


@pytest.mark.parametrize("text", [MANY, FLOW], ids=["many", "flow"])
@pytest.mark.parametrize("kept", ["mark", "ends", "both"])
def test_the_byte_order_mark_and_the_line_ends_of_a_file_stay(tmp_path: Path, text: str, kept: str) -> None:
    """The parser's marks do not count the first; whoever edits on Windows gets no file that differs in every line."""
    end, mark = ("\n" if kept == "mark" else "\r\n"), ("" if kept == "ends" else "\ufeff")

    def spell(one: str) -> str:
        return mark + one.replace("\n", end)

    file, number = tmp_path / "x.yaml", text.count("- ") - 1
    file.write_bytes(spell(text).encode())
    before = find_policy_text(file)
    assert before == spell(text)
    edits = {
        "changed": change_entry(file, before, "integrations", number, {"by": "B"}),
        "confirmed": change_entry(file, before, "integrations", number, {"came-from": None}),
        "added": add_entry(file, before, "integrations", {"by": "C"}),
        "new": add_entry(file, before, "others", {"by": "C"}),
        "deleted": delete_entries(file, before, "integrations", [number]),
    }
    without = ", came-from: separated" if text is FLOW else "    came-from: separated\n"
    rest = MANY[: MANY.index("  - ward")] if text is MANY else "format: 1\nintegrations: []\n"
    assert edits == {
        "changed": spell(text.replace("区役所", "B")),
        "confirmed": spell(text.replace(without, "")),
        "added": spell(f"{text}  - {{by: C}}\n"),
        "new": spell(f"{text}others:\n  - {{by: C}}\n"),
        "deleted": spell(rest),
    }
    write_policy_text(PolicyText(file, before, edits["changed"]))
    assert file.read_bytes() == edits["changed"].encode()


@pytest.mark.parametrize(
    ("entry", "words", "expected"),
    [
        ("  - by: >-\n      A\n      B\n    ward: a\n", {"by": "C"}, "  - by: C\n    ward: a\n"),
        ("  - ward: a\n    by: |\n      A\n\n  # next\n", {"by": "C"}, "  - ward: a\n    by: C\n\n  # next\n"),
        ("  - {ward: a, # why\n     by: A, # who\n    }\n", {"by": None}, "  - {ward: a, # why\n    }\n"),
    ],
)
def test_a_text_of_many_lines_and_a_comment_behind_a_field_keep_their_lines(
    entry: str, words: Mapping[str, object | None], expected: str
) -> None:
    head = "integrations:\n"
    assert change_entry(Path("x"), head + entry, "integrations", 0, words) == head + expected


@pytest.mark.parametrize("text", ["format: 1\n...\n", "{format: 1}\n", "{format: 1, list: []}\n"])
def test_what_cannot_be_written_behind_a_file_is_told_with_what_helps(text: str) -> None:
    with pytest.raises(TsunaguError, match=r"x: list: .*; write it in lines, with one 'list: \[\]'"):
        add_entry(Path("x"), text, "list", {"by": "A"})


def test_an_entry_below_its_dash_is_deleted_with_it() -> None:
    text = "integrations:\n-\n  ward: a\n- # of b - or c\n  # why\n  ward: b\n- {ward: d}\n"
    after = delete_entries(Path("x"), text, "integrations", [1])
    assert after == "integrations:\n-\n  ward: a\n- {ward: d}\n"


def write_two_wards(folder: Path, first: str, second: str) -> City:
    """Write two wards in the same stage, each with fields of its own, beside the others."""
    file = folder / "city/integration.yaml"
    kept = [line for line in file.read_text("utf-8").splitlines() if "asao" not in line and "tama" not in line]
    file.write_text("\n".join([*kept, f"  - {{ward: asao, {first}}}", f"  - {{ward: tama, {second}}}", ""]), "utf-8")
    return load_staged(folder)


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("stage: separated, by: A, retire-by: &d 2029-03-31", "stage: separated, by: A, retire-by: *d", r"\*d"),
        ("by: A, stage: &s separated", "by: A, stage: *s", r"\*s"),
        ("by: A, stage: separated", "by: A, stage: &s separated", "&s"),
        (
            "stage: separated, by: A, next: &n {stage: coexist, cutover: 2026-12-26}",
            "stage: separated, by: A, next: *n",
            ".",
        ),
    ],
)
def test_a_value_that_entries_share_is_refused_with_its_line(
    staged: StagedCity, tmp_path: Path, first: str, second: str, line: str
) -> None:
    """An alias has the marks of what it stands for: an edit by them lands in the other ward."""
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    city = write_two_wards(folder, first, second)
    request = StageRequest(StageSubject("ward", "tama"), Stage.COEXIST, FREE)
    with pytest.raises(TsunaguError, match=rf"integration.yaml:\d+: {line}.* shares a value between entries; write"):
        plan_policy(city, folder, request)


def test_what_another_entry_shares_does_not_keep_one_from_being_changed(staged: StagedCity, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    city = write_two_wards(folder, "stage: separated, by: A, retire-by: &d 2029-03-31", "stage: separated, by: A")
    policy = plan_policy(city, folder, StageRequest(ASAO, Stage.COEXIST, FREE))
    assert "{ward: asao, stage: coexist, by: A, retire-by: &d 2029-03-31, since: 2026-12-26" in policy.text.after


SHARED = "closed:\n  - &e {school: a}\n  - {school: b, reason: &r x}\n  - {school: c, reason: *r}\n  - *e\n"


@pytest.mark.parametrize("number", range(4))
def test_no_entry_that_is_shared_is_deleted(number: int) -> None:
    with pytest.raises(TsunaguError, match=r"x:\d: [&*][er] shares a value"):
        delete_entries(Path("x"), SHARED, "closed", [number])


def test_a_list_that_is_shared_is_not_added_to() -> None:
    with pytest.raises(TsunaguError, match="x:2: &q shares a value"):
        add_entry(Path("x"), "a:\n  &q\n  - {school: a}\nclosed: *q\n", "closed", {"by": "A"})


@pytest.mark.parametrize("end", ["  - *e\n", "  - {school: b}\n  - *e\n", "  - school: b\n    reason:\n      *e\n"])
def test_nothing_is_added_behind_an_entry_that_stands_elsewhere(end: str) -> None:
    """Its marks are those of the other list: the new entry would land there."""
    with pytest.raises(TsunaguError, match=r"x:\d: \*e shares a value"):
        add_entry(Path("x"), f"others:\n  - &e {{school: a}}\nclosed:\n{end}", "closed", {"by": "A"})


def test_a_text_that_is_no_yaml_any_more_is_refused_with_its_line() -> None:
    with pytest.raises(TsunaguError, match="x:2: nothing is named &s before this alias"):
        add_entry(Path("x"), "a: 1\nclosed: *s\n", "closed", {"by": "A"})


def test_in_the_virtual_city_a_ward_is_its_schools_there(staged: StagedCity) -> None:
    def load(instead: Mapping[str, Path]) -> City:
        return load_city(staged.folder, on=TODAY, instead=instead, estate=VirtualCity)

    city = load({})
    group = StageRequest(StageSubject("ward", "kawasaki"), Stage.COEXIST, FREE)
    assert plan_stage_policy(city, staged.folder, group, load).schools == ("kw-s01",)
    with pytest.raises(TsunaguError, match="school as-e01 has no school in the virtual city; there are: as-e04"):
        plan_stage_policy(
            city, staged.folder, StageRequest(StageSubject("school", "as-e01"), Stage.COEXIST, FREE), load
        )


def test_sockets_are_named_by_what_is_written_beside_them(staged: StagedCity) -> None:
    cities = staged.policy.before, staged.policy.after
    found = find_seat_moves(cities, (SCHOOL,))
    assert [(one.places, one.devices) for one in found] == [("11-12", 3)]
    virtual = tuple(load_city(staged.folder, on=TODAY, estate=VirtualCity) for _ in range(2))
    assert find_seat_moves((virtual[0], virtual[1]), (SCHOOL,)) == ()
    assert (
        name_places([SeatName("h-staff"), SeatName("port1.0.12"), SeatName("GigabitEthernet1/0/11")])
        == "11-12, h-staff"
    )


def test_what_is_called_alike_is_named_with_what_it_is(staged: StagedCity, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    groups = folder / "city/groups.yaml"
    groups.write_text(groups.read_text("utf-8") + "  - {id: asao, name: 麻生第一, wards: [asao]}\n", "utf-8")
    city = load_staged(folder)
    with pytest.raises(TsunaguError, match=r"2 things .* are called 'asao'; name the one that is meant: ward:asao, gr"):
        find_stage_subject(city, "asao")
    assert find_stage_subject(city, "group:asao") == StageSubject("group", "asao")
    assert find_stage_subject(city, "group:麻生第一") == StageSubject("group", "asao")
    assert find_stage_subject(city, "ward:麻生区") == find_stage_subject(city, "ward:asao") == ASAO
    assert find_stage_subject(city, "school:as-e04") == StageSubject("school", "as-e04")
    with pytest.raises(TsunaguError, match="there is no school, ward or group 'tama'"):
        find_stage_subject(city, "group:tama")


def test_the_old_networks_do_not_end_before_they_stood_long_enough(staged: StagedCity, tmp_path: Path) -> None:
    """The plan asks what the schedule asks."""
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    city = write_two_wards(folder, "stage: coexist, by: A, since: 2026-11-21", "stage: coexist, by: A")
    request = StageRequest(ASAO, Stage.INTEGRATED, FREE, least_weeks=8)
    with pytest.raises(
        TsunaguError, match=r"less than 8 weeks after that to coexist \(2026-11-21\); choose 2027-01-16"
    ):
        plan_policy(city, folder, request)
    assert plan_policy(city, folder, replace(request, least_weeks=5)).stage is Stage.INTEGRATED
    assert plan_policy(city, folder, replace(request, subject=StageSubject("ward", "tama"))).stage is Stage.INTEGRATED
