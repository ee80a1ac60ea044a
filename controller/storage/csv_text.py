"""Tables as CSV, as spreadsheets read them: UTF-8 with a mark, and lines as RFC 4180 ends them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes a table for one in the system's own encoding."""
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""A cell that begins so is a formula to a spreadsheet; in Japanese also behind a sign of full width."""


def write_csv_text(rows: Iterable[Sequence[str]]) -> str:
    r"""Write rows as CSV.

    >>> write_csv_text([["学校", "名前"], ["kw-s01", "a, b"]])
    '\ufeff学校,名前\r\nkw-s01,"a, b"\r\n'
    """
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return f"{BYTE_ORDER_MARK}{text.getvalue()}"


def quote_cell(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; for tables that people read, and no program reads again.

    >>> quote_cell("=1+1"), quote_cell("\uff1d1+1"), quote_cell("仮・川崎第一小学校")
    ("'=1+1", "'\uff1d1+1", '仮・川崎第一小学校')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
