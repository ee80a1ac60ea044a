"""How good a second factor is, and what each importance class of the guideline (3.1) asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.model.yaml_source import StrictModel

Importance = Literal["I", "II", "III", "IV"]
StrengthName = Literal["any", "without-sms", "phishing-resistant"]
STRICT_CLASSES: tuple[Importance, ...] = ("I", "II")
"""On a public cloud these need strong access control with two different factors (guideline 3.1, 3.2(5))."""


class Strength(IntEnum):
    """What somebody signed in with besides the password; more is better.

    `ANY`: some second factor. `WITHOUT_SMS`: none that rides on a phone number. `PHISHING_RESISTANT`: a security key,
    which answers only the site that it was made for.
    """

    NONE = 0
    ANY = 1
    WITHOUT_SMS = 2
    PHISHING_RESISTANT = 3

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


STRENGTHS: Mapping[StrengthName, Strength] = {
    "any": Strength.ANY,
    "without-sms": Strength.WITHOUT_SMS,
    "phishing-resistant": Strength.PHISHING_RESISTANT,
}


class ClassMinimum(StrictModel):
    """What `mfa: true` means at an application of this class, and whether its rules must ask for it."""

    strength: StrengthName
    required: bool


class SecondFactorMinimums(StrictModel):
    """The second factor by importance class. The guideline's own demand cannot be switched off."""

    first: ClassMinimum = Field(alias="I", default=ClassMinimum(strength="phishing-resistant", required=True))
    second: ClassMinimum = Field(alias="II", default=ClassMinimum(strength="without-sms", required=True))
    third: ClassMinimum = Field(alias="III", default=ClassMinimum(strength="any", required=False))
    fourth: ClassMinimum = Field(alias="IV", default=ClassMinimum(strength="any", required=False))

    @model_validator(mode="after")
    def _guideline(self) -> Self:
        for name in STRICT_CLASSES:
            if not self.get_minimum(name).required:
                message = f"class {name} needs two different factors (guideline 3.1): `required` must stay true"
                raise ValueError(message)
        return self

    def get_minimum(self, importance: Importance) -> ClassMinimum:
        """The minimum of a class."""
        return {"I": self.first, "II": self.second, "III": self.third, "IV": self.fourth}[importance]
