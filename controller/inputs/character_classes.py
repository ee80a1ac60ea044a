"""Which characters a text may hold that leaves the process into another language.

Names and sentences go to pages (HTML), reports, inventories (Ansible), messages on a terminal, logs and labels
(Prometheus). Each of these escapes what it is given; a class sees to it that nothing there needs to be escaped. Ids,
hosts and paths also go to switches, routers (vtysh) and expressions (CEL): their classes hold ASCII alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from controller.inputs.shown_text import LONGEST_MESSAGE, shorten_text, shorten_value

_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WIDE_SPACE = "\u3000"
_LOOKS_LIKE_NOTHING = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and symbols without a picture."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A class of texts for people: letters, digits, marks and signs of any script in one line; markup is refused.

    Args:
        longest: in characters.
        refused: signs of ASCII that are refused.
    """

    longest: int
    refused: str

    def find_fault(self, text: str) -> str | None:
        """What is wrong with a text; None where nothing is.

        >>> NAME_CHARACTERS.find_fault("川崎区立第一小学校 (本校)") is None
        True
        >>> NAME_CHARACTERS.find_fault("{{ x }}")
        "may not hold '{' (U+007B); a name is plain text in one line, without braces or other markup"
        """
        if len(text) > self.longest:
            return f"has {len(text):,} characters; at most {self.longest} are allowed"
        for character in text:
            if not self._allows(character):
                shown = shorten_value(character)
                return (
                    f"may not hold {shown} (U+{ord(character):04X}); a name is plain text in one line, without braces "
                    "or other markup"
                )
        return None

    def _allows(self, character: str) -> bool:
        if character.isascii():
            return character.isprintable() and character not in self.refused
        if character in _LOOKS_LIKE_NOTHING:
            return False
        category = unicodedata.category(character)
        return category not in _REFUSED_CATEGORIES and (category != "Zs" or character == _WIDE_SPACE)

    def check(self, text: str) -> str:
        """The text, if it is of the class.

        Raises:
            ValueError: it is not; says which character, and what is allowed.
        """
        fault = self.find_fault(text)
        if fault is not None:
            raise ValueError(fault)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 as in pydantic
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # An editor is told of ASCII; the rest is said by `check`.
        refused = re.escape(self.refused).replace("/", "\\/")
        return {**handler(schema), "maxLength": self.longest, "pattern": rf"^[^\u0000-\u001f\u007f-\u009f{refused}]*$"}


NAME_CHARACTERS = PlainText(100, '{}<>"`$\\|')
"""Names of schools, wards, roles, applications: they stand in labels, in headings and beside commands."""
SENTENCE_CHARACTERS = PlainText(500, "{}<>`$\\")
"""Purposes, reasons, sources: they stand in reports and messages."""

LINE_CHARACTERS = PlainText(1_000, "")
"""Words of a command, and what the controller keeps for itself: any sign that can be seen, in one line."""

Name = Annotated[str, NAME_CHARACTERS]
Sentence = Annotated[str, SENTENCE_CHARACTERS]
Line = Annotated[str, LINE_CHARACTERS]
AnsweredFor = Annotated[str, Field(min_length=1, pattern=r"\S"), SENTENCE_CHARACTERS]
"""A sentence that must say something: who answers, why."""
SsidName = Annotated[str, Field(pattern=r"^[!#%-;=?-\[\]^_a-z~]([ !#%-;=?-\[\]^_a-z~]{0,30}[!#%-;=?-\[\]^_a-z~])?$")]
"""A wireless network's name: ASCII without the signs of markup, no space at its ends."""
PlatformName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,38}$")]
PortPattern = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9 ./:_-]{0,38}\{n\}[A-Za-z0-9./:_-]{0,15}$")]
"""The name of a port with one plain mark `{n}`: a mark with a width would make a name of any length."""
HostName = Annotated[
    str,
    Field(
        max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
    ),
]
UrlPath = Annotated[str, Field(max_length=500, pattern=r"^/[A-Za-z0-9/._~%?&=+:@,;-]*$")]
FolderPath = Annotated[str, Field(pattern=r"^([A-Za-z0-9._/~@+ \[\]}-]|\{[A-Za-z0-9._/-]){1,300}$")]
"""A folder; a brace stands only before a plain character, so it begins no template."""
Argument = Annotated[str, Field(pattern=r"^[A-Za-z0-9 _./:=,@%+-]{1,200}$")]
"""An argument of a container's command."""
Number = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
"""A number that Google gave, as text: it may begin with 0."""
Fingerprint = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/_=-]{1,100}$")]
"""A digest in base64."""


@dataclass(frozen=True, slots=True)
class EscapedText:
    """A class for what a program or a server said: it is never refused, but cut, in one line, without controls."""

    longest: int = LONGEST_MESSAGE

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 as in pydantic
        return core_schema.no_info_after_validator_function(
            lambda text: shorten_text(str(text), self.longest), handler(source)
        )


ShownText = Annotated[str, EscapedText()]
