"""What an inventory of computers is read as, and what is refused of it: each with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.errors import InputRefused
from controller.importing.source_table import ImportRefused
from controller.integration.computers.inventory_table import ComputerInventory, ListDay, parse_computer_inventory
from controller.model.city import City

PATH = Path("pcs.csv")
DAY = ListDay(date(2026, 11, 1), date(2026, 12, 1))
HEADER = "学校,端末名,MACアドレス,セグメント,日付"
GOOD = "as-e01,pc-1,02-54-00-AB-00-01,staff-legacy,"


def read(
    city: City, *rows: str, header: str = HEADER, encoding: str = "utf-8", day: ListDay = DAY
) -> ComputerInventory:
    text = "".join(f"{row}\r\n" for row in (header, *rows))
    return parse_computer_inventory(text.encode(encoding), PATH, city, day)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_japanese_headers_and_names_are_read_in_the_encodings_of_excel(city: City, encoding: str) -> None:
    school = city.school_by_id["as-e01"]
    header = "学校名,コンピュータ名,物理アドレス,ネットワーク,基準日,資産番号"
    row = f"{school.name},職員室1,0254.00ab.0001,{city.segments['staff-legacy'].name},2026/10/5,A-1"
    found = read(city, row, header=header, encoding=encoding)
    (one,) = found.computers
    assert (one.school, one.segment, one.mac) == ("as-e01", "staff-legacy", "02:54:00:ab:00:01")
    assert (one.as_of, one.origin.line, found.ignored) == (date(2026, 10, 5), 2, ("資産番号",))


def test_english_headers_are_read_and_a_row_without_a_day_is_of_the_whole_lists(city: City) -> None:
    found = read(city, "as-e01,pc-1,025400ab0001,staff", header="School,Name,MAC,Segment")
    assert found.computers[0].as_of == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("as-e1,pc-1,02:54:00:ab:00:01,staff-legacy,", "pcs.csv:2: 学校: 'as-e1' is no school of the city; write its"),
        ("as-e1,pc-1,02:54:00:ab:00:01,staff-legacy,", "did you mean as-e01"),
        ("as-e01,pc-1,02:54:00:ab:00:01,staff_legacy,", "pcs.csv:2: セグメント: 'staff_legacy' is no segment"),
        ("as-e01,pc-1,02:54:00:ab:00,staff,", "pcs.csv:2: MACアドレス: '02:54:00:ab:00': write a MAC address"),
        ("as-e01,pc-1,ff:ff:ff:ff:ff:ff,staff,", "is no MAC address of one host"),
        ("as-e01,,02:54:00:ab:00:01,staff,", "pcs.csv:2: 端末名: is empty; write the name"),
        ("as-e01,=1+1,02:54:00:ab:00:01,staff,", "is a formula of a spreadsheet"),
        ("as-e01,pc-1,02:54:00:ab:00:01,staff,2026-13-01", "pcs.csv:2: 日付: '2026-13-01' is no date"),
        ("as-e01,pc-1,02:54:00:ab:00:01,staff,2026-12-02", "is after today (2026-12-01)"),
        ("as-e01,pc-1,02:54:00:ab:00:01", "pcs.csv:2: this row has 3 cells, and the header 5"),
    ],
)
def test_a_cell_that_cannot_be_meant_is_refused_with_its_line(city: City, row: str, said: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read(city, row)
    assert said in str(refused.value)


def test_a_mac_address_that_stands_twice_is_refused_with_both_lines(city: City) -> None:
    with pytest.raises(ImportRefused, match=r"pcs\.csv:3: .*02:54:00:ab:00:01 stands in line 2 already \(pc-1\)"):
        read(city, GOOD, "as-e02,pc-2,0254.00ab.0001,staff,")


def test_a_row_without_any_day_is_refused(city: City) -> None:
    with pytest.raises(ImportRefused, match=r"pcs\.csv:2: the row has no day; .* --as-of DATE"):
        read(city, GOOD, day=ListDay(None, DAY.today))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("学校,端末名,MAC,用途", "pcs.csv:1: there is no column for the segment"),
        ("学校,端末名,MAC,セグメント,segment", "two columns are read as the segment"),
    ],
)
def test_a_header_that_lacks_a_column_is_refused(city: City, header: str, said: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read(city, GOOD, header=header)
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04x", HEADER.encode(), b'"a'])
def test_what_is_no_table_is_refused(city: City, content: bytes) -> None:
    with pytest.raises((InputRefused, ImportRefused), match=r"pcs\.csv"):
        parse_computer_inventory(content, PATH, city, DAY)
