"""Where the Pulumi engine is; it is built from source, once, where the machine has none.

    python -m controller.cloud.installation

prints the folder to put first on PATH (an empty line where the machine's own `pulumi` serves) and builds if needed.
The engine comes from the Go module registry (`tools/engine/go.mod` names the release, `go.sum` its content) and is kept
outside the project, keyed by `go.sum`, with our language host's starter beside it.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from controller.cloud.go_build import (
    PROJECT,
    GoProgram,
    Progress,
    ask_version,
    choose_kept_folder,
    provide_go_program,
)
from controller.inputs.real_path import find_real_path

ENGINE_SOURCE = PROJECT / "tools" / "engine"
RELEASE = "3.259.0"
"""Of the engine, as in `tools/engine/go.mod`; the SDK in `pyproject.toml` is of the same release."""

_LEAST_ENGINE = (3, 259)
_STARTER = "pulumi-language-python"
_COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def find_own_engine(path: str | None = None) -> Path | None:
    """The machine's own `pulumi`, where it is new enough and its Python language host stands by it."""
    search = os.environ.get("PATH", "") if path is None else path
    found = shutil.which("pulumi", path=search)
    if found is None:
        return None
    beside = find_real_path(Path(found)).parent / _STARTER
    if shutil.which(_STARTER, path=search) is None and not os.access(beside, os.X_OK):
        return None
    return Path(found) if ask_version([found, "version"]) >= _LEAST_ENGINE else None


def choose_engine_path() -> Path:
    """The folder of the engine that set-up builds, whether it is there or not."""
    return choose_kept_folder("engine", ENGINE_SOURCE / "go.sum")


def provide_engine(progress: Progress) -> Path | None:
    """See to it that there is an engine: None for the machine's own, else the folder of the built one.

    Raises:
        CloudError: it cannot be built.
    """
    if find_own_engine() is not None:
        return None
    engine = GoProgram(
        title=f"Pulumi {RELEASE}",
        source=ENGINE_SOURCE,
        package=_COMMAND,
        name="pulumi",
        kept=choose_engine_path(),
        tags="osusergo",
        linking=f"-X {_VERSION_VARIABLE}={RELEASE}",
    )
    provide_go_program(engine, progress)
    _install_starter(engine.kept)
    return engine.kept


def _install_starter(folder: Path) -> None:
    """The language host's starter beside the engine, where the engine looks for it; a newer one replaces an old one."""
    source, target = ENGINE_SOURCE / _STARTER, folder / _STARTER
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as fresh:
        fresh.write(source.read_bytes())
    Path(fresh.name).chmod(0o755)
    Path(fresh.name).replace(target)


def find_interpreter_folder() -> str:
    """Where this project's interpreter and commands are."""
    return sysconfig.get_path("scripts")


if __name__ == "__main__":
    print(provide_engine(lambda text: print(text, file=sys.stderr, flush=True)) or "")  # noqa: T201 its answer
