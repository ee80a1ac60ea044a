"""Where a command may write what it makes: never over what it reads, nor over what else it writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from controller.inputs.real_path import find_real_path

Places = Mapping[str, Path | None]
"""Files by the options that name them; None where an option was left out."""


def refuse_lost_inputs(outputs: Places, inputs: Places, policies: Path) -> None:
    """Refuse an output in the folder of the policies, over an input, or over another output.

    Raises:
        typer.BadParameter: says which.
    """
    taken = {find_real_path(one): name for name, one in inputs.items() if one is not None}
    for name, path in outputs.items():
        if path is None:
            continue
        place = find_real_path(path)
        if place.is_relative_to(find_real_path(policies)):
            message = f"{name} {path}: is in the folder of the policies, {policies}; nothing was written: name another"
            raise typer.BadParameter(message)
        if place in taken:
            message = f"{name} {path}: is the file of {taken[place]}, too; nothing was written: name another"
            raise typer.BadParameter(message)
        taken[place] = name
