"""Kinds of schools, and of what else the board runs with a school's equipment: data of the city, with defaults."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.errors import Origin
from controller.inputs.character_classes import Name
from controller.model.yaml_source import LocatedItem

SchoolKindId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,38}$")]


class SchoolKind(LocatedItem):
    """A kind of school, with its name in Japanese and in English."""

    id: SchoolKindId
    name: Name
    english: Name | None = None

    def get_name(self, language: str) -> str:
        """Return its name for a reader of this language (`ja` or `en`).

        >>> SchoolKind(id="branch-school", name="分校", origin=Origin("city.yaml", 1)).get_name("en")
        'Branch school'
        """
        if language == "ja":
            return self.name
        return self.english or self.id.replace("-", " ").capitalize()


_BY_DEFAULT = Origin("the kinds of schools that hold where city.yaml has no 'kinds'", 0)
DEFAULT_KINDS: tuple[SchoolKind, ...] = tuple(
    SchoolKind(id=kind, name=name, english=english, origin=_BY_DEFAULT)
    for kind, name, english in (
        ("elementary", "小学校", "Elementary school"),
        ("junior-high", "中学校", "Junior high school"),
        ("high", "高等学校", "High school"),
        ("special-needs", "特別支援学校", "Special-needs school"),
        ("compulsory-education", "義務教育学校", "Compulsory education school"),
        ("kindergarten", "幼稚園", "Kindergarten"),
        ("kitchen", "給食センター", "School lunch centre"),
        ("library", "図書館", "Library"),
    )
)
"""What a city has that names no kinds of its own."""
