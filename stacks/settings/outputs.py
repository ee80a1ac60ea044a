"""What a stack tells the controller: where applications live, what to probe, which region does what.

The pure part: it knows the format (`StackOutputs` of `controller.model.sites`) and no engine. `tsunagu cloud up` writes
the file after a deployment that succeeded.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controller.errors import TsunaguError
from controller.inputs.input_file import InputFolder
from controller.model.policy_files import OUTPUTS
from controller.model.sites.stack_outputs import StackOutputs
from controller.model.yaml_source import FORMAT

OUTPUT = "controller"
"""The stack's output that holds the document without stack and version."""


def parse_controller_outputs(stack: str, version: int, outputs: Mapping[str, Any]) -> StackOutputs:
    """Return the outputs of a deployed stack, checked.

    Args:
        stack: its name.
        version: the number of the deployment, as the engine counts them.
        outputs: the stack's outputs, as `pulumi stack output --json` gives them.

    Raises:
        TsunaguError: they are not what the controller reads, or not known yet.
    """
    found = outputs.get(OUTPUT)
    if not isinstance(found, Mapping):
        message = f"stack {stack!r} has no output {OUTPUT!r}; deploy it first"
        raise TsunaguError(message)
    try:
        return StackOutputs.model_validate({"stack": stack, "version": version, **found})
    except ValidationError as error:
        message = f"the outputs of stack {stack!r} are not what the controller reads: {error}"
        raise TsunaguError(message) from None


def write_outputs(policies: Path, stack: str, version: int, outputs: Mapping[str, Any]) -> Path:
    """Write `stack-outputs/<stack>.json` under the policies, all of it or nothing of it.

    Raises:
        TsunaguError: see `parse_controller_outputs`; or the folder is a link that leads out of the policies.
    """
    parse_controller_outputs(stack, version, outputs)
    document = {FORMAT: OUTPUTS.format, "stack": stack, "version": version, **outputs[OUTPUT]}
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    path = policies / OUTPUTS.name_for(stack)
    InputFolder(policies).list_names(OUTPUTS.folder, path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{stack}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
    return path
