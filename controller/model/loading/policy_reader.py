"""Reads the files of a policy by the table, and collects what is wrong with each, at its line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from controller.errors import InputRefused, Origin, PolicyError, Problem
from controller.inputs.input_file import InputFolder, read_input_file
from controller.model.formats.number import take_format
from controller.model.loading.unread_files import find_unread_files
from controller.model.policy_files import CITY, POLICY_FILES, STACK, Model, OlderFile, PolicyFile, PolicyValues
from controller.model.yaml_source import Document, ValueBudget, parse_yaml, refuse_file

MOST_BYTES = 8 * 1024 * 1024
"""Of a whole policy; the sample city's 176 schools and all else take 0.2 MB."""
MOST_VALUES = 400_000
"""Of a whole policy, aliases written out; the sample city has 4 % of it. Reading so many takes about 40 s."""

FindOrigin = Callable[[PolicyFile[BaseModel], str], Origin]
"""Gives the line where the one file of a kind has one of its own fields; `.` leads to a field inside a field."""


@dataclass(frozen=True)
class ReadPolicy:
    """What could be read of a policy, for the checks across files."""

    directory: Path
    values: PolicyValues
    find_origin: FindOrigin

    def find(self, file: PolicyFile[Model]) -> Model | None:
        """What the one file of a kind holds; None where it could not be read."""
        return self.values.find(file)

    def find_all(self, file: PolicyFile[Model]) -> tuple[Model, ...] | None:
        """What the files of a kind hold; None where one could not be read."""
        return self.values.find_all(file)


class PolicyReader:
    """Reads files, and keeps what is wrong with them and a digest of all that was read."""

    def __init__(
        self,
        directory: Path,
        instead: Mapping[str, Path],
        shown_as: str,
        table: tuple[PolicyFile[BaseModel], ...] = POLICY_FILES,
    ) -> None:
        self.directory = directory
        self._folder = InputFolder(directory, most_bytes_in_all=MOST_BYTES)
        self._budget = ValueBudget(MOST_VALUES)
        self.shown_as = shown_as
        self.instead = instead
        self.table = table
        self.problems: list[Problem] = []
        self.unread: tuple[Problem, ...] = ()
        self.digest = hashlib.sha256()
        self._documents: dict[PolicyFile[BaseModel], Document] = {}
        self._older: list[OlderFile] = []
        self._stack: str | None = None
        self._called: dict[str, dict[str, str]] = {}

    def read(self) -> ReadPolicy:
        """Read every file of the table."""
        values = {file: self._read(file) for file in self.table}
        self.unread = tuple(find_unread_files(self._folder, self.shown_as, self.table))
        self.problems += self.unread
        return ReadPolicy(self.directory, PolicyValues(values, tuple(self._older)), self.find_origin)

    def find_origin(self, file: PolicyFile[BaseModel], field: str) -> Origin:
        """Where the one file of a kind gives one of its own fields."""
        document = self._documents.get(file)
        return document.find_origin(tuple(field.split("."))) if document else Origin(f"{self.shown_as}/{file.name}", 1)

    def _read(self, file: PolicyFile[BaseModel]) -> tuple[BaseModel, ...] | None:
        if file.is_folder:
            return self._read_folder(file)
        name = file.name
        if STACK in name:
            if self._stack is None:
                return None
            name = name.replace(STACK, self._stack)
        if file.optional and name not in self.instead and not self._folder.exists(name):
            return () if file.default is None else (file.default,)
        value = self._read_one(file, name)
        if file is CITY and isinstance(value, CITY.model):
            self._stack = value.stack
            self._called = {
                "ward": {word: one.id for one in value.wards for word in (one.name, one.name.removesuffix("区"))},
                "kind": {word: one.id for one in value.kinds for word in (one.name, one.get_name("en"))},
            }
        return None if value is None else (value,)

    def _read_folder(self, file: PolicyFile[BaseModel]) -> tuple[BaseModel, ...] | None:
        folder = file.folder
        try:
            there = self._folder.list_names(folder, file.name.rpartition("/")[2])
        except InputRefused as error:
            self.problems.append(Problem(Origin(f"{self.shown_as}/{folder}", 1), "", error.why))
            return None
        names = sorted(name for name in {*there, *self.instead} if file.matches(name))
        if not names and not file.optional:
            origin = Origin(f"{self.shown_as}/{folder}", 1)
            self.problems.append(Problem(origin, "", "the folder is missing or holds no .yaml file"))
            return None
        values = [self._read_one(file, name) for name in names]
        kept = tuple(value for value in values if value is not None)
        return kept if len(kept) == len(values) else None

    def _read_one(self, file: PolicyFile[BaseModel], name: str) -> BaseModel | None:
        shown = str(self.instead[name]) if name in self.instead else f"{self.shown_as}/{name}"
        try:
            content = self._read_content(name, shown)
            document = parse_yaml(content, shown, self._budget)
        except PolicyError as error:
            self.problems += error.problems
            return None
        self.digest.update(name.encode() + b"\0" + content)
        document, found, refused = take_format(document, file.format, file.readable_from, file.migrations)
        self._documents[file] = document
        if refused is not None:
            self.problems.append(refused)
            return None
        if found < file.format:
            self._older.append(OlderFile(document.find_origin(()), found, file.format, is_json=name.endswith(".json")))
        value, problems = document.validate(file.model, self._called)
        self.problems += problems
        if value is not None:
            self.problems += _find_misnamed(file, value, document, Path(name).stem)
        return value

    def _read_content(self, name: str, shown: str) -> bytes:
        try:
            return read_input_file(self.instead[name]) if name in self.instead else self._folder.read_bytes(name)
        except FileNotFoundError:
            raise refuse_file(shown, 1, "file is missing") from None
        except InputRefused as error:
            raise refuse_file(shown, error.line, error.why) from None


def _find_misnamed(file: PolicyFile[BaseModel], value: BaseModel, document: Document, stem: str) -> Iterator[Problem]:
    """One file, one list, one name: no list can hide another, and findings can name the file."""
    if file.named_by is not None and getattr(value, file.named_by) != stem:
        message = f"must be the file's name, {stem!r} (found {getattr(value, file.named_by)!r})"
        yield Problem(document.find_origin((file.named_by,)), file.named_by, message)
