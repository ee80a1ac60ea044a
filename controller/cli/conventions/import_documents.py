"""The JSON document of `import`, as types."""

from __future__ import annotations

from typing_extensions import TypedDict


class NewSchoolDocument(TypedDict):
    """A school that `import` adds."""

    id: str
    number: int
    name: str
    ward: str
    kind: str
    pupils: int
    origin: str


class ChangedSchoolDocument(TypedDict):
    """A field of a school that `import` changes; `before` is null where the school did not have it."""

    id: str
    field: str
    before: str | None
    after: str


class MissingSchoolDocument(TypedDict):
    """A school of the city that the source does not have; it stays."""

    id: str
    name: str
    origin: str


class NewDeviceDocument(TypedDict):
    """A device that `import` adds to the inventory."""

    id: str
    school: str
    role: str
    platform: str | None
    management: str | None


class FileDiffDocument(TypedDict):
    """A file with another text."""

    file: str
    diff: str


class ImportDocument(TypedDict):
    """What `import` would change, or has."""

    source: str
    encoding: str
    schools: int
    written: bool
    new: list[NewSchoolDocument]
    changed: list[ChangedSchoolDocument]
    not_in_source: list[MissingSchoolDocument]
    kept: list[str]
    notes: list[str]
    new_devices: list[NewDeviceDocument]
    ignored_columns: list[str]
    files: list[FileDiffDocument]
