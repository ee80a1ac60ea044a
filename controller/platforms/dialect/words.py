"""The words of a line of a configuration, taken one after the other, and the addresses among them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address

from controller.model.network.packets import Family, Prefix, parse_prefix

END = "the end of the line"
_MOST_DIGITS = 5


class Words:
    """What is left of a line. Every refusal is a ValueError that tells the word and what was expected."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def peek(self) -> str:
        """Return the next word; `END` if there is none."""
        return self._words[0] if self._words else END

    def take(self) -> str:
        """Take the next word; `END` if there is none."""
        return self._words.pop(0) if self._words else END

    def take_if(self, word: str) -> bool:
        """Take the next word if it is this one; say if it was."""
        return self.peek() == word and bool(self.take())

    def take_one_of(self, allowed: Collection[str]) -> str:
        """Take one of these words.

        Raises:
            ValueError: it is another.
        """
        if self.peek() not in allowed:
            self.refuse(" or ".join(allowed))
        return self.take()

    def take_number_or(
        self, named: Mapping[str, int] | Mapping[str, int | None], low: int, high: int, what: str
    ) -> int | None:
        """Take a number of a range, or a word that stands for one.

        Raises:
            ValueError: it is neither.
        """
        word = self.peek()
        if word in named:
            return named[self.take()]
        if not re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", word) or not low <= int(word) <= high:
            self.refuse(", ".join((f"{what}: {low} to {high}", *sorted(named))))
        return int(self.take())

    def expect_end(self, expected: str) -> None:
        """Refuse any word that is left.

        Raises:
            ValueError: something is.
        """
        if self._words:
            self.refuse(expected)

    def refuse(self, expected: str) -> None:
        """Refuse the next word.

        Raises:
            ValueError: always.
        """
        message = f"unknown word {self.peek()!r}; expected {expected}"
        raise ValueError(message)


def read_prefix(words: Words, family: Family, text: str) -> Prefix:
    """Return a prefix or an address of the family; `words` are only those that follow it.

    Raises:
        ValueError: it is none, of the other family, or has host bits.
    """
    try:
        found = parse_prefix(text.lower())
    except ValueError:
        found = None
    if found is None or Family(found.version) is not family:
        message = f"unknown address {text!r} before {words.peek()!r}; expected IPv{int(family)}, no host bits set"
        raise ValueError(message)
    return found


def read_wildcard(words: Words, family: Family, address: str, wildcard: str, expected: str) -> Prefix:
    """Return the prefix that an IPv4 address and its wildcard mask mean.

    Raises:
        ValueError: it does not; `expected` tells what else could have stood there.
    """
    try:
        mask = int(IPv4Address(wildcard))
    except ValueError:
        message = f"unknown address {address!r} {wildcard!r}; expected {expected}"
        raise ValueError(message) from None
    if mask & (mask + 1):
        message = f"the wildcard mask {wildcard} is no prefix; ours are"
        raise ValueError(message)
    return read_prefix(words, family, f"{address}/{family.bits - mask.bit_length()}")
