"""`tsunagu integrate computers`: both figures with both dates, what is kept, exit codes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from controller.model.city import City
from controller.model.policy_files import SEGMENTS
from tests.cli.running import Done, here
from tests.policies import PolicyFolder

WARDS = ("kawasaki", "saiwai", "nakahara", "takatsu", "miyamae", "tama", "asao")
SCHOOL = "as-e04"
HEADER = "学校,端末名,MACアドレス,セグメント,資産番号"


@pytest.fixture
def policies(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> PolicyFolder:
    """A city in coexistence whose `staff-legacy` ends with it, and operators with a state folder of their own."""
    made = PolicyFolder(tmp_path)
    segments = (made.path / "access/segments.yaml").read_text(encoding="utf-8")
    if "stages:" not in segments:
        made.edit(
            "access/segments.yaml", "    ipv6-subnet: 11\n", "    ipv6-subnet: 11\n    stages: [separated, coexist]\n"
        )
        port = "          - {first: 11, last: 12, mode: access, segments: [staff-legacy]"
        made.edit("city/blueprints.yaml", f"{port}}}", f"{port}, stages: [separated, coexist]}}")
    write_stages(made, "2031-03-31")
    operators = tmp_path_factory.mktemp("operators")
    (operators / "operations.yaml").write_text(f"format: 1\nstate: {operators}/state\n", encoding="utf-8")
    (operators / "operations.yaml").chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators / "operations.yaml"))
    return made


def write_stages(policies: PolicyFolder, retire_by: str) -> None:
    entries = [f"{{ward: {ward}, stage: coexist, by: 教育DX推進課, retire-by: {retire_by}}}" for ward in WARDS]
    policies.write("city/integration.yaml", "format: 1\nintegrations:\n" + "".join(f"  - {one}\n" for one in entries))


def write_list(policies: PolicyFolder, *rows: str) -> str:
    path = policies.path.parent / "pcs.csv"
    path.write_bytes("".join(f"{row}\r\n" for row in (HEADER, *rows)).encode("cp932"))
    return str(path)


def run(policies: PolicyFolder, *words: str, command: str = "computers") -> Done:
    return here("integrate", command, *words, "--policies", str(policies.path), cwd=policies.path.parent)


def test_an_inventory_is_counted_kept_and_shown_beside_no_figure_of_the_switches(policies: PolicyFolder) -> None:
    path = write_list(policies, f"{SCHOOL},pc-1,02-54-00-00-00-01,staff-legacy,A1", "as-e02,pc-2,025400000002,教職員,")
    done = run(policies, "--ward", "asao", "--inventory", path, "--as-of", "2026-01-15", "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    found = {one["school"]: one for one in told["schools"]}
    assert "staff-legacy" in told["segments"]
    assert told["ignored"] == ["資産番号"]
    assert found[SCHOOL]["listed"] == {"count": 1, "as_of": "2026-01-15", "by_segment": {"staff-legacy": 1}}
    assert found["as-e02"]["listed"] == {"count": 0, "as_of": "2026-01-15", "by_segment": {}}
    assert found["as-e01"]["listed"] is None, "the list says nothing of it"
    assert {one["seen"] for one in found.values()} == {None}
    assert found[SCHOOL]["not_seen"] is None, "there is nothing to compare with"
    shown = run(policies, "--school", SCHOOL, "--lang", "ja")
    assert shown.code == 0
    assert "台帳 1 台" in shown.said
    assert "2026-01-15 現在" in shown.said
    assert "スイッチの数なし; 撤去期限 2031-03-31" in shown.said
    assert "未判定" in run(policies, "--school", "as-e01", "--lang", "ja").said


def test_rows_of_schools_that_were_not_named_are_told(policies: PolicyFolder) -> None:
    path = write_list(policies, f"{SCHOOL},pc-1,02-54-00-00-00-01,staff-legacy,", "as-e01,pc-2,025400000002,教職員,")
    words = ("--school", "as-e01", "--inventory", path, "--as-of", "2026-01-15")
    assert json.loads(run(policies, *words, "--json").said)["left_out"] == {SCHOOL: 1}
    assert f"1: {SCHOOL} (1)" in run(policies, *words, "--lang", "en").said
    assert f"{SCHOOL} (1)" in run(policies, *words, "--lang", "ja").said
    assert json.loads(run(policies, "--all", *words[2:], "--json").said)["left_out"] == {}


def test_the_status_shows_both_figures_and_what_blocks(policies: PolicyFolder) -> None:
    path = write_list(policies, f"{SCHOOL},pc-1,02-54-00-00-00-01,staff-legacy,")
    assert run(policies, "--all", "--inventory", path, "--as-of", "2026-01-15").code == 0
    told = {one["school"]: one for one in json.loads(run(policies, "--json", command="status").said)["schools"]}
    assert told[SCHOOL]["listed_computers"] == {"count": 1, "as_of": "2026-01-15", "by_segment": {"staff-legacy": 1}}
    assert told[SCHOOL]["seen_computers"] is None
    assert "old-computers" in told[SCHOOL]["blockers"]
    assert "old-computers" not in told["as-e01"]["blockers"]
    said = run(policies, "--school", SCHOOL, "--lang", "en", command="status").said
    assert "inventory: 1 (as of 2026-01-15); seen by switches: no figure" in said
    assert "computers are left in the old networks" in said


def test_computers_that_are_left_after_the_day_are_told_by_the_exit_code(policies: PolicyFolder) -> None:
    write_stages(policies, "2026-01-31")
    path = write_list(policies, f"{SCHOOL},pc-1,02-54-00-00-00-01,staff-legacy,")
    done = run(policies, "--ward", "asao", "--inventory", path, "--as-of", "2026-01-15", "--lang", "en")
    assert done.code == 2, done.errors
    assert "left after 2026-01-31, the day of retirement" in done.said
    assert run(policies, "--school", "as-e01").code == 0, "without a figure nothing is judged"
    gone = write_list(policies, "as-e02,pc-2,025400000002,staff,")
    assert run(policies, "--school", SCHOOL, "--inventory", gone, "--complete", "--as-of", "2026-01-16").code == 0


def test_switches_that_do_not_answer_are_named_and_make_no_figure(policies: PolicyFolder) -> None:
    done = run(policies, "--school", SCHOOL, "--read", "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    assert told["schools"][0]["seen"] is None
    assert f"{SCHOOL}-core1" in told["unread"]
    assert told["nothing_to_read"] == []
    said = run(policies, "--school", SCHOOL, "--read", "--lang", "ja").said
    assert f"! 読めない {SCHOOL}-core1" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all", "--inventory", "gone.csv"), "gone.csv: there is no such file"),
        (("--all", "--inventory", "pcs.csv"), "pcs.csv:2: the row has no day"),
        (("--all", "--inventory", "pcs.csv", "--as-of", "2099-01-01"), "is after today"),
        (("--all", "--inventory", "pcs.csv", "--as-of", "today"), "--as-of 'today' is no date"),
        (("--all", "--inventory", "pcs.csv", "--complete"), "say as of which day"),
        (("--all", "--as-of", "2026-01-15"), "are about the list of --inventory"),
        (("--all", "--school", SCHOOL), "name --school or --ward"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_a_traceback(
    policies: PolicyFolder, words: tuple[str, ...], said: str
) -> None:
    write_list(policies, f"{SCHOOL},pc-1,02-54-00-00-00-01,staff-legacy,")
    done = run(policies, *words)
    assert done.code in {1, 64}
    assert said in " ".join(done.errors.split())
    assert "Traceback" not in done.errors


def test_a_city_whose_segments_all_stay_has_no_old_network(policies: PolicyFolder, city: City) -> None:
    file = city.files.get(SEGMENTS)
    staying = tuple(one.model_copy(update={"stages": ()}) for one in file.segments)
    whole = city.replace_file(SEGMENTS, file.model_copy(update={"segments": staying}))
    with patch("controller.cli.integration.computers.load_estate_city", return_value=whole):
        done = run(policies, "--all")
    assert done.code == 1
    assert "no segment ends before 'integrated'" in done.errors


def test_a_school_without_a_port_in_an_old_network_is_named_as_not_read(policies: PolicyFolder) -> None:
    policies.write(
        "city/integration.yaml",
        (policies.path / "city/integration.yaml").read_text(encoding="utf-8")
        + "  - {school: as-e04, stage: integrated, by: 教育DX推進課}\n",
    )
    done = run(policies, "--school", SCHOOL, "--read", "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    assert (told["nothing_to_read"], told["unread"], told["schools"][0]["seen"]) == ([SCHOOL], {}, None)
    assert f"nothing was read: {SCHOOL}" in run(policies, "--school", SCHOOL, "--read", "--lang", "en").said
