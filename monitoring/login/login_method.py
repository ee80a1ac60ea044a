"""What a way to log in is: it tells who sends a request, or says why nobody is believed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from starlette.datastructures import Headers
from starlette.routing import BaseRoute

from controller.errors import TsunaguError
from controller.operations.monitor_settings import Role

PERSON = "tsunagu.person"
"""Where a request carries who is logged in."""
ENDS_AT = "tsunagu.login-ends-at"
"""Where it carries the path to log out by."""


class LoginMissing(TsunaguError):
    """A request shows no login; to log in makes it right."""


class LoginNotAccepted(TsunaguError):
    """What a request shows as its login is not what it must be; says in what, and never the login itself."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whom a login names. `until`: when it has to be shown anew, in seconds that run on (`time.monotonic`).

    Not by the time of day: whoever puts the machine's clock back would make every login last longer.

    `answering` are the bounds of what is being answered, for a login that ends before its time.
    """

    email: str
    groups: tuple[str, ...]
    until: float
    answering: set[asyncio.Timeout] = field(default_factory=set, compare=False, repr=False)

    def end_answers(self) -> None:
        """End what is being answered: the login is over. Belongs to the event loop's thread."""
        for bound in self.answering:
            if not bound.expired():
                bound.reschedule(0.0)


def describe_missing_role(email: str) -> str:
    """Say why somebody who is logged in sees nothing."""
    return f"{email} is logged in and has no role here; the monitor's operators can give one"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is logged in, and what they may do."""

    email: str
    role: Role


class LoginMethod(Protocol):
    """A way to log in."""

    begins_at: str | None
    """The path where a browser begins to log in; None where that is done before a request comes here."""

    ends_at: str | None
    """The path that a page posts to in order to log out; None where that is done elsewhere."""

    async def identify_reader(self, headers: Headers) -> Identity:
        """Return who sends a request.

        Raises:
            LoginMissing: it shows no login.
            LoginNotAccepted: it shows one that is not believed.
        """

    def build_routes(self) -> list[BaseRoute]:
        """Return the paths that this way needs, which are open to everybody."""
