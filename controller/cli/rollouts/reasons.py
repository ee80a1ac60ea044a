"""Why somebody does something with a rollout, as it may stand in the record."""

from __future__ import annotations

import typer
from pydantic import TypeAdapter, ValidationError

from controller.cli.estates import find_user_name
from controller.inputs.character_classes import Sentence
from controller.inputs.shown_text import shorten_value


def name_force(reason: str) -> str:
    """Return who does not keep the windows, and why; "" where they are kept.

    Raises:
        typer.BadParameter: the reason holds what another language would read.
    """
    return f"{find_user_name()}: {check_reason('--force-window', reason)}" if reason else ""


def check_reason(option: str, reason: str) -> str:
    """Return why somebody does something, as it may stand in the record.

    Raises:
        typer.BadParameter: it holds what another language would read, or says nothing.
    """
    try:
        if reason.strip():
            return TypeAdapter(Sentence).validate_python(reason)
    except ValidationError as error:
        message = f"{option} {shorten_value(reason)}: {error.errors()[0]['msg']}"
        raise typer.BadParameter(message) from None
    message = f"{option}: say why, for the record"
    raise typer.BadParameter(message)
