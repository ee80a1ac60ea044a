"""What people measured by hand: read with all its variants, answered by line, kept apart from the probes' figures."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.output import Exit
from controller.errors import InputError, InputRefused, Origin
from controller.importing.cell_values import CellRefused
from controller.importing.source_table import Cell
from controller.measure.manual.manual_cells import MOST_MBPS, read_rate_mbps
from controller.measure.manual.manual_store import keep_manual_measurements, read_manual_measurements
from controller.measure.manual.manual_table import HEADERS, MOST_ROWS, ManualTable, parse_manual_table
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.messages import load_catalogue
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.storage.sqlite import open_store
from tests.cli.running import here
from tests.measure.findings import NOON, path, throughput
from tests.policies import SHIPPED, PolicyFolder

CITY = load_city(SHIPPED)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[2] / "examples/manual-measurements.csv"
HEADER = "学校,測定場所,測定日時,端末,下り(Mbps),上り(Mbps)"
GOOD = "as-e04,図書室,2024-11-20 15:52,GIGA-0312,88,40.1"


def read(text: str, encoding: str = "utf-8") -> ManualTable:
    return parse_manual_table(text.encode(encoding), Path("r.csv"), CITY, NOW)


def assert_japanese(messages: Iterable[str]) -> None:
    """The catalogue has each of these sentences: no English word of theirs is left."""
    for message in messages:
        said = load_catalogue("ja").translate("problems", message)
        assert re.search("[ぁ-ん]", said), said
        assert not re.search("write|stands|there is|did you|meant", said), said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc-jp"])
def test_the_encodings_of_japanese_spreadsheets_are_read_alike(encoding: str) -> None:
    [one] = read(f"{HEADER}\r\n仮・麻生第四小学校,図書室,2024-11-20 15:52,GIGA-0312,88,40.1\r\n", encoding).records
    assert (one.school, one.place, one.figures, one.source) == ("as-e04", "図書室", (88.0, 40.1), "r.csv:2")
    assert one.at == datetime(2024, 11, 20, 6, 52, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "cell", "mbps"),
    [
        ("下り(Mbps)", "93.5", 93.5),
        ("下り(kbps)", "93,500", 93.5),
        ("下り(Gbps)", "0.5", 500),
        ("下り(bit/s)", "93500000", 93.5),
        ("下り\uff08Mbps\uff09", "\uff19\uff13.5", 93.5),
        ("下り(kbps)", "93.5 Mbps", 93.5),
        ("download", "0.5Gbit/s", 500),
        ("ダウンロード速度", "120000kbps", 120),
    ],
)
def test_units_stand_in_the_header_or_in_the_cell_which_wins(header: str, cell: str, mbps: float) -> None:
    text = f'学校,場所,日時,端末,{header},上り(Mbps)\nas-e04,図書室,2024/11/20 15:52,x,"{cell}",1\n'
    assert read(text).records[0].download_mbps == mbps


REFUSED = {
    "as-e99,図書室,2024-11-20 15:52,x,88,40": "2: 学校: 'as-e99' is no school of the city",
    "as-e04,図書室,2024-11-20 15:52,x,0,40": "2: 下り(Mbps): zero is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,0.0000000001,40": "2: 下り(Mbps): '0.0000000001' is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,-5,40": "2: 下り(Mbps): '-5' is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,88,NaN": "2: 上り(Mbps): 'NaN' is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,inf,40": "2: 下り(Mbps): 'inf' is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,1e3,40": "2: 下り(Mbps): '1e3' is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,2403,40": "2: 下り(Mbps): 2403 Mbit/s is more than a school's device can receive",
    "as-e04,図書室,2024-11-20 15:52,x,88 MB/s,40": "2: 下り(Mbps): MB/s counts bytes",
    "as-e04,図書室,2024-11-20 15:52,x,88 furlong,40": "2: 下り(Mbps): 'furlong' is no unit of a rate",
    "as-e04,図書室,2024-11-20 15:52,x,,40": "2: 下り(Mbps): is empty",
    "as-e04,図書室,2027-11-20 15:52,x,88,40": "2: 測定日時: 2027-11-20 15:52 is to come",
    "as-e04,図書室,2024-02-30 15:52,x,88,40": "2: 測定日時: '2024-02-30 15:52' is no time that there is",
    "as-e04,図書室,2024-11-20 25:52,x,88,40": "2: 測定日時: '2024-11-20 25:52' is no time that there is",
    "as-e04,図書室,0001-01-01 00:00,x,88,40": "2: 測定日時: 1-01-01 00:00 is before pupils had devices (2019-12)",
    "as-e04,図書室,1026-11-20 15:52,x,88,40": "2: 測定日時: 1026-11-20 15:52 is before pupils had devices (2019-12)",
    "as-e04,図書室,202\u2464-11-20 15:52,x,88,40": "2: 測定日時: '202\u2464-11-20 15:52' is no time",
    "as-e04,図書室,2024-11-20 15:52,x,93.5\u00b2,40": "2: 下り(Mbps): '93.5\u00b2' is no measured rate",
    "as-e04,図書室,2024-11-20 15:52,x,\u2460,40": "2: 下り(Mbps): '\u2460' is no measured rate",
    HEADER: "2: the header stands here again; delete this row",
    "as-e04,図書室,2024-11-20,x,88,40": "2: 測定日時: '2024-11-20' is no time",
    "as-e04,図書室,2024-11-20 15:52,=1+1,88,40": "2: 端末: '=1+1' is a formula",
    "as-e04,図書室,2024-11-20 15:52,x\x1b[31m,88,40": "2: 端末: may not hold '\\x1b' (U+001B)",
    f"as-e04,{'あ' * 200},2024-11-20 15:52,x,88,40": "2: 測定場所: has 200 characters; at most",
    "as-e04,図書室,2024-11-20 15:52,x,88": "2: this row has 5 cells, and the header 6",
}


@pytest.mark.parametrize(("row", "said"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_wrong_is_answered_by_its_line_and_the_other_rows_stay_good(row: str, said: str) -> None:
    table = read(f"{HEADER}\n{row}\n{GOOD}\n")
    assert [one.source for one in table.records] == ["r.csv:3"]
    assert any(str(one).startswith(f"r.csv:{said}") for one in table.problems), table.problems
    assert_japanese(one.message for one in table.problems)


def test_a_school_that_stands_twice_at_one_time_and_place_is_answered_and_elsewhere_is_good() -> None:
    table = read(f"{HEADER}\n{GOOD}\n{GOOD.replace('88', '87')}\n{GOOD.replace('図書室', '理科室')}\n")
    assert [one.source for one in table.records] == ["r.csv:2", "r.csv:4"]
    assert [one.origin.line for one in table.problems] == [3]
    assert "stands in r.csv:2 already" in table.problems[0].message
    assert_japanese([table.problems[0].message])


def test_a_row_that_another_program_writes_otherwise_is_the_same_record(tmp_path: Path) -> None:
    """Full or half width, capitals, and the letters that one machine keeps in two parts (NFD)."""
    rows = [f"as-e04,{place},2024-11-20 15:52,{device},88,40" for place, device in WRITTEN_OTHERWISE]
    table = read("\n".join([HEADER, *rows, ""]))
    assert [one.origin.line for one in table.problems] == [3, 4, 5]
    file = tmp_path / "m.sqlite"
    for row in rows:
        with closing(open_store(file, MEASUREMENT_STORE)) as connection:
            keep_manual_measurements(connection, file, read(f"{HEADER}\n{row}\n").records, NOW, dry_run=False)
    assert len(read_manual_measurements(file)) == 1


WRITTEN_OTHERWISE = [
    ("ガイド室1", "GIGA-1"),
    (unicodedata.normalize("NFD", "ガイド室1"), "GIGA-1"),
    ("ｶﾞｲﾄﾞ室1", "giga-1"),
    ("ガイド室\uff11", "\uff27\uff29\uff27\uff21-1"),
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no row"),
        (f"{HEADER}\n", "holds a header and no test"),
        (f"{HEADER}\n" + f"{GOOD}\n" * (MOST_ROWS + 1), "at most 20,000 are read"),
        (f"学校,場所,日時,端末,下り(Mbps)\n{GOOD}\n", "there is no column for the upload"),
        (f"{HEADER}\n{GOOD}\n".replace(",", ";"), "the cells stand between semicolons"),
        (f"{HEADER}\n{GOOD}\n".replace(",", "\t"), "the cells stand between tabs"),
        (f"簡易帯域測定,,,,,\n{HEADER}\n{GOOD}\n", "the header stands in line 2; delete the lines above it"),
        (f"{HEADER},下り\n{GOOD},1\n", "two columns are read as the download"),
        (f"{HEADER.replace('下り(Mbps)', '下り(MB)')}\n{GOOD}\n", "'MB' is no unit of a rate"),
    ],
)
def test_what_is_no_table_of_speed_tests_is_refused_by_line(text: str, said: str) -> None:
    with pytest.raises((InputRefused, InputError), match=re.escape(said)) as refused:
        read(text)
    assert re.search(r"r\.csv:[0-9]+: ", str(refused.value))
    if isinstance(refused.value, InputRefused):
        assert_japanese([refused.value.why])
        return
    assert isinstance(refused.value, InputError)
    assert_japanese(one.message for one in refused.value.problems)
    frame = str(refused.value).partition("\n")[0]
    assert load_catalogue("ja").translate("refusals", frame) != frame


def test_a_rate_without_any_unit_is_refused() -> None:
    with pytest.raises(CellRefused, match="has no unit"):
        read_rate_mbps(Cell("88", Origin("r.csv", 2), "下り"), None)
    assert read_rate_mbps(Cell(f"{MOST_MBPS:g}Mbps", Origin("r.csv", 2), "下り"), None) == MOST_MBPS


def test_more_than_the_contracts_of_a_school_is_taken_in_with_a_note() -> None:
    table = read(f"{HEADER}\n{GOOD.replace('88', '2000')}\n")
    assert len(table.records) == 1
    assert "r.csv:2: 2000 Mbit/s is more than the contracts of as-e04" in table.notes[0]


def test_the_command_takes_all_or_nothing_in_and_says_what_it_left_out(tmp_path: Path) -> None:
    PolicyFolder(tmp_path)
    (tmp_path / "r.csv").write_text(f"{HEADER}\n{GOOD}\nas-e99,図書室,2024-11-20 15:52,x,88,40\n", encoding="cp932")
    words = ("measure", "import", "r.csv", "--lab", "--lang", "en")
    store = tmp_path / ".tsunagu/measurements-lab.sqlite"
    refused = here(*words, cwd=tmp_path)
    assert (refused.code, "r.csv:3: " in refused.errors, store.exists()) == (Exit.FAILED, True, False)
    checked = json.loads(here(*words, "--check", "--json", cwd=tmp_path).said)
    assert (checked["added"], checked["checked_only"], len(checked["left_out"])) == (1, True, 1)
    assert read_manual_measurements(store) == []
    taken = here(*words, "--skip-bad", cwd=tmp_path)
    assert (taken.code, "of 2 rows 1 are new" in taken.said) == (Exit.FAILED, True)
    [one] = read_manual_measurements(store)
    assert one.figures == (88.0, 40.1)
    with open_measurement_store(store) as probes:
        assert probes.read_latest() == []


def test_a_file_may_come_again_and_a_later_one_corrects(tmp_path: Path) -> None:
    PolicyFolder(tmp_path)
    words = ("measure", "import", "r.csv", "--lab", "--lang", "en", "--json")
    found = []
    for mbps in ("88", "88", "77"):
        (tmp_path / "r.csv").write_text(f"{HEADER}\n{GOOD.replace('88', mbps)}\n", encoding="utf-8")
        document = json.loads(here(*words, cwd=tmp_path).said)
        found.append((document["added"], document["known"], document["corrected"]))
    assert found == [(1, 0, []), (0, 1, []), (0, 0, ["r.csv:2"])]
    store = tmp_path / ".tsunagu/measurements-lab.sqlite"
    assert [one.download_mbps for one in read_manual_measurements(store)] == [77.0]
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM manual_measurement").fetchone() == (2,)
        for statement in ("UPDATE manual_measurement SET place = 'x'", "DELETE FROM manual_measurement"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)


def test_the_report_shows_them_beside_and_no_figure_of_it_changes(tmp_path: Path) -> None:
    PolicyFolder(tmp_path)
    with open_measurement_store(tmp_path / ".tsunagu/measurements-lab.sqlite") as store:
        store.add_measurement("r", NOON, path("as-e04"), throughput(500), in_lessons=False)
    words = ("report", "bandwidth", "--lab", "--lang", "ja", "-o", "r.html", "--json")
    before = json.loads(here(*words, cwd=tmp_path).said)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert (before["manual_measurements"], "簡易帯域測定の記録" in page) == ([], False)
    assert here("measure", "import", str(EXAMPLE), "--lab", cwd=tmp_path).code == Exit.GOOD
    after = json.loads(here(*words, cwd=tmp_path).said)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert {**after, "manual_measurements": []} == before
    assert [one["school"] for one in after["manual_measurements"]] == ["as-e04", "as-e04", "kw-s01"]
    assert {one["label"] for one in after["manual_measurements"]} == {"簡易帯域測定 (人が端末 1 台で測定)"}
    assert "判定には使っていません" in page
    assert "3年1組" in page


def test_the_documentation_shows_the_headers_that_are_read(city: City) -> None:
    text = (EXAMPLE.parents[1] / "docs/measuring.md").read_text(encoding="utf-8")
    for words in HEADERS.values():
        assert f"| {', '.join(words)} |" in text
    table = parse_manual_table(EXAMPLE.read_bytes(), EXAMPLE, city, NOW)
    assert (len(table.records), table.problems) == (3, ())
