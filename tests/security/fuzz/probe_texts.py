"""What is read of schools' probes, for the fuzzer: the list of the enrolled ones, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from controller.telemetry.enrolled_probes import load_enrolled_probes
from controller.telemetry.probe_words import load_probe_words, parse_probe_word
from controller.telemetry.writer_tokens import read_token

_ENROLLED = (
    b'{"format": 1, "probes": [{"school": "as-e04", "enrolled_at": "2026-04-06T09:00:00Z", "token_sha256": "'
    + b"0f" * 32
    + b'"}]}'
)
_WORDS = b'{"format": 1, "words": [{"school": "as-e04", "heard_at": 1764500000.5, "version": "1.0.0", "skew": -2.5}]}'
_HEADERS = (b"tsunagu-probe/1.0.0", b"1764500000.5", b"installed")


def list_probe_readers(
    write: Callable[[str, bytes], Path],
) -> Iterator[tuple[str, tuple[bytes, ...], Callable[[bytes], object], tuple[str, ...]]]:
    """Yield name, seeds, reader and the functions that it is for."""
    yield (
        "tokens of writers",
        (b"0123456789abcdef" * 4 + b"\n",),
        lambda data: read_token(write("token", data)),
        ("read_token", "load_sender_tokens"),
    )
    yield (
        "enrolled probes",
        (_ENROLLED,),
        lambda data: load_enrolled_probes(write("enrolled", data)),
        ("load_enrolled_probes", "read_private_file"),
    )
    yield "words of probes", (_WORDS,), lambda data: load_probe_words(write("words", data)), ("load_probe_words",)
    yield (
        "headers of probes",
        _HEADERS,
        lambda data: parse_probe_word("as-e04", lambda _: data.decode("latin-1"), 1764500000.0),
        ("parse_probe_word",),
    )
