"""docs/import.md: its table of headers is the code's, and its commands do what it says, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

from controller.importing.column_names import HEADERS, REQUIRED
from controller.importing.source_table import Column
from tests.cli.running import ROOT
from tests.docs.commands import run_commands

PAGE = (ROOT / "docs/import.md").read_text(encoding="utf-8")


def describe(column: Column) -> str:
    needed = "yes" if column in REQUIRED else "no"
    return f"| {column.value} | {', '.join(HEADERS[column])} | {needed} |"


def test_the_table_of_headers_is_that_of_the_code() -> None:
    table = PAGE.partition("<!-- headers:begin -->\n")[2].partition("<!-- headers:end -->")[0]
    assert table.splitlines() == [describe(column) for column in HEADERS]


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    table = next(text for language, text in blocks if language == "csv")
    (tmp_path / "schools.csv").write_text(table, encoding="cp932")
    commands = [line for language, text in blocks if not language for line in text.splitlines()]
    assert len(commands) > 4
    said = run_commands(commands, tmp_path)
    assert "2 new, 1 changed, 0 not in the source; nothing was written" in said["import"]
    assert "3 schools" in said["check"]
