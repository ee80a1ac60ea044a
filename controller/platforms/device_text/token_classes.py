"""Classes of words that no secret is written in: small numbers, addresses, names of interfaces, names of ours."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_interface

from controller.platforms.device_text.word_lists import read_words

_NUMBERS = re.compile(r"[0-9]{1,5}(?:[-,/.][0-9]{1,5}){0,40}")
_INTERFACE = re.compile(r"(?P<kind>[A-Za-z][A-Za-z-]{0,23})[0-9]{1,4}(?:[/.:][0-9]{1,4}){0,4}")
_INTERFACE_KINDS = read_words("interface_kinds.txt")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}")
_MANAGED = re.compile(r"(?:TSN|tsn)-[A-Za-z0-9-]{1,30}(?:\.[0-9]{1,4})?(?:\.vlan)?")
_EDGES = "\"'`()[]{}<>,;:!|*^%&@~?+=#.\\"
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:/[0-9]{1,3})?")
_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7}")
_LEAST_COLONS = 2
_MAC_GROUPS = 5
_SYSTEM_DIGITS = 10


def is_small_number(word: str) -> bool:
    """Say if a word is a number of at most five digits, or a list or range of such.

    >>> [is_small_number(word) for word in ("443", "10-20,30", "12345670", "x1")]
    [True, True, False, False]
    """
    return _NUMBERS.fullmatch(word) is not None


def is_system_number(word: str) -> bool:
    """Say if a word can be the number of an autonomous system."""
    return word.isdecimal() and int(word) < 2**32 if len(word) <= _SYSTEM_DIGITS else False


def is_address(word: str) -> bool:
    """Say if a word is an IP address or prefix; a MAC address can be a secret (RADIUS by MAC), so it is none.

    Nor are eight pairs, which is how an engine's id or a key is written.

    >>> [is_address(word) for word in ("10.0.0.1/24", "2001:db8::1", "aa:bb:cc:dd:ee:ff", "10.0.0")]
    [True, True, False, False]
    """
    if not _ADDRESS.fullmatch(word) or (word.count(":") == _MAC_GROUPS and "::" not in word):
        return False
    if _PAIRS.fullmatch(word):
        return False
    if ":" in word and word.count(":") < _LEAST_COLONS:
        return False
    try:
        ip_interface(word) if "/" in word else ip_address(word)
    except ValueError:
        return False
    return True


def is_interface(word: str) -> bool:
    """Say if a word is the name of an interface.

    >>> [is_interface(word) for word in ("GigabitEthernet1/0/1", "port1.0.12", "ge-0/0/0.0", "vlan10", "hunter2")]
    [True, True, True, True, False]
    """
    found = _INTERFACE.fullmatch(word)
    return found is not None and found["kind"].lower() in _INTERFACE_KINDS


def is_name(word: str) -> bool:
    """Say if a word can be the name of an object, where a keyword says that one follows."""
    return _NAME.fullmatch(word) is not None


def is_managed_name(word: str) -> bool:
    """Say if a word is the name of an object of ours.

    >>> [is_managed_name(word) for word in ("TSN-10-IN-4-abc", "tsn-10.vlan", "TSN-", "tsnet-1")]
    [True, True, False, False]
    """
    return _MANAGED.fullmatch(word) is not None


def split_token(token: str) -> tuple[str, str, str]:
    """Return a token as the punctuation before a word, the word, and the punctuation behind it.

    >>> split_token("(10.0.0.1);")
    ('(', '10.0.0.1', ');')
    """
    if is_address(plain := token.rstrip(",;")):
        return "", plain, token[len(plain) :]
    begin = token.lstrip(_EDGES)
    word = begin.rstrip(_EDGES)
    return token[: len(token) - len(begin)], word, begin[len(word) :]
