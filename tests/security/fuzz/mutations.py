"""Broken input: a good document with some of it replaced, doubled, cut, nested or turned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

LONGEST = 64 * 1024
"""Bytes of an input; what is larger than any reader takes has tests of its own."""
_TOKEN = re.compile(rb"\w+|\s+|.", re.DOTALL)

NASTY: Sequence[bytes] = (
    b"", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f\x8f\xab", "\u202e".encode(), "\u2028".encode(),
    b"\x85", b"\r", b"\x1b]0;x\x07", b"\x1b[2J", "²".encode(), "٣".encode(), "\uff11".encode(), "Ⅷ".encode(),
    "é".encode(), b"9" * 400, b"9" * 5000, b"-1", b"-0", b"0x" + b"f" * 2000, b"0o777", b"0b1", b"1_000",
    b"007", b"1e999", b".inf", b".nan", b"NaN", b"true", b"null", b"~", b"''", b'"', b"'", b"\\", b"\n",
    b"\n\n", b"\t", b": ", b"- ", b"? ", b"| ", b"> ", b"#", b"%", b"!!int ''", b"!!bool foo",
    b"!!python/object/apply:os.system [id]", b"!!binary x", b"!!timestamp x", b"&a [*a]", b"*a", b"<<: *a",
    b"&a", b"[" * 300, b"{" * 300, b"[" * 20000, b'{"a":' * 5000, b"]" * 30, b"- " * 3000, b"((((",
    b"2026-13-45", b"2026-02-30T25:61:61Z", b"0001-01-01", b"9999-12-31", b"25:61", b"24:00", b"0.0.0.0/0",
    b"::/0", b"1.2.3.4/33", b"256.1.1.1", b"2001:db8::1%eth0", b"::ffff:1.2.3.4", b"255.0.255.0",
    b"tcp/0-70000", b"tcp/5-1", b"4294967296", b"18446744073709551616", b"65536", b"4095",
    b"{{ lookup('pipe','id') }}", b"../../etc/passwd", b"exit", b"!", b"ip access-list extended X",
    b"\n interface Vlan1\n", b"room_" * 40, b"a-" * 2000, b" " * 3000,
)  # fmt: skip
"""What parsers have fallen over, here and elsewhere."""


def mutate(draw: Random, seeds: Sequence[bytes]) -> bytes:
    """A document of these with one to five mutations, or now and then anything at all."""
    data = draw.choice(seeds) if draw.randrange(20) else draw.randbytes(draw.randrange(200))
    for _ in range(draw.randrange(1, 6)):
        at = draw.randrange(len(data) + 1)
        word = _TOKEN.search(data, at)
        start, end = (word.start(), word.end()) if word else (at, at)
        kind = draw.randrange(10)
        if kind <= 4:  # another word there, or one more
            data = data[:start] + draw.choice(NASTY) + data[draw.choice((start, end, end)) :]
        elif kind == 5:  # away with it, or with much of what follows
            data = data[:start] + data[end + draw.choice((0, 0, 20, 500)) :]
        elif kind == 6:  # many times
            end += draw.choice((0, 0, 20, 100))
            data = data[:start] + data[start:end] * draw.choice((2, 3, 40, 1000)) + data[end:]
        elif kind == 7:  # the document ends here
            data = data[:start]
        elif kind == 8:  # a word of another place
            other = _TOKEN.search(data, draw.randrange(len(data) + 1))
            data = data[:start] + (other.group() if other else b"") + data[end:]
        elif start < len(data):  # one bit turned
            data = data[:start] + bytes([data[start] ^ (1 << draw.randrange(8))]) + data[start + 1 :]
        data = data[:LONGEST]
    return data
