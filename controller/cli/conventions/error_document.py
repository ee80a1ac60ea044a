"""The JSON document of a refusal: what a program reads where a person reads the message."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.errors import DeviceError, InputError, InputRefused, RolloutKept, TsunaguError
from controller.exit_codes import Exit

OTHER_CODES = ("usage", "interrupted", "fault", "system", "refused")
"""Codes of what is no error of our tree: a wrong command line, Ctrl-C, a fault of ours, an error of the system."""
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def name_error_code(kind: type[BaseException]) -> str:
    """Return the code of a class of errors: the name of the class in `controller/errors.py` that it is, or is one of.

    >>> from controller.errors import PolicyError
    >>> name_error_code(PolicyError)
    'policy-error'
    """
    known = next(one for one in kind.__mro__ if one.__module__ == TsunaguError.__module__)
    return _WORD.sub("-", known.__name__).lower()


def list_error_codes(kind: type[TsunaguError] = TsunaguError) -> Iterator[str]:
    """Yield every code of a class of errors."""
    if kind.__module__ == TsunaguError.__module__:
        yield name_error_code(kind)
        for one in kind.__subclasses__():
            yield from list_error_codes(one)


def build_error_document(
    code: str, message: str, exit_code: int = Exit.FAILED, error: BaseException | None = None
) -> dict[str, object]:
    """Return the document: the message as people read it, and where the problems are.

    Args:
        code: what kind of refusal it is.
        message: what a person reads.
        exit_code: what the process ends with.
        error: what was raised; it says where.
    """
    found: dict[str, object] = {"code": code, "exit": int(exit_code), "message": message, "problems": []}
    if isinstance(error, InputError):
        found["problems"] = [
            {"file": one.origin.file, "line": one.origin.line, "field": one.field, "message": one.message}
            for one in error.problems
        ]
    elif isinstance(error, InputRefused):
        found["problems"] = [{"file": str(error.path), "line": error.line, "field": "", "message": error.why}]
    if isinstance(error, DeviceError):
        found["device"], found["command"] = error.device, error.command
    if isinstance(error, RolloutKept):
        found["rollout"] = error.rollout
    if isinstance(error, TsunaguError):
        found["temporary"] = error.temporary
    return {"error": found}
