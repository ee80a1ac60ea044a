"""Names files that are no text at all: a spreadsheet with another ending, a PDF, an archive, a picture."""

from __future__ import annotations

_KINDS = (
    (b"PK\x03\x04", "a spreadsheet or another ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "a document of an older office program"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file (gzip)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3\0", "a database"),
    (b"\x7fELF", "a program"),
)


def name_binary_kind(content: bytes) -> str:
    """Return what a file is that is no text, by how it begins; "" where nothing is known of it.

    >>> name_binary_kind(b"%PDF-1.7 ...")
    'a PDF'
    """
    return next((kind for mark, kind in _KINDS if content.startswith(mark)), "")
