r"""Reads a text of which nobody said how it is encoded: UTF-8, or one of Japan's older encodings where only one fits.

It never guesses: a text that two encodings can be is refused, and the operator says which one it is. Where an older
encoding was found and not told, letters beyond ASCII may stand in free text only (descriptions, names, comments), so
that a wrong reading could change no command.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from controller.errors import InputRefused
from controller.inputs.input_file import decode_text


class TextEncoding(StrEnum):
    """How a saved text is encoded; the values are those of `--encoding`."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    SHIFT_JIS = "shift-jis"
    EUC_JP = "euc-jp"


_CODECS = {
    TextEncoding.UTF_8: "utf-8-sig",
    TextEncoding.UTF_16: "utf-16",
    TextEncoding.SHIFT_JIS: "cp932",
    TextEncoding.EUC_JP: "euc_jp",
}
_FREE_TEXT = re.compile(
    r"\s*([!#]|description |name |hostname |banner |snmp-server |(\d+ )?remark |vlan [\d,-]+ name |location |contact )"
)
_LINE_END = re.compile(r"\r{1,2}\n")
"""Some terminal programs double the carriage return."""
_UNASSIGNED = re.compile("[\u0080-\u00a0\ue000-\uf8ff]")
"""What Shift-JIS makes of bytes that it has no letter for."""


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text, its line ends as line feeds, and what it was encoded in."""

    text: str
    encoding: TextEncoding


def read_encoded_text(content: bytes, path: Path, told: TextEncoding | None = None) -> DecodedText:
    r"""Return the bytes of a file as text; `told` is what the operator says of them.

    >>> read_encoded_text("description 職員室\n".encode("cp932"), Path("core1.cfg")).encoding.value
    'shift-jis'

    Raises:
        InputRefused: they are not what was told, fit none or two encodings; names the line.
    """
    if told is not None:
        return _decode_as(content, path, told)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_as(content, path, TextEncoding.UTF_16)
    with suppress(UnicodeError):
        return _clean_ends(content.decode("utf-8-sig"), TextEncoding.UTF_8)
    fitting = [one for one in (TextEncoding.SHIFT_JIS, TextEncoding.EUC_JP) if try_decoding(content, one) is not None]
    if len(fitting) > 1:
        line = _find_first_line(content)
        message = "is no UTF-8, and can be Shift-JIS as well as EUC-JP; say which: --encoding shift-jis, or euc-jp"
        raise InputRefused(path, message, line)
    if not fitting:
        decode_text(content, path)
    found = _decode_as(content, path, fitting[0])
    _refuse_commands(found, path)
    return found


def try_decoding(content: bytes, encoding: TextEncoding) -> str | None:
    """Return the text, or None where a byte is none of the encoding's, or a letter that no vendor's screen shows."""
    try:
        text = content.decode(_CODECS[encoding])
    except UnicodeError:
        return None
    return None if _UNASSIGNED.search(text) else text


def _decode_as(content: bytes, path: Path, encoding: TextEncoding) -> DecodedText:
    try:
        text = content.decode(_CODECS[encoding])
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"cannot be read as {encoding.value}: byte 0x{content[error.start]:02x}; name another --encoding"
        raise InputRefused(path, message, line) from None
    except UnicodeError:
        raise InputRefused(path, f"cannot be read as {encoding.value}; name another --encoding") from None
    return _clean_ends(text, encoding)


def _clean_ends(text: str, encoding: TextEncoding) -> DecodedText:
    """Lines end with a line feed; a carriage return alone ends them only where no line feed stands at all."""
    ended = text if "\n" in text else text.replace("\r", "\n")
    return DecodedText(_LINE_END.sub("\n", ended), encoding)


def _find_first_line(content: bytes) -> int:
    first = next(index for index, byte in enumerate(content) if byte >= 0x80)  # noqa: PLR2004 beyond ASCII
    return content.count(b"\n", 0, first) + 1


def _refuse_commands(found: DecodedText, path: Path) -> None:
    """Refuse letters beyond ASCII where they are part of a command."""
    for number, line in enumerate(found.text.split("\n"), start=1):
        if not line.isascii() and not _FREE_TEXT.match(line):
            message = (
                f"holds letters beyond ASCII outside a description, name or comment; it looks like {found.encoding}"
            )
            raise InputRefused(path, f"{message}: if it is, say --encoding {found.encoding}", number)
