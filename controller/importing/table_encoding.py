"""Reads the bytes of a table as text: UTF-8, what Excel in Japan saves (Shift-JIS), UTF-16 with a mark, EUC-JP."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controller.errors import InputRefused
from controller.inputs.input_file import decode_text
from controller.inputs.text_encodings import TextEncoding, try_decoding

_OTHER_FILES = {
    b"PK\x03\x04": "is an Excel workbook (or another archive)",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook",
    b"%PDF": "is a PDF",
    b"<": "is a web page or XML",
}
_SAVE = "save the table as CSV (in Excel: 'CSV UTF-8')"
_PRIVATE = re.compile("[\ue000-\uf8ef]")
"""Letters for private use that Shift-JIS has bytes for; what it makes of single bytes without a letter is behind."""
_ALL = (TextEncoding.SHIFT_JIS, TextEncoding.EUC_JP)


@dataclass(frozen=True, slots=True)
class DecodedTable:
    """The text of a table, its line ends as they were, and what it was read as."""

    text: str
    encoding: TextEncoding


def decode_table(
    content: bytes, path: Path, told: TextEncoding | None, looks_right: Callable[[str], bool]
) -> DecodedTable:
    """Return the text of a table.

    Args:
        content: its bytes.
        path: what messages call it.
        told: how it is encoded, where the operator says it.
        looks_right: tells if the header of a text is one; this decides where two of Japan's encodings fit.

    Raises:
        InputRefused: it is no text, or of no encoding that is known; names the line.
    """
    for start, what in _OTHER_FILES.items():
        if content.startswith(start):
            raise InputRefused(path, f"{what}, and no table of comma-separated values; {_SAVE}")
    # Old programs end a text with Ctrl-Z.
    found = _decode(content.removesuffix(b"\x1a"), path, told, looks_right)
    at = found.text.find("\0")
    if at >= 0:
        if looks_right(content.decode("utf-16-le", "replace")):
            raise InputRefused(path, "is UTF-16 without a mark; say so: --encoding utf-16")
        raise InputRefused(path, f"a NUL byte stands here; {_SAVE}", found.text.count("\n", 0, at) + 1)
    return found


def _decode(content: bytes, path: Path, told: TextEncoding | None, looks_right: Callable[[str], bool]) -> DecodedTable:
    if told is None and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        told = TextEncoding.UTF_16
    if told in (None, TextEncoding.UTF_8):
        with suppress(UnicodeDecodeError):
            content.decode("utf-8")
            told = TextEncoding.UTF_8
    if told is TextEncoding.UTF_8:
        # It also says what only looks like UTF-8.
        return DecodedTable(decode_text(content, path).removeprefix("\ufeff"), told)
    texts = {one: try_decoding(content, one) for one in (_ALL if told is None else (told,))}
    fitting = {one: text for one, text in texts.items() if text is not None}
    if len(fitting) > 1:
        fitting = {one: text for one, text in fitting.items() if looks_right(text)} or fitting
    if len(fitting) == 1:
        ((encoding, text),) = fitting.items()
        return DecodedTable(text, encoding)
    if fitting:
        message = "is no UTF-8, and can be Shift-JIS as well as EUC-JP; say which: --encoding shift-jis, or euc-jp"
        raise InputRefused(path, message)
    _refuse_private_letters(content, path, told)
    if told is not None:
        message = f"cannot be read as {told.value}; name another --encoding, or {_SAVE}"
        raise InputRefused(path, message, _find_first_fault(content, told))
    decode_text(content, path)
    message = f"cannot be read as text; {_SAVE}"
    raise InputRefused(path, message)


def _refuse_private_letters(content: bytes, path: Path, told: TextEncoding | None) -> None:
    """Refuse letters that a user has made for one machine (外字): nobody else knows what they look like."""
    if told in (None, TextEncoding.SHIFT_JIS):
        with suppress(UnicodeDecodeError):
            found = _PRIVATE.search(text := content.decode("cp932"))
            if found:
                message = "a letter that was made for one machine only (gaiji) stands here; write an ordinary one"
                raise InputRefused(path, message, text.count("\n", 0, found.start()) + 1)


def _find_first_fault(content: bytes, told: TextEncoding) -> int:
    """Return the first line that is none of an encoding; 1 where no single line is to blame."""
    if told is TextEncoding.UTF_16:
        return 1
    lines = content.split(b"\n")
    return next((number for number, line in enumerate(lines, 1) if try_decoding(line, told) is None), 1)
