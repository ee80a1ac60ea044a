"""Fetch the vendored files of npm packages again, exactly as `tools/vendored.yaml` pins them.

    python -m tools.vendor_npm           fetch, compare with the noted hashes, put in place
    python -m tools.vendor_npm --check   compare what is in place, without a network

To take a newer version: change its version and integrity (`npm view NAME@VERSION dist.integrity`), run the first
command, and note the hashes that it names after reading what changed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "tools" / "vendored.yaml"
_TIMEOUT = 120


class Vendored(BaseModel):
    """A package; `files` gives the SHA-256 of each file that is kept, by its path in the package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    version: str
    license: str
    integrity: Annotated[str, Field(pattern="^sha512-")]
    folder: str
    files: dict[str, str]

    def place(self, file: str) -> Path:
        """Where a file of the package is kept."""
        return ROOT / self.folder / Path(file).name


def read_manifest() -> list[Vendored]:
    """What is vendored."""
    return TypeAdapter(list[Vendored]).validate_python(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))


def find_differences(packages: list[Vendored]) -> Iterator[str]:
    """Files that are missing or are not the ones noted."""
    for one in packages:
        for file, noted in one.files.items():
            place = one.place(file)
            found = hashlib.sha256(place.read_bytes()).hexdigest() if place.exists() else "no file"
            if found != noted:
                yield f"{place.relative_to(ROOT)}: expected SHA-256 {noted or '(none noted)'}, found {found}"


def fetch_package(one: Vendored, folder: Path) -> None:
    """Put a package's files in place; npm's own cache and registry settings are used.

    Raises:
        ValueError: the archive is not the one whose integrity is noted.
    """
    npm = shutil.which("npm")
    if npm is None:
        message = "npm is not installed; it is needed to fetch packages again"
        raise ValueError(message)
    words = [npm, "pack", "--json", "--pack-destination", str(folder), f"{one.package}@{one.version}"]
    packed = subprocess.run(words, check=True, capture_output=True, text=True, timeout=_TIMEOUT)  # noqa: S603 our words
    archive = folder / json.loads(packed.stdout)[0]["filename"]
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != one.integrity:
        message = f"{one.package}@{one.version}: expected integrity {one.integrity}, found {found}"
        raise ValueError(message)
    with tarfile.open(archive) as tar:
        for file in one.files:
            member = tar.extractfile(f"package/{file}")
            if member is None:
                message = f"{one.package}@{one.version} has no file {file}"
                raise ValueError(message)
            one.place(file).parent.mkdir(parents=True, exist_ok=True)
            one.place(file).write_bytes(member.read())


def main() -> int:
    """0: everything is as noted; 1: something is not."""
    parser = argparse.ArgumentParser(description="fetch the vendored npm files again, or check them")
    parser.add_argument("--check", action="store_true", help="compare only")
    packages = read_manifest()
    if not parser.parse_args().check:
        with tempfile.TemporaryDirectory() as folder:
            for one in packages:
                fetch_package(one, Path(folder))
    wrong = list(find_differences(packages))
    sys.stdout.write("".join(f"{line}\n" for line in wrong) or f"{len(packages)} packages are as noted\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
