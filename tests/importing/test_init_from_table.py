"""`tsunagu init --from schools.csv`: a city with the table's wards and schools, valid and proved as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.model.loading.load_city import load_city
from tests.cli.running import here
from tests.importing.tables import HEADER

ROWS = (
    "本校,港区,小学校,300,閉域VPN,100,LTE 50M,",
    "港第一中学校,港区,中学校,540,閉域VPN,100,,lot-2",
    "北給食センター,北区,給食センター,0,LTE,50,,",
)


def write(folder: Path, *rows: str, header: str = f"{HEADER},予備回線,調達ロット") -> None:
    (folder / "schools.csv").write_text("\n".join([header, *rows, ""]), encoding="cp932")


def test_the_city_of_a_table_is_valid_and_every_first_command_works(tmp_path: Path) -> None:
    write(tmp_path, *ROWS)
    done = here("init", "new", "--from", "schools.csv", "--id", "minato", cwd=tmp_path)
    assert done.code == 0, done
    assert "a city of 3 schools" in done.said
    city = load_city(tmp_path / "new")
    assert city.id == "minato"
    assert [(ward.id, ward.name) for ward in city.wards] == [("ward-1", "港区"), ("ward-2", "北区")]
    assert [(one.id, one.number, one.lot) for one in city.schools] == [
        ("ward-1-e01", 1, None),
        ("ward-1-j01", 2, "lot-2"),
        ("ward-2-m01", 3, None),
    ]
    place = ("--policies", "new")
    checked = here("check", *place, cwd=tmp_path)
    assert (checked.code, "0 errors, 0 warnings" in checked.said) == (0, True), checked
    again = here("import", "schools.csv", *place, cwd=tmp_path)
    assert (again.code, "nothing to write" in again.said) == (0, True), again
    assert here("render", *place, "--school", "ward-1-j01", "-o", "configs", cwd=tmp_path).code == 0
    denied = here("explain", *place, "--from", "ward-1-e01/pupil", "--to", "groupware", cwd=tmp_path)
    assert "DENIED" in denied.said
    proved = here("prove", *place, "--all", cwd=tmp_path)
    assert (proved.code, "done, all hold" in proved.said) == (0, True), proved


def test_wards_get_the_ids_that_the_table_says(tmp_path: Path) -> None:
    write(tmp_path, "本校,港区,minato,小学校,300,LTE,50", "二校,North,,小学校,300,LTE,50",
          header=HEADER.replace("区,", "区,区ID,"))  # fmt: skip
    assert here("init", "new", "--from", "schools.csv", cwd=tmp_path).code == 0
    city = load_city(tmp_path / "new")
    assert [ward.id for ward in city.wards] == ["minato", "north"]
    assert [one.id for one in city.schools] == ["minato-e01", "north-e01"]


def test_a_large_city_gets_smaller_blocks(tmp_path: Path) -> None:
    write(tmp_path, *(f"第{number}小学校,港区,小学校,300,LTE,50" for number in range(300)), header=HEADER)
    done = here("init", "new", "--from", "schools.csv", "--json", cwd=tmp_path)
    assert "city/schools/ward-1.yaml" in json.loads(done.said)["files"]
    city = load_city(tmp_path / "new")
    assert (len(city.schools), city.settings.addressing.school_ipv4_length) == (300, 18)


@pytest.mark.parametrize(
    ("rows", "line", "word"),
    [
        (("第一小学校,港区,小学校,x,LTE,50",), 2, "write a whole number"),
        (("第一小学校,=A1,小学校,300,LTE,50",), 2, "is a formula"),
        (("第一小学校,港区,小学交,300,LTE,50",), 2, "is no kind of school"),
        (("第一小学校,港区,小学校,300,LTE,50",) * 2, 3, "stands there twice"),
    ],
)
def test_a_table_that_cannot_be_used_leaves_nothing(
    tmp_path: Path, rows: tuple[str, ...], line: int, word: str
) -> None:
    write(tmp_path, *rows, header=HEADER)
    done = here("init", "new", "--from", "schools.csv", cwd=tmp_path)
    assert done.code == 1
    assert f"schools.csv:{line}: " in done.errors
    assert word in done.errors
    assert [one.name for one in tmp_path.iterdir()] == ["schools.csv"]


def test_a_folder_that_holds_something_is_refused_before_the_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine").touch()
    done = here("init", "new", "--from", "nowhere.csv", cwd=tmp_path)
    assert (done.code, "new holds something already" in done.errors) == (1, True)


def test_a_number_that_the_address_plan_cannot_hold_is_said_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "1,第一小学校,港区,小学校,300,LTE,50", "4000,第二小学校,港区,小学校,300,LTE,50",
          header=f"学校番号,{HEADER}")  # fmt: skip
    done = here("init", "new", "--from", "schools.csv", cwd=tmp_path)
    assert done.code == 1
    assert "new/city/schools/ward-1.yaml:" in done.errors
    assert not (tmp_path / "new").exists()
