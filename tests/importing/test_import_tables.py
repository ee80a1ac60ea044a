"""`tsunagu import schools.csv`: what is new is added, what differs is changed, nothing is taken out."""

from __future__ import annotations

import codecs
import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from tests.cli.running import ROOT, here
from tests.importing.tables import FIRST, HEADER, SECOND, Scene


def load(scene: Scene) -> City:
    return load_city(scene.folder / "our-city")


def test_nothing_is_written_without_the_word(scene: Scene) -> None:
    scene.write(FIRST, SECOND)
    before = scene.read_policy()
    done = scene.run()
    assert done.code == 2
    assert "+ first-e02 第二小学校: number 2, first, elementary, 420 pupils\n" in done.said
    assert "+++ city/schools/first.yaml\n" in done.said
    assert "1 new, 0 changed, 0 not in the source; nothing was written (--write does)" in done.said
    assert scene.read_policy() == before


def test_what_is_written_is_there_and_a_second_time_nothing_is_left(scene: Scene) -> None:
    scene.write(FIRST, SECOND)
    assert scene.run("--write").code == 0
    school = next(one for one in load(scene).schools if one.id == "first-e02")
    assert (school.number, school.name, school.pupils) == (2, "第二小学校", 420)
    assert (school.lines.primary.kind, school.lines.primary.mbps) == ("closed-vpn", 200)
    before = scene.read_policy()
    again = scene.run("--write")
    assert (again.code, "nothing to write" in again.said) == (0, True)
    assert scene.read_policy() == before
    checked = here("check", "--policies", "our-city", cwd=scene.folder)
    assert (checked.code, "2 schools" in checked.said) == (0, True)


@pytest.mark.parametrize(
    ("encoding", "mark", "end"),
    [
        ("utf-8", b"", "\n"),
        ("utf-8", codecs.BOM_UTF8, "\r\n"),
        ("cp932", b"", "\r\n"),
        ("euc_jp", b"", "\n"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "\r\n"),
        ("utf-8", b"", "\r"),
    ],
)
def test_what_spreadsheets_save_is_understood(scene: Scene, encoding: str, mark: bytes, end: str) -> None:
    scene.write_bytes(mark + end.join([HEADER, FIRST, SECOND, ""]).encode(encoding))
    done = scene.run("--write")
    assert done.code == 0, done
    assert [one.name for one in load(scene).schools] == ["第一小学校", "第二小学校"]


def test_letters_that_only_windows_has_are_kept(scene: Scene) -> None:
    name = "①髙﨑\N{FULLWIDTH TILDE}第二小学校"
    scene.write(FIRST, f"{name},第一区,小学校,420,閉域VPN,200", encoding="cp932")
    done = scene.run("--write")
    assert "(read as shift-jis)" in done.said
    assert [one.name for one in load(scene).schools] == ["第一小学校", name]


def test_empty_rows_extra_columns_and_cells_in_quotes_are_no_fault(scene: Scene) -> None:
    unit = "\N{FULLWIDTH LEFT PARENTHESIS}人\N{FULLWIDTH RIGHT PARENTHESIS}"
    header = f'"児童・\n生徒数{unit}",学校名,電話番号,種別,区,回線,回線速度(Gbps)'
    scene.write(
        "300,第一小学校,,小学校,第一,閉域網 100M,", ",,,,,,", '"1,024","第二小学校",=1+1,小,first,v6プラス,1', ",,,,,,",
        header=header,
    )  # fmt: skip
    scene.write_bytes(
        (scene.folder / "schools.csv").read_bytes().replace("閉域網,\r".encode(), "閉域網 100M,\r".encode())
    )
    done = scene.run("--write")
    assert done.code == 0, done
    assert "columns that say nothing here: 電話番号" in done.said
    first, second = load(scene).schools
    assert (first.pupils, first.lines.primary.mbps) == (300, 100)
    assert (second.pupils, second.lines.primary.kind, second.lines.primary.mbps) == (1024, "map-e", 1000)


def test_fields_are_changed_in_place_and_comments_stay(scene: Scene) -> None:
    text = scene.schools.read_text(encoding="utf-8")
    text = text.replace("pupils: 300", "pupils: 300 # counted in May").replace("mbps: 100}", "mbps: 100} # until 2028")
    scene.schools.write_bytes(codecs.BOM_UTF8 + f"{text}# the end\n".replace("\n", "\r\n").encode())
    scene.schools.chmod(0o640)
    scene.write("第一小学校,第一区,中学校,312,LTE,50")
    done = scene.run("--write")
    assert done.code == 0, done
    wanted = text.replace("300 #", "312 #").replace("kind: elementary", "kind: junior-high")
    wanted = wanted.replace("closed-vpn, mbps: 100", "lte, mbps: 50")
    assert scene.schools.read_bytes() == codecs.BOM_UTF8 + f"{wanted}# the end\n".replace("\n", "\r\n").encode()
    assert scene.schools.stat().st_mode & 0o777 == 0o640
    for said in ("kind elementary -> junior-high", "pupils 300 -> 312", "lines.primary.mbps 100 -> 50"):
        assert f"~ first-e01 第一小学校: {said}" in done.said


def test_a_school_that_the_source_lacks_is_listed_and_stays(scene: Scene) -> None:
    scene.write(FIRST, SECOND)
    scene.run("--write")
    scene.write(SECOND)
    done = scene.run()
    assert done.code == 2
    assert "! first-e01 第一小学校 (our-city/city/schools/first.yaml:5) is not in schools.csv; it stays" in done.said
    assert "0 new, 0 changed, 1 not in the source; nothing to write" in done.said
    assert scene.run("--write").code == 0
    assert len(load(scene).schools) == 2


def test_ids_and_numbers_never_change(scene: Scene) -> None:
    scene.write(FIRST, SECOND)
    scene.run("--write")
    text = scene.schools.read_text(encoding="utf-8").replace("first-e02", "first-e07").replace("number: 2", "number: 9")
    scene.schools.write_text(text, encoding="utf-8")
    third = "第三小学校,第一区,小学校,100,閉域VPN,100"
    junior = "第一中学校,第一区,中学校,500,閉域VPN,100"
    scene.write(junior, third, SECOND, FIRST)
    assert scene.run("--write").code == 0
    found = {one.name: (one.id, one.number) for one in load(scene).schools}
    assert found == {
        "第一小学校": ("first-e01", 1),
        "第二小学校": ("first-e07", 9),
        "第一中学校": ("first-j01", 10),
        "第三小学校": ("first-e08", 11),
    }


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("first-e01,7,改名した小学校,第一区", "first-e01 has the number 1 ("),
        (",1,第二小学校,第一区", "1 is another school's number; leave the cell empty"),
        ("first-e09,,第一小学校,第一区", "'第一小学校' is first-e01 in the city"),
        ("First_E1,,第二小学校,第一区", "is no id; write lower-case letters, digits and '-', such as first-e1"),
    ],
)
def test_what_a_school_is_known_by_is_not_contradicted(scene: Scene, row: str, word: str) -> None:
    scene.write(f"{row},小学校,300,閉域VPN,100", header=f"id,学校番号,{HEADER}")
    done = scene.run("--write")
    assert (done.code, word in done.errors) == (1, True), done.errors
    assert "schools.csv:2: " in done.errors


def test_an_id_leads_to_the_school_whatever_its_name(scene: Scene) -> None:
    scene.write("first-e01,,港小学校,第一区,小学校,300,閉域VPN,100", "x-1,40,第二小学校,第一区,小学校,300,閉域VPN,100",
                header=f"id,学校番号,{HEADER}")  # fmt: skip
    done = scene.run("--write")
    assert "~ first-e01 第一小学校: name 第一小学校 -> 港小学校" in done.said
    assert {one.id: (one.number, one.name) for one in load(scene).schools} == {
        "first-e01": (1, "港小学校"), "x-1": (40, "第二小学校"),
    }  # fmt: skip


def test_two_rows_of_one_id_or_number_are_refused(scene: Scene) -> None:
    rows = ("x-1,40,第二小学校,第一区,小学校,300,閉域VPN,100", "x-1,40,第三小学校,第一区,小学校,300,閉域VPN,100")
    scene.write(*rows, header=f"id,学校番号,{HEADER}")
    done = scene.run()
    assert "schools.csv:3: id: x-1 stands there twice, first at schools.csv:2" in done.errors
    assert "schools.csv:3: number: 40 stands there twice" in done.errors


def test_a_line_that_the_source_lacks_stays_and_a_new_one_is_added(scene: Scene) -> None:
    scene.edit("city/lines.yaml", "links:\n", "links:\n  backup: {interface: wan1, ipv4: 100.64.32.0/19}\n")
    scene.edit("city/lines.yaml", "region: tokyo}\n", "region: tokyo}\n  - {line: backup, region: tokyo}\n")
    header = f"{HEADER},予備回線"
    scene.write(f"{FIRST},LTE 50Mbps", header=header)
    done = scene.run("--write")
    assert "~ first-e01 第一小学校: lines.backup nothing -> {kind: lte, mbps: 50}" in done.said, done
    assert (
        "      primary: {kind: closed-vpn, mbps: 100}\n      backup: {kind: lte, mbps: 50}\n"
        in scene.schools.read_text(encoding="utf-8")
    )
    scene.write(f"{FIRST},", header=header)
    done = scene.run("--write")
    assert "! first-e01: the source has no backup line; the city's stays" in done.said
    assert load(scene).schools[0].lines.backup is not None


def test_a_field_is_added_below_one_that_ends_in_the_same_line(scene: Scene) -> None:
    scene.edit("city/lines.yaml", "links:\n", "links:\n  backup: {interface: wan1, ipv4: 100.64.32.0/19}\n")
    scene.edit("city/lines.yaml", "region: tokyo}\n", "region: tokyo}\n  - {line: backup, region: tokyo}\n")
    header = f"調達ロット,{HEADER},予備回線"
    scene.write(f"lot-1,{FIRST},LTE 50M", f"lot-1,{SECOND},LTE 50M", header=header)
    done = scene.run("--write")
    assert done.code == 0, done
    assert [(one.lot, one.lines.backup is not None) for one in load(scene).schools] == [("lot-1", True)] * 2


def test_a_line_for_schools_without_one(scene: Scene) -> None:
    scene.write("第二小学校,第一区,小学校,420", header="学校名,区,種別,児童生徒数")
    assert scene.run("--line", "閉域VPN:100", "--write").code == 0
    assert load(scene).schools[1].lines.primary.mbps == 100
    assert scene.run("--line", "closed-vpn").code == 64


def test_schools_in_flow_style_and_in_an_empty_list(scene: Scene) -> None:
    fields = "id: first-e01, number: 1, name: 第一小学校, ward: first, kind: elementary, pupils: 300"
    flow = f"- {{{fields}, lines: {{primary: {{kind: closed-vpn, mbps: 100}}}}}} # x\n"
    scene.schools.write_text(f"format: 1\nschools:\n{flow}", encoding="utf-8")
    (scene.schools.parent / "other.yaml").write_text("format: 1\nschools: [] # none yet\n", encoding="utf-8")
    city = scene.folder / "our-city/city/city.yaml"
    text = city.read_text(encoding="utf-8")
    city.write_text(
        text.replace("lot: lot-1}\n", "lot: lot-1}\n  - {id: other, name: 別区, lot: lot-1}\n"), encoding="utf-8"
    )
    scene.write("第一小学校,第一区,小学校,301,閉域VPN,100", "別小学校,別区,小学校,1,閉域VPN,100", SECOND)
    done = scene.run("--write")
    assert done.code == 0, done
    assert "pupils: 301, lines" in scene.schools.read_text(encoding="utf-8")
    assert [(one.id, one.ward, one.pupils) for one in load(scene).schools] == [
        ("first-e01", "first", 301),
        ("first-e02", "first", 420),
        ("other-e01", "other", 1),
    ]


def test_a_new_ward_gets_a_file_of_its_own(scene: Scene) -> None:
    city = scene.folder / "our-city/city/city.yaml"
    text = city.read_text(encoding="utf-8")
    city.write_text(
        text.replace("lot: lot-1}\n", "lot: lot-1}\n  - {id: minato, name: 港区, lot: lot-1}\n"), encoding="utf-8"
    )
    scene.write(FIRST, "港小学校,港区,小学校,1,閉域VPN,100")
    done = scene.run("--write")
    assert "--- /dev/null\n+++ city/schools/minato.yaml\n" in done.said
    assert (scene.schools.parent / "minato.yaml").read_text(encoding="utf-8").startswith("# Schools of the ward minato")
    assert scene.run().code == 0


def test_a_value_behind_an_alias_is_left_to_a_person(scene: Scene) -> None:
    text = (
        scene.schools.read_text(encoding="utf-8")
        .replace("number: 1", "number: &one 1")
        .replace("pupils: 300", "pupils: *one")
    )
    scene.schools.write_text(text, encoding="utf-8")
    scene.write(FIRST)
    done = scene.run("--write")
    assert done.code == 1
    assert "first.yaml:10: 'pupils' is not written out here; change it by hand" in done.errors
    assert scene.schools.read_text(encoding="utf-8") == text


def test_what_is_interrupted_says_how_much_is_written(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.edit("city/city.yaml", "lot: lot-1}\n", "lot: lot-1}\n  - {id: minato, name: 港区, lot: lot-1}\n")
    scene.write(SECOND, "港小学校,港区,小学校,1,閉域VPN,100")
    written: list[Path] = []

    def write_one(content: bytes, path: Path, **kept: object) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        path.write_bytes(content)
        assert kept["private"] is False

    monkeypatch.setattr("controller.importing.write_schools.write_whole", write_one)
    done = scene.run("--write")
    assert done.code == 130
    assert "interrupted: 1 of 2 files were written; run it again" in done.errors
    monkeypatch.undo()
    again = scene.run("--write")
    assert (again.code, "written: city/schools/minato.yaml" in again.said) == (0, True), again


def test_a_program_reads_the_same(scene: Scene) -> None:
    scene.write("第一小学校,第一区,小学校,301,閉域VPN,100", SECOND)
    done = scene.run("--json")
    said = json.loads(done.said)
    assert (done.code, said["format"], said["schools"], said["written"]) == (2, "import/1", 2, False)
    assert said["changed"] == [{"id": "first-e01", "field": "pupils", "before": "300", "after": "301"}]
    assert [(one["id"], one["origin"]) for one in said["new"]] == [("first-e02", "schools.csv:3")]


def test_the_sample_city_as_a_table_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policies", tmp_path / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    city = load_city(tmp_path / "policies")
    wards = {one.id: one.name for one in city.wards}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*HEADER.split(","), "予備回線", "予備回線速度"])
    for one in city.schools:
        lines = [part for line in one.lines.by_name.values() for part in (line.kind, line.mbps)]
        writer.writerow([one.name, wards[one.ward], one.kind, one.pupils, *lines])
    (tmp_path / "schools.csv").write_text(text.getvalue(), encoding="cp932")
    done = here("import", "schools.csv", cwd=tmp_path)
    assert (done.code, "0 new, 0 changed, 0 not in the source" in done.said) == (0, True), done
    kana = "仮・麻生第四小学校,麻生区"
    (tmp_path / "schools.csv").write_text(text.getvalue().replace(f"{kana},elementary,312", f"{kana},elementary,313"))
    assert here("import", "schools.csv", "--write", cwd=tmp_path).code == 0
    changed = [one for one in (tmp_path / "policies").rglob("*.yaml")
               if one.read_bytes() != (ROOT / one.relative_to(tmp_path)).read_bytes()]  # fmt: skip
    assert [one.name for one in changed] == ["asao.yaml"]


def test_a_number_that_the_address_plan_has_no_room_for_is_passed_over(scene: Scene) -> None:
    """10.254.0.0/16 has the data centre in it, 10.255.0.0/16 the controller."""
    scene.write("x-1,253,第二小学校,第一区,小学校,300,閉域VPN,100", ",,第三小学校,第一区,小学校,300,閉域VPN,100",
                header=f"id,学校番号,{HEADER}")  # fmt: skip
    assert scene.run("--write").code == 0
    assert [one.number for one in load(scene).schools] == [1, 253, 2]


NEW_LOT = f"{SECOND},lot-9"
LOT_HEADER = f"{HEADER},調達ロット"


def test_a_school_of_a_new_lot_says_which_platforms_are_missing(scene: Scene) -> None:
    scene.write(f"{FIRST},lot-1", NEW_LOT, header=LOT_HEADER)
    before = scene.read_policy()
    done = scene.run("--write")
    assert done.code == 1
    assert (
        "schools.csv:3: the lot 'lot-9' is new, and its devices have no platforms; add to the command: " in done.errors
    )
    assert "--lot-platform lot-9:core=PLATFORM" in done.errors
    assert scene.read_policy() == before


@pytest.mark.parametrize("layout", ["{lot-1: cisco_ios}", "\n          lot-1: cisco_ios # today's\n       "])
def test_a_new_lot_comes_in_with_its_first_school_and_its_platforms(scene: Scene, layout: str) -> None:
    scene.edit("city/blueprints.yaml", "{lot-1: cisco_ios} # by procurement lot", layout)
    scene.write(f"{FIRST},lot-1", NEW_LOT, header=LOT_HEADER)
    done = scene.run("--write", "--lot-platform", "lot-9:core=allied_telesis_awplus")
    assert done.code in {0, 1}, done.errors
    if done.code == 1:
        # The small city has no names of ports for it, which is told as for every platform.
        assert "allied_telesis_awplus" in done.errors
        done = scene.run("--write", "--lot-platform", "lot-9:core=cisco_ios")
    assert (done.code, done.errors) == (0, "")
    text = (scene.folder / "our-city/city/blueprints.yaml").read_text(encoding="utf-8")
    assert "lot-9: cisco_ios" in text
    assert "lot-1: cisco_ios" in text
    city = load(scene)
    assert {one.lot for one in city.schools} >= {"lot-9"}
    again = scene.run("--write", "--lot-platform", "lot-9:core=cisco_ios")
    assert (again.code, "nothing to write" in again.said) == (0, True)


@pytest.mark.parametrize("word", ["lot-9", "lot-9=cisco_ios", "lot-9:core", ":core=x", "lot-9:=x", "lot-9:core="])
def test_what_names_no_platform_of_a_lot_is_refused(scene: Scene, word: str) -> None:
    scene.write(FIRST)
    done = scene.run("--lot-platform", word)
    assert done.code == 64
    assert "is not LOT:ROLE=PLATFORM, such as lot-2:core=cisco_ios" in done.errors


def test_two_platforms_of_one_place_are_refused(scene: Scene) -> None:
    scene.write(FIRST)
    done = scene.run("--lot-platform", "lot-9:core=a", "--lot-platform", "lot-9:core=b")
    assert (done.code, "is given two platforms: 'a' and 'b'" in done.errors) == (64, True)


def test_what_is_imported_is_told_in_japanese(scene: Scene) -> None:
    scene.write(FIRST, SECOND)
    done = scene.run("--lang", "ja")
    assert "+ first-e02 第二小学校" in done.said
    assert "番号 2、first、elementary、児童生徒 420 人\n" in done.said
    assert "新規 1、変更 0、元データになし 0。何も書いていません" in done.said
    assert json.loads(scene.run("--lang", "ja", "--json").said)["new"][0]["name"] == "第二小学校"
