"""How Google says no."""

from __future__ import annotations


class Refused(Exception):
    """An answer of Google's that is an error: the HTTP status, its reason in one word, and what it says."""

    def __init__(self, status: int, message: str, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(f"googleapi: Error {status}: {message}, {reason}")


def not_found(what: str, where: str) -> Refused:
    """404: a reference leads nowhere. `where` is the field that holds it."""
    return Refused(404, f"The resource '{what}' was not found ({where})", "notFound")


def invalid(where: str, message: str) -> Refused:
    """400: a value that Google does not take."""
    return Refused(400, f"Invalid value for field '{where}': {message}", "invalid")


def exists(what: str) -> Refused:
    """409: the name is taken."""
    return Refused(409, f"The resource '{what}' already exists", "alreadyExists")


def in_use(what: str, by: str) -> Refused:
    """400: something still refers to what shall be deleted."""
    return Refused(400, f"The resource '{what}' is already being used by '{by}'", "resourceInUseByAnotherResource")
