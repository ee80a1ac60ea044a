"""Saved texts in the encodings that Japan's devices and programs write: told, found, or refused; never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import InputRefused
from controller.inputs.text_encodings import TextEncoding, read_encoded_text

PATH = Path("core1.cfg")
TEXT = "hostname core1\ninterface Vlan10\n description 職員室の表示\n"


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", TextEncoding.UTF_8),
        ("utf-8-sig", TextEncoding.UTF_8),
        ("utf-16", TextEncoding.UTF_16),
        ("cp932", TextEncoding.SHIFT_JIS),
        ("euc_jp", TextEncoding.EUC_JP),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_what_one_encoding_fits_is_read_and_its_name_known(codec: str, encoding: TextEncoding, ends: str) -> None:
    found = read_encoded_text(TEXT.replace("\n", ends).encode(codec), PATH)
    assert (found.text, found.encoding) == (TEXT, encoding)


def test_what_two_encodings_fit_is_refused_until_somebody_says_which() -> None:
    both = b" description " + "ｱｲｳ".encode("cp932") + b"\xb6\n"
    with pytest.raises(
        InputRefused, match=r"core1.cfg:2: .*Shift-JIS as well as EUC-JP; say which: --encoding shift-jis"
    ):
        read_encoded_text(b"hostname core1\n" + both, PATH)
    first, second = (read_encoded_text(both, PATH, told).text for told in (TextEncoding.SHIFT_JIS, TextEncoding.EUC_JP))
    assert first == " description ｱｲｳｶ\n"
    assert first != second


def test_what_no_encoding_fits_is_refused_with_its_line() -> None:
    for content in (b"hostname a\n description \xff\xff\n", b"hostname a\n description caf\xe9\n"):
        with pytest.raises(InputRefused, match=r"core1.cfg:2: cannot be read as UTF-8 text"):
            read_encoded_text(content, PATH)


def test_what_was_told_and_does_not_fit_is_refused() -> None:
    with pytest.raises(InputRefused, match=r"core1.cfg:3: cannot be read as euc-jp: byte 0x.*name another --encoding"):
        read_encoded_text(TEXT.encode("cp932"), PATH, TextEncoding.EUC_JP)


def test_letters_of_an_older_encoding_in_a_command_are_not_taken_for_granted() -> None:
    content = "hostname core1\naccess-list 10 permit 職員\n".encode("cp932")
    with pytest.raises(InputRefused, match=r"core1.cfg:2: .*outside a description.*say --encoding shift-jis"):
        read_encoded_text(content, PATH)
    assert "職員" in read_encoded_text(content, PATH, TextEncoding.SHIFT_JIS).text


def test_a_letter_that_swallows_a_letter_of_the_command_is_no_text() -> None:
    """0x83 begins a letter of Shift-JIS; a space cannot end it, so nothing of the command is lost unseen."""
    with pytest.raises(InputRefused):
        read_encoded_text(b" description \x83 permit\n", PATH)
