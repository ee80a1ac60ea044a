"""Hardware (MAC) addresses: read as people and devices write them, and kept in one form."""

from __future__ import annotations

import re

_FORMS = re.compile(
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{12}"
)
_GROUP = 1
"""The bit of the first octet that says: an address of a group."""


def parse_mac_address(text: str) -> str:
    """Return a hardware address of one host, in the form `02:54:00:00:00:01`.

    >>> parse_mac_address("0254.00AB.0001"), parse_mac_address("02-54-00-AB-00-01")
    ('02:54:00:ab:00:01', '02:54:00:ab:00:01')

    Raises:
        ValueError: it is none, or that of a group of hosts.
    """
    digits = text.lower()
    if not _FORMS.fullmatch(digits):
        message = "write a MAC address as six pairs of hexadecimal digits, e.g. 02:54:00:ab:00:01"
        raise ValueError(message)
    plain = re.sub(r"[^0-9a-f]", "", digits)
    if is_group_address(plain) or not plain.strip("0"):
        message = "is no MAC address of one host: a group's, or all zeros; write that of the host's own network card"
        raise ValueError(message)
    return ":".join(plain[at : at + 2] for at in range(0, 12, 2))


def is_group_address(text: str) -> bool:
    """Tell if an address that begins so is that of a group of hosts (multicast, broadcast).

    >>> is_group_address("0100.5e00.0001"), is_group_address("02:54:00:00:00:01")
    (True, False)
    """
    return bool(int(text[:2], 16) & _GROUP)
