"""What users read in Japanese or English, from one catalogue: `*.yaml` beside this file, one file a subject.

A message is a key with a text for each language; texts hold named marks as in `str.format`. Code says
`catalogue("ja")["report.title"]` or `catalogue("ja").say("report.schools", count=176)`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Message(BaseModel):
    """One message in every language; all of them have the same marks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ja: str
    en: str


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


@cache
def load_catalogue(language: Language) -> Catalogue:
    """The messages of a language, by `SUBJECT.KEY`.

    Raises:
        ValueError: a file of the catalogue is damaged, or a message has other marks in one language than in another.
    """
    return Catalogue(language, MappingProxyType({key: getattr(one, language) for key, one in _messages().items()}))


@cache
def _messages() -> dict[str, Message]:
    adapter = TypeAdapter(dict[str, Message])
    found: dict[str, Message] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            subject = file.name.removesuffix(".yaml")
            for key, message in adapter.validate_python(yaml.safe_load(file.read_text(encoding="utf-8"))).items():
                if _marks(message.ja) != _marks(message.en):
                    text = f"{file.name}: {key}: the languages have different marks"
                    raise ValueError(text)
                found[f"{subject}.{key}"] = message
    return found


def _marks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
