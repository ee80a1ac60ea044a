"""Secrets in a running configuration, taken out before the text is kept.

Rather too much than too little: what follows a word such as `password` or `key` is taken out to the end of its line,
whatever the vendor's grammar says of it. Words and lines are those of the command references of Cisco IOS, FRR,
AlliedWare Plus, Yamaha RTX and NEC UNIVERGE IX, and the settings of hostapd; a line that is ours never holds a secret.
"""

from __future__ import annotations

import re

REDACTED = "<redacted>"

_WORD = r"(?:[\w.]+[-_])*(?:password|passwd|passphrase|secret|key|keystring|key-string|psk|community)\d*"
_RULES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?P<kept>^.*?(?<![^\s]){_WORD}[\s=:]\s*)(?P<secret>\S.*)$",
        r"(?P<kept>^\s*snmp-server host \S+\s+)(?P<secret>\S.*)$",
        r"(?P<kept>^\s*snmp-server user .*?\bauth\s+)(?P<secret>\S.*)$",
        r"(?P<kept>^\s*(?:standby|vrrp|glbp) .*?\bauthentication\s+)(?P<secret>\S.*)$",
        r"(?P<kept>^\s*(?:pp|tunnel) auth (?:myname|username) \S+\s+)(?P<secret>\S.*)$",
    )
)
_BLOCK_BEGINS, _BLOCK_ENDS = re.compile(r"-----BEGIN .*PRIVATE KEY-----"), re.compile(r"-----END .*PRIVATE KEY-----")


def redact(text: str) -> tuple[str, int]:
    """The text with every secret replaced, and how many lines that touched. Line numbers stay what they were."""
    kept: list[str] = []
    touched = 0
    in_key = False
    for line in text.split("\n"):
        begins = _BLOCK_BEGINS.search(line) is not None
        shown = REDACTED if in_key or begins else _line(line)
        in_key = (in_key or begins) and _BLOCK_ENDS.search(line) is None
        touched += shown != line
        kept.append(shown)
    return "\n".join(kept), touched


def _line(line: str) -> str:
    for rule in _RULES:
        found = rule.search(line)
        if found and found["secret"].strip() != REDACTED:
            return found["kept"] + REDACTED
    return line
