"""How Google says no."""

from __future__ import annotations

from typing import NoReturn


class GoogleRefusal(Exception):
    """An answer of Google's that is an error: the HTTP status, its reason in one word, and what it says."""

    def __init__(self, status: int, message: str, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(f"googleapi: Error {status}: {message}, {reason}")


def make_not_found(what: str, where: str) -> GoogleRefusal:
    """404: a reference leads nowhere. `where` is the field that holds it."""
    return GoogleRefusal(404, f"The resource '{what}' was not found ({where})", "notFound")


def make_invalid(where: str, message: str) -> GoogleRefusal:
    """400: a value that Google does not take."""
    return GoogleRefusal(400, f"Invalid value for field '{where}': {message}", "invalid")


def refuse_value(where: str, message: str) -> NoReturn:
    """Say 400 for a value that Google does not take.

    Raises:
        GoogleRefusal: always.
    """
    raise make_invalid(where, message)


def make_already_exists(what: str) -> GoogleRefusal:
    """409: the name is taken."""
    return GoogleRefusal(409, f"The resource '{what}' already exists", "alreadyExists")


def make_in_use(what: str, by: str) -> GoogleRefusal:
    """400: something still refers to what shall be deleted."""
    return GoogleRefusal(
        400, f"The resource '{what}' is already being used by '{by}'", "resourceInUseByAnotherResource"
    )
