"""Entries of `access/quarantines.yaml` that playbooks write: no other line moves; what is refused is not written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from controller.cli.devices.observation import list_reachable_devices
from controller.errors import PolicyError, TsunaguError
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.loading.policy_text import PolicyText, restore_policy_text, try_policy_text, write_policy_text
from controller.model.policy_files import QUARANTINES
from controller.plan.playbook_tasks.cut_offs import (
    choose_subject,
    explain_left_out,
    list_holders,
    refuse_part_of_school,
)
from controller.plan.playbook_tasks.inventory import list_hosts
from controller.plan.playbook_tasks.policy_entries import (
    Subject,
    Terms,
    close_school,
    quarantine_subject,
    refuse_vain_release,
    release_subject,
)
from controller.plan.select import Selection, select_schools_in_service

MINATO = Path(__file__).parents[2] / "examples/minato"
CITY = Path(__file__).parents[2] / "policies"
DAY = date(2026, 12, 1)
PORT = Subject(device="sw-1", port="port1.0.5")
TERMS = Terms(date(2026, 12, 7), 'a "test": # of {x}'.replace("{x}", "x"), "net team")
HAND = """# ours
format: 1
quarantines: # of people
    # why
    - school: mn-02
      since: 2026-11-01
      until: 2026-12-31
      reason: a
      by: b # him
    - {device: sw-1, port: port1.0.5, since: 2026-01-01, until: 2026-01-31, reason: old, by: b}
closed: []
"""


def write(place: Path, text: str) -> Path:
    (place / "access").mkdir(exist_ok=True)
    (place / "access/quarantines.yaml").write_text(text, encoding="utf-8")
    return place


def test_an_entry_is_added_and_deleted_and_no_other_line_moves(tmp_path: Path) -> None:
    new = quarantine_subject(write(tmp_path, HAND), PORT, TERMS, DAY)
    added = [line for line in new.after.splitlines() if line not in HAND.splitlines()]
    terms = 'since: 2026-12-01, until: 2026-12-07, reason: "a \\"test\\": # of x", by: "net team"'
    assert added == [f'    - {{device: sw-1, port: "port1.0.5", {terms}}}']
    assert release_subject(write(tmp_path, new.after), PORT, DAY).after == HAND
    left = release_subject(write(tmp_path, HAND), Subject(school="mn-02"), DAY).after
    assert HAND.replace(left.splitlines()[4], "").startswith("# ours\nformat: 1\nquarantines: # of people\n    # why\n")
    assert "mn-02" not in left
    assert "reason: old" in left
    assert not release_subject(tmp_path, Subject(school="mn-03"), DAY).changed


def test_new_terms_take_the_place_of_those_in_force_and_the_same_change_nothing(tmp_path: Path) -> None:
    school = Subject(school="mn-02")
    longer = quarantine_subject(write(tmp_path, HAND), school, TERMS, DAY)
    assert longer.after.count("mn-02") == 1
    assert "school: mn-02, since: 2026-11-01, until: 2026-12-07" in longer.after
    assert not quarantine_subject(write(tmp_path, longer.after), school, TERMS, DAY).changed


LATER = """format: 1
quarantines:
  - {school: mn-02, since: 2026-11-01, until: 2026-12-03, reason: a, by: b}
  - {school: mn-02, since: 2027-03-01, until: 2027-03-31, reason: exams, by: b}
closed:
  - {school: mn-02, since: 2027-04-01, reason: merged, by: b}
"""


def test_a_quarantine_of_later_days_stays_and_a_release_names_it(tmp_path: Path) -> None:
    school = Subject(school="mn-02")
    after = quarantine_subject(write(tmp_path, LATER), school, TERMS, DAY).after
    assert [line for line in LATER.splitlines() if line not in after.splitlines()] == [LATER.splitlines()[2]]
    found = release_subject(tmp_path, school, DAY)
    assert "mn-02" not in found.after
    days = "2027-03-01 to 2027-03-31, closed from 2027-04-01 on"
    assert found.told == f"school mn-02 is not cut off on later days either: deleted, too: {days}"
    assert not release_subject(write(tmp_path, HAND), school, DAY).told


def test_a_closing_is_brought_forward(tmp_path: Path) -> None:
    found = close_school(write(tmp_path, LATER), "mn-02", ("sooner", "c"), DAY)
    (line,) = [line for line in found.after.partition("closed:")[2].splitlines() if line]
    assert line == "  - {school: mn-02, since: 2026-12-01, reason: sooner, by: c}"


def test_a_release_of_nothing_is_refused_with_what_is_cut_off_there(tmp_path: Path) -> None:
    place = ["mn-02", "sw-1"]
    refuse_vain_release(write(tmp_path, HAND), PORT, place)
    refuse_vain_release(tmp_path, Subject(school="mn-02"), place)
    over = "quarantines:\n  - {school: mn-02, since: 2026-01-01, until: 2026-01-31, reason: a, by: b}\n"
    refuse_vain_release(write(tmp_path, over), Subject(school="mn-02"), place)
    closed = "closed:\n  - {school: mn-02, since: 2026-01-01, reason: a, by: b}\n"
    refuse_vain_release(write(tmp_path, closed), Subject(school="mn-02"), place)
    entry = "{device: sw-1, port: port1, since: 2026-12-01, until: 2026-12-02, reason: a, by: b}"
    there = r"quarantines.yaml there: port port1 of sw-1 \(2026-12-01 to 2026-12-02\)\. Name one of these"
    with pytest.raises(TsunaguError, match=f"^school mn-02 is not cut off; in {there}"):
        refuse_vain_release(write(tmp_path, f"quarantines:\n  - {entry}\n"), Subject(school="mn-02"), place)
    with pytest.raises(TsunaguError, match=r"port port2 of sw-9 is not cut off; in quarantines.yaml there: nothing"):
        refuse_vain_release(tmp_path, Subject(device="sw-9", port="port2"), ["mn-09", "sw-9"])


def test_a_school_is_closed_as_a_whole() -> None:
    city = load_city(CITY, on=DAY)
    school = city.school_by_id["kw-e03"]
    names = [one.id for one in city.list_devices(school)]
    refuse_part_of_school(city, school, names)
    assert explain_left_out(city, names) == {}
    with pytest.raises(
        TsunaguError, match=r"^kw-e03-rt1, kw-e03-floor1, .*would neither be saved nor taken out of the pins"
    ):
        refuse_part_of_school(city, school, ["kw-e03-core1"])
    left = explain_left_out(city, ["kw-e03-core1"])
    assert left == dict.fromkeys(set(names) - {"kw-e03-core1"}, "the run was told to leave it out")


@pytest.mark.parametrize(
    "text", ["", "format: 1\n", "format: 1\nquarantines: []\n", "quarantines: [] # none\nclosed: []\n"]
)
def test_the_first_entry_of_a_list(tmp_path: Path, text: str) -> None:
    found = quarantine_subject(write(tmp_path, text) if text else tmp_path, PORT, TERMS, DAY)
    assert "\n  - {device: " in found.after
    assert ("# none" in found.after) == ("# none" in text)
    write(tmp_path, found.after)
    closed = close_school(tmp_path, "mn-09", ("merged", "school office"), DAY)
    assert 'closed:\n  - {school: mn-09, since: 2026-12-01, reason: merged, by: "school office"}\n' in closed.after
    opened = release_subject(write(tmp_path, closed.after), Subject(school="mn-09"), DAY)
    assert "closed: []" in opened.after
    assert PORT.port in opened.after
    assert not close_school(write(tmp_path, closed.after), "mn-09", ("again", "another"), DAY).changed


def test_what_cannot_be_edited_is_refused_with_its_place(tmp_path: Path) -> None:
    flow = "quarantines: [{school: mn-02, since: 2026-11-01, until: 2026-12-31, reason: a, by: b}]\n"
    with pytest.raises(TsunaguError, match=r"quarantines.yaml:1: quarantines: write each entry on a line of its own"):
        quarantine_subject(write(tmp_path, flow), PORT, TERMS, DAY)
    with pytest.raises(TsunaguError, match="write each entry on a line of its own"):
        release_subject(tmp_path, Subject(school="mn-02"), DAY)
    with pytest.raises(PolicyError, match=r"quarantines\.yaml:1"):
        release_subject(write(tmp_path, "quarantine: []\n"), PORT, DAY)
    bad = Terms(date(2026, 11, 1), "a", "b")
    with pytest.raises(PolicyError, match="ends \\(2026-11-01\\) before it begins"):
        quarantine_subject(write(tmp_path, HAND), PORT, bad, DAY)


def test_a_file_that_somebody_changed_meanwhile_stays_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, HAND) / "access/quarantines.yaml"
    found = quarantine_subject(tmp_path, PORT, TERMS, DAY)
    write_policy_text(found)
    assert restore_policy_text(found)
    assert path.read_text("utf-8") == HAND
    assert not restore_policy_text(found)
    path.write_text(f"{HAND}# another\n", encoding="utf-8")
    with pytest.raises(TsunaguError, match="was changed by somebody else meanwhile; nothing was written"):
        write_policy_text(found)
    path.unlink()
    first = quarantine_subject(tmp_path, PORT, TERMS, DAY)
    write_policy_text(first)
    assert restore_policy_text(first)
    assert not path.exists()


def test_what_the_policy_refuses_is_told_by_the_real_file(tmp_path: Path) -> None:
    def load(instead: Mapping[str, Path]) -> City:
        return load_city(MINATO, on=DAY, instead=instead)

    after = "format: 1\nquarantines:\n  - {school: mn-99, since: 2026-12-01, until: 2026-12-02, reason: a, by: b}\n"
    path = tmp_path / "access/quarantines.yaml"
    with pytest.raises(TsunaguError, match=rf"nothing was written: .*\n  {path}:3: school: unknown school 'mn-99'"):
        try_policy_text(PolicyText(path, None, after), load)
    good = try_policy_text(PolicyText(path, None, after.replace("mn-99", "mn-02")), load)
    assert good.cut_offs.kept_rules == {"mn-02": frozenset()}


def test_what_is_meant_by_the_devices_of_a_run() -> None:
    city = load_city(MINATO, on=DAY)
    (one,), (other,) = (city.list_devices(city.school_by_id[name]) for name in ("mn-02", "mn-03"))
    assert choose_subject([one], "", "") == Subject(school="mn-02")
    assert choose_subject([one], "", "port9") == Subject(device=one.id, port="port9")
    for devices, device, port, said in (
        ([one, other], "", "", "one school at a time, and these are devices of 2"),
        ([one], one.id, "", "name the port, too"),
        ([one], "another", "port9", "name the device of port port9"),
    ):
        with pytest.raises(TsunaguError, match=said):
            choose_subject(devices, device, port)
    assert list_holders(city, Subject(school="mn-02"), [one.id]) == (one.id,)
    with pytest.raises(TsunaguError, match=f"{one.id} would have to hold it, and is no host of this run"):
        list_holders(city, Subject(school="mn-02"), [])
    with pytest.raises(TsunaguError, match=f"{one.id} has no port port9; it has: GigabitEthernet"):
        list_holders(city, Subject(device=one.id, port="port9"), [one.id])


def test_a_closed_school_is_left_out_unless_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "quarantines.yaml"
    text = "format: 1\nclosed:\n  - {school: mn-02, since: 2026-12-01, reason: a, by: b}\n"
    path.write_text(text, encoding="utf-8")
    instead = {QUARANTINES.name: path}
    before, closed = (load_city(MINATO, on=day, instead=instead) for day in (date(2026, 11, 30), DAY))
    name = closed.school_by_id["mn-02"].name
    assert len(select_schools_in_service(before, Selection())) == len(closed.schools)
    for selection in (Selection(), Selection(wards=("wan",)), Selection(("mn-03",), ("wan",))):
        assert "mn-02" not in {one.id for one in select_schools_in_service(closed, selection)}
        assert "namiyoke1-sw1" not in {one.id for one in list_reachable_devices(closed, selection)}
    for selection in (Selection(("mn-02",)), Selection((name,), ("wan",))):
        assert "mn-02" in {one.id for one in select_schools_in_service(closed, selection)}
        assert "namiyoke1-sw1" in {one.id for one in list_reachable_devices(closed, selection)}
    groups = {host.name: host.groups for host in list_hosts(closed, {})}
    assert [name for name, listed in groups.items() if "closed" in listed] == ["namiyoke1-sw1"]
