"""Which schools' probes were heard, when, and what they said of themselves; written down every few seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.errors import TokenRefused
from controller.telemetry.probe_words import (
    describe_probes,
    find_word_file,
    load_probe_words,
    parse_probe_word,
    save_probe_words,
)

SAVED_SECONDS = 10.0
"""How often it is written down at most: a word that is heard is in the file so soon, or with the next one."""


class ProbeListener:
    """The words of all schools' probes. Its methods belong to the event loop's thread."""

    def __init__(self, enrolments: Path) -> None:
        self._enrolments = enrolments
        self._record = find_word_file(enrolments)
        try:
            self._words = load_probe_words(self._record)
        except TokenRefused as error:
            # It is written anew with the next words; the city is watched meanwhile.
            self._words = {}
            logging.getLogger("tsunagu").error("%s; it begins anew", error)  # noqa: TRY400
        self._saved = 0.0
        self._news: dict[str, float] = {}

    def hear(self, school: str, header: Callable[[str], str | None], at: float) -> None:
        """Take what the headers of a school's request say of its probe."""
        word = parse_probe_word(school, header, at)
        before = self._words.get(school)
        self._words[school] = word
        # A probe whose version changes with each request is no reason to write with each: all others wait for the disk.
        is_news = (before is None or before.version != word.version) and _is_over(self._news.get(school, 0.0), at)
        if is_news or _is_over(self._saved, at):
            self._saved = at
            if is_news:
                self._news[school] = at
            try:
                save_probe_words(self._record, self._words.values())
            except OSError as error:
                logging.getLogger("tsunagu").error("%s cannot be written: %s", self._record, error.strerror or error)  # noqa: TRY400

    def list_probes(self) -> list[dict[str, Any]]:
        """Every school that has a probe or had one, with its last word."""
        try:
            return list(describe_probes(self._enrolments, self._words))
        except TokenRefused:
            return []


def _is_over(last: float, at: float) -> bool:
    """Whether a file may be written again; a clock that was put back is no reason to write nothing."""
    return abs(at - last) >= SAVED_SECONDS
