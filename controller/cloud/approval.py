"""How somebody agrees to what a command does to a stack at Google: asked after its preview, or by a plan seen before.

The lab is deployed nowhere and nobody is asked. A rehearsal of staging or production asks as the real one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.cloud.pulumi_engine import LAB
from controller.errors import CloudError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.real_path import find_real_path
from controller.inputs.shown_text import shorten_text

CHANGING = frozenset({"up", "refresh", "destroy"})
"""Commands that change a stack, or the engine's record of it."""

_LARGEST_PLAN = 256 * 1024 * 1024
"""Bytes; production's has about one million."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What the command line says about it. `plan` is a saved preview (`--save-plan`): the engine does no more than it.

    `yes`: nobody is asked. `without_plan`: not even a plan was looked at.
    """

    yes: bool = False
    plan: Path | None = None
    without_plan: bool = False


def choose_approval(command: str, stack: str, given: Approval, *, terminal: bool) -> tuple[str, ...]:
    """Return the engine's arguments for a command; with `--yes` among them nobody is asked.

    Args:
        command: the engine's command.
        stack: the stack that it works on.
        given: what the command line says.
        terminal: whether somebody sits at a terminal who can be asked.

    Raises:
        CloudError: nobody can be asked, and nobody has agreed before; or the plan is not there, not whole, or another
            stack's.
    """
    if command not in CHANGING:
        return ()
    # The engine works in another folder than the person who names the file.
    plan = ("--plan", str(_find_plan(given.plan, stack))) if given.plan is not None else ()
    if stack == LAB:
        return (*plan, "--yes")
    if not given.yes:
        if not terminal:
            message = f"{stack}: there is no terminal to ask '{command}?' at; {_advise(command, stack)}"
            raise CloudError(message)
        return plan
    if given.plan is None and not given.without_plan:
        message = f"{stack}: --yes needs what somebody has looked at; {_advise(command, stack)}"
        raise CloudError(message)
    return (*plan, "--yes")


def _advise(command: str, stack: str) -> str:
    if command == "up":
        return (
            f"look at 'tsunagu cloud preview --stack {stack} --save-plan FILE', then do just that: "
            f"'tsunagu cloud up --stack {stack} --plan FILE --yes' (or, unseen: --yes --without-plan)"
        )
    return f"run it at a terminal, or say that nobody looks at it: --yes --without-plan (a {command} has no plan)"


def _find_plan(plan: Path, stack: str) -> Path:
    """Return where the plan is, after a look into it: the engine says of a damaged one `EOF` and no more."""
    advice = f"'tsunagu cloud preview --stack {stack} --save-plan {plan}' writes one"
    if not plan.is_file():
        message = f"{plan}: no such plan; {advice}"
        raise CloudError(message)
    try:
        held = parse_json(plan.read_bytes(), most_bytes=_LARGEST_PLAN)
    except OSError as error:
        message = f"{plan}: the plan cannot be read: {error.strerror}"
        raise CloudError(message) from None
    except JsonRefused as error:
        message = f"{plan}: the plan is not whole ({error}); {advice}"
        raise CloudError(message) from None
    planned = held.get("resourcePlans") if isinstance(held, Mapping) else None
    if not isinstance(planned, Mapping) or not planned:
        message = f"{plan}: it is no plan, or nothing is planned in it; {advice}"
        raise CloudError(message)
    others = [urn for urn in planned if not urn.startswith(f"urn:pulumi:{stack}::")]
    if others:
        message = f"{plan}: a plan of another stack than {stack}: it plans {shorten_text(others[0])}; {advice}"
        raise CloudError(message)
    return find_real_path(plan)
