"""Writes the small city into a folder that holds nothing yet: whole, or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path
from shutil import rmtree

from controller.errors import TsunaguError
from controller.storage.whole_file import read_umask

CITY_FILE = "city/city.yaml"
_ID, _NAME = "id: our-city #", "name: わたしたちの市\n"


def list_starter_files() -> tuple[tuple[str, str], ...]:
    """Return the files of the small city: the name from the policy folder on, and the text.

    >>> [name for name, _ in list_starter_files()][:2]
    ['access/admission.yaml', 'access/applications.yaml']
    """
    return tuple(sorted(_walk(files("controller.starter") / "files", "")))


def write_starter_city(
    folder: Path, city_id: str | None = None, name: str | None = None, files: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Write the small city, with this id and name of the city; return the names of its files.

    `files` are written instead of the small city's own, where somebody has adapted them.

    Raises:
        TsunaguError: the folder holds something already, or cannot be written.
    """
    texts = dict(list_starter_files()) if files is None else files
    return write_city_files(folder, {one: _call_city(one, text, city_id, name) for one, text in texts.items()})


def write_city_files(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Write files of a city into a folder that holds nothing yet; return their names, in order.

    Raises:
        TsunaguError: the folder holds something already, or cannot be written.
    """
    try:
        refuse_used_folder(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            for one, text in files.items():
                _write_file(beside / one, text)
            beside.chmod(0o755 & ~read_umask())
            if folder.is_dir():
                folder.rmdir()  # empty, as was seen before; else the system refuses it
            beside.rename(folder)
        except BaseException:
            rmtree(beside, ignore_errors=True)
            raise
    except OSError as error:
        message = f"{folder}: the city cannot be written: {error.strerror or error}; nothing was left there"
        raise TsunaguError(message) from None
    return tuple(sorted(files))


def refuse_used_folder(folder: Path) -> None:
    """Refuse a folder that holds something, or is none.

    Raises:
        TsunaguError: it is so.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        message = f"{folder} is no folder; name one that does not exist yet, or an empty one"
        raise TsunaguError(message)
    if any(folder.iterdir()):
        message = f"{folder} holds something already, and nothing is written over; name a new or an empty folder"
        raise TsunaguError(message)


def _walk(place: Traversable, name: str) -> Iterator[tuple[str, str]]:
    for one in place.iterdir():
        whole = f"{name}{one.name}"
        if one.is_dir():
            yield from _walk(one, f"{whole}/")
        else:
            yield whole, one.read_text(encoding="utf-8")


def _call_city(file: str, text: str, city_id: str | None, name: str | None) -> str:
    if file != CITY_FILE:
        return text
    if city_id is not None:
        text = text.replace(_ID, f"id: {city_id} #", 1)
    # As JSON writes it a text is a YAML text, too, whatever signs it has.
    return text if name is None else text.replace(_NAME, f"name: {json.dumps(name, ensure_ascii=False)}\n", 1)


def _write_file(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
