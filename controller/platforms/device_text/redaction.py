"""Secrets in a device's text, taken out by an allow-list before the text is kept or shown.

A line that a platform understood as ours stays, but for the value of a setting that is named as a secret. Of every
other line only these stay: words of network configuration (`words/keywords.txt`), small numbers, addresses, names of
interfaces, and names where a keyword says that one follows (`access-list`, `route-map`). Whatever else stands there,
and all that follows a word such as `password`, `key` or `community`, becomes `<redacted>`: a form of secret that nobody
thought of is hidden because it is not known: rather too much than too little. Every step is linear in the length of
the line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from string import punctuation

from controller.platforms.device_text.token_classes import (
    is_address,
    is_interface,
    is_managed_name,
    is_name,
    is_small_number,
    is_system_number,
    split_token,
)
from controller.platforms.device_text.word_lists import read_words

REDACTED = "<redacted>"

_SECRET_WORDS = read_words("secret_words.txt")
_SECRET_PARTS = (
    *("password", "passwd", "passphrase", "secret", "psk", "credential", "privatekey", "presharedkey", "sharedkey"),
    *("apikey", "authkey", "keystring", "privkey", "encryptedkey", "authtoken"),
)
"""Letters that make a word one of those, written together with others (`authpassword`)."""
_NO_SECRET = read_words("no_secret_words.txt")
_PERSON_WORDS = read_words("person_words.txt")
_GUESSABLE = read_words("guessable_words.txt")
_FREE_TEXT = read_words("free_text_words.txt")
_NAMES_FOLLOW = read_words("words_before_names.txt")
_SYSTEMS_FOLLOW = frozenset(("bgp", "remote-as", "local-as", "prepend"))
"""Words before the number of an autonomous system, which has up to ten digits."""
_BEGINS = re.compile(r"(?:\s*|.*\")(?:-{4,5} ?BEGIN |PuTTY-User-Key-File)")
"""At the begin of a line, or of what stands in quotes: elsewhere it is prose that speaks of a key."""
_ENDS = re.compile(r"-{4,5} ?END |Private-MAC:")
_BANNER = re.compile(r"(?P<head>\s*banner [a-z-]+ )(?P<delimiter>\^[!-~]|[!-/:-@\[-`{-~])(?P<rest>.*)")
_LONGEST_BLOCK = 200
"""Lines of a key or a banner; one that does not end by then has none."""
_SEPARATORS = frozenset({"", "!", "#"})
_FILE_HEADER = re.compile(r"==> /[a-z0-9._/-]{1,80} <==")
_TOKENS = re.compile(r'\s+|<redacted>|"[^"]*"?|[^\s"<]+|<')
_PARTS = re.compile(r"[-_.]")
_STATEMENT_END = re.compile("[;,{})]{0,3}")
_LONGEST_PART = 2
_FULL_COLONS = 7
_TELLING = 3
"""Characters in a row of a secret that give something of it away."""


def redact(text: str, understood: Collection[int] = ()) -> tuple[str, int]:
    """Return the text with every possible secret replaced, and how many lines that touched; lines keep their numbers.

    `understood` are the numbers of the lines that a platform knows as ours.
    """
    return _redact_lines(text, understood, read_words("keywords.txt"))


def redact_message(text: str) -> str:
    """Return what a device says of its own error, redacted as its configuration is; more words of prose are known."""
    return _redact_lines(text, (), read_words("keywords.txt") | read_words("error_words.txt"))[0]


def hide_words(text: str, secrets: Sequence[str]) -> str:
    """Return a text without the words that hold one of these, or so much of one that it would be given away.

    >>> hide_words("% Weak password: 'hunter2', not unter!", ["hunter2"])
    '% Weak password: <redacted> not <redacted>'
    """
    bare = [one.strip(punctuation) for one in secrets]

    def hide(found: re.Match[str]) -> str:
        word = found[0].strip(punctuation)
        quotes = any((one and one in found[0]) or (len(word) >= _TELLING and word in one) for one in bare)
        return REDACTED if quotes else found[0]

    return re.sub(r"\S+", hide, text)


def _redact_lines(text: str, understood: Collection[int], known: frozenset[str]) -> tuple[str, int]:
    lines = text.split("\n")
    reader = _Lines(known, lines)
    kept = [reader.redact(line, understood=number in understood) for number, line in enumerate(lines, start=1)]
    return "\n".join(kept), sum(line != shown for line, shown in zip(lines, kept, strict=True))


class _Lines:
    """The lines of a text, one after the other: a key or a banner goes over several, a value may stand in the next."""

    def __init__(self, known: frozenset[str], lines: Sequence[str]) -> None:
        self._known = known
        self._lines = lines
        self._read = 0
        self._left_of_block = 0
        self._value_is_next = False
        self._banner_ends = ""

    def redact(self, line: str, *, understood: bool) -> str:
        self._read += 1
        hidden = self._is_in_block(line)
        if understood:
            return _hide_named_secret(line)
        if hidden:
            return REDACTED
        if self._banner_ends:
            return self._redact_banner(line)
        if banner := _BANNER.fullmatch(line):
            return self._begin_banner(banner)
        # What parts the blocks is no value, also behind `no banner motd`: hidden, it would be one line more.
        return line if line.strip() in _SEPARATORS else self._redact_line(line)

    def _is_in_block(self, line: str) -> bool:
        """Say if a line is of a key of several lines; one that has no end is over where the configuration goes on."""
        if _BEGINS.match(line):
            self._left_of_block = _LONGEST_BLOCK
        elif self._left_of_block and self._is_of_keywords(line):
            self._left_of_block = 0
        if not self._left_of_block:
            return False
        self._left_of_block = 0 if _ENDS.search(line) else self._left_of_block - 1
        return True

    def _is_of_keywords(self, line: str) -> bool:
        """Say if a line has several words, begins with a keyword and holds nothing to hide; no line of a key does."""
        words = line.split()
        judged = _Line(self._known, after_secret=False)
        return len(words) > 1 and words[0].lower() in self._known and judged.redact(line) == line

    def _redact_line(self, line: str) -> str:
        alone = self._value_is_next and len(line.split()) == 1
        judged = _Line(self._known, after_secret=self._value_is_next)
        shown = _hide_all(line) if alone else judged.redact(line)
        # A value of many lines (a key in hexadecimal) goes on until a line begins with a keyword.
        goes_on = self._value_is_next and not judged.begins_with_keyword
        self._value_is_next = not alone and (judged.value_is_next or goes_on)
        return shown

    def _begin_banner(self, banner: re.Match[str]) -> str:
        """Keep the delimiter: without it the lines behind a banner would be read as its text."""
        delimiter, rest = banner["delimiter"], banner["rest"]
        begin = banner["head"] + delimiter
        if delimiter in rest:
            return f"{begin}{REDACTED}{delimiter}"
        if any(delimiter in line for line in self._lines[self._read : self._read + _LONGEST_BLOCK]):
            self._banner_ends = delimiter
        return begin + (REDACTED if rest.strip() else rest)

    def _redact_banner(self, line: str) -> str:
        delimiter = self._banner_ends
        if delimiter not in line:
            return REDACTED if line.strip() else line
        self._banner_ends = ""
        before = line.partition(delimiter)[0]
        return (REDACTED if before.strip() else before) + delimiter


def _hide_all(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + REDACTED


def _hide_named_secret(line: str) -> str:
    """Hide the value of a setting of ours that is named as a secret (hostapd's shared secret of a server)."""
    setting, equals, value = line.partition("=")
    return f"{setting}={REDACTED}" if equals and value and is_secret_word(setting.strip()) else line


def is_secret_word(word: str) -> bool:
    """Say if the rest of the line behind a word is a secret.

    >>> [is_secret_word(word) for word in ("message-digest-key", "authpassword", "password-encryption", "vlan")]
    [True, True, False, False]
    """
    lower = word.lower()
    if lower in _NO_SECRET or is_managed_name(word):
        return False
    parts = _PARTS.split(lower)
    return any(part.rstrip("0123456789") in _SECRET_WORDS for part in parts) or any(
        letters in lower for letters in _SECRET_PARTS
    )


class _Line:
    """One line of others, judged word by word from left to right."""

    def __init__(self, known: frozenset[str], *, after_secret: bool) -> None:
        self._known = known
        self._only_keywords = after_secret
        self._name_follows = False
        self._system_follows = False
        self._shown_before = True
        self._text_follows = False
        self.value_is_next = False
        self.begins_with_keyword = False

    def redact(self, line: str) -> str:
        if _FILE_HEADER.fullmatch(line):
            return line
        out: list[str] = []
        said = ""
        for token, space in _split_words(line):
            shown, ends = self._judge(token)
            if not said:
                self.begins_with_keyword = self._is_keyword(split_token(token)[1])
            out += (space, shown)
            if ends:
                rest = line[len(said) + len(space) + len(token) :]
                # Spaces at the end of a line are no value; a value is whatever else is there.
                return "".join(out) + (rest if not rest.strip() or self._is_our_text(rest) else self._hide_rest(rest))
            said += space + token
        return "".join(out) + line[len(said) :]

    def _is_our_text(self, rest: str) -> bool:
        """Say if free text is a name of ours; behind a word for secrets or for people it may be a value like a name."""
        return self._text_follows and not self._only_keywords and is_managed_name(rest.strip())

    def _hide_rest(self, rest: str) -> str:
        # Where only its form is told (`key 7`, `password: |`) the value may be in the next line.
        self.value_is_next = all(len(word) <= _LONGEST_PART or self._is_keyword(word) for word in rest.split())
        return rest[: len(rest) - len(rest.lstrip())] + REDACTED

    def _judge(self, token: str) -> tuple[str, bool]:
        """Return a token as it is shown, and whether all behind it is hidden."""
        if token == REDACTED:
            self._shown_before, self.value_is_next = False, False
            return token, False
        setting, equals, value = token.partition("=")
        if equals and setting and self._is_keyword(setting):
            return self._judge_setting(setting, value)
        if token.startswith('"'):
            self._shown_before = False
            return REDACTED, False
        left, word, right = split_token(token)
        if not word:
            return (token, False) if len(set(token)) <= _LONGEST_PART else (REDACTED, False)
        shown, ends = self._judge_word(word)
        if shown != REDACTED:
            return left + shown + right, ends
        # Punctuation may be a part of what is hidden; what ends a statement is needed to read on.
        end = _STATEMENT_END.match(right)
        return REDACTED + (end[0] if end else ""), ends

    def _judge_setting(self, setting: str, value: str) -> tuple[str, bool]:
        secret = is_secret_word(setting)
        self._note_keyword(setting)
        if secret and value:
            return f"{setting}={REDACTED}", self._end_at_value() and value != REDACTED
        self.value_is_next = secret
        shown: list[str] = []
        ends = False
        for number, one in enumerate(value.split(",")):
            # The value of a setting is no setting again (`a=b=c`); the next one in the list may be.
            if ends or (number == 0 and "=" in one):
                shown.append(REDACTED)
                ends = True
            else:
                part, ends = self._judge(one) if one else ("", False)
                shown.append(part)
        return f"{setting}={','.join(shown)}", ends

    def _end_at_value(self) -> bool:
        self._only_keywords = True
        self.value_is_next = False
        return True

    def _judge_word(self, word: str) -> tuple[str, bool]:
        self.value_is_next = False
        if is_secret_word(word):
            if not self._is_keyword(word):
                self._shown_before = False
                return REDACTED, True
            # Whether it is in this line or the next: `key-string` alone has its value there.
            self.value_is_next = True
            return word, True
        if self._is_keyword(word):
            self._text_follows = word.lower() in _FREE_TEXT
            self._note_keyword(word)
            return word, self._text_follows
        if (is_managed_name(word) and not self._only_keywords) or self._is_open_value(word):
            self._shown_before = True
            return word, False
        self._name_follows, self._shown_before = False, False
        return REDACTED, False

    def _note_keyword(self, word: str) -> None:
        lower = word.lower()
        self._shown_before = True
        self._name_follows = self._name_follows or lower in _NAMES_FOLLOW
        self._system_follows = lower in _SYSTEMS_FOLLOW
        if lower in _PERSON_WORDS or any(part in _PERSON_WORDS for part in _PARTS.split(lower)):
            self._only_keywords = True

    def _is_keyword(self, word: str) -> bool:
        lower = word.lower()
        if self._only_keywords and lower in _GUESSABLE:
            return False
        return (
            lower in self._known
            or lower in _NO_SECRET
            or lower in _FREE_TEXT
            or all(
                part in self._known or part in _SECRET_WORDS or part in _PERSON_WORDS for part in _PARTS.split(lower)
            )
        )

    def _is_open_value(self, word: str) -> bool:
        # Eight groups in full are as long as a key; people write an address with `::`.
        if self._shown_before and is_address(word) and not (self._only_keywords and word.count(":") == _FULL_COLONS):
            return True
        if self._only_keywords:
            return False
        name_follows, self._name_follows = self._name_follows, False
        if name_follows and is_name(word):
            return True
        if self._system_follows and is_system_number(word):
            return True
        return self._shown_before and (is_small_number(word) or is_interface(word))


def _split_words(line: str) -> Iterator[tuple[str, str]]:
    """Yield each word with the space before it; what stands in quotes is one word."""
    space = ""
    for found in _TOKENS.finditer(line):
        if found[0].isspace():
            space = found[0]
            continue
        yield found[0], space
        space = ""
