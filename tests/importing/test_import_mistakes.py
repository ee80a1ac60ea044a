"""Mistakes of a table of schools: each is said with the file, the line and what to write; nothing is written."""

from __future__ import annotations

import codecs
import os
from collections.abc import Sequence

import pytest

from controller.errors import TsunaguError
from controller.importing.csv_table import read_school_table
from controller.importing.school_records import KnownWard, build_school_records
from controller.model.sites.school_kinds import DEFAULT_KINDS
from tests.importing.tables import FIRST, HEADER, SECOND, Scene

WIDE = "420".translate({ord("0") + one: ord("\N{FULLWIDTH DIGIT ZERO}") + one for one in range(10)})


WARDS = (KnownWard("first", "第一区"),)


def refuse(scene: Scene, line: int, *words: str) -> None:
    """What is read of the table is refused at the line, with these words."""
    place = scene.folder / "schools.csv"
    with pytest.raises(TsunaguError) as refused:
        build_school_records(read_school_table(place), WARDS, DEFAULT_KINDS)
    said = str(refused.value)
    assert f"{place}:{line}: " in said, said
    for word in words:
        assert word.replace("schools.csv:", f"{place}:") in said, said


def test_a_refusal_ends_the_command_and_nothing_is_written(scene: Scene) -> None:
    scene.write(FIRST, f"第二小学校,第一区,小学校,{WIDE},閉域VPN,200")
    before = scene.read_policy()
    done = scene.run("--write")
    assert (done.code, done.said) == (1, "")
    assert f"schools.csv:3: 児童生徒数: '{WIDE}' has full-width digits; write 420" in done.errors
    assert scene.read_policy() == before


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("第二小学校,第一区,小学交,420,閉域VPN,200", ("種別: '小学交' is no kind of school", "小学校 (elementary)")),
        ("第二小学校,第一区,小學校,420,閉域VPN,200", ("did you mean elementary (小学校)?",)),
        ("第二小学校,第二区,小学校,420,閉域VPN,200", ("区: '第二区' is no ward", "第一区 (first)", "city/city.yaml")),
        (f"第二小学校,第一区,小学校,{WIDE},閉域VPN,200", (f"児童生徒数: '{WIDE}' has full-width digits; write 420",)),
        (f"第二小学校,第一区,小学校,420,閉域VPN,{WIDE}", (f"回線速度: '{WIDE}' has full-width digits; write 420",)),
        (f"第二小学校,第一区,小学校,420,閉域VPN{WIDE}Mbps,", ("write 閉域VPN420Mbps",)),
        ("=SUM(A1:A3),第一区,小学校,420,閉域VPN,200", ("学校名: '=SUM(A1:A3)' is a formula", "write its value")),
        ("+cmd|' /C calc'!A0,第一区,小学校,420,閉域VPN,200", ("is a formula",)),
        ("@SUM(1),第一区,小学校,420,閉域VPN,200", ("is a formula",)),
        ("-2+3+cmd,第一区,小学校,420,閉域VPN,200", ("is a formula",)),
        ("\N{FULLWIDTH EQUALS SIGN}SUM(1),第一区,小学校,420,閉域VPN,200", ("is a formula",)),
        ("第二小学校,第一区,小学校,=B2*2,閉域VPN,200", ("児童生徒数: '=B2*2' is a formula",)),
        ("第二小学校,第一区,小学校,#REF!,閉域VPN,200", ("is an error of a spreadsheet",)),
        ('"第二\n小学校",第一区,小学校,420,閉域VPN,200', ("学校名: '第二\\n小学校' has a line break; write it",)),
        ("第二小学校,第一区,小学校,1,024,閉域VPN,200", ("this row has 7 cells, and the header 6", "in quotes")),
        ('第二小学校,第一区,小学校,"1,02",閉域VPN,200', ("write a whole number in digits, e.g. 320",)),
        ("第二小学校,第一区,小学校,420人,閉域VPN,200", ("write a whole number in digits",)),
        ("第二小学校,第一区,小学校,約400,閉域VPN,200", ("write a whole number in digits",)),
        ("第二小学校,第一区,小学校,0420,閉域VPN,200", ("'0420' has leading zeros; write 420",)),
        ("第二小学校,第一区,小学校,\N{FULLWIDTH PLUS SIGN}420,閉域VPN,200", ("has full-width signs; write +420",)),
        ("第二小学校,第一区,小学校,420,LTE,1\N{FULLWIDTH LATIN CAPITAL LETTER G}", ("full-width signs; write 1G",)),
        ("'=SUM(A1),第一区,小学校,420,閉域VPN,200", ("is a formula",)),
        (HEADER, ("the header stands here again; delete this row",)),
        ("第二小学校,第一区,小学校,-1,閉域VPN,200", ("write a whole number in digits",)),
        ("第二小学校,第一区,小学校,5001,閉域VPN,200", ("5001 is not between 0 and 5000",)),
        ("第二小学校,第一区,小学校,,閉域VPN,200", ("児童生徒数: is empty; write a value, or delete the row",)),
        (",第一区,小学校,420,閉域VPN,200", ("学校名: is empty",)),
        ("第二小学校,,小学校,420,閉域VPN,200", ("区: is empty (of merged cells only the first holds the value)",)),
        ("合計,,,720,,", ("looks like a sum: delete it",)),
        ("第二小学校,第一区,小学校,420,,", ("回線: is empty", "--line KIND:MBPS")),
        ("第二小学校,第一区,小学校,420,閉域VPN,", ("回線: '閉域VPN' has no rate", "閉域VPN 100Mbps")),
        ("第二小学校,第一区,小学校,420,,200", ("回線速度: a rate without the kind",)),
        ("第二小学校,第一区,小学校,420,光,200", ("回線: '光' says no kind of line", "closed-vpn (閉域VPN)")),
        ("第二小学校,第一区,小学校,420,閉域VPN 100M,200", ("says 100 Mbit/s, and its column 200",)),
        ("第二小学校,第一区,小学校,420,閉域VPN,速い", ("回線速度: '速い' is no rate",)),
        ("第二小学校,第一区,小学校,420,閉域VPN,0", ("is not between 1 and 100000 Mbit/s",)),
        ("第二{{ x }}小学校,第一区,小学校,420,閉域VPN,200", ("may not hold '{'",)),
        ("第二\N{REPLACEMENT CHARACTER}小学校,第一区,小学校,420,閉域VPN,200", ("has lost a letter",)),
        (FIRST, ("'第一小学校' stands there twice, first at schools.csv:2; delete one of the rows",)),
        ("第一 小学校,第一区,小学校,300,閉域VPN,100", ("stands there twice",)),
        ('第二小学校,第一区,小学校,420,"閉域VPN,200', ('a quote (") that begins in this row is never closed',)),
        ('第二小学校,第一区,小学校,420,"閉域"VPN,200', ("something stands behind a closing quote",)),
        ("第二小学校,第一区,小学校,420", ("this row has 4 cells, and the header 6",)),
        ("第二\0小学校,第一区,小学校,420,閉域VPN,200", ("a NUL byte stands here",)),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_used_is_named(scene: Scene, row: str, words: Sequence[str]) -> None:
    scene.write(FIRST, row)
    refuse(scene, 3, *words)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("学校名,区,種別,回線,回線速度,電話", ("there is no column for the pupils", "児童生徒数 (also read: ")),
        ("学校名,区,種別,児童生従数,回線,回線速度", ("is '児童生従数' meant?",)),
        ("学校名,区,種別,児童生徒数,電話,住所", ("no column for the primary: ", "--line closed-vpn:100")),
        ("学校名,区,種別,児童生徒数,回線,区名", ("two columns are read as the ward: '区' and '区名'",)),
        (HEADER.replace(",", "\t"), ("the cells stand between tabs; save the table as CSV",)),
        (HEADER.replace(",", ";"), ("the cells stand between semicolons",)),
        (HEADER.replace(",", "\N{FULLWIDTH COMMA}"), ("the cells stand between full-width commas",)),
        ("a,b,c,d,e,f", ("is no header of a table of schools; write one, such as 学校名,区,種別,",)),
        ("schools:", ("is no header of a table of schools",)),
        ("学校名,b,c,d,e,f", ("no column for the kind", "no column for the ward")),
        (f"令和8年度 学校一覧\r\n{HEADER}", ("the header stands in line 2; delete the lines above it",)),
    ],
)
def test_a_header_that_lacks_something_is_named(scene: Scene, header: str, words: Sequence[str]) -> None:
    scene.write(FIRST, header=header)
    refuse(scene, 1, *words)


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b"", 1, "holds no row"),
        (b"\r\n,,,\r\n", 1, "holds no row"),
        (f"{HEADER}\n".encode(), 1, "holds a header and no school"),
        (f"{HEADER}\n".encode() + b"\xff\xff,1\n", 2, "cannot be read as UTF-8 text"),
        (f"{HEADER}\n{FIRST}\n".encode("utf-16-le"), 1, "is UTF-16 without a mark; say so: --encoding utf-16"),
        (f"{HEADER}\n{FIRST}\n".encode("iso2022_jp"), 1, "it looks like ISO-2022-JP"),
        (f"{HEADER}\n".encode("cp932") + b"\xf0\x40" + FIRST.encode("cp932"), 2, "made for one machine only (gaiji)"),
        (b"PK\x03\x04rest", 1, "is an Excel workbook"),
        (b"<html></html>", 1, "is a web page"),
    ],
)
def test_a_file_that_is_no_table_is_named(scene: Scene, content: bytes, line: int, word: str) -> None:
    scene.write_bytes(content)
    refuse(scene, line, word)


def test_a_file_of_100_megabytes_is_not_read(scene: Scene) -> None:
    scene.write(FIRST)
    os.truncate(scene.folder / "schools.csv", 100 << 20)
    refuse(scene, 1, "is larger than 4 MB")


def test_what_is_no_file_is_refused(scene: Scene) -> None:
    done = scene.run()
    assert (done.code, "schools.csv: there is no such file" in done.errors) == (1, True)
    (scene.folder / "schools.csv").mkdir()
    refuse(scene, 1, "is a folder")


def test_more_rows_than_a_city_has_schools_are_refused(scene: Scene) -> None:
    scene.write(*(f"第{number}小学校,第一区,小学校,300,LTE,50" for number in range(4_096)))
    refuse(scene, 4_097, "at most 4,095 schools")


def test_one_cause_is_said_once_with_its_lines(scene: Scene) -> None:
    scene.write(*(f"第{number}小学校,港区,小学校,300,LTE,50" for number in range(9)))
    done = scene.run()
    assert done.errors.count("is no ward") == 1
    assert "(also lines 3, 4, 5, 6, 7 and 3 more)" in done.errors


def test_what_is_shown_of_a_cell_is_short_and_harmless(scene: Scene) -> None:
    scene.write(FIRST, f"第二小学校,\x1b[2J{'区' * 3000},小学校,420,閉域VPN,200")
    done = scene.run()
    assert done.code == 1
    assert "\x1b" not in done.errors
    assert len(done.errors) < 1_000


def test_a_city_that_would_not_be_valid_is_not_written(scene: Scene) -> None:
    """The small city's blueprint is for no kindergarten."""
    scene.write(FIRST, "第一幼稚園,第一区,幼稚園,80,閉域VPN,100")
    before = scene.read_policy()
    done = scene.run("--write")
    assert done.code == 1
    assert "With these schools the city would not be valid; nothing was written:" in done.errors
    assert (
        "our-city/city/schools/first.yaml:13: pupils: kindergarten with 80 pupils needs exactly one blueprint"
        in done.errors
    )
    assert scene.read_policy() == before


def test_a_broken_policy_is_said_first(scene: Scene) -> None:
    scene.write(FIRST)
    scene.schools.write_text("schools: [", encoding="utf-8")
    done = scene.run()
    assert (done.code, "our-city/city/schools/first.yaml:" in done.errors) == (1, True), done


def test_an_encoding_that_is_told_is_believed_and_checked(scene: Scene) -> None:
    scene.write(FIRST, SECOND, encoding="euc_jp")
    assert scene.run("--encoding", "euc-jp").code == 2
    done = scene.run("--encoding", "utf-16")
    assert (done.code, "name another --encoding" in done.errors) == (1, True)
    scene.write_bytes(codecs.BOM_UTF8 + f"{HEADER}\n".encode() + b"\x81\n")
    done = scene.run("--encoding", "shift-jis")
    assert (done.code, "name another --encoding" in done.errors) == (1, True)
