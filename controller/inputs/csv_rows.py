"""The rows of a text of comma-separated values, each with the line that it begins at."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.errors import InputRefused

MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The cells of a row, and the line that it begins at."""

    number: int
    cells: Sequence[str]

    @property
    def is_blank(self) -> bool:
        """Tell if nothing stands in it."""
        return not any(cell.strip() for cell in self.cells)


def split_csv_rows(text: str, path: Path) -> Iterator[CsvRow]:
    r"""Yield the rows of a text; `path` is what messages call it.

    >>> [(row.number, row.cells) for row in split_csv_rows('a,b\n"c\nd",e\nf,g\n', Path("x.csv"))]
    [(1, ['a', 'b']), (2, ['c\nd', 'e']), (4, ['f', 'g'])]

    Raises:
        InputRefused: it is no such text, or has more columns than are read; names the line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputRefused(path, _explain_csv_error(str(error)), begins) from None
        if cells is None:
            return
        if len(cells) > MOST_COLUMNS:
            raise InputRefused(path, f"has more than {MOST_COLUMNS} columns, the most that are read", begins)
        yield CsvRow(begins, cells)
        begins = reader.line_num + 1


def _explain_csv_error(said: str) -> str:
    if "end of data" in said:
        return 'a quote (") that begins in this row is never closed; close it, or write it twice inside a cell'
    if "expected after" in said:
        return 'something stands behind a closing quote ("); inside a quoted cell write a quote twice'
    if "field larger" in said:
        return 'a cell is larger than is read; is a quote (") not closed?'
    return "cannot be read as comma-separated values; save the table as CSV anew"
