"""How long somebody who has signed in at the identity-aware proxy may go on before they are asked again."""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from controller.model.access.recovery_targets import TimeSpan, parse_time_span
from controller.model.access.second_factors import Importance, Strength
from controller.model.yaml_source import StrictModel

SHORTEST = "15m"
LONGEST = "7d"
"""Our own bounds: Google publishes none for `maxAge`. Less than 15 minutes would interrupt a lesson several times."""


class SignInMethod(IntEnum):
    """How somebody is asked again; more is stricter.

    `SIGN_IN`: to sign in, as if they had signed out. `SECOND_FACTOR`: one of the second factors that they have
    enrolled. `SECURITY_KEY`: a security key.

    >>> str(SignInMethod.SECOND_FACTOR)
    'second-factor'
    """

    SIGN_IN = 0
    SECOND_FACTOR = 1
    SECURITY_KEY = 2

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


def find_strictest_method(strength: Strength) -> SignInMethod:
    """Return the strictest method that somebody can fulfil whose second factor is this good.

    >>> str(find_strictest_method(Strength.WITHOUT_SMS)), str(find_strictest_method(Strength.NONE))
    ('second-factor', 'sign-in')
    """
    if strength is Strength.PHISHING_RESISTANT:
        return SignInMethod.SECURITY_KEY
    return SignInMethod.SIGN_IN if strength is Strength.NONE else SignInMethod.SECOND_FACTOR


def _check_bounds(text: str) -> str:
    if not parse_time_span(SHORTEST) <= parse_time_span(text) <= parse_time_span(LONGEST):
        message = f"a session lasts from {SHORTEST} to {LONGEST}, not {text}"
        raise ValueError(message)
    return text


SessionLength = Annotated[TimeSpan, AfterValidator(_check_bounds)]
"""A session's length as policies write it: 30m, 10h, 1d."""


class SessionLengths(StrictModel):
    """The longest session by importance class; an application may have a shorter one (`session`)."""

    first: SessionLength = Field(alias="I", default="4h")
    second: SessionLength = Field(alias="II", default="10h")
    third: SessionLength = Field(alias="III", default="1d")
    fourth: SessionLength = Field(alias="IV", default="1d")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        classes: tuple[Importance, ...] = ("I", "II", "III", "IV")
        for higher, lower in pairwise(classes):
            if parse_time_span(self.get_longest(higher)) > parse_time_span(self.get_longest(lower)):
                message = (
                    f"class {higher} lasts {self.get_longest(higher)}, longer than class {lower} "
                    f"({self.get_longest(lower)}); what is more important is asked for more often"
                )
                raise ValueError(message)
        return self

    def get_longest(self, importance: Importance) -> SessionLength:
        """The longest session of a class, as it is written."""
        return {"I": self.first, "II": self.second, "III": self.third, "IV": self.fourth}[importance]


def choose_session_length(own: SessionLength | None, longest: SessionLength) -> timedelta:
    """Return how long a session lasts: what the application says, else what its class does.

    >>> choose_session_length("8h", "10h") == choose_session_length(None, "8h") == timedelta(hours=8)
    True
    """
    return parse_time_span(longest if own is None else own)
