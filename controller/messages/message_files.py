"""Reads the files of the catalogue. It is imported only where a message is wanted: `--help` alone needs none."""

from __future__ import annotations

from importlib.resources import files
from string import Formatter

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter


class Message(BaseModel):
    """One message in every language; all of them have the same marks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ja: str
    en: str


def collect_messages() -> dict[str, Message]:
    """Return every message, by `SUBJECT.KEY`.

    Raises:
        ValueError: a file of the catalogue is damaged, or a message has other marks in one language than in another.
    """
    adapter = TypeAdapter(dict[str, Message])
    found: dict[str, Message] = {}
    for file in sorted(files(__package__).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".yaml"):
            subject = file.name.removesuffix(".yaml")
            document = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            for key, message in adapter.validate_python(document).items():
                if _list_marks(message.ja) != _list_marks(message.en):
                    text = f"{file.name}: {key}: the languages have different marks"
                    raise ValueError(text)
                found[f"{subject}.{key}"] = message
    return found


def _list_marks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
