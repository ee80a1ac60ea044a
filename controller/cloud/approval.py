"""How somebody agrees to what a command does to a stack at Google: asked after its preview, or by a plan seen before.

The lab is deployed nowhere and nobody is asked. A rehearsal of staging or production asks as the real one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.cloud.pulumi_engine import LAB
from controller.errors import CloudError
from controller.inputs.real_path import find_real_path

CHANGING = frozenset({"up", "refresh", "destroy"})
"""Commands that change a stack, or the engine's record of it."""


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
        CloudError: nobody can be asked, and nobody has agreed before; or the plan is not there.
    """
    if command not in CHANGING:
        return ()
    # The engine works in another folder than the person who names the file.
    plan = ("--plan", str(_find_plan(given.plan))) if given.plan is not None else ()
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


def _find_plan(plan: Path) -> Path:
    if not plan.is_file():
        message = f"{plan}: no such plan; 'tsunagu cloud preview --save-plan {plan}' writes one"
        raise CloudError(message)
    return find_real_path(plan)
