"""Which record of a stack is whole and newest, in the form that `pulumi stack import` takes.

    python -m controller.cloud.state_record STACK FILE_OR_FOLDER ... > record.json

takes copies of the state: the file itself, its `.bak`, the versions of its bucket, the history that the engine writes
(`.pulumi/history/PROJECT/STACK`), or what `pulumi stack export` wrote. It changes nothing. Exit code 1 where none of
them is whole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.errors import CloudError
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import escape_controls

_LARGEST = 256 * 1024 * 1024
_VERSION = 3
"""Of the engine's form of a record; a newer one is for a newer release to judge."""


@dataclass(frozen=True, slots=True)
class StateRecord:
    """A whole record: `taken` is when the engine wrote it, `resources` how many it holds.

    The engine writes the time in the zone of whoever ran it: a laptop in Japan and a job elsewhere differ by hours.
    """

    path: Path
    taken: datetime
    resources: int
    deployment: Mapping[str, Any]

    def format_import(self) -> str:
        """Return it as `pulumi stack import` takes it."""
        return json.dumps({"version": _VERSION, "deployment": self.deployment})


def choose_newest_record(stack: str, places: Iterable[Path]) -> StateRecord:
    """Return the newest record of a stack that is whole, among files and whatever lies in folders.

    Raises:
        CloudError: none is; with what is wrong with each.
    """
    whole, broken = [], []
    for path in sorted({file for place in places for file in _list_files(place)}):
        try:
            whole.append(_judge_record(stack, path))
        except CloudError as error:
            broken.append(str(error))
    if not whole:
        message = (
            f"no whole record of the stack {stack}; look for older versions: {'; '.join(broken) or 'no file there'}"
        )
        raise CloudError(message)
    return max(whole, key=lambda one: (one.taken, one.resources))


def _list_files(place: Path) -> list[Path]:
    if place.is_dir():
        return [one for one in place.rglob("*.json*") if one.is_file() and ".attrs" not in one.suffixes]
    return [place]


def _judge_record(stack: str, path: Path) -> StateRecord:
    try:
        given = parse_json(path.read_bytes(), most_bytes=_LARGEST)
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise CloudError(message) from None
    except JsonRefused as error:
        message = f"{path}: not whole: {error}"
        raise CloudError(message) from None
    held = given if isinstance(given, Mapping) else {}
    checkpoint = held.get("checkpoint")
    deployment = checkpoint.get("latest") if isinstance(checkpoint, Mapping) else held.get("deployment")
    if held.get("version") != _VERSION or not isinstance(deployment, Mapping):
        message = f"{path}: no record of version {_VERSION} of the engine"
        raise CloudError(message)
    resources, manifest = deployment.get("resources"), deployment.get("manifest")
    if not isinstance(resources, list) or not resources or not isinstance(manifest, Mapping):
        message = f"{path}: it holds no resources"
        raise CloudError(message)
    begins = f"urn:pulumi:{stack}::"
    if any(not (isinstance(one, Mapping) and str(one.get("urn")).startswith(begins)) for one in resources):
        message = f"{path}: it is of another stack than {stack}"
        raise CloudError(message)
    taken = _read_time(manifest.get("time"))
    if taken is None:
        message = f"{path}: it does not say when it was written, so nobody knows whether it is the newest"
        raise CloudError(message)
    return StateRecord(path, taken, len(resources), deployment)


def _read_time(text: object) -> datetime | None:
    try:
        read = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is not None else None


def main(arguments: list[str]) -> int:
    """Write the record to standard output, and where it comes from to standard error."""
    if len(arguments) < 2:  # noqa: PLR2004 a stack and a place
        sys.stderr.write(__doc__ or "")
        return 64
    try:
        found = choose_newest_record(arguments[0], map(Path, arguments[1:]))
    except CloudError as error:
        sys.stderr.write(f"{escape_controls(str(error))}\n")
        return 1
    sys.stderr.write(
        escape_controls(f"{found.path}: {found.resources} resources, taken {found.taken.isoformat()}") + "\n"
    )
    sys.stdout.write(found.format_import())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
