"""What users read in Japanese or English, from one catalogue: `*.yaml` beside this file, one file a subject.

A message is a key with a text for each language; texts hold named marks as in `str.format`. Code says
`catalogue("ja")["report.title"]` or `catalogue("ja").say("report.schools", count=176)`.

What the checks, proofs and plans find is told in English, and stands so in JSON. Where people read it, the catalogue
translates the sentence: `catalogue("ja").translate("findings", "no rule permits application 'cbt' to anybody")`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from string import Formatter
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from controller.messages.message_files import Message

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Catalogue:
    """The messages of one language."""

    def __init__(self, language: Language, texts: MappingProxyType[str, str]) -> None:
        self.language = language
        self.texts = texts

    def __getitem__(self, key: str) -> str:
        return self.texts[key]

    def say(self, key: str, **marks: object) -> str:
        """A message with its marks filled in."""
        return self.texts[key].format(**marks)

    def translate(self, subject: str, text: str) -> str:
        """Return a sentence of a subject in this language; in English, where the catalogue does not know it.

        What stands at a mark is translated, too, where the catalogue knows it as a whole.

        >>> load_catalogue("ja").translate("findings", "no rule permits application 'cbt' to anybody")
        "アプリケーション 'cbt' を誰かに許可するルールがありません"
        """
        if self.language == "en":
            return text
        for sentence in _load_sentences(subject):
            found = sentence.match(text)
            if found is not None:
                marks = {name: self.translate(subject, value) for name, value in found.items()}
                return self.say(sentence.key, **marks)
        return text


class _Sentence:
    """A message whose English text is found again in what was said."""

    def __init__(self, key: str, english: str) -> None:
        self.key = key
        self.constant = sum(len(text) for text, *_ in Formatter().parse(english))
        parts = ((re.escape(text), name) for text, name, *_ in Formatter().parse(english))
        self._pattern = re.compile("".join(text if name is None else f"{text}(?P<{name}>.*?)" for text, name in parts))

    def match(self, text: str) -> dict[str, str] | None:
        """Return what stands at the marks; None where the text says something else."""
        found = self._pattern.fullmatch(text)
        return None if found is None else found.groupdict()


@cache
def _load_sentences(subject: str) -> tuple[_Sentence, ...]:
    """The sentences of a subject, those with the most words of their own first."""
    found = [_Sentence(key, one.en) for key, one in _messages().items() if key.startswith(f"{subject}.")]
    return tuple(sorted(found, key=lambda one: -one.constant))


def choose_system_language(environment: Mapping[str, str]) -> Language:
    """Return the language that the system speaks, by its environment; English where that is none of ours.

    >>> choose_system_language({"LC_ALL": "C", "LANG": "ja_JP.UTF-8"}), choose_system_language({"LANG": "ja_JP.UTF-8"})
    ('en', 'ja')
    """
    system = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "ja" if system.partition("_")[0] == "ja" else "en"


@cache
def load_catalogue(language: Language) -> Catalogue:
    """The messages of a language, by `SUBJECT.KEY`.

    Raises:
        ValueError: a file of the catalogue is damaged, or a message has other marks in one language than in another.
    """
    return Catalogue(language, MappingProxyType({key: getattr(one, language) for key, one in _messages().items()}))


@cache
def _messages() -> Mapping[str, Message]:
    from controller.messages.message_files import collect_messages  # noqa: PLC0415 see there

    return collect_messages()
