"""What people write by mistake is answered with its line and with what to write instead, once for one cause."""

# ruff: noqa: RUF001 Japanese writes with wide signs

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.policies import PolicyFolder

SCHOOLS = "city/schools/asao.yaml"
CITY = "city/city.yaml"
SEGMENTS = "access/segments.yaml"
CALENDAR = "city/calendar.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (SCHOOLS, "number: 154", "number: \uff11\uff15\uff14", ":10: .*full-width characters; write 154 "),
        (SCHOOLS, "id: as-e01", "id: \uff41s-e01", ":9: .*full-width characters; write as-e01 "),
        (SCHOOLS, "ward: asao", "ward:\u3000asao", ":12: a full-width space stands here; write an ordinary space"),
        (SCHOOLS, "    kind: elem", "\u3000\u3000kind: elem", ":13: a full-width space stands here"),
        (SCHOOLS, "    kind: elem", "\tkind: elem", ":13: a tab stands in the indentation"),
        (SCHOOLS, "id: as-e01", "id: 麻生一", ":9: .*such as kw-e01; a name for people goes into 'name'"),
        (SCHOOLS, "id: as-e01", "id: AS_E01", ":9: .*write lower-case letters, digits and '-', such as as-e01"),
        (CITY, "10.0.0.0/8", "10.0.0.0 255.0.0.0", ": .*write a prefix with its length, such as 10.0.0.0/8 "),
        (CITY, "10.0.0.0/8", "10.0.0.0/255.240.0.0", "/12|has host bits set"),
        (CITY, "10.0.0.0/8", "10.0.0", ": .*write an address or a prefix with its length"),
        (SEGMENTS, "vlan: 10\n", "vlan: 010\n", ":9: '010' is a number with leading zeros; write 10"),
        (SCHOOLS, "number: 154", "number: 08", ":10: '08' is a number with leading zeros; write 8"),
        (SCHOOLS, "number: 154", "number: 2:34", ":10: '2:34' is a number to YAML; write the time as"),
        (SCHOOLS, "number: 154", "number: 0x9a", ":10: '0x9a' is not a plain decimal number"),
        (SCHOOLS, "number: 154", "number: 0b11", ":10: '0b11' is not a plain decimal number"),
        (SCHOOLS, "number: 154", "number: 1_54", ":10: '1_54' is not a plain decimal number"),
        (SEGMENTS, "id: staff\n", "id: no\n", ":7: 'no' is read as true or false by some programs; .*quotes"),
        (SEGMENTS, "id: staff\n", "id: ON\n", ":7: 'ON' is read as true or false by some programs; .*quotes"),
        (SEGMENTS, "id: staff\n", "id: true\n", ":7: .*read as true or false; put it in quotes if it is text"),
        (
            SCHOOLS,
            "    ward: asao",
            "<<<<<<< HEAD\n    ward: asao\n=======\n>>>>>>> x",
            ":12: a mark of a git conflict",
        ),
        (CALENDAR, "2026-04-06", "2026/4/6", ": .*write a date as 2026-04-06 "),
        (CALENDAR, "2026-04-06", "2026年4月6日", ": .*write a date as 2026-04-06 "),
        (CALENDAR, "2026-04-06", "令和8年4月6日", ": .*write a date as 2026-12-01 "),
        (CALENDAR, "2026-04-06", "2026-4-6", ": .*write a date as 2026-04-06 "),
        (CALENDAR, "2026-04-06", "2026.13.45", ": .*there is no such day; write a date as 2026-12-01"),
        (CALENDAR, "2026-04-06", "2026-02-30", ":.*no day of any calendar; write a date as 2026-12-01"),
        (CALENDAR, "2026-04-06", "20260406", ": .*write a date as 2026-04-06 "),
        (CALENDAR, "2026-04-06", "202646", ": .*write a date as 2026-12-01"),
        (CALENDAR, "2026-04-06", "1806364800", ": .*write a date as 2026-12-01"),
        (CALENDAR, "2026-04-06", "'1806364800'", ": .*write a date as 2026-12-01"),
        (CALENDAR, "2026-04-06", "2026-04-06 00:00:00", ": .*write a date as 2026-12-01"),
        (
            "access/applications.yaml",
            "services: [tcp/443]",
            "services: [{protocol: 6, ports: [true, 443]}]",
            ":12: .*write a service as tcp/PORT",
        ),
        (SCHOOLS, "pupils: 546", "pupils: true", ":14: .*pupils: write a whole number in digits"),
        (SCHOOLS, "pupils: 546", "pupils: 546.0", ":14: .*pupils: write a whole number in digits, without a fraction"),
        (SCHOOLS, "pupils: 546", "pupils: '0546'", ":14: .*pupils: write 546 without quotes"),
        (SCHOOLS, "pupils: 546", "pupils: 546人", ":14: .*pupils: write a whole number in digits "),
        (SEGMENTS, "vlan: 10\n", "vlan: true\n", ":9: .*vlan: write a whole number in digits"),
        (SEGMENTS, "vlan: 10\n", 'vlan: "010"\n', ":9: .*vlan: write 10 without quotes"),
        (SEGMENTS, "vlan: 10\n", "vlan: 10.0\n", ":9: .*vlan: write a whole number in digits, without a fraction"),
        (SEGMENTS, "offset: 0.0.4.0", "offset: 10", ": .*offset: write an address"),
        (SCHOOLS, "ward: asao", "ward: 川崎区", ":12: .*ward: write the id, kawasaki "),
        (SCHOOLS, "ward: asao", "ward: 川崎", ":12: .*ward: write the id, kawasaki "),
        (SCHOOLS, "id: as-e01", "id: ＡＳ-e01", ":9: .*id: full-width characters; write as-e01 "),
        (SCHOOLS, "pupils: 546", "pupils:\u00a0546", ":14: a space that does not break .U.00A0. stands here"),
        (SCHOOLS, "    pupils: 546", "   \u00a0pupils: 546", ":14: a space that does not break .U.00A0. stands here"),
        (SCHOOLS, "pupils: 546", "ｐupils: 546", ":14: .*: full-width characters; write pupils"),
        (SEGMENTS, "offset: 0.0.4.0, l", "offset： 0.0.4.0, l", ":16: .*: a full-width colon stands here"),
        (SEGMENTS, "offset: 0.0.4.0, l", "offset: 0.0.4.0， l", ":16: a full-width comma stands here"),
        (SEGMENTS, "offset: 0.0.4.0, l", "offset: 0.0.4.0、l", ":16: a full-width comma stands here"),
        (SEGMENTS, "{offset: 0.0.4.0, l", "｛offset: 0.0.4.0, l", ":16: a full-width bracket stands here"),
        (SEGMENTS, "    vlan: 10\n", "    <<<<<<< HEAD\n    vlan: 10\n", ":9: a mark of a git conflict stands here"),
        (
            "city/blueprints.yaml",
            "lot-1: cisco_ios",
            "lot-1: cisco_iosxe",
            ": platform: unknown port-names of 'cisco_iosxe'; .*; did you mean cisco_ios?",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit(file, old, new)
    problems = policies.problems()
    assert any(re.search(said, problem) for problem in problems), problems
    assert not any("pattern '" in problem for problem in problems), "no regular expression is shown to people"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        *(("cp932", "Shift-JIS"), ("euc_jp", "EUC-JP"), ("iso2022_jp", "ISO-2022-JP")),
        *(("utf-16", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-16-le", "UTF-16")),
    ],
)
def test_a_text_in_another_encoding_is_named(tmp_path: Path, encoding: str, name: str) -> None:
    policies = PolicyFolder(tmp_path)
    path = policies.path / SCHOOLS
    text = path.read_text(encoding="utf-8").replace("—", "-")
    for content in (text, "a: b\n") if encoding == "utf-16-le" else (text,):
        path.write_bytes(content.encode(encoding))
        (problem,) = policies.problems()
        assert problem.startswith("city/schools/asao.yaml:")
        assert problem.endswith(f"save it as UTF-8 (it looks like {name})")


def test_half_width_kana_in_another_encoding_is_named(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    (policies.path / SCHOOLS).write_bytes("ward: asao # ｱｻｵ\n".encode("cp932"))
    (problem,) = policies.problems()
    assert problem.endswith("save it as UTF-8 (it looks like Shift-JIS)")


def test_what_stands_in_quotes_is_not_taken_for_the_cause(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit(SEGMENTS, "{offset: 0.0.4.0, length: 23}", "{offset: '、', length: 23")
    assert not any("full-width comma" in one for one in policies.problems())


def test_a_list_whose_only_item_is_wrong_is_not_called_too_short(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit("access/applications.yaml", "[tcp/443]", "[tcp/x]")
    (problem,) = policies.problems()
    assert "tcp/PORT" in problem
    policies.edit("access/applications.yaml", "[tcp/x]", "[]")
    assert any("at least 1 item" in one for one in policies.problems())


def test_a_table_in_a_yaml_file_is_named(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.write(SCHOOLS, "id,number,name\nas-e01,154,第一\nas-e02,155,第二\n")
    assert any("looks like a table of comma-separated values" in one for one in policies.problems())
    policies.write(SCHOOLS, "id\tname\nas-e01\t第一\n")
    assert any("looks like a table, its values between tabs" in one for one in policies.problems())


@pytest.mark.parametrize("value", ["'010'", '"no"', "'2:34'"])
def test_what_stands_in_quotes_is_text(tmp_path: Path, value: str) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit(SCHOOLS, "name: 仮・麻生第一小学校", f"name: {value}")
    assert not policies.problems()
