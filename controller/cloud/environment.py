"""What a Pulumi engine must be told so that it works here: the program itself and Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from controller.cloud.go_build import PROJECT, Progress
from controller.cloud.installation import ENGINE_SOURCE, find_interpreter_folder, provide_engine
from controller.errors import CloudError


def build_engine_environment(
    progress: Progress, base: Mapping[str, str] = os.environ, first: Sequence[str] = ()
) -> dict[str, str]:
    """An environment with an engine on PATH, and `first` before everything else.

    The engine may fetch the provider that a stack needs, unless `base` forbids it.

    Raises:
        CloudError: there is no engine, and none can be built.
    """
    if not (ENGINE_SOURCE / "go.mod").exists():
        message = f"{ENGINE_SOURCE} is missing: 'tsunagu cloud' works from the project's own folder"
        raise CloudError(message)
    engine = provide_engine(progress)
    path = [*first, *([str(engine)] if engine else []), find_interpreter_folder(), base.get("PATH", "")]
    return {
        # The engine starts Python several times a command; without compiled modules each start takes 5 s longer.
        **{name: value for name, value in base.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PATH": os.pathsep.join(path),
        "TSUNAGU_PROJECT": str(PROJECT),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
